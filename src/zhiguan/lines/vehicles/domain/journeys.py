"""Verbs of the journey: the driver accepts, checks, drives, notes; the passenger confirms, rates, complains.

Notes carry a key made on the device: what a shaky network sends twice is kept once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..codes import ExpenseKind, IssueKind, MarkKind
from ..models import DispatchOrder, HandoverCheck, OrderExpense, OrderIssue, OrderMark
from . import order_notices
from .dispatching import UNBOUND

DRIVE = "vehicles.order.drive"
LATE = timedelta(days=2)
"""A device may hold back what it noted for so long; what claims to be older or from the future gets our own time."""


def _require(actor: Actor, order: DispatchOrder) -> None:
    actor.require(DRIVE, order, persons=("driver_person_id",))


def moment(at: datetime | None) -> datetime:
    """Return the device's time where it can be believed, else now."""
    now = timezone.now()
    return at if at is not None and now - LATE <= at <= now + timedelta(minutes=5) else now


def _photos(actor: Actor, order: DispatchOrder, role: str, photos: list[File] | tuple[File, ...]) -> None:
    for photo in photos:
        stored = files.store(actor, "vehicles", photo, photo.name or "照片.jpg")
        files.attach(actor, stored, order, role=role)


def _riders(order: DispatchOrder, state: str) -> list[DispatchOrder]:
    return list(order.riders.filter(state=state))


@transaction.atomic
def accept(actor: Actor, order: DispatchOrder) -> DispatchOrder:
    """接单: the driver will go."""
    _require(actor, order)
    if order.accepted_at is not None:
        return order
    return ledger.move(order, "accept", actor, accepted_at=timezone.now())


@transaction.atomic
def decline(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """不能出车: the driver gives the order back, saying why; it waits for a car again."""
    _require(actor, order)
    if order.host_id is None and _riders(order, "dispatched"):
        raise Conflict("该任务有拼车，请联系调度员改派。", code="riders")
    with system("vehicles.decline").acting():  # afterwards the driver no longer sees the row
        order = ledger.move(order, "decline", actor, reason=reason, **UNBOUND)
    order_notices.declined(order, actor, reason=reason)
    return order


def checklist() -> list[str]:
    """Return what has to be looked at before the start (dated fact)."""
    return list(reference.value("dispatch.handover.items"))


@transaction.atomic
def check_vehicle(
    actor: Actor, order: DispatchOrder, *, key: str, items: dict[str, bool], note: str = "", at: datetime | None = None,
    photos: tuple[File, ...] = (),
) -> HandoverCheck:  # fmt: skip
    """车况检查 before the start. Every item of the list in force must be answered; faults must be explained."""
    _require(actor, order)
    known = HandoverCheck.objects.filter(order=order, key=key).first()
    if known is not None:
        return known
    missing = [name for name in checklist() if name not in items]
    if missing:
        raise Invalid(f"请逐项检查：{'、'.join(missing)}。", code="checklist", fields={"items": "请逐项检查。"})
    if not all(items.values()) and not note.strip():
        raise Invalid("有项目不正常，请说明情况。", code="fault", fields={"note": "请说明情况。"})
    made = HandoverCheck.objects.create(
        order=order, key=key, items=items, note=note, at=moment(at), noted_by=actor.name
    )
    _photos(actor, order, "handover", photos)
    trace.record(actor, "vehicles.handovercheck.note", order, after={"items": items, "note": note})
    return made


@transaction.atomic
def start(
    actor: Actor,
    order: DispatchOrder,
    *,
    odometer_start_km: int,
    at: datetime | None = None,
    photos: tuple[File, ...] = (),
) -> DispatchOrder:
    """出车: the driver starts, noting the odometer. Orders that share the car start with it."""
    _require(actor, order)
    if order.state == "started" and order.odometer_start_km == odometer_start_km:
        return order
    when = moment(at)
    order = ledger.move(
        order, "start", actor, odometer_start_km=odometer_start_km, started_at=when,
        accepted_at=order.accepted_at or when,
    )  # fmt: skip
    _photos(actor, order, "odometer_start", photos)
    for rider in _riders(order, "dispatched"):
        ledger.move(rider, "start", actor, started_at=when, accepted_at=rider.accepted_at or when)
    return order


@transaction.atomic
def end(
    actor: Actor, order: DispatchOrder, *, odometer_end_km: int, parked_at_place: str = "", at: datetime | None = None,
    photos: tuple[File, ...] = (),
) -> DispatchOrder:  # fmt: skip
    """收车: the driver is back. Vehicle and driver are free from now on."""
    _require(actor, order)
    if order.state == "ended" and order.odometer_end_km == odometer_end_km:
        return order
    if order.odometer_start_km is not None and odometer_end_km < order.odometer_start_km:
        message = f"收车里程不能小于出车里程（{order.odometer_start_km} 公里）。"
        raise Invalid(message, fields={"odometer_end_km": message})
    when = max(moment(at), order.started_at or moment(at))
    done = {"ended_at": when, "vehicle_busy": None, "driver_busy": None, "parked_at_place": parked_at_place}
    order = ledger.move(order, "end", actor, odometer_end_km=odometer_end_km, **done)
    _photos(actor, order, "odometer_end", photos)
    for rider in _riders(order, "started"):
        ledger.move(rider, "end", actor, **done)
    return order


@transaction.atomic
def mark(
    actor: Actor, order: DispatchOrder, *, key: str, kind: str, at: datetime | None = None, lat: float | None = None,
    lon: float | None = None, note: str = "",
) -> OrderMark:  # fmt: skip
    """途中节点: arrived, passengers on and off, waiting. The first arrival is kept with the order."""
    _require(actor, order)
    known = OrderMark.objects.filter(order=order, key=key).first()
    if known is not None:
        return known
    if kind not in MarkKind.values:
        raise Invalid("没有这种途中节点。", code="mark")
    if order.state != "started":
        raise Conflict("出车后、收车前才能记录途中节点。", code="state_changed")
    when = moment(at)
    made = OrderMark.objects.create(
        order=order, key=key, kind=kind, at=when, lat=lat, lon=lon, note=note[:200], noted_by=actor.name
    )
    if kind == MarkKind.ARRIVED and order.arrived_at is None:
        ledger.change(order, actor, {"arrived_at": when}, name="到达上车点", code="arrive")
    else:
        trace.record(actor, "vehicles.ordermark.note", order, after={"kind": kind, "at": when.isoformat()})
    return made


@transaction.atomic
def spend(
    actor: Actor, order: DispatchOrder, *, key: str, kind: str, amount_yuan: Decimal, note: str = "",
    at: datetime | None = None, photos: tuple[File, ...] = (),
) -> OrderExpense:  # fmt: skip
    """随车费用: toll, parking, fuel that the driver paid on the way, with a photo of the receipt."""
    _require(actor, order)
    known = OrderExpense.objects.filter(order=order, key=key).first()
    if known is not None:
        return known
    if kind not in ExpenseKind.values or not 0 < amount_yuan < 100_000:
        raise Invalid("请选择费用类别并填写金额。", fields={"amount_yuan": "请填写大于零的金额。"})
    if order.state not in ("started", "ended"):
        raise Conflict("出车后才能登记随车费用。", code="state_changed")
    if order.settled_in:
        raise Conflict("该派车单已结算，不能再登记费用。", code="settled")
    made = OrderExpense.objects.create(
        order=order, key=key, kind=kind, amount_yuan=amount_yuan, note=note, at=moment(at), noted_by=actor.name
    )
    _photos(actor, order, "expense", photos)
    trace.record(actor, "vehicles.orderexpense.note", order, after={"kind": kind, "amount_yuan": str(amount_yuan)})
    return made


@transaction.atomic
def report(actor: Actor, order: DispatchOrder, *, key: str, text: str, photos: tuple[File, ...] = ()) -> OrderIssue:
    """反映行车问题: the driver tells the fleet manager of a breakdown, damage or other trouble."""
    _require(actor, order)
    return _issue(actor, order, key, IssueKind.PROBLEM, text, photos)


def _issue(
    actor: Actor, order: DispatchOrder, key: str, kind: IssueKind, text: str, photos: tuple[File, ...]
) -> OrderIssue:
    if actor.person_id is None:
        raise Denied("只有绑定人员的账号可以反映问题。", code="no_person")
    if not text.strip():
        raise Invalid("请说明情况。", fields={"text": "请说明情况。"})
    known = OrderIssue.objects.filter(key=key).first()
    if known is not None:
        return known
    unit = order.pool.unit if order.pool is not None else order.unit
    made = ledger.create(
        OrderIssue, actor,
        {
            "unit": unit, "order": order, "order_code": order.code, "key": key, "kind": kind,
            "reporter": Person.objects.get(pk=actor.person_id), "text": text.strip()[:500],
        },
        name=kind.label,
    )  # fmt: skip
    _photos(actor, order, "issue", photos)
    return made


@transaction.atomic
def answer(actor: Actor, issue: OrderIssue, *, answer: str) -> OrderIssue:
    """答复 a problem or complaint; whoever told of it is told."""
    actor.require("vehicles.issue.answer", issue)
    if not answer.strip():
        raise Invalid("请填写答复。", fields={"answer": "请填写答复。"})
    issue = ledger.move(issue, "answer", actor, answer=answer.strip(), answered_by=actor.name)
    order_notices.answered(issue, actor)
    return issue


def _require_passenger(actor: Actor, order: DispatchOrder, what: str) -> None:
    own = {order.requester_id, *order.passenger_ids}
    if actor.person_id is None or actor.person_id not in own:
        raise Denied(f"只有申请人和乘车人可以{what}。", code="not_passenger")


@transaction.atomic
def confirm_use(actor: Actor, order: DispatchOrder) -> DispatchOrder:
    """确认用车: requester or passenger says that the journey was as noted."""
    _require_passenger(actor, order, "确认用车")
    if order.state != "ended":
        raise Conflict("收车后方可确认。", code="state_changed")
    if order.confirmed_at is not None:
        raise Conflict("该派车单已确认。", code="confirmed")
    values = {"confirmed_at": timezone.now(), "confirmed_by": actor.name}
    return ledger.change(order, actor, values, name="确认用车", code="confirm_use")


@transaction.atomic
def rate(actor: Actor, order: DispatchOrder, *, rating: int, rating_note: str = "") -> DispatchOrder:
    """评价: requester or passenger rates a finished trip, once; what was not confirmed is confirmed with it."""
    _require_passenger(actor, order, "评价")
    if order.state != "ended":
        raise Conflict("收车后方可评价。", code="state_changed")
    if order.rating is not None:
        raise Conflict("该派车单已评价。", code="rated")
    if rating <= 2 and not rating_note.strip():
        message = "评价不满意时请写明原因，便于改进。"
        raise Invalid(message, fields={"rating_note": message})
    values: dict[str, Any] = {"rating": rating, "rating_note": rating_note}
    if order.confirmed_at is None:
        values |= {"confirmed_at": timezone.now(), "confirmed_by": actor.name}
    return ledger.change(order, actor, values, name="评价", code="rate")


@transaction.atomic
def complain(actor: Actor, order: DispatchOrder, *, text: str, key: str = "") -> OrderIssue:
    """投诉: a passenger tells the fleet manager what was wrong."""
    _require_passenger(actor, order, "投诉")
    return _issue(
        actor, order, key or f"{order.pk}-{actor.person_id}-{timezone.now():%H%M%S%f}", IssueKind.COMPLAINT, text, ()
    )
