"""What a study of electric driving reads: fuelled vehicles, their trips and fillings, the terms of the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, QuerySet, Sum

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.reference.service import Fact

from ..codes import Energy, EnergyKind
from ..models import EnergyRecord, Trip, Vehicle
from . import demand, evaluation

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEAR_M = 150
"""How far from the edge of its place a trip may end and the vehicle still stand there: positions drift, yards have gates."""
RECORDS_LEAST = 3
"""Fillings from which on the vehicle's own consumption counts."""
CODES = ("days_share", "least_days", "reserve_share", "charger_kw", "yuan_kwh", "yuan_petrol", "yuan_diesel")


@dataclass(frozen=True)
class Drives:
    """Trips of one vehicle in order of time: starts and ends in hours, km, the day's number, whether it ended at its place."""

    starts: np.ndarray
    ends: np.ndarray
    km: np.ndarray
    days: list[int]
    home: np.ndarray


def terms(on: date) -> dict[str, Fact]:
    """Return the facts that hold on a day, by what follows ``evaluation.electric.``, with the range and CO2 factors."""
    held = reference.thresholds("evaluation.electric", on=on).facts
    found = {code.removeprefix("evaluation.electric."): fact for code, fact in held.items()}
    return found | {"range_km": reference.fact("dispatch.cost.electric_range_km", on=on)}


def vehicles(chosen: Sequence[Mapping[str, Any]], pool: int | None) -> QuerySet[Vehicle]:
    """Return the organs' own petrol and diesel vehicles in use."""
    rows = demand.vehicles(chosen, pool).filter(tenure="own", energy__in=(Energy.PETROL, Energy.DIESEL))
    return rows.select_related("unit", "place").order_by("scope_pos", "plate")


def drives(cars: Sequence[Vehicle], start: date, end: date) -> dict[int, Drives]:
    """Return the trips of the vehicles from ``start`` to ``end`` (both included)."""
    found: dict[int, list[tuple]] = defaultdict(list)
    rows = Trip.objects.filter(vehicle__in=[car.pk for car in cars], day__range=(start, end)).order_by("start_at", "pk")
    for key, *trip in rows.values_list("vehicle_id", "start_at", "end_at", "distance_m", "day", "end_lat", "end_lon"):
        found[key].append(tuple(trip))
    places = {car.pk: car.place for car in cars}
    return {key: _drives(trips, places[key]) for key, trips in found.items()}


def _drives(trips: list[tuple], place: Any) -> Drives:
    starts, ends, metres, days, lats, lons = zip(*trips, strict=True)
    home = np.zeros(len(trips), dtype=bool)
    if place is not None:
        away = haversine_m(np.array(lats), np.array(lons), place.lat, place.lon)
        home = np.asarray(away) <= place.radius_m + NEAR_M
    hours = [np.array([moment.timestamp() / 3600 for moment in moments]) for moments in (starts, ends)]
    return Drives(hours[0], hours[1], np.array(metres) / 1000, [day.toordinal() for day in days], home)


def until_h(end: date) -> float:
    """Return the end of the period in hours, as :class:`Drives` counts them."""
    return datetime.combine(end + timedelta(days=1), time.min, SHANGHAI).timestamp() / 3600


def fillings(cars: Sequence[Vehicle], start: date, end: date) -> dict[int, tuple[float, float]]:
    """Return litres and yuan of the period by vehicle, of those with records enough to tell."""
    since = datetime.combine(start, time.min, SHANGHAI)
    rows = EnergyRecord.objects.filter(
        vehicle__in=[car.pk for car in cars], kind=EnergyKind.FUEL, voided_at__isnull=True, at__gte=since,
        at__lt=datetime.combine(end + timedelta(days=1), time.min, SHANGHAI),
    )  # fmt: skip
    found = (
        rows.order_by().values_list("vehicle").annotate(n=Count("pk"), litres=Sum("quantity"), yuan=Sum("amount_yuan"))
    )
    return {key: (float(litres), float(yuan)) for key, n, litres, yuan in found if n >= RECORDS_LEAST}


def co2(on: date) -> dict[str, float]:
    """Return the factors of petrol, diesel and grid that hold on a day."""
    return {
        name: next((factor for day, factor in held if day <= on), 0.0) for name, held in evaluation.factors().items()
    }
