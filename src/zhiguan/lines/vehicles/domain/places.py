"""Verbs of the places that rules ask about: sensitive places (敏感场所) and permitted areas (允许行驶区域)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely
from django.db import IntegrityError, transaction

from zhiguan.kernel.geo.declare import CircleFence, Geofence, GeofenceRefused, PolygonFence
from zhiguan.kernel.geo.service import fence_geojson, parse_geofence
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..models import PermittedArea, SensitivePlace

MANAGE = "vehicles.place.manage"
KEEPERS = ("city", "district")
"""Kinds of units that keep sensitive places: all organs' vehicles are compared with them."""


def fence_of(data: Any, datum: str = "wgs84") -> Geofence:
    """Return the drawn or imported area, checked. Raises ``Invalid`` at the field ``fence`` with the reason.

    Holes are kept. Borders that cross or touch themselves, cross the antimeridian or a pole, have no area, do not close
    or leave the earth's ranges have no clear inside and are refused.
    """
    try:
        return parse_geofence(data, datum)
    except GeofenceRefused as error:
        raise Invalid(str(error), code="fence", fields={"fence": str(error)}) from error


def _middle(fence: Geofence) -> tuple[float, float]:
    """Return (lat, lon) of a point inside the fence."""
    if isinstance(fence, CircleFence):
        return fence.lat, fence.lon
    point = shapely.Polygon(fence.shell, fence.holes).representative_point()
    return float(point.y), float(point.x)


def placed(fence: Geofence) -> dict[str, Any]:
    """Return the columns of a sensitive place of this shape; a circle needs no polygon."""
    lat, lon = _middle(fence)
    found: dict[str, Any] = {"lat": round(lat, 6), "lon": round(lon, 6), "fence": None}
    if isinstance(fence, PolygonFence):
        return found | {"fence": fence_geojson(fence)}
    return found | {"radius_m": max(1, round(fence.radius_m))}


def _sensitive(values: dict[str, Any]) -> dict[str, Any]:
    values, datum = dict(values), values.get("datum") or "wgs84"
    values.pop("datum", None)
    if "fence" in values:
        values |= placed(fence_of(values["fence"], datum))
    unit = values.get("unit")
    if unit is not None and unit.kind not in KEEPERS:
        message = "敏感场所适用于各单位的全部车辆，应由市级或区级登记。"
        raise Invalid(message, code="keeper", fields={"unit": message})
    return values


def _taken() -> Conflict:
    message = "同一位置已登记同名的该类场所。"
    return Conflict(message, code="place_present", fields={"name": message})


@transaction.atomic
def add_sensitive(actor: Actor, *, reason: str = "", **values: Any) -> SensitivePlace:
    """登记敏感场所. ``fence`` is a GeoJSON polygon or circle in ``datum``."""
    actor.require(MANAGE, values["unit"])
    values = _sensitive(values)
    try:
        with transaction.atomic():
            return ledger.create(SensitivePlace, actor, values, reason=reason)
    except IntegrityError as error:
        raise _taken() from error


@transaction.atomic
def edit_sensitive(
    actor: Actor, place: SensitivePlace, *, version: int | None = None, **values: Any
) -> SensitivePlace:
    """变更敏感场所: days judged already keep their findings until they are computed again."""
    actor.require(MANAGE, place)
    if values.get("unit") is not None:
        actor.require(MANAGE, values["unit"])
    try:
        with transaction.atomic():
            return ledger.change(place, actor, _sensitive(values), version=version)
    except IntegrityError as error:
        raise _taken() from error


def close_sensitive(actor: Actor, place: SensitivePlace, *, reason: str) -> SensitivePlace:
    """停用敏感场所: rules no longer ask about it."""
    actor.require(MANAGE, place)
    return ledger.move(place, "close", actor, reason=reason)


def reopen_sensitive(actor: Actor, place: SensitivePlace) -> SensitivePlace:
    """恢复敏感场所."""
    actor.require(MANAGE, place)
    return ledger.move(place, "reopen", actor)


def _permitted(values: Mapping[str, Any], area: PermittedArea | None = None) -> dict[str, Any]:
    values, datum = dict(values), values.get("datum") or "wgs84"
    values.pop("datum", None)
    if "fence" in values:
        values["fence"] = fence_geojson(fence_of(values["fence"], datum))
    start, end = (values.get(name, getattr(area, name, None)) for name in ("valid_from", "valid_to"))
    if start is not None and end is not None and end <= start:
        raise Invalid("终止日期应晚于起始日期。", fields={"valid_to": "终止日期应晚于起始日期。"})
    vehicle, unit = (values.get(name, getattr(area, name, None)) for name in ("vehicle", "unit"))
    if vehicle is not None and unit is not None and not unit.pos <= vehicle.scope_pos <= unit.pos_end:
        message = f"{vehicle.plate} 不属于{unit.name}。"
        raise Invalid(message, fields={"vehicle": message})
    return values


@transaction.atomic
def add_permitted(actor: Actor, **values: Any) -> PermittedArea:
    """登记允许行驶区域, for the vehicles of a unit and below it, or for one vehicle."""
    actor.require(MANAGE, values["unit"])
    return ledger.create(PermittedArea, actor, _permitted(values))


@transaction.atomic
def edit_permitted(actor: Actor, area: PermittedArea, *, version: int | None = None, **values: Any) -> PermittedArea:
    """变更允许行驶区域."""
    actor.require(MANAGE, area)
    if values.get("unit") is not None:
        actor.require(MANAGE, values["unit"])
    return ledger.change(area, actor, _permitted(values, area), version=version)


def close_permitted(actor: Actor, area: PermittedArea, *, reason: str) -> PermittedArea:
    """停用允许行驶区域: vehicles are judged by what else holds for them, or not at all."""
    actor.require(MANAGE, area)
    return ledger.move(area, "close", actor, reason=reason)


def reopen_permitted(actor: Actor, area: PermittedArea) -> PermittedArea:
    """恢复允许行驶区域."""
    actor.require(MANAGE, area)
    return ledger.move(area, "reopen", actor)
