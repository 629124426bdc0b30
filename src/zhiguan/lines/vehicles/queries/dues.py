"""Reading what falls due (到期提醒) and how near it is."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Case, CharField, QuerySet, Value, When
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..codes import Rung
from ..models import Driver, DueItem, Vehicle

RUNGS = ((Rung.LAST, "last"), (Rung.NEAR, "near"), (Rung.FAR, "far"))

WORKING = "工作日"


def bounds(today: date) -> dict[str, date]:
    """Return the last day of each rung as of today; in working days where the fact's unit says so."""
    facts = reference.thresholds("vehicles.due", on=today)
    limits = {rung: facts.fact(f"{name}_days") for rung, name in RUNGS}
    return {rung: term_end(today, int(fact.value), fact.unit) for rung, fact in limits.items()}


def term_end(since: date, count: int, unit: str) -> date:
    """Return the last day of a term; in working days where the rule says so.

    Where the calendar of the year is not loaded yet, days count: that is earlier, and a reminder must not fail.
    """
    if unit == WORKING:
        try:
            return calendar.add_working_days(since, count)
        except calendar.YearNotLoaded:
            pass
    return since + timedelta(days=count)


def all_dues() -> QuerySet[DueItem]:
    """Return what falls due, in the frame in force, with ``rung``."""
    today = timezone.localdate()
    cases = [When(due_on__lt=today, then=Value(Rung.OVERDUE.value))]
    cases += [When(due_on__lte=day, then=Value(rung)) for rung, day in bounds(today).items()]
    return DueItem.objects.annotate(
        rung=Case(*cases, default=Value(Rung.LATER.value), output_field=CharField(choices=Rung.choices))
    )


def dues(actor: Actor) -> QuerySet[DueItem]:
    """Return what falls due in the actor's scope, with ``rung``; drivers' items for those who may see drivers."""
    rows = all_dues().filter(actor.scope("vehicles.vehicle.view").q())
    return rows if actor.can("vehicles.driver.view") else rows.filter(driver__isnull=True)


def near(actor: Actor) -> QuerySet[DueItem]:
    """Return what is overdue or falls due within the near rung: the work of whoever looks after the vehicles."""
    return dues(actor).filter(rung__in=(Rung.OVERDUE, Rung.LAST, Rung.NEAR))


def of_vehicle(vehicle: Vehicle, actor: Actor) -> QuerySet[DueItem]:
    """Return what falls due of one vehicle, soonest first."""
    return dues(actor).filter(vehicle=vehicle).order_by("due_on")


def of_driver(driver: Driver, actor: Actor) -> QuerySet[DueItem]:
    """Return what falls due of one driver, soonest first."""
    return dues(actor).filter(driver=driver).order_by("due_on")
