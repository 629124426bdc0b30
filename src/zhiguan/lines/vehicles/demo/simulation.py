"""A fleet's days with injected misuse, put into an installation: over the network, or directly and faster than time.

Both ways the same reports reach the product as JT/T 808 frames and are decoded, checked and committed by its own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from zhiguan.kernel.supervision.declare import ON_DIRTY_DAYS

from . import noise, roles
from .device import Counts, Device, Identity
from .equipment import Card
from .month import Month, Swipe
from .motion import Clock
from .scene import Car, make_scene
from .stage import Stage, build, check, enter
from .timeline import Rows
from .truth import Told, write
from .wire import AUTHORITY, Appended, Appender, Speaker, bodies

SHANGHAI = ZoneInfo("Asia/Shanghai")
SHORT_DAYS = 3
"""Scheduled rules that look back so far are asked every day, the others when the month is over."""


@dataclass
class Played:
    """A simulation that was invented and whose orders were entered: what is left is to report."""

    stage: Stage
    months: list[Month]
    told: Told


def play(
    seed: int, cars: int, start: date, days: int, *, shares: roles.Shares = roles.USUAL, parts: Sequence[str] | None = None
) -> Played:  # fmt: skip
    """Invent everything of a seed, enter units, cars, orders and fuel. Raises ``stage.NotHere``.

    ``parts``: what each car is (``scene.ROLES``), instead of some of each.
    """
    scene, working = make_scene(seed, cars, roles=parts), _working()
    check(scene)
    months = [roles.live(scene, car, start, days, working, shares) for car in scene.cars]
    stage = build(scene, start)  # only now: what cannot be invented leaves nothing behind
    enter(stage, months)
    told = Told(seed, start, start + timedelta(days=days), tuple(car.plate for car in scene.cars), ())
    truths = sorted(truth for month in months for truth in month.truths if truth.period in told.periods)
    return Played(stage, months, replace(told, truths=tuple(truths)))


def _working() -> roles.IsWorking:
    from zhiguan.kernel.calendar import service as calendar
    from zhiguan.kit.actor import system

    with system("vehicles.simulator").transaction():
        return calendar.snapshot().is_working_day


def tell(played: Played, path: Path) -> None:
    """Write the truth to a file."""
    write(path, played.told)


def as_heard_live(played: Played, since_s: float) -> Played:
    """The same without cards read before ``since_s``: when they arrive now, their moment is not believed any more."""
    late = {
        month.car.plate: [day_of(each.at_s) for each in month.swipes if each.at_s < since_s] for month in played.months
    }
    for month in played.months:
        month.swipes = [each for each in month.swipes if each.at_s >= since_s]
    told = played.told
    kept = tuple(
        each for each in told.truths if each.rule != "unauthorised_driver" or each.period not in late[each.vehicle]
    )
    return replace(played, told=replace(told, truths=kept))


def day_of(seconds: float) -> str:
    """The local day of a moment."""
    return datetime.fromtimestamp(seconds, SHANGHAI).date().isoformat()


# --- what the worker does, where none runs


def compute(day: date) -> None:
    """Compute and judge what has come in up to the day's end, and ask for silent terminals as of every morning."""
    from zhiguan.kernel.supervision import service as supervision

    from .. import jobs
    from ..rules import RULES

    jobs.uplinks()
    jobs.compute()
    for rule in RULES:
        if rule.cadence != ON_DIRTY_DAYS and rule.lookback_days <= SHORT_DAYS:
            supervision.run_scheduled(rule, today=day + timedelta(days=1))


def judge_months(end: date) -> None:
    """Ask the monthly and the late rules as in the nights after ``end``."""
    from zhiguan.kernel.supervision import service as supervision

    from ..rules import RULES

    for rule in RULES:
        if rule.cadence != ON_DIRTY_DAYS and rule.lookback_days > SHORT_DAYS:
            supervision.run_scheduled(rule, today=end + timedelta(days=2))


# --- what reaches the platform


Amount = Callable[[Month], noise.Noise]
"""How much noise each car has."""


def usual(month: Month) -> noise.Noise:
    """As much as usual."""
    return noise.Noise()


def calm(month: Month) -> noise.Noise:
    """None."""
    return noise.CALM


def disturbed(month: Month, amount: Amount) -> Rows:
    """The car's reports as they reach the platform, in that order."""
    return noise.disturb(month.line.reports(), month.rng, amount(month))


# --- directly


def deliver(
    played: Played,
    url: str,
    *,
    amount: Amount = usual,
    each_day: Callable[[date, Appended], None] | None = None,
) -> Appended:
    """Append all reports, day after day of their receipt; ``each_day`` is told when one is done."""
    told = played.told
    speakers = {
        month.car.index: Speaker(month.car.number, month.car.newer and not month.car.reader) for month in played.months
    }
    streams = {month.car.index: disturbed(month, amount) for month in played.months}
    days = (told.end - told.start).days
    total = Appended()
    for number in range(days + 1):
        day = told.start + timedelta(days=number)
        low, high = _midnight(day), _midnight(day + timedelta(days=1)) if number < days else np.inf
        frames: list[bytes] = []
        sent: list[float] = []
        for month in played.months:
            rows = streams[month.car.index]
            first, last = np.searchsorted(rows["sent"], (low, high))
            spoken = speakers[month.car.index].reports(rows[first:last])
            frames += spoken.frames
            sent += spoken.sent
            for swipe in sorted(month.swipes, key=lambda each: each.at_s):
                if low <= swipe.at_s < high:
                    frames.append(speakers[month.car.index].swipe(swipe))
                    sent.append(swipe.at_s + 2.0)
        done = asyncio.run(_append(url, played.stage.sources, frames, sent))
        total = Appended(total.frames + done.frames, total.positions + done.positions, total.kept + done.kept)
        if each_day is not None:
            each_day(day, total)
    return total


async def _append(url: str, sources: dict[str, int], frames: Sequence[bytes], sent: Sequence[float]) -> Appended:
    appender = Appender(url, sources)
    try:
        await appender.append(frames, sent)
    finally:
        await appender.close()
    return appender.done


def _midnight(day: date) -> float:
    return datetime.combine(day, datetime.min.time(), SHANGHAI).timestamp()


# --- over the network


class Line:
    """One simulated terminal that reports a car's days to a gateway, as the clock comes to each report."""

    def __init__(self, month: Month, rows: Rows, device: Device, clock: Clock) -> None:
        self.month, self.device, self.clock = month, device, clock
        # What is made up later was made when it says so, or when it is sent if its clock was ahead.
        made = np.where(rows["late"], np.minimum(rows["at"], rows["sent"]), rows["sent"])
        order = np.argsort(made, kind="stable")
        self.rows, self.made = rows[order], made[order].tolist()
        self.bodies = bodies(self.rows)

    async def live(self) -> None:
        """Report until all was said. What the platform receives late is kept meanwhile and made up (0x0704)."""
        swipes = sorted(self.month.swipes, key=lambda each: each.at_s)
        for number in range(self.rows.size):
            row, moment = self.rows[number], self.made[number]
            while swipes and swipes[0].at_s <= moment:
                await self._until(swipes[0].at_s)
                self._swipe(swipes.pop(0))
            await self._until(moment)
            body = self.bodies[number].tobytes()
            if row["late"]:
                self.device.keep(body)
            else:
                self.device.report(body)
        self.device.flush()

    async def _until(self, moment: float) -> None:
        delay = self.clock.wait(moment)
        if delay > 0:
            await asyncio.sleep(delay)

    def _swipe(self, swipe: Swipe) -> None:
        if swipe.on:
            at = datetime.fromtimestamp(round(swipe.at_s), UTC)
            self.device.insert_card(Card(swipe.who.name, swipe.who.licence, AUTHORITY), at)
        else:
            self.device.remove_card(datetime.fromtimestamp(round(swipe.at_s), UTC))


def lines(
    played: Played,
    *,
    host: str,
    port: int,
    clock: Clock,
    counts: Counts,
    gate: asyncio.Semaphore,
    amount: Amount = usual,
) -> list[Line]:
    """A terminal for every car of the simulation."""

    def device(car: Car) -> Device:
        who = Identity(car.number, f"ZG{car.number[-5:]}", car.plate, int(car.newer))
        return Device(who, host, port, counts, gate)

    return [Line(month, disturbed(month, amount), device(month.car), clock) for month in played.months]


async def report(every: Sequence[Line], stopping: asyncio.Event, *, starts_per_s: float = 150.0) -> None:
    """Connect all terminals, one after the other, and report until all was acknowledged or ``stopping`` is set."""
    connections, reporting = [], []
    try:
        for number, line in enumerate(every):
            connections.append(asyncio.create_task(line.device.run()))
            reporting.append(asyncio.create_task(line.live()))
            if number % 10 == 9:
                await asyncio.sleep(10 / starts_per_s)
        stop = asyncio.create_task(stopping.wait())
        said = asyncio.gather(*reporting)
        await asyncio.wait([said, stop], return_when=asyncio.FIRST_COMPLETED)
        while not stopping.is_set() and any(line.device.unsaid for line in every):
            for line in every:
                line.device.flush()
            await asyncio.sleep(0.1)
        if not stopping.is_set():
            said.result()
        stop.cancel()
    finally:
        for task in [*reporting, *connections]:
            task.cancel()
        await asyncio.gather(*reporting, *connections, return_exceptions=True)
