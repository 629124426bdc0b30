"""Pages of official vehicles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse

from zhiguan.kernel.orgs.models import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    Bool,
    BulkAction,
    ChoiceFilter,
    Column,
    Custom,
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

from . import lifecycle, queries
from .codes import Match
from .domain import orders, register
from .forms import (
    DispatchForm,
    DriverForm,
    EndForm,
    PlaceForm,
    QuotaForm,
    RateForm,
    RedispatchForm,
    RequestForm,
    StartForm,
    TerminalForm,
    VehicleForm,
)
from .importers import VEHICLE_IMPORT


def _states(life: Any, title: str = "状态") -> Column:
    return Badge("state", title, life.colours, choices=life.choices)


def unit_options(permission: str) -> Callable[[Actor], Iterable[tuple]]:
    """Return the unit filter's options: organs and districts that the permission reaches."""

    def options(actor: Actor) -> Iterable[tuple]:
        units = Unit.objects.open().of_kind("city", "district", "organ").filter(actor.scope(permission).q("pos"))
        return units.values_list("code", "name", "pos", "pos_end")

    return options


def _in(*states: str) -> Callable[[Any], bool]:
    return lambda row: row.state in states


def _address(name: str) -> Callable[[Any, Actor], str]:
    return lambda row, actor: reverse(name, args=[row.pk])


def _sending(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    """Return a form page's verb that makes something new."""
    return lambda actor, row, values: verb(actor, **values)


def _editing(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    return lambda actor, row, values: verb(actor, row, **values)


VEHICLE_STATE = _states(lifecycle.VEHICLE)
ORDER_STATE = _states(lifecycle.ORDER)
MATCH = Badge("match", "匹配结果", {Match.MATCHED: "green", Match.OVERRUN: "yellow", Match.DEVIATED: "orange",
                                 Match.NO_ORDER: "red"}, choices=Match.choices)  # fmt: skip
MANAGE = "vehicles.vehicle.manage"

ORDER_COLUMNS = (
    Column("code", "单号", link=True, sortable=True),
    ORDER_STATE,
    Column("unit.name", "用车单位"),
    Column("requester.name", "申请人"),
    Column("purpose", "事由", wide=True),
    Column("destination", "目的地"),
    DateTime("planned_from", "用车时间", sortable=True),
    DateTime("planned_to", "预计结束", shown=False),
    Column("vehicle.plate", "车辆"),
    Column("driver.person.name", "驾驶员"),
    Column("kind", "类别", shown=False),
    DateTime("created_at", "申请时间", sortable=True, shown=False),
)
TRIP_COLUMNS = (
    DateTime("start_at", "出发", sortable=True, link=lambda trip: replay_url(trip.vehicle_id, trip.day, trip.pk)),
    DateTime("end_at", "到达"),
    Column("vehicle.plate", "车辆"),
    Number("distance_km", "里程", value=lambda trip: trip.distance_m / 1000, needs=("distance_m",), sort="distance_m",
           digits=1, unit="公里"),
    Number("max_speed_kmh", "最高速度", digits=0, unit="公里/小时", shown=False),
    MATCH,
    Column("order.code", "派车单", link=lambda trip: reverse("vehicles.order.detail", args=[trip.order_id])
           if trip.order_id else ""),
    Column("unit.name", "单位"),
)  # fmt: skip


def replay_url(vehicle_id: int, day: Any, trip: int | None = None) -> str:
    """Return the address of a vehicle's replay of one day."""
    address = reverse("vehicles.replay", args=[vehicle_id]) + f"?day={day:%Y-%m-%d}"
    return f"{address}&trip={trip}" if trip else address


VEHICLES = ListPage(
    code="vehicles.vehicle",
    path="vehicles/vehicle/",
    title="车辆台账",
    menu=MenuItem("vehicles", order=30, icon="car"),
    permission="vehicles.vehicle.view",
    rows=queries.vehicles,
    columns=(
        Column("plate", "车牌号", link=True, sortable=True),
        VEHICLE_STATE,
        Column("unit.name", "所属单位", sortable=True, sort="scope_pos"),
        Column("kind", "车辆种类"),
        Column("brand_model", "品牌型号"),
        Column("energy", "能源"),
        Column("place.name", "停放地点"),
        Money("price_yuan", "购置价格", sortable=True),
        Date("bought_on", "购置日期", sortable=True),
        Column("body", "车型", shown=False),
        Column("seats", "核定载客", shown=False),
        Column("vin", "车辆识别代号", shown=False),
        DateTime("created_at", "登记时间", sortable=True, shown=False),
    ),
    search=("^plate", "=vin", "brand_model"),
    search_hint="车牌号、车辆识别代号、品牌型号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.VEHICLE.choices),
        ChoiceFilter("kind", "车辆种类"),
        ChoiceFilter("energy", "能源类型"),
        UnitFilter("unit", "单位", options=unit_options("vehicles.vehicle.view")),
        DateRangeFilter("bought_on", "购置日期"),
        NumberRangeFilter("price_yuan", "购置价格（元）"),
    ),
    default_sort="-created_at",
    views=(("全部", ""), ("在用", "state=in_service"), ("维修", "state=repair"), ("封存", "state=laid_up")),
    row_actions=(RowAction("变更", "vehicles.vehicle.edit", icon="edit"),),
    bulk_actions=(
        BulkAction("commission", "批量启用", verb=register.commission, permission=MANAGE, when=_in("registered"),
                   confirm="启用所选的 {count} 辆车？"),
        BulkAction("lay_up", "批量封存", verb=register.lay_up, permission=MANAGE, reason=True, when=_in("in_service"),
                   confirm="封存所选的 {count} 辆车？"),
    ),
    page_actions=(
        PageAction("登记车辆", "vehicles.vehicle.create", icon="plus", style="primary"),
        PageAction("批量导入", "vehicles.vehicle.import", icon="upload"),
    ),
    export_name="车辆台账",
    empty=EmptyState("还没有车辆", "登记车辆或从 Excel 批量导入后，在这里管理。",
                     PageAction("登记车辆", "vehicles.vehicle.create")),
    search_global=True,
)  # fmt: skip

VEHICLE = DetailPage(
    code="vehicles.vehicle",
    path="vehicles/vehicle/<int:pk>/",
    title=lambda vehicle: vehicle.plate,
    subtitle=lambda vehicle: f"{vehicle.unit.name} · {vehicle.get_kind_display()} · {vehicle.brand_model}",
    permission="vehicles.vehicle.view",
    rows=lambda actor: queries.vehicles(actor).select_related("unit", "place"),
    badge=VEHICLE_STATE,
    panels=(
        Panel("基本信息", fields=(
            Column("plate", "车牌号"), Column("unit.name", "所属单位"), Column("kind", "车辆种类"), Column("body", "车型"),
            Column("brand_model", "品牌型号"), Column("vin", "车辆识别代号"), Column("energy", "能源类型"),
            Number("displacement_l", "排气量", unit="升"), Money("price_yuan", "购置价格"), Column("seats", "核定载客"),
            Date("bought_on", "购置日期"), Date("registered_on", "注册登记日期"), Column("place.name", "停放地点"),
            Column("note", "备注"),
        )),
        Custom("vehicles/vehicle_position.html", context=lambda vehicle, actor, request: queries.position(vehicle, actor),
               title="当前位置", permission="vehicles.trip.view"),
        RelatedList("派车单", rows=queries.orders_of, columns=ORDER_COLUMNS[:8], tab="派车单", link="vehicles.order.detail",
                    permission="vehicles.order.view"),
        RelatedList("行程", rows=queries.trips_of, columns=TRIP_COLUMNS, tab="行程", permission="vehicles.trip.view"),
        RelatedList("定位终端", rows=queries.terminals_of, tab="定位终端", link="vehicles.terminal.detail",
                    permission="vehicles.terminal.view",
                    columns=(Column("number", "终端手机号", link=True), _states(lifecycle.TERMINAL),
                             Column("maker", "制造商"), Column("model", "型号"), Date("installed_on", "安装日期"))),
    ),
    actions=(
        VerbAction("commission", "启用", verb=register.commission, permission=MANAGE, when=_in("registered"),
                   style="primary", confirm="启用后可以派车，确定启用？"),
        VerbAction("send_to_repair", "送修", verb=register.send_to_repair, permission=MANAGE, reason=True,
                   when=_in("in_service")),
        VerbAction("return_from_repair", "修毕", verb=register.return_from_repair, permission=MANAGE, when=_in("repair"),
                   style="primary", confirm="车辆已修好，恢复使用？"),
        VerbAction("lay_up", "封存", verb=register.lay_up, permission=MANAGE, reason=True, when=_in("in_service")),
        VerbAction("recall", "解封", verb=register.recall, permission=MANAGE, when=_in("laid_up"), style="primary",
                   confirm="解除封存，恢复使用？"),
        VerbAction("dispose", "处置", verb=register.dispose, permission=MANAGE, reason=True, style="danger",
                   when=_in("in_service", "laid_up", "repair"), help="处置后车辆不再参与派车，定位终端同时拆除。"),
    ),
    page_actions=(
        PageAction("轨迹回放", "vehicles.replay", icon="route"),
        PageAction("变更", "vehicles.vehicle.edit", icon="edit"),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip

_VEHICLE_SECTIONS = (
    Section("车辆", ("plate", "kind", "body", "brand_model", "vin", "energy", "displacement_l", "seats")),
    Section("归属与停放", ("unit", "place")),
    Section("购置", ("price_yuan", "bought_on", "registered_on", "note")),
)
VEHICLE_NEW = FormPage(
    code="vehicles.vehicle.create", path="vehicles/vehicle/new/", title="登记车辆", permission=MANAGE, form=VehicleForm,
    verb=_sending(register.register), sections=_VEHICLE_SECTIONS, done="车辆已登记",
    success=_address("vehicles.vehicle.detail"), help="登记后为“待启用”状态，指定停放地点后启用即可派车。",
)  # fmt: skip
VEHICLE_EDIT = FormPage(
    code="vehicles.vehicle.edit", path="vehicles/vehicle/<int:pk>/edit/", title=lambda vehicle: f"变更 {vehicle.plate}",
    permission=MANAGE, form=VehicleForm, rows=queries.vehicles, verb=_editing(register.edit),
    sections=_VEHICLE_SECTIONS, history=queries.history, success=_address("vehicles.vehicle.detail"),
)  # fmt: skip
VEHICLE_IMPORTING = ImportPage(
    code="vehicles.vehicle", path="vehicles/vehicle/import/", title="批量导入车辆", permission=MANAGE,
    importer=VEHICLE_IMPORT,
)  # fmt: skip

# --- orders -----------------------------------------------------------------------------------------------------------

_ORDER_FILTERS = (
    ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices, facets=False),
    ChoiceFilter("kind", "类别", facets=False),
    UnitFilter("unit", "单位", options=unit_options("vehicles.order.view")),
    DateRangeFilter("planned_from", "用车时间"),
)
ORDERS = ListPage(
    code="vehicles.order",
    path="vehicles/order/",
    title="派车单",
    menu=MenuItem("vehicles", order=12, icon="clipboard-list"),
    permission="vehicles.order.view",
    scope_persons=("requester_id", "driver_person_id"),
    rows=queries.orders,
    columns=ORDER_COLUMNS,
    search=("^code", "=vehicle.plate", "=requester.name"),
    search_hint="单号、车牌号、申请人姓名",
    filters=_ORDER_FILTERS,
    default_sort="-created_at",
    views=(("全部", ""), ("待审批", "state=requested"), ("待派车", "state=approved"), ("出车中", "state=started")),
    page_actions=(PageAction("申请用车", "vehicles.order.create", icon="plus", style="primary"),),
    export_name="派车单",
    empty=EmptyState("还没有派车单", "申请用车后，在这里查看审批和派车进展。", PageAction("申请用车", "vehicles.order.create")),
    search_global=True,
)
MY_REQUESTS = ListPage(
    code="vehicles.order.mine",
    path="vehicles/order/mine/",
    title="我的用车申请",
    menu=MenuItem("vehicles", order=2, icon="file-text"),
    permission="vehicles.order.request",
    scope_persons=("requester_id",),
    rows=queries.my_requests,
    columns=tuple(column for column in ORDER_COLUMNS if column.name not in ("unit.name", "requester.name")),
    search=("^code", "destination", "purpose"),
    search_hint="单号、目的地、事由",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices), DateRangeFilter("planned_from", "用车时间")),
    default_sort="-created_at",
    page_actions=(PageAction("申请用车", "vehicles.order.create", icon="plus", style="primary"),),
    detail="vehicles.order.detail",
    empty=EmptyState("还没有用车申请", "", PageAction("申请用车", "vehicles.order.create")),
)
TO_APPROVE = ListPage(
    code="vehicles.order.approving",
    path="vehicles/order/to-approve/",
    title="待我审批",
    menu=MenuItem("vehicles", order=4, icon="checkbox", badge=lambda actor: queries.to_approve(actor)[:100].count()),
    permission="vehicles.order.approve",
    rows=queries.to_approve,
    columns=ORDER_COLUMNS[:7],
    search=("^code", "=requester.name", "destination"),
    search_hint="单号、申请人、目的地",
    filters=(ChoiceFilter("kind", "类别"), DateRangeFilter("planned_from", "用车时间")),
    default_sort="planned_from",
    bulk_actions=(
        BulkAction("approve", "批量批准", verb=orders.approve, permission="vehicles.order.approve", icon="check",
                   style="primary", confirm="批准所选的 {count} 件申请？"),
        BulkAction("refuse", "批量不批准", verb=orders.refuse, permission="vehicles.order.approve", reason=True),
    ),
    detail="vehicles.order.detail",
    empty=EmptyState("没有待审批的用车申请", "新的申请会出现在这里。"),
)  # fmt: skip
TO_DISPATCH = ListPage(
    code="vehicles.order.dispatching",
    path="vehicles/order/to-dispatch/",
    title="待派车",
    menu=MenuItem("vehicles", order=6, icon="steering-wheel", badge=lambda actor: queries.to_dispatch(actor)[:100].count()),
    permission="vehicles.order.dispatch",
    rows=queries.to_dispatch,
    columns=ORDER_COLUMNS[:7],
    search=("^code", "=requester.name", "destination"),
    search_hint="单号、申请人、目的地",
    filters=(ChoiceFilter("kind", "类别"), DateRangeFilter("planned_from", "用车时间")),
    default_sort="planned_from",
    row_actions=(RowAction("派车", "vehicles.order.dispatch", icon="steering-wheel"),),
    detail="vehicles.order.detail",
    empty=EmptyState("没有待派车的申请", "审批通过的申请会出现在这里。"),
)
MY_DRIVES = ListPage(
    code="vehicles.order.driving",
    path="vehicles/order/my-drives/",
    title="我的出车任务",
    menu=MenuItem("vehicles", order=8, icon="steering-wheel"),
    permission="vehicles.order.drive",
    scope_persons=("driver_person_id",),
    rows=queries.my_drives,
    columns=(ORDER_COLUMNS[0], ORDER_STATE, DateTime("planned_from", "用车时间", sortable=True), Column("origin", "上车地点"),
             Column("destination", "目的地"), Column("passengers", "乘车人"), Column("vehicle.plate", "车辆")),
    search=("^code", "destination"),
    search_hint="单号、目的地",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices), DateRangeFilter("planned_from", "用车时间")),
    default_sort="-planned_from",
    views=(("全部", ""), ("待出车", "state=dispatched"), ("出车中", "state=started")),
    detail="vehicles.order.detail",
    empty=EmptyState("没有出车任务", "派给您的任务会出现在这里。"),
)  # fmt: skip

ORDER = DetailPage(
    code="vehicles.order",
    path="vehicles/order/<int:pk>/",
    title=lambda order: order.code,
    subtitle=lambda order: f"{order.unit.name} · {order.requester.name} · {order.purpose}",
    permission="vehicles.order.view",
    scope_persons=("requester_id", "driver_person_id"),
    rows=lambda actor: queries.orders(actor).select_related("unit", "requester", "vehicle", "driver__person"),
    badge=ORDER_STATE,
    panels=(
        Panel("用车", fields=(
            Column("code", "单号"), Column("kind", "类别"), Column("unit.name", "用车单位"), Column("requester.name", "申请人"),
            Column("purpose", "事由"), Column("passengers", "乘车人"), Column("passenger_count", "乘车人数"),
            Column("origin", "上车地点"), Column("destination", "目的地"), DateTime("planned_from", "用车时间"),
            DateTime("planned_to", "预计结束"),
        )),
        Panel("派车", fields=(
            Column("vehicle.plate", "车辆"), Column("driver.person.name", "驾驶员"), Column("driver.phone", "驾驶员电话"),
            Column("approved_by", "审批人"), Column("dispatched_by", "派车人"),
        )),
        Panel("执行", fields=(
            DateTime("started_at", "出车时间"), DateTime("ended_at", "收车时间"),
            Number("odometer_start_km", "出车里程表", unit="公里"), Number("odometer_end_km", "收车里程表", unit="公里"),
            Column("rating", "评价", unit="分"), Column("rating_note", "评价意见"),
        ), when=lambda order: order.started_at is not None),
        RelatedList("匹配的行程", rows=queries.trips_for, columns=TRIP_COLUMNS[:6], tab="行程",
                    permission="vehicles.trip.view"),
    ),
    actions=(
        VerbAction("approve", "批准", verb=orders.approve, permission="vehicles.order.approve", style="primary",
                   when=_in("requested"), confirm="批准这件用车申请？"),
        VerbAction("refuse", "不批准", verb=orders.refuse, permission="vehicles.order.approve", reason=True,
                   when=_in("requested"), style="danger"),
        VerbAction("dispatch", "派车", verb=orders.dispatch, form=DispatchForm, permission="vehicles.order.dispatch",
                   style="primary", when=_in("approved")),
        VerbAction("redispatch", "改派", verb=orders.redispatch, form=RedispatchForm,
                   permission="vehicles.order.dispatch", when=_in("dispatched")),
        VerbAction("start", "出车", verb=orders.start, form=StartForm, permission="vehicles.order.drive", style="primary",
                   when=_in("dispatched"), help="出车前请检查车况并记录里程表读数。"),
        VerbAction("end", "收车", verb=orders.end, form=EndForm, permission="vehicles.order.drive", style="primary",
                   when=_in("started")),
        VerbAction("rate", "评价", verb=orders.rate, form=RateForm, permission="vehicles.order.request",
                   when=lambda order: order.state == "ended" and order.rating is None),
        VerbAction("cancel", "取消", verb=orders.cancel, permission="vehicles.order.view", reason=True,
                   when=_in("requested", "approved", "dispatched")),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip
ORDER_NEW = FormPage(
    code="vehicles.order.create", path="vehicles/order/new/", title="申请用车", permission="vehicles.order.request",
    form=RequestForm, verb=_sending(orders.request), submit="提交申请", done="用车申请已提交",
    success=_address("vehicles.order.detail"),
    sections=(Section("事由", ("kind", "purpose", "passengers", "passenger_count")),
              Section("行程", ("origin", "destination", "planned_from", "planned_to"))),
)  # fmt: skip

# --- places, terminals, drivers, quotas, trips ------------------------------------------------------------------------

PLACES = ListPage(
    code="vehicles.place",
    path="vehicles/place/",
    title="停放地点",
    menu=MenuItem("vehicles", order=36, icon="parking"),
    permission="vehicles.place.view",
    rows=queries.places,
    columns=(Column("name", "名称", link=True, sortable=True), _states(lifecycle.PLACE), Column("unit.name", "所属单位"),
             Column("address", "地址"), Number("radius_m", "场地半径", unit="米"), Number("lat", "纬度", shown=False),
             Number("lon", "经度", shown=False)),
    search=("name", "address"),
    search_hint="名称、地址",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.PLACE.choices),
             UnitFilter("unit", "单位", options=unit_options("vehicles.place.view"))),
    default_sort="name",
    page_actions=(PageAction("登记停放地点", "vehicles.place.create", icon="plus", style="primary"),),
    export_name="停放地点",
    empty=EmptyState("还没有停放地点", "登记后才能为车辆指定停放地点。", PageAction("登记停放地点", "vehicles.place.create")),
)  # fmt: skip
PLACE = DetailPage(
    code="vehicles.place", path="vehicles/place/<int:pk>/", title=lambda place: place.name,
    permission="vehicles.place.view", rows=lambda actor: queries.places(actor).select_related("unit"),
    badge=_states(lifecycle.PLACE),
    panels=(
        Panel("基本信息", fields=(Column("name", "名称"), Column("unit.name", "所属单位"), Column("address", "地址"),
                              Number("lat", "纬度", digits=6), Number("lon", "经度", digits=6),
                              Number("radius_m", "场地半径", unit="米"))),
        RelatedList("停放车辆", rows=lambda place, actor: queries.vehicles(actor).filter(place=place), tab="停放车辆",
                    link="vehicles.vehicle.detail", permission="vehicles.vehicle.view",
                    columns=(Column("plate", "车牌号", link=True), VEHICLE_STATE, Column("brand_model", "品牌型号"))),
    ),
    actions=(VerbAction("close", "停用", verb=register.close_place, permission="vehicles.place.manage", reason=True,
                        when=_in("active"), style="danger"),),
    page_actions=(PageAction("变更", "vehicles.place.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
PLACE_NEW = FormPage(
    code="vehicles.place.create", path="vehicles/place/new/", title="登记停放地点", permission="vehicles.place.manage",
    form=PlaceForm, verb=_sending(register.add_place), success=_address("vehicles.place.detail"),
)  # fmt: skip
PLACE_EDIT = FormPage(
    code="vehicles.place.edit", path="vehicles/place/<int:pk>/edit/", title=lambda place: f"变更 {place.name}",
    permission="vehicles.place.manage", form=PlaceForm, rows=queries.places, verb=_editing(register.edit_place),
    history=queries.history, success=_address("vehicles.place.detail"),
)  # fmt: skip

TERMINALS = ListPage(
    code="vehicles.terminal",
    path="vehicles/terminal/",
    title="定位终端",
    menu=MenuItem("vehicles", order=38, icon="device-mobile"),
    permission="vehicles.terminal.view",
    rows=lambda actor: queries.terminals(actor).select_related("source__session"),
    columns=(Column("number", "终端手机号", link=True, sortable=True), _states(lifecycle.TERMINAL),
             Column("vehicle.plate", "安装车辆"), Column("unit.name", "单位"), Column("maker", "制造商"),
             Column("model", "型号"), DateTime("source.last_seen_at", "最近上线", sortable=True),
             Date("installed_on", "安装日期", shown=False)),
    search=("^number", "=vehicle.plate"),
    search_hint="终端手机号、车牌号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.TERMINAL.choices),
             UnitFilter("unit", "单位", options=unit_options("vehicles.terminal.view")),
             DateRangeFilter("seen", "最近上线", path="source.last_seen_at")),
    default_sort="number",
    page_actions=(PageAction("安装终端", "vehicles.terminal.create", icon="plus", style="primary"),),
    export_name="定位终端",
    empty=EmptyState("还没有定位终端", "安装终端后，车辆位置会出现在实时地图上。",
                     PageAction("安装终端", "vehicles.terminal.create")),
)  # fmt: skip
TERMINAL = DetailPage(
    code="vehicles.terminal", path="vehicles/terminal/<int:pk>/", title=lambda terminal: terminal.number,
    permission="vehicles.terminal.view",
    rows=lambda actor: queries.terminals(actor).select_related("unit", "vehicle", "source"),
    badge=_states(lifecycle.TERMINAL),
    panels=(
        Panel("终端", fields=(Column("number", "终端手机号"), Column("vehicle.plate", "安装车辆"), Column("unit.name", "单位"),
                            Column("maker", "制造商"), Column("model", "型号"), Date("installed_on", "安装日期"))),
        Panel("通信", fields=(DateTime("source.first_seen_at", "首次上线"), DateTime("source.last_seen_at", "最近上线"),
                            Column("source.device_id", "终端设备编号"), Column("source.firmware", "固件版本"),
                            Bool("source.active", "允许接入"))),
    ),
    actions=(VerbAction("close", "拆除", verb=register.remove_terminal, permission="vehicles.terminal.manage", reason=True,
                        when=_in("active"), style="danger", help="拆除后该终端不能再接入，历史轨迹保留。"),),
    history=queries.history,
)  # fmt: skip
TERMINAL_NEW = FormPage(
    code="vehicles.terminal.create", path="vehicles/terminal/new/", title="安装终端",
    permission="vehicles.terminal.manage", form=TerminalForm, verb=_sending(register.install_terminal),
    success=_address("vehicles.terminal.detail"),
)  # fmt: skip

DRIVERS = ListPage(
    code="vehicles.driver",
    path="vehicles/driver/",
    title="驾驶员",
    menu=MenuItem("vehicles", order=34, icon="id-badge"),
    permission="vehicles.driver.view",
    scope_persons=("person_id",),
    rows=queries.drivers,
    columns=(Column("person.name", "姓名", link=True), _states(lifecycle.DRIVER), Column("unit.name", "单位"),
             Column("licence_class", "准驾车型"), Date("licence_expires_on", "驾驶证有效期至", sortable=True),
             Column("phone", "联系电话")),
    search=("=person.name", "^person.pinyin", "^person.initials"),
    search_hint="姓名、拼音、首字母",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.DRIVER.choices), ChoiceFilter("licence_class", "准驾车型"),
             UnitFilter("unit", "单位", options=unit_options("vehicles.driver.view")),
             DateRangeFilter("licence_expires_on", "驾驶证有效期")),
    default_sort="licence_expires_on",
    page_actions=(PageAction("登记驾驶员", "vehicles.driver.create", icon="plus", style="primary"),),
    export_name="驾驶员",
    empty=EmptyState("还没有驾驶员", "", PageAction("登记驾驶员", "vehicles.driver.create")),
    search_global=True,
)  # fmt: skip
DRIVER = DetailPage(
    code="vehicles.driver", path="vehicles/driver/<int:pk>/", title=lambda driver: driver.person.name,
    permission="vehicles.driver.view", scope_persons=("person_id",),
    rows=lambda actor: queries.drivers(actor).select_related("unit", "person"), badge=_states(lifecycle.DRIVER),
    panels=(
        Panel("基本信息", fields=(Column("person.name", "姓名"), Column("person.code", "人员编号"), Column("unit.name", "单位"),
                              Column("licence_class", "准驾车型"), Date("licence_expires_on", "驾驶证有效期至"),
                              Column("phone", "联系电话"))),
        RelatedList("出车任务", rows=lambda driver, actor: queries.orders(actor).filter(driver=driver), tab="出车任务",
                    columns=ORDER_COLUMNS[:7], link="vehicles.order.detail", permission="vehicles.order.view"),
    ),
    actions=(
        VerbAction("close", "停驾", verb=register.close_driver, permission="vehicles.driver.manage", reason=True,
                   when=_in("active"), style="danger"),
        VerbAction("reopen", "恢复驾驶", verb=register.reopen_driver, permission="vehicles.driver.manage",
                   when=_in("closed"), confirm="恢复该驾驶员出车？"),
    ),
    page_actions=(PageAction("变更", "vehicles.driver.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
DRIVER_NEW = FormPage(
    code="vehicles.driver.create", path="vehicles/driver/new/", title="登记驾驶员", permission="vehicles.driver.manage",
    form=DriverForm, verb=_sending(register.add_driver), success=_address("vehicles.driver.detail"),
)  # fmt: skip
DRIVER_EDIT = FormPage(
    code="vehicles.driver.edit", path="vehicles/driver/<int:pk>/edit/", title=lambda driver: f"变更 {driver.person.name}",
    permission="vehicles.driver.manage", form=DriverForm, rows=queries.drivers, verb=_editing(register.edit_driver),
    history=queries.history, success=_address("vehicles.driver.detail"),
)  # fmt: skip

QUOTAS = ListPage(
    code="vehicles.quota",
    path="vehicles/quota/",
    title="车辆编制",
    menu=MenuItem("vehicles", order=32, icon="list-numbers"),
    permission="vehicles.quota.view",
    rows=queries.quotas_with_held,
    columns=(Column("unit.name", "单位", link=True), Column("kind", "车辆种类"),
             Number("quota", "编制数", unit="辆", sortable=True), Number("held", "实有数", unit="辆"),
             Badge("over", "超编", {True: "red", False: "green"}, choices={True: "超编", False: "未超编"},
                   value=lambda row: row.held > row.quota, needs=("quota",)),
             Date("valid_from", "起始日期", sortable=True), Date("valid_to", "终止日期"), Column("document_no", "批准文号")),
    search=("unit.name", "document_no"),
    search_hint="单位、批准文号",
    filters=(ChoiceFilter("kind", "车辆种类"), UnitFilter("unit", "单位", options=unit_options("vehicles.quota.view"))),
    default_sort=("scope_pos", "kind"),
    page_actions=(PageAction("核定编制", "vehicles.quota.create", icon="plus", style="primary"),),
    export_name="车辆编制",
    empty=EmptyState("还没有核定编制", "", PageAction("核定编制", "vehicles.quota.create")),
)  # fmt: skip
QUOTA = DetailPage(
    code="vehicles.quota", path="vehicles/quota/<int:pk>/",
    title=lambda quota: f"{quota.unit.name} · {quota.get_kind_display()}", permission="vehicles.quota.view",
    rows=lambda actor: queries.quotas(actor).select_related("unit"), badge=_states(lifecycle.QUOTA),
    panels=(
        Panel("编制", fields=(Column("unit.name", "单位"), Column("kind", "车辆种类"), Number("quota", "编制数", unit="辆"),
                            Date("valid_from", "起始日期"), Date("valid_to", "终止日期"), Column("document_no", "批准文号"))),
        RelatedList("在编车辆", tab="在编车辆", link="vehicles.vehicle.detail", permission="vehicles.vehicle.view",
                    rows=lambda quota, actor: queries.held_by(quota, actor),
                    columns=(Column("plate", "车牌号", link=True), VEHICLE_STATE, Column("brand_model", "品牌型号"))),
    ),
    history=queries.history,
)  # fmt: skip
QUOTA_NEW = FormPage(
    code="vehicles.quota.create", path="vehicles/quota/new/", title="核定编制", permission="vehicles.quota.manage",
    form=QuotaForm, verb=_sending(register.set_quota), success=_address("vehicles.quota.detail"),
    help="核定新编制后，同一单位同一种类的现行编制自动终止于新编制的起始日期。",
)  # fmt: skip

TRIPS = ListPage(
    code="vehicles.trip",
    path="vehicles/trip/",
    title="行程",
    menu=MenuItem("vehicles", order=22, icon="route"),
    permission="vehicles.trip.view",
    rows=queries.trips,
    columns=TRIP_COLUMNS,
    search=("^vehicle.plate", "=order.code"),
    search_hint="车牌号、派车单号",
    filters=(ChoiceFilter("match", "匹配结果", facets=False),
             UnitFilter("unit", "单位", options=unit_options("vehicles.trip.view")),
             DateRangeFilter("day", "日期"), NumberRangeFilter("distance_m", "里程（米）")),
    default_sort="-start_at",
    views=(("全部", ""), ("无派车单", "match=no_order"), ("超出时段", "match=overrun")),
    export_name="行程",
    note="行程由卫星定位数据计算得出；补传数据到达后自动重算。",
    empty=EmptyState("还没有行程", "车辆安装定位终端并行驶后，行程会自动出现。"),
)  # fmt: skip
