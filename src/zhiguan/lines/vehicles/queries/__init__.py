"""Read side of official vehicles. Everything takes the actor and returns only what their scope reaches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from zhiguan.kernel.ledger.queries import story
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import HistoryEntry

from ..models import (
    ON_BOOKS,
    DispatchOrder,
    Driver,
    ParkingPlace,
    Stop,
    Terminal,
    Trip,
    Vehicle,
    VehicleDay,
    VehicleQuota,
)
from . import privacy
from .net import *  # noqa: F403

SHANGHAI = ZoneInfo("Asia/Shanghai")


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the day's first moment and the next day's, in UTC; days are those of Shanghai."""
    start = datetime.combine(day, time.min, SHANGHAI)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)


def fittings_of(vehicles: Iterable[int], start: datetime, end: datetime) -> list[Terminal]:
    """Return the terminals that were in the vehicles at any time in ``[start, end)``, each with its own period."""
    rows = Terminal.objects.filter(vehicle__in=list(vehicles))
    return list(rows.exclude(installed_at__gte=end).exclude(removed_at__lte=start).order_by("pk"))


def positions_of(vehicles: Iterable[int], start: datetime, end: datetime) -> dict[str, np.ndarray]:
    """Return the located positions of the vehicles in ``[start, end)`` by vehicle and device time.

    Columns of ``telemetry.positions_of`` and ``vehicle``. A position belongs to the vehicle its terminal was in then.
    The caller has resolved which vehicles its actor may see.
    """
    fittings = fittings_of(vehicles, start, end)
    columns = telemetry.positions_of(sorted({each.source_id for each in fittings}), start, end)
    source, seconds = columns["source_id"], columns["time_s"]
    owner = np.full(source.size, -1, dtype=np.int64)
    for each in fittings:
        low, high = np.searchsorted(source, each.source_id, "left"), np.searchsorted(source, each.source_id, "right")
        first, last = low, high
        if each.installed_at is not None:
            first = low + np.searchsorted(seconds[low:high], each.installed_at.timestamp(), "left")
        if each.removed_at is not None:
            last = low + np.searchsorted(seconds[low:high], each.removed_at.timestamp(), "left")
        owner[first:last] = each.vehicle_id
    rows = np.flatnonzero(owner >= 0)
    rows = rows[np.lexsort((seconds[rows], owner[rows]))]
    return {"vehicle": owner[rows]} | {name: values[rows] for name, values in columns.items()}


def vehicles(actor: Actor) -> QuerySet[Vehicle]:
    """Return the vehicles the actor may see."""
    return Vehicle.objects.visible_to(actor, "vehicles.vehicle.view")


def places(actor: Actor) -> QuerySet[ParkingPlace]:
    return ParkingPlace.objects.visible_to(actor, "vehicles.place.view")


def terminals(actor: Actor) -> QuerySet[Terminal]:
    return Terminal.objects.visible_to(actor, "vehicles.terminal.view")


def drivers(actor: Actor) -> QuerySet[Driver]:
    return Driver.objects.visible_to(actor, "vehicles.driver.view").select_related("person")


def quotas(actor: Actor) -> QuerySet[VehicleQuota]:
    return VehicleQuota.objects.visible_to(actor, "vehicles.quota.view")


def orders(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the orders of the actor's scope, those sent to their pools, and those they asked for, ride along or drive."""
    return DispatchOrder.objects.visible_to(actor, "vehicles.order.view")


def my_requests(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the orders the actor asked for or rides along with."""
    if actor.person_id is None:
        return DispatchOrder.objects.none()
    return DispatchOrder.objects.filter(Q(requester_id=actor.person_id) | Q(passenger_ids__contains=[actor.person_id]))


def my_drives(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the orders the actor has to drive or has driven."""
    if actor.person_id is None:
        return DispatchOrder.objects.none()
    return DispatchOrder.objects.filter(driver_person_id=actor.person_id)


ORDERED = Q(order__isnull=False)


def trips(actor: Actor, *, lifted: bool = False) -> QuerySet[Trip]:
    """Return the trips of the actor's scope, without those off duty that are kept from them (:mod:`.privacy`)."""
    rows = Trip.objects.visible_to(actor, "vehicles.trip.view")
    return privacy.without_kept(rows, actor, ordered=ORDERED, lifted=lifted)


def trip_rows(actor: Actor) -> QuerySet[Trip]:
    """Return all trips of the actor's scope for lists: those kept from them are marked, and a page shows their day only."""
    return privacy.marked_kept(Trip.objects.visible_to(actor, "vehicles.trip.view"), actor, ordered=ORDERED)


def days(actor: Actor) -> QuerySet[VehicleDay]:
    """Return the days on which vehicles sent positions."""
    return VehicleDay.objects.visible_to(actor, "vehicles.trip.view")


def stops_of(vehicle: Vehicle, actor: Actor, *, lifted: bool = False) -> QuerySet[Stop]:
    rows = Stop.objects.visible_to(actor, "vehicles.trip.view").filter(vehicle=vehicle)
    return privacy.without_kept(rows, actor, lifted=lifted)


def orders_of(vehicle: Vehicle, actor: Actor) -> QuerySet[DispatchOrder]:
    return orders(actor).filter(vehicle=vehicle).select_related("requester")


def trips_of(vehicle: Vehicle, actor: Actor) -> QuerySet[Trip]:
    return trip_rows(actor).filter(vehicle=vehicle).select_related("order").order_by("-day", "-start_at")


def terminals_of(vehicle: Vehicle, actor: Actor) -> QuerySet[Terminal]:
    return terminals(actor).filter(vehicle=vehicle)


def trips_for(order: DispatchOrder, actor: Actor) -> QuerySet[Trip]:
    return trips(actor).filter(order=order)


def free_vehicles(order: DispatchOrder, actor: Actor) -> QuerySet[Vehicle]:
    """Return the vehicles in service that no open order binds in the order's time."""
    bound = DispatchOrder.objects.filter(
        state__in=("dispatched", "started"), planned_from__lt=order.planned_to, planned_to__gt=order.planned_from
    ).exclude(pk=order.pk)
    return (
        Vehicle.objects.visible_to(actor, "vehicles.order.dispatch")
        .filter(state="in_service", seats__gt=order.passenger_count)
        .exclude(pk__in=bound.filter(vehicle__isnull=False).values("vehicle_id"))
    )


def free_drivers(order: DispatchOrder, actor: Actor) -> QuerySet[Driver]:
    """Return the active drivers with a licence valid to the end whom no open order binds in the order's time."""
    bound = DispatchOrder.objects.filter(
        state__in=("dispatched", "started"), planned_from__lt=order.planned_to, planned_to__gt=order.planned_from
    ).exclude(pk=order.pk)
    return (
        Driver.objects.visible_to(actor, "vehicles.order.dispatch")
        .filter(state="active")
        .filter(Q(licence_expires_on__isnull=True) | Q(licence_expires_on__gte=order.planned_to))
        .exclude(pk__in=bound.filter(driver__isnull=False).values("driver_id"))
        .select_related("person")
    )


HIDDEN = frozenset({
    "id", "version", "scope_pos", "created_at", "vehicle_busy", "driver_busy", "driver_person_id", "server_pos", "pool_pos",
    "payer_pos", "passenger_ids", "series", "approval_reasons",
})  # fmt: skip


def history(record: Any, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the record's ledger events, newest first, as a story for people."""
    return story(record, HIDDEN, {Driver: ("person",)})


def quotas_with_held(actor: Actor) -> QuerySet[VehicleQuota]:
    """Return the quotas in force with ``held``: vehicles of the kind on the books of the unit and those below it."""
    held = (
        Vehicle.objects.filter(
            ON_BOOKS, kind=OuterRef("kind"), scope_pos__gte=OuterRef("unit__pos"), scope_pos__lte=OuterRef("unit__pos_end")
        )
        .order_by()
        .values("kind")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return quotas(actor).filter(state="active", valid_to__isnull=True).annotate(held=Coalesce(Subquery(held), 0))


def held_by(quota: VehicleQuota, actor: Actor) -> QuerySet[Vehicle]:
    """Return the vehicles that count against the quota."""
    return vehicles(actor).within(quota.unit).filter(ON_BOOKS, kind=quota.kind)


def fleet_units(actor: Actor) -> QuerySet[Unit]:
    """Return the organs that have vehicles in the actor's scope, for choosing on the map."""
    units = vehicles(actor).exclude(state="disposed").order_by().values("unit_id")
    return Unit.objects.filter(pk__in=units).order_by("sort", "pos")


def days_of(vehicle: Vehicle, actor: Actor) -> QuerySet[VehicleDay]:
    """Return the days on which the vehicle sent positions, newest first."""
    scope = actor.scope("vehicles.trip.view")
    return VehicleDay.objects.filter(scope.q(), vehicle=vehicle).order_by("-day")[:31]
