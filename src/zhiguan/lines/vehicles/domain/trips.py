"""Trips and stops from positions: where a vehicle stood, when it drove, how far.

The method, its figures and its limits are in docs/trips.md. In short: a *link* joins two neighbouring points; links
inside any window of `dwell_s` seconds whose positions stay in a small box are *still*; runs of still links are stops,
what lies between is a trip if it really led somewhere. All steps work on arrays of many vehicles at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiguan.kernel.geo.service import from_plane, haversine_m, to_plane

from .track_points import Cleaned, Drop, Floats, Points, TripPolicy, clean, gather, impossible, thinned
from .tracks import TABLES, Gap, Stop, Track, Tracks, Trip

__all__ = ["Gap", "Stop", "Track", "Tracks", "Trip", "detect", "detect_many"]

_CHUNK_POINTS = 250_000  # keeps the working set of the window search inside the processor's cache and memory small
_SMOOTHING_S = 60.0  # a lone outlier is judged by its neighbours only when both are this near in time
_OTHER, _MOVE, _STILL, _BREAK, _HOP = -1, 0, 1, 2, 3


def detect(
    time: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    speed_kmh: ArrayLike | None = None,
    *,
    ignition: ArrayLike | None = None,
    policy: TripPolicy | None = None,
) -> Track:
    """Trips and stops of one vehicle, its points in any order.

    `time` in epoch seconds, milliseconds or datetime64; speed NaN and ignition NaN (1 on, 0 off) where not reported.
    """
    tracks = detect_many(np.zeros(np.size(time), np.int64), time, lat, lon, speed_kmh, ignition=ignition, policy=policy)
    return next((track for _, track in tracks.by_vehicle()), Track([], [], [], {}))


def detect_many(
    vehicle: ArrayLike,
    time: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    speed_kmh: ArrayLike | None = None,
    *,
    ignition: ArrayLike | None = None,
    policy: TripPolicy | None = None,
) -> Tracks:
    """Trips and stops of many vehicles (`vehicle`: integers); fastest when rows come ordered by vehicle and time."""
    policy = policy or TripPolicy()
    points = gather(vehicle, time, lat, lon, speed_kmh, ignition=ignition)
    if (np.diff(points.vehicle) < 0).any():
        points = points.take(np.argsort(points.vehicle, kind="stable"))
    vehicles, first = np.unique(points.vehicle, return_index=True)
    found: dict[str, list[NDArray[Any]]] = {name: [np.zeros(0, dtype)] for name, (_, dtype) in TABLES.items()}
    dropped: dict[tuple[int, str], int] = {}
    drop = np.zeros(len(points), np.int8)
    edges = np.append(first, len(points))
    low = 0
    for n in range(vehicles.size):
        if n + 1 < vehicles.size and edges[n + 2] - edges[low] <= _CHUNK_POINTS:
            continue
        part = points.take(slice(edges[low], edges[n + 1]))
        cleaned = clean(part, policy)
        drop[edges[low] : edges[n + 1]] = cleaned.drop
        _count_drops(part, cleaned, dropped)
        if len(cleaned.points) > 1:
            for name, table in _detect(cleaned.points, policy).items():
                found[name].append(table)
        low = n + 1
    return Tracks(vehicles, *(np.concatenate(found[name]) for name in TABLES), dropped=dropped, drop=drop)


def _count_drops(points: Points, cleaned: Cleaned, dropped: dict[tuple[int, str], int]) -> None:
    rows = np.flatnonzero(cleaned.drop)
    pairs, counts = np.unique(np.column_stack((points.vehicle[rows], cleaned.drop[rows])), axis=0, return_counts=True)
    for (vehicle, reason), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        dropped[vehicle, Drop(reason).name.lower()] = count


@dataclass(slots=True)
class _Links:
    """Link l joins points l and l + 1. Positions are metres on a plane around each vehicle's first point."""

    same: NDArray[np.bool_]  # both ends belong to one vehicle
    dt: Floats
    metres: Floats
    kmh: Floats
    slow: NDArray[np.bool_]
    quiet: NDArray[np.bool_]  # the terminal itself says: standing, or engine off
    x: Floats
    y: Floats


def _links(p: Points, policy: TripPolicy) -> _Links:
    same = p.vehicle[1:] == p.vehicle[:-1]
    dt = np.where(same, np.diff(p.time_s), 1.0)
    metres = np.where(same, haversine_m(p.lat[:-1], p.lon[:-1], p.lat[1:], p.lon[1:]), 0.0)
    kmh = metres / dt * 3.6
    top = np.maximum(p.speed_kmh[1:], p.speed_kmh[:-1])  # NaN if either is unknown, and then no comparison holds
    off = (p.ignition[1:] == 0.0) & (p.ignition[:-1] == 0.0)
    first = np.flatnonzero(np.concatenate(([True], ~same)))
    origin = np.repeat(first, np.diff(np.append(first, len(p))))
    x, y = to_plane(p.lat, p.lon, p.lat[origin], p.lon[origin])
    quiet = same & ((top <= policy.slow_kmh) | (off & ~(top > policy.slow_kmh)))
    return _Links(same, dt, metres, kmh, same & ((kmh < policy.slow_kmh) | (top <= policy.slow_kmh)), quiet, x, y)


def _smoothed(values: Floats, links: _Links) -> NDArray[np.float32]:
    """Median of three where the neighbours are near in time: a lone outlier must not end a stay."""
    out = values.astype(np.float32)
    near = links.same[1:] & links.same[:-1] & (links.dt[1:] + links.dt[:-1] <= _SMOOTHING_S)
    a, b, c = values[:-2], values[1:-1], values[2:]
    out[1:-1][near] = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))[near]
    return out


def _dwelling(p: Points, links: _Links, policy: TripPolicy) -> NDArray[np.bool_]:
    """Links inside a window of dwell_s that stays in a box of twice stop_radius_m (range minimum by doubling)."""
    n = len(p)
    code = np.concatenate(([0], np.cumsum(~links.same)))
    moment = p.time_s - p.time_s.min()
    key = moment + code * (moment.max() + policy.dwell_s + 1.0)
    end = np.searchsorted(key, key + (policy.dwell_s - 1e-3))
    x, y = _smoothed(links.x, links), _smoothed(links.y, links)
    side = np.float32(2.0 * policy.stop_radius_m)
    start = np.flatnonzero(end < n)
    end = end[start]
    near = (code[start] == code[end]) & (np.abs(x[start] - x[end]) <= side) & (np.abs(y[start] - y[end]) <= side)
    start, end = start[near], end[near]
    level = np.frexp((end - start + 1).astype(np.float64))[1] - 1
    still = np.zeros(start.size, bool)
    ranges = [x.copy(), x.copy(), y.copy(), y.copy()]  # least and greatest of x and y over 2**k points from here
    for k in range(int(level.max(initial=-1)) + 1):
        here = np.flatnonzero(level == k)
        a, b = start[here], end[here] - (1 << k) + 1
        width = np.maximum(ranges[1][a], ranges[1][b]) - np.minimum(ranges[0][a], ranges[0][b])
        height = np.maximum(ranges[3][a], ranges[3][b]) - np.minimum(ranges[2][a], ranges[2][b])
        still[here] = (width <= side) & (height <= side)
        step = 1 << k
        for which, pick in enumerate((np.minimum, np.maximum, np.minimum, np.maximum)):
            part = ranges[which]
            pick(part[:-step], part[step:], out=part[:-step])
    edges = np.bincount(start[still], minlength=n) - np.bincount(end[still], minlength=n)
    return np.cumsum(edges)[: n - 1] > 0


@dataclass(slots=True)
class _Runs:
    """Maximal runs of links of one kind: links first..last, points first..last + 1."""

    kind: NDArray[np.int8]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    @staticmethod
    def of(kind: NDArray[np.int8], cut_after: NDArray[np.bool_]) -> "_Runs":
        first = np.flatnonzero(np.concatenate(([True], (kind[1:] != kind[:-1]) | cut_after[:-1])))
        return _Runs(kind[first], first, np.append(first[1:], kind.size) - 1)

    def spread(self, per_run: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(per_run, self.last - self.first + 1)


def _extent(values: Floats, runs: _Runs) -> Floats:
    """How far each run's points lie apart, its last point included."""
    last = values[runs.last + 1]
    high = np.maximum(np.maximum.reduceat(values[:-1], runs.first), last)
    return high - np.minimum(np.minimum.reduceat(values[:-1], runs.first), last)


def _quiet_stays(p: Points, links: _Links, policy: TripPolicy) -> NDArray[np.bool_]:
    """Links of long runs in which the terminal reports rest although the position wanders,
    up to min_trip_m to all sides."""
    runs = _Runs.of(links.quiet.astype(np.int8), ~links.same)
    lasting = (p.time_s[runs.last + 1] - p.time_s[runs.first] >= policy.dwell_s) & (runs.kind == 1)
    width, height = (_extent(values, runs) for values in (links.x, links.y))
    return runs.spread(lasting & (np.maximum(width, height) <= 2.0 * policy.min_trip_m))


def _detect(points: Points, policy: TripPolicy) -> dict[str, NDArray[Any]]:
    """The tables of clean points of at least two rows."""
    p, place = thinned(points, policy)
    if len(p) < 2:
        return {}
    links = _links(p, policy)
    silent = links.same & (links.dt >= policy.dwell_s)
    left_unseen = silent & (links.metres >= policy.min_trip_m) & (links.kmh < policy.gap_speed_kmh)
    stood = silent & ((links.metres < policy.min_trip_m) | left_unseen)
    still = _dwelling(p, links, policy) | stood | _quiet_stays(p, links, policy)
    torn = impossible(p, policy) | (silent & ~still & (links.dt > policy.max_gap_s))
    kind = np.where(still, _STILL, _MOVE).astype(np.int8)
    kind[torn] = _BREAK
    kind[~links.same] = _OTHER
    cut_after = left_unseen | torn | ~links.same
    _return_approaches(p, links, kind, cut_after, policy)
    _settle_short_moves(p, links, kind, cut_after, policy)
    runs = _Runs.of(kind, cut_after)
    return {
        "trips": _trip_table(p, links, runs, place, policy),
        "stops": _stop_table(p, links, runs, place, left_unseen),
        "gaps": _gap_table(p, links, runs),
    }


def _return_approaches(
    p: Points, links: _Links, kind: NDArray[np.int8], cut_after: NDArray[np.bool_], policy: TripPolicy
) -> None:
    """Give the fast links at both ends of a stay back to the trips beside it; a stay then too short was none."""
    runs = _Runs.of(kind, cut_after)
    slow = np.flatnonzero(links.slow | (links.dt >= policy.dwell_s))
    stay = runs.kind == _STILL
    moves_before = np.concatenate(([False], runs.kind[:-1] == _MOVE))
    moves_after = np.concatenate((runs.kind[1:] == _MOVE, [False]))
    at = np.searchsorted(slow, runs.first)
    first = np.where(at < slow.size, np.append(slow, 0)[at], runs.last + 1)
    first = np.where(moves_before & (first <= runs.last), first, runs.first)
    at = np.searchsorted(slow, runs.last, side="right") - 1
    last = np.where(at >= 0, np.append(slow, 0)[at], -1)
    last = np.where(moves_after & (last >= first), last, runs.last)
    short = p.time_s[last + 1] - p.time_s[first] < policy.dwell_s
    first, last = np.where(short, runs.last + 1, first), np.where(short, runs.last, last)
    link = np.arange(kind.size)
    kind[runs.spread(stay) & ((link < runs.spread(first)) | (link > runs.spread(last)))] = _MOVE


def _settle_short_moves(
    p: Points, links: _Links, kind: NDArray[np.int8], cut_after: NDArray[np.bool_], policy: TripPolicy
) -> None:
    """Moves that led nowhere belong to the stay around them; a short hop between two places stays out of both."""
    runs = _Runs.of(kind, cut_after)
    cx, cy, _ = _centres(links, runs)
    far = np.hypot(links.x[1:] - runs.spread(links.x[runs.first]), links.y[1:] - runs.spread(links.y[runs.first]))
    reach = np.maximum.reduceat(far, runs.first)
    lasting = p.time_s[runs.last + 1] - p.time_s[runs.first] >= policy.min_trip_s
    real = (reach >= policy.min_trip_m) & (lasting | (far[runs.last] >= policy.min_trip_m))
    stays = runs.kind == _STILL
    before = np.concatenate(([False], stays[:-1] & ~cut_after[runs.last[:-1]]))
    after = np.concatenate((stays[1:] & ~cut_after[runs.last[:-1]], [False]))
    apart = np.zeros(runs.kind.size)
    apart[1:-1] = np.hypot(cx[2:] - cx[:-2], cy[2:] - cy[:-2])
    same_place = (before | after) & ~(before & after & (apart > policy.min_trip_m / 2.0))
    fate = np.where(same_place, _STILL, _HOP).astype(np.int8)
    kind[:] = runs.spread(np.where((runs.kind == _MOVE) & ~real, fate, runs.kind))


def _centres(links: _Links, runs: _Runs) -> tuple[Floats, Floats, Floats]:
    """Mean position of each run's points without the last (after a silence that one is elsewhere), and the scatter."""
    count = runs.last - runs.first + 1
    cx = np.add.reduceat(links.x[:-1], runs.first) / count
    cy = np.add.reduceat(links.y[:-1], runs.first) / count
    off = np.hypot(links.x[:-1] - runs.spread(cx), links.y[:-1] - runs.spread(cy))
    return cx, cy, np.maximum.reduceat(off, runs.first)


def _open_ends(
    p: Points, links: _Links, a: NDArray[np.intp], b: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether point a is its vehicle's first, and point b its last."""
    inner = np.concatenate(([False], links.same, [False]))
    return ~inner[a], ~inner[b + 1]


def _table(name: str, p: Points, a: NDArray[np.intp], b: NDArray[np.intp], **columns: ArrayLike) -> NDArray[Any]:
    table = np.zeros(a.size, TABLES[name][1])
    table["vehicle"], table["start_at"], table["end_at"] = p.vehicle[a], p.time_s[a], p.time_s[b]
    if name != "stops":
        table["start_lat"], table["start_lon"], table["end_lat"], table["end_lon"] = (
            p.lat[a],
            p.lon[a],
            p.lat[b],
            p.lon[b],
        )
    for column, values in columns.items():
        table[column] = values
    return table


def _trip_table(p: Points, links: _Links, runs: _Runs, place: NDArray[np.int64], policy: TripPolicy) -> NDArray[Any]:
    chosen = runs.kind == _MOVE
    a, b = runs.first[chosen], runs.last[chosen] + 1
    resting = links.quiet & (links.metres <= policy.stop_radius_m)
    reported = np.fmax.reduceat(np.fmax(p.speed_kmh[:-1], p.speed_kmh[1:]), runs.first)[chosen]
    low, high = np.minimum(links.kmh[:-1], links.kmh[1:]), np.maximum(links.kmh[:-1], links.kmh[1:])
    steady = links.kmh.copy()  # median of three: one bad position makes two fast links, not a fast car
    steady[1:-1] = np.maximum(low[:-1], np.minimum(high[:-1], links.kmh[2:]))
    derived = np.minimum(np.maximum.reduceat(steady, runs.first)[chosen], policy.max_speed_kmh)
    open_start, open_end = _open_ends(p, links, a, b)
    return _table(
        "trips", p, a, b,
        distance_m=np.add.reduceat(np.where(resting, 0.0, links.metres), runs.first)[chosen],
        point_count=place[b] - place[a] + 1,
        max_speed_kmh=np.where(np.isnan(reported), derived, reported),
        moving_s=np.add.reduceat(np.where(links.slow, 0.0, links.dt), runs.first)[chosen],
        silent_s=np.add.reduceat(np.where(links.dt >= policy.dwell_s, links.dt, 0.0), runs.first)[chosen],
        open_start=open_start, open_end=open_end,
    )  # fmt: skip


def _stop_table(
    p: Points, links: _Links, runs: _Runs, place: NDArray[np.int64], left_unseen: NDArray[np.bool_]
) -> NDArray[Any]:
    chosen = runs.kind == _STILL
    a, b = runs.first[chosen], runs.last[chosen] + 1
    cx, cy, radius = (values[chosen] for values in _centres(links, runs))
    origin = np.searchsorted(p.vehicle, p.vehicle[a])
    lat, lon = from_plane(cx, cy, p.lat[origin], p.lon[origin])
    open_start, open_end = _open_ends(p, links, a, b)
    return _table(
        "stops", p, a, b, lat=lat, lon=(lon + 180.0) % 360.0 - 180.0, radius_m=radius,
        point_count=place[b] - place[a] + 1,
        displaced_m=np.where(left_unseen[b - 1], links.metres[b - 1], 0.0), open_start=open_start, open_end=open_end,
    )  # fmt: skip


def _gap_table(p: Points, links: _Links, runs: _Runs) -> NDArray[Any]:
    chosen = runs.kind == _BREAK
    a = runs.first[chosen]
    return _table("gaps", p, a, a + 1, distance_m=links.metres[a])
