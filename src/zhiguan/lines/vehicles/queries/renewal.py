"""When vehicles may be renewed (更新): by age, with the clause; guided scrapping by kilometres. SPEC L4.5."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import DateField, ExpressionWrapper, F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..models import ON_BOOKS, Vehicle

AGE = "vehicles.renewal.age_years"
GUIDED_KM = "vehicles.renewal.scrap_guided_km"


def renewal_clause() -> str:
    """Return the clause that says from what age a vehicle may be renewed."""
    return reference.fact(AGE).citation


def add_months(day: date, months: int) -> date:
    """Return the day so many months later; a day that the month does not have becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def renewal_on(vehicle: Vehicle) -> date:
    """Return the first day on which renewal may be asked for by age."""
    return add_months(vehicle.registered_on or vehicle.bought_on, 12 * int(reference.value(AGE)))


def dated(rows: QuerySet[Vehicle]) -> QuerySet[Vehicle]:
    """Return the vehicles with ``renewal_on``, the day from which they may be renewed by age."""
    months = 12 * int(reference.value(AGE))
    since: Any = Coalesce(F("registered_on"), F("bought_on"))
    due = ExpressionWrapper(since + RawSQL("make_interval(months => %s)", [months]), output_field=DateField())
    return rows.annotate(renewal_on=Cast(due, DateField()))


def renewable(rows: QuerySet[Vehicle]) -> QuerySet[Vehicle]:
    """Return the vehicles that may be renewed by age today."""
    return dated(rows).filter(renewal_on__lte=timezone.localdate())


def with_renewal(actor: Actor) -> QuerySet[Vehicle]:
    """Return the vehicles on the books in the actor's scope with ``renewal_on``."""
    return dated(Vehicle.objects.visible_to(actor, "vehicles.vehicle.view").filter(ON_BOOKS))
