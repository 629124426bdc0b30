"""Who was near a place: passages of vehicles within some metres of it, under scope and privacy."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from zhiguan.kernel.geo.maps import base_map
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor

from ..models import NearbySearch, Terminal, Vehicle
from . import privacy
from .tracks import ALARMS

SEARCH = "vehicles.nearby.search"
APART_S = 600.0
"""Reports so far apart belong to two passages."""
MOVED_KMH = 3.0


def searches(actor: Actor) -> QuerySet[NearbySearch]:
    """Return the actor's own searches, latest first."""
    if actor.account_id is None:
        return NearbySearch.objects.none()
    return NearbySearch.objects.filter(account_id=actor.account_id)


def passages(
    actor: Actor, *, lat: float, lon: float, radius_m: float, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Return the passages by time: who was within ``radius_m`` of the place in ``[start, end)``.

    A position belongs to the vehicle its terminal was in then. What is outside duty of a vehicle with a holder is left
    out, unless there was an alarm or the actor lifted it, which is logged.
    """
    scope = actor.scope(SEARCH)
    fitted = Terminal.objects.filter(scope.q(), vehicle__isnull=False)
    fitted = fitted.exclude(installed_at__gte=end).exclude(removed_at__lte=start)
    terminals: dict[int, list[tuple[int, datetime | None, datetime | None]]] = defaultdict(list)
    for source, *period in fitted.values_list("source_id", "vehicle_id", "installed_at", "removed_at"):
        terminals[source].append(tuple(period))
    near = telemetry.near(sorted(terminals), start, end, lat=lat, lon=lon, within_m=radius_m)
    rows: dict[int, list[NDArray[np.intp]]] = defaultdict(list)
    for source in np.unique(near["source_id"]).tolist():
        own = np.flatnonzero(near["source_id"] == source)
        at = near["time_s"][own]
        for vehicle, installed, removed in terminals[source]:
            here = (at >= (installed.timestamp() if installed else -np.inf)) & (
                at < (removed.timestamp() if removed else np.inf)
            )
            if here.any():
                rows[vehicle].append(own[here])
    vehicles = Vehicle.objects.filter(scope.q(), pk__in=list(rows)).select_related("unit", "place")
    held = privacy.held(list(rows), _day(start), _day(end))
    found = []
    for vehicle in vehicles:
        own = np.concatenate(rows[vehicle.pk])
        own = own[np.argsort(near["time_s"][own], kind="stable")]
        if vehicle.pk in held:
            own = own[~_kept(actor, vehicle, near["time_s"][own], near["alarm"][own].astype(np.int64))]
        found += _passages(vehicle, {name: values[own] for name, values in near.items()})
    return sorted(found, key=lambda each: (each["first"], each["plate"]))


def _day(moment: datetime) -> date:
    return moment.astimezone(privacy.SHANGHAI).date()


def _kept(actor: Actor, vehicle: Vehicle, at: NDArray[np.float64], alarm: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the moments are kept from the actor, noting in the log what leaves under a lift."""
    hidden = np.zeros(at.size, bool)
    offset = timedelta(hours=8).total_seconds()
    days = np.floor((at + offset) / 86_400.0)
    for number in np.unique(days).tolist():
        day = date(1970, 1, 1) + timedelta(days=int(number))
        known, lift = privacy.day_of(vehicle, day, actor)
        if lift is not None:
            privacy.read_under(actor, lift, vehicle, ["position"])
        hidden |= (days == number) & known.off(at)
    return hidden & ((alarm & ALARMS) == 0)


def _passages(vehicle: Vehicle, points: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Return the vehicle's passages: its points, by time, cut where they are far apart."""
    at = points["time_s"]
    if not at.size:
        return []
    edges = np.flatnonzero(np.diff(at) > APART_S) + 1
    found = []
    for first, last in zip([0, *edges.tolist()], [*edges.tolist(), at.size], strict=True):
        nearest = first + int(np.argmin(points["metres"][first:last]))
        found.append(
            {
                "vehicle": vehicle.pk, "plate": vehicle.plate, "unit": vehicle.unit.name,
                "first": _moment(at[first]), "last": _moment(at[last - 1]),
                "metres": round(float(points["metres"][nearest]), 1), "lat": round(float(points["lat"][nearest]), 6),
                "lon": round(float(points["lon"][nearest]), 6), "reports": last - first,
                "moved": bool((points["speed_kmh"][first:last] >= MOVED_KMH).any()),
            }
        )  # fmt: skip
    return found


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat().replace("+00:00", "Z")


def picture(search: NearbySearch) -> dict[str, Any]:
    """Return the configuration of the island that draws the circle and where each passage came nearest."""
    fence = {"type": "Circle", "center": [search.lon, search.lat], "radius_m": search.radius_m}
    marks = [{"lat": each["lat"], "lon": each["lon"], "title": each["plate"]} for each in search.result]
    return base_map() | {"fence": fence, "title": "查询地点", "marks": marks}
