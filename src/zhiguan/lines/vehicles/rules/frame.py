"""What the rules of one run share: the day's columns, its orders, trips and thresholds, each loaded once.

A rule goes through ``days(context)``; every :class:`Day` hands out arrays over rows or over slots (see
``domain/fleetday.py``). Nothing of it may be changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import RuleContext, Shared

from ..domain import driving
from ..domain.driving import Computed
from ..domain.fleetday import FleetDay, load
from ..domain.matching import Orders
from ..models import Trip, Vehicle

PREFIX = "vehicles.detection"
TRIP = np.dtype(
    [("pk", "i8"), ("slot", "i8"), ("start_s", "f8"), ("end_s", "f8"), ("start_lat", "f8"), ("start_lon", "f8"),
     ("end_lat", "f8"), ("end_lon", "f8"), ("distance_m", "f8"), ("order", "i8"), ("match", "U16")]
)  # fmt: skip
"""A stored trip; ``order`` 0 for none."""


def share(computed: Computed) -> Shared:
    """Return what rules need not load again of a day that was just computed."""
    shared, text = Shared(), computed.frame.day.isoformat()
    shared.put(("vehicles.frame", text), computed.frame)
    shared.put(("vehicles.orders", text), computed.orders)
    return shared


def limits(context: RuleContext, day: date) -> reference.Thresholds:
    """Return the thresholds in force on the day."""
    return context.shared.once(("vehicles.limits", day), lambda: reference.thresholds(PREFIX, on=day))


@dataclass(frozen=True)
class Day:
    """One day of the run's vehicles."""

    context: RuleContext
    text: str

    @cached_property
    def day(self) -> date:
        return date.fromisoformat(self.text)

    @cached_property
    def frame(self) -> FleetDay:
        """The day's columns."""
        return self.context.shared.once(("vehicles.frame", self.text), lambda: load(self.context.subjects, self.day))

    @property
    def loaded(self) -> bool:
        """Whether somebody asked for the columns of this day already."""
        return self.context.shared.has(("vehicles.frame", self.text))

    def narrowed(self, vehicles: Collection[int]) -> Day:
        """Return the same day for some of the vehicles, with columns of its own: a fleet's need not be read for a few."""
        subjects = [vehicle for vehicle in self.context.subjects if vehicle.pk in vehicles]
        return Day(replace(self.context, subjects=subjects, shared=Shared()), self.text)

    @cached_property
    def orders(self) -> Orders:
        """Orders in force that touch the day or the night after it."""
        return self.context.shared.once(("vehicles.orders", self.text), lambda: driving.orders_of(self.frame))

    @cached_property
    def limits(self) -> reference.Thresholds:
        return limits(self.context, self.day)

    def limit(self, name: str) -> NDArray[np.float64]:
        """Return the threshold for each slot."""
        return self.limits.array(name, self.frame.positions)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Rows of points at a time that an order of the vehicle covers."""
        return self.context.shared.once(
            ("vehicles.covered", self.text),
            lambda: self.frame.inside(self.orders.slot, self.orders.from_s, self.orders.to_s),
        )

    @cached_property
    def trips(self) -> NDArray[Any]:
        """The stored trips of the day (TRIP) by slot and time."""
        return self.context.shared.once(("vehicles.trips", self.text), lambda: trips_of(self.frame))

    def rows_of(self, slot: int) -> slice:
        """The rows of one vehicle."""
        return slice(int(self.frame.edges[slot]), int(self.frame.edges[slot + 1]))


def days(context: RuleContext) -> Iterator[Day]:
    """Go through the days the run covers."""
    for text in context.periods:
        yield Day(context, text)


def trips_of(frame: FleetDay) -> NDArray[Any]:
    """Read the stored trips of the frame's day."""
    found = Trip.objects.filter(vehicle__in=frame.keys.tolist(), day=frame.day).values_list(
        "pk", "vehicle", "start_at", "end_at", "start_lat", "start_lon", "end_lat", "end_lon", "distance_m", "order", "match"
    )  # fmt: skip
    table = np.array(
        [
            (pk, frame.slots[vehicle], start.timestamp(), end.timestamp(), *places, order or 0, match)
            for pk, vehicle, start, end, *places, order, match in found
        ],
        TRIP,
    )
    return table[np.lexsort((table["start_s"], table["slot"]))]


def by_slot(slot: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield (slot, indexes) of every slot that occurs, ascending."""
    if slot.size:
        order = np.argsort(slot, kind="stable")
        found, first = np.unique(slot[order], return_index=True)
        yield from zip(found.tolist(), np.split(order, first[1:]), strict=True)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def placed(vehicles: Sequence[Vehicle]) -> list[Vehicle]:
    """Return the vehicles that have a parking place."""
    return [vehicle for vehicle in vehicles if vehicle.place_id is not None]
