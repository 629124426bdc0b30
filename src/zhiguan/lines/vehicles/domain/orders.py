"""Verbs of dispatch orders: request, approve, dispatch, drive, rate. SPEC L4.2."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg.types.range import Range

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..models import DispatchOrder, Driver, Vehicle
from . import driving, order_notices

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


def _check_times(start: datetime, end: datetime) -> None:
    if end <= start:
        raise Invalid("结束时间须晚于用车时间。", fields={"planned_to": "结束时间须晚于用车时间。"})
    if end - start > LONGEST:
        message = f"一次用车不超过 {LONGEST.days} 天。"
        raise Invalid(message, fields={"planned_to": message})


@transaction.atomic
def request(actor: Actor, **values: Any) -> DispatchOrder:
    """申请用车: the actor asks for a car for their own organ.

    ``values``: purpose, passengers, passenger_count, origin, destination, planned_from, planned_to, kind and
    optionally destination_lat/lon. Refused when the times are impossible or lie in the past.
    """
    actor.require("vehicles.order.request")
    if actor.person_id is None or actor.unit_id is None:
        raise Denied("只有绑定人员的账号可以申请用车。", code="no_person")
    _check_times(values["planned_from"], values["planned_to"])
    if values["planned_to"] < timezone.now():
        raise Invalid("用车时间已过。", fields={"planned_from": "用车时间已过。"})
    person = Person.objects.select_related("unit").get(pk=actor.person_id)
    key, code = next_code()
    return ledger.create(
        DispatchOrder, actor, {**values, "id": key, "code": code, "unit": person.unit, "requester": person}, name="申请"
    )


@transaction.atomic
def approve(actor: Actor, order: DispatchOrder, *, reason: str = "") -> DispatchOrder:
    """批准: the approver of the requester's unit agrees. Nobody approves their own request."""
    actor.require("vehicles.order.approve", order)
    if actor.person_id is not None and actor.person_id == order.requester_id:
        raise Denied("不能审批本人提出的用车申请。", code="own_request")
    order = ledger.move(order, "approve", actor, reason=reason, approved_by=actor.name)
    order_notices.decided(order, actor, agreed=True, reason=reason)
    return order


@transaction.atomic
def refuse(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """不批准."""
    actor.require("vehicles.order.approve", order)
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


def _clash(vehicle: Vehicle, driver: Driver, order: DispatchOrder) -> Conflict:
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


def _bind(actor: Actor, order: DispatchOrder, code: str, vehicle: Vehicle, driver: Driver, reason: str) -> DispatchOrder:
    actor.require("vehicles.order.dispatch", order)
    actor.require("vehicles.order.dispatch", vehicle)
    vehicle = Vehicle.objects.select_for_update(no_key=True).get(pk=vehicle.pk)
    _check_fit(order, vehicle, driver)
    before, former_driver = order.vehicle_id, order.driver_person_id
    try:
        with transaction.atomic():
            order = ledger.move(
                order, code, actor, reason=reason, vehicle=vehicle, driver=driver, driver_person_id=driver.person_id,
                dispatched_by=actor.name,
                vehicle_busy=busy(vehicle.pk, order.planned_from, order.planned_to),
                driver_busy=busy(driver.pk, order.planned_from, order.planned_to),
            )  # fmt: skip
    except IntegrityError as error:
        raise _clash(vehicle, driver, order) from error
    if before not in (None, vehicle.pk):
        driving.rematch(order, before)
    driving.rematch(order)
    again = code == "redispatch"
    order_notices.dispatched(order, actor, again=again, former_driver=former_driver, reason=reason)
    return order


@transaction.atomic
def dispatch(actor: Actor, order: DispatchOrder, *, vehicle: Vehicle, driver: Driver, reason: str = "") -> DispatchOrder:
    """派车: bind a vehicle and a driver. Double booking of either is refused by the database itself."""
    return _bind(actor, order, "dispatch", vehicle, driver, reason)


@transaction.atomic
def redispatch(actor: Actor, order: DispatchOrder, *, vehicle: Vehicle, driver: Driver, reason: str) -> DispatchOrder:
    """改派: bind another vehicle or driver before the start."""
    return _bind(actor, order, "redispatch", vehicle, driver, reason)


def start(actor: Actor, order: DispatchOrder, *, odometer_start_km: int) -> DispatchOrder:
    """出车: the driver starts, noting the odometer."""
    actor.require("vehicles.order.drive", order, persons=("driver_person_id",))
    return ledger.move(order, "start", actor, odometer_start_km=odometer_start_km, started_at=timezone.now())


@transaction.atomic
def end(actor: Actor, order: DispatchOrder, *, odometer_end_km: int) -> DispatchOrder:
    """收车: the driver is back. Vehicle and driver are free from now on."""
    actor.require("vehicles.order.drive", order, persons=("driver_person_id",))
    if order.odometer_start_km is not None and odometer_end_km < order.odometer_start_km:
        message = f"收车里程不能小于出车里程（{order.odometer_start_km} 公里）。"
        raise Invalid(message, fields={"odometer_end_km": message})
    return ledger.move(
        order, "end", actor, odometer_end_km=odometer_end_km, ended_at=timezone.now(), vehicle_busy=None, driver_busy=None
    )


@transaction.atomic
def cancel(actor: Actor, order: DispatchOrder, *, reason: str) -> DispatchOrder:
    """取消: by the requester, or by those who approve or dispatch. Trips that the order covered have none from now on."""
    own = actor.person_id is not None and actor.person_id == order.requester_id
    if not own and not actor.scope("vehicles.order.dispatch").covers(order.scope_pos):
        actor.require("vehicles.order.approve", order)
    order = ledger.move(order, "cancel", actor, reason=reason, vehicle_busy=None, driver_busy=None)
    driving.rematch(order)
    order_notices.cancelled(order, actor, reason=reason)
    return order


def rate(actor: Actor, order: DispatchOrder, *, rating: int, rating_note: str = "") -> DispatchOrder:
    """评价: the requester rates a finished trip, once."""
    if actor.person_id is None or actor.person_id != order.requester_id:
        raise Denied("只有申请人可以评价。", code="not_requester")
    if order.state != "ended":
        raise Conflict("收车后方可评价。", code="state_changed")
    if order.rating is not None:
        raise Conflict("该派车单已评价。", code="rated")
    values = {"rating": rating, "rating_note": rating_note}
    return ledger.change(order, actor, values, name="评价", code="rate")
