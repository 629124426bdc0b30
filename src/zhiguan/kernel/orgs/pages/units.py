"""机构: tree, list, detail, every change; 编制: what posts are approved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DayFilter,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    RelatedList,
    RowAction,
    Section,
    UnitFilter,
    VerbAction,
    ViewPage,
)

from .. import directory, domain, views
from ..codes import QuotaKind
from ..forms import (
    CloseForm,
    EstablishmentForm,
    MergeForm,
    MoveForm,
    RenameForm,
    UnitChangeForm,
    UnitForm,
)
from ..importers import UNIT_IMPORT
from ..models import Unit, valid_on
from .acts import changed, made, noted

VIEW, MANAGE = "orgs.unit.view", "orgs.unit.manage"
STATE = Badge(
    "state", "状态", {"open": "green", "closed": "secondary"}, choices={"open": "存续", "closed": "已撤销"},
    value=lambda unit: "closed" if unit.valid_to else "open", needs=("valid_to",),
)  # fmt: skip

TREE = ViewPage(
    code="orgs.tree",
    path="orgs/tree/",
    title="机构树",
    menu=MenuItem("orgs", order=10, icon="hierarchy"),
    permission=VIEW,
    view=views.tree,
)
SUGGEST = ViewPage(
    code="orgs.unit.suggest", path="orgs/unit/suggest/", title="机构提示", permission=VIEW, view=views.suggest
)  # fmt: skip

UNITS = ListPage(
    code="orgs.unit",
    path="orgs/unit/",
    title="机构",
    menu=MenuItem("orgs", order=20, icon="building-bank"),
    permission=VIEW,
    scope_column="pos",
    rows=directory.units,
    columns=(
        Column("name", "机构名称", link=True, sortable=True),
        Column("code", "机构代码", kind="code", sortable=True),
        Column("short_name", "简称", shown=False),
        Column("kind", "机构类型"),
        Column("level", "层级", shown=False),
        Column("function", "职能类别"),
        Column("parent.name", "上级机构"),
        Column("district_code", "行政区划代码", shown=False),
        STATE,
        Date("valid_from", "成立日期", sortable=True),
        Date("valid_to", "撤销日期", shown=False, sortable=True),
        Column("phone", "联系电话", shown=False),
        Column("address", "地址", shown=False),
    ),
    search=directory.search_units,
    search_hint="名称、曾用名、拼音、首字母、代码",
    filters=(
        ChoiceFilter("kind", "机构类型"),
        ChoiceFilter("function", "职能类别", facets=False),
        ChoiceFilter("level", "层级", facets=False),
        UnitFilter("unit", "所属机构", options=directory.unit_options, path="pos"),
        DayFilter("on", "截至日期", held=directory.existed),
        BoolFilter("closed", "已撤销", condition=Q(valid_to__isnull=False)),
    ),
    views=(("存续", "closed=0"), ("全部", ""), ("已撤销", "closed=1")),
    default_sort="pos",
    row_actions=(RowAction("修改资料", "orgs.unit.edit", icon="edit", when=lambda unit: unit.valid_to is None),),
    page_actions=(
        PageAction("新建机构", "orgs.unit.create", icon="plus", style="primary"),
        PageAction("批量导入", "orgs.unit.import", icon="upload"),
        PageAction("机构树", "orgs.tree", icon="hierarchy"),
    ),
    export_name="机构",
    empty=EmptyState(
        "还没有机构", "新建或导入后，按层级在此管理。", PageAction("新建机构", "orgs.unit.create"), icon="sitemap"
    ),
    search_global=True,
)


def _is_open(unit: Unit) -> bool:
    return unit.valid_to is None


def _subordinate(unit: Unit) -> bool:
    return unit.valid_to is None and unit.parent_id is not None


UNIT = DetailPage(
    code="orgs.unit",
    path="orgs/unit/<int:pk>/",
    title=lambda unit: unit.name,
    subtitle=lambda unit: f"{unit.get_kind_display()} · {unit.code}",
    permission=VIEW,
    scope_column="pos",
    rows=lambda actor: directory.units(actor).select_related("parent"),
    badge=STATE,
    panels=(
        Panel(
            "基本信息",
            tab="概况",
            fields=(
                Column("code", "机构代码"),
                Column("short_name", "简称"),
                Column("kind", "机构类型"),
                Column("level", "层级"),
                Column("function", "职能类别"),
                Column("parent.name", "上级机构", link=lambda unit: reverse("orgs.unit.detail", args=[unit.parent_id])
                       if unit.parent_id else ""),
                Date("valid_from", "成立日期"),
                Date("valid_to", "撤销日期"),
                Column("phone", "联系电话"),
                Column("address", "地址", wide=True),
                Column("note", "备注", wide=True),
            ),
        ),
        Custom("orgs/staffing.html", context=views.staffing_context, title="编制与实有", tab="概况",
               permission="orgs.establishment.view"),
        Custom("orgs/place.html", context=views.place_context, title="位置", tab="概况",
               when=lambda unit: bool(unit.district_code)),
        RelatedList(
            "下级机构", rows=directory.children_of, tab="下级机构", link="orgs.unit.detail", limit=200,
            columns=(Column("name", "机构名称", link=True), Column("code", "机构代码"), Column("kind", "机构类型"),
                     Date("valid_from", "成立日期")),
            empty="没有下级机构",
        ),
        RelatedList(
            "本级人员", rows=directory.people_of, tab="人员", link="orgs.person.detail", permission="orgs.person.view",
            columns=(Column("name", "姓名", link=True), Column("code", "人员编号"), Column("duty", "职务"),
                     Column("rank.name", "职级")),
            more=directory.people_url, empty="没有在职人员", limit=100,
        ),
        RelatedList(
            "编制核定记录", rows=directory.establishments_of, tab="编制", permission="orgs.establishment.view",
            columns=(Column("kind", "编制类别"), Column("quota", "核定编制数", kind="integer"), Date("valid_from", "起始日期"),
                     Date("valid_to", "终止日期"), Column("document_no", "批准文号")),
            empty="没有核定过编制",
        ),
    ),
    actions=(
        VerbAction("rename", "更名", verb=noted(domain.rename_unit), form=RenameForm, permission=MANAGE, icon="tag",
                   when=_is_open, done="已更名"),
        VerbAction("move", "划转", verb=noted(domain.move_unit), form=MoveForm, permission=MANAGE,
                   icon="switch-horizontal", when=_subordinate, done="已划转",
                   help="连同全部下级机构划转到新的上级机构；各业务台账的归属随之调整，历史保持当时的归属。"),
        VerbAction("merge", "合并", verb=noted(domain.merge_unit), form=MergeForm, permission=MANAGE,
                   icon="layers-intersect", when=_subordinate, done="已合并",
                   help="人员按原职务、职级转入并入机构，下级机构一并转入，编制相加，本机构撤销。车辆等业务台账不随之转移，请先在各业务中调整。"),
        VerbAction("set_establishment", "核定编制", verb=noted(domain.set_establishment), form=EstablishmentForm,
                   permission="orgs.establishment.manage", icon="certificate", when=_is_open, done="已核定编制"),
        VerbAction("close", "撤销", verb=noted(domain.close_unit), form=CloseForm, permission=MANAGE, icon="ban",
                   style="danger", when=_subordinate, done="已撤销", confirm="撤销该机构？",
                   help="须先办理人员离任或调任，并撤销或划转下级机构。"),
    ),
    page_actions=(
        PageAction("机构树", "orgs.tree", icon="hierarchy"),
        PageAction("修改资料", "orgs.unit.edit", icon="edit", when=_is_open),
    ),
    history=directory.unit_history,
    history_title="机构沿革",
    version=lambda unit: f"{unit.name}|{unit.parent_id}|{unit.valid_to}",
    print=True,
)  # fmt: skip


def _under(actor: Actor, obj: Any, query: Mapping[str, Any]) -> dict[str, Any]:
    parent = Unit.objects.filter(code=str(query.get("parent", ""))[:32].replace("\0", "")).first()
    return {"parent": parent} if parent else {}


def _create(actor: Actor, row: Any, values: dict[str, Any]) -> Unit:
    if values["parent"] is None:  # the form requires it; the city itself is made at installation
        raise Invalid("请填写上级机构。", fields={"parent": "请填写上级机构。"})
    return made(domain.create_unit)(actor, row, values)


NEW_UNIT = FormPage(
    code="orgs.unit.create",
    path="orgs/unit/new/",
    title="新建机构",
    permission=MANAGE,
    form=UnitForm,
    initial=_under,
    verb=_create,
    sections=(
        Section("机构", ("parent", "kind", "code", "name", "short_name", "function")),
        Section("联系", ("phone", "address")),
        Section("生效", ("on", "reason")),
    ),
    done="机构已新建",
)
EDIT_UNIT = FormPage(
    code="orgs.unit.edit",
    path="orgs/unit/<int:pk>/edit/",
    title=lambda unit: f"修改资料：{unit.name}",
    permission=MANAGE,
    scope_column="pos",
    rows=directory.units,
    form=UnitChangeForm,
    verb=changed(domain.change_unit),
    sections=(
        Section("机构", ("short_name", "function", "sort", "note")),
        Section("联系和位置", ("phone", "address", "lat", "lon")),
    ),
    help="名称、上级机构和撤销在机构页面上分别办理，以保留沿革。",
)
IMPORT_UNITS = ImportPage(
    code="orgs.unit",
    path="orgs/unit/import/",
    title="导入机构",
    permission=MANAGE,
    importer=UNIT_IMPORT,
    help="每行一个新机构。上级机构可以是系统中已有的，也可以是同一文件中的，先后次序不限。",
)

QUOTAS = ListPage(
    code="orgs.establishment",
    path="orgs/establishment/",
    title="人员编制",
    menu=MenuItem("orgs", order=50, icon="certificate"),
    permission="orgs.establishment.view",
    rows=directory.establishments,
    columns=(
        Column("unit.name", "机构", link=lambda row: reverse("orgs.unit.detail", args=[row.unit_id])),
        Column("kind", "编制类别"),
        Column("quota", "核定编制数", kind="integer", sortable=True),
        Date("valid_from", "起始日期", sortable=True),
        Date("valid_to", "终止日期", sortable=True),
        Column("document_no", "批准文号"),
    ),
    search=("unit.name", "^unit.pinyin", "^unit.code", "=document_no"),
    search_hint="机构名称、拼音、代码、批准文号",
    filters=(
        ChoiceFilter("kind", "编制类别", options=QuotaKind.choices),
        UnitFilter("unit", "所属机构", options=directory.unit_options),
        DayFilter("on", "截至日期", held=valid_on),
        BoolFilter("current", "现行", condition=Q(valid_to__isnull=True)),
        DateRangeFilter("valid_from", "起始日期"),
    ),
    views=(("现行", "current=1"), ("全部", "")),
    default_sort=("scope_pos", "kind", "-valid_from"),
    export_name="人员编制",
    note="各机构自身的编制，不含下级；实有人数对照见机构页面。",
    empty=EmptyState("还没有核定编制", "在机构页面上核定后列出。", icon="certificate"),
)
