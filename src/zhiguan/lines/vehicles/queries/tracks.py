"""Where vehicles are and were, for maps. Positions come through telemetry's query seam, under the actor's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

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
from . import privacy

OFFLINE = timedelta(minutes=10)
MOVING_DKMH = 30
"""From 3 km/h on a vehicle counts as moving (latest positions are in 0.1 km/h)."""
ALARMS = 0b1111
"""Alarm bits shown on the map: emergency button, overspeed, fatigue, danger warning (JT/T 808 位置信息汇报)."""
DRAWN_POINTS = 20_000
FEW = 500
"""Up to so many vehicles their holders are asked for one by one, beyond for all at once."""
AROUND_S = 600.0
"""So much before and after what a finding is about is shown with it."""


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


class Seen(NamedTuple):
    """A device on the live map. ``row``: id, lat, lon, speed, heading, state, plate, organ, moment.

    ``kept`` is the row in its place for readers without a lift: whether it moves, and nothing of where; None where
    nothing is kept (on duty, no holder, or an alarm).
    """

    source: int
    received_at: datetime
    row: list[Any]
    kept: list[Any] | None


def map_rows(terminals: QuerySet[Terminal], now: datetime) -> Iterator[Seen]:
    """Yield what the live map reads. Plain columns, not models: ten thousand a second."""
    found = list(terminals.order_by().values_list(*_MAP_FIELDS).iterator(5_000))
    keys = [each[3] for each in found]
    guarded = privacy.kept_now(keys if len(keys) <= FEW else None, now) if found else set()
    for source, received_at, alarm, vehicle, lat, lon, speed, heading, plate, organ, at in found:
        state = state_of(received_at, alarm, speed, now)
        row = [vehicle, lat / 1e6, lon / 1e6, speed / 10, heading, state, plate, organ, round(at.timestamp(), 1)]
        kept = None
        if vehicle in guarded and state != "alarm":
            word = {"moving": privacy.MOVING, "idle": privacy.STILL}.get(state, state)
            kept = [vehicle, None, None, None, None, word, plate, organ, round(at.timestamp(), 1)]
        yield Seen(source, received_at, row, kept)


def lifted_now(actor: Actor) -> dict[int, datetime]:
    """Return until when the actor may see vehicles off duty today, by vehicle."""
    return {vehicle: lift.expires_at for vehicle, lift in privacy.lifts(actor, timezone.localdate()).items()}


def note_lifted(actor: Actor, seen: Sequence[Seen]) -> None:
    """Note in the log that these places leave off duty under the actor's lifts."""
    lifts = privacy.lifts(actor, timezone.localdate())
    for each in seen:
        if (lift := lifts.get(each.row[0])) is not None:
            privacy.read_under(actor, lift, lift.vehicle, ["position"])


def snapshot(actor: Actor) -> dict[str, Any]:
    """Return the live map's whole picture."""
    now = timezone.now()
    seen = list(map_rows(live_terminals(actor), now))
    if any(each.kept is not None for each in seen):
        lifts = privacy.lifts(actor, now.astimezone(privacy.SHANGHAI).date())
        seen = [_lifted(each, lifts, actor) for each in seen]
    return {
        "type": "snapshot",
        "at": now.isoformat(),
        "vehicles": [each.row if each.kept is None else each.kept for each in seen],
    }


def _lifted(each: Seen, lifts: Mapping[int, Any], actor: Actor) -> Seen:
    """Return the device as the reader sees it, noting in the log what leaves under a lift."""
    lift = lifts.get(each.row[0]) if each.kept is not None else None
    if lift is None:
        return each
    privacy.read_under(actor, lift, lift.vehicle, ["position"])
    return each._replace(kept=None)


def located(actor: Actor, terminals: QuerySet[Terminal]) -> list[Terminal]:
    """Return the terminals, with their latest position, whose place the actor may see at this moment."""
    found, now = list(terminals), timezone.now()
    guarded = privacy.kept_now([each.vehicle_id for each in found], now) if found else set()
    if not guarded:
        return found
    lifts = privacy.lifts(actor, now.astimezone(privacy.SHANGHAI).date())
    shown = []
    for each in found:
        latest = each.source.latest
        if each.vehicle_id in guarded and state_of(latest.received_at, latest.alarm, latest.speed, now) != "alarm":
            if each.vehicle_id not in lifts:
                continue
            privacy.read_under(actor, lifts[each.vehicle_id], each.vehicle, ["position"])
        shown.append(each)
    return shown


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
    if not located(actor, live_terminals(actor).filter(pk=terminal.pk)):
        moves = {"moving": "有移动", "idle": "未移动"}
        state = state_of(latest.received_at, latest.alarm, latest.speed, now)
        return {"latest": latest, "kept": True, "state": moves.get(state, names[state])}
    return {
        "latest": latest,
        "lat": latest.lat / 1e6,
        "lon": latest.lon / 1e6,
        "speed_kmh": latest.speed / 10,
        "state": names[state_of(latest.received_at, latest.alarm, latest.speed, now)],
    }


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def replay(vehicle: Vehicle, day: date, actor: Actor, finding: int | None = None) -> dict[str, Any]:
    """Return a vehicle's day as the replay reads it. Long tracks are thinned evenly to what can be drawn.

    What is outside duty of a vehicle with a holder comes as spans that say whether it moved (``kept``), unless there was
    an alarm, the actor lifted it, or it is what ``finding`` (a key) shows, which they may see; the latter two are logged.
    """
    actor.require("vehicles.trip.view", vehicle)
    start, end = queries.day_bounds(day)
    columns = queries.positions_of([vehicle.pk], start, end)
    shown = _shown_by(vehicle, day, actor, finding) if finding is not None else []
    known, lift = privacy.day_of(vehicle, day, actor, shown)
    if lift is not None:
        privacy.read_under(actor, lift, vehicle, ["track"])
    hidden = known.off(columns["time_s"])
    hidden &= (columns["alarm"].astype(np.int64) & ALARMS) == 0
    kept = privacy.moved_in(columns["time_s"], columns["speed_kmh"], hidden)
    order = np.flatnonzero(~hidden)
    if order.size > DRAWN_POINTS:
        order = order[np.linspace(0, order.size - 1, DRAWN_POINTS).astype(np.intp)]
    fixed = order[(columns["lat"][order] != 0) | (columns["lon"][order] != 0)]
    lifted = lift is not None
    trips = queries.trips(actor, lifted=lifted).filter(vehicle=vehicle, day=day).select_related("order").order_by("start_at")
    stops = queries.stops_of(vehicle, actor, lifted=lifted).filter(day=day).order_by("start_at")
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
            if trip.order_id or not known.off_span(trip.start_at.timestamp(), trip.end_at.timestamp())
        ],
        "stops": [
            {"start": _epoch(stop.start_at), "end": _epoch(stop.end_at), "lat": stop.lat, "lon": stop.lon,
             "name": vehicle.place.name if stop.at_place and vehicle.place else "停留"}
            for stop in stops
            if not known.off_span(stop.start_at.timestamp(), stop.end_at.timestamp())
        ],
        "kept": kept,
        "findings": [_placed(mark, known) for mark in _findings(vehicle, day, actor)],
        "orders": [
            {"id": order.pk, "no": order.code, "start": _epoch(order.planned_from), "end": _epoch(order.planned_to),
             "title": order.purpose, "state": order.state_name,
             "href": reverse("vehicles.order.detail", args=[order.pk])}
            for order in orders
        ],
    }  # fmt: skip


def _shown_by(vehicle: Vehicle, day: date, actor: Actor, key: int) -> list[tuple[float, float]]:
    """Return the spans that a finding about the vehicle's day is about, with some minutes around, if the actor may see it."""
    row = supervision.of_subject(actor, vehicle).filter(pk=key).exclude(state="withdrawn").first()
    if row is None or row.evidence.get("day") != day.isoformat():
        return []
    spans = []
    for step in row.evidence.get("timeline") or ():
        try:
            start = datetime.fromisoformat(step["at"]).timestamp()
            end = datetime.fromisoformat(step.get("until") or step["at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            continue
        spans.append((start - AROUND_S, end + AROUND_S))
    if spans:
        privacy.read_for_finding(actor, vehicle, row.number)
    return spans


def _placed(mark: dict[str, Any], known: privacy.Day) -> dict[str, Any]:
    """Return a finding's mark without its place where that is kept."""
    return mark | {"lat": None, "lon": None} if known.off(np.array([mark["at"]]))[0] else mark


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
