"""Verbs of dispatch orders: request, approve, dispatch, cancel. Driving and rating: ``journeys``. SPEC L4.2."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg.types.range import Range

from zhiguan.kernel.geo import service as geo
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..codes import Body, OrderKind
from ..models import DispatchOrder, Driver, Vehicle
from . import approvals, driving, order_notices, reach

LONGEST = timedelta(days=15)
"""Longest time one order may bind a vehicle; a longer need is a loan of the vehicle, not a trip."""


def busy(key: int, start: datetime, end: datetime) -> Range:
    """Return vehicle (or driver) and time as one range of integers; see ``DispatchOrder``."""
    minutes = [int(moment.timestamp() // 60) for moment in (start, end)]
    return Range((key << 32) + minutes[0], (key << 32) + max(minutes[1], minutes[0] + 1))


def next_code(day: date | None = None) -> tuple[int, str]:
    """Return the key and the public code of a new order of the day (today)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('vehicles_dispatchorder', 'id'))")
        key = cursor.fetchone()[0]
    return key, f"PC{day or timezone.localdate():%Y%m%d}{key % 100_000:05d}"


def check_times(start: datetime, end: datetime) -> None:
    if end <= start:
        raise Invalid("结束时间须晚于用车时间。", fields={"planned_to": "结束时间须晚于用车时间。"})
    if end - start > LONGEST:
        message = f"一次用车不超过 {LONGEST.days} 天。"
        raise Invalid(message, fields={"planned_to": message})


def _check_class(values: dict[str, Any]) -> None:
    """Refuse a car of a class that so few people, or such a purpose, do not need (``dispatch.request.*``)."""
    body, count = values.get("body_wanted") or "", values.get("passenger_count", 1)
    if body in ("small_bus", "medium_bus", "large_bus"):
        least = reference.value(f"dispatch.request.{body}_from")
        if count < least:
            message = f"乘车人数达到 {least} 人方可申请{Body(body).label}。"
            raise Invalid(message, code="class", fields={"body_wanted": message})
    urgent = values.get("kind") == OrderKind.EMERGENCY or values.get("outside_city")
    if body == Body.SUV and not urgent and not reference.value("dispatch.request.suv_ordinary"):
        message = "越野车从严控制，一般公务在市内用车不能申请越野车。"
        raise Invalid(message, code="class", fields={"body_wanted": message})


def _outside(values: dict[str, Any]) -> bool:
    """Tell whether any of the places is known to lie outside of the city, or the requester says so."""
    places = [(values.get("destination_lat"), values.get("destination_lon"))]
    places += [(stop.get("lat"), stop.get("lon")) for stop in values.get("stops") or ()]
    known = [(lat, lon) for lat, lon in places if lat is not None and lon is not None]
    if values.get("outside_city") or not known:
        return bool(values.get("outside_city"))
    return not all(geo.district_of([lat for lat, _ in known], [lon for _, lon in known]))


def _party(values: dict[str, Any], unit: Unit) -> dict[str, Any]:
    """Return the fields that follow from the list of passengers: names, keys, at least as many seats."""
    party = values.get("party")
    if not party:
        return {}
    keys = [each["person"] for each in party if each.get("person")]
    organ = orgs.organ_of(unit) or unit
    if Person.objects.within(organ).filter(pk__in=keys).count() != len(set(keys)):
        message = "从通讯录选取的乘车人须为本单位人员；外单位人员请直接填写姓名。"
        raise Invalid(message, code="passenger", fields={"party": message})
    count = max(values.get("passenger_count") or 1, len(party))
    names = "、".join(each["name"] for each in party)
    return {"passenger_ids": sorted(set(keys)), "passengers": names[:200], "passenger_count": count}


@transaction.atomic
def request(actor: Actor, **values: Any) -> DispatchOrder:
    """申请用车: the actor asks for a car for their own organ.

    ``values``: purpose, passengers or party, passenger_count, origin, destination, planned_from, planned_to, kind and
    optionally stops, coordinates, shape, body_wanted, outside_city. Refused when the times are impossible, in the past
    or too far ahead, and when the class of car is not for such a journey. Who has to approve is decided here.
    """
    actor.require("vehicles.order.request")
    if actor.person_id is None or actor.unit_id is None:
        raise Denied("只有绑定人员的账号可以申请用车。", code="no_person")
    start, end = values["planned_from"], values["planned_to"]
    check_times(start, end)
    if end < timezone.now():
        raise Invalid("用车时间已过。", fields={"planned_from": "用车时间已过。"})
    ahead = timedelta(days=reference.value("dispatch.request.ahead_days"))
    if start > timezone.now() + ahead:
        message = f"最多提前 {ahead.days} 天申请。"
        raise Invalid(message, fields={"planned_from": message})
    _check_class(values)
    person = Person.objects.select_related("unit").get(pk=actor.person_id)
    outside = _outside(values)
    level, reasons = approvals.decide(
        kind=values.get("kind", OrderKind.ORDINARY), outside_city=outside, start=start, end=end
    )
    key, code = next_code()
    values |= _party(values, person.unit) | {
        "id": key, "code": code, "unit": person.unit, "requester": person, "outside_city": outside,
        "approval_level": level, "approval_reasons": reasons,
    }  # fmt: skip
    return ledger.create(DispatchOrder, actor, values, name="申请")


@transaction.atomic
def request_weekly(actor: Actor, *, weeks: int, **values: Any) -> DispatchOrder:
    """重复用车: the same journey again in each of the following weeks, each an order of its own. Returns the first."""
    actor.require("vehicles.order.request")
    series = uuid.uuid4().hex if weeks else ""
    made = []
    for week in range(weeks + 1):
        later = timedelta(weeks=week)
        times = {name: values[name] + later for name in ("planned_from", "planned_to")}
        made.append(request(actor, **{**values, **times, "series": series}))
    return made[0]


@transaction.atomic
def approve(actor: Actor, order: DispatchOrder, *, reason: str = "") -> DispatchOrder:
    """批准: the approver of the requester's unit agrees. Nobody approves their own request."""
    approvals.require(order, actor)
    order = ledger.move(order, "approve", actor, reason=reason, approved_by=actor.name, approved_at=timezone.now())
    order_notices.decided(order, actor, agreed=True, reason=reason)
    return order


@transaction.atomic
def refuse(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """不批准."""
    approvals.require(order, actor)
    order = ledger.move(order, "refuse", actor, reason=reason, approved_by=actor.name)
    order_notices.decided(order, actor, agreed=False, reason=reason)
    return order


def _check_fit(order: DispatchOrder, vehicle: Vehicle, driver: Driver) -> None:
    if vehicle.state != "in_service":
        message = f"{vehicle.plate} 当前状态为“{vehicle.state_name}”，不能派车。"
        raise Invalid(message, code="vehicle_state", fields={"vehicle": message})
    if driver.state != "active":
        raise Invalid("该驾驶员已停驾。", code="driver_state", fields={"driver": "该驾驶员已停驾。"})
    last_day = timezone.localtime(order.planned_to).date()
    if driver.licence_expires_on and driver.licence_expires_on < last_day:
        message = f"该驾驶员驾驶证将于 {driver.licence_expires_on:%Y-%m-%d} 到期，早于用车结束日期。"
        raise Invalid(message, code="licence_expired", fields={"driver": message})
    if order.passenger_count + 1 > vehicle.seats:
        message = f"{vehicle.plate} 核定载客 {vehicle.seats} 人（含驾驶员），乘车人数超出。"
        raise Invalid(message, code="seats", fields={"vehicle": message})


def clash(vehicle: Vehicle, driver: Driver, order: DispatchOrder) -> Conflict:
    overlapping = (
        DispatchOrder.objects.filter(state__in=("dispatched", "started"))
        .filter(planned_from__lt=order.planned_to, planned_to__gt=order.planned_from)
        .exclude(pk=order.pk)
    )
    taken = overlapping.filter(Q(vehicle=vehicle) | Q(driver=driver)).first()
    where = f"（{taken.code}）" if taken else ""
    field = "driver" if taken and taken.vehicle_id != vehicle.pk else "vehicle"
    what = driver.person.name if field == "driver" else vehicle.plate
    message = f"{what} 在该时段已有派车单{where}，请改派其他车辆或驾驶员。"
    return Conflict(message, code="double_booking", fields={field: message})


def _bind(
    actor: Actor, order: DispatchOrder, code: str, vehicle: Vehicle, driver: Driver, reason: str, **values: Any
) -> DispatchOrder:
    reach.require_order(order, actor)
    reach.require_served(vehicle, actor)
    reach.require_served(driver, actor)
    vehicle = Vehicle.objects.select_for_update(no_key=True).get(pk=vehicle.pk)
    _check_fit(order, vehicle, driver)
    before, former_driver = order.vehicle_id, order.driver_person_id
    try:
        with transaction.atomic():
            order = ledger.move(
                order, code, actor, reason=reason, vehicle=vehicle, driver=driver, driver_person_id=driver.person_id,
                dispatched_by=actor.name, dispatched_at=timezone.now(), accepted_at=None, plate=vehicle.plate,
                driver_name=driver.person.name, driver_phone=driver.phone,
                vehicle_busy=busy(vehicle.pk, order.planned_from, order.planned_to),
                driver_busy=busy(driver.pk, order.planned_from, order.planned_to), **values,
            )  # fmt: skip
    except IntegrityError as error:
        raise clash(vehicle, driver, order) from error
    if before not in (None, vehicle.pk):
        driving.rematch(order, before)
    driving.rematch(order)
    again = code == "redispatch"
    order_notices.dispatched(order, actor, again=again, former_driver=former_driver, reason=reason)
    return order


@transaction.atomic
def dispatch(
    actor: Actor, order: DispatchOrder, *, vehicle: Vehicle, driver: Driver, reason: str = ""
) -> DispatchOrder:
    """派车: bind a vehicle and a driver. Double booking of either is refused by the database itself."""
    return _bind(actor, order, "dispatch", vehicle, driver, reason)


@transaction.atomic
def dispatch_urgently(
    actor: Actor, order: DispatchOrder, *, vehicle: Vehicle, driver: Driver, reason: str
) -> DispatchOrder:
    """应急派车: an emergency goes ahead of its approval, which is then due within some working days (补批)."""
    if order.kind != OrderKind.EMERGENCY:
        raise Conflict("只有应急用车可以先派车后审批。", code="not_urgent")
    due = approvals.ratify_by(timezone.localdate())
    return _bind(actor, order, "dispatch_urgently", vehicle, driver, reason, ratify_by_on=due)


@transaction.atomic
def redispatch(actor: Actor, order: DispatchOrder, *, vehicle: Vehicle, driver: Driver, reason: str) -> DispatchOrder:
    """改派: bind another vehicle or driver before the start."""
    _check_alone(order)
    return _bind(actor, order, "redispatch", vehicle, driver, reason, host=None)


def _check_alone(order: DispatchOrder) -> None:
    riders = list(order.riders.filter(state__in=("dispatched", "started")).values_list("code", flat=True))
    if riders:
        raise Conflict(f"有派车单拼入本单（{'、'.join(riders)}），请先撤回拼车。", code="riders")


def may_cancel(order: DispatchOrder, actor: Actor) -> bool:
    """Tell whether the order is the actor's own, or one that they approve or dispatch."""
    if actor.person_id is not None and actor.person_id == order.requester_id:
        return True
    reached = actor.scope("vehicles.order.dispatch")
    if reached.covers(order.scope_pos) or reached.covers(order.server_pos):
        return True
    return actor.scope("vehicles.order.approve").covers(order.scope_pos)


@transaction.atomic
def cancel(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """取消: by the requester, or by those who approve or dispatch. Trips that the order covered have none from now on."""
    if not may_cancel(order, actor):
        actor.require("vehicles.order.approve", order)
    _check_alone(order)
    order = ledger.move(order, "cancel", actor, reason=reason, vehicle_busy=None, driver_busy=None)
    driving.rematch(order)
    order_notices.cancelled(order, actor, reason=reason)
    return order
