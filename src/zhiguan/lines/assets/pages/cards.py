"""The register of asset cards."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.pages import (
    Bool,
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    NumberRangeFilter,
    PageAction,
    Panel,
    RelatedList,
    RowAction,
    Section,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import DisposalKind, TopClass
from ..domain import cards, holders
from ..forms import AssetForm, HandOverForm, HolderForm, NewAssetForm, RevalueForm, TermsForm
from ..importers import ASSET_IMPORT
from ..lifecycle import HOLD, MANAGE
from ..queries import values
from .parts import ASSET_STATE, address_of, changing, in_state, making, unit_options

VIEW = "assets.asset.view"
ON_BOOKS = in_state("in_use", "idle", "awaiting_disposal")
UNITS = UnitFilter("unit", "单位", options=unit_options(VIEW))

ASSETS = ListPage(
    code="assets.asset",
    path="assets/asset/",
    title="资产台账",
    menu=MenuItem("assets", order=10, icon="package"),
    permission=VIEW,
    rows=queries.cards,
    columns=(
        Column("code", "资产编号", link=True, sortable=True),
        Column("name", "资产名称"),
        ASSET_STATE,
        Column("unit.name", "所属单位", sortable=True, sort="scope_pos"),
        Column("class_name", "分类"),
        Column("specification", "规格型号", shown=False),
        Money("original_value", "原值", sortable=True),
        Money("net_value", "净值", sortable=True),
        Date("acquired_on", "取得日期", sortable=True),
        Column("place", "存放地点", shown=False),
        Column("class_code", "分类代码", shown=False, sortable=True),
        Column("top_class", "资产大类", shown=False),
        Money("accumulated_depreciation", "累计折旧", shown=False),
        Column("user_unit.name", "使用处室", shown=False),
        Column("custodian.name", "保管人", shown=False),
        Column("origin", "取得方式", shown=False),
        Column("title.certificate_no", "登记证号", shown=False),
        Date("disposed_on", "处置日期", shown=False, sortable=True),
        Column("disposal_kind", "处置方式", shown=False),
        DateTime("created_at", "登记时间", sortable=True, shown=False),
    ),
    search=("^code", "=serial_no", "name", "specification"),
    search_hint="资产编号、出厂编号、名称、规格型号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.ASSET.choices),
        ChoiceFilter("top_class", "资产大类", options=TopClass.choices),
        UNITS,
        BoolFilter("held", "在账", condition=~Q(state="disposed")),
        BoolFilter("written_off", "已提足折旧", condition=Q(method="straight", net_value=0)),
        DateRangeFilter("acquired_on", "取得日期"),
        NumberRangeFilter("original_value", "原值（元）"),
        ChoiceFilter("disposal_kind", "处置方式", options=DisposalKind.choices, facets=False),
        DateRangeFilter("disposed_on", "处置日期"),
    ),
    default_sort="-created_at",
    views=(("全部", ""), ("在用", "state=in_use"), ("闲置", "state=idle"), ("待处置", "state=awaiting_disposal"),
           ("已处置", "state=disposed")),
    row_actions=(RowAction("变更", "assets.asset.edit", icon="edit", when=ON_BOOKS),),
    bulk_actions=(
        BulkAction("take_up", "批量启用", verb=cards.take_up, permission=MANAGE, when=in_state("idle"),
                   confirm="启用所选的 {count} 件资产？"),
        BulkAction("lay_idle", "批量转闲置", verb=cards.lay_idle, permission=MANAGE, reason=True, when=in_state("in_use"),
                   confirm="将所选的 {count} 件资产转为闲置？"),
        BulkAction("await_disposal", "批量列入待处置", verb=cards.await_disposal, permission=MANAGE, reason=True,
                   when=in_state("in_use", "idle"), confirm="将所选的 {count} 件资产列入待处置？"),
    ),
    page_actions=(
        PageAction("登记资产", "assets.asset.create", icon="plus", style="primary"),
        PageAction("批量导入", "assets.asset.import", icon="upload"),
        PageAction("打印标签", "assets.label", icon="qrcode"),
    ),
    export_name="资产台账",
    empty=EmptyState("还没有资产", "登记资产或从 Excel 批量导入后，在这里管理。",
                     PageAction("登记资产", "assets.asset.create")),
    search_global=True,
    note="净值按取得日期、折旧类别和年限计算，折旧计提至上月末。",
)  # fmt: skip

ASSET = DetailPage(
    code="assets.asset",
    path="assets/asset/<int:pk>/",
    title=lambda asset: asset.name,
    subtitle=lambda asset: f"{asset.code} · {asset.unit.name} · {asset.class_name or asset.class_code}",
    permission=VIEW,
    rows=lambda actor: queries.cards(actor).select_related("unit", "user_unit", "custodian", "title"),
    badge=ASSET_STATE,
    panels=(
        Panel("基本信息", fields=(
            Column("code", "资产编号"), Column("name", "资产名称"), Column("class_code", "分类代码"),
            Column("class_name", "分类名称"), Column("specification", "规格型号"), Column("serial_no", "出厂编号"),
            Column("origin", "取得方式"), Date("acquired_on", "取得日期"), Column("supplier", "供应商"),
            Column("voucher_no", "会计凭证号"),
            Column("title.certificate_no", "产权登记证号", link=lambda asset: reverse("assets.title.detail", args=[asset.title_id])
                   if asset.title_id else ""),
            Column("note", "备注"),
        )),
        Panel("使用与保管", fields=(
            Column("unit.name", "所属单位"), Column("user_unit.name", "使用处室"), Column("custodian.name", "保管人"),
            Column("place", "存放地点"),
        )),
        Panel("价值与折旧", fields=(
            Money("original_value", "原值"), Money("accumulated_depreciation", "累计折旧"), Money("net_value", "净值"),
            Bool("nominal", "名义金额"), Column("depreciation_kind", "折旧类别"), Column("method", "折旧方法"),
            Date("term_from", "折旧起始月", value=lambda asset: f"{asset.term_from:%Y-%m}", needs=("term_from",)),
            Number("term_months", "折旧月数", unit="个月"),
            Number("left", "剩余月数", unit="个月", needs=("term_months", "term_from", "disposed_on"),
                   value=lambda asset: asset.term_months - values.months_booked(asset, timezone.localdate())),
        )),
        Panel("处置", fields=(Date("disposed_on", "处置日期"), Column("disposal_kind", "处置方式")), when=in_state("disposed")),
        RelatedList("处置记录", rows=queries.items_about, tab="处置与划转", permission="assets.disposal.view",
                    columns=(Column("disposal.code", "处置编号", link=lambda item: reverse("assets.disposal.detail",
                                                                                  args=[item.disposal_id])),
                             Column("disposal.document_no", "批复文号"), Date("disposal.decided_on", "批复日期"),
                             Money("net_value", "批复时净值"), Bool("open", "办理中"))),
        RelatedList("权属划转", rows=queries.changes_of, tab="处置与划转",
                    columns=(Date("changed_on", "划转日期"), Column("from_unit.name", "划出单位"),
                             Column("unit.name", "接收单位"), Column("cause", "划转情形"), Money("net_value", "净值"),
                             Column("document_no", "批准文号"))),
    ),
    actions=(
        VerbAction("hand_over", "交接", verb=cards.hand_over, form=HandOverForm, permission=MANAGE, when=ON_BOOKS,
                   style="primary", help="使用人、保管人变化的，须办理交接。"),
        VerbAction("lay_idle", "转为闲置", verb=cards.lay_idle, permission=MANAGE, reason=True, when=in_state("in_use")),
        VerbAction("take_up", "启用", verb=cards.take_up, permission=MANAGE, when=in_state("idle"),
                   confirm="该资产恢复在用？"),
        VerbAction("await_disposal", "列入待处置", verb=cards.await_disposal, permission=MANAGE, reason=True,
                   when=in_state("in_use", "idle")),
        VerbAction("put_back", "撤出待处置", verb=cards.put_back, permission=MANAGE, reason=True,
                   when=in_state("awaiting_disposal")),
        VerbAction("revalue", "价值变动", verb=cards.revalue, form=RevalueForm, permission=MANAGE, reason=True,
                   when=ON_BOOKS, help="从本月起按变动后的原值计提折旧，已计提的不变。"),
        VerbAction("change_terms", "调整折旧", verb=cards.change_terms, form=TermsForm, permission=MANAGE, reason=True,
                   when=lambda asset: asset.state != "disposed" and not asset.nominal,
                   help="从本月起按新的类别和年限计提，已计提的不变。"),
        VerbAction("change_holder", "权属划转", verb=holders.change_holder, form=HolderForm, permission=HOLD, reason=True,
                   when=ON_BOOKS, help="资产转到接收单位账上，由该单位启用；原单位可继续查询划转记录。",
                   success=lambda asset, actor: reverse("assets.holder")),
    ),
    page_actions=(
        PageAction("打印标签", "assets.asset.label", icon="qrcode"),
        PageAction("变更", "assets.asset.edit", icon="edit", when=ON_BOOKS),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip

ASSET_NEW = FormPage(
    code="assets.asset.create", path="assets/asset/new/", title="登记资产", permission=MANAGE, form=NewAssetForm,
    verb=making(cards.register), done="资产已登记", success=address_of("assets.asset.detail"),
    sections=(
        Section("资产", ("code", "class_code", "name", "specification", "serial_no", "origin", "acquired_on")),
        Section("价值与折旧", ("original_value", "nominal", "depreciation_kind", "useful_years")),
        Section("归属与保管", ("unit", "state", "user_unit", "custodian", "place")),
        Section("其他", ("supplier", "voucher_no", "note")),
    ),
)  # fmt: skip
ASSET_EDIT = FormPage(
    code="assets.asset.edit", path="assets/asset/<int:pk>/edit/", title=lambda asset: f"变更 {asset.code}",
    permission=MANAGE, form=AssetForm, rows=queries.assets, verb=changing(cards.edit), history=queries.history,
    success=address_of("assets.asset.detail"), help="使用人、价值、折旧和权属的变化，在资产详情页分别办理。",
)  # fmt: skip
ASSET_IMPORTING = ImportPage(
    code="assets.asset", path="assets/asset/import/", title="批量导入资产", permission=MANAGE, importer=ASSET_IMPORT,
)  # fmt: skip

HOLDERS = ListPage(
    code="assets.holder",
    path="assets/holder/",
    title="权属划转",
    menu=MenuItem("assets", order=40, icon="switch-horizontal"),
    permission=VIEW,
    rows=queries.holder_changes,
    columns=(
        Column("asset_code", "资产编号", link=True, sortable=True), Column("asset_name", "资产名称"),
        Column("from_unit.name", "划出单位"), Column("unit.name", "接收单位", sortable=True, sort="scope_pos"),
        Column("cause", "划转情形"), Date("changed_on", "划转日期", sortable=True),
        Money("original_value", "原值", sortable=True), Money("net_value", "净值", sortable=True),
        Column("document_no", "批准文号"), Column("case", "办件编号", shown=False),
    ),
    search=("^asset_code", "=document_no", "asset_name"),
    search_hint="资产编号、批准文号、资产名称",
    filters=(ChoiceFilter("cause", "划转情形"), UnitFilter("unit", "接收单位", options=unit_options(VIEW)),
             UnitFilter("from_unit", "划出单位", path="from_pos", options=unit_options(VIEW)),
             DateRangeFilter("changed_on", "划转日期")),
    default_sort="-changed_on",
    export_name="资产权属划转",
    empty=EmptyState("没有权属划转", "在资产详情页办理，或随产权变动登记、无偿划转办件自动登记。"),
)  # fmt: skip
HOLDER = DetailPage(
    code="assets.holder", path="assets/holder/<int:pk>/", title=lambda row: f"{row.asset_name}划转", permission=VIEW,
    subtitle=lambda row: f"{row.from_unit.name} → {row.unit.name}",
    rows=lambda actor: queries.holder_changes(actor).select_related("unit", "from_unit"),
    panels=(
        Panel("划转", fields=(
            Column("asset_code", "资产编号"), Column("asset_name", "资产名称"), Column("from_unit.name", "划出单位"),
            Column("unit.name", "接收单位"), Column("cause", "划转情形"), Date("changed_on", "划转日期"),
            Money("original_value", "原值"), Money("net_value", "净值"), Column("document_no", "批准文号"),
            Column("case", "办件编号"),
        )),
    ),
    history=queries.history, print=True,
)  # fmt: skip
