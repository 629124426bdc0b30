"""住房档案: list, detail with masked address and wage, forms, import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
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
    Section,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import AllowanceKind
from ..domain import allowances, records
from ..forms import BenefitForm, RecordEditForm, RecordForm
from ..importers import RECORD_IMPORT
from .parts import address_of, in_state, states, unit_options

VIEW, MANAGE = "housing.record.view", "housing.record.manage"

RECORDS = ListPage(
    code="housing.record",
    path="housing/record/",
    title="住房档案",
    menu=MenuItem("housing", order=10, icon="home"),
    permission=VIEW,
    scope_persons=("person_id",),
    rows=queries.records,
    columns=(
        Column("person.name", "姓名", link=True),
        Column("unit.name", "单位"),
        Column("person.rank.name", "职级"),
        states(lifecycle.RECORD),
        Date("employed_on", "参加工作日期", sortable=True),
        Column("housing", "现住房情况", sortable=True),
        Number("area_m2", "建筑面积", unit="平方米", digits=2, sortable=True),
        Column("spouse_benefited", "配偶享受政策", kind="bool", shown=False),
        Number("fund_years", "公积金前工龄", unit="年", shown=False),
        Date("declared_on", "申报日期", sortable=True),
    ),
    search=("=person.name", "^person.pinyin", "^person.initials", "=person.code"),
    search_hint="姓名、拼音、人员编号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.RECORD.choices),
        ChoiceFilter("housing", "现住房情况"),
        BoolFilter("spouse_benefited", "配偶享受政策"),
        UnitFilter("unit", "单位", options=unit_options(VIEW)),
        NumberRangeFilter("area_m2", "建筑面积", unit="平方米"),
        DateRangeFilter("declared_on", "申报日期"),
    ),
    default_sort=("scope_pos", "pk"),
    views=(("全部", ""), ("无房", "housing=none")),
    page_actions=(
        PageAction("登记住房档案", "housing.record.create", icon="plus", style="primary"),
        PageAction("批量导入", "housing.record.import", icon="upload"),
    ),
    export_name="住房档案",
    export_permission="housing.record.reveal",
    empty=EmptyState("还没有住房档案", "登记或导入后可核定补贴。", PageAction("登记住房档案", "housing.record.create")),
    note="住房坐落和工资不在列表和导出中出现，打开档案时按权限显示，每次查看都会留痕。",
)


def _sensitive(record: Any, actor: Actor, request: Any) -> Mapping[str, Any]:
    return {"fields": records.may_reveal(actor, record)}


def _decisions(record: Any, actor: Actor, request: Any) -> Mapping[str, Any]:
    """Return what each kind of allowance would come to today, with its steps."""
    names = dict(AllowanceKind.choices)
    return {"decisions": [(names[found.kind], found, f"{found.amount:,.2f}") for found in allowances.measured_all(record)]}


RECORD = DetailPage(
    code="housing.record", path="housing/record/<int:pk>/", title=lambda record: f"{record.person.name}的住房档案",
    permission=VIEW, scope_persons=("person_id",), badge=states(lifecycle.RECORD),
    rows=lambda actor: queries.records(actor).select_related("unit", "person__rank"),
    panels=(
        Panel("基本情况", fields=(
            Column("person.name", "姓名"), Column("person.code", "人员编号"), Column("unit.name", "单位"),
            Column("person.rank.name", "职级"), Date("employed_on", "参加工作日期"),
            Number("fund_years", "公积金前工龄", unit="年"), Date("declared_on", "申报日期"), Column("note", "备注"),
        )),
        Panel("住房情况", fields=(
            Column("housing", "现住房情况"), Number("area_m2", "现住房建筑面积", unit="平方米", digits=2),
            Date("bought_on", "取得日期"), Column("spouse_benefited", "配偶享受购房政策", kind="bool"),
            Number("spouse_area_m2", "配偶政策住房面积", unit="平方米", digits=2),
        )),
        Custom("housing/sensitive.html", context=_sensitive, title="敏感信息"),
        Custom("housing/decisions.html", context=_decisions, title="补贴测算", tab="补贴测算",
               permission="housing.allowance.view"),
        RelatedList("已享受政策", rows=queries.benefits_of, tab="已享受政策", link="housing.benefit.detail",
                    columns=(Column("kind", "政策种类", link=True), states(lifecycle.BENEFIT), Date("enjoyed_on", "享受日期"),
                             Number("area_m2", "建筑面积", unit="平方米", digits=2), Money("amount_yuan", "金额"),
                             Column("document_no", "批准文号"))),
        RelatedList("住房补贴", rows=queries.allowances_of, tab="住房补贴", link="housing.allowance.detail",
                    permission="housing.allowance.view",
                    columns=(Column("kind", "补贴种类", link=True), states(lifecycle.ALLOWANCE),
                             Money("amount_yuan", "补贴金额"), Date("valid_from", "起始日期"), Date("valid_to", "终止日期"),
                             Column("document_no", "核定文号"))),
    ),
    actions=(
        VerbAction("add_benefit", "登记已享受政策", verb=records.add_benefit, form=BenefitForm, permission=MANAGE,
                   when=in_state("active")),
        VerbAction("close", "封存", verb=records.close, permission=MANAGE, reason=True, when=in_state("active"),
                   style="danger"),
        VerbAction("reopen", "恢复", verb=records.reopen, permission=MANAGE, reason=True, when=in_state("closed")),
    ),
    page_actions=(PageAction("变更", "housing.record.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip


def _register(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    return records.register(actor, **values)


def _edit(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    return records.edit(actor, row, **values)


def _known(actor: Actor, row: Any, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the edit form is filled with: as the detail page, address and wage only for those who may read them."""
    records.may_reveal(actor, row)
    hidden = () if queries.reveals(actor, row) else records.SENSITIVE
    return {name: getattr(row, name) for name in RecordEditForm.base_fields if name not in hidden}


SECTIONS = (
    Section("工作情况", ("person", "employed_on", "fund_years", "wage_1998_yuan")),
    Section("住房情况", ("housing", "area_m2", "address", "bought_on", "spouse_benefited", "spouse_area_m2")),
    Section("申报", ("declared_on", "note")),
)
RECORD_NEW = FormPage(
    code="housing.record.create", path="housing/record/new/", title="登记住房档案", permission=MANAGE, form=RecordForm,
    verb=_register, sections=SECTIONS, success=address_of("housing.record.detail"),
)  # fmt: skip
RECORD_EDIT = FormPage(
    code="housing.record.edit", path="housing/record/<int:pk>/edit/", title=lambda row: f"变更{row.person.name}的住房档案",
    permission=MANAGE, form=RecordEditForm, verb=_edit, initial=_known,
    rows=lambda actor: queries.managed_records(actor).select_related("person__unit"),
    sections=(Section("工作情况", SECTIONS[0].fields[1:]), *SECTIONS[1:]), success=address_of("housing.record.detail"),
)  # fmt: skip
RECORD_IMPORT_PAGE = ImportPage(
    code="housing.record", path="housing/record/import/", title="批量导入住房档案", permission=MANAGE, importer=RECORD_IMPORT
)

BENEFIT = DetailPage(
    code="housing.benefit", path="housing/benefit/<int:pk>/", title=lambda row: f"{row.person.name}：{row.get_kind_display()}",
    permission=VIEW, scope_persons=("person_id",), badge=states(lifecycle.BENEFIT), parent="housing.record",
    rows=lambda actor: queries.benefits(actor).select_related("unit", "person"),
    panels=(
        Panel("已享受政策", fields=(
            Column("person.name", "姓名"), Column("unit.name", "单位"), Column("kind", "政策种类"),
            Date("enjoyed_on", "享受日期"), Number("area_m2", "建筑面积", unit="平方米", digits=2),
            Money("amount_yuan", "金额"), Column("document_no", "批准文号"),
        )),
    ),
    actions=(
        VerbAction("void", "作废", verb=records.void, permission=MANAGE, reason=True, when=in_state("valid"), style="danger"),
    ),
    history=queries.history,
)  # fmt: skip
