"""Repair projects and the year's plan."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Date,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    PageAction,
    Panel,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import repairs
from ..forms import BeginForm, FinishForm, IncludeForm, RepairForm
from .parts import address_of, area, changing, in_state, making, states, unit_options

VIEW, MANAGE, PROPOSE = "space.repair.view", "space.repair.manage", "space.repair.propose"
STATE = states(lifecycle.REPAIR_PLAN)
COST = Number("cost_per_m2", "单方估算", value=lambda row: row.cost_per_m2, needs=("estimate_yuan", "area_m2"), digits=2,
              unit="元/平方米")  # fmt: skip
OVER = Badge("over", "控制值", {True: "red", False: "green"}, choices={True: "超控制值", False: "控制值内"},
             value=lambda row: row.over_limit, needs=("estimate_yuan", "area_m2", "limit_per_m2"))  # fmt: skip


def _years(actor: object) -> list[tuple[int, str]]:
    this = timezone.localdate().year
    return [(year, f"{year} 年") for year in range(this + 2, this - 6, -1)]


REPAIRS = ListPage(
    code="space.repairplan",
    path="space/repairplan/",
    title="维修计划",
    menu=MenuItem("space", order=60, icon="tools"),
    permission=VIEW,
    rows=queries.repairs,
    columns=(
        Column("project", "项目名称", link=True),
        Column("year", "计划年度", kind="code", sortable=True),
        Column("unit.name", "申报单位"),
        Column("building.name", "楼宇"),
        Column("kind", "维修类别", sortable=True),
        STATE,
        area("area_m2", "维修面积", shown=False),
        Money("estimate_yuan", "估算投资", sortable=True),
        replace(COST, shown=False),
        OVER,
        Money("approved_yuan", "批准投资", sortable=True),
        Money("final_yuan", "结算金额", shown=False),
        Column("document_no", "批复文号", shown=False),
    ),
    search=("project", "building.name", "document_no"),
    search_hint="项目、楼宇、批复文号",
    filters=(
        ChoiceFilter("year", "计划年度", options=_years),
        ChoiceFilter("state", "状态", options=lifecycle.REPAIR_PLAN.choices),
        ChoiceFilter("kind", "维修类别"),
        UnitFilter("unit", "申报单位", options=unit_options(VIEW)),
        BoolFilter("over", "控制值", condition=Q(estimate_yuan__gt=F("limit_per_m2") * F("area_m2")), yes="超控制值",
                   no="控制值内"),
    ),
    default_sort=("-year", "-pk"),
    views=(("全部", ""), ("拟列项", "state=proposed"), ("已列入计划", "state=planned"), ("实施中", "state=under_way")),
    page_actions=(PageAction("申报维修项目", "space.repairplan.create", icon="plus", style="primary"),),
    export_name="维修计划",
    empty=EmptyState("还没有维修项目", "", PageAction("申报维修项目", "space.repairplan.create")),
)  # fmt: skip
REPAIR = DetailPage(
    code="space.repairplan", path="space/repairplan/<int:pk>/", title=lambda plan: plan.project, permission=VIEW,
    rows=lambda actor: queries.repairs(actor).select_related("unit", "building"), badge=STATE,
    panels=(
        Panel("项目", fields=(
            Column("project", "项目名称"), Column("year", "计划年度", kind="code"), Column("unit.name", "申报单位"),
            Column("building.name", "楼宇"), Column("kind", "维修类别"), Date("building.built_on", "楼宇建成日期"),
            Date("building.last_repair_on", "最近大中修竣工"), area("area_m2", "维修面积"),
            Column("why", "维修理由", wide=True), Column("scope", "维修内容", wide=True),
        )),
        Panel("投资", fields=(
            Money("estimate_yuan", "估算投资"), COST, Number("limit_per_m2", "单方造价控制值", digits=2, unit="元/平方米"),
            OVER, Money("approved_yuan", "批准投资"), Money("final_yuan", "结算金额"), Date("begun_on", "开工日期"),
            Column("contractor", "施工单位"),
            Date("finished_on", "竣工验收日期"), Column("document_no", "批复文号"), Column("case_no", "办件编号"),
        )),
    ),
    actions=(
        VerbAction("include", "列入计划", verb=repairs.include, form=IncludeForm, permission=MANAGE,
                   when=in_state("proposed"), style="primary"),
        VerbAction("reject", "不列入", verb=repairs.reject, permission=MANAGE, reason=True, when=in_state("proposed"),
                   style="danger"),
        VerbAction("begin", "开工", verb=repairs.begin, form=BeginForm, permission=MANAGE, when=in_state("planned"),
                   style="primary"),
        VerbAction("finish", "竣工验收", verb=repairs.finish, form=FinishForm, permission=MANAGE,
                   when=in_state("under_way"), style="primary"),
        VerbAction("cancel", "取消", verb=repairs.cancel, permission=PROPOSE, reason=True,
                   when=in_state("proposed", "planned"), style="danger",
                   only=lambda actor, row: actor.scope(MANAGE).covers(row.scope_pos)
                   or (row.state == "proposed" and actor.scope(PROPOSE).covers(row.scope_pos))),
    ),
    page_actions=(PageAction("变更", "space.repairplan.edit", icon="edit", when=in_state("proposed")),),
    history=queries.history,
    print=True,
)  # fmt: skip
REPAIR_NEW = FormPage(
    code="space.repairplan.create", path="space/repairplan/new/", title="申报维修项目", permission=PROPOSE, form=RepairForm,
    verb=making(repairs.propose), success=address_of("space.repairplan.detail"),
)  # fmt: skip
REPAIR_EDIT = FormPage(
    code="space.repairplan.edit", path="space/repairplan/<int:pk>/edit/", title=lambda row: f"变更 {row.project}",
    permission=PROPOSE, form=RepairForm, rows=queries.repairs, verb=changing(repairs.edit_repair),
    history=queries.history, success=address_of("space.repairplan.detail"),
)  # fmt: skip
