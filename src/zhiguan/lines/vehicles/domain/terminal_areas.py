"""Areas and routes for terminals: from a drawn shape to what a terminal can hold, and who carries which version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import shapely
from django.db import transaction

from zhiguan.kernel.geo.declare import CircleFence, GeofenceRefused
from zhiguan.kernel.geo.service import METRES_PER_DEGREE, gcj02_to_wgs84, parse_geofence
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..models import AreaCarried, AreaShape, Terminal, TerminalArea
from .terminals import _send

MANAGE = "vehicles.terminal.manage"
MOST_VERTICES, MOST_TURNS = telemetry.MOST_VERTICES, telemetry.MOST_TURNS
TELL_DRIVER_IN, TELL_PLATFORM_IN, TELL_DRIVER_OUT, TELL_PLATFORM_OUT = 4, 8, 16, 32
"""Attribute bits of an area on a terminal."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Fitted:
    """A shape as a terminal can hold it. ``points`` are (lat, lon); ``warning`` says what was given up."""

    shape: str
    geometry: dict[str, Any]
    points: tuple[Point, ...] = ()
    centre: Point | None = None
    radius_m: int = 0
    warning: str = ""


def fitted(data: Any, datum: str = "wgs84") -> Fitted:
    """A GeoJSON Polygon, Circle or LineString (or a Feature of one) as a terminal can hold it.

    Raises ``Invalid`` at the field ``geometry`` for holes, borders that cross themselves, the antimeridian, the equator
    or the prime meridian; too many points are simplified, with a warning that tells by how much the border moved.
    """
    try:
        if isinstance(data, Mapping) and data.get("type") == "Feature":
            data = data.get("geometry")
        if isinstance(data, Mapping) and data.get("type") == "LineString":
            return _route(data.get("coordinates"), datum)
        fence = parse_geofence(data, datum)
        if isinstance(fence, CircleFence):
            geometry = {"type": "Circle", "center": [fence.lon, fence.lat], "radius_m": fence.radius_m}
            _one_quarter([(fence.lat, fence.lon)])
            return Fitted(
                AreaShape.CIRCLE, geometry, centre=(fence.lat, fence.lon), radius_m=max(1, round(fence.radius_m))
            )
        if fence.holes:
            raise GeofenceRefused("终端不支持带内孔的区域：请去掉内孔，或分成几个区域。")
        return _polygon(fence.shell)
    except GeofenceRefused as error:
        raise Invalid(str(error), code="geometry", fields={"geometry": str(error)}) from error


def _polygon(shell: Sequence[tuple[float, float]]) -> Fitted:
    ring = [(lat, lon) for lon, lat in shell[:-1]]
    _one_quarter(ring)
    geometry = {"type": "Polygon", "coordinates": [[list(point) for point in shell]]}
    lats, lons = {lat for lat, _ in ring}, {lon for _, lon in ring}
    if len(ring) == 4 and len(lats) == len(lons) == 2:
        return Fitted(AreaShape.RECTANGLE, geometry, ((max(lats), min(lons)), (min(lats), max(lons))))
    if len(ring) <= MOST_VERTICES:
        return Fitted(AreaShape.POLYGON, geometry, tuple(ring))
    simple, moved = _simplified(shapely.Polygon(shell), MOST_VERTICES + 1)
    kept = [(lat, lon) for lon, lat in list(simple.exterior.coords)[:-1]]
    return Fitted(AreaShape.POLYGON, geometry, tuple(kept), warning=_warning(len(ring), len(kept), moved))


def _route(coordinates: Any, datum: str) -> Fitted:
    if not isinstance(coordinates, Sequence) or isinstance(coordinates, str) or not 2 <= len(coordinates) <= 10_000:
        raise GeofenceRefused("路线应有 2 至 10000 个点，每个点为 [经度, 纬度]。")
    points = []
    for number, value in enumerate(coordinates, 1):
        try:
            lon, lat = float(value[0]), float(value[1])
        except (TypeError, ValueError, IndexError):
            raise GeofenceRefused(f"路线第 {number} 个点不是 [经度, 纬度]。") from None
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise GeofenceRefused(f"路线第 {number} 个点超出范围，应为 [经度, 纬度]。")
        if datum == "gcj02":
            lat, lon = (float(each) for each in gcj02_to_wgs84(lat, lon))
        points.append((lat, lon))
    if any(abs(one[1] - other[1]) > 180 for one, other in pairwise(points)):
        raise GeofenceRefused("路线跨越了 180° 经线，终端无法表示，请检查坐标。")
    if len(set(points)) < 2:
        raise GeofenceRefused("路线的点都在同一处。")
    geometry = {"type": "LineString", "coordinates": [[lon, lat] for lat, lon in points]}
    if len(points) <= MOST_TURNS:
        return Fitted(AreaShape.ROUTE, geometry, tuple(points))
    simple, moved = _simplified(shapely.LineString([(lon, lat) for lat, lon in points]), MOST_TURNS)
    kept = tuple((lat, lon) for lon, lat in simple.coords)
    return Fitted(AreaShape.ROUTE, geometry, kept, warning=_warning(len(points), len(kept), moved))


def _one_quarter(points: Sequence[Point]) -> None:
    if len({lat < 0 for lat, _ in points if lat}) > 1 or len({lon < 0 for _, lon in points if lon}) > 1:
        raise GeofenceRefused("区域跨越赤道或本初子午线，终端无法表示，请分成几个区域。")


def _simplified(shape: Any, most: int) -> tuple[Any, float]:
    """The shape with at most ``most`` coordinates, and how far its border moved, in metres."""
    tolerance = 1e-6
    while True:
        simple = shapely.simplify(shape, tolerance, preserve_topology=True)
        if shapely.get_num_coordinates(simple) <= most:
            return simple, float(shapely.hausdorff_distance(shape, simple)) * METRES_PER_DEGREE
        tolerance *= 1.5


def _warning(before: int, after: int, moved_m: float) -> str:
    return f"终端一次最多容纳有限的点数，已由 {before} 个点简化为 {after} 个，边界最多偏移约 {moved_m:.0f} 米。"


def warning_of(area: TerminalArea) -> str:
    """What is given up when the area is sent to terminals; empty when nothing is."""
    return fitted(area.geometry).warning


def payload_of(area: TerminalArea) -> tuple[str, dict[str, Any]]:
    """The downlink that sets the area on a terminal."""
    shape = fitted(area.geometry)
    tell = (TELL_PLATFORM_IN if area.on_enter else 0) | (TELL_PLATFORM_OUT if area.on_leave else 0)
    if area.tell_driver:
        tell |= (TELL_DRIVER_IN if area.on_enter else 0) | (TELL_DRIVER_OUT if area.on_leave else 0)
    payload: dict[str, Any] = {"number": area.pk, "name": area.name, "tell": tell}
    if area.max_speed_kmh:
        payload |= {"max_speed": area.max_speed_kmh, "over_s": area.over_s}
        if area.night_speed_kmh:
            payload["night_speed"] = area.night_speed_kmh
    if area.start_at and area.end_at:
        payload |= {"start": area.start_at.isoformat(), "end": area.end_at.isoformat()}
    if shape.shape == AreaShape.CIRCLE and shape.centre is not None:
        payload |= {"centre": list(shape.centre), "radius_m": shape.radius_m}
    elif shape.shape == AreaShape.RECTANGLE:
        payload |= {"top_left": list(shape.points[0]), "bottom_right": list(shape.points[1])}
    else:
        payload["points"] = [list(point) for point in shape.points]
        if shape.shape == AreaShape.ROUTE:
            payload["width_m"] = area.width_m
    return f"set_{shape.shape}", payload


def _shaped(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the shape that the geometry has; checks that terminals can hold it all."""
    if "geometry" in values:
        found = fitted(values["geometry"], values.pop("datum", "wgs84"))
        values |= {"geometry": found.geometry, "shape": found.shape}
    if (values.get("start_at") is None) != (values.get("end_at") is None):
        message = "生效时间和失效时间应同时填写。"
        raise Invalid(message, fields={"end_at": message})
    if values.get("start_at") and values["end_at"] <= values["start_at"]:
        message = "失效时间应晚于生效时间。"
        raise Invalid(message, fields={"end_at": message})
    return values


@transaction.atomic
def add_area(actor: Actor, **values: Any) -> TerminalArea:
    """新建终端区域."""
    actor.require(MANAGE, values["unit"])
    area = ledger.create(TerminalArea, actor, _shaped(values))
    telemetry.checked_payload(*payload_of(area))
    return area


@transaction.atomic
def edit_area(actor: Actor, area: TerminalArea, *, version: int | None = None, **values: Any) -> TerminalArea:
    """变更终端区域: terminals keep the version they carry until it is sent again."""
    actor.require(MANAGE, area)
    if values.get("unit") is not None:
        actor.require(MANAGE, values["unit"])
    values = _shaped(values)
    if values.get("shape", area.shape) != area.shape and area.carried.exists():
        message = "已下发过的区域不能改变形状，请另建区域。"
        raise Conflict(message, code="area_shape", fields={"geometry": message})
    area = ledger.change(area, actor, values, version=version)
    telemetry.checked_payload(*payload_of(area))
    return area


def close_area(actor: Actor, area: TerminalArea, *, reason: str) -> TerminalArea:
    """停用终端区域; refused while terminals carry it."""
    actor.require(MANAGE, area)
    if any(carries(row) is not None for row in area.carried.select_related("command")):
        raise Conflict("仍有终端载有该区域，请先从终端删除。", code="area_carried")
    return ledger.move(area, "close", actor, reason=reason)


def reopen_area(actor: Actor, area: TerminalArea) -> TerminalArea:
    """恢复终端区域."""
    actor.require(MANAGE, area)
    return ledger.move(area, "reopen", actor)


def carries(row: AreaCarried) -> int | None:
    """The version of the area that the terminal has confirmed to carry; None: none. ``command`` must be at hand."""
    if row.command.state == "acknowledged":
        return None if row.deleting else row.sent_version
    return row.confirmed_version


@transaction.atomic
def load_area(actor: Actor, area: TerminalArea, *, terminals: Sequence[Terminal]) -> list[AreaCarried]:
    """下发区域: set the area's present version on terminals."""
    actor.require(MANAGE, area)
    if area.state != "active":
        raise Conflict("该区域已停用，不能下发。", code="area_closed")
    return [_place(actor, area, terminal, deleting=False) for terminal in terminals]


@transaction.atomic
def drop_area(actor: Actor, area: TerminalArea, *, terminals: Sequence[Terminal]) -> list[AreaCarried]:
    """从终端删除区域."""
    actor.require(MANAGE, area)
    return [_place(actor, area, terminal, deleting=True) for terminal in terminals]


def _place(actor: Actor, area: TerminalArea, terminal: Terminal, *, deleting: bool) -> AreaCarried:
    row = AreaCarried.objects.select_for_update(of=("self",)).select_related("command").filter(
        area=area, terminal=terminal
    ).first()  # fmt: skip
    kind, payload = (f"delete_{area.shape}", {"numbers": [area.pk]}) if deleting else payload_of(area)
    command = _send(actor, terminal, kind, payload)
    if row is None:
        return AreaCarried.objects.create(
            area=area,
            terminal=terminal,
            unit=terminal.unit,
            command=command,
            deleting=deleting,
            sent_version=area.version,
        )
    row.confirmed_version = carries(row)
    row.command, row.deleting, row.sent_version = command, deleting, area.version
    row.save()
    return row
