"""Titles and disposals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.urls import reverse

from zhiguan.kit.pages import (
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    PageAction,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import disposals, titles
from ..forms import CancelTitleForm, DisposalForm, ExecuteForm, NewTitleForm, ReplaceTitleForm, SettleForm
from ..lifecycle import APPROVE, EXECUTE, TITLE_MANAGE
from .parts import (
    CARD_COLUMNS,
    DISPOSAL_STATE,
    TITLE_STATE,
    address_of,
    in_state,
    making,
    unit_options,
)

TITLES = ListPage(
    code="assets.title",
    path="assets/title/",
    title="产权登记",
    menu=MenuItem("assets", order=20, icon="certificate"),
    permission="assets.title.view",
    rows=queries.titles,
    columns=(
        Column("certificate_no", "登记证号", link=True, sortable=True), TITLE_STATE,
        Column("unit.name", "登记单位", sortable=True, sort="scope_pos"), Column("kind", "登记种类"),
        Number("count", "资产数量", unit="件"), Money("original_value", "账面原值", sortable=True),
        Money("net_value", "账面净值", sortable=True), Date("as_of", "登记基准日", sortable=True),
        Date("registered_on", "登记日期", sortable=True), Column("document_no", "批准文号", shown=False),
        Column("case", "办件编号", shown=False),
    ),
    search=("^certificate_no", "=document_no", "=case"),
    search_hint="登记证号、批准文号、办件编号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.TITLE.choices), ChoiceFilter("kind", "登记种类"),
             UnitFilter("unit", "单位", options=unit_options("assets.title.view")),
             DateRangeFilter("registered_on", "登记日期")),
    default_sort="-registered_on",
    views=(("全部", ""), ("有效", "state=valid"), ("已变更", "state=replaced"), ("已注销", "state=cancelled")),
    page_actions=(PageAction("补录登记", "assets.title.create", icon="plus"),),
    export_name="产权登记",
    empty=EmptyState("还没有产权登记", "产权登记办件办结后自动登记；以前的登记可以补录。"),
)  # fmt: skip


def _by_class(title: Any, actor: Any, request: Any) -> dict[str, Any]:
    """The values in columns, grouped by thousands, and their sums."""
    names = ("original_value", "accumulated_depreciation", "net_value")
    rows = [
        {"name": f"{row['class_code']} {row['name']}", "count": row["count"]}
        | {name: Decimal(row[name]) for name in names}
        for row in title.values
    ]
    sums = {name: sum((row[name] for row in rows), Decimal(0)) for name in names}
    rows.append({"name": "合计", "count": title.count, "total": True} | sums)
    return {"rows": [row | {name: f"{row[name]:,.2f}" for name in names} for row in rows]}


TITLE = DetailPage(
    code="assets.title", path="assets/title/<int:pk>/", title=lambda title: title.certificate_no,
    permission="assets.title.view", badge=TITLE_STATE,
    subtitle=lambda title: f"{title.unit.name} · {title.get_kind_display()}",
    rows=lambda actor: queries.titles(actor).select_related("unit", "previous"),
    panels=(
        Panel("登记", fields=(
            Column("certificate_no", "登记证号"), Column("unit.name", "登记单位"), Column("kind", "登记种类"),
            Date("as_of", "登记基准日"), Date("registered_on", "登记日期"), Column("document_no", "批准文号"),
            Column("previous.certificate_no", "原登记证号", link=lambda title: reverse("assets.title.detail", args=[title.previous_id])
                   if title.previous_id else ""),
            Column("case", "办件编号"), Column("note", "备注"),
        )),
        Custom("assets/by_class.html", context=_by_class, title="分类价值", when=lambda title: bool(title.values)),
        RelatedList("登记资产", rows=queries.titled, columns=CARD_COLUMNS, tab="登记资产", link="assets.asset.detail",
                    permission="assets.asset.view", empty="没有单独办理权属登记的资产"),
    ),
    actions=(
        VerbAction("replace", "变动登记", verb=titles.replace_title, form=ReplaceTitleForm, permission=TITLE_MANAGE,
                   reason=True, when=in_state("valid"), success=address_of("assets.title.detail"),
                   help="原登记转为“已变更”，按基准日重新汇总资产价值，生成新的登记。"),
        VerbAction("cancel", "注销登记", verb=titles.cancel_title, form=CancelTitleForm, permission=TITLE_MANAGE,
                   reason=True, when=in_state("valid"), style="danger", success=address_of("assets.title.detail")),
    ),
    history=queries.history, print=True,
)  # fmt: skip
TITLE_NEW = FormPage(
    code="assets.title.create", path="assets/title/new/", title="补录产权登记", permission=TITLE_MANAGE, form=NewTitleForm,
    verb=making(titles.establish_title), done="产权登记已补录", success=address_of("assets.title.detail"),
    help="新的登记请通过产权登记事项申请；这里补录已经核发的登记证。资产数量和价值按基准日自动汇总。",
)  # fmt: skip

DISPOSALS = ListPage(
    code="assets.disposal",
    path="assets/disposal/",
    title="资产处置",
    menu=MenuItem("assets", order=30, icon="recycle"),
    permission="assets.disposal.view",
    rows=queries.disposals,
    columns=(
        Column("code", "处置编号", link=True, sortable=True), DISPOSAL_STATE,
        Column("unit.name", "资产单位", sortable=True, sort="scope_pos"), Column("kind", "处置方式"),
        Number("count", "资产数量", unit="件"), Money("original_value", "账面原值", sortable=True),
        Money("net_value", "账面净值", sortable=True), Column("document_no", "批复文号"),
        Date("decided_on", "批复日期", sortable=True), Date("executed_on", "实施日期", sortable=True),
        Money("proceeds_yuan", "处置收入", sortable=True), Column("to_unit.name", "接收单位", shown=False),
        Column("case", "办件编号", shown=False), DateTime("created_at", "登记时间", sortable=True, shown=False),
    ),
    search=("^code", "=document_no", "=case"),
    search_hint="处置编号、批复文号、办件编号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.DISPOSAL.choices), ChoiceFilter("kind", "处置方式"),
             UnitFilter("unit", "单位", options=unit_options("assets.disposal.view")),
             DateRangeFilter("decided_on", "批复日期"), DateRangeFilter("executed_on", "实施日期")),
    default_sort="-created_at",
    views=(("全部", ""), ("待实施", "state=approved"), ("待缴款", "state=executed"), ("已办结", "state=settled")),
    page_actions=(PageAction("登记批复", "assets.disposal.create", icon="plus"),),
    export_name="资产处置",
    empty=EmptyState("没有资产处置", "资产处置办件批复后自动登记；线下批复的可以登记。"),
)  # fmt: skip
DISPOSAL = DetailPage(
    code="assets.disposal", path="assets/disposal/<int:pk>/", title=lambda row: row.code,
    permission="assets.disposal.view", badge=DISPOSAL_STATE,
    subtitle=lambda row: f"{row.unit.name} · {row.get_kind_display()} · {row.count} 件",
    rows=lambda actor: queries.disposals(actor).select_related("unit", "to_unit"),
    panels=(
        Panel("批复", fields=(
            Column("unit.name", "资产单位"), Column("kind", "处置方式"), Column("to_unit.name", "接收单位"),
            Column("document_no", "批复文号"), Date("decided_on", "批复日期"), Column("decided_by", "批复人"),
            Number("count", "资产数量", unit="件"), Money("original_value", "账面原值"), Money("net_value", "账面净值"),
            Money("appraised_yuan", "评估价值"), Column("appraiser", "评估机构"), Column("case", "办件编号"),
            Column("why", "处置理由", wide=True),
        )),
        Panel("实施与收入", fields=(
            Date("executed_on", "实施日期"), Column("receiver", "受让人、受赠人或回收单位"),
            Column("certificate_no", "成交或回收凭证号"), Money("proceeds_yuan", "处置收入"), Money("cost_yuan", "处置税费"),
            Date("remitted_on", "上缴日期"), Column("remittance_no", "缴款凭证号"),
        ), when=in_state("executed", "settled")),
        RelatedList("资产清单", rows=queries.items_of, tab="资产清单", limit=500,
                    columns=(Column("asset.code", "资产编号", link=lambda item: reverse("assets.asset.detail", args=[item.asset_id])),
                             Column("asset.name", "资产名称"), Column("asset.specification", "规格型号"),
                             Column("asset.state", "状态", choices=lifecycle.ASSET.choices,
                                    badge=lifecycle.ASSET.colours, kind="badge"),
                             Money("original_value", "原值"), Money("net_value", "批复时净值"))),
    ),
    actions=(
        VerbAction("execute", "处置实施", verb=disposals.execute_disposal, form=ExecuteForm, permission=EXECUTE,
                   style="primary", when=in_state("approved"),
                   help="资产核销（无偿划转的转到接收单位账上）。有处置收入的，上缴国库后办结。"),
        VerbAction("settle", "收入上缴", verb=disposals.settle_disposal, form=SettleForm, permission=EXECUTE,
                   style="primary", when=in_state("executed")),
        VerbAction("revoke", "撤销批复", verb=disposals.revoke_disposal, permission=APPROVE, reason=True, style="danger",
                   when=in_state("approved")),
    ),
    history=queries.history, print=True,
)  # fmt: skip
DISPOSAL_NEW = FormPage(
    code="assets.disposal.create", path="assets/disposal/new/", title="登记处置批复", permission=APPROVE, form=DisposalForm,
    verb=making(disposals.enter_disposal), done="处置批复已登记", success=address_of("assets.disposal.detail"),
    help="新的处置请通过资产处置事项申请；这里登记线下作出的批复。登记后资产转为“待处置”。",
)  # fmt: skip
