"""Buildings and their rooms."""

from __future__ import annotations

from zhiguan.kit.pages import (
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
    ListPage,
    MenuItem,
    Money,
    NumberRangeFilter,
    PageAction,
    Panel,
    RelatedList,
    Section,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import register
from ..forms import AllocateForm, BuildingForm, RoomForm, VacateForm
from ..importers import ROOM_IMPORT
from .parts import address_of, area, changing, in_state, making, states, unit_options

VIEW, MANAGE = "space.building.view", "space.building.manage"
ROOM_STATE = states(lifecycle.ROOM)
STOREY = Column("storey", "楼层", value=lambda room: room.storey_name, needs=("storey",), sort="storey")

BUILDINGS = ListPage(
    code="space.building",
    path="space/building/",
    title="楼宇台账",
    menu=MenuItem("space", order=10, icon="building"),
    permission=VIEW,
    scope_column="",  # buildings in which the actor's units have rooms are seen, too
    rows=queries.buildings_with_use,
    columns=(
        Column("code", "楼宇编号", link=True, sortable=True),
        Column("name", "楼宇名称", sortable=True),
        states(lifecycle.BUILDING),
        Column("unit.name", "管理单位"),
        Column("address", "坐落", wide=True, shown=False),
        Column("structure", "建筑结构", shown=False),
        Column("height_class", "层数类别", shown=False),
        area("gross_area", "建筑面积", sortable=True),
        area("usable_area", "使用面积", sortable=True, shown=False),
        area("rooms_area", "房间面积", help="楼内未停用房间的使用面积之和", shown=False),
        area("idle_area", "闲置面积", sort="idle_area"),
        Date("built_on", "建成日期", sortable=True),
        Date("last_repair_on", "最近大中修", sortable=True),
        Money("value_yuan", "账面价值", shown=False),
        Column("title_kind", "权属情况"),
        Column("title_no", "不动产权证号", shown=False),
    ),
    search=("^code", "name", "address", "title_no"),
    search_hint="编号、名称、坐落、权证号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.BUILDING.choices),
        ChoiceFilter("title_kind", "权属情况"),
        UnitFilter("unit", "管理单位", options=unit_options(VIEW)),
        DateRangeFilter("built_on", "建成日期"),
        NumberRangeFilter("gross_area", "建筑面积", unit="平方米"),
    ),
    default_sort="code",
    views=(("全部", ""), ("在用", "state=in_use"), ("未办权属登记", "title_kind=none")),
    page_actions=(PageAction("登记楼宇", "space.building.create", icon="plus", style="primary"),),
    export_name="楼宇台账",
    empty=EmptyState("还没有楼宇", "登记楼宇后再登记房间。", PageAction("登记楼宇", "space.building.create")),
    search_global=True,
)
BUILDING = DetailPage(
    code="space.building", path="space/building/<int:pk>/", title=lambda building: building.name, permission=VIEW,
    scope_column="", rows=lambda actor: queries.buildings_with_use(actor).select_related("unit"),
    badge=states(lifecycle.BUILDING), subtitle=lambda building: building.address,
    panels=(
        Panel("基本情况", fields=(
            Column("code", "楼宇编号"), Column("unit.name", "管理单位"), Column("structure", "建筑结构"),
            Column("height_class", "层数类别"),
            Column("floors", "层数", value=lambda row: f"地上 {row.storeys} 层，地下 {row.basements} 层"),
            Date("built_on", "建成日期"), Date("last_repair_on", "最近大中修竣工"), Money("value_yuan", "账面价值"),
            Column("note", "备注"),
        )),
        Panel("面积", fields=(
            area("gross_area", "建筑面积"), area("usable_area", "使用面积"), area("rooms_area", "房间面积"),
            area("idle_area", "闲置面积"),
        )),
        Panel("权属", fields=(
            Column("title_kind", "权属情况"), Column("title_holder", "权利人"), Column("title_no", "不动产权证号"),
        )),
        RelatedList("房间", rows=queries.rooms_of, tab="房间", link="space.room.detail",
                    columns=(Column("number", "房间号", link=True), STOREY, Column("kind", "类别"), Column("purpose", "用途"),
                             area("usable_area", "使用面积"), ROOM_STATE, Column("user.name", "使用单位")),
                    limit=200),
        RelatedList("维修项目", rows=queries.repairs_of, tab="维修", link="space.repairplan.detail",
                    permission="space.repair.view",
                    columns=(Column("year", "年度", kind="code"), Column("project", "项目名称", link=True),
                             Column("kind", "类别"), states(lifecycle.REPAIR_PLAN), Money("estimate_yuan", "估算投资"))),
    ),
    actions=(
        VerbAction("close", "停用", verb=register.close_building, permission=MANAGE, reason=True, when=in_state("in_use"),
                   style="danger"),
        VerbAction("reopen", "恢复使用", verb=register.reopen_building, permission=MANAGE, when=in_state("closed"),
                   confirm="恢复使用该楼宇？"),
        VerbAction("dispose", "处置", verb=register.dispose, permission=MANAGE, reason=True, when=in_state("closed"),
                   style="danger"),
    ),
    page_actions=(PageAction("变更", "space.building.edit", icon="edit"),),
    history=queries.history,
    print=True,
)  # fmt: skip
SECTIONS = (
    Section("基本情况", ("code", "name", "unit", "address", "structure", "height_class", "storeys", "basements")),
    Section("面积与年代", ("gross_area", "usable_area", "built_on", "last_repair_on")),
    Section("价值与权属", ("value_yuan", "title_kind", "title_holder", "title_no", "note")),
)
BUILDING_NEW = FormPage(
    code="space.building.create", path="space/building/new/", title="登记楼宇", permission=MANAGE, form=BuildingForm,
    verb=making(register.register), sections=SECTIONS, success=address_of("space.building.detail"),
)  # fmt: skip
BUILDING_EDIT = FormPage(
    code="space.building.edit", path="space/building/<int:pk>/edit/", title=lambda row: f"变更 {row.name}",
    permission=MANAGE, form=BuildingForm, rows=queries.managed_buildings, verb=changing(register.edit), sections=SECTIONS,
    history=queries.history, success=address_of("space.building.detail"),
)  # fmt: skip

ROOMS = ListPage(
    code="space.room",
    path="space/room/",
    title="房间台账",
    menu=MenuItem("space", order=20, icon="layout-list"),
    permission=VIEW,
    rows=queries.rooms,
    columns=(
        Column("number", "房间号", link=True, sortable=True),
        Column("building.name", "楼宇", sortable=True),
        STOREY,
        Column("kind", "类别", sortable=True),
        Column("purpose", "用途"),
        area("usable_area", "使用面积", sortable=True),
        ROOM_STATE,
        Column("user.name", "使用单位"),
        Column("unit.name", "管理单位", shown=False),
    ),
    search=("^number", "building.name", "=building.code", "purpose"),
    search_hint="房间号、楼宇、用途",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.ROOM.choices),
        ChoiceFilter("kind", "类别"),
        UnitFilter("unit", "管理单位", options=unit_options(VIEW)),
        UnitFilter("user", "使用单位", path="user_pos", options=unit_options(VIEW)),
        NumberRangeFilter("usable_area", "使用面积", unit="平方米"),
    ),
    default_sort=("building__code", "storey", "number"),
    views=(("全部", ""), ("闲置", "state=idle"), ("已调配", "state=allocated")),
    page_actions=(
        PageAction("登记房间", "space.room.create", icon="plus", style="primary"),
        PageAction("批量导入", "space.room.import", icon="upload"),
    ),
    export_name="房间台账",
    empty=EmptyState("还没有房间", "登记或导入楼宇内的房间。", PageAction("登记房间", "space.room.create")),
    search_global=True,
)
ROOM = DetailPage(
    code="space.room", path="space/room/<int:pk>/", title=lambda room: f"{room.building.name} {room.number} 室",
    permission=VIEW, rows=lambda actor: queries.rooms(actor).select_related("unit", "building", "user"), badge=ROOM_STATE,
    panels=(
        Panel("基本情况", fields=(
            Column("building.name", "楼宇"), STOREY, Column("number", "房间号"), Column("kind", "类别"),
            Column("purpose", "用途"), area("usable_area", "使用面积"), Column("unit.name", "管理单位"),
            Column("user.name", "使用单位"), Column("note", "备注"),
        )),
        RelatedList("使用人", rows=queries.occupants_of, permission="space.occupant.view", tab="基本信息",
                    columns=(Column("person.name", "姓名"), Column("person.duty", "职务"), Column("person.rank.name", "职级"),
                             area("share", "人均使用面积"), area("limit", "面积标准"), states(lifecycle.USER),
                             Date("valid_from", "启用日期"), Date("valid_to", "退出日期"))),
        RelatedList("调配记录", rows=queries.allocations_of, tab="调配记录", permission="space.allocation.view",
                    columns=(Column("unit.name", "使用单位"), states(lifecycle.ALLOCATION), Date("valid_from", "启用日期"),
                             Date("valid_to", "腾退日期"), Column("certificate_no", "分配使用凭证号"),
                             Column("document_no", "批准文号"))),
    ),
    actions=(
        VerbAction("allocate", "调配", verb=register.allocate, form=AllocateForm, permission="space.allocation.manage",
                   when=in_state("idle"), style="primary"),
        VerbAction("vacate", "腾退", verb=register.vacate_room, form=VacateForm, reason=True,
                   permission="space.allocation.manage", when=in_state("allocated"), style="danger"),
        VerbAction("close", "停用", verb=register.close_room, permission=MANAGE, reason=True, when=in_state("idle"),
                   style="danger"),
        VerbAction("reopen", "恢复使用", verb=register.reopen_room, permission=MANAGE, when=in_state("closed"),
                   confirm="恢复使用该房间？"),
    ),
    page_actions=(PageAction("变更", "space.room.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
ROOM_NEW = FormPage(
    code="space.room.create", path="space/room/new/", title="登记房间", permission=MANAGE, form=RoomForm,
    verb=making(register.add_room), success=address_of("space.room.detail"),
)  # fmt: skip
ROOM_EDIT = FormPage(
    code="space.room.edit", path="space/room/<int:pk>/edit/", title=lambda row: f"变更 {row.number} 室", permission=MANAGE,
    form=RoomForm, rows=lambda actor: queries.managed_rooms(actor).select_related("building"),
    verb=changing(register.edit_room), history=queries.history, success=address_of("space.room.detail"),
)  # fmt: skip
ROOM_IMPORT_PAGE = ImportPage(
    code="space.room", path="space/room/import/", title="批量导入房间", permission=MANAGE, importer=ROOM_IMPORT
)
