"""One local day of many vehicles as columns, read once: what trips are computed from and rules judge.

Rows are ordered by vehicle and device time. A vehicle is known by its *slot*, its place in ``vehicles``; a stretch of
rows by its first row and the one after its last. Everything works on arrays of all vehicles at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.geo.service import METRES_PER_DEGREE, haversine_m
from zhiguan.kernel.telemetry import service as telemetry

from .. import queries
from ..models import Vehicle
from .track_points import Drop, TripPolicy
from .tracks import Tracks
from .trips import detect_many

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOVING_KMH = 3.0
ACC = 0x1
"""Status bit: the ignition is on."""
_DAY_KEY = 200_000.0
"""Longer than a day in seconds: slots that follow each other never share a key."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Reports as equal-length arrays. ``slot`` ascending, then ``time_s`` (Unix seconds)."""

    slot: Ints
    time_s: Floats
    lat: Floats
    lon: Floats
    speed_kmh: Floats
    direction_deg: NDArray[np.float32]
    alarm: Ints
    status: Ints
    mileage_m: Floats
    located: Mask

    def __len__(self) -> int:
        return self.time_s.size

    def take(self, rows: Any) -> Columns:
        """Return the rows at ``rows`` (positions, mask or slice)."""
        return Columns(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass
class FleetDay:
    """What the vehicles reported on ``day``: ``heard`` is every report, ``points`` those that tell a place."""

    day: date
    vehicles: Sequence[Vehicle]
    start_s: float
    end_s: float
    heard: Columns
    points: Columns = field(init=False)

    def __post_init__(self) -> None:
        self.points = self.heard if self.heard.located.all() else self.heard.take(self.heard.located)

    @cached_property
    def slots(self) -> dict[int, int]:
        """Key of a vehicle → its slot."""
        return {vehicle.pk: slot for slot, vehicle in enumerate(self.vehicles)}

    @cached_property
    def keys(self) -> Ints:
        """Keys of the vehicles by slot."""
        return np.array([vehicle.pk for vehicle in self.vehicles], np.int64)

    @cached_property
    def positions(self) -> Ints:
        """Where the vehicles' units stand in the tree, by slot."""
        return np.array([vehicle.scope_pos for vehicle in self.vehicles], np.int64)

    # --- rows of the points

    @cached_property
    def edges(self) -> Ints:
        """First row of every slot, and the number of rows."""
        return np.searchsorted(self.points.slot, np.arange(len(self.vehicles) + 1))

    @cached_property
    def heard_edges(self) -> Ints:
        """The same for ``heard``."""
        return np.searchsorted(self.heard.slot, np.arange(len(self.vehicles) + 1))

    @cached_property
    def key(self) -> Floats:
        """Ascending over all rows: slot and time in one number."""
        return self.points.slot * _DAY_KEY + (self.points.time_s - self.start_s)

    def rows_between(self, slot: Ints, first_s: Floats, last_s: Floats) -> tuple[Ints, Ints]:
        """For each (slot, span of seconds): the first row in it and the one after the last; both ends count."""
        low = np.clip(first_s - self.start_s, -1.0, _DAY_KEY / 2)
        high = np.clip(last_s - self.start_s, -1.0, _DAY_KEY / 2)
        base = slot * _DAY_KEY
        return np.searchsorted(self.key, base + low, "left"), np.searchsorted(self.key, base + high, "right")

    def inside(self, slot: Ints, first_s: Floats, last_s: Floats) -> Mask:
        """Rows that lie in any of the spans."""
        low, high = self.rows_between(slot, first_s, last_s)
        return spread(low, high, len(self.points))

    @cached_property
    def same(self) -> Mask:
        """For each pair of neighbouring rows: one vehicle."""
        return self.points.slot[1:] == self.points.slot[:-1]

    @cached_property
    def dt(self) -> Floats:
        """Seconds between neighbouring rows; 0 between two vehicles."""
        return np.where(self.same, np.diff(self.points.time_s), 0.0)

    def metres_of(self, pairs: Ints) -> Floats:
        """Distance from row ``pairs`` to the next one."""
        p = self.points
        return haversine_m(p.lat[pairs], p.lon[pairs], p.lat[pairs + 1], p.lon[pairs + 1])

    @cached_property
    def drop(self) -> NDArray[np.int8]:
        """Why a row was left out of trips (``track_points.Drop``), 0 for the others."""
        return self.tracks.drop

    @cached_property
    def kept(self) -> Mask:
        """Rows that are believed."""
        return self.drop == Drop.KEPT

    @cached_property
    def moving(self) -> Mask:
        """Rows whose terminal reports at least 3 km/h."""
        return self.points.speed_kmh >= MOVING_KMH

    @cached_property
    def ignition(self) -> Floats:
        """1 on, 0 off; NaN for vehicles whose terminal is not wired to the ignition: it says off while driving, or
        never off."""
        on = (self.points.status & ACC) == ACC
        count = len(self.vehicles)
        fast = self.points.speed_kmh >= 10.0
        driven = np.bincount(self.points.slot[fast], minlength=count)
        agreed = np.bincount(self.points.slot[fast & on], minlength=count)
        ever_off = np.bincount(self.points.slot[~on], minlength=count) > 0
        wired = ever_off & (driven > 0) & (agreed >= 0.9 * driven)
        return np.where(wired[self.points.slot], on.astype(np.float64), np.nan)

    @cached_property
    def from_place(self) -> Floats:
        """Metres from the edge of the vehicle's parking place (negative inside); NaN without a place.

        Within some kilometres a flat plane is exact to centimetres; farther, only that it is far matters.
        """
        lat, lon, radius = (np.full(len(self.vehicles), np.nan) for _ in range(3))
        for slot, vehicle in enumerate(self.vehicles):
            if vehicle.place_id is not None:
                lat[slot], lon[slot], radius[slot] = vehicle.place.lat, vehicle.place.lon, vehicle.place.radius_m
        p = self.points
        at = lat[p.slot]
        east = (p.lon - lon[p.slot]) * np.cos(np.radians(at)) * METRES_PER_DEGREE
        north = (p.lat - at) * METRES_PER_DEGREE
        return np.hypot(east, north) - radius[p.slot]

    def runs(self, mask: Mask, breaks: Mask | None = None) -> tuple[Ints, Ints]:
        """Stretches of rows where ``mask`` holds, of one vehicle each: (first, after last).

        ``breaks`` (one shorter than rows) cuts between a row and the next as well.
        """
        if not mask.size:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        cut = ~self.same if breaks is None else ~self.same | breaks
        joined = mask[1:] & mask[:-1] & ~cut
        first = np.flatnonzero(mask & np.concatenate(([True], ~joined)))
        last = np.flatnonzero(mask & np.concatenate((~joined, [True]))) + 1
        return first, last

    @cached_property
    def tracks(self) -> Tracks:
        """Trips, stops and gaps; ``vehicle`` in them is the slot."""
        p = self.points
        policy = TripPolicy(latest_s=self.end_s + 86_400.0)
        return detect_many(p.slot, p.time_s, p.lat, p.lon, p.speed_kmh, ignition=self.ignition, policy=policy)

    @cached_property
    def report_s(self) -> Floats:
        """Median seconds between reports of a moving vehicle, by slot; NaN where there are too few."""
        pairs = np.flatnonzero(self.same & self.moving[1:] & (self.dt > 0))
        out = np.full(len(self.vehicles), np.nan)
        if not pairs.size:
            return out
        slot, step = self.points.slot[pairs], self.dt[pairs]
        order = np.lexsort((step, slot))
        first = np.searchsorted(slot[order], np.arange(len(self.vehicles) + 1))
        count = np.diff(first)
        known = count >= 5
        out[known] = step[order][first[:-1][known] + count[known] // 2]
        return out

    @cached_property
    def quality(self) -> Floats:
        """How far the day's data can be trusted, by slot, 0 to 1: the share of reports that tell a believable place,
        lowered where a driving vehicle reports less than once in half a minute."""
        count = len(self.vehicles)
        heard = np.bincount(self.heard.slot, minlength=count)
        good = np.bincount(self.points.slot[self.kept], minlength=count)
        share = np.divide(good, heard, out=np.zeros(count), where=heard > 0)
        step = np.nan_to_num(self.report_s, nan=60.0)
        return np.clip(share, 0.0, 1.0) * np.clip(1.15 - step / 200.0, 0.5, 1.0)


def spread(first: Ints, last: Ints, size: int) -> Mask:
    """Which of ``size`` rows lie in any stretch [first, last)."""
    marks = np.bincount(first, minlength=size + 1)[: size + 1] - np.bincount(last, minlength=size + 1)[: size + 1]
    return np.cumsum(marks)[:size] > 0


def over(ufunc: np.ufunc, values: NDArray[Any], first: Ints, last: Ints) -> NDArray[Any]:
    """``ufunc`` reduced over each of the stretches [first, last), which must not be empty."""
    if not first.size:
        return values[:0]
    ends = np.column_stack((first, last)).ravel()
    padded = np.append(values, values[-1:]) if last.max() == values.size else values
    return ufunc.reduceat(padded, ends)[::2]


NAMES = ("source_id", "epoch_s", "lat", "lon", "speed_kmh", "direction_deg", "alarm", "status", "mileage_m", "located")


def load(vehicles: Sequence[Vehicle], day: date) -> FleetDay:
    """Read the day of the vehicles (place and unit joined). The caller has resolved which ones its actor may see."""
    start, end = queries.day_bounds(day)
    fittings = queries.fittings_of([vehicle.pk for vehicle in vehicles], start, end)
    columns = telemetry.reports_of(sorted({each.source_id for each in fittings}), start, end)
    source, seconds = columns["source_id"], columns["time_s"]
    known = {vehicle.pk: vehicle for vehicle in vehicles}
    # Vehicles in the order of their terminals: then rows are in order as they come, except where a vehicle had two.
    ordered = list(dict.fromkeys(each.vehicle_id for each in sorted(fittings, key=lambda each: each.source_id)))
    ordered += [pk for pk in known if pk not in set(ordered)]
    slots = {pk: slot for slot, pk in enumerate(ordered)}
    slot = np.full(source.size, -1, np.int64)
    lows = np.searchsorted(source, [each.source_id for each in fittings], "left").tolist()
    highs = np.searchsorted(source, [each.source_id for each in fittings], "right").tolist()
    for each, low, high in zip(fittings, lows, highs, strict=True):
        first, last = low, high
        if each.installed_at is not None:
            first = low + int(np.searchsorted(seconds[low:high], each.installed_at.timestamp(), "left"))
        if each.removed_at is not None:
            last = low + int(np.searchsorted(seconds[low:high], each.removed_at.timestamp(), "left"))
        slot[first:last] = slots[each.vehicle_id]
    columns["slot"] = slot
    heard = Columns(**{name: columns[name] for name in Columns.__slots__})
    if (slot < 0).any():
        heard = heard.take(slot >= 0)
    step = np.diff(heard.slot)
    if ((step < 0) | ((step == 0) & (np.diff(heard.time_s) < 0))).any():
        heard = heard.take(np.lexsort((heard.time_s, heard.slot)))
    return FleetDay(day, [known[pk] for pk in ordered], start.timestamp(), end.timestamp(), heard)
