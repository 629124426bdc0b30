"""Approved sizes against what is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    Section,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import GRADE_NAMES, GRADES
from ..domain import sizes
from ..forms import SizeForm, need_of
from .parts import address_of, area, in_state, states, steps, unit_options

SIZES = ListPage(
    code="space.organsize",
    path="space/organsize/",
    title="核定规模",
    menu=MenuItem("space", order=50, icon="scale"),
    permission="space.size.view",
    rows=queries.sizes_with_use,
    columns=(
        Column("unit.name", "单位", link=True),
        Column("level", "面积标准级别", shown=False),
        Number("posts", "编制定员", unit="人", sortable=True),
        area("approved_area", "核定建筑面积", sortable=True),
        area("computed_area", "测算建筑面积", sortable=True, shown=False),
        area("basic", "基本用房使用面积", help="按标准测算的办公室、服务用房、设备用房使用面积"),
        area("used_area", "已用使用面积", help="已调配的办公室、服务用房、设备用房使用面积"),
        Badge("over", "使用情况", {True: "red", False: "green"}, choices={True: "超规模", False: "规模内"},
              value=lambda row: row.excess > 0, needs=("excess",)),
        Date("valid_from", "起始日期", sortable=True),
        Column("document_no", "核定文号"),
    ),
    search=("unit.name", "document_no"),
    search_hint="单位、核定文号",
    filters=(
        UnitFilter("unit", "单位", options=unit_options("space.size.view")),
        ChoiceFilter("level", "面积标准级别"),
        BoolFilter("over", "使用情况", condition=Q(excess__gt=0), yes="超规模", no="规模内"),
    ),
    default_sort="scope_pos",
    page_actions=(
        PageAction("核定规模", "space.organsize.create", icon="plus", style="primary"),
        PageAction("规模测算", "space.organsize.measure", icon="adjustments"),
    ),
    export_name="办公用房核定规模",
    empty=EmptyState("还没有核定规模", "先测算，再核定。", PageAction("核定规模", "space.organsize.create")),
)  # fmt: skip


def working(size: Any, actor: Actor, request: Any) -> Mapping[str, Any]:
    """Return the steps of a size's computation and who they were counted for, for the template."""
    people = [(GRADE_NAMES[grade], size.staffing[grade]) for grade in GRADES if size.staffing.get(grade)]
    return {"lines": steps(size.working), "people": people, "unverified": [x["name"] for x in size.working if not x["verified"]]}


SIZE = DetailPage(
    code="space.organsize", path="space/organsize/<int:pk>/", title=lambda size: f"{size.unit.name}核定规模",
    permission="space.size.view", badge=states(lifecycle.ORGAN_SIZE),
    rows=lambda actor: queries.sizes(actor).select_related("unit"),
    panels=(
        Panel("核定结果", fields=(
            Column("unit.name", "单位"), Column("level", "面积标准级别"), Column("height_class", "层数类别"),
            Number("posts", "编制定员", unit="人"), area("approved_area", "核定总建筑面积"),
            area("computed_area", "测算总建筑面积"), area("office_area", "办公室使用面积"),
            area("service_area", "服务用房使用面积"), area("equipment_area", "设备用房使用面积"),
            area("ancillary_area", "附属用房建筑面积"), Date("valid_from", "起始日期"), Date("valid_to", "终止日期"),
            Column("landlord", "出租方"), Column("document_no", "核定文号"), Column("case_no", "办件编号"),
        )),
        Custom("space/working.html", context=working, title="测算过程"),
    ),
    actions=(
        VerbAction("revoke", "撤销", verb=sizes.revoke, permission="space.size.manage", reason=True,
                   when=in_state("active"), style="danger"),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip


def _filled(actor: Actor, obj: Any, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the form's first values: for the unit in the address, its posts by rank and the level that holds for it."""
    key = str(query.get("unit", ""))
    unit = Unit.objects.filter(actor.scope("space.size.manage").q("pos"), pk=key).first() if key.isdecimal() else None
    if unit is None:
        return {}
    return {"unit": unit.pk, "level": queries.levels().get(unit.level, ""), **queries.staffing(unit)}


def _approve(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    return sizes.approve_size(actor, need=need_of(values), **values)


SIZE_NEW = FormPage(
    code="space.organsize.create", path="space/organsize/new/", title="核定规模", permission="space.size.manage",
    form=SizeForm, verb=_approve, initial=_filled, success=address_of("space.organsize.detail"),
    sections=(
        Section("单位与标准", ("unit", "level", "height_class")),
        Section("编制定员（按职务层次）", GRADES, help="空缺编制按最低层次填写；工勤人员不单独配备办公室，不计入。"),
        Section("附属用房", ("canteen", "cars", "bicycles", "ebikes", "guards")),
        Section("核定", ("approved_area", "valid_from", "landlord", "document_no")),
    ),
    help="核定新规模后，该单位现行规模自动终止于新规模的起始日期。",
)  # fmt: skip
