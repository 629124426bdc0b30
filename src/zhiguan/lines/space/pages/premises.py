"""Allocations and room users."""

from __future__ import annotations

from django.db.models import Q

from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import RoomKind
from ..domain import register
from ..forms import LeaveForm, SeatForm, VacateForm
from .parts import address_of, area, in_state, making, states, unit_options

ALLOCATIONS = ListPage(
    code="space.allocation",
    path="space/allocation/",
    title="办公用房调配",
    menu=MenuItem("space", order=30, icon="switch-horizontal"),
    permission="space.allocation.view",
    rows=queries.allocations,
    columns=(
        Column("room.number", "房间号", link=True),
        Column("room.building.name", "楼宇"),
        Column("unit.name", "使用单位"),
        states(lifecycle.ALLOCATION),
        area("usable_area", "使用面积", sortable=True),
        Date("valid_from", "启用日期", sortable=True),
        Date("valid_to", "腾退日期", sortable=True),
        Column("certificate_no", "分配使用凭证号"),
        Column("document_no", "批准文号", shown=False),
    ),
    search=("^room.number", "room.building.name", "unit.name", "certificate_no", "document_no"),
    search_hint="房间号、楼宇、单位、凭证号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.ALLOCATION.choices),
        ChoiceFilter("kind", "房间类别", path="room.kind", options=RoomKind.choices),
        UnitFilter("unit", "使用单位", options=unit_options("space.allocation.view")),
        DateRangeFilter("valid_from", "启用日期"),
    ),
    default_sort="-valid_from",
    export_name="办公用房调配",
    empty=EmptyState("还没有调配记录", "在房间详情中办理调配。"),
)
ALLOCATION = DetailPage(
    code="space.allocation", path="space/allocation/<int:pk>/",
    title=lambda row: f"{row.room.building.name} {row.room.number} 室调配", permission="space.allocation.view",
    rows=lambda actor: queries.allocations(actor).select_related("unit", "room__building"),
    badge=states(lifecycle.ALLOCATION),
    panels=(
        Panel("调配", fields=(
            Column("room.building.name", "楼宇"),
            Column("room.number", "房间号"), Column("unit.name", "使用单位"), area("usable_area", "使用面积"),
            Date("valid_from", "启用日期"), Date("valid_to", "腾退日期"), Column("certificate_no", "分配使用凭证号"),
            Column("document_no", "批准文号"),
        )),
    ),
    actions=(
        VerbAction("vacate", "腾退", verb=register.vacate, form=VacateForm, reason=True,
                   permission="space.allocation.manage", when=in_state("active"), style="danger",
                   only=lambda actor, row: actor.scope("space.allocation.manage").covers(row.owner_pos)),
    ),
    history=queries.history,
)  # fmt: skip

OVER = Badge("over", "是否超标", {True: "red", False: "green"}, choices={True: "超标准", False: "未超标"},
             value=lambda row: row.excess is not None and row.excess > 0, needs=("excess",))  # fmt: skip
OCCUPANTS = ListPage(
    code="space.roomuser",
    path="space/roomuser/",
    title="房间使用人",
    menu=MenuItem("space", order=40, icon="users"),
    permission="space.occupant.view",
    scope_persons=("person_id",),
    rows=queries.occupants,
    columns=(
        Column("person.name", "姓名", link=True),
        Column("unit.name", "单位"),
        Column("person.rank.name", "职级"),
        Column("room.building.name", "楼宇"),
        Column("room.number", "房间号"),
        Column("room.kind", "房间类别", choices=RoomKind.choices, shown=False),
        area("share", "人均使用面积", help="房间使用面积除以使用人数"),
        area("limit", "面积标准", help="按职务层次的办公室使用面积标准"),
        OVER,
        states(lifecycle.USER),
        Date("valid_from", "启用日期", sortable=True),
        Date("valid_to", "退出日期", shown=False),
        Column("second_office_no", "另设批准文号", shown=False),
    ),
    search=("=person.name", "^person.pinyin", "^person.initials", "^room.number"),
    search_hint="姓名、拼音、房间号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.USER.choices),
        BoolFilter("over", "是否超标", condition=Q(excess__gt=0), yes="超标准", no="未超标"),
        UnitFilter("unit", "单位", options=unit_options("space.occupant.view")),
    ),
    default_sort="-valid_from",
    views=(("全部", ""), ("使用中", "state=active"), ("超标准", "over=1")),
    page_actions=(PageAction("登记使用人", "space.roomuser.create", icon="plus", style="primary"),),
    export_name="房间使用人",
    empty=EmptyState("还没有房间使用人", "房间调配后登记使用人。", PageAction("登记使用人", "space.roomuser.create")),
    note="面积标准按《党政机关办公用房建设标准》，只对办公室判断是否超标；两人以上合用的按人均计算。",
)
OCCUPANT = DetailPage(
    code="space.roomuser", path="space/roomuser/<int:pk>/", title=lambda row: row.person.name,
    permission="space.occupant.view", scope_persons=("person_id",), badge=states(lifecycle.USER),
    rows=lambda actor: queries.occupants(actor).select_related("unit", "person__rank", "room__building"),
    panels=(
        Panel("使用情况", fields=(
            Column("person.name", "姓名"), Column("unit.name", "单位"), Column("person.rank.name", "职级"),
            Column("room.building.name", "楼宇"), Column("room.number", "房间号"), area("room.usable_area", "房间使用面积"),
            area("share", "人均使用面积"), area("limit", "面积标准"), OVER, Date("valid_from", "启用日期"),
            Date("valid_to", "退出日期"), Column("second_office_no", "另设办公用房批准文号"),
        )),
    ),
    actions=(
        VerbAction("leave", "退出", verb=register.leave, form=LeaveForm, reason=True, permission="space.occupant.manage",
                   when=in_state("active"), style="danger"),
    ),
    history=queries.history,
)  # fmt: skip
OCCUPANT_NEW = FormPage(
    code="space.roomuser.create", path="space/roomuser/new/", title="登记房间使用人", permission="space.occupant.manage",
    form=SeatForm, verb=making(register.seat), success=address_of("space.roomuser.detail"),
    help="领导干部只配备一处办公用房；确需另设的，须有批准文号。",
)  # fmt: skip
