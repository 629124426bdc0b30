"""What a dispatcher is advised about one order: the facts of the day, put to the plain calculations of ``recommend``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.reference import queries as reference
from zhiguan.kit.actor import Actor

from .. import queries
from ..models import DispatchOrder, Driver, Vehicle
from . import tracks
from .recommend import (
    Alternative,
    Car,
    DriverLoad,
    Limits,
    Need,
    Place,
    Ranked,
    Sharing,
    alternatives,
    rank_cars,
    rank_drivers,
    sharing,
)

WEEK = timedelta(days=8)


@dataclass(frozen=True)
class Advice:
    """The best few of each kind; empty lists where nothing is known or nothing fits."""

    cars: list[Ranked]
    drivers: list[Ranked]
    sharing: list[Sharing]
    alternatives: list[Alternative]
    distance_known: bool


def limits(asker: Actor) -> Limits:
    """Return the facts in force today, in one query."""
    rows = reference.in_force(asker).filter(topic="dispatch").values_list("code", "value")
    return Limits({code.split(".", 1)[1]: value for code, value in rows})


def need_of(order: DispatchOrder, *, seats_left: int = 0) -> Need:
    """Return the order as the calculations read it."""
    places: list[Place] = []
    for lat, lon in (
        (order.origin_lat, order.origin_lon), *((stop.get("lat"), stop.get("lon")) for stop in order.stops or ()),
        (order.destination_lat, order.destination_lon),
    ):  # fmt: skip
        if lat is not None and lon is not None:
            places.append((lat, lon))
    return Need(
        order.pk, order.code, order.planned_from, order.planned_to, order.passenger_count, tuple(places),
        order.shape == "round", order.body_wanted, seats_left,
    )  # fmt: skip


def cars_of(vehicles: Iterable[Vehicle], actor: Actor) -> list[Car]:
    """Return the vehicles with where they are: live where the actor may see it, else their parking place."""
    vehicles = list(vehicles)
    live = {}
    now = timezone.now()
    if actor.can("telemetry.position.view"):
        found = tracks.live_terminals(actor).filter(vehicle__in=[each.pk for each in vehicles])
        for terminal in tracks.located(actor, found):
            if now - terminal.source.latest.received_at <= tracks.OFFLINE:
                live[terminal.vehicle_id] = (terminal.source.latest.lat / 1e6, terminal.source.latest.lon / 1e6)
    cars = []
    for each in vehicles:
        at = live.get(each.pk) or ((each.place.lat, each.place.lon) if each.place is not None else None)
        cars.append(
            Car(each.pk, each.plate, each.seats, each.body, each.energy == "electric", at, each.pk in live,
                each.pool_id is not None)
        )  # fmt: skip
    return cars


def loads_of(drivers: Iterable[Driver], order: DispatchOrder) -> list[DriverLoad]:
    """Return the drivers with their tasks around the order's week."""
    drivers = list(drivers)
    tasks: dict[int, list] = {}
    rows = (
        DispatchOrder.objects.filter(
            Q(state__in=("dispatched", "started")) | Q(state="ended"), driver__in=[each.pk for each in drivers],
            host__isnull=True, planned_from__lt=order.planned_to + WEEK, planned_to__gt=order.planned_from - WEEK,
        ).exclude(pk=order.pk)
        .values_list("driver_id", "planned_from", "planned_to", "started_at", "ended_at")
    )  # fmt: skip
    for driver, planned_from, planned_to, started, ended in rows:
        tasks.setdefault(driver, []).append(
            (started or planned_from, max(ended or planned_to, started or planned_from))
        )
    return [DriverLoad(each.pk, each.person.name, tuple(tasks.get(each.pk, ()))) for each in drivers]


def advice_for(order: DispatchOrder, actor: Actor, *, most: int = 5) -> Advice:
    """Return what to advise the dispatcher who looks at the order. Decides nothing."""
    known = limits(actor)
    need = need_of(order)
    cars = cars_of(queries.free_vehicles(order, actor).select_related("place")[:400], actor)
    drivers = loads_of(queries.free_drivers(order, actor)[:400], order)
    hosts = [need_of(host, seats_left=host.seats_left) for host in queries.hosts(order, actor)[:100]]
    return Advice(
        rank_cars(need, cars, known)[:most], rank_drivers(need, drivers, known)[:most],
        sharing(need, hosts, known)[:3], alternatives(need, known), len(need.places) > 1,
    )  # fmt: skip
