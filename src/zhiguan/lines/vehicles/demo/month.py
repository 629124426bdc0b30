"""One car's days in a simulation with truth: its timeline, its orders, cards and fuel, and what the rules should find.

Scenes of a day are in ``misuse.py`` (with truth) and ``honest.py`` (which only look like it); here is what they are
written with. Hours are local, as fractions: 13.5 is half past one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from zhiguan.kernel.geo.service import haversine_m

from .roads import Place
from .scene import Car, Named, Scene, Someone
from .timeline import Leg, Timeline
from .truth import Truth

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROAD_FACTOR = 1.4
MOST_ROUNDABOUT = 1.4
"""Of an ordinary way: metres by road against ``ROAD_FACTOR`` times the straight line. 1.6 would be a detour."""
TANK_KM = 330.0
PURPOSES = ("参加会议", "现场检查", "送取机要文件", "调研座谈", "应急值守", "执法检查", "公文交换", "接待保障")


class NoWay(Exception):
    """The scene cannot be played here: no fitting place or road. Another one is."""


@dataclass
class Wish:
    """A dispatch order as it will be entered. ``served``: people it is for, beside who asked."""

    car: Car
    requester: Someone
    driver: Someone
    start_s: float
    end_s: float
    goal: Named
    stops: list[Named] = field(default_factory=list)
    purpose: str = "参加会议"
    state: str = "ended"
    started_s: float = 0.0
    ended_s: float = 0.0
    odometer: tuple[int, int] | None = None


@dataclass(frozen=True)
class Swipe:
    """A driver's card at the reader."""

    at_s: float
    on: bool
    who: Someone


@dataclass(frozen=True)
class Filling:
    """An energy record. ``place`` None: only the station's name is known, or not even that."""

    at_s: float
    quantity: float
    electric: bool
    odometer_km: int | None
    station: str
    place: Place | None


@dataclass(frozen=True)
class Outing:
    """A drive to a goal and back: there, the stay's two ends, back."""

    there: Leg
    back: Leg
    goal: Named

    @property
    def arrived_s(self) -> float:
        return self.there.end_s

    @property
    def left_s(self) -> float:
        return self.back.start_s


class Month:
    """A car and its days from ``start`` on. ``tell`` notes what the rules should find."""

    def __init__(self, scene: Scene, car: Car, start: date) -> None:
        self.scene, self.car, self.home = scene, car, car.organ.home
        self.rng = np.random.default_rng([scene.seed, car.index, start.toordinal()])
        self.day = start
        self.line = Timeline(
            scene.net, self.rng, self.home, self.at(0.0), wired=car.wired, every_s=car.every_s,
            metres=float(self.rng.uniform(2e7, 9e7)),
        )  # fmt: skip
        self.truths: list[Truth] = []
        self.wishes: list[Wish] = []
        self.swipes: list[Swipe] = []
        self.fillings: list[Filling] = []
        self.filled_m = self.line.metres - self.rng.uniform(0.0, 0.8) * TANK_KM * 1000
        self.area = None if not car.organ.area else _plane(car.organ.area)
        if self.area is not None:
            shapely.prepare(self.area)

    # --- time, truth

    def at(self, hour: float, day: date | None = None) -> float:
        """Unix seconds of a local hour of the day (or of ``day``); beyond 24 it is the next day's."""
        return (datetime.combine(day or self.day, time.min, SHANGHAI) + timedelta(hours=hour)).timestamp()

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def tell(self, rule: str, why: str, *, day: date | None = None, month: bool = False) -> None:
        """Note that the rule should find something today (on ``day``, in the month)."""
        text = (day or self.day).isoformat()
        truth = Truth(self.car.plate, rule, text[:7] if month else text, why)
        if truth not in self.truths:
            self.truths.append(truth)

    # --- places

    def straight_m(self, *places: Place) -> float:
        points = np.array(places)
        return float(haversine_m(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1]).sum())

    def road_m(self, *places: Place) -> float:
        return sum(float(self.scene.net.route(a, b).legs_m.sum()) for a, b in itertools.pairwise(places))

    def inside(self, *places: Place) -> bool:
        """Whether the whole ways between lie well inside the permitted area, if there is one."""
        if self.area is None:
            return True
        routes = [self.scene.net.route(a, b) for a, b in itertools.pairwise(places)]
        return all(bool(shapely.contains_xy(self.area, r.lon, r.lat).all()) for r in routes)

    def roundabout(self, driven: Sequence[Place], named: Sequence[Place]) -> float:
        """Metres by road of what is driven against what is expected of the places named."""
        return self.road_m(*driven) / (ROAD_FACTOR * self.straight_m(*named))

    def pick(
        self, rows: Sequence[Named], near_m: float = 2_500.0, far_m: float = 9_000.0, *, origin: Place | None = None,
        inside: bool = True, direct: bool = True,
    ) -> Named:  # fmt: skip
        """A place at that distance, reached by an ordinary way. Raises :class:`NoWay` when there is none."""
        origin = origin or self.line.where
        lat, lon = np.array([row.place for row in rows]).T
        metres = haversine_m(lat, lon, *origin)
        fitting = np.flatnonzero((metres >= near_m) & (metres <= far_m))
        for n in self.rng.permutation(fitting)[:40].tolist():
            place = rows[n].place
            if inside and not self.inside(origin, place, origin):
                continue
            if direct and self.roundabout((origin, place, origin), (origin, place, origin)) > MOST_ROUNDABOUT:
                continue
            return rows[n]
        raise NoWay

    def goal(self, near_m: float = 2_500.0, far_m: float = 9_000.0) -> Named:
        return self.pick(self.scene.goals, near_m, far_m)

    # --- papers

    def order(
        self, start_s: float, end_s: float, goal: Named, *, stops: Sequence[Named] = (), who: Someone | None = None,
        driver: Someone | None = None, purpose: str = "", state: str = "ended",
    ) -> Wish:  # fmt: skip
        """Put an order in."""
        who = who or self.someone()
        wish = Wish(self.car, who, driver or self.car.driver, round(start_s), round(end_s), goal, list(stops),
                    purpose or str(self.rng.choice(PURPOSES)), state, start_s, end_s)  # fmt: skip
        self.wishes.append(wish)
        return wish

    def someone(self) -> Someone:
        people = self.car.organ.people
        return people[int(self.rng.integers(len(people)))]

    def card(self, from_s: float, to_s: float, who: Someone | None = None) -> None:
        """A card goes in and out, where there is a reader."""
        if self.car.reader:
            holder = who or self.car.driver
            self.swipes += [Swipe(from_s, True, holder), Swipe(to_s, False, holder)]

    # --- driving

    def stand(self, hour: float, **values: float | bool) -> None:
        """Stand until the hour of the day."""
        self.line.stand(self.at(hour), **values)  # type: ignore[arg-type]

    def outing(
        self, hour: float, goal: Named, stay_min: float, *, ordered: bool = True, every_s: float | None = None,
        who: Someone | None = None, driver: Someone | None = None, cardholder: Someone | None = None,
    ) -> Outing:  # fmt: skip
        """Drive to the goal, stay, drive home; with an order around it and the driver's card in."""
        self.stand(hour)
        odometer = round(self.line.metres / 1000)
        there = self.line.go(goal.place, every_s=every_s)
        self.line.stand(there.end_s + stay_min * 60)
        back = self.line.go(self.home, every_s=every_s)
        if ordered:
            self.cover(there.start_s, back.end_s, goal, who=who, driver=driver, odometer=odometer)
        if ordered or cardholder is not None:
            self.card(there.start_s - self.between(60, 200), back.end_s + self.between(20, 120), cardholder or driver)
        return Outing(there, back, goal)

    def cover(
        self, start_s: float, end_s: float, goal: Named, *, stops: Sequence[Named] = (), who: Someone | None = None,
        driver: Someone | None = None, odometer: int | None = None,
    ) -> Wish:  # fmt: skip
        """An order for what was driven: planned some minutes more on both sides."""
        planned = start_s - self.between(300, 1200), end_s + self.between(500, 1500)
        wish = self.order(*planned, goal, stops=stops, who=who, driver=driver)
        wish.started_s, wish.ended_s = start_s - 120, end_s + 120
        if odometer is not None and self.rng.random() < 0.5:
            wish.odometer = (odometer, round(self.line.metres / 1000))
        return wish

    # --- fuel

    @property
    def thirst_km(self) -> float:
        """Kilometres since the tank was filled."""
        return (self.line.metres - self.filled_m) / 1000

    def fill(self, station: Named, at_s: float, *, share: float | None = None, litres: float | None = None) -> None:
        """Note what was filled at the station: what was driven since asks for it, more or less."""
        electric = self.car.energy == "electric"
        per_km = 0.16 if electric else self.car.norm_l / 100
        quantity = litres or max(self.thirst_km * per_km * (share or self.between(0.75, 1.05)), 8.0)
        known = self.rng.random() < 0.6
        self.fillings.append(
            Filling(at_s + self.between(-480, 480), round(quantity, 2), electric, round(self.line.metres / 1000), station.name,
                    station.place if known else None)
        )  # fmt: skip
        self.filled_m = self.line.metres


def _plane(area: Sequence[Place]) -> shapely.Polygon:
    """The area, 400 m smaller all round, in degrees (longitude first)."""
    return shapely.Polygon([(lon, lat) for lat, lon in area]).buffer(-0.0045)


def ordinary(month: Month, *, outings: int | None = None) -> None:
    """A working day as it should be: one to three outings with orders, filling up when the tank is low."""
    rng = month.rng
    starts = (8.9, 11.4, 14.1)[: outings or int(rng.choice([1, 2, 2, 3]))]
    for start in starts:
        hour = start + month.between(0.0, 0.5)
        try:
            goal = month.goal(2_500.0, 8_500.0)
        except NoWay:
            continue
        if month.thirst_km > TANK_KM and month.line.clock < month.at(hour):
            try:
                refuelling(month, hour, goal)
                continue
            except NoWay:
                pass
        month.outing(hour, goal, month.between(20, 45))


def refuelling(month: Month, hour: float, goal: Named, *, litres: float | None = None) -> None:
    """An outing that passes a filling station on its way; one to the station where none lies on the way."""
    home = month.home
    metres = np.array([month.straight_m(home, each.place, goal.place) for each in month.scene.stations])
    for n in np.argsort(metres)[:4].tolist():
        station = month.scene.stations[n]
        way, named = (home, station.place, goal.place, home), (home, goal.place, home)
        if month.roundabout(way, named) <= MOST_ROUNDABOUT and month.inside(*way):
            break
    else:
        goal = station = month.pick(month.scene.stations, 1_500.0, 15_000.0)
    month.stand(hour)
    start = month.line.clock
    month.line.go(station.place)
    month.fill(station, month.line.clock + 200, litres=litres)
    month.line.stand(month.line.clock + month.between(360, 600))
    if goal is not station:
        month.line.go(goal.place)
        month.line.stand(month.line.clock + month.between(20, 45) * 60)
    month.line.go(home)
    month.cover(start, month.line.clock, goal)
    month.card(start - 90, month.line.clock + 60)
