"""The additive parts of which figures of evaluation are made, live or as kept by month for a large fleet. SPEC L4.5, D10.

A figure is one part, or one divided by another (:data:`FIGURES`). Each part is defined once, as a queryset, its day and
its aggregate: the live figure, the kept months (``domain.months`` fills :class:`VehicleMonth` and :class:`UnitMonth`) and the
comparison of thousands of vehicles all read this definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, QuerySet, Sum

from zhiguan.kernel.metrics.declare import Group, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share
from zhiguan.kernel.orgs.service import root
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..models import CostEntry, DispatchOrder, Trip, UnitMonth, VehicleDay, VehicleMonth
from . import evaluation

COLUMNS = {"kind": "vehicle__kind", "car": "vehicle__plate"}
LARGE = 20_000
"""From so many vehicle-days on, by the database's estimate, whole months are read as they are kept."""
KM = Sum(F("distance_m") / 1000.0)
_live: ContextVar[bool] = ContextVar("vehicles_live_figures", default=False)


@dataclass(frozen=True)
class Part:
    """``rows()`` are what is aggregated, ``day`` their column of dates or moments, ``value()`` the aggregate, ``owner``
    the path of the unit the part is counted for."""

    rows: Callable[[], QuerySet]
    day: str
    value: Callable[[], Any]
    owner: str = ""
    moments: bool = False

    @property
    def of_orders(self) -> bool:
        """Whether orders are counted: who sees one is said by more than its unit (pools, passengers, drivers)."""
        return self.moments and self.day == "planned_from"

    @property
    def scope(self) -> str:
        """The column of positions."""
        return f"{self.owner}scope_pos"


def _served() -> QuerySet[DispatchOrder]:
    return DispatchOrder.objects.filter(state="ended")


def _timed() -> QuerySet[DispatchOrder]:
    return DispatchOrder.objects.filter(evaluation.timed())


def _punctual() -> QuerySet[DispatchOrder]:
    return _timed().filter(evaluation.punctual(float(reference.value("evaluation.service.punctual_minutes"))))


def _boarded() -> QuerySet[Trip]:
    return Trip.objects.filter(evaluation.boarded())


def _rows() -> Count:
    return Count("pk")


def _km() -> Sum:
    return KM


def _persons() -> Sum:
    return Sum("passenger_count")


PARTS: Mapping[str, Part] = {
    "days": Part(VehicleDay.objects.all, "day", _rows),
    "days_used": Part(lambda: VehicleDay.objects.filter(trips__gt=0), "day", _rows),
    "days_idle": Part(lambda: VehicleDay.objects.filter(trips=0), "day", _rows),
    "km": Part(Trip.objects.all, "day", _km),
    "km_boarded": Part(_boarded, "day", _km),
    "km_empty": Part(lambda: evaluation.empty(_boarded()), "day", _km),
    "yuan": Part(lambda: CostEntry.objects.filter(state="booked"), "spent_on", lambda: Sum("amount_yuan")),
    "persons": Part(_served, "planned_from", _persons, moments=True),
    # Costs belong to the vehicle's organ: so do the people it carried, whoever asked for it.
    "persons_carried": Part(_served, "planned_from", _persons, "vehicle__", moments=True),
    "orders_timed": Part(_timed, "planned_from", _rows, moments=True),
    "orders_punctual": Part(_punctual, "planned_from", _rows, moments=True),
    "minutes_waited": Part(_timed, "planned_from", lambda: Sum(evaluation.WAIT), moments=True),
    "co2_kg": Part(evaluation.energy_records, "at", lambda: Sum(evaluation.co2_kg()), moments=True),
}
FIGURES: Mapping[str, tuple[str, str]] = {
    "vehicles.use_rate": ("days_used", "days"),
    "vehicles.mileage": ("km", ""),
    "vehicles.km_cost": ("yuan", "km"),
    "vehicles.person_trips": ("persons", ""),
    "vehicles.trip_cost": ("yuan", "persons_carried"),
    "vehicles.empty_share": ("km_empty", "km_boarded"),
    "vehicles.response_minutes": ("minutes_waited", "orders_timed"),
    "vehicles.punctual_share": ("orders_punctual", "orders_timed"),
    "vehicles.emissions": ("co2_kg", ""),
    "vehicles.idle_days": ("days_idle", ""),
}


def of_car(query: MetricQuery, rows: QuerySet) -> QuerySet:
    """Return the rows of the vehicles that the query is narrowed to by kind or plate."""
    rows = rows.filter(vehicle__kind=query.dims["kind"]) if "kind" in query.dims else rows
    return rows.filter(vehicle__plate=query.dims["car"]) if "car" in query.dims else rows


def figure(code: str) -> Callable[[MetricQuery], Value | list[Group]]:
    """Return the computation of a metric that is made of parts."""
    part, whole = FIGURES[code]

    def compute(query: MetricQuery) -> Value | list[Group]:
        above = total(query, part)
        if not whole:
            return above
        below = total(query, whole)
        return ratio(above, below) if query.group_by else share(above, below)

    return compute


def total(query: MetricQuery, name: str) -> Any:
    """Return a part's sum, or its groups; from the kept months where they are kept and the period is of whole ones."""
    part = PARTS[name]
    if whole_months(query) and as_kept(part, query.actor) and kept_at() is not None:
        return _kept(query, name)
    rows = query.narrow(part.rows(), part.scope)
    rows = of_car(query, query.during(rows, part.day) if part.moments else query.on_days(rows, part.day))
    if query.group_by:
        return breakdown(query, rows, part.value(), time=part.day, columns=COLUMNS, unit=part.scope)
    return rows.aggregate(found=part.value())["found"] or 0


def _kept(query: MetricQuery, name: str) -> Any:
    by_car = "car" in query.dims or query.group_by == "car"
    rows = query.on_days(query.narrow((VehicleMonth if by_car else UnitMonth).objects.exclude(**{name: None})), "month")
    if by_car:
        rows = of_car(query, rows)
    elif "kind" in query.dims:
        rows = rows.filter(kind=query.dims["kind"])
    value = Sum(name)
    if query.group_by == "month":
        found = rows.order_by("month").values_list("month").annotate(found=value)
        return [Group(f"{month:%Y-%m}", f"{month:%Y-%m}", number) for month, number in found]
    if query.group_by:
        return breakdown(query, rows, value, columns=COLUMNS if by_car else {"kind": "kind"})
    return rows.aggregate(found=value)["found"] or 0


def as_kept(part: Part, actor: Actor) -> bool:
    """Tell whether what is kept of the part is what the actor would count: of orders, for who sees the whole city."""
    return not part.of_orders or sees_city(actor)


def sees_city(actor: Actor) -> bool:
    """Tell whether the actor sees the orders of the whole city."""
    city = None if actor.system else root()
    return actor.system or (
        city is not None
        and any(lo <= city.pos and city.pos_end <= hi for lo, hi in actor.scope("vehicles.order.view").ranges)
    )


def whole_months(query: MetricQuery) -> bool:
    """Tell whether the period is made of whole months, and is not broken down by day."""
    if query.group_by == "day" or (query.start is not None and query.start.day > 1):
        return False
    return query.end is None or (query.end + timedelta(days=1)).day == 1


def large() -> bool:
    """Tell whether there are so many vehicle-days that figures are kept, by the database's own estimate."""
    return _of_large("true") is not None


def kept_at() -> datetime | None:
    """Return when the kept months were last brought up to date; None where figures are live, of a small fleet."""
    return None if _live.get() else _of_large("(SELECT max(computed_at) FROM vehicles_unitmonth)")


def _of_large(what: str) -> Any:
    """Ask for it where the fleet is large; None elsewhere."""
    asked = "FROM pg_class WHERE oid = 'vehicles_vehicleday'::regclass AND reltuples >= %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {what} {asked}", [LARGE])
        row = cursor.fetchone()
    return row[0] if row else None


@contextmanager
def live() -> Iterator[None]:
    """Count everything anew within: for what will be signed."""
    token = _live.set(True)
    try:
        yield
    finally:
        _live.reset(token)
