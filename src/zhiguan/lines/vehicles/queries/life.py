"""Reading the papers, upkeep, mishaps and plans of vehicles, each within the actor's scope."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor

from ..models import (
    Accident,
    CostDoubt,
    CostEntry,
    Disposal,
    Driver,
    EnergyCard,
    EnergyRecord,
    Inspection,
    InsuranceClaim,
    InsurancePolicy,
    PurchasePlan,
    StatementProfile,
    TrafficViolation,
    UpkeepOrder,
    UpkeepRule,
    Vehicle,
)
from .renewal import add_months

VEHICLES, COSTS, PLANS = "vehicles.vehicle.view", "vehicles.cost.view", "vehicles.plan.view"


def policies(actor: Actor) -> QuerySet[InsurancePolicy]:
    return InsurancePolicy.objects.visible_to(actor, VEHICLES)


def claims(actor: Actor) -> QuerySet[InsuranceClaim]:
    return InsuranceClaim.objects.visible_to(actor, VEHICLES)


def inspections(actor: Actor) -> QuerySet[Inspection]:
    return Inspection.objects.visible_to(actor, VEHICLES)


def upkeeps(actor: Actor) -> QuerySet[UpkeepOrder]:
    return UpkeepOrder.objects.visible_to(actor, VEHICLES)


def upkeep_rules(actor: Actor) -> QuerySet[UpkeepRule]:
    """Return the schedule of the whole fleet; everybody with vehicles may read it."""
    return UpkeepRule.objects.all() if actor.can(VEHICLES) else UpkeepRule.objects.none()


def accidents(actor: Actor) -> QuerySet[Accident]:
    return Accident.objects.visible_to(actor, VEHICLES)


def violations(actor: Actor) -> QuerySet[TrafficViolation]:
    return TrafficViolation.objects.visible_to(actor, VEHICLES)


def open_violations(actor: Actor) -> QuerySet[TrafficViolation]:
    """Return the violations that somebody still has to answer for."""
    return violations(actor).filter(state="open")


def plans(actor: Actor) -> QuerySet[PurchasePlan]:
    return PurchasePlan.objects.visible_to(actor, PLANS)


def plans_to_approve(actor: Actor) -> QuerySet[PurchasePlan]:
    """Return the plans that wait for the actor's decision; never their own."""
    rows = PurchasePlan.objects.visible_to(actor, "vehicles.plan.approve").filter(state="submitted")
    return rows.exclude(submitted_by_id=actor.account_id) if actor.account_id else rows


def disposals(actor: Actor) -> QuerySet[Disposal]:
    return Disposal.objects.visible_to(actor, PLANS)


def disposals_to_approve(actor: Actor) -> QuerySet[Disposal]:
    """Return the disposals that wait for the actor's decision; never their own."""
    rows = Disposal.objects.visible_to(actor, "vehicles.plan.approve").filter(state="applied")
    return rows.exclude(submitted_by_id=actor.account_id) if actor.account_id else rows


def cards(actor: Actor) -> QuerySet[EnergyCard]:
    return EnergyCard.objects.visible_to(actor, COSTS)


def energy(actor: Actor) -> QuerySet[EnergyRecord]:
    """Return what was fuelled and charged, voided records left out."""
    return EnergyRecord.objects.visible_to(actor, COSTS).filter(voided_at__isnull=True)


def costs(actor: Actor) -> QuerySet[CostEntry]:
    return CostEntry.objects.visible_to(actor, COSTS)


def doubts(actor: Actor) -> QuerySet[CostDoubt]:
    return CostDoubt.objects.visible_to(actor, COSTS)


def open_doubts(actor: Actor) -> QuerySet[CostDoubt]:
    """Return the imported rows that wait for the actor to say whether they are doubles."""
    return CostDoubt.objects.visible_to(actor, "vehicles.cost.manage").filter(state="pending")


def profiles(actor: Actor) -> QuerySet[StatementProfile]:
    """Return the layouts of statements; everybody who books costs may read them."""
    return StatementProfile.objects.all() if actor.can(COSTS) else StatementProfile.objects.none()


def of(rows: Callable[[Actor], QuerySet], *related: str) -> Callable[[Vehicle, Actor], QuerySet]:
    """Return the query for the rows of one vehicle, for a related list."""
    return lambda vehicle, actor: rows(actor).filter(vehicle=vehicle).select_related(*related)


def claims_of(vehicle: Vehicle, actor: Actor) -> QuerySet[InsuranceClaim]:
    return claims(actor).filter(policy__vehicle=vehicle).select_related("policy", "accident")


def timeline(vehicle: Vehicle, actor: Actor) -> list[dict[str, Any]]:
    """Return what happened in the vehicle's life, oldest first: day, words, address of the row, colour."""
    found: list[tuple[date, str, str, Any]] = [(vehicle.bought_on, "购置", "blue", None)]
    if vehicle.registered_on:
        found.append((vehicle.registered_on, "注册登记", "blue", None))
    if vehicle.marked_on:
        found.append((vehicle.marked_on, "喷涂标识", "azure", None))
    first = policies(actor).filter(vehicle=vehicle).order_by("valid_from").first()
    if first is not None:
        found.append((first.valid_from, f"首次投保{first.get_kind_display()}", "green", first))
    for row in inspections(actor).filter(vehicle=vehicle, state="booked").order_by("-inspected_on")[:6]:
        found.append(
            (row.inspected_on, "检验合格" if row.passed else "检验不合格", "green" if row.passed else "red", row)
        )
    for row in upkeeps(actor).filter(vehicle=vehicle, state="done").order_by("-done_on")[:6]:
        found.append((row.done_on or row.planned_on, f"{row.get_kind_display()}：{row.items[:20]}", "orange", row))
    for row in accidents(actor).filter(vehicle=vehicle).order_by("-at")[:6]:
        found.append((timezone.localdate(row.at), "事故", "red", row))
    if vehicle.disposed_on:
        found.append((vehicle.disposed_on, "处置", "secondary", None))
    return [
        {"day": day, "text": text, "colour": colour, "url": _address(row)}
        for day, text, colour, row in sorted(found, key=lambda each: each[0])
    ]


def _address(row: Any) -> str:
    names = {InsurancePolicy: "policy", Inspection: "inspection", UpkeepOrder: "upkeep", Accident: "accident"}
    return reverse(f"vehicles.{names[type(row)]}.detail", args=[row.pk]) if row is not None else ""


def rules_of(order: UpkeepOrder) -> QuerySet[UpkeepRule]:
    """Return the schedule items that a visit to the workshop fulfils."""
    return UpkeepRule.objects.filter(pk__in=order.rule_keys)


def violations_of_driver(driver: Driver, actor: Actor) -> QuerySet[TrafficViolation]:
    return violations(actor).filter(driver=driver).select_related("vehicle", "driver__person", "order", "unit")


def accidents_of_driver(driver: Driver, actor: Actor) -> QuerySet[Accident]:
    return accidents(actor).filter(driver=driver).select_related("vehicle", "driver__person", "unit")


def points_of(driver: Driver, actor: Actor) -> dict[str, Any]:
    """Return the points of the running period of twelve months since the licence was issued, as far as entered here."""
    today = timezone.localdate()
    start = driver.licence_issued_on
    if start is None:
        since = date(today.year, 1, 1)
    else:
        years = today.year - start.year - ((today.month, today.day) < (start.month, start.day))
        since = add_months(start, 12 * years)
    rows = violations(actor).filter(driver=driver, state__in=("handled", "paid"), handled_on__gte=since)
    return {"points": rows.aggregate(total=Sum("points"))["total"] or 0, "since": since, "known": start is not None}
