"""From positions to trips, stops and days; trips matched with dispatch orders. SPEC L4.3, L4.4.

A vehicle's day is computed as a whole and replaces what was computed before, so late and corrected points need
nothing special: their day is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.telemetry import store
from zhiguan.kit.actor import system

from ..codes import Match
from ..models import DispatchOrder, Stop, Trip, Vehicle, VehicleDay
from ..queries import day_bounds, fittings_of, positions_of
from .track_points import TripPolicy
from .trips import detect_many

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE = timedelta(minutes=30)
"""A trip may begin this long before, or end this long after, the times planned, and still belong to the order."""
NEAR_DESTINATION_M = 1_000.0
RECOMPUTED = (
    "unit", "scope_pos", "end_at", "start_lat", "start_lon", "end_lat", "end_lon", "distance_m", "point_count",
    "max_speed_kmh", "order", "match",
)  # fmt: skip


@dataclass(frozen=True)
class Computed:
    """What one run made: vehicles computed, trips and stops written."""

    vehicles: int
    trips: int
    stops: int


def compute_day(vehicles: Sequence[Vehicle], day: date) -> Computed:
    """Compute the day of the vehicles anew and replace their trips, stops and day rows in one transaction."""
    known = {vehicle.pk: vehicle for vehicle in vehicles}
    start, end = day_bounds(day)
    columns = positions_of(known, start, end)
    owner, seconds = columns["vehicle"], columns["time_s"]
    lat, lon, speed = (columns[name] for name in ("lat", "lon", "speed_kmh"))
    policy = TripPolicy(latest_s=timezone.now().timestamp() + 86_400)
    tracks = detect_many(owner, seconds, lat, lon, speed, policy=policy)
    trips, stops = [], []
    for row in tracks.trips:
        vehicle = known[int(row["vehicle"])]
        trips.append(
            Trip(
                unit_id=vehicle.unit_id, scope_pos=vehicle.scope_pos, vehicle=vehicle, day=day,
                start_at=_moment(row["start_at"]), end_at=_moment(row["end_at"]),
                start_lat=row["start_lat"], start_lon=row["start_lon"], end_lat=row["end_lat"], end_lon=row["end_lon"],
                distance_m=row["distance_m"], point_count=row["point_count"], max_speed_kmh=row["max_speed_kmh"],
            )
        )  # fmt: skip
    for row in tracks.stops:
        vehicle = known[int(row["vehicle"])]
        place = vehicle.place
        metres = haversine_m(row["lat"], row["lon"], place.lat, place.lon) if place else None
        stops.append(
            Stop(
                unit_id=vehicle.unit_id, scope_pos=vehicle.scope_pos, vehicle=vehicle, day=day,
                start_at=_moment(row["start_at"]), end_at=_moment(row["end_at"]), lat=row["lat"], lon=row["lon"],
                radius_m=row["radius_m"], at_place=place is not None and float(metres) <= place.radius_m,
            )
        )  # fmt: skip
    match(trips, day)
    _replace(vehicles, day, trips, stops, owner, seconds)
    return Computed(len(vehicles), len(trips), len(stops))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


@transaction.atomic
def _replace(
    vehicles: Sequence[Vehicle], day: date, trips: list[Trip], stops: list[Stop], owner: np.ndarray, seconds: np.ndarray
) -> None:
    keys = [vehicle.pk for vehicle in vehicles]
    touched = set(
        Trip.objects.filter(vehicle__in=keys, day=day, order__isnull=False).values_list("order_id", flat=True)
    )
    # A trip that is found again keeps its row, so that findings and links to it stay as they are.
    known = dict(
        (row[:2], row[2]) for row in Trip.objects.filter(vehicle__in=keys, day=day).values_list("vehicle", "start_at", "pk")
    )
    for trip in trips:
        trip.pk = known.pop((trip.vehicle_id, trip.start_at), None)
    Trip.objects.filter(pk__in=known.values()).delete()
    Stop.objects.filter(vehicle__in=keys, day=day).delete()
    again = [trip for trip in trips if trip.pk is not None]
    Trip.objects.bulk_update(again, RECOMPUTED, batch_size=500)
    Trip.objects.bulk_create([trip for trip in trips if trip.pk is None], batch_size=2000)
    Stop.objects.bulk_create(stops, batch_size=2000)
    now = timezone.now()
    driven: dict[int, list[Trip]] = {}
    for trip in trips:
        driven.setdefault(trip.vehicle_id, []).append(trip)
    days = []
    for vehicle in vehicles:
        own = driven.get(vehicle.pk, [])
        rows = np.flatnonzero(owner == vehicle.pk) if len(vehicles) == 1 else _rows_of(owner, vehicle.pk)
        days.append(
            VehicleDay(
                unit_id=vehicle.unit_id, scope_pos=vehicle.scope_pos, vehicle=vehicle, day=day, points=int(rows.size),
                trips=len(own), distance_m=sum(trip.distance_m for trip in own),
                driving_s=sum((trip.end_at - trip.start_at).total_seconds() for trip in own),
                first_at=_moment(seconds[rows[0]]) if rows.size else None,
                last_at=_moment(seconds[rows[-1]]) if rows.size else None, computed_at=now,
            )
        )  # fmt: skip
    judged = dict(VehicleDay.objects.filter(vehicle__in=keys, day=day).values_list("vehicle", "judged_at"))
    for row in days:
        row.judged_at = judged.get(row.vehicle_id)
    VehicleDay.objects.filter(vehicle__in=keys, day=day).delete()
    VehicleDay.objects.bulk_create([row for row in days if row.points], batch_size=2000)
    touched |= {trip.order_id for trip in trips if trip.order_id}
    _count(touched)


def _count(orders: set[int]) -> None:
    """Bring the orders' number of trips up to date; not an event in their life, so outside the ledger."""
    counts = dict(Trip.objects.filter(order__in=orders).values_list("order").annotate(n=Count("pk")))
    for key in orders:
        DispatchOrder.objects.filter(pk=key).update(trip_count=counts.get(key, 0))


def _rows_of(owner: np.ndarray, vehicle: int) -> np.ndarray:
    """Return the rows of one vehicle in an array sorted by vehicle."""
    return np.arange(np.searchsorted(owner, vehicle, "left"), np.searchsorted(owner, vehicle, "right"))


def match(trips: Sequence[Trip], day: date) -> None:
    """Give each trip the dispatch order it belongs to, and say how the two agree; sets ``order`` and ``match``.

    A trip belongs to the order of its vehicle with which it overlaps longest, half an hour before and after included.
    It overran when it began before or ended after that; it deviated when the order names a place and no trip of the
    order ended or passed within a kilometre of it.
    """
    start, end = day_bounds(day)
    vehicles = {trip.vehicle_id for trip in trips}
    orders: dict[int, list[DispatchOrder]] = {}
    candidates = DispatchOrder.objects.filter(
        vehicle__in=vehicles, state__in=("dispatched", "started", "ended"),
        planned_from__lt=end + BEFORE, planned_to__gt=start - BEFORE,
    )  # fmt: skip
    for order in candidates:
        orders.setdefault(order.vehicle_id, []).append(order)
    by_order: dict[int, list[Trip]] = {}
    for trip in trips:
        best, longest = None, timedelta(0)
        for order in orders.get(trip.vehicle_id, ()):
            first, last = span(order)
            overlap = min(trip.end_at, last) - max(trip.start_at, first)
            if overlap > longest:
                best, longest = order, overlap
        if best is None:
            trip.order, trip.match = None, Match.NO_ORDER
            continue
        first, last = span(best)
        trip.order = best
        trip.match = Match.OVERRUN if trip.start_at < first or trip.end_at > last else Match.MATCHED
        by_order.setdefault(best.pk, []).append(trip)
    for own in by_order.values():
        order = own[0].order
        if order.destination_lat is None or order.destination_lon is None:
            continue
        ends = [
            float(haversine_m(lat, lon, order.destination_lat, order.destination_lon))
            for trip in own
            for lat, lon in ((trip.end_lat, trip.end_lon), (trip.start_lat, trip.start_lon))
        ]
        if min(ends) > NEAR_DESTINATION_M:
            for trip in own:
                if trip.match == Match.MATCHED:
                    trip.match = Match.DEVIATED


def span(order: DispatchOrder) -> tuple[datetime, datetime]:
    """Return the time in which the order covers the vehicle's driving.

    What was approved counts, not what the driver noted: a late return does not stretch the approval.
    """
    return order.planned_from - BEFORE, order.planned_to + BEFORE


@transaction.atomic
def rematch(order: DispatchOrder, vehicle: int | None = None) -> int:
    """Match the vehicle's trips again around the order, after it was bound to it or let go of it.

    ``vehicle`` (the order's) names one that the order had before. What was judged on these days is judged again soon:
    they are marked to be computed. Returns the number of trips looked at. Sees all trips, whoever asks.
    """
    vehicle = vehicle or order.vehicle_id
    start, end = span(order)
    if vehicle is None or start > timezone.now():
        return 0
    first, last = (timezone.localtime(moment, SHANGHAI).date() for moment in (start, end))
    looked = 0
    with system("vehicles.rematch").acting():
        known = VehicleDay.objects.filter(vehicle=vehicle, day__range=(first - timedelta(days=1), last))
        days = list(known.values_list("day", flat=True))
        touched = {order.pk}
        for day in days:
            trips = list(Trip.objects.filter(vehicle=vehicle, day=day))
            touched |= {trip.order_id for trip in trips if trip.order_id}
            match(trips, day)
            for trip in trips:
                Trip.objects.filter(pk=trip.pk).update(order=trip.order, match=trip.match)
            touched |= {trip.order_id for trip in trips if trip.order_id}
            looked += len(trips)
        _count(touched)
        pairs = [(each.source_id, day) for day in days for each in fittings_of([vehicle], *day_bounds(day))]
    if pairs:
        transaction.on_commit(lambda: store.mark_dirty(pairs), robust=True)
    return looked
