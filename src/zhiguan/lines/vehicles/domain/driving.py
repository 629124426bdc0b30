"""From positions to trips, stops and days; trips matched with dispatch orders. SPEC L4.3, L4.4.

A vehicle's day is computed as a whole and replaces what was computed before, so late and corrected points need
nothing special: their day is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.telemetry import store
from zhiguan.kit.actor import system

from ..codes import Match
from ..models import DispatchOrder, OrderMatch, Stop, Trip, Vehicle, VehicleDay
from ..queries import day_bounds, fittings_of
from . import matching, rows
from .fleetday import FleetDay, load, over
from .matching import BEFORE, COVERING, Orders

SHANGHAI = ZoneInfo("Asia/Shanghai")
REPORTING_LEAST = 3
"""Reports within an order's time that show the terminal was working, so that “no trip” can be said."""


@dataclass(frozen=True)
class Computed:
    """What one run made: vehicles computed, trips and stops written; ``frame`` and ``orders`` are what from."""

    vehicles: int
    trips: int
    stops: int
    frame: FleetDay
    orders: Orders


def compute_day(vehicles: Sequence[Vehicle], day: date) -> Computed:
    """Compute the day of the vehicles anew and replace their trips, stops, day rows and order matches together."""
    frame = load(vehicles, day)
    trips, stops = frame.tracks.trips, frame.tracks.stops
    orders = orders_of(frame)
    matched = match_trips(frame, orders)
    with transaction.atomic():
        touched = _replace_trips(frame, orders, matched)
        _replace_stops(frame)
        _replace_days(frame)
        _count(touched | set(orders.key.tolist()))
        match_orders(frame, orders)
    return Computed(len(frame.vehicles), trips.size, stops.size, frame, orders)


def orders_of(frame: FleetDay) -> Orders:
    """Return the orders in force that touch the day or the night after it."""
    start, end = day_bounds(frame.day)
    return matching.orders_of(frame.slots, start, end + timedelta(days=1))


def match_trips(frame: FleetDay, orders: Orders) -> matching.Matched:
    """Match the day's trips; a trip that passed within a kilometre of the destination was there."""
    trips = frame.tracks.trips
    slot = trips["vehicle"]
    chosen = matching.belonging(slot, trips["start_at"], trips["end_at"], orders)
    nearest = np.full(slot.size, np.nan)
    own = np.flatnonzero(chosen >= 0)
    if own.size:
        lat, lon = (values[chosen[own]] for values in orders.destination)
        own, lat, lon = own[np.isfinite(lat)], lat[np.isfinite(lat)], lon[np.isfinite(lat)]
    if own.size:
        first, last = frame.rows_between(slot[own], trips["start_at"][own], trips["end_at"][own])
        count = last - first
        row = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        metres = haversine_m(frame.points.lat[row], frame.points.lon[row], np.repeat(lat, count), np.repeat(lon, count))
        metres[~frame.kept[row]] = np.inf
        edges = np.cumsum(count)
        nearest[own] = over(np.minimum, metres, edges - count, edges)
    return matching.match(slot, trips["start_at"], trips["end_at"], orders, nearest)


def _replace_trips(frame: FleetDay, orders: Orders, matched: matching.Matched) -> set[int]:
    """Write the trips; return the orders that had or have one. A trip found again keeps its row, so that findings and
    links to it stay as they are."""
    trips = frame.tracks.trips
    before = Trip.objects.filter(vehicle__in=frame.keys.tolist(), day=frame.day)
    known: dict[tuple[int, int], int] = {}
    touched: set[int] = set()
    for key, vehicle, start_at, order in before.values_list("pk", "vehicle", "start_at", "order"):
        known[vehicle, round(start_at.timestamp() * 1e6)] = key
        touched |= {order} - {None}
    vehicle = frame.keys[trips["vehicle"]]
    start_us = np.round(trips["start_at"] * 1e6).astype(np.int64)
    found = [known.pop(pair, None) for pair in zip(vehicle.tolist(), start_us.tolist(), strict=True)]
    Trip.objects.filter(pk__in=known.values()).delete()
    order = [orders.rows[n].pk if n >= 0 else None for n in matched.order.tolist()]
    again = np.array([key is not None for key in found], bool)
    columns = {
        **_owners(frame, trips["vehicle"]),
        "day": [frame.day] * trips.size, "start_at": start_us / 1e6, "end_at": trips["end_at"],
        **{name: trips[name] for name in ("start_lat", "start_lon", "end_lat", "end_lon", "distance_m", "max_speed_kmh")},
        "point_count": trips["point_count"], "order_id": np.array(order, object), "match": np.array(matched.match, object),
    }  # fmt: skip
    taken = {name: np.array(values, object) if isinstance(values, list) else values for name, values in columns.items()}
    rows.insert(Trip, {name: values[~again] for name, values in taken.items()})
    rows.update(Trip, {"id": np.array(found, object)[again], **{name: values[again] for name, values in taken.items()}})
    return touched | (set(order) - {None})


def _owners(frame: FleetDay, slot: np.ndarray) -> dict[str, np.ndarray]:
    units = np.array([vehicle.unit_id for vehicle in frame.vehicles], np.int64)
    return {"vehicle_id": frame.keys[slot], "unit_id": units[slot], "scope_pos": frame.positions[slot]}


def _replace_stops(frame: FleetDay) -> None:
    stops = frame.tracks.stops
    lat, lon, radius = (np.full(len(frame.vehicles), np.nan) for _ in range(3))
    for slot, vehicle in enumerate(frame.vehicles):
        if vehicle.place is not None:
            lat[slot], lon[slot], radius[slot] = vehicle.place.lat, vehicle.place.lon, vehicle.place.radius_m
    slot = stops["vehicle"]
    home = haversine_m(stops["lat"], stops["lon"], lat[slot], lon[slot]) <= radius[slot]
    Stop.objects.filter(vehicle__in=frame.keys.tolist(), day=frame.day).delete()
    rows.insert(
        Stop,
        {
            **_owners(frame, slot), "day": [frame.day] * stops.size, "start_at": stops["start_at"],
            "end_at": stops["end_at"], "lat": stops["lat"], "lon": stops["lon"], "radius_m": stops["radius_m"],
            "at_place": home,
        },
    )  # fmt: skip


def _replace_days(frame: FleetDay) -> None:
    count = len(frame.vehicles)
    trips, points = frame.tracks.trips, frame.points
    edges = frame.edges
    reported = np.flatnonzero(np.diff(edges) > 0)
    silent = np.flatnonzero(np.diff(edges) == 0)
    weights = {"distance_m": trips["distance_m"], "driving_s": trips["end_at"] - trips["start_at"]}
    VehicleDay.objects.filter(vehicle__in=frame.keys[silent].tolist(), day=frame.day).delete()
    summed = {name: np.bincount(trips["vehicle"], values, count)[reported] for name, values in weights.items()}
    now = timezone.now().timestamp()
    rows.insert(
        VehicleDay,
        {
            **_owners(frame, reported), "day": [frame.day] * reported.size, "points": np.diff(edges)[reported],
            "dropped": np.bincount(points.slot[~frame.kept], minlength=count)[reported],
            "trips": np.bincount(trips["vehicle"], minlength=count)[reported], **summed,
            "first_at": points.time_s[edges[reported]], "last_at": points.time_s[edges[reported + 1] - 1],
            "computed_at": np.full(reported.size, now),
        },
        once=("vehicle_id", "day"),
    )  # fmt: skip


def _count(orders: set[int]) -> None:
    """Bring the orders' number of trips up to date; not an event in their life, so outside the ledger."""
    if not orders:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE vehicles_dispatchorder o SET trip_count = c.n
               FROM (SELECT k.id, count(t.id)::int AS n FROM unnest(%s::bigint[]) AS k(id)
                     LEFT JOIN vehicles_trip t ON t.order_id = k.id GROUP BY k.id) c
               WHERE o.id = c.id AND o.trip_count <> c.n""",
            [sorted(orders)],
        )


def match_orders(frame: FleetDay, orders: Orders) -> None:
    """Write what became of the orders that begin on the frame's day; those no longer in force have no row.

    Without a trip it is said only when the order's time is over and the terminal reported in it.
    """
    own = [n for n, row in enumerate(orders.rows) if timezone.localtime(row.planned_from, SHANGHAI).date() == frame.day]
    stale = OrderMatch.objects.filter(vehicle__in=frame.keys.tolist(), day=frame.day)
    stale.exclude(order__in=[orders.rows[n].pk for n in own]).delete()
    driven: dict[int, list[Any]] = {}
    for trip in Trip.objects.filter(order__in=[orders.rows[n].pk for n in own]).order_by("start_at").values_list(
        "order_id", "match", "distance_m", "start_at", "end_at", "start_lat", "start_lon", "end_lat", "end_lon", named=True
    ):  # fmt: skip
        driven.setdefault(trip.order_id, []).append(trip)
    heard = frame.heard
    kept: dict[str, list] = {name: [] for name in (
        "order_id", "vehicle_id", "unit_id", "scope_pos", "day", "outcome", "trips", "distance_m", "direct_m", "first_at",
        "last_at", "computed_at",
    )}  # fmt: skip
    edges, now = frame.heard_edges.tolist(), timezone.now().timestamp()
    for n in own:
        order, trips = orders.rows[n], driven.get(orders.rows[n].pk, [])
        if not trips and not _watched(heard.time_s[edges[orders.slot[n]] : edges[orders.slot[n] + 1]], order):
            continue
        first, last = (trips[0], trips[-1]) if trips else (None, None)
        values = (
            order.pk, order.vehicle_id, order.unit_id, order.scope_pos, frame.day, matching.worst(t.match for t in trips),
            len(trips), float(sum(trip.distance_m for trip in trips)),
            matching.direct_m(order, (first.start_lat, first.start_lon), (last.end_lat, last.end_lon)) if first else None,
            first.start_at.timestamp() if first else None, last.end_at.timestamp() if last else None, now,
        )  # fmt: skip
        for name, value in zip(kept, values, strict=True):
            kept[name].append(value)
    silent = set(range(len(orders))) & set(own)
    gone = [orders.rows[n].pk for n in silent if orders.rows[n].pk not in set(kept["order_id"])]
    OrderMatch.objects.filter(order__in=gone).delete()
    rows.insert(OrderMatch, kept, once=("order_id",))


def _watched(seconds: np.ndarray, order: DispatchOrder) -> bool:
    """Whether the terminal reported during the order and after its end, as far as the day goes."""
    first, last = order.planned_from.timestamp(), order.planned_to.timestamp()
    during = int(((seconds >= first) & (seconds <= last)).sum())
    return during >= REPORTING_LEAST and seconds.size > 0 and float(seconds[-1]) >= last + BEFORE.total_seconds()


def span(order: DispatchOrder) -> tuple[datetime, datetime]:
    """Return the time in which the order covers the vehicle's driving.

    What was approved counts, not what the driver noted: a late return does not stretch the approval.
    """
    return order.planned_from - BEFORE, order.planned_to + BEFORE


@transaction.atomic
def rematch(order: DispatchOrder, vehicle: int | None = None) -> int:
    """Match the vehicle's trips again around the order, after it was bound to it or let go of it.

    ``vehicle`` (the order's) names one that the order had before. Matching goes by the ends of trips here; the days are
    marked to be computed again, which looks at the whole way and judges them anew. Returns the number of trips looked
    at. Sees all trips, whoever asks.
    """
    vehicle = vehicle or order.vehicle_id
    start, end = span(order)
    if vehicle is None or start > timezone.now():
        return 0
    first, last = (timezone.localtime(moment, SHANGHAI).date() for moment in (start, end))
    with system("vehicles.rematch").acting():
        known = VehicleDay.objects.filter(vehicle=vehicle, day__range=(first - timedelta(days=1), last))
        days = sorted(known.values_list("day", flat=True))
        touched = {order.pk}
        trips = list(Trip.objects.filter(vehicle=vehicle, day__in=days).order_by("start_at"))
        touched |= {trip.order_id for trip in trips if trip.order_id}
        if days:
            touched |= _match_again(vehicle, trips, day_bounds(days[0])[0], day_bounds(days[-1])[1])
        OrderMatch.objects.filter(order=order).exclude(vehicle=F("order__vehicle")).delete()
        if order.state not in COVERING:
            OrderMatch.objects.filter(order=order).delete()
        _count(touched)
        pairs = [(each.source_id, day) for day in days for each in fittings_of([vehicle], *day_bounds(day))]
    if pairs:
        transaction.on_commit(lambda: store.mark_dirty(pairs), robust=True)
    return len(trips)


def _match_again(vehicle: int, trips: Sequence[Trip], start: datetime, end: datetime) -> set[int]:
    """Match trips by their ends, write what changed, return the orders they belong to now."""
    orders = matching.orders_of({vehicle: 0}, start, end)
    slot = np.zeros(len(trips), np.int64)
    begun, ended = (np.array([getattr(trip, name).timestamp() for trip in trips]) for name in ("start_at", "end_at"))
    chosen = matching.belonging(slot, begun, ended, orders)
    ends = [
        tuple(np.array([getattr(trip, f"{which}_{axis}") for trip in trips]) for axis in ("lat", "lon"))
        for which in ("start", "end")
    ]
    found = matching.match(slot, begun, ended, orders, matching.nearest(chosen, orders, ends))
    for trip, n, word in zip(trips, found.order.tolist(), found.match, strict=True):
        own = orders.rows[n].pk if n >= 0 else None
        if (trip.order_id, trip.match) != (own, word):
            Trip.objects.filter(pk=trip.pk).update(order=own, match=word)
    return {orders.rows[n].pk for n in found.order.tolist() if n >= 0}


def moment(seconds: float) -> datetime:
    """Return the moment of Unix seconds, in UTC."""
    return datetime.fromtimestamp(float(seconds), UTC)


__all__ = ["BEFORE", "Computed", "Match", "compute_day", "moment", "rematch", "span"]
