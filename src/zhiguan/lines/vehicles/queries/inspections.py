"""When a vehicle has to be inspected (年检), by age and type, from the dated facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from zhiguan.kernel.reference import service as reference

from ..codes import Body
from ..models import Vehicle
from .renewal import add_months

LARGE = (Body.MEDIUM_BUS, Body.LARGE_BUS)
AHEAD = timedelta(days=92)
"""An inspection so long before the day it falls due counts for that day."""


class Intervals:
    """The inspection rules in force on a day, read in one query. Raises ``UnknownFact`` where one is missing."""

    def __init__(self, on: date | None = None) -> None:
        known = reference.thresholds("vehicles.inspection", on=on or timezone.localdate())

        def number(name: str) -> int:
            return int(known.value(name))

        self.clause = known.fact("small_mid_months").citation
        self.large = ((number("large_young_years"), number("large_young_months")), (None, number("large_old_months")))
        try:
            self.small: Any = ((number("reform_years"), number("reform_months")), (None, number("reform_old_months")))
            self.small_clause = known.fact("reform_months").citation
        except reference.UnknownFact:
            self.small = (
                (number("small_young_years"), number("small_young_months")),
                (number("small_old_years"), number("small_mid_months")),
                (None, number("small_old_months")),
            )
            self.small_clause = self.clause

    def clause_for(self, vehicle: Vehicle) -> str:
        """Return the citation of the rule that the vehicle falls under."""
        return self.clause if vehicle.body in LARGE else self.small_clause

    def months(self, vehicle: Vehicle) -> Callable[[int], int]:
        """Return the function from whole years of age to the months until the next inspection."""
        steps = self.large if vehicle.body in LARGE else self.small
        return lambda age: next(months for years, months in steps if years is None or age < years)


def due_after(vehicle: Vehicle, inspected_on: date | None, rules: Intervals | None = None) -> date:
    """Return the day the vehicle falls due after an inspection (None: after its registration).

    Days are counted from the registration, so that an inspection too early or too late does not shift the next ones.
    """
    months = (rules or Intervals()).months(vehicle)
    since = vehicle.registered_on or vehicle.bought_on
    passed = 0
    after = since if inspected_on is None else inspected_on + AHEAD
    while True:
        passed += months(passed // 12)
        due = add_months(since, passed)
        if due > after:
            return due
