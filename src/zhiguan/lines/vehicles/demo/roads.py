"""Invented roads for the demo fleet: a grid of streets and three ring roads inside the districts of Shanghai.

No map data but the district outlines is used: the streets are made up, and no picture of them may be taken for a map of
the city. The same seed gives the same roads and the same drives. Positions are WGS84 degrees, latitude first.
"""

from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from zhiguan.kernel.geo.service import district_of, district_shape, districts, from_plane, to_plane

Floats = NDArray[np.float64]
Place = tuple[float, float]  # lat, lon

CENTRE: Place = (31.2304, 121.4737)
_SPACING_M = 1200.0
_JITTER_M = 120.0
_RINGS_M = (6_000.0, 12_000.0, 22_000.0)
_STREET_KMH, _ARTERIAL_KMH, _RING_KMH, _ACCESS_KMH = 45.0, 60.0, 80.0, 25.0
_ACCELERATE, _BRAKE = 1.4, 1.8  # m/s²
_TURN_MS = 6.0
_CORNER_M, _SIDE_MS2 = 10.0, 2.2  # a car turns over so many metres before and behind the corner, at most so hard
_RED_LIGHT_SHARE = 0.3
_NOISE_MEMORY = 0.8  # receivers err in the same direction for a while


@dataclass(frozen=True, slots=True)
class Route:
    """A way along the roads: vertices, and per leg between them its speed; `light` = a vertex may show red."""

    lat: Floats
    lon: Floats
    limit_kmh: Floats  # one shorter than the vertices
    light: NDArray[np.bool_]

    @property
    def polyline(self) -> list[Place]:
        return list(zip(self.lat.tolist(), self.lon.tolist(), strict=True))

    @property
    def legs_m(self) -> Floats:
        """Metres of each leg."""
        x, y = to_plane(self.lat, self.lon, self.lat[0], self.lon[0])
        return np.hypot(np.diff(x), np.diff(y))


@dataclass(frozen=True, slots=True)
class Drive:
    """Reports of a terminal; equal length columns, times rising."""

    time_s: Floats
    lat: Floats
    lon: Floats
    speed_kmh: Floats
    heading_deg: Floats


class RoadNet:
    """The road network; build once, then `route` and `drive` as often as wanted."""

    def __init__(self, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        city = shapely.union_all([district_shape(d.code) for d in districts()])
        shapely.prepare(city)
        self._links: list[dict[int, tuple[float, float]]] = []  # per node: neighbour -> (metres, km/h)
        east, north, edges = _grid(city, rng)
        grid_size = east.size
        for ring_m in _RINGS_M:
            east, north, edges = _with_ring(city, east, north, edges, radius_m=ring_m, grid=grid_size)
        self.lat, self.lon = from_plane(east, north, *CENTRE)
        self._east, self._north, self._ring_from = east, north, grid_size
        self._links = [{} for _ in range(east.size)]
        for a, b, kmh in edges:
            self._join(a, b, kmh)
        self._bridge_islands()
        self._district = district_of(self.lat, self.lon)
        self._tree = lru_cache(maxsize=8192)(self._shortest_to)

    def _join(self, a: int, b: int, kmh: float) -> None:
        metres = float(np.hypot(self._east[a] - self._east[b], self._north[a] - self._north[b]))
        self._links[a][b] = self._links[b][a] = (metres, kmh)

    def _bridge_islands(self) -> None:
        """Join each part of the network to the largest by one bridge or tunnel where they come nearest."""
        parts = self._parts()
        main = parts[0]
        for part in parts[1:]:
            gap = np.hypot(self._east[main][:, None] - self._east[part], self._north[main][:, None] - self._north[part])
            near, far = np.unravel_index(int(gap.argmin()), gap.shape)
            self._join(int(main[near]), int(part[far]), _RING_KMH)
            main = np.concatenate((main, part))

    def _parts(self) -> list[NDArray[np.intp]]:
        left, parts = set(range(self._east.size)), []
        while left:
            found, open_nodes = set(), [min(left)]
            while open_nodes:
                node = open_nodes.pop()
                if node not in found:
                    found.add(node)
                    open_nodes.extend(self._links[node])
            left -= found
            parts.append(np.array(sorted(found)))
        return sorted(parts, key=lambda part: (-part.size, int(part[0])))

    def place_in(self, district_code: str, rng: np.random.Generator, reach_m: float = 300.0) -> Place:
        """A random place near a street of a district. Raises ValueError for an unknown code."""
        nodes = np.flatnonzero(self._district == district_code)
        if not nodes.size:
            raise ValueError(f"no roads in district {district_code!r}")
        node = rng.choice(nodes)
        east, north = rng.uniform(-reach_m, reach_m, 2)
        lat, lon = from_plane(east, north, self.lat[node], self.lon[node])
        if district_of(lat, lon) != district_code:
            lat, lon = self.lat[node], self.lon[node]
        return float(lat), float(lon)

    def _nearest(self, place: Place) -> int:
        """The nearest street crossing; ring roads have no doors."""
        east, north = to_plane(*place, *CENTRE)
        off = np.hypot(self._east[: self._ring_from] - east, self._north[: self._ring_from] - north)
        return int(off.argmin())

    def _shortest_to(self, goal: int) -> NDArray[np.int32]:
        """From every node the next node on the quickest way to `goal`. Ties go to the lower number."""
        onward = np.full(len(self._links), -1, np.int32)
        seconds = [np.inf] * len(self._links)
        seconds[goal] = 0.0
        queue = [(0.0, goal)]
        while queue:
            so_far, node = heappop(queue)
            if so_far > seconds[node]:
                continue
            for other, (metres, kmh) in self._links[node].items():
                total = so_far + metres / kmh * 3.6
                if total < seconds[other]:
                    seconds[other] = total
                    onward[other] = node
                    heappush(queue, (total, other))
        return onward

    def route(self, a: Place, b: Place) -> Route:
        """The quickest way from a to b by road, with the short access from and to the doors."""
        node, goal = self._nearest(a), self._nearest(b)
        onward = self._tree(goal)
        nodes = [node]
        while nodes[-1] != goal:
            nodes.append(int(onward[nodes[-1]]))
        legs = [self._links[p][q][1] for p, q in pairwise(nodes)]
        limits = np.array([_ACCESS_KMH, *legs, _ACCESS_KMH])
        light = np.zeros(len(nodes) + 2, bool)
        light[1:-1] = (limits[:-1] < _RING_KMH) & (limits[1:] < _RING_KMH)
        lat, lon = np.array([a[0], *self.lat[nodes], b[0]]), np.array([a[1], *self.lon[nodes], b[1]])
        return Route(lat, lon, limits, light)


def _grid(city: shapely.Geometry, rng: np.random.Generator) -> tuple[Floats, Floats, list[tuple[int, int, float]]]:
    west, south, east, north = city.bounds
    (x0, x1), (y0, y1) = to_plane([south, north], [west, east], *CENTRE)
    columns, rows = np.arange(x0, x1, _SPACING_M), np.arange(y0, y1, _SPACING_M)
    x, y = np.meshgrid(columns, rows)
    x, y = x + rng.normal(0.0, _JITTER_M, x.shape), y + rng.normal(0.0, _JITTER_M, y.shape)
    lat, lon = from_plane(x, y, *CENTRE)
    inside = shapely.intersects_xy(city, lon, lat)
    number = np.where(inside, np.cumsum(inside.ravel()).reshape(inside.shape) - 1, -1)
    edges: list[tuple[int, int, float]] = []
    for a, b, line in (
        (np.s_[:, :-1], np.s_[:, 1:], np.arange(rows.size)[:, None]),
        (np.s_[:-1, :], np.s_[1:, :], np.arange(columns.size)[None, :]),
    ):
        middle = from_plane((x[a] + x[b]) / 2.0, (y[a] + y[b]) / 2.0, *CENTRE)
        kept = inside[a] & inside[b] & shapely.intersects_xy(city, middle[1], middle[0])
        kmh = np.broadcast_to(np.where(line % 3 == 0, _ARTERIAL_KMH, _STREET_KMH), kept.shape)
        edges += zip(number[a][kept].tolist(), number[b][kept].tolist(), kmh[kept].tolist(), strict=True)
    return x[inside], y[inside], edges


def _with_ring(
    city: shapely.Geometry,
    east: Floats,
    north: Floats,
    edges: list[tuple[int, int, float]],
    *,
    radius_m: float,
    grid: int,
) -> tuple[Floats, Floats, list[tuple[int, int, float]]]:
    """A ring road, as far as it lies in the city, with a ramp to the nearest crossing every two kilometres or so."""
    count = max(12, round(2.0 * np.pi * radius_m / 2000.0))
    angle = np.arange(count) * 2.0 * np.pi / count
    x, y = radius_m * np.sin(angle), radius_m * np.cos(angle)
    lat, lon = from_plane(x, y, *CENTRE)
    inside = shapely.intersects_xy(city, lon, lat)
    number = east.size + np.cumsum(inside) - 1
    after = np.roll(np.arange(count), -1)
    whole = inside & inside[after]
    ring = zip(number[whole].tolist(), number[after[whole]].tolist(), [_RING_KMH] * count, strict=False)
    x, y = x[inside], y[inside]
    off = np.hypot(east[:grid] - x[:, None], north[:grid] - y[:, None])
    ramps = [(east.size + n, int(node), _STREET_KMH) for n, node in enumerate(off.argmin(axis=1))]
    return np.concatenate((east, x)), np.concatenate((north, y)), [*edges, *ring, *ramps]


def drive(
    route: Route,
    start_s: float,
    rng: np.random.Generator,
    every_s: float = 10.0,
    *,
    traffic: float = 1.0,
    noise_m: float = 4.0,
    spread: float = 0.07,
) -> Drive:
    """The reports of one drive along `route` that sets off at `start_s` (epoch seconds), one each `every_s` seconds.

    Speeds up and brakes, slows down in turns, waits at some lights; `traffic` scales the speeds (0.5 = rush hour), which
    differ from driver to driver by the standard deviation `spread`. Ends standing at the goal. The positions carry the
    receiver's error of `noise_m` metres.
    """
    if not (every_s > 0.0 and traffic > 0.0 and noise_m >= 0.0):
        raise ValueError("every_s and traffic must be positive, noise_m not negative")
    x, y = to_plane(route.lat, route.lon, route.lat[0], route.lon[0])
    length = np.hypot(np.diff(x), np.diff(y))
    bearing = np.arctan2(np.diff(x), np.diff(y))
    begin, place, speed, change, end = _motion(route, length, bearing, traffic * rng.normal(1.0, spread), rng)
    time = np.arange(np.floor(end / every_s) + 2.0) * every_s
    time[-1] = end
    time = np.unique(time)
    phase = np.clip(np.searchsorted(begin, time, side="right") - 1, 0, begin.size - 1)
    since = time - begin[phase]
    at = place[phase] + speed[phase] * since + 0.5 * change[phase] * since**2
    pace = np.maximum(speed[phase] + change[phase] * since, 0.0)
    pace[-1] = 0.0
    marks = np.concatenate(([0.0], np.cumsum(length)))
    error = _receiver_error(time.size, noise_m, rng)
    lat, lon = from_plane(
        np.interp(at, marks, x) + error[0], np.interp(at, marks, y) + error[1], route.lat[0], route.lon[0]
    )
    heading = _headings(route, marks, bearing, at) + rng.normal(0.0, 2.0, time.size)
    shown = np.where(pace > 0.3, np.maximum(pace * 3.6 + rng.normal(0.0, 0.4, time.size), 0.0), 0.0).round(1)
    return Drive(start_s + time, lat, lon, shown, heading % 360.0)


def _headings(route: Route, marks: Floats, bearing: Floats, at: Floats) -> Floats:
    """Degrees at the metres `at`: along the legs, turning steadily around the corners between them, the wider the faster
    the road, so that nobody is thrown aside."""
    if bearing.size < 2:
        return np.full(at.size, np.degrees(bearing[0]))
    turned = np.unwrap(bearing)
    angle = np.abs(np.diff(turned))
    pace = np.where(angle > np.radians(35.0), _TURN_MS, np.minimum(route.limit_kmh[:-1], route.limit_kmh[1:]) / 3.6)
    room = np.minimum(np.diff(marks)[:-1], np.diff(marks)[1:]) / 2.0
    reach = np.minimum(np.maximum(_CORNER_M, pace**2 / _SIDE_MS2 * angle / 2.0), room)
    corner = marks[1:-1]
    knots = np.column_stack((corner - reach, corner + reach)).ravel()
    return np.interp(at, knots, np.degrees(np.column_stack((turned[:-1], turned[1:])).ravel()))


def park(place: Place, start_s: float, end_s: float, rng: np.random.Generator, every_s: float = 60.0) -> Drive:
    """The reports of a vehicle standing at `place` from `start_s` on, before `end_s`."""
    time = np.arange(start_s, end_s, every_s)
    error = _receiver_error(time.size, 5.0, rng)
    lat, lon = from_plane(error[0], error[1], *place)
    return Drive(time, lat, lon, np.zeros(time.size), np.full(time.size, np.round(rng.uniform(0.0, 360.0))))


def _receiver_error(count: int, noise_m: float, rng: np.random.Generator) -> Floats:
    """(2, count) metres east and north: scatter with memory, of standard deviation `noise_m`."""
    white = rng.normal(0.0, noise_m * np.sqrt(1.0 - _NOISE_MEMORY**2), (2, count))
    reach = 24  # 0.8 ** 24 is half a percent
    kernel = _NOISE_MEMORY ** np.arange(reach)
    return np.array([np.convolve(row, kernel)[:count] for row in white]).reshape(2, count)


def _motion(
    route: Route, length: Floats, bearing: Floats, pace: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Phases of constant acceleration: (begin s, place m, speed m/s, acceleration m/s²) and the end in seconds."""
    top = (route.limit_kmh / 3.6 * np.clip(pace, 0.1, 1.5)).tolist()
    turn = np.abs((np.diff(bearing) + np.pi) % (2.0 * np.pi) - np.pi) > np.radians(35.0)
    red = (route.light & (rng.random(route.light.size) < _RED_LIGHT_SHARE)).tolist()
    wait = rng.uniform(8.0, 70.0, route.light.size).tolist()
    metres, last = length.tolist(), len(top)
    pass_by = [0.0, *(min(top[n], top[n + 1], _TURN_MS if turn[n] else np.inf) for n in range(last - 1)), 0.0]
    for n in range(1, last):
        pass_by[n] = (
            0.0 if red[n] else min(pass_by[n], (pass_by[n - 1] ** 2 + 2.0 * _ACCELERATE * metres[n - 1]) ** 0.5)
        )
    for n in range(last - 1, 0, -1):
        pass_by[n] = min(pass_by[n], (pass_by[n + 1] ** 2 + 2.0 * _BRAKE * metres[n]) ** 0.5)
    phases: list[tuple[float, float, float, float]] = []
    now = at = 0.0
    for n in range(last):
        v0, v1, total = pass_by[n], pass_by[n + 1], metres[n]
        if n and red[n]:
            phases.append((now, at, 0.0, 0.0))
            now += wait[n]
        meet = (2.0 * _ACCELERATE * _BRAKE * total + _BRAKE * v0**2 + _ACCELERATE * v1**2) / (_ACCELERATE + _BRAKE)
        peak = max(min(top[n], meet**0.5), v0, v1)
        up, down = (peak**2 - v0**2) / (2.0 * _ACCELERATE), (peak**2 - v1**2) / (2.0 * _BRAKE)
        steady = max(total - up - down, 0.0)
        phases.append((now, at, v0, _ACCELERATE))
        now += (peak - v0) / _ACCELERATE
        phases.append((now, at + up, peak, 0.0))
        now += steady / peak if peak > 0.0 else 0.0
        phases.append((now, at + up + steady, peak, -_BRAKE))
        now += (peak - v1) / _BRAKE
        at += total
    phases.append((now, at, 0.0, 0.0))
    begin, place, speed, change = np.array(phases).T
    return begin, place, speed, change, now
