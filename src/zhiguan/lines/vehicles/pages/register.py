"""Parking places, drivers and quotas."""

from __future__ import annotations

from django.db.models import F, Q

from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import pools, register
from ..forms import DriverForm, IntoPoolForm, NewDriverForm, PlaceForm, QuotaForm
from ..queries import dues, life
from .due import DUE_COLUMNS
from .mishaps import ACCIDENT_COLUMNS, VIOLATION_COLUMNS
from .parts import (
    ORDER_COLUMNS,
    VEHICLE_STATE,
    address_of,
    changing,
    in_state,
    making,
    states,
    unit_options,
)

PLACES = ListPage(
    code="vehicles.place",
    path="vehicles/place/",
    title="停放地点",
    menu=MenuItem("vehicles", order=36, icon="parking"),
    permission="vehicles.place.view",
    rows=queries.places,
    columns=(Column("name", "名称", link=True, sortable=True), states(lifecycle.PLACE), Column("unit.name", "所属单位"),
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
    badge=states(lifecycle.PLACE),
    panels=(
        Panel("基本信息", fields=(Column("name", "名称"), Column("unit.name", "所属单位"), Column("address", "地址"),
                              Number("lat", "纬度", digits=6), Number("lon", "经度", digits=6),
                              Number("radius_m", "场地半径", unit="米"))),
        RelatedList("停放车辆", rows=lambda place, actor: queries.vehicles(actor).filter(place=place), tab="停放车辆",
                    link="vehicles.vehicle.detail", permission="vehicles.vehicle.view",
                    columns=(Column("plate", "车牌号", link=True), VEHICLE_STATE, Column("brand_model", "品牌型号"))),
    ),
    actions=(
        VerbAction("close", "停用", verb=register.close_place, permission="vehicles.place.manage", reason=True,
                   when=in_state("active"), style="danger"),
        VerbAction("reopen", "恢复", verb=register.reopen_place, permission="vehicles.place.manage",
                   when=in_state("closed"), confirm="恢复该停放地点？恢复后可再为车辆指定。"),
    ),
    page_actions=(PageAction("变更", "vehicles.place.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
PLACE_NEW = FormPage(
    code="vehicles.place.create", path="vehicles/place/new/", title="登记停放地点", permission="vehicles.place.manage",
    form=PlaceForm, verb=making(register.add_place), success=address_of("vehicles.place.detail"),
)  # fmt: skip
PLACE_EDIT = FormPage(
    code="vehicles.place.edit", path="vehicles/place/<int:pk>/edit/", title=lambda place: f"变更 {place.name}",
    permission="vehicles.place.manage", form=PlaceForm, rows=queries.places, verb=changing(register.edit_place),
    history=queries.history, success=address_of("vehicles.place.detail"),
)  # fmt: skip

DRIVERS = ListPage(
    code="vehicles.driver",
    path="vehicles/driver/",
    title="驾驶员",
    menu=MenuItem("vehicles", order=34, icon="id-badge"),
    permission="vehicles.driver.view",
    scope_persons=("person_id",),
    rows=queries.drivers,
    columns=(Column("person.name", "姓名", link=True), states(lifecycle.DRIVER), Column("unit.name", "单位"),
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
    print=True,
    code="vehicles.driver", path="vehicles/driver/<int:pk>/", title=lambda driver: driver.person.name,
    permission="vehicles.driver.view", scope_persons=("person_id",),
    rows=lambda actor: queries.drivers(actor).select_related("unit", "person"), badge=states(lifecycle.DRIVER),
    panels=(
        Panel("基本信息", fields=(Column("person.name", "姓名"), Column("person.code", "人员编号"), Column("unit.name", "单位"),
                              Column("licence_class", "准驾车型"), Date("licence_expires_on", "驾驶证有效期至"),
                              Date("licence_issued_on", "初次领证日期"), Date("medical_due_on", "身体条件证明到期"),
                              Date("review_due_on", "年度审验到期"), Column("phone", "联系电话"))),
        RelatedList("到期提醒", rows=dues.of_driver, columns=DUE_COLUMNS, tab="到期与违法"),
        Custom("vehicles/driver_points.html", context=lambda row, actor, request: life.points_of(row, actor),
               title="记分", tab="到期与违法"),
        RelatedList("交通违法", rows=life.violations_of_driver, columns=VIOLATION_COLUMNS, tab="到期与违法",
                    link="vehicles.violation.detail"),
        RelatedList("事故", rows=life.accidents_of_driver, columns=ACCIDENT_COLUMNS, tab="到期与违法",
                    link="vehicles.accident.detail"),
        RelatedList("出车任务", rows=lambda driver, actor: queries.orders(actor).filter(driver=driver), tab="出车任务",
                    columns=ORDER_COLUMNS[:7], link="vehicles.order.detail", permission="vehicles.order.view"),
    ),
    actions=(
        VerbAction("pool_driver", "入池出池", verb=pools.pool_driver, form=IntoPoolForm, permission="vehicles.driver.manage",
                   when=in_state("active")),
        VerbAction("close", "停驾", verb=register.close_driver, permission="vehicles.driver.manage", reason=True,
                   when=in_state("active"), style="danger"),
        VerbAction("reopen", "恢复驾驶", verb=register.reopen_driver, permission="vehicles.driver.manage",
                   when=in_state("closed"), confirm="恢复该驾驶员出车？"),
    ),
    page_actions=(PageAction("变更", "vehicles.driver.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
DRIVER_NEW = FormPage(
    code="vehicles.driver.create", path="vehicles/driver/new/", title="登记驾驶员", permission="vehicles.driver.manage",
    form=NewDriverForm, verb=making(register.add_driver), success=address_of("vehicles.driver.detail"),
)  # fmt: skip
DRIVER_EDIT = FormPage(
    code="vehicles.driver.edit", path="vehicles/driver/<int:pk>/edit/", title=lambda driver: f"变更 {driver.person.name}",
    permission="vehicles.driver.manage", form=DriverForm, rows=queries.drivers, verb=changing(register.edit_driver),
    history=queries.history, success=address_of("vehicles.driver.detail"),
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
    filters=(ChoiceFilter("kind", "车辆种类"), UnitFilter("unit", "单位", options=unit_options("vehicles.quota.view")),
             BoolFilter("exceeded", "超编", condition=Q(held__gt=F("quota")))),
    default_sort=("scope_pos", "kind"),
    page_actions=(PageAction("核定编制", "vehicles.quota.create", icon="plus", style="primary"),
                  PageAction("编制与实有", "vehicles.establishment", icon="chart-bar")),
    export_name="车辆编制",
    empty=EmptyState("还没有核定编制", "", PageAction("核定编制", "vehicles.quota.create")),
)  # fmt: skip
QUOTA = DetailPage(
    code="vehicles.quota", path="vehicles/quota/<int:pk>/",
    title=lambda quota: f"{quota.unit.name} · {quota.get_kind_display()}", permission="vehicles.quota.view",
    rows=lambda actor: queries.quotas(actor).select_related("unit"), badge=states(lifecycle.QUOTA),
    panels=(
        Panel("编制", fields=(Column("unit.name", "单位"), Column("kind", "车辆种类"), Number("quota", "编制数", unit="辆"),
                            Date("valid_from", "起始日期"), Date("valid_to", "终止日期"), Column("document_no", "批准文号"))),
        RelatedList("在编车辆", tab="在编车辆", link="vehicles.vehicle.detail", permission="vehicles.vehicle.view",
                    rows=queries.held_by,
                    columns=(Column("plate", "车牌号", link=True), VEHICLE_STATE, Column("brand_model", "品牌型号"))),
    ),
    history=queries.history,
)  # fmt: skip
QUOTA_NEW = FormPage(
    code="vehicles.quota.create", path="vehicles/quota/new/", title="核定编制", permission="vehicles.quota.manage",
    form=QuotaForm, verb=making(register.set_quota), success=address_of("vehicles.quota.detail"),
    help="核定新编制后，同一单位同一种类的现行编制自动终止于新编制的起始日期。",
)  # fmt: skip
