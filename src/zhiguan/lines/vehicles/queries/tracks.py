"""Where vehicles are and were, for maps. Positions come through telemetry's query seam, under the actor's scope."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.supervision import queries as supervision
from zhiguan.kit.actor import Actor

from .. import queries
from ..models import Terminal, Vehicle

OFFLINE = timedelta(minutes=10)
MOVING_DKMH = 30
"""From 3 km/h on a vehicle counts as moving (latest positions are in 0.1 km/h)."""
ALARMS = 0b1111
"""Alarm bits shown on the map: emergency button, overspeed, fatigue, danger warning (JT/T 808 位置信息汇报)."""
DRAWN_POINTS = 20_000


SINCE_INSTALLED = Q(installed_at__isnull=True) | Q(source__latest__fix_at__gte=F("installed_at"))
"""What the device reported from another vehicle is not this vehicle's place."""


def live_terminals(actor: Actor) -> QuerySet[Terminal]:
    """Return the terminals in use whose vehicles and positions the actor may see, with the latest position."""
    scope = actor.scope("telemetry.position.view")
    return (
        queries.terminals(actor)
        .filter(scope.q())
        .filter(state="active", vehicle__isnull=False, source__latest__fix_at__isnull=False)
        .filter(SINCE_INSTALLED)
        .select_related("source__latest", "vehicle")
    )


def moving(now: datetime | None = None) -> Q:
    """Return the condition that a terminal's vehicle is on the move now."""
    since = (now or timezone.now()) - OFFLINE
    return Q(
        state="active", vehicle__isnull=False, source__latest__fix_at__isnull=False,
        source__latest__speed__gte=MOVING_DKMH, source__latest__received_at__gte=since,
    ) & SINCE_INSTALLED  # fmt: skip


def moving_terminals(actor: Actor) -> QuerySet[Terminal]:
    """Return the terminals whose vehicles are on the move now."""
    return live_terminals(actor).filter(moving())


def state_of(received_at: datetime, alarm: int, speed: int, now: datetime) -> str:
    """Return the map's state code of a latest position: alarm, moving, idle or offline."""
    if now - received_at > OFFLINE:
        return "offline"
    if alarm & ALARMS:
        return "alarm"
    return "moving" if speed >= MOVING_DKMH else "idle"


_MAP_FIELDS = ("source_id", "source__latest__received_at", "source__latest__alarm", "vehicle_id", "source__latest__lat",
               "source__latest__lon", "source__latest__speed", "source__latest__direction", "vehicle__plate", "unit_id",
               "source__latest__at")  # fmt: skip


def map_rows(terminals: QuerySet[Terminal], now: datetime) -> Iterator[tuple[int, datetime, list[Any]]]:
    """Yield device, moment of its last word, and its vehicle as the live map reads it.

    That is: id, lat, lon, speed, heading, state, plate, organ, moment. Plain columns, not models: ten thousand a second.
    """
    found = terminals.order_by().values_list(*_MAP_FIELDS)
    for source, received_at, alarm, vehicle, lat, lon, speed, heading, plate, organ, at in found.iterator(5_000):
        state = state_of(received_at, alarm, speed, now)
        row = [vehicle, lat / 1e6, lon / 1e6, speed / 10, heading, state, plate, organ, int(at.timestamp())]
        yield source, received_at, row


def snapshot(actor: Actor) -> dict[str, Any]:
    """Return the live map's whole picture."""
    now = timezone.now()
    return {
        "type": "snapshot",
        "at": now.isoformat(),
        "vehicles": [row for _, _, row in map_rows(live_terminals(actor), now)],
    }


def stream_url(request: HttpRequest, path: str = "/live/vehicles") -> str:
    """Return the address of the event stream for this browser; empty where no live process is configured."""
    if settings.ZHIGUAN_LIVE_URL:
        return settings.ZHIGUAN_LIVE_URL.rstrip("/") + path
    if settings.ZHIGUAN_LIVE_PORT:
        host = request.get_host().rsplit(":", 1)[0]
        return f"{request.scheme}://{host}:{settings.ZHIGUAN_LIVE_PORT}{path}"
    return ""


def position(vehicle: Vehicle, actor: Actor) -> dict[str, Any]:
    """Return the vehicle's present place for its page."""
    terminal = live_terminals(actor).filter(vehicle=vehicle).first()
    if terminal is None:
        return {"latest": None}
    latest, now = terminal.source.latest, timezone.now()
    names = {"offline": "离线", "alarm": "告警", "moving": "行驶", "idle": "停车"}
    return {
        "latest": latest,
        "lat": latest.lat / 1e6,
        "lon": latest.lon / 1e6,
        "speed_kmh": latest.speed / 10,
        "state": names[state_of(latest.received_at, latest.alarm, latest.speed, now)],
    }


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def replay(vehicle: Vehicle, day: date, actor: Actor) -> dict[str, Any]:
    """Return a vehicle's day as the replay reads it. Long tracks are thinned evenly to what can be drawn."""
    actor.require("vehicles.trip.view", vehicle)
    start, end = queries.day_bounds(day)
    columns = queries.positions_of([vehicle.pk], start, end)
    order = np.arange(columns["time_s"].size)
    if order.size > DRAWN_POINTS:
        order = order[np.linspace(0, order.size - 1, DRAWN_POINTS).astype(np.intp)]
    fixed = order[(columns["lat"][order] != 0) | (columns["lon"][order] != 0)]
    trips = queries.trips(actor).filter(vehicle=vehicle, day=day).select_related("order").order_by("start_at")
    stops = queries.stops_of(vehicle, actor).filter(day=day).order_by("start_at")
    orders = queries.orders(actor).filter(vehicle=vehicle, planned_from__lt=end, planned_to__gt=start)
    orders = orders.filter(state__in=("dispatched", "started", "ended")).order_by("planned_from")
    return {
        "vehicle": {
            "id": vehicle.pk, "plate": vehicle.plate, "organ": vehicle.unit.name, "kind": vehicle.get_kind_display(),
            "href": reverse("vehicles.vehicle.detail", args=[vehicle.pk]),
        },
        "day": day.isoformat(),
        "points": {
            "t": columns["time_s"][fixed].astype(int).tolist(),
            "lat": np.round(columns["lat"][fixed], 6).tolist(),
            "lon": np.round(columns["lon"][fixed], 6).tolist(),
            "speed": np.round(columns["speed_kmh"][fixed], 1).tolist(),
        },
        "trips": [
            {"id": trip.pk, "start": _epoch(trip.start_at), "end": _epoch(trip.end_at), "metres": round(trip.distance_m),
             "title": trip.get_match_display(),
             "href": reverse("vehicles.order.detail", args=[trip.order_id]) if trip.order_id else None}
            for trip in trips
        ],
        "stops": [
            {"start": _epoch(stop.start_at), "end": _epoch(stop.end_at), "lat": stop.lat, "lon": stop.lon,
             "name": vehicle.place.name if stop.at_place and vehicle.place else "停留"}
            for stop in stops
        ],
        "findings": _findings(vehicle, day, actor),
        "orders": [
            {"id": order.pk, "no": order.code, "start": _epoch(order.planned_from), "end": _epoch(order.planned_to),
             "title": order.purpose, "state": order.state_name,
             "href": reverse("vehicles.order.detail", args=[order.pk])}
            for order in orders
        ],
    }  # fmt: skip


def _findings(vehicle: Vehicle, day: date, actor: Actor) -> list[dict[str, Any]]:
    found = []
    rows = supervision.of_subject(actor, vehicle).filter(Q(period=day.isoformat())).exclude(state="withdrawn")
    for finding in rows:
        timeline = finding.evidence.get("timeline") or [{}]
        found.append(
            {
                "id": finding.pk, "title": finding.summary, "severity": finding.severity,
                "at": _epoch(finding.occurred_at), "lat": timeline[0].get("lat"), "lon": timeline[0].get("lon"),
                "href": reverse("supervision.finding.detail", args=[finding.pk]), "clause": finding.clause,
            }
        )  # fmt: skip
    return found
