"""What evaluation counts: orders that were served, trips with passengers or without, emissions. SPEC L4.5, D10."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Exists, F, FloatField, Func, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast

from zhiguan.kernel.reference.service import Fact

from ..codes import Energy, EnergyKind, MarkKind
from ..models import EnergyRecord, OrderMark, Trip

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Minutes(Func):
    """A stretch of time in minutes."""

    template = "(EXTRACT(EPOCH FROM %(expressions)s) / 60.0)::double precision"
    output_field = FloatField()


WAIT = Minutes(F("started_at") - F("created_at"))
"""Minutes from the request of an order to its start."""


def timed() -> Q:
    """Return the condition for orders that were driven and asked for beforehand: entries made afterwards tell no wait."""
    return Q(state__in=("started", "ended"), started_at__gte=F("created_at"))


def punctual(minutes: float) -> Q:
    """Return the condition for orders that started by the planned time, or ``minutes`` later at most."""
    return Q(started_at__lte=F("planned_from") + timedelta(minutes=minutes))


def _marks(kind: str) -> QuerySet[OrderMark]:
    return OrderMark.objects.filter(order=OuterRef("order_id"), kind=kind)


def boarded() -> Q:
    """Return the condition for trips of orders whose driver noted when passengers got in and out."""
    return Q(Exists(_marks(MarkKind.ABOARD))) & Q(Exists(_marks(MarkKind.ALIGHTED)))


def empty(rows: QuerySet[Trip]) -> QuerySet[Trip]:
    """Return the trips among ``rows`` that ended before anybody got in, or began after everybody had got out."""
    aboard = Subquery(_marks(MarkKind.ABOARD).order_by("at").values("at")[:1])
    alighted = Subquery(_marks(MarkKind.ALIGHTED).order_by("-at").values("at")[:1])
    rows = rows.alias(aboard_at=aboard, alighted_at=alighted)
    return rows.filter(Q(end_at__lte=F("aboard_at")) | Q(start_at__gte=F("alighted_at")))


FACTORS = {"petrol": "evaluation.co2.petrol", "diesel": "evaluation.co2.diesel"}
GRID = "evaluation.co2.grid_"


def factors() -> dict[str, list[tuple[Any, float]]]:
    """Return by petrol, diesel and grid the days from which a factor holds, newest first, and the factor.

    Of several rows of one day the local adjustment counts.
    """
    found: dict[str, list[tuple[Any, float]]] = {}
    named = {code: name for name, code in FACTORS.items()}
    rows = Fact.objects.filter(Q(code__in=named) | Q(code__startswith=GRID), place__isnull=True)
    for row in rows.order_by("-valid_from", "-local", "-pk"):
        held = found.setdefault(named.get(row.code, "grid"), [])
        if not held or held[-1][0] != row.valid_from:
            held.append((row.valid_from, float(row.value)))
    return found


def co2_kg() -> Case:
    """Return the expression of an energy record's emission in kg: quantity × the factor of its kind and day.

    Fuel of a diesel vehicle is diesel, of every other petrol. Before the first factor there is none to multiply with.
    """
    whens = []
    for name, held in factors().items():
        of_kind = Q(kind=EnergyKind.CHARGE) if name == "grid" else Q(kind=EnergyKind.FUEL)
        if name == "diesel":
            of_kind &= Q(vehicle__energy=Energy.DIESEL)
        elif name == "petrol":
            of_kind &= ~Q(vehicle__energy=Energy.DIESEL)
        for day, factor in held:
            since = datetime.combine(day, time.min, SHANGHAI)
            whens.append(When(of_kind & Q(at__gte=since), then=Cast(F("quantity"), FloatField()) * Value(factor)))
    return Case(*whens, default=None, output_field=FloatField())


def energy_records() -> QuerySet[EnergyRecord]:
    """Return the records that count."""
    return EnergyRecord.objects.filter(voided_at__isnull=True)
