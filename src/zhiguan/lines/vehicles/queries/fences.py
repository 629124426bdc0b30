"""What the pages of sensitive places, permitted areas and holders show."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from zhiguan.kernel.geo.declare import PolygonFence
from zhiguan.kernel.geo.maps import base_map
from zhiguan.kernel.geo.service import fence_geojson
from zhiguan.kit.actor import Actor

from ..models import PermittedArea, SensitivePlace, Vehicle, VehicleHolder

PLACE, HOLDER = "vehicles.place.view", "vehicles.holder.view"


def sensitive(actor: Actor) -> QuerySet[SensitivePlace]:
    """Return the sensitive places the actor may see."""
    return SensitivePlace.objects.visible_to(actor, PLACE)


def permitted(actor: Actor) -> QuerySet[PermittedArea]:
    """Return the permitted areas the actor may see."""
    return PermittedArea.objects.visible_to(actor, PLACE)


def permitted_for(vehicle: Vehicle, actor: Actor) -> QuerySet[PermittedArea]:
    """Return the vehicle's own areas."""
    return permitted(actor).filter(vehicle=vehicle)


def holders(actor: Actor) -> QuerySet[VehicleHolder]:
    """Return the holders of vehicles in scope, and one's own entries."""
    return VehicleHolder.objects.visible_to(actor, HOLDER)


def holders_of(vehicle: Vehicle, actor: Actor) -> QuerySet[VehicleHolder]:
    return holders(actor).filter(vehicle=vehicle)


def picture(row: SensitivePlace | PermittedArea) -> dict[str, Any]:
    """Return the configuration of the island that draws the row's area."""
    return base_map() | {"fence": fence_geojson(row.geofence), "title": row.name}


def shape_text(row: SensitivePlace | PermittedArea) -> str:
    """Return what the area is, in words: for paper, and for those who see no map."""
    fence = row.geofence
    if isinstance(fence, PolygonFence):
        holes = f"，内孔 {len(fence.holes)} 个" if fence.holes else ""
        return f"多边形，外边界 {len(fence.shell) - 1} 个点{holes}"
    return f"圆形，半径 {fence.radius_m:,.0f} 米"


OF_ONE = Q(vehicle__isnull=False)
"""Areas of one vehicle."""
