"""Which dispatch order a trip belongs to, and what became of each order: five outcomes. SPEC L4.4.

A trip is matched, overran its order's time, never came near the order's destination, or has no order; an order whose
time passed without a trip, though the terminal reported, is an order without trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.geo.service import haversine_m

from ..codes import Match
from ..models import DispatchOrder

BEFORE = timedelta(minutes=30)
"""A trip may begin this long before, or end this long after, the times planned, and still belong to the order."""
NEAR_DESTINATION_M = 1_000.0
COVERING = ("dispatched", "started", "ended")
FIELDS = (
    "pk", "code", "vehicle_id", "unit_id", "scope_pos", "kind", "state", "requester_id", "requester__name",
    "driver_person_id", "passenger_ids", "passengers", "origin", "origin_lat", "origin_lon", "destination",
    "destination_lat", "destination_lon", "stops", "planned_from", "planned_to", "odometer_start_km", "odometer_end_km",
    "started_at", "ended_at",
)  # fmt: skip


@dataclass(frozen=True)
class Orders:
    """The orders in force of some vehicles, by slot and time. ``from_s`` and ``to_s`` include :data:`BEFORE`."""

    rows: Sequence[Any]
    slot: NDArray[np.int64]

    @cached_property
    def key(self) -> NDArray[np.int64]:
        return np.array([row.pk for row in self.rows], np.int64)

    @cached_property
    def from_s(self) -> NDArray[np.float64]:
        return np.array([row.planned_from.timestamp() for row in self.rows]) - BEFORE.total_seconds()

    @cached_property
    def to_s(self) -> NDArray[np.float64]:
        return np.array([row.planned_to.timestamp() for row in self.rows]) + BEFORE.total_seconds()

    @cached_property
    def destination(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latitudes and longitudes, NaN where the order names no position."""
        pairs = [(row.destination_lat, row.destination_lon) for row in self.rows]
        known = [(np.nan, np.nan) if None in pair else pair for pair in pairs]
        lat, lon = np.array(known, np.float64).reshape(-1, 2).T
        return lat, lon

    def __len__(self) -> int:
        return len(self.rows)


def orders_of(slots: Mapping[int, int], start: datetime, end: datetime) -> Orders:
    """Return the orders in force of the vehicles (key → slot) that touch ``[start, end)``, half hours included."""
    found = DispatchOrder.objects.filter(
        vehicle__in=list(slots), state__in=COVERING, planned_from__lt=end + BEFORE, planned_to__gt=start - BEFORE
    )
    rows = list(found.order_by("vehicle", "planned_from", "pk").values_list(*FIELDS, named=True))
    rows.sort(key=lambda row: slots[row.vehicle_id])
    return Orders(rows, np.array([slots[row.vehicle_id] for row in rows], np.int64))


@dataclass(frozen=True)
class Matched:
    """For each trip: the index of its order among the orders (-1: none) and how they agree."""

    order: NDArray[np.int64]
    match: list[str]


def match(
    slot: NDArray[np.int64], start_s: NDArray[np.float64], end_s: NDArray[np.float64], orders: Orders,
    nearest_m: NDArray[np.float64],
) -> Matched:  # fmt: skip
    """Give each trip the order of its vehicle with which it overlaps longest, half an hour before and after included.

    It overran when it began before or ended after that; it deviated when the order names a position and no trip of the
    order came within a kilometre of it: ``nearest_m`` is, for each (trip, order) the caller may be asked about, the
    least distance of each trip from its order's destination (see :func:`nearest`).
    """
    chosen = belonging(slot, start_s, end_s, orders)
    words = np.full(slot.size, str(Match.NO_ORDER), dtype=object)
    own = np.flatnonzero(chosen >= 0)
    if own.size:
        order = chosen[own]
        over = (start_s[own] < orders.from_s[order]) | (end_s[own] > orders.to_s[order])
        least = np.full(len(orders), np.inf)
        np.fmin.at(least, order, nearest_m[own])
        away = np.isfinite(orders.destination[0]) & (least > NEAR_DESTINATION_M) & np.isfinite(least)
        words[own] = np.where(over, str(Match.OVERRUN), np.where(away[order], str(Match.DEVIATED), str(Match.MATCHED)))
    return Matched(chosen, words.tolist())


def belonging(
    slot: NDArray[np.int64], start_s: NDArray[np.float64], end_s: NDArray[np.float64], orders: Orders
) -> NDArray[np.int64]:
    """The index of the order each trip overlaps longest, -1 for none."""
    chosen = np.full(slot.size, -1, np.int64)
    if not len(orders) or not slot.size:
        return chosen
    low = np.searchsorted(orders.slot, slot, "left")
    count = np.searchsorted(orders.slot, slot, "right") - low
    trip = np.repeat(np.arange(slot.size), count)
    order = np.arange(trip.size) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
    shared = np.minimum(end_s[trip], orders.to_s[order]) - np.maximum(start_s[trip], orders.from_s[order])
    good = shared > 0
    trip, order, shared = trip[good], order[good], shared[good]
    best = np.lexsort((order, -shared, trip))
    trip, order = trip[best], order[best]
    first = np.concatenate(([True], trip[1:] != trip[:-1])) if trip.size else np.zeros(0, bool)
    chosen[trip[first]] = order[first]
    return chosen


def nearest(
    chosen: NDArray[np.int64], orders: Orders, ends: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> NDArray[np.float64]:
    """Least metres of each trip's given points (one array of latitudes and longitudes for each) from its destination."""
    out = np.full(chosen.size, np.nan)
    own = np.flatnonzero(chosen >= 0)
    if not own.size:
        return out
    lat, lon = (values[chosen[own]] for values in orders.destination)
    for at_lat, at_lon in ends:
        out[own] = np.fmin(out[own], haversine_m(at_lat[own], at_lon[own], lat, lon))
    return out


def worst(words: Iterable[str]) -> str:
    """What became of an order whose trips were matched like this."""
    found = set(words)
    for outcome in (Match.OVERRUN, Match.DEVIATED, Match.MATCHED):
        if outcome in found:
            return str(outcome)
    return str(Match.NO_TRIP)


def direct_m(order: Any, start: tuple[float, float], end: tuple[float, float]) -> float | None:
    """Metres of the straight way start → places on the way → destination → end; None when no position is known."""
    stops = [(place.get("lat"), place.get("lon")) for place in order.stops or () if isinstance(place, Mapping)]
    way = [*stops, (order.destination_lat, order.destination_lon)]
    known = [point for point in way if None not in point]
    if order.destination_lat is None or order.destination_lon is None:
        return None
    points = np.array([start, *known, end], np.float64)
    return float(haversine_m(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1]).sum())
