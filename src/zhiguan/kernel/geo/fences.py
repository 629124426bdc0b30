"""Geofences: reading what people draw or import, refusing what has no clear inside, and testing many points at once."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from .datum import gcj02_to_wgs84
from .declare import CircleFence, Geofence, GeofenceRefused, PolygonFence, Ring
from .measure import METRES_PER_DEGREE, haversine_m, to_plane

MAX_VERTICES = 10_000
MAX_RADIUS_M = 200_000.0

_REASONS = (
    ("Self-intersection", "边界自相交"),
    ("Ring Self-intersection", "边界自己碰到自己"),
    ("Hole lies outside shell", "内孔在外边界之外"),
    ("Holes are nested", "内孔套着内孔"),
    ("Interior is disconnected", "内孔把围栏切成了互不相连的几块"),
    ("Duplicate Rings", "有两条完全相同的边界"),
)


def parse_geofence(data: object, datum: str = "wgs84") -> Geofence:
    """A checked fence from a GeoJSON Polygon, a Feature holding one, or a circle.

    A circle is `{"type": "Circle", "center": [lon, lat], "radius_m": metres}`. `datum` is what the coordinates are in:
    "wgs84", or "gcj02" when drawn on a domestic base map. Raises GeofenceRefused.
    """
    if datum not in ("wgs84", "gcj02"):
        raise ValueError(f"unknown datum {datum!r}")
    if isinstance(data, Mapping) and data.get("type") == "Feature":
        data = data.get("geometry")
    if not isinstance(data, Mapping):
        raise GeofenceRefused("围栏格式不对：应为 GeoJSON 的多边形（Polygon），或带圆心和半径的圆（Circle）。")
    kind = data.get("type")
    if kind == "Polygon":
        return _polygon(data.get("coordinates"), datum)
    if kind == "Circle":
        return _circle(data.get("center"), data.get("radius_m"), datum)
    raise GeofenceRefused(f"不支持的围栏类型“{kind}”：请使用多边形（Polygon）或圆（Circle），多块区域请分别建立围栏。")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _position(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) < 2:
        raise GeofenceRefused(f"{where}格式不对：每个点应为 [经度, 纬度]。")
    lon, lat = _number(value[0]), _number(value[1])
    if lon is None or lat is None:
        raise GeofenceRefused(f"{where}不是有效的数字：每个点应为 [经度, 纬度]。")
    if abs(lat) > 90.0 and abs(lon) <= 90.0:
        raise GeofenceRefused(f"{where}纬度 {lat:g} 超出范围，经度和纬度可能写反了：应为 [经度, 纬度]。")
    if abs(lon) > 180.0 or abs(lat) > 90.0:
        raise GeofenceRefused(f"{where}超出范围：经度应在 -180 到 180 之间，纬度应在 -90 到 90 之间。")
    return lon, lat


def _ring(value: Any, name: str, datum: str) -> Ring:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise GeofenceRefused(f"{name}格式不对：应为一串 [经度, 纬度] 点。")
    if len(value) > MAX_VERTICES:
        raise GeofenceRefused(f"{name}有 {len(value)} 个点，超过上限 {MAX_VERTICES} 个，请先简化边界。")
    ring = tuple(_position(point, f"{name}第 {n} 个点") for n, point in enumerate(value, 1))
    if len(ring) < 4 or len(set(ring)) < 3:
        raise GeofenceRefused(f"{name}的点太少：至少要三个不同的点，并且首尾相同。")
    if ring[0] != ring[-1]:
        raise GeofenceRefused(f"{name}没有闭合：最后一个点应与第一个点相同。")
    lons = np.array([point[0] for point in ring])
    if np.abs(np.diff(lons)).max() > 180.0 or np.ptp(lons) > 180.0:
        raise GeofenceRefused(f"{name}跨越了 180° 经线，这样的围栏无法判断内外，请检查坐标。")
    if datum == "gcj02":
        lats, lons = gcj02_to_wgs84(np.array([point[1] for point in ring]), lons)
        ring = tuple(zip(lons.tolist(), lats.tolist(), strict=True))
    return ring


def _polygon(coordinates: Any, datum: str) -> PolygonFence:
    if not isinstance(coordinates, Sequence) or isinstance(coordinates, str | bytes) or not coordinates:
        raise GeofenceRefused("多边形没有坐标（coordinates）。")
    if len(coordinates) > 1000:
        raise GeofenceRefused("内孔过多：一个围栏最多 999 个内孔。")
    rings = [_ring(ring, "外边界" if n == 0 else f"第 {n} 个内孔", datum) for n, ring in enumerate(coordinates)]
    if sum(map(len, rings)) > MAX_VERTICES:
        raise GeofenceRefused(f"围栏的点总数超过上限 {MAX_VERTICES} 个，请先简化边界。")
    polygon = shapely.Polygon(rings[0], rings[1:])
    # a crossing ring may enclose a signed area of zero, so it is the hull that tells a line from a surface
    if any(shapely.convex_hull(shapely.LineString(ring)).area == 0.0 for ring in rings):
        raise GeofenceRefused("围栏或内孔的面积为零：所有的点在一条线上。")
    if not polygon.is_valid:
        raise GeofenceRefused(_invalid_reason(shapely.is_valid_reason(polygon)))
    return PolygonFence(rings[0], tuple(rings[1:]))


def _invalid_reason(reason: str) -> str:
    name, _, place = reason.partition("[")
    text = next(
        (chinese for english, chinese in _REASONS if name.strip() == english), f"几何图形无效（{name.strip()}）"
    )
    try:
        lon, lat = (float(part) for part in place.rstrip("]").split()[:2])
    except ValueError:
        return f"{text}，无法判断内外，请重新绘制。"
    return f"{text}（约在经度 {lon:.5f}、纬度 {lat:.5f}），无法判断内外，请重新绘制。"


def _circle(center: Any, radius: Any, datum: str) -> CircleFence:
    lon, lat = _position(center, "圆心")
    radius_m = _number(radius)
    if radius_m is None or not 0.0 < radius_m <= MAX_RADIUS_M:
        raise GeofenceRefused(f"半径不对：应为大于 0、不超过 {MAX_RADIUS_M:.0f} 的数字，单位米。")
    if datum == "gcj02":
        lat, lon = (float(value) for value in gcj02_to_wgs84(lat, lon))
    reach_degrees = radius_m / METRES_PER_DEGREE
    if abs(lat) + reach_degrees >= 90.0 or abs(lon) + reach_degrees / math.cos(math.radians(lat)) > 180.0:
        raise GeofenceRefused("圆跨越了 180° 经线或极点，这样的围栏无法判断内外，请检查坐标。")
    return CircleFence(lat, lon, radius_m)


def fence_geojson(fence: Geofence) -> dict[str, Any]:
    """The form that `parse_geofence` reads, for storing and for maps."""
    if isinstance(fence, CircleFence):
        return {"type": "Circle", "center": [fence.lon, fence.lat], "radius_m": fence.radius_m}
    return {"type": "Polygon", "coordinates": [[list(point) for point in ring] for ring in (fence.shell, *fence.holes)]}


@lru_cache(maxsize=4096)
def _degrees_shape(fence: PolygonFence) -> shapely.Polygon:
    polygon = shapely.Polygon(fence.shell, fence.holes)
    shapely.prepare(polygon)
    return polygon


@lru_cache(maxsize=4096)
def _plane_shape(fence: PolygonFence) -> tuple[shapely.Polygon, float, float]:
    """The fence in metres around its own middle, and that middle (lat, lon)."""
    west, south, east, north = _degrees_shape(fence).bounds
    lat0, lon0 = (south + north) / 2.0, (west + east) / 2.0
    rings = [
        np.column_stack(to_plane([p[1] for p in ring], [p[0] for p in ring], lat0, lon0))
        for ring in (fence.shell, *fence.holes)
    ]
    polygon = shapely.Polygon(rings[0], rings[1:])
    shapely.prepare(polygon)
    return polygon, lat0, lon0


def inside(fence: Geofence, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.bool_]:
    """Which points are inside the fence or on its edge (edges of holes included). NaN is outside."""
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    if isinstance(fence, CircleFence):
        return haversine_m(fence.lat, fence.lon, lat, lon) <= fence.radius_m
    return shapely.intersects_xy(_degrees_shape(fence), lon, lat)


def metres_outside(fence: Geofence, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """How many metres each point is away from the fence; 0 inside, NaN for NaN. Good to 0.1 % within 50 km."""
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    if isinstance(fence, CircleFence):
        return np.maximum(haversine_m(fence.lat, fence.lon, lat, lon) - fence.radius_m, 0.0)
    polygon, lat0, lon0 = _plane_shape(fence)
    east, north = to_plane(lat, lon, lat0, lon0)
    known = np.isfinite(east) & np.isfinite(north)
    metres = shapely.distance(polygon, shapely.points(np.where(known, east, 0.0), np.where(known, north, 0.0)))
    return np.where(known, metres, np.nan)


def within_metres(fence: Geofence, lat: ArrayLike, lon: ArrayLike, buffer_m: float) -> NDArray[np.bool_]:
    """Which points are inside the fence or at most `buffer_m` metres from it."""
    return np.nan_to_num(metres_outside(fence, lat, lon), nan=np.inf) <= buffer_m


class FenceIndex:
    """Many fences, many points: a box tree finds the candidates, then each pair is tested exactly."""

    def __init__(self, fences: Sequence[Geofence]) -> None:
        self.fences = tuple(fences)
        self._tree = shapely.STRtree([self._box(fence) for fence in self.fences])

    @staticmethod
    def _box(fence: Geofence) -> shapely.Geometry:
        if isinstance(fence, PolygonFence):
            return shapely.box(*_degrees_shape(fence).bounds)
        tall = fence.radius_m / METRES_PER_DEGREE * 1.001
        wide = tall / math.cos(math.radians(min(abs(fence.lat) + tall, 89.9)))
        return shapely.box(fence.lon - wide, fence.lat - tall, fence.lon + wide, fence.lat + tall)

    def pairs(self, lat: ArrayLike, lon: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(point indexes, fence indexes) of every point that is inside a fence, ordered by fence, then point."""
        lat, lon = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
        known = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
        points, fences = self._tree.query(shapely.points(lon[known], lat[known]))
        order = np.lexsort((points, fences))
        points, fences = known[points[order]], fences[order]
        hit = np.zeros(points.size, bool)
        used, starts = np.unique(fences, return_index=True)
        for fence, start, end in zip(used, starts, np.append(starts[1:], points.size)[: used.size], strict=True):
            hit[start:end] = inside(self.fences[fence], lat[points[start:end]], lon[points[start:end]])
        return points[hit], fences[hit]
