"""Which journeys a fleet was asked for in a period and which vehicles were there to drive them. SPEC L4.5.

A *class* is what a journey needs: the body of the vehicle it had, or that it asked for, or that its party needs. Vehicles
for confidential mail, law enforcement and special purposes are classes of their own: they replace nobody else's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from zhiguan.kernel.reference import service as reference

from ..codes import Body, VehicleKind
from ..models import DispatchOrder, Trip, Vehicle

SHANGHAI = ZoneInfo("Asia/Shanghai")
APART = (VehicleKind.CONFIDENTIAL_MAIL, VehicleKind.LAW_ENFORCEMENT, VehicleKind.SPECIAL_PURPOSE)
SERVED = ("dispatched", "started", "ended")


@dataclass
class Journeys:
    """Journeys of one class: starts and ends in minutes, whose they were, how many had a vehicle."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    units: list[int] = field(default_factory=list)
    served: int = 0


def within(rows: QuerySet, chosen: Sequence[Mapping[str, Any]], pool: int | None) -> QuerySet:
    """Return the rows of the chosen units and all below them, or of the pool."""
    if pool is not None:
        return rows.filter(pool=pool)
    condition = Q(pk__in=[])
    for unit in chosen:
        condition |= Q(scope_pos__range=(unit["pos"], unit["pos_end"]))
    return rows.filter(condition)


def class_of(kind: str, body: str) -> str:
    """Return the class of a vehicle."""
    return f"{kind if kind in APART else 'general'}:{body}"


def class_name(key: str) -> str:
    """Return the class in words: 轿车, 执法执勤用车（轿车）."""
    kind, body = key.split(":")
    return Body(body).label if kind == "general" else f"{VehicleKind(kind).label}（{Body(body).label}）"


def body_for(persons: int) -> str:
    """Return the body that a party of so many needs, by the facts that requests are checked with."""
    for body in (Body.LARGE_BUS, Body.MEDIUM_BUS, Body.SMALL_BUS):
        if persons >= int(reference.value(f"dispatch.request.{body}_from")):
            return body
    return Body.SEDAN


def journeys(chosen: Sequence[Mapping[str, Any]], pool: int | None, start: date, end: date) -> dict[str, Journeys]:
    """Return the journeys planned from ``start`` to ``end`` (both included) by class.

    Counted are those that had a vehicle, by the times they really took where known, and those approved for which no
    vehicle came. Riders in another order's car, refusals and cancellations need none. Rows are those the row scope shows.
    """
    first = datetime.combine(start, time.min, SHANGHAI)
    last = datetime.combine(end + timedelta(days=1), time.min, SHANGHAI)
    rows = DispatchOrder.objects.filter(planned_from__gte=first, planned_from__lt=last, host__isnull=True)
    rows = rows.filter(Q(state__in=SERVED) | Q(state="approved", planned_to__lt=timezone.now()))
    found: dict[str, Journeys] = defaultdict(Journeys)
    needs = {persons: body_for(persons) for persons in
             within(rows, chosen, pool).order_by().values_list("passenger_count", flat=True).distinct()}  # fmt: skip
    for kind, body, wanted, persons, planned_from, planned_to, began, ended, unit, state in (
        within(rows, chosen, pool).order_by("planned_from", "pk").values_list(
            "vehicle__kind", "vehicle__body", "body_wanted", "passenger_count", "planned_from", "planned_to",
            "started_at", "ended_at", "unit_id", "state",
        ).iterator(5_000)
    ):  # fmt: skip
        one = found[class_of(kind or "", body or wanted or needs[persons])]
        real = began is not None and ended is not None and ended > began
        one.starts.append(int((began if real else planned_from).timestamp() // 60))
        one.ends.append(int((ended if real else planned_to).timestamp() // 60))
        one.units.append(unit)
        one.served += state in SERVED
    return dict(found)


def vehicles(chosen: Sequence[Mapping[str, Any]], pool: int | None) -> QuerySet[Vehicle]:
    """Return the vehicles that could have driven: on the books and neither waiting, laid up nor disposed of."""
    return within(Vehicle.objects.filter(state__in=("in_service", "repair")), chosen, pool)


def use_of(rows: QuerySet[Vehicle], start: date, end: date) -> list[dict[str, Any]]:
    """Return the vehicles with what each did in the period (orders, km), least used first."""
    first = datetime.combine(start, time.min, SHANGHAI)
    last = datetime.combine(end + timedelta(days=1), time.min, SHANGHAI)
    driven = DispatchOrder.objects.filter(planned_from__gte=first, planned_from__lt=last, state__in=SERVED)
    orders = dict(driven.filter(vehicle__in=rows).order_by().values_list("vehicle").annotate(n=Count("pk")))
    trips = Trip.objects.filter(day__range=(start, end), vehicle__in=rows).order_by()
    km = dict(trips.values_list("vehicle").annotate(km=Sum(F("distance_m") / 1000.0)))
    found = [
        {"id": row.pk, "plate": row.plate, "unit": row.unit.label, "class": class_of(row.kind, row.body),
         "bought_on": row.bought_on.isoformat(), "orders": orders.get(row.pk, 0), "km": round(km.get(row.pk) or 0.0, 1)}
        for row in rows.select_related("unit").order_by("pk")
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each["orders"], each["km"], each["bought_on"], each["plate"]))
