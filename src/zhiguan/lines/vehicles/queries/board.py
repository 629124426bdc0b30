"""What the dispatch board shows: the rows, their orders in the window, who waits, what cannot be used and why."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor

from ..models import DispatchOrder, Driver, UpkeepOrder, Vehicle
from . import tracks
from .net import DISPATCH, WAITING, served_by

MOST_ROWS = 600
MOST_ORDERS = 3000
OFF = {"repair": "维修", "laid_up": "封存"}


def _minutes(moment: datetime) -> int:
    return int(moment.timestamp() // 60)


def vehicles(actor: Actor, unit: int | None) -> list[Vehicle]:
    """Return the vehicles the actor may send, those out of use for now included."""
    rows = Vehicle.objects.visible_to(actor, DISPATCH).filter(state__in=("in_service", *OFF))
    if unit is not None:
        rows = rows.filter(Q(unit=unit) | Q(pool__unit=unit))
    return list(rows.select_related("unit", "place", "pool").order_by("scope_pos", "plate")[:MOST_ROWS])


def drivers(actor: Actor, unit: int | None) -> list[Driver]:
    rows = Driver.objects.visible_to(actor, DISPATCH).filter(state="active")
    if unit is not None:
        rows = rows.filter(Q(unit=unit) | Q(pool__unit=unit))
    return list(rows.select_related("unit", "person").order_by("scope_pos", "person__name")[:MOST_ROWS])


def order_row(order: DispatchOrder) -> dict[str, Any]:
    """Return one order as the board reads it; times in minutes since 1970."""
    return {
        "id": order.pk, "code": order.code, "version": order.version, "state": order.state, "vehicle": order.vehicle_id,
        "driver": order.driver_id, "from": _minutes(order.planned_from), "to": _minutes(order.planned_to),
        "purpose": order.purpose, "origin": order.origin, "destination": order.destination,
        "persons": order.passenger_count, "unit": order.unit.label, "who": order.requester.name,
        "urgent": order.kind == "emergency", "accepted": order.accepted_at is not None, "host": order.host_id,
        "driver_name": order.driver_name, "body": order.get_body_wanted_display() if order.body_wanted else "",
        "pooled": order.pool_id is not None, "unratified": order.ratify_by_on is not None and not order.ratified,
    }  # fmt: skip


def board(actor: Actor, start: datetime, end: datetime, unit: int | None = None) -> dict[str, Any]:
    """Return the board for the window ``[start, end)``. Orders of vehicles out of reach are left out."""
    zone = timezone.get_current_timezone()
    cars, people = vehicles(actor, unit), drivers(actor, unit)
    rows = (
        DispatchOrder.objects.filter(planned_from__lt=end, planned_to__gt=start)
        .filter(Q(vehicle__in=[each.pk for each in cars]) | Q(driver__in=[each.pk for each in people]))
        .filter(state__in=("dispatched", "started", "ended"))
        .select_related("unit", "requester").order_by("planned_from", "pk")[:MOST_ORDERS]
    )  # fmt: skip
    waiting = DispatchOrder.objects.filter(WAITING, served_by(actor))
    if unit is not None:
        waiting = waiting.filter(Q(unit=unit) | Q(pool__unit=unit))
    waiting = waiting.filter(planned_to__gt=timezone.now()).select_related("unit", "requester")
    upkeeps = UpkeepOrder.objects.filter(
        vehicle__in=[each.pk for each in cars], done_on__isnull=True, planned_on__lt=end, planned_on__gte=start
    ).values_list("vehicle_id", "planned_on")
    lows = _minutes(start), _minutes(end)
    return {
        "from": lows[0], "to": lows[1], "now": _minutes(timezone.now()),
        "vehicles": [
            {"id": each.pk, "plate": each.plate, "body": each.get_body_display(), "seats": each.seats,
             "unit": each.unit.label, "pool": each.pool.name if each.pool else "", "rented": each.tenure == "rented",
             "off": OFF.get(each.state, "")}
            for each in cars
        ],
        "drivers": [
            {"id": each.pk, "name": each.person.name, "unit": each.unit.label, "phone": each.phone,
             "until": _minutes(datetime.combine(each.licence_expires_on, datetime.max.time(), zone))
             if each.licence_expires_on else None}
            for each in people
        ],
        "upkeeps": [
            {"vehicle": key, "from": _minutes(datetime.combine(day, time(8), zone)),
             "to": _minutes(datetime.combine(day, time(18), zone))}
            for key, day in upkeeps
        ],
        "orders": [order_row(each) for each in rows],
        "waiting": [order_row(each) for each in waiting.order_by("planned_from", "pk")[:300]],
        "cut": len(cars) == MOST_ROWS,
    }  # fmt: skip


def _state(latest: Any, now: datetime) -> str:
    return tracks.state_of(latest.received_at, latest.alarm, latest.speed, now)


def free_positions(actor: Actor) -> list[dict[str, Any]]:
    """Return where the cars are that nobody has booked for now."""
    if not actor.can("telemetry.position.view"):
        return []
    now = timezone.now()
    bound = DispatchOrder.objects.filter(
        state__in=("dispatched", "started"), planned_from__lte=now, planned_to__gt=now, vehicle__isnull=False
    ).values("vehicle")
    free = Vehicle.objects.visible_to(actor, DISPATCH).filter(state="in_service").exclude(pk__in=bound).values("pk")
    found = tracks.located(actor, tracks.live_terminals(actor).filter(vehicle__in=free)[:MOST_ROWS])
    return [
        {"id": each.vehicle_id, "plate": each.vehicle.plate, "lat": each.source.latest.lat / 1e6,
         "lon": each.source.latest.lon / 1e6, "state": _state(each.source.latest, now),
         "href": reverse("vehicles.vehicle.detail", args=[each.vehicle_id])}
        for each in found
    ]  # fmt: skip
