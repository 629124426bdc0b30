"""Verbs of accidents (事故) and traffic violations (交通违法): who drove is read from the dispatch order."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import CostKind
from ..models import Accident, DispatchOrder, Driver, TrafficViolation, Vehicle
from . import costs, dues
from .numbering import next_number

MANAGE = "vehicles.vehicle.manage"


def order_at(vehicle: Vehicle, at: datetime) -> DispatchOrder | None:
    """Return the dispatch order that covered the moment: as it was driven, else as it was planned."""
    orders = DispatchOrder.objects.filter(vehicle=vehicle).select_related("driver")
    driven = orders.filter(started_at__lte=at).exclude(ended_at__lt=at).order_by("-started_at").first()
    if driven is not None and (driven.ended_at is not None or driven.state == "started"):
        return driven
    planned = orders.filter(state="dispatched", planned_from__lte=at, planned_to__gte=at)
    return planned.order_by("-planned_from").first()


def _who(vehicle: Vehicle, at: datetime, given: Driver | None) -> dict[str, Any]:
    """Return order and driver of the moment; a driver who is given stands, and is not the order's by silence."""
    order = order_at(vehicle, at)
    return {"order": order, "driver": given or (order.driver if order is not None else None)}


def _check_past(at: datetime) -> None:
    if at > timezone.now():
        raise Invalid("时间不能晚于现在。", fields={"at": "时间不能晚于现在。"})


@transaction.atomic
def report_accident(actor: Actor, *, vehicle: Vehicle, driver: Driver | None = None, **values: Any) -> Accident:
    """登记事故. Order and driver are those of the dispatch order that covered the moment, unless a driver is named."""
    actor.require(MANAGE, vehicle)
    _check_past(values["at"])
    return ledger.create(
        Accident, actor,
        {**values, **_who(vehicle, values["at"], driver), "code": next_number("SG", Accident), "unit": vehicle.unit,
         "vehicle": vehicle},
    )  # fmt: skip


@transaction.atomic
def assess_accident(actor: Actor, accident: Accident, **values: Any) -> Accident:
    """责任认定: liability and damage as the police document says. ``values``: liability, document_no, damage,
    damage_yuan, driver."""
    actor.require(MANAGE, accident)
    return ledger.move(accident, "assess", actor, **values)


@transaction.atomic
def close_accident(
    actor: Actor, accident: Accident, *, reason: str, own_cost_yuan: Decimal = Decimal(0), upkeep: Any = None
) -> Accident:
    """结案: repaired and settled; what the organ bears itself goes into the ledger of costs.

    Refused while a claim for it is open, or for a repair of another vehicle.
    """
    actor.require(MANAGE, accident)
    if accident.claims.filter(state="open").exists():
        raise Conflict("该事故的保险理赔尚未办结。", code="claim_open")
    if upkeep is not None and upkeep.vehicle_id != accident.vehicle_id:
        raise Invalid("维修单与事故不是同一辆车。", fields={"upkeep": "维修单与事故不是同一辆车。"})
    accident = ledger.move(accident, "close", actor, reason=reason, own_cost_yuan=own_cost_yuan, upkeep=upkeep)
    costs.derive(
        actor, accident, vehicle=accident.vehicle, kind=CostKind.ACCIDENT, spent_on=timezone.localdate(accident.at),
        amount_yuan=own_cost_yuan, item=f"事故 {accident.code} 单位自行承担",
    )  # fmt: skip
    return accident


@transaction.atomic
def record_violation(
    actor: Actor, *, vehicle: Vehicle, driver: Driver | None = None, **values: Any
) -> TrafficViolation:
    """登记违法. The driver is that of the dispatch order covering the moment, unless one is named."""
    actor.require(MANAGE, vehicle)
    _check_past(values["at"])
    if values["noticed_on"] < timezone.localdate(values["at"]) or values["noticed_on"] > timezone.localdate():
        message = "告知日期须在违法日期与今天之间。"
        raise Invalid(message, fields={"noticed_on": message})
    try:
        with transaction.atomic():
            row = ledger.create(
                TrafficViolation, actor,
                {**values, **_who(vehicle, values["at"], driver), "unit": vehicle.unit, "vehicle": vehicle},
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("同一车辆、同一时间的该违法行为已经登记。", code="violation_known") from error
    dues.refresh_vehicles([vehicle.pk])
    return row


@transaction.atomic
def handle_violation(
    actor: Actor, violation: TrafficViolation, *, driver: Driver, handled_on: date, fine_yuan: Decimal, points: int,
    decision_no: str = "",
) -> TrafficViolation:  # fmt: skip
    """接受处理: the driver who answers for it, the decision, fine and points."""
    actor.require(MANAGE, violation)
    if not timezone.localdate(violation.at) <= handled_on <= timezone.localdate():
        message = "处理日期须在违法日期与今天之间。"
        raise Invalid(message, fields={"handled_on": message})
    violation = ledger.move(
        violation, "handle", actor, driver=driver, handled_on=handled_on, fine_yuan=fine_yuan, points=points,
        decision_no=decision_no,
    )  # fmt: skip
    dues.refresh_vehicles([violation.vehicle_id])
    return violation


@transaction.atomic
def pay_violation(actor: Actor, violation: TrafficViolation, *, paid_on: date, payer: str) -> TrafficViolation:
    """缴款: by the person who answers for it; fines are no cost of the vehicle and are not booked as one."""
    actor.require(MANAGE, violation)
    if paid_on > timezone.localdate() or (violation.handled_on is not None and paid_on < violation.handled_on):
        message = "缴款日期须在处理日期与今天之间。"
        raise Invalid(message, fields={"paid_on": message})
    violation = ledger.move(violation, "pay", actor, paid_on=paid_on, payer=payer)
    dues.refresh_vehicles([violation.vehicle_id])
    return violation


@transaction.atomic
def withdraw_violation(actor: Actor, violation: TrafficViolation, *, reason: str) -> TrafficViolation:
    """撤销, when the authority took it back or it was entered wrongly."""
    actor.require(MANAGE, violation)
    violation = ledger.move(violation, "withdraw", actor, reason=reason)
    dues.refresh_vehicles([violation.vehicle_id])
    return violation
