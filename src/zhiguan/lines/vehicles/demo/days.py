"""What an invented vehicle does on a day: outings with dispatch orders, and now and then what it should not do."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from .roads import Drive, Place, RoadNet, drive, park

SHANGHAI = ZoneInfo("Asia/Shanghai")
PURPOSES = ("参加会议", "现场检查", "送取机要文件", "调研座谈", "应急值守", "执法检查", "公文交换", "接待保障")
MISUSE = ("no_order", "evening", "overnight")
"""Kinds of misuse put into the demo: no dispatch order, private drive after hours, night outside its place."""


@dataclass(frozen=True)
class Outing:
    """One order-worthy drive there and back. ``ordered`` is False where the vehicle went without an order."""

    depart: datetime
    back: datetime
    goal: Place
    purpose: str
    ordered: bool = True


@dataclass
class Day:
    """A vehicle's day: its reports in order of time, its outings, and the misuse that was put in (or "")."""

    drives: list[Drive] = field(default_factory=list)
    outings: list[Outing] = field(default_factory=list)
    misuse: str = ""
    last: Place | None = None
    """Where the vehicle stood at midnight."""


def generator(key: str, day: date) -> np.random.Generator:
    """Return the random numbers of one vehicle's day: the same vehicle and day give the same day."""
    return np.random.default_rng([zlib.crc32(key.encode()), day.toordinal()])


def at(day: date, hour: float) -> datetime:
    """Return the local moment ``hour`` hours after the day began."""
    return datetime.combine(day, time.min, SHANGHAI) + timedelta(hours=hour)


def make_day(
    net: RoadNet, key: str, home: Place, districts: tuple[str, ...], day: date, *, working: bool, misuse_rate: float = 0.07,
    first: bool = False,
) -> Day:  # fmt: skip
    """Invent the day of the vehicle ``key`` that lives at ``home``. ``working``: whether it is a working day.

    A vehicle that was left outside the evening before is driven home in the morning; ``first`` days know no before.
    """
    rng = generator(key, day)
    made = Day()
    if rng.random() < misuse_rate:
        made.misuse = str(rng.choice(MISUSE))
    starts = np.sort(rng.uniform(8.8, 14.5, rng.integers(1, 3))) if working else np.array([])
    clock = at(day, 0)
    where = home

    def go(goal: Place, when: datetime) -> datetime:
        nonlocal clock, where
        if when > clock:
            made.drives.append(park(where, clock.timestamp(), when.timestamp(), rng, every_s=120))
        trip = drive(net.route(where, goal), max(when, clock).timestamp(), rng, every_s=10, traffic=0.8)
        made.drives.append(trip)
        clock = datetime.fromtimestamp(float(trip.time_s[-1]) + 10, SHANGHAI)
        where = goal
        return clock

    before = day - timedelta(days=1)
    if not first:
        evening = make_day(
            net, key, home, districts, before, working=before.weekday() < 5, misuse_rate=misuse_rate, first=True
        )
        if evening.misuse == "overnight" and evening.last is not None:
            where = evening.last
            go(home, at(day, 6.5))
    for number, hour in enumerate(starts):
        depart = max(at(day, float(hour)), clock + timedelta(minutes=20))
        if depart > at(day, 16):
            break
        goal = net.place_in(str(rng.choice(districts)), rng)
        arrived = go(goal, depart)
        back = go(home, arrived + timedelta(minutes=float(rng.uniform(30, 80))))
        ordered = not (made.misuse == "no_order" and number == 0)
        made.outings.append(Outing(depart, back, goal, str(rng.choice(PURPOSES)), ordered))
    if made.misuse == "no_order" and not working:
        made.misuse = "evening"
    if made.misuse in ("evening", "overnight"):
        goal = net.place_in(str(rng.choice(districts)), rng)
        depart = max(at(day, float(rng.uniform(19, 20.5))), clock + timedelta(minutes=10))
        arrived = go(goal, depart)
        if made.misuse == "evening":
            back = go(home, arrived + timedelta(minutes=float(rng.uniform(40, 90))))
            made.outings.append(Outing(depart, back, goal, "", ordered=False))
        else:
            made.outings.append(Outing(depart, at(day, 24), goal, "", ordered=False))
    end = at(day, 24)
    if clock < end:
        made.drives.append(park(where, clock.timestamp(), end.timestamp(), rng, every_s=120))
    made.last = where
    return made
