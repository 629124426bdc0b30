"""How far vehicles have driven: the last reading anybody wrote down, and what the trips say since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from ..models import DispatchOrder, EnergyRecord, Inspection, UpkeepOrder, Vehicle, VehicleDay

WINDOW_DAYS = 90


@dataclass(frozen=True)
class Odometer:
    """Kilometres as of today, kilometres a day of late, and the day of the reading they rest on (None: trips alone)."""

    km: int
    daily_km: float
    read_on: date | None = None

    def day_of(self, km: int, today: date) -> date | None:
        """Return the day on which so many kilometres are expected to be driven; None for a vehicle that stands."""
        if km <= self.km:
            return today
        return today + timedelta(days=min(3_650, (km - self.km) / self.daily_km)) if self.daily_km > 0.5 else None


def _last(rows: Any, at: str, km: str) -> list[tuple[int, Any, int]]:
    return list(rows.order_by("vehicle_id", f"-{at}").distinct("vehicle_id").values_list("vehicle_id", at, km))


def odometers(keys: Iterable[int]) -> dict[int, Odometer]:
    """Return the odometers of vehicles, in seven queries for however many."""
    keys = list(keys)
    last: dict[int, tuple[date, int]] = {}
    orders = DispatchOrder.objects.filter(vehicle__in=keys, ended_at__isnull=False, odometer_end_km__isnull=False)
    energy = EnergyRecord.objects.filter(vehicle__in=keys, odometer_km__isnull=False, voided_at__isnull=True)
    upkeep = UpkeepOrder.objects.filter(vehicle__in=keys, state="done", odometer_km__isnull=False)
    inspected = Inspection.objects.filter(vehicle__in=keys, state="booked", odometer_km__isnull=False)
    readings = (
        _last(orders, "ended_at", "odometer_end_km") + _last(energy, "at", "odometer_km")
        + _last(upkeep, "done_on", "odometer_km") + _last(inspected, "inspected_on", "odometer_km")
    )  # fmt: skip
    for key, moment, km in readings:
        day = timezone.localdate(moment) if isinstance(moment, datetime) else moment
        if key not in last or (day, km) > last[key]:
            last[key] = (day, km)
    since = _driven_since(keys, last)
    today = timezone.localdate()
    recent = VehicleDay.objects.filter(vehicle__in=keys, day__gt=today - timedelta(days=WINDOW_DAYS))
    lately = {key: metres / 1000 / WINDOW_DAYS for key, metres in
              recent.order_by().values("vehicle").annotate(m=Sum("distance_m")).values_list("vehicle", "m")}  # fmt: skip
    ages = dict(Vehicle.objects.filter(pk__in=keys).values_list("pk", "bought_on"))
    found = {}
    for key in keys:
        day, km = last.get(key, (None, 0))
        total = km + round(since.get(key, 0.0) / 1000)
        days = max(1, (today - ages.get(key, today)).days)
        found[key] = Odometer(total, max(lately.get(key, 0.0), total / days), day)
    return found


def _driven_since(keys: list[int], last: dict[int, tuple[date, int]]) -> dict[int, float]:
    days = [last[key][0] if key in last else date(1970, 1, 1) for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.vehicle_id, sum(d.distance_m) FROM vehicles_vehicleday d "
            "JOIN unnest(%s::bigint[], %s::date[]) AS r(key, read_on) ON r.key = d.vehicle_id AND d.day > r.read_on "
            "GROUP BY d.vehicle_id",
            [keys, days],
        )
        return dict(cursor.fetchall())
