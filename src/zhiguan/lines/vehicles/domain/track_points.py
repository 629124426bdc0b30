"""Positions before they become trips: what terminals send, in order, what cannot be true taken out and counted.

Arrays run over points. Times are seconds since 1970 UTC, positions WGS84 degrees, speeds km/h (NaN where not reported).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import asin, cos, radians, sin, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiguan.kernel.geo.service import EARTH_RADIUS_M, METRES_PER_DEGREE, haversine_m

Floats = NDArray[np.float64]

_MILLISECONDS_FROM = 1e11  # as seconds the year 5138, as milliseconds 1973: no terminal means the former
_LAST_MOMENT_S = 253_402_300_000.0
_JUMP_LOOKBACK = 8  # how many earlier runs a run may follow; longer detours are judged by the penalty alone


class Drop(IntEnum):
    """Why a point was left out; KEPT for the others."""

    KEPT = 0
    NOT_A_NUMBER = 1
    OUT_OF_RANGE = 2
    NULL_ISLAND = 3
    TOO_EARLY = 4
    TOO_LATE = 5
    DUPLICATE = 6
    JUMP = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class TripPolicy:
    """Thresholds of trip and stop detection. All are configuration; the defaults are argued in docs/trips.md."""

    min_trip_m: float = 200.0  # a trip leaves this far from where it began
    min_trip_s: float = 180.0  # a trip that ends where it began lasts at least this long
    dwell_s: float = 300.0  # standing still this long is a stop; shorter waits belong to the trip
    stop_radius_m: float = 30.0  # positions of a standing vehicle scatter this far
    thin_s: float = (
        5.0  # one position per so many seconds is enough; denser ones only add their scatter to the distance
    )
    slow_kmh: float = 3.0  # below this a vehicle does not count as moving
    gap_speed_kmh: float = (
        5.0  # silence of at least dwell_s, covered slower than this: it stood, and moved unseen at the end
    )
    max_gap_s: float = 3600.0  # silence longer than this, covered faster: the trip is cut, the silence is a gap
    max_speed_kmh: float = 200.0  # faster between two positions is impossible
    jump_slack_m: float = 100.0  # scatter allowed on top of max_speed_kmh
    jump_run_points: float = 5.0  # an impossible island of fewer points is dropped, a larger one kept
    lone_m: float = 150.0  # a single point so far from where a vehicle stands, before and after, is a receiver's
    earliest_s: float = 631_152_000.0  # 1990-01-01 UTC; receivers without a fix send 1980 or 1970
    latest_s: float = 4_102_444_800.0  # 2100-01-01 UTC; callers with a clock pass now + one day

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise ValueError(f"TripPolicy.{name} must be a positive number, not {value!r}")
        if self.latest_s > _LAST_MOMENT_S:
            raise ValueError(f"TripPolicy.latest_s must not be after the year 9999, not {self.latest_s!r}")


@dataclass(frozen=True, slots=True)
class Points:
    """Rows of several vehicles, ordered by vehicle (integer), then time; equal length arrays."""

    vehicle: NDArray[np.int64]
    time_s: Floats
    lat: Floats
    lon: Floats
    speed_kmh: Floats
    ignition: Floats  # 1 on, 0 off, NaN not reported

    def __len__(self) -> int:
        return self.time_s.size

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> "Points":
        return Points(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`points` in order; `drop` holds a Drop for each row that was given, in the order given."""

    points: Points
    drop: NDArray[np.int8]
    counts: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        found = np.bincount(self.drop, minlength=len(Drop))
        counts = {reason.name.lower(): int(found[reason]) for reason in Drop if reason and found[reason]}
        object.__setattr__(self, "counts", counts)


def epoch_seconds(time: ArrayLike) -> Floats:
    """Seconds since 1970 from seconds, milliseconds (told apart by size) or datetime64 (NaT becomes NaN)."""
    raw = np.atleast_1d(np.asarray(time))
    if raw.dtype.kind == "M":
        return np.where(np.isnat(raw), np.nan, raw.astype("datetime64[us]").astype(np.int64) / 1e6)
    seconds = raw.astype(np.float64)
    return np.where(np.abs(seconds) > _MILLISECONDS_FROM, seconds / 1000.0, seconds)


def gather(
    vehicle: ArrayLike,
    time: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    speed_kmh: ArrayLike | None = None,
    *,
    ignition: ArrayLike | None = None,
) -> Points:
    """Columns as given made into Points, not yet ordered. Raises ValueError when their lengths differ."""
    time_s = epoch_seconds(time)
    columns = [vehicle, lat, lon, np.nan if speed_kmh is None else speed_kmh, np.nan if ignition is None else ignition]
    code, *floats = (
        np.atleast_1d(np.asarray(c, t)) for c, t in zip(columns, (np.int64, *[np.float64] * 4), strict=True)
    )
    for column in (code, *floats):
        if column.size not in (1, time_s.size) or column.ndim != 1:
            raise ValueError("vehicle, time, lat, lon, speed_kmh and ignition must be of one length")
    code, lats, lons, speeds, on = (np.broadcast_to(c, time_s.shape) for c in (code, *floats))
    return Points(code, time_s, lats, lons, speeds, on)


def clean(points: Points, policy: TripPolicy) -> Cleaned:
    """Ordered points without impossible, repeated and jumping ones. The order of the rows given does not matter."""
    drop = np.zeros(len(points), np.int8)

    def mark(wrong: NDArray[np.bool_], reason: Drop) -> None:
        drop[wrong & (drop == Drop.KEPT)] = reason

    mark(~(np.isfinite(points.time_s) & np.isfinite(points.lat) & np.isfinite(points.lon)), Drop.NOT_A_NUMBER)
    mark((np.abs(points.lat) > 90.0) | (np.abs(points.lon) > 180.0), Drop.OUT_OF_RANGE)
    mark((np.abs(points.lat) < 1e-2) & (np.abs(points.lon) < 1e-2), Drop.NULL_ISLAND)
    mark(points.time_s < policy.earliest_s, Drop.TOO_EARLY)
    mark(points.time_s > policy.latest_s, Drop.TOO_LATE)
    rows = np.flatnonzero(drop == Drop.KEPT) if drop.any() else np.arange(drop.size)
    speed = points.speed_kmh
    speed = np.where((speed >= 0.0) & (speed <= policy.max_speed_kmh), speed, np.nan)
    points = Points(points.vehicle, points.time_s, points.lat, points.lon, speed, points.ignition)

    rows, repeated = _ordered(points, rows)
    drop[repeated] = Drop.DUPLICATE
    ordered = points.take(rows)
    for wrong in (_lone, _jumps):
        jumped = wrong(ordered, policy)
        if jumped.any():
            drop[rows[jumped]] = Drop.JUMP
            rows, ordered = rows[~jumped], ordered.take(~jumped)
    return Cleaned(ordered, drop)


def _lone(points: Points, policy: TripPolicy) -> NDArray[np.bool_]:
    """Single points, or two that lie apart, far from where the vehicle stands before and after (at an end of the track:
    on the one side).

    Between reports minutes apart a car could get there and back, so no impossible speed gives them away; but a car on
    the road reports more often than one that stands. Where no speed is told, nothing is left out.
    """
    count = len(points)
    out = np.zeros(count, bool)
    lone_m = policy.lone_m
    stands = points.speed_kmh <= policy.slow_kmh

    def metres(a: NDArray[np.intp], b: NDArray[np.intp]) -> Floats:
        return haversine_m(points.lat[a], points.lon[a], points.lat[b], points.lon[b])

    # a great circle is not much shorter than its degrees laid end to end: cheap, and clears nearly all points
    far = (np.abs(np.diff(points.lat)) + np.abs(np.diff(points.lon))) * METRES_PER_DEGREE > lone_m
    same = points.vehicle[1:] == points.vehicle[:-1]
    far &= same
    for width in (1, 2) if count > 3 else ():
        p = np.flatnonzero(far[: count - width - 1] & far[width:])
        if width == 2:
            p = p[far[p + 1]]
        n = p + width + 1
        # one of the two may itself have a speed out of nowhere, when they lie minutes apart
        slow = (stands[p] & stands[n]) | (
            (stands[p] | stands[n]) & (points.time_s[n] - points.time_s[p] >= policy.dwell_s)
        )
        p, n = (rows[(points.vehicle[p] == points.vehicle[n]) & slow] for rows in (p, n))
        good = metres(p, n) < 100.0
        for step in range(width):
            good &= (metres(p + step + 1, p) > lone_m) & (metres(p + step + 1, n) > lone_m)
        if width == 2:
            good &= metres(p + 1, p + 2) > lone_m
        for step in range(width):
            out[p[good] + step + 1] = True
    # A track's first and last point: a car does not get so far between one report that says it stands and the next.
    ends = np.flatnonzero(far)
    for end, inner in ((ends, ends + 1), (ends + 1, ends)):
        beyond = end - 1 if end is ends else end + 1
        edge = (beyond < 0) | (beyond >= count)
        edge[~edge] = points.vehicle[beyond[~edge]] != points.vehicle[end[~edge]]
        soon = np.abs(points.time_s[end] - points.time_s[inner]) <= 2.0 * policy.dwell_s
        out[end[edge & soon & stands[inner] & (metres(end, inner) > lone_m)]] = True
    return out


def _ordered(points: Points, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(rows by vehicle and time, rows that repeat a moment). Of several rows at one moment the smallest position stays,
    so that the answer does not depend on arrival."""
    vehicle, time_s = points.vehicle[rows], points.time_s[rows]
    step, later = np.diff(vehicle), np.diff(time_s)
    if not ((step > 0) | ((step == 0) & (later > 0.0))).all():
        rows = rows[np.lexsort((time_s, vehicle))]
        vehicle, time_s = points.vehicle[rows], points.time_s[rows]
    same = np.flatnonzero((np.diff(vehicle) == 0) & (np.diff(time_s) == 0.0))
    if not same.size:
        return rows, rows[:0]
    tied = np.unique(np.concatenate((same, same + 1)))
    r = rows[tied]
    order = np.lexsort(
        (points.ignition[r], points.speed_kmh[r], points.lon[r], points.lat[r], time_s[tied], vehicle[tied])
    )
    rows[tied] = r[order]
    repeated = np.zeros(rows.size, bool)
    repeated[same + 1] = True
    return rows[~repeated], rows[repeated]


def _jumps(points: Points, policy: TripPolicy) -> NDArray[np.bool_]:
    """Points of short islands that no possible speed connects with the rest of the track."""
    jumped = np.zeros(len(points), bool)
    bad = impossible(points, policy)
    for vehicle in np.unique(points.vehicle[:-1][bad]) if bad.any() else ():
        low, high = np.searchsorted(points.vehicle, (vehicle, vehicle + 1))
        cuts = np.flatnonzero(bad[low : high - 1]) + low + 1
        # The points beside an impossible step stand alone: either may be the stray one, though its other side connects.
        starts = np.unique(np.concatenate(([low], cuts - 1, cuts, cuts + 1)))
        starts = starts[(starts >= low) & (starts < high)]
        ends = np.append(starts[1:], high)
        keep = _best_chain(points, starts, ends, policy)
        for start, end in zip(starts[~keep], ends[~keep], strict=True):
            jumped[start:end] = True
    return jumped


def impossible(points: Points, policy: TripPolicy) -> NDArray[np.bool_]:
    """For each pair of neighbours: same vehicle, but too far apart for the time between."""
    limit = np.diff(points.time_s) * (policy.max_speed_kmh / 3.6) + policy.jump_slack_m
    # no great circle is longer than its degrees laid end to end, which are cheap to add and clear nearly all pairs
    at_most = (np.abs(np.diff(points.lat)) + np.abs(np.diff(points.lon))) * METRES_PER_DEGREE
    pairs = np.flatnonzero((at_most > limit) & (points.vehicle[:-1] == points.vehicle[1:]))
    metres = haversine_m(points.lat[pairs], points.lon[pairs], points.lat[pairs + 1], points.lon[pairs + 1])
    wrong = np.zeros(max(len(points) - 1, 0), bool)
    wrong[pairs[metres > limit[pairs]]] = True
    return wrong


def _best_chain(
    points: Points, starts: NDArray[np.intp], ends: NDArray[np.intp], policy: TripPolicy
) -> NDArray[np.bool_]:
    """Which runs of points to keep: the most points, where each impossible step costs `jump_run_points` points."""
    first = [_spot(points, row) for row in starts]
    last = [_spot(points, row - 1) for row in ends]
    speed, slack = policy.max_speed_kmh / 3.6, policy.jump_slack_m
    best: list[float] = []
    before: list[int] = []
    top, top_at = 0.0, -1  # the best chain so far, reachable from anywhere at the price of one impossible step
    for n in range(len(starts)):
        value, via = (top - policy.jump_run_points, top_at) if top_at >= 0 else (0.0, -1)
        if value < 0.0:
            value, via = 0.0, -1
        for q in range(n - 1, max(-1, n - 1 - _JUMP_LOOKBACK), -1):
            if best[q] > value and _metres(last[q], first[n]) <= (first[n][0] - last[q][0]) * speed + slack:
                value, via = best[q], q
        best.append(value + float(ends[n] - starts[n]))
        before.append(via)
        if best[n] > top:
            top, top_at = best[n], n
    keep = np.zeros(starts.size, bool)
    while top_at >= 0:
        keep[top_at] = True
        top_at = before[top_at]
    return keep


def _spot(points: Points, row: np.intp) -> tuple[float, float, float]:
    return float(points.time_s[row]), radians(points.lat[row]), radians(points.lon[row])


def _metres(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    h = sin((b[1] - a[1]) / 2.0) ** 2 + cos(a[1]) * cos(b[1]) * sin((b[2] - a[2]) / 2.0) ** 2
    return 2.0 * EARTH_RADIUS_M * asin(sqrt(min(1.0, h)))


def thinned(points: Points, policy: TripPolicy) -> tuple[Points, NDArray[np.int64]]:
    """(the first point of every `thin_s` seconds, and each vehicle's last; how many points lie before each of them).

    Speed and ignition are the greatest of the points that one stands for, so that no burst of speed is lost.
    """
    slot = np.floor(points.time_s / policy.thin_s)
    other = points.vehicle[1:] != points.vehicle[:-1]
    leads = np.concatenate(([True], other | (slot[1:] != slot[:-1])))
    leads |= np.concatenate((other, [True]))
    first = np.flatnonzero(leads)
    if first.size == len(points):
        return points, first
    few = points.take(first)
    speed = np.fmax.reduceat(points.speed_kmh, first)
    ignition = np.fmax.reduceat(points.ignition, first)
    return Points(few.vehicle, few.time_s, few.lat, few.lon, speed, ignition), first
