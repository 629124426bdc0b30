"""One 派车单: what it holds, what is advised, everything that can be done with it; and asking for a car."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    Column,
    Custom,
    Date,
    DateTime,
    DetailPage,
    FormPage,
    Money,
    Number,
    PageAction,
    Panel,
    RelatedList,
    Section,
    VerbAction,
    ViewPage,
)

from .. import queries
from ..codes import MarkKind
from ..domain import approvals, dispatching, journeys, orders
from ..forms import (
    ComplainForm,
    DispatchForm,
    EndForm,
    ExtendForm,
    RateForm,
    RatifyForm,
    RedispatchForm,
    RequestForm,
    SendForm,
    ShareForm,
    StartForm,
    TimesForm,
    UrgentForm,
    request_initial,
)
from ..queries import advice
from .parts import DRIVER_NAME, ORDER_STATE, PLATE, TRIP_COLUMNS, address_of, in_state, making

DISPATCH, DRIVE = "vehicles.order.dispatch", "vehicles.order.drive"


def _way(order: Any) -> str:
    return " → ".join([order.origin, *(stop["name"] for stop in order.stops or ()), order.destination])


def _why(order: Any) -> str:
    return "；".join(order.approval_reasons or ())


def _urgent(order: Any) -> bool:
    return order.state == "requested" and order.kind == "emergency"


def _ratification(order: Any) -> str:
    if order.ratify_by_on is None:
        return ""
    if order.ratified:
        late = timezone.localtime(order.ratified_at).date() > order.ratify_by_on
        return f"{order.get_ratified_display()}{'（逾期）' if late else ''}"
    return "已逾期，尚未补批" if timezone.localdate() > order.ratify_by_on else "待补批"


def _advice(order: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    found = advice.advice_for(order, actor)
    act = "dispatch_urgently" if _urgent(order) else "dispatch"
    best = [next((each.key for each in ranked if each.fits), None) for ranked in (found.cars, found.drivers)]
    return {
        "advice": found, "best_car": best[0], "best_driver": best[1],
        "dispatch_url": reverse(f"vehicles.order.{act}", args=[order.pk]),
        "share_url": reverse("vehicles.order.share", args=[order.pk]),
        "can_send": order.pool_id is None and queries.pools_for(order).exists(),
    }  # fmt: skip


def _ended_for(order: Any) -> bool:
    return order.state == "ended" and order.rating is None


def _passenger(actor: Actor, order: Any) -> bool:
    return actor.person_id is not None and actor.person_id in {order.requester_id, *order.passenger_ids}


def _driver(actor: Actor, order: Any) -> bool:
    return actor.scope(DRIVE).covers(order.scope_pos) or order.driver_person_id == actor.person_id


def _dispatcher(actor: Actor, order: Any) -> bool:
    return actor.scope(DISPATCH).covers(order.scope_pos if order.server_pos is None else order.server_pos)


def _approver(actor: Actor, order: Any) -> bool:
    own = actor.person_id is not None and actor.person_id == order.requester_id
    return not own and actor.scope(approvals.PERMISSION[order.approval_level]).covers(order.scope_pos)


MARK = Badge("kind", "节点", {}, choices=MarkKind.choices)
ORDER = DetailPage(
    code="vehicles.order",
    path="vehicles/order/<int:pk>/",
    title=lambda order: order.code,
    subtitle=lambda order: f"{order.unit.name} · {order.requester.name} · {order.purpose}",
    permission="vehicles.order.view",
    scope_persons=("requester_id", "driver_person_id"),
    rows=lambda actor: queries.orders(actor).select_related(
        "unit", "requester", "vehicle", "driver__person", "pool__unit", "host"
    ),
    badge=ORDER_STATE,
    panels=(
        Panel("用车", fields=(
            Column("code", "单号"), Column("kind", "类别"), Column("unit.name", "用车单位"), Column("requester.name", "申请人"),
            Column("purpose_class", "事由类别"), Column("purpose", "事由"), Column("passengers", "乘车人"),
            Column("passenger_count", "乘车人数", unit="人"), Column("body_wanted", "所需车型"),
            Column("way", "行程", value=_way, wide=True), Column("shape", "行程方式"),
            DateTime("planned_from", "用车时间"), DateTime("planned_to", "预计结束"),
        )),
        Panel("审批", fields=(
            Column("approval_level", "审批层级"), Column("why", "依据", value=_why, wide=True),
            Column("approved_by", "审批人"), DateTime("approved_at", "审批时间"),
        )),
        Panel("应急补批", fields=(
            Date("ratify_by_on", "补批期限"), Column("ratification", "补批情况", value=_ratification),
            Column("ratified_by", "补批人"), DateTime("ratified_at", "补批时间"),
        ), when=lambda order: order.ratify_by_on is not None),
        Panel("派车", fields=(
            PLATE, DRIVER_NAME, Column("driver_phone", "驾驶员电话"),
            Column("dispatched_by", "派车人"), DateTime("dispatched_at", "派车时间"), DateTime("accepted_at", "接单时间"),
            Column("pool.name", "调派平台"), Column("host.code", "拼入派车单"),
        ), when=lambda order: order.vehicle_id or order.pool_id),
        Panel("执行", fields=(
            DateTime("started_at", "出车时间"), DateTime("arrived_at", "到达上车点"), DateTime("ended_at", "收车时间"),
            Number("odometer_start_km", "出车里程表", unit="公里"), Number("odometer_end_km", "收车里程表", unit="公里"),
            Column("parked_at_place", "停放地点"), DateTime("confirmed_at", "乘车确认时间"), Column("confirmed_by", "确认人"),
            Column("rating", "评价", unit="分"), Column("rating_note", "评价意见"),
        ), when=lambda order: order.started_at is not None),
        Custom("vehicles/advice.html", context=_advice, title="派车建议", permission=DISPATCH,
               when=lambda order: order.state == "approved" or _urgent(order)),
        RelatedList("途中节点", rows=queries.marks_of, tab="执行记录",
                    columns=(MARK, DateTime("at", "时间"), Column("noted_by", "记录人"), Column("note", "说明"))),
        RelatedList("出车前检查", rows=queries.checks_of, tab="执行记录", columns=(
            DateTime("at", "时间"), Column("result", "结果", value=lambda row: "异常：" + "、".join(row.faults) if row.faults
                                         else "全部正常", needs=("items",)), Column("note", "说明"), Column("noted_by", "检查人"))),
        RelatedList("随车费用", rows=queries.expenses_of, tab="执行记录", columns=(
            Column("kind", "类别"), Money("amount_yuan", "金额"), DateTime("at", "时间"), Column("note", "说明"))),
        RelatedList("拼车", rows=queries.riders_of, tab="执行记录", link="vehicles.order.detail", columns=(
            Column("code", "单号", link=True), ORDER_STATE, Column("destination", "目的地"),
            Column("passenger_count", "乘车人数"))),
        RelatedList("匹配的行程", rows=queries.trips_for, columns=TRIP_COLUMNS[:7], tab="行程",
                    permission="vehicles.trip.view"),
    ),
    actions=(
        VerbAction("approve", "批准", verb=orders.approve, permission="vehicles.order.approve", style="primary",
                   only=_approver, when=in_state("requested"), confirm="批准这件用车申请？"),
        VerbAction("refuse", "不批准", verb=orders.refuse, permission="vehicles.order.approve", reason=True,
                   only=_approver, when=in_state("requested"), style="danger"),
        VerbAction("ratify", "补批", verb=approvals.ratify, form=RatifyForm, permission="vehicles.order.approve",
                   style="primary", only=_approver, when=lambda order: order.ratify_by_on is not None and not order.ratified),
        VerbAction("dispatch", "派车", verb=orders.dispatch, form=DispatchForm, permission=DISPATCH,
                   style="primary", only=_dispatcher, when=in_state("approved")),
        VerbAction("dispatch_urgently", "应急派车", verb=orders.dispatch_urgently, form=UrgentForm, permission=DISPATCH,
                   style="primary", only=_dispatcher, when=_urgent, help="先派车后审批：须在规定期限内补办审批，逾期会一直显示。"),
        VerbAction("share", "拼车", verb=dispatching.share, form=ShareForm, permission=DISPATCH, only=_dispatcher,
                   when=in_state("approved"),
                   help="与同一时段、座位有余的派车单合乘；必要时延长对方的用车时间。"),
        VerbAction("send", "转平台", verb=dispatching.send, form=SendForm, permission=DISPATCH,
                   when=lambda order: order.state == "approved" and order.pool_id is None),
        VerbAction("hand_back", "退回原单位", verb=dispatching.hand_back, permission=DISPATCH, reason=True,
                   when=lambda order: order.state == "approved" and order.pool_id is not None,
                   success=lambda order, actor: reverse("vehicles.order.dispatching")),
        VerbAction("redispatch", "改派", verb=orders.redispatch, form=RedispatchForm, permission=DISPATCH,
                   only=_dispatcher, when=in_state("dispatched")),
        VerbAction("reschedule", "调整时间", verb=dispatching.reschedule, form=TimesForm, permission=DISPATCH,
                   only=_dispatcher, when=in_state("dispatched")),
        VerbAction("withdraw", "撤回派车", verb=dispatching.withdraw, permission=DISPATCH, reason=True,
                   only=_dispatcher, when=in_state("dispatched")),
        VerbAction("extend", "延时", verb=dispatching.extend, form=ExtendForm, permission=DISPATCH, only=_dispatcher,
                   when=in_state("started")),
        VerbAction("accept", "接单", verb=journeys.accept, permission=DRIVE, style="primary",
                   only=_driver, when=lambda order: order.state == "dispatched" and order.accepted_at is None),
        VerbAction("decline", "不能出车", verb=journeys.decline, permission=DRIVE, reason=True, only=_driver,
                   when=in_state("dispatched"),
                   success=lambda order, actor: reverse("vehicles.order.driving")),
        VerbAction("start", "出车", verb=journeys.start, form=StartForm, permission=DRIVE, style="primary",
                   only=_driver, when=in_state("dispatched"), help="出车前请检查车况并记录里程表读数。"),
        VerbAction("end", "收车", verb=journeys.end, form=EndForm, permission=DRIVE, style="primary",
                   only=_driver, when=in_state("started")),
        VerbAction("confirm_use", "确认用车", verb=journeys.confirm_use, permission="vehicles.order.request",
                   only=_passenger, when=lambda order: order.state == "ended" and order.confirmed_at is None,
                   confirm="确认本次用车与记录相符？"),
        VerbAction("rate", "评价", verb=journeys.rate, form=RateForm, permission="vehicles.order.request", only=_passenger,
                   when=_ended_for),
        VerbAction("complain", "投诉", verb=journeys.complain, form=ComplainForm, permission="vehicles.order.request",
                   only=_passenger, when=in_state("started", "ended"), success=lambda issue, actor: reverse(
                       "vehicles.order.detail", args=[issue.order_id]), done="投诉已提交，车队管理人员将予答复。"),
        VerbAction("cancel", "取消", verb=orders.cancel, permission="vehicles.order.view", reason=True,
                   when=in_state("requested", "approved", "dispatched"),
                   only=lambda actor, order: orders.may_cancel(order, actor)),
    ),
    page_actions=(
        PageAction("派车单（打印）", "vehicles.order.slip", icon="printer", when=lambda order: order.vehicle_id is not None),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip
ORDER_NEW = FormPage(
    code="vehicles.order.create", path="vehicles/order/new/", title="申请用车", permission="vehicles.order.request",
    form=RequestForm, verb=making(orders.request_weekly), submit="提交申请", done="用车申请已提交",
    initial=request_initial, success=address_of("vehicles.order.detail"),
    sections=(Section("事由", ("kind", "purpose_class", "purpose", "party", "passengers", "passenger_count",
                              "body_wanted")),
              Section("行程", ("origin", "destination", "stops", "shape", "outside_city", "planned_from", "planned_to",
                              "weeks"))),
)  # fmt: skip


def _places(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": queries.known_places(request.actor, request.GET.get("q", ""))})


def _people(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": queries.people_to_take(request.actor, request.GET.get("q", ""))})


PLACES_TO_GO = ViewPage(
    code="vehicles.order.places", path="vehicles/order/places/", title="地点查找", permission="vehicles.order.request",
    view=_places,
)  # fmt: skip
PEOPLE_TO_TAKE = ViewPage(
    code="vehicles.order.people", path="vehicles/order/people/", title="乘车人查找", permission="vehicles.order.request",
    view=_people,
)  # fmt: skip
