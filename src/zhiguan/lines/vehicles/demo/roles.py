"""What each car does all through the simulated days: ordinary cars draw scenes, some have a part of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from . import honest, misuse
from .misuse import HOURS, MOVED, NIGHT
from .month import Month, NoWay, ordinary, refuelling
from .roads import Place
from .scene import Car, Scene

TRIES = 4
MORNING = 6.0
"""Hour at which nights are over."""
IsWorking = Callable[[date], bool]


@dataclass(frozen=True)
class Shares:
    """Days of ordinary cars with misuse, and with what only looks like it, on working days and on days off."""

    misuse: float = 0.36
    honest: float = 0.16
    misuse_off: float = 0.14
    honest_off: float = 0.16


USUAL = Shares()


def live(scene: Scene, car: Car, start: date, days: int, working: IsWorking, shares: Shares = USUAL) -> Month:
    """Play the car's days and return them."""
    month = Month(scene, car, start)
    if car.role in PARTS:
        PARTS[car.role](month, start, days, working)
    else:
        _ordinary(month, start, days, working, shares)
    # The last night is a whole one: reports dated hours ahead would otherwise be all that it has.
    month.line.stand(month.at(MORNING, start + timedelta(days=days)))
    return month


class Deck:
    """Scenes in random order, each once before any comes again."""

    def __init__(self, rng: np.random.Generator, scenes: tuple[misuse.Scene, ...]) -> None:
        self.rng, self.scenes = rng, scenes
        self._left: list[misuse.Scene] = []

    def play(self, month: Month, allowed: Callable[[misuse.Scene], bool]) -> misuse.Scene | None:
        """Play the first scene that is allowed and can be played here; None when there is none."""
        if not self._left:
            self._left = [self.scenes[int(n)] for n in self.rng.permutation(len(self.scenes))]
        for scene in list(self._left):
            if allowed(scene) and _played(scene, month):
                self._left.remove(scene)
                return scene
        self._left = self._left[1:]
        return None


def _played(scene: misuse.Scene, month: Month) -> bool:
    """Play the scene; places are drawn anew a few times when they do not fit."""
    before = len(month.wishes), month.line.clock
    for _ in range(TRIES):
        try:
            scene(month)
        except NoWay:
            if (len(month.wishes), month.line.clock) != before:
                raise AssertionError(f"{scene.__name__} gave up after it had begun") from None
        else:
            return True
    return False


def _ordinary(month: Month, start: date, days: int, working: IsWorking, shares: Shares) -> None:
    decks = {
        (True, True): Deck(month.rng, misuse.WORKING), (True, False): Deck(month.rng, misuse.DAY_OFF),
        (False, True): Deck(month.rng, honest.WORKING), (False, False): Deck(month.rng, honest.DAY_OFF),
    }  # fmt: skip
    reaching = misuse.AWAY_AT_MIDNIGHT | honest.TWO_DAYS
    busy = False
    for number in range(days):
        month.day = start + timedelta(days=number)
        if busy:
            busy = False
            month.stand(24.0)
            continue
        works, last = working(month.day), number == days - 1
        dice = month.rng.random()
        bad, honestly = (shares.misuse, shares.honest) if works else (shares.misuse_off, shares.honest_off)
        played = None
        if dice < bad + honestly:
            played = decks[dice < bad, works].play(month, lambda scene: not (last and scene in reaching))  # noqa: B023
        elif works:
            ordinary(month)
        busy = played in reaching
        month.stand(24.0)


def _seldom(month: Month, start: date, days: int, working: IsWorking) -> None:
    """One or two short outings in all the time."""
    chosen = [n for n in range(days) if working(start + timedelta(days=n))]
    out = set(month.rng.choice(chosen, min(int(month.rng.integers(1, 3)), len(chosen)), replace=False).tolist())
    for number in range(days):
        month.day = start + timedelta(days=number)
        if number in out:
            month.outing(month.between(9.0, 14.0), month.goal(2_000, 7_000), month.between(20, 40))
        month.stand(24.0)


def under_used(month: Month, start: date, days: int, working: IsWorking) -> None:
    """Hardly ever driven."""
    _seldom(month, start, days, working)
    month.tell("under_use", "整月仅一两次短途用车", month=True)


def special(month: Month, start: date, days: int, working: IsWorking) -> None:
    """A special-purpose car waits for its purpose: hardly driven, and rightly so."""
    _seldom(month, start, days, working)


def thirsty(month: Month, start: date, days: int, working: IsWorking) -> None:
    """Filled up three times as often as it drives."""
    fillings = 0
    for number in range(days):
        month.day = start + timedelta(days=number)
        due = working(month.day) and number >= 4 * fillings and fillings < 6
        try:
            if due:
                refuelling(month, month.between(9.0, 9.6), month.goal(2_500, 7_000), litres=month.between(45, 58))
                fillings += 1
        except NoWay:
            due = False
        if working(month.day) and not due:
            ordinary(month, outings=1)
        month.stand(24.0)
    month.tell("fuel_mismatch", f"加油 {fillings} 次约 {fillings * 50} 升，远多于里程所需", month=True)


def odometer(month: Month, start: date, days: int, working: IsWorking) -> None:
    """The kilometres noted at the pump grow much faster than the car drives."""
    told = None
    for number in range(days):
        month.day = start + timedelta(days=number)
        if working(month.day):
            before, due = len(month.fillings), number >= 5 * len(month.fillings)
            try:
                if due:
                    refuelling(month, month.between(9.0, 9.6), month.goal(2_500, 7_000), litres=month.between(12, 16))
            except NoWay:
                due = False
            if not due:
                ordinary(month, outings=2)
            for n in range(before, len(month.fillings)):
                row = month.fillings[n]
                told = row.odometer_km if told is None else told + 420
                month.fillings[n] = type(row)(row.at_s, row.quantity, row.electric, told, row.station, row.place)
        month.stand(24.0)
    month.tell("fuel_mismatch", "加油时登记的里程表每次多出数百公里", month=True)


def assigned_ordered(month: Month, start: date, days: int, working: IsWorking) -> None:
    """One person's car on standing orders: fetched at home in the morning, home in the evening, kept there at night."""
    goal, who = month.goal(3_000, 8_000), month.someone()
    home = _flat(month, goal.place)
    used = [n for n in range(days) if working(start + timedelta(days=n))][:14]
    for number in range(days):
        month.day = start + timedelta(days=number)
        if number in used:
            begin, end = month.at(month.between(6.7, 7.0)), month.at(month.between(19.6, 19.9))
            month.stand(month.between(7.3, 7.6))
            month.line.go(goal.place)
            month.stand(month.between(18.0, 18.3))
            month.line.go(month.home if number == used[-1] else home)
            wish = month.order(begin, end, goal, who=who)
            wish.started_s, wish.ended_s = begin + 600, end - 300
        if used and used[0] <= number < used[-1]:
            month.tell(NIGHT, f"夜间停在{who.name}住处，没有派车单")
        month.stand(24.0)
    month.tell("de_facto_assigned", f"{who.name}每日早晚接送，车辆夜间停在其住处", month=True)


def assigned_bare(month: Month, start: date, days: int, working: IsWorking) -> None:
    """The same without orders: driven home every evening and back in the morning."""
    _commuting(month, start, days, working)
    month.tell("de_facto_assigned", "车辆每日由同一住处往返，没有派车单", month=True)


def _commuting(month: Month, start: date, days: int, working: IsWorking) -> None:
    home = _flat(month)
    used = [n for n in range(days) if working(start + timedelta(days=n))][:13]
    for number in range(days):
        month.day = start + timedelta(days=number)
        if number in used:
            if number != used[0]:
                month.stand(month.between(7.0, 7.3))
                month.line.go(month.home)
            if number != used[-1]:
                month.stand(month.between(18.4, 18.7))
                month.line.go(home)
            for rule in (MOVED, HOURS) if len(used) > 1 else ():  # within one day it has nowhere to come from or go to
                month.tell(rule, "上下班驾驶公车往返住处，没有派车单")
        if used and used[0] <= number < used[-1]:
            month.tell(NIGHT, "夜间停在住处，没有派车单")
        month.stand(24.0)


def assigned_by_rule(month: Month, start: date, days: int, working: IsWorking) -> None:
    """Commutes like ``assigned_bare``, but the car is assigned to the person by rule: that is no misuse by itself."""
    _commuting(month, start, days, working)


def _flat(month: Month, other: Place | None = None) -> Place:
    """Somebody's home: some kilometres away (from ``other`` as well), inside the area, no sensitive place near it."""
    for _ in range(20):
        place = month.goal(4_000, 8_500).place
        if other is None or month.straight_m(place, other) > 2_500:
            return place
    raise NoWay


PARTS = {
    "under_used": under_used, "special": special, "thirsty": thirsty, "odometer": odometer,
    "assigned_ordered": assigned_ordered, "assigned_bare": assigned_bare, "assigned_by_rule": assigned_by_rule,
}  # fmt: skip
