"""The register of vehicles."""

from __future__ import annotations

from django.db.models import Q

from zhiguan.kit.pages import (
    BoolFilter,
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

from .. import lifecycle, queries
from ..codes import Marking
from ..domain import pools, register
from ..forms import IntoPoolForm, MarkForm, VehicleForm
from ..importers import VEHICLE_IMPORT
from ..queries import establishment, tracks
from ..queries import fences as kept
from ..queries.devices import sign_ins_in
from .file import BLOCKS
from .parts import (
    MANAGE,
    ORDER_COLUMNS,
    TRIP_LIST_COLUMNS,
    VEHICLE_STATE,
    address_of,
    changing,
    in_state,
    making,
    states,
    unit_options,
)
from .places import HOLDER_COLUMNS
from .plans import DISPOSE
from .privacy import APPLY_LIFT
from .terminals import SIGN_INS, vehicle_media

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
    search=("^plate", "=vin", "~brand_model"),
    search_hint="车牌号、车辆识别代号、品牌型号",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.VEHICLE.choices),
        ChoiceFilter("kind", "车辆种类"),
        ChoiceFilter("energy", "能源类型"),
        UnitFilter("unit", "单位", options=unit_options("vehicles.vehicle.view")),
        DateRangeFilter("bought_on", "购置日期"),
        NumberRangeFilter("price_yuan", "购置价格（元）"),
        BoolFilter("held", "在账", condition=queries.ON_BOOKS),
        BoolFilter("over_standard", "超出标准", condition=establishment.standards.over_standard),
        ChoiceFilter("marking", "标识喷涂"),
        ChoiceFilter("tenure", "权属"),
        BoolFilter("pooled", "已入平台", condition=Q(pool__isnull=False)),
    ),
    default_sort="-created_at",
    views=(("全部", ""), ("在用", "state=in_service"), ("维修", "state=repair"), ("封存", "state=laid_up")),
    row_actions=(RowAction("变更", "vehicles.vehicle.edit", icon="edit"),),
    bulk_actions=(
        BulkAction("commission", "批量启用", verb=register.commission, permission=MANAGE, when=in_state("registered"),
                   confirm="启用所选的 {count} 辆车？"),
        BulkAction("lay_up", "批量封存", verb=register.lay_up, permission=MANAGE, reason=True, when=in_state("in_service"),
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
    rows=lambda actor: queries.vehicles(actor).select_related("unit", "place", "pool"),
    badge=VEHICLE_STATE,
    panels=(
        Panel("基本信息", fields=(
            Column("plate", "车牌号"), Column("unit.name", "所属单位"), Column("kind", "车辆种类"), Column("body", "车型"),
            Column("brand_model", "品牌型号"), Column("vin", "车辆识别代号"), Column("energy", "能源类型"),
            Number("displacement_l", "排气量", unit="升"), Money("price_yuan", "购置价格"), Column("seats", "核定载客"),
            Date("bought_on", "购置日期"), Date("registered_on", "注册登记日期"), Column("place.name", "停放地点"),
            Column("tenure", "权属"), Column("pool.name", "用车平台"), Column("note", "备注"),
        )),
        Custom("vehicles/vehicle_position.html", context=lambda vehicle, actor, request: tracks.position(vehicle, actor),
               title="当前位置", permission="vehicles.trip.view"),
        *BLOCKS,
        RelatedList("派车单", rows=queries.orders_of, columns=ORDER_COLUMNS[:8], tab="派车单", link="vehicles.order.detail",
                    permission="vehicles.order.view"),
        RelatedList("行程", rows=queries.trips_of, columns=TRIP_LIST_COLUMNS, tab="行程", permission="vehicles.trip.view"),
        Custom("vehicles/media.html", context=vehicle_media, title="影像", tab="影像", permission="vehicles.trip.view"),
        RelatedList("驾驶员刷卡", rows=sign_ins_in, tab="刷卡", columns=SIGN_INS, permission="vehicles.driver.view"),
        RelatedList("固定使用人", rows=kept.holders_of, tab="使用人与区域", link="vehicles.vehicleholder.detail",
                    permission="vehicles.holder.view", columns=HOLDER_COLUMNS),
        RelatedList("允许行驶区域", rows=kept.permitted_for, tab="使用人与区域", link="vehicles.permittedarea.detail",
                    permission="vehicles.place.view",
                    columns=(Column("name", "名称", link=True), states(lifecycle.PERMITTED), Date("valid_from", "起始日期"),
                             Date("valid_to", "终止日期"))),
        RelatedList("定位终端", rows=queries.terminals_of, tab="终端", link="vehicles.terminal.detail",
                    permission="vehicles.terminal.view",
                    columns=(Column("number", "终端手机号", link=True), states(lifecycle.TERMINAL),
                             Column("maker", "制造商"), Column("model", "型号"), Date("installed_on", "安装日期"))),
    ),
    actions=(
        VerbAction("commission", "启用", verb=register.commission, permission=MANAGE, when=in_state("registered"),
                   style="primary", confirm="启用后可以派车，确定启用？"),
        VerbAction("send_to_repair", "送修", verb=register.send_to_repair, permission=MANAGE, reason=True,
                   when=in_state("in_service")),
        VerbAction("return_from_repair", "修毕", verb=register.return_from_repair, permission=MANAGE, when=in_state("repair"),
                   style="primary", confirm="车辆已修好，恢复使用？"),
        VerbAction("lay_up", "封存", verb=register.lay_up, permission=MANAGE, reason=True, when=in_state("in_service")),
        VerbAction("recall", "解封", verb=register.recall, permission=MANAGE, when=in_state("laid_up"), style="primary",
                   confirm="解除封存，恢复使用？"),
        VerbAction("pool_vehicle", "入池出池", verb=pools.pool_vehicle, form=IntoPoolForm, permission=MANAGE,
                   when=lambda vehicle: vehicle.state != "disposed" and vehicle.tenure == "own"),
        VerbAction("mark", "喷涂标识", verb=register.mark, form=MarkForm, permission=MANAGE,
                   when=lambda row: row.marking != Marking.DONE and row.state != "disposed"),
        VerbAction("exempt_marking", "免喷涂", verb=register.exempt_marking, permission=MANAGE, reason=True,
                   when=lambda row: row.marking == Marking.PENDING and row.state != "disposed"),
        APPLY_LIFT,
        DISPOSE,
    ),
    page_actions=(
        PageAction("轨迹回放", "vehicles.replay", icon="route"),
        PageAction("变更", "vehicles.vehicle.edit", icon="edit"),
    ),
    history=queries.history,
    history_title="历史",
    print=True,
)  # fmt: skip

_VEHICLE_SECTIONS = (
    Section(
        "车辆",
        (
            "plate",
            "kind",
            "body",
            "brand_model",
            "vin",
            "engine_no",
            "certificate_no",
            "energy",
            "displacement_l",
            "seats",
        ),
    ),
    Section("归属与停放", ("unit", "place")),
    Section("购置", ("price_yuan", "bought_on", "registered_on", "special_need", "over_standard_note", "note")),
)
VEHICLE_NEW = FormPage(
    code="vehicles.vehicle.create", path="vehicles/vehicle/new/", title="登记车辆", permission=MANAGE, form=VehicleForm,
    verb=making(register.register), sections=_VEHICLE_SECTIONS, done="车辆已登记",
    success=address_of("vehicles.vehicle.detail"), help="登记后为“待启用”状态，指定停放地点后启用即可派车。",
)  # fmt: skip
VEHICLE_EDIT = FormPage(
    code="vehicles.vehicle.edit", path="vehicles/vehicle/<int:pk>/edit/", title=lambda vehicle: f"变更 {vehicle.plate}",
    permission=MANAGE, form=VehicleForm, rows=queries.vehicles, verb=changing(register.edit),
    sections=_VEHICLE_SECTIONS, history=queries.history, success=address_of("vehicles.vehicle.detail"),
)  # fmt: skip
VEHICLE_IMPORTING = ImportPage(
    code="vehicles.vehicle", path="vehicles/vehicle/import/", title="批量导入车辆", permission=MANAGE,
    importer=VEHICLE_IMPORT,
)  # fmt: skip
