"""Verbs of maintenance and repair (维修保养): the schedule of the fleet, visits to the workshop. SPEC L4.5."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import CostKind
from ..models import UpkeepOrder, UpkeepRule, Vehicle
from . import costs, dues, register
from .numbering import next_number

MANAGE, RULES = "vehicles.vehicle.manage", "vehicles.upkeep.manage"


def _check_rule(values: dict[str, Any]) -> None:
    if not values.get("every_km") and not values.get("every_months"):
        message = "里程间隔和时间间隔至少填写一项。"
        raise Invalid(message, fields={"every_km": message})


@transaction.atomic
def add_rule(actor: Actor, **values: Any) -> UpkeepRule:
    """登记保养周期 for the whole fleet, a kind, an energy or a model."""
    actor.require(RULES, ROOT_POS)
    _check_rule(values)
    try:
        with transaction.atomic():
            rule = UpkeepRule.objects.create(**values)
    except IntegrityError as error:
        raise Conflict("相同条件的保养项目已经登记。", fields={"item": "相同条件的保养项目已经登记。"}) from error
    trace.record(actor, "vehicles.upkeeprule.add", rule, after=values)
    return rule


@transaction.atomic
def edit_rule(actor: Actor, rule: UpkeepRule, **values: Any) -> UpkeepRule:
    """变更保养周期; due dates follow at the next computation."""
    actor.require(RULES, ROOT_POS)
    _check_rule(values)
    before = {name: getattr(rule, name) for name in values}
    try:
        with transaction.atomic():
            UpkeepRule.objects.filter(pk=rule.pk).update(**values, version=rule.version + 1)
    except IntegrityError as error:
        raise Conflict("相同条件的保养项目已经登记。", fields={"item": "相同条件的保养项目已经登记。"}) from error
    trace.record(actor, "vehicles.upkeeprule.edit", rule, before=before, after=values)
    rule.refresh_from_db()
    return rule


@transaction.atomic
def plan_upkeep(actor: Actor, *, vehicle: Vehicle, rules: Any = (), **values: Any) -> UpkeepOrder:
    """登记维修保养: a visit to the workshop that is planned; ``rules`` are the schedule items it will fulfil."""
    actor.require(MANAGE, vehicle)
    if vehicle.state == "disposed":
        raise Conflict("该车已处置。", code="disposed")
    keys = sorted(rule.pk for rule in rules)
    return ledger.create(
        UpkeepOrder, actor,
        {**values, "code": next_number("WX", UpkeepOrder), "unit": vehicle.unit, "vehicle": vehicle, "rule_keys": keys},
    )  # fmt: skip


@transaction.atomic
def begin_upkeep(actor: Actor, order: UpkeepOrder, *, shop: str, began_on: date) -> UpkeepOrder:
    """进厂: the vehicle goes to the workshop and cannot be dispatched meanwhile. Refused while orders bind it."""
    actor.require(MANAGE, order)
    if began_on > timezone.localdate():
        raise Invalid("进厂日期不能晚于今天。", fields={"began_on": "进厂日期不能晚于今天。"})
    order = ledger.move(order, "begin", actor, shop=shop, began_on=began_on)
    if order.vehicle.state == "in_service":
        register.send_to_repair(actor, order.vehicle, reason=f"{order.get_kind_display()}：{order.items}")
    return order


@transaction.atomic
def finish_upkeep(
    actor: Actor, order: UpkeepOrder, *, done_on: date, cost_yuan: Decimal, odometer_km: int | None = None,
    invoice_no: str = "", file: Any = None,
) -> UpkeepOrder:  # fmt: skip
    """完工结算: the bill goes into the ledger of costs, the vehicle back into service, the schedule starts anew."""
    actor.require(MANAGE, order)
    if order.began_on is not None and not order.began_on <= done_on <= timezone.localdate():
        message = "完工日期须在进厂日期与今天之间。"
        raise Invalid(message, fields={"done_on": message})
    order = ledger.move(
        order, "finish", actor, done_on=done_on, cost_yuan=cost_yuan, odometer_km=odometer_km, invoice_no=invoice_no
    )
    _settle(actor, order, file)
    vehicle = Vehicle.objects.get(pk=order.vehicle_id)
    others = UpkeepOrder.objects.filter(vehicle=vehicle, state="in_shop").exists()
    if vehicle.state == "repair" and not others:
        register.return_from_repair(actor, vehicle)
    dues.refresh_vehicles([vehicle.pk])
    return order


@transaction.atomic
def record_upkeep(
    actor: Actor,
    *,
    vehicle: Vehicle,
    done_on: date,
    cost_yuan: Decimal,
    rules: Any = (),
    file: Any = None,
    **values: Any,
) -> UpkeepOrder:
    """补登维修保养: a visit that is over already, with its bill; the vehicle's own state is left alone."""
    actor.require(MANAGE, vehicle)
    if done_on > timezone.localdate() or done_on < vehicle.bought_on:
        message = "完工日期须在购置日期与今天之间。"
        raise Invalid(message, fields={"done_on": message})
    order = ledger.create(
        UpkeepOrder, actor,
        {**values, "code": next_number("WX", UpkeepOrder), "unit": vehicle.unit, "vehicle": vehicle, "state": "done",
         "rule_keys": sorted(rule.pk for rule in rules), "planned_on": done_on, "began_on": done_on, "done_on": done_on,
         "cost_yuan": cost_yuan},
        name="补登",
    )  # fmt: skip
    _settle(actor, order, file)
    dues.refresh_vehicles([vehicle.pk])
    return order


def _settle(actor: Actor, order: UpkeepOrder, file: Any) -> None:
    """Book the bill of a finished visit, with the bill itself when it was uploaded."""
    entry = costs.derive(
        actor, order, vehicle=order.vehicle, kind=CostKind.MAINTENANCE, spent_on=order.done_on or order.planned_on,
        amount_yuan=order.cost_yuan or Decimal(0), payee=order.shop, item=order.items[:120], invoice_no=order.invoice_no,
    )  # fmt: skip
    if file is not None and entry is not None:
        costs.attach_file(actor, entry, file=file)


@transaction.atomic
def cancel_upkeep(actor: Actor, order: UpkeepOrder, *, reason: str) -> UpkeepOrder:
    """取消; a vehicle in the workshop for this alone goes back into service."""
    actor.require(MANAGE, order)
    was = order.state
    order = ledger.move(order, "cancel", actor, reason=reason)
    vehicle = Vehicle.objects.get(pk=order.vehicle_id)
    others = UpkeepOrder.objects.filter(vehicle=vehicle, state="in_shop").exists()
    if was == "in_shop" and vehicle.state == "repair" and not others:
        register.return_from_repair(actor, vehicle)
    return order
