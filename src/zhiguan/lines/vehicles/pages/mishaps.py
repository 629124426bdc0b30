"""Accidents and traffic violations."""

from __future__ import annotations

from django.urls import reverse

from zhiguan.kit.pages import (
    Bool,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    PageAction,
    Panel,
    RelatedList,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import incidents
from ..forms.life import AccidentForm, AssessForm, CloseForm, HandleForm, PayForm, ViolationForm
from ..queries import life
from .life import CLAIM_COLUMNS, PLATE, UNITS, VIEW
from .parts import MANAGE, address_of, in_state, making, of_car, states

ACCIDENT_STATE, VIOLATION_STATE = states(lifecycle.ACCIDENT), states(lifecycle.VIOLATION)
ORDER_LINK = Column("order.code", "派车单", link=lambda row: reverse("vehicles.order.detail", args=[row.order_id])
               if row.order_id else "")  # fmt: skip
ACCIDENT_COLUMNS = (
    Column("code", "编号", link=True), ACCIDENT_STATE, PLATE, DateTime("at", "发生时间", sortable=True), Column("place", "地点"),
    Column("driver.person.name", "驾驶员"), Column("liability", "责任"), Money("damage_yuan", "损失金额", sortable=True),
    Column("unit.name", "单位"),
)  # fmt: skip
VIOLATION_COLUMNS = (
    Column("behaviour", "违法行为", link=True), VIOLATION_STATE, PLATE, DateTime("at", "违法时间", sortable=True),
    Column("place", "地点"), Column("driver.person.name", "驾驶员"), Number("points", "记分", sortable=True, unit="分"),
    Money("fine_yuan", "罚款"), ORDER_LINK, Column("unit.name", "单位"),
)  # fmt: skip

ACCIDENTS = ListPage(
    code="vehicles.accident", path="vehicles/accident/", title="车辆事故", permission=VIEW,
    menu=MenuItem("vehicles", order=48, icon="alert-triangle"), rows=life.accidents, columns=ACCIDENT_COLUMNS,
    search=("=code", "=vehicle.plate", "place"), search_hint="编号、车牌号、地点",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.ACCIDENT.choices), ChoiceFilter("liability", "责任认定"), UNITS,
             of_car(), DateRangeFilter("at", "发生时间")),
    default_sort="-at",
    page_actions=(PageAction("登记事故", "vehicles.accident.create", icon="plus", style="primary"),),
    export_name="车辆事故", empty=EmptyState("没有事故", "", PageAction("登记事故", "vehicles.accident.create")),
)  # fmt: skip
ACCIDENT = DetailPage(
    code="vehicles.accident", path="vehicles/accident/<int:pk>/", title=lambda row: row.code, permission=VIEW,
    subtitle=lambda row: f"{row.vehicle.plate} · {row.place}", badge=ACCIDENT_STATE,
    rows=lambda actor: life.accidents(actor).select_related("vehicle", "unit", "driver__person", "order", "upkeep"),
    panels=(
        Panel("事故", fields=(
            PLATE, Column("unit.name", "单位"), DateTime("at", "发生时间"), Column("place", "地点"),
            Column("driver.person.name", "驾驶员"), ORDER_LINK, Bool("injuries", "有人员伤亡"), Column("account", "经过", wide=True),
        )),
        Panel("认定与结案", fields=(
            Column("liability", "责任认定"), Column("document_no", "认定书编号"), Column("damage", "损失情况"),
            Money("damage_yuan", "损失金额"), Column("upkeep.code", "维修单"), Money("own_cost_yuan", "单位自行承担"),
        ), when=lambda row: row.state != "reported"),
        RelatedList("保险理赔", rows=lambda row, actor: life.claims(actor).filter(accident=row).select_related("policy"),
                    columns=CLAIM_COLUMNS, link="vehicles.claim.detail", tab="保险理赔"),
    ),
    actions=(
        VerbAction("assess", "责任认定", verb=incidents.assess_accident, form=AssessForm, permission=MANAGE, style="primary",
                   when=in_state("reported")),
        VerbAction("close", "结案", verb=incidents.close_accident, form=CloseForm, permission=MANAGE, reason=True,
                   style="primary", when=in_state("assessed"), help="保险理赔办结后才能结案。"),
    ),
    history=queries.history, print=True,
)  # fmt: skip
ACCIDENT_NEW = FormPage(
    code="vehicles.accident.create", path="vehicles/accident/new/", title="登记事故", permission=MANAGE, form=AccidentForm,
    verb=making(incidents.report_accident), success=address_of("vehicles.accident.detail"),
)  # fmt: skip

VIOLATIONS = ListPage(
    code="vehicles.violation", path="vehicles/violation/", title="交通违法", permission=VIEW,
    menu=MenuItem("vehicles", order=50, icon="ban", badge="vehicles.violations"),
    rows=life.violations, columns=VIOLATION_COLUMNS, search=("=vehicle.plate", "behaviour", "place"),
    search_hint="车牌号、违法行为、地点",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.VIOLATION.choices), UNITS, of_car(),
             DateRangeFilter("at", "违法时间")),
    default_sort="-at", views=(("全部", ""), ("待处理", "state=open"), ("待缴款", "state=handled")),
    page_actions=(PageAction("登记违法", "vehicles.violation.create", icon="plus", style="primary"),),
    export_name="交通违法", empty=EmptyState("没有交通违法", "", PageAction("登记违法", "vehicles.violation.create")),
)  # fmt: skip
VIOLATION = DetailPage(
    code="vehicles.violation", path="vehicles/violation/<int:pk>/", permission=VIEW, badge=VIOLATION_STATE,
    title=lambda row: f"{row.vehicle.plate} {row.behaviour}",
    rows=lambda actor: life.violations(actor).select_related("vehicle", "unit", "driver__person", "order"),
    panels=(
        Panel("违法", fields=(
            PLATE, Column("unit.name", "单位"), DateTime("at", "违法时间"), Column("place", "地点"), Column("behaviour", "违法行为"),
            Column("behaviour_code", "违法代码"), Date("noticed_on", "告知日期"), Column("driver.person.name", "驾驶员"), ORDER_LINK,
        )),
        Panel("处理", fields=(
            Date("handled_on", "处理日期"), Column("decision_no", "决定书编号"), Number("points", "记分", unit="分"),
            Money("fine_yuan", "罚款"), Date("paid_on", "缴款日期"), Column("payer", "缴款人"),
        )),
    ),
    actions=(
        VerbAction("handle", "接受处理", verb=incidents.handle_violation, form=HandleForm, permission=MANAGE,
                   style="primary", when=in_state("open")),
        VerbAction("pay", "缴款", verb=incidents.pay_violation, form=PayForm, permission=MANAGE, style="primary",
                   when=in_state("handled"), help="罚款由责任人承担，不计入车辆费用。"),
        VerbAction("withdraw", "撤销", verb=incidents.withdraw_violation, permission=MANAGE, reason=True,
                   when=in_state("open", "handled")),
    ),
    history=queries.history,
)  # fmt: skip
VIOLATION_NEW = FormPage(
    code="vehicles.violation.create", path="vehicles/violation/new/", title="登记违法", permission=MANAGE,
    form=ViolationForm, verb=making(incidents.record_violation), success=address_of("vehicles.violation.detail"),
    help="驾驶员按违法时间对应的派车单自动确定；没有派车单的，请填写或在处理时确定。",
)  # fmt: skip
