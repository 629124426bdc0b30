"""Which car, which driver, whether to share, whether to go by public transport: plain calculations with reasons.

Nothing here reads the database or decides anything: the dispatcher does. Places are (lat, lon) in WGS84, distances in
km along the road (straight line × detour), money in yuan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from zhiguan.kernel.geo.measure import haversine_m

SHANGHAI = ZoneInfo("Asia/Shanghai")
Place = tuple[float, float]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Limits:
    """The dated facts ``dispatch.*`` that the calculations use, by the last two parts of their codes."""

    values: Mapping[str, Any]

    def __getitem__(self, code: str) -> float:
        return float(self.values[code])


@dataclass(frozen=True)
class Need:
    """One order: when, how many, along which places (first: where it begins)."""

    key: int
    code: str
    start: datetime
    end: datetime
    persons: int
    places: tuple[Place, ...] = ()
    round: bool = True
    body: str = ""
    seats_left: int = 0
    """For an order that has its car already: seats still free in it."""


@dataclass(frozen=True)
class Car:
    key: int
    plate: str
    seats: int
    body: str = ""
    electric: bool = False
    at: Place | None = None
    live: bool = False
    pooled: bool = False


@dataclass(frozen=True)
class DriverLoad:
    """A driver and the tasks of their week: (start, end), planned or driven."""

    key: int
    name: str
    tasks: tuple[tuple[datetime, datetime], ...] = ()


@dataclass
class Ranked:
    """One candidate: the lower ``score``, the better. ``reasons`` speak for it, ``warnings`` against it."""

    key: int
    title: str
    score: float
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fits: bool = True


@dataclass(frozen=True)
class Sharing:
    """Orders that could share one car."""

    key: int
    code: str
    saved_km: float
    extra_min: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Alternative:
    """Another way to travel, with what it and an own car would cost."""

    title: str
    cost_yuan: float
    own_yuan: float
    reason: str


def road_km(a: Place, b: Place, limits: Limits) -> float:
    return float(haversine_m(a[0], a[1], b[0], b[1])) / 1000 * limits["cost.detour"]


def length_km(places: Sequence[Place], limits: Limits, *, back: bool = False) -> float:
    """Return the length of the way along the places, and back to the first."""
    way = [*places, places[0]] if back and len(places) > 1 else list(places)
    return sum(road_km(a, b, limits) for a, b in pairwise(way))


def _merged(first: Need, second: Need, limits: Limits) -> float:
    """Return the length of the shortest way that takes both: each order's places stay in their order."""
    best = float("inf")
    for a, b in ((first, second), (second, first)):
        for cut in range(1, len(a.places) + 1):
            way = [*a.places[:cut], *b.places, *a.places[cut:]]
            best = min(best, length_km(way, limits, back=first.round or second.round))
    return best


def sharing(need: Need, others: Sequence[Need], limits: Limits) -> list[Sharing]:
    """Return the orders whose car the need could share, the most saved km first.

    Both begin within the window, the way of both is not much longer than the longer of them, and there are seats.
    """
    found = []
    window = timedelta(minutes=limits["share.window_min"])
    for other in others:
        starts, ends = abs(other.start - need.start), abs(other.end - need.end) - HOUR
        apart = max(starts, ends)
        if other.key == need.key or apart > window or other.seats_left < need.persons:
            continue
        if len(need.places) < 2 or len(other.places) < 2:
            continue
        alone = [length_km(each.places, limits, back=each.round) for each in (need, other)]
        both = _merged(other, need, limits)
        detour, saved = both / max(*alone, 0.1) - 1, sum(alone) - both
        if saved <= 1 or detour > limits["share.detour_share"]:
            continue
        minutes = round(max(both - alone[1], 0) / limits["cost.speed_kmh"] * 60)
        early = round((other.start - need.start) / timedelta(minutes=1))
        when = "同时出发" if abs(early) < 1 else f"{'晚' if early > 0 else '早'}出发 {abs(early)} 分钟"
        reasons = (f"预计节省 {saved:.0f} 公里", f"绕行约 {minutes} 分钟", when, f"余座 {other.seats_left} 个")
        found.append(Sharing(other.key, other.code, round(saved, 1), minutes, reasons))
    return sorted(found, key=lambda each: -each.saved_km)


BUS_ORDER = {"sedan": 0, "suv": 1, "small_bus": 2, "medium_bus": 3, "large_bus": 4}


def rank_cars(need: Need, cars: Sequence[Car], limits: Limits) -> list[Ranked]:
    """Return the cars, the nearest that fit first. A car much too large, or of another class than asked, comes later."""
    ranked = []
    way = length_km(need.places, limits, back=need.round) if len(need.places) > 1 else 0.0
    for car in cars:
        one = Ranked(car.key, car.plate, 0.0)
        free = car.seats - 1 - need.persons
        if free < 0:
            one.fits = False
            one.warnings.append(f"核定 {car.seats} 座（含驾驶员），坐不下 {need.persons} 人")
        if car.at is not None and need.places:
            away = road_km(car.at, need.places[0], limits)
            one.score += away
            minutes = round(away / limits["cost.speed_kmh"] * 60)
            from_where = "实时位置" if car.live else "停放地点"
            one.reasons.append(f"距上车点 {away:.1f} 公里，约 {minutes} 分钟（按{from_where}）")
        else:
            one.score += 15
            one.warnings.append("没有位置，无法估算到达时间")
        if car.electric:
            if way > limits["cost.electric_range_km"]:
                one.fits = False
                one.warnings.append(f"全程约 {way:.0f} 公里，超过电动车可靠续航")
            else:
                one.score -= 1.5
                one.reasons.append("新能源，续航足够")
        if need.body and car.body != need.body:
            one.score += 4 * max(1, abs(BUS_ORDER.get(car.body, 0) - BUS_ORDER.get(need.body, 0)))
            one.warnings.append("与所需车型不同")
        elif free > 4 and not need.body:
            one.score += free / 2
            one.warnings.append(f"空座较多（{free} 个）")
        elif free >= 0:
            one.reasons.append(f"{car.seats} 座，座位合适")
        if car.pooled:
            one.reasons.append("平台车辆")
        ranked.append(one)
    return sorted(ranked, key=lambda each: (not each.fits, each.score, each.title))


def _overlap(a: tuple[datetime, datetime], start: datetime, end: datetime) -> timedelta:
    return max(min(a[1], end) - max(a[0], start), timedelta(0))


def rank_drivers(need: Need, drivers: Sequence[DriverLoad], limits: Limits) -> list[Ranked]:
    """Return the drivers, the best rested first. Those whom the task would bring over a limit come last, with the reason.

    Driving time of a task is taken as a share of it (``hours.driving_share``); the rest is waiting.
    """
    share = limits["hours.driving_share"]
    day_start = need.start.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    week_start = day_start - timedelta(days=day_start.weekday())
    own = (need.end - need.start) / HOUR * share
    ranked = []
    for driver in drivers:
        one = Ranked(driver.key, driver.name, 0.0)

        def driven(start: datetime, end: datetime, tasks: tuple = driver.tasks) -> float:
            return sum((_overlap(task, start, end) / HOUR for task in tasks), 0.0) * share

        today = driven(day_start, day_start + timedelta(days=1))
        week = driven(week_start, week_start + timedelta(days=7))
        one.score = today * 3 + week
        clash = [task for task in driver.tasks if _overlap(task, need.start, need.end)]
        before = [task for task in driver.tasks if task[1] <= need.start]
        last = max((task[1] for task in before), default=None)
        long_task = own > limits["hours.day_h"] and need.end - need.start <= timedelta(days=1)
        if clash:
            one.fits = False
            one.warnings.append("该时段已有任务")
        if today + min(own, limits["hours.day_h"]) > limits["hours.day_h"] or long_task:
            one.fits = False
            one.warnings.append(f"当日驾驶将达 {today + own:.1f} 小时，超过 {limits['hours.day_h']:g} 小时")
        if week + own > limits["hours.week_h"]:
            one.fits = False
            one.warnings.append(f"本周驾驶将达 {week + own:.1f} 小时，超过 {limits['hours.week_h']:g} 小时")
        if last is not None:
            rest = need.start - last
            if last < day_start + timedelta(hours=6) and rest < HOUR * limits["hours.night_rest_h"]:
                one.fits = False
                one.warnings.append(f"距上次收车仅 {rest / HOUR:.1f} 小时，夜间休息不足")
            elif timedelta(0) <= rest < timedelta(minutes=limits["hours.rest_min"]):
                one.score += 6
                one.warnings.append(f"距上次收车仅 {rest / timedelta(minutes=1):.0f} 分钟")
        one.reasons.append(f"当日已安排驾驶 {today:.1f} 小时，本周 {week:.1f} 小时")
        ranked.append(one)
    return sorted(ranked, key=lambda each: (not each.fits, each.score, each.title))


def alternatives(need: Need, limits: Limits) -> list[Alternative]:
    """Return the ways that cost less than an own car with its driver, the cheapest first."""
    if len(need.places) < 2:
        return []
    ways = 2 if need.round else 1
    one_way = length_km(need.places, limits)
    hours = (need.end - need.start) / HOUR
    own = length_km(need.places, limits, back=need.round) * limits["cost.own_km"] + hours * limits["cost.driver_hour"]
    beyond = max(0.0, one_way - limits["cost.taxi_start_km"])
    cabs = -(-need.persons // 4)
    taxi = (limits["cost.taxi_start"] + beyond * limits["cost.taxi_km"]) * ways * cabs
    found = []
    if need.persons <= limits["cost.transit_max_persons"]:
        transit = limits["cost.transit_person"] * need.persons * ways
        if transit < own:
            found.append(Alternative("公共交通", transit, own, f"单程约 {one_way:.0f} 公里，{need.persons} 人"))
    if taxi < own:
        found.append(Alternative("出租汽车", taxi, own, f"单程约 {one_way:.0f} 公里，{cabs} 辆"))
    return sorted(found, key=lambda each: each.cost_yuan)
