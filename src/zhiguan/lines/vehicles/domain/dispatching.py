"""Verbs of the dispatch board beside dispatching itself: other times, shared cars, taking back, pools."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from ..models import DispatchOrder, Pool
from . import approvals, driving, order_notices, reach
from .orders import busy, check_times, clash

UNBOUND = {
    "vehicle": None, "driver": None, "driver_person_id": None, "vehicle_busy": None, "driver_busy": None, "host": None,
    "plate": "", "driver_name": "", "driver_phone": "", "accepted_at": None, "dispatched_at": None, "dispatched_by": "",
}  # fmt: skip
"""What an order without a car holds."""


def _times(order: DispatchOrder, start: datetime, end: datetime) -> None:
    """Refuse times that would have needed somebody else's approval."""
    check_times(start, end)
    level, reasons = approvals.decide(kind=order.kind, outside_city=order.outside_city, start=start, end=end)
    if approvals.ORDER_OF_LEVELS.index(level) > approvals.ORDER_OF_LEVELS.index(order.approval_level):
        message = f"调整后须由{level.label}审批（{'；'.join(reasons)}），请申请人重新申请。"
        raise Invalid(message, code="level", fields={"planned_to": message})


def _move_times(
    actor: Actor, order: DispatchOrder, code: str, start: datetime, end: datetime, reason: str
) -> DispatchOrder:
    bound = {
        "vehicle_busy": busy(order.vehicle_id, start, end), "driver_busy": busy(order.driver_id, start, end)
    } if order.host_id is None and order.vehicle_id and order.driver_id else {}  # fmt: skip
    before = (order.planned_from, order.planned_to)
    try:
        with transaction.atomic():
            order = ledger.move(order, code, actor, reason=reason, planned_from=start, planned_to=end, **bound)
    except IntegrityError as error:
        order.planned_from, order.planned_to = start, end
        refusal = clash(order.vehicle, order.driver, order)
        order.planned_from, order.planned_to = before
        raise refusal from error
    driving.rematch(order)
    return order


@transaction.atomic
def reschedule(
    actor: Actor, order: DispatchOrder, *, planned_from: datetime, planned_to: datetime, reason: str
) -> DispatchOrder:
    """调整时间 of an order that has its car and has not started. Refused where car or driver are bound elsewhere."""
    reach.require_order(order, actor)
    if order.host_id is not None:
        raise Conflict("该派车单与其他单拼车，请先撤回拼车再调整时间。", code="riders")
    _times(order, planned_from, planned_to)
    order = _move_times(actor, order, "reschedule", planned_from, planned_to, reason)
    order_notices.rescheduled(order, actor, reason=reason)
    return order


@transaction.atomic
def extend(actor: Actor, order: DispatchOrder, *, planned_to: datetime, reason: str) -> DispatchOrder:
    """延时: a car under way comes back later (or earlier) than planned."""
    reach.require_order(order, actor)
    if planned_to <= timezone.now():
        raise Invalid("延长后的结束时间须晚于现在。", fields={"planned_to": "须晚于现在。"})
    _times(order, order.planned_from, planned_to)
    order = _move_times(actor, order, "extend", order.planned_from, planned_to, reason)
    order_notices.rescheduled(order, actor, reason=reason)
    return order


@transaction.atomic
def withdraw(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """撤回派车: the order waits for a car again. Its riders lose theirs with it."""
    reach.require_order(order, actor)
    for rider in order.riders.filter(state="dispatched"):
        ledger.move(rider, "withdraw", actor, reason=reason, **UNBOUND)
    vehicle, driver_person = order.vehicle_id, order.driver_person_id
    order = ledger.move(order, "withdraw", actor, reason=reason, **UNBOUND)
    driving.rematch(order, vehicle)
    order_notices.withdrawn(order, actor, driver_person, reason=reason)
    return order


@transaction.atomic
def share(actor: Actor, order: DispatchOrder, *, host: DispatchOrder, reason: str = "") -> DispatchOrder:
    """拼车: the order rides along in the car of ``host``, whose time is stretched to hold both."""
    reach.require_order(order, actor)
    reach.require_order(host, actor)
    host = (
        DispatchOrder.objects.select_for_update(of=("self",))
        .select_related("vehicle", "driver__person")
        .get(pk=host.pk)
    )
    if host.state != "dispatched" or host.vehicle is None or host.host_id is not None:
        raise Conflict(
            "只能拼入已派车、尚未出车的派车单。",
            code="host_state",
            fields={"host": "只能拼入已派车、尚未出车的派车单。"},
        )
    others = host.riders.filter(state="dispatched").aggregate(n=Sum("passenger_count"))["n"] or 0
    needed = host.passenger_count + others + order.passenger_count + 1
    if needed > host.vehicle.seats:
        message = f"{host.plate} 核定载客 {host.vehicle.seats} 人（含驾驶员），拼车后共 {needed} 人，座位不够。"
        raise Invalid(message, code="seats", fields={"host": message})
    start, end = min(host.planned_from, order.planned_from), max(host.planned_to, order.planned_to)
    if (start, end) != (host.planned_from, host.planned_to):
        _times(host, start, end)
        host = _move_times(actor, host, "reschedule", start, end, f"与 {order.code} 拼车")
    order = ledger.move(
        order, "share", actor, reason=reason, host=host, vehicle=host.vehicle, driver=host.driver,
        driver_person_id=host.driver_person_id, dispatched_by=actor.name, dispatched_at=timezone.now(),
        plate=host.plate, driver_name=host.driver_name, driver_phone=host.driver_phone,
    )  # fmt: skip
    order_notices.dispatched(order, actor, again=False, former_driver=None, reason=f"与 {host.code} 拼车")
    return order


@transaction.atomic
def send(actor: Actor, order: DispatchOrder, *, pool: Pool, reason: str = "") -> DispatchOrder:
    """转平台调派: the organ has no fitting car; the pool that serves it is asked, and alone may dispatch from now on."""
    actor.require(reach.DISPATCH, order)
    if order.pool_id is not None:
        raise Conflict("该申请已转平台调派。", code="sent")
    if pool.state != "active" or not serves(pool, order):
        message = f"{pool.name}不服务于{order.unit.name}，请选择其他平台。"
        raise Invalid(message, code="not_served", fields={"pool": message})
    return ledger.move(order, "send", actor, reason=reason, pool=pool, server_pos=pool.scope_pos)


def serves(pool: Pool, order: DispatchOrder) -> bool:
    """Tell whether the order's unit, or one above it, is among those the pool serves."""
    return pool.members.filter(scope_pos__lte=order.scope_pos, unit__pos_end__gte=order.scope_pos).exists()


@transaction.atomic
def hand_back(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """退回原单位: by the pool that cannot send a car, or taken back by the organ before the pool sent one."""
    if order.pool_id is None:
        raise Conflict("该申请没有转平台。", code="not_sent")
    if not actor.scope(reach.DISPATCH).covers(order.server_pos):
        actor.require(reach.DISPATCH, order)
    with system("vehicles.hand_back").acting():  # afterwards the pool's dispatchers no longer see the row
        return ledger.move(order, "hand_back", actor, reason=reason, pool=None, server_pos=None)
