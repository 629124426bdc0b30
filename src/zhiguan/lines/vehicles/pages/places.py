"""Sensitive places, permitted areas and holders: what people keep so that rules and privacy know."""

from __future__ import annotations

from django.urls import reverse

from zhiguan.kit.pages import (
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
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
from ..domain import holders, places
from ..forms.places import HolderForm, NewHolderForm, PermittedForm, SensitiveForm
from ..importers import PLACE_IMPORT
from ..queries import fences as kept
from .parts import address_of, changing, in_state, making, of_car, states, unit_options

VIEW, MANAGE = "vehicles.place.view", "vehicles.place.manage"
SHAPE = Column("shape", "范围", value=kept.shape_text, needs=("fence",))
PICTURE = Custom(
    "vehicles/fence.html", context=lambda row, actor, request: {"config": kept.picture(row)}, title="地图"
)

SENSITIVES = ListPage(
    code="vehicles.sensitiveplace", path="vehicles/sensitiveplace/", title="敏感场所",
    menu=MenuItem("vehicles", order=37, icon="map-pin"), permission=VIEW, rows=kept.sensitive,
    columns=(Column("name", "名称", link=True, sortable=True), Column("kind", "场所类别"), states(lifecycle.SENSITIVE),
             Column("shape", "范围", value=kept.shape_text, needs=("fence", "lat", "lon", "radius_m")),
             Column("address", "地址"), Column("unit.name", "登记单位"), DateTime("updated_at", "更新时间", shown=False)),
    search=("name", "address"), search_hint="名称、地址",
    filters=(ChoiceFilter("kind", "场所类别"), ChoiceFilter("state", "状态", options=lifecycle.SENSITIVE.choices),
             UnitFilter("unit", "登记单位", options=unit_options(VIEW))),
    default_sort=("kind", "name"), export_name="敏感场所",
    page_actions=(PageAction("登记敏感场所", "vehicles.sensitiveplace.create", icon="plus", style="primary"),
                  PageAction("批量导入", "vehicles.sensitiveplace.import", icon="upload")),
    note="公务途中在敏感场所停留、而派车单没有列明该地点的，由监督规则提出线索。",
    empty=EmptyState("还没有敏感场所", "登记学校、休闲娱乐场所、住宅小区等，供监督规则比对。",
                     PageAction("登记敏感场所", "vehicles.sensitiveplace.create")),
)  # fmt: skip
SENSITIVE = DetailPage(
    code="vehicles.sensitiveplace", path="vehicles/sensitiveplace/<int:pk>/", title=lambda place: place.name,
    permission=VIEW, rows=lambda actor: kept.sensitive(actor).select_related("unit"), badge=states(lifecycle.SENSITIVE),
    panels=(
        Panel("场所", fields=(Column("name", "名称"), Column("kind", "场所类别"), Column("unit.name", "登记单位"),
                            Column("address", "地址"), SHAPE, Number("lat", "纬度", digits=6), Number("lon", "经度", digits=6))),
        PICTURE,
    ),
    actions=(
        VerbAction("close", "停用", verb=places.close_sensitive, permission=MANAGE, reason=True, when=in_state("active"),
                   style="danger", help="停用后监督规则不再与该场所比对，已有线索不受影响。"),
        VerbAction("reopen", "恢复", verb=places.reopen_sensitive, permission=MANAGE, when=in_state("closed"),
                   confirm="恢复该敏感场所？"),
    ),
    page_actions=(PageAction("变更", "vehicles.sensitiveplace.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
_PLACE = (Section("场所", ("kind", "name", "unit", "address")), Section("范围", ("fence", "datum")))
SENSITIVE_NEW = FormPage(
    code="vehicles.sensitiveplace.create", path="vehicles/sensitiveplace/new/", title="登记敏感场所", permission=MANAGE,
    form=SensitiveForm, verb=making(places.add_sensitive), sections=_PLACE,
    success=address_of("vehicles.sensitiveplace.detail"),
)  # fmt: skip
SENSITIVE_EDIT = FormPage(
    code="vehicles.sensitiveplace.edit", path="vehicles/sensitiveplace/<int:pk>/edit/",
    title=lambda place: f"变更 {place.name}", permission=MANAGE, form=SensitiveForm, rows=kept.sensitive,
    verb=changing(places.edit_sensitive), sections=_PLACE, history=queries.history,
    success=address_of("vehicles.sensitiveplace.detail"),
)  # fmt: skip
SENSITIVE_IMPORT = ImportPage(
    code="vehicles.sensitiveplace", path="vehicles/sensitiveplace/import/", title="导入敏感场所", permission=MANAGE,
    importer=PLACE_IMPORT,
)  # fmt: skip

PERMITTEDS = ListPage(
    code="vehicles.permittedarea", path="vehicles/permittedarea/", title="允许行驶区域",
    menu=MenuItem("vehicles", order=38, icon="map"), permission=VIEW, rows=kept.permitted,
    columns=(Column("name", "名称", link=True, sortable=True), states(lifecycle.PERMITTED),
             Column("unit.name", "适用单位"),
             Column("vehicle.plate", "适用车辆", value=lambda row: row.vehicle.plate if row.vehicle_id else "全部车辆",
                    needs=("vehicle.plate",)),
             SHAPE, Date("valid_from", "起始日期", sortable=True), Date("valid_to", "终止日期", sortable=True)),
    search=("name", "^vehicle.plate"), search_hint="名称、车牌号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.PERMITTED.choices),
             UnitFilter("unit", "适用单位", options=unit_options(VIEW)),
             BoolFilter("own", "单车区域", condition=kept.OF_ONE)),
    default_sort="name", export_name="允许行驶区域",
    page_actions=(PageAction("登记区域", "vehicles.permittedarea.create", icon="plus", style="primary"),),
    note="没有登记区域的单位和车辆不作判定。单车区域优先于单位区域，本单位区域优先于上级单位区域。",
    empty=EmptyState("还没有允许行驶区域", "登记后，监督规则判定车辆是否驶出区域。",
                     PageAction("登记区域", "vehicles.permittedarea.create")),
)  # fmt: skip
PERMITTED = DetailPage(
    code="vehicles.permittedarea", path="vehicles/permittedarea/<int:pk>/", title=lambda area: area.name,
    permission=VIEW, rows=lambda actor: kept.permitted(actor).select_related("unit", "vehicle"),
    badge=states(lifecycle.PERMITTED),
    panels=(
        Panel("区域", fields=(Column("name", "名称"), Column("unit.name", "适用单位"),
                            Column("vehicle.plate", "适用车辆", link=lambda row: reverse(
                                "vehicles.vehicle.detail", args=[row.vehicle_id]) if row.vehicle_id else ""),
                            SHAPE, Date("valid_from", "起始日期"), Date("valid_to", "终止日期"))),
        PICTURE,
    ),
    actions=(
        VerbAction("close", "停用", verb=places.close_permitted, permission=MANAGE, reason=True, when=in_state("active"),
                   style="danger"),
        VerbAction("reopen", "恢复", verb=places.reopen_permitted, permission=MANAGE, when=in_state("closed"),
                   confirm="恢复该允许行驶区域？"),
    ),
    page_actions=(PageAction("变更", "vehicles.permittedarea.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
_AREA = (Section("区域", ("name", "unit", "vehicle", "valid_from", "valid_to")), Section("范围", ("fence", "datum")))
PERMITTED_NEW = FormPage(
    code="vehicles.permittedarea.create", path="vehicles/permittedarea/new/", title="登记允许行驶区域", permission=MANAGE,
    form=PermittedForm, verb=making(places.add_permitted), sections=_AREA,
    success=address_of("vehicles.permittedarea.detail"),
)  # fmt: skip
PERMITTED_EDIT = FormPage(
    code="vehicles.permittedarea.edit", path="vehicles/permittedarea/<int:pk>/edit/",
    title=lambda area: f"变更 {area.name}", permission=MANAGE, form=PermittedForm, rows=kept.permitted,
    verb=changing(places.edit_permitted), sections=_AREA, history=queries.history,
    success=address_of("vehicles.permittedarea.detail"),
)  # fmt: skip

HOLDER_COLUMNS = (
    Column("person.name", "人员", link=True), Column("holding", "使用方式"), states(lifecycle.HOLDER),
    Date("valid_from", "起始日期", sortable=True), Date("valid_to", "终止日期", sortable=True),
    Column("document_no", "批准文号"),
)  # fmt: skip
HOLDERS = ListPage(
    code="vehicles.vehicleholder", path="vehicles/vehicleholder/", title="固定使用人",
    menu=MenuItem("vehicles", order=35, icon="user"), permission="vehicles.holder.view", scope_persons=("person_id",),
    rows=kept.holders,
    columns=(HOLDER_COLUMNS[0], Column("vehicle.plate", "车辆"), *HOLDER_COLUMNS[1:3], Column("unit.name", "单位"),
             *HOLDER_COLUMNS[3:]),
    search=("=person.name", "^vehicle.plate", "document_no"), search_hint="姓名、车牌号、批准文号",
    filters=(ChoiceFilter("holding", "使用方式"), ChoiceFilter("state", "状态", options=lifecycle.HOLDER.choices),
             UnitFilter("unit", "单位", options=unit_options("vehicles.holder.view")), of_car()),
    default_sort="-valid_from", export_name="车辆固定使用人",
    page_actions=(PageAction("登记固定使用人", "vehicles.vehicleholder.create", icon="plus", style="primary"),),
    note="登记了固定使用人的车辆，非工作时间的地图、轨迹和行程只显示是否移动；有派车单、有告警或解除隐私保护时除外。",
    empty=EmptyState("还没有固定使用人", "按规定配备给个人使用的车辆，以及有固定驾驶员的车辆，在此登记。",
                     PageAction("登记固定使用人", "vehicles.vehicleholder.create")),
)  # fmt: skip
HOLDER = DetailPage(
    code="vehicles.vehicleholder", path="vehicles/vehicleholder/<int:pk>/",
    title=lambda holder: f"{holder.vehicle.plate} · {holder.person.name}", permission="vehicles.holder.view",
    scope_persons=("person_id",), rows=lambda actor: kept.holders(actor).select_related("unit", "person", "vehicle"),
    badge=states(lifecycle.HOLDER),
    panels=(
        Panel("固定使用人", fields=(Column("person.name", "人员"), Column("person.code", "人员编号"),
                              Column("vehicle.plate", "车辆", link=lambda row: reverse("vehicles.vehicle.detail",
                                                                                     args=[row.vehicle_id])),
                              Column("unit.name", "单位"), Column("holding", "使用方式"), Column("document_no", "批准文号"),
                              Date("valid_from", "起始日期"), Date("valid_to", "终止日期"))),
    ),
    actions=(
        VerbAction("close", "终止", verb=holders.close_holder, permission=holders.MANAGE, reason=True,
                   when=in_state("active"), style="danger", help="自今日起终止；此前的行踪仍受隐私保护。"),
        VerbAction("reopen", "恢复", verb=holders.reopen_holder, permission=holders.MANAGE, when=in_state("closed"),
                   confirm="恢复该登记？恢复后长期有效。"),
    ),
    page_actions=(PageAction("变更", "vehicles.vehicleholder.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
HOLDER_NEW = FormPage(
    code="vehicles.vehicleholder.create", path="vehicles/vehicleholder/new/", title="登记固定使用人",
    permission=holders.MANAGE, form=NewHolderForm, verb=making(holders.add_holder),
    success=address_of("vehicles.vehicleholder.detail"),
)  # fmt: skip
HOLDER_EDIT = FormPage(
    code="vehicles.vehicleholder.edit", path="vehicles/vehicleholder/<int:pk>/edit/",
    title=lambda holder: f"变更 {holder.vehicle.plate} · {holder.person.name}", permission=holders.MANAGE, form=HolderForm,
    rows=kept.holders, verb=changing(holders.edit_holder), history=queries.history,
    success=address_of("vehicles.vehicleholder.detail"),
)  # fmt: skip
