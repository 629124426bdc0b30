"""A year of use for the invented fleet's vehicles with a year of costs: orders, computed trips and days, then studies.

The trips and days are entered as computed: a year of positions would take the demo an hour. Days that have positions are
left to them. 演示数据.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, system

from ..domain import annual, orders, studies
from ..models import DispatchOrder, Driver, EnergyRecord, FleetStudy, OrderMark, Trip, Vehicle, VehicleDay

DAYS, LATEST = 365, 6
"""How far back the year begins, and how many days before today it ends: later ones have positions."""
PURPOSES = ("参加会议", "赴区调研", "送交文件", "现场检查", "公务接待")
GOALS = ("市政府会议中心", "区行政服务中心", "产业园区", "重点工程工地", "市档案馆")


@dataclass
class Made:
    """Rows to be written at once, and when orders were asked for."""

    trips: list[Trip] = field(default_factory=list)
    days: list[VehicleDay] = field(default_factory=list)
    marks: list[OrderMark] = field(default_factory=list)
    asked: list[DispatchOrder] = field(default_factory=list)


def build() -> dict[str, int]:
    """Make the year when there are vehicles with costs and no study yet; return counts."""
    city = Unit.objects.filter(parent__isnull=True).first()
    held = Vehicle.objects.filter(pk__in=EnergyRecord.objects.values("vehicle"), state="in_service")
    cars = list(held.select_related("unit", "place").order_by("pk"))
    if city is None or not cars or FleetStudy.objects.exists():
        return {}
    boss, rng, today = replace(system("demo"), name="演示"), np.random.default_rng(81_818), timezone.localdate()
    working = _working_days(today)
    made = Made()
    for number, car in enumerate(cars):
        drivers = list(Driver.objects.within(car.unit).filter(state="active").select_related("person")[:3])
        if drivers and car.place is not None:
            _year(boss, made, car, drivers, working, 0.06 + 0.4 * ((number * 7) % 10) / 10, rng)
    Trip.objects.bulk_create(made.trips, batch_size=2_000)
    VehicleDay.objects.bulk_create(made.days, batch_size=2_000, ignore_conflicts=True)
    OrderMark.objects.bulk_create(made.marks, batch_size=2_000)
    DispatchOrder.objects.bulk_update(made.asked, ["created_at"], batch_size=500)
    return {"历史派车单": len(made.asked), "车日": len(made.days)} | _answers(boss, city, cars, today)


def _working_days(today: date) -> list[date]:
    days = [today - timedelta(days=back) for back in range(DAYS, LATEST, -1)]
    try:
        return [day for day in days if calendar.is_working_day(day)]
    except calendar.YearNotLoaded:
        return [day for day in days if day.weekday() < 5]


def _year(boss: Actor, made: Made, car: Vehicle, drivers: Sequence[Driver], working: Sequence[date], busy: float,
          rng: np.random.Generator) -> None:  # fmt: skip
    for day in working:
        if day < car.bought_on:
            continue
        km = 0.0
        count = int(rng.random() < busy) + int(rng.random() < busy / 4)
        hour = 8.5 + float(rng.random())
        for _ in range(count):
            leg = float(np.clip(rng.lognormal(2.4, 0.6), 2, 75))
            _journey(boss, made, car, drivers[int(rng.integers(0, len(drivers)))], day, hour, leg, rng)
            km += 2 * leg
            hour += 4.2
        made.days.append(VehicleDay(
            unit=car.unit, scope_pos=car.scope_pos, vehicle=car, day=day, points=400, trips=2 * count, distance_m=km * 1000,
            driving_s=km / 28 * 3600, computed_at=timezone.now(),
        ))  # fmt: skip


def _journey(boss: Actor, made: Made, car: Vehicle, driver: Driver, day: date, hour: float, km: float,
             rng: np.random.Generator) -> None:  # fmt: skip
    """One order from the yard to a goal and back; some journeys end with the passengers' getting out at the goal."""
    planned = datetime.combine(day, time.min, timezone.get_current_timezone()) + timedelta(hours=round(hour * 4) / 4)
    started = planned + timedelta(minutes=int(rng.integers(-4, 9)))
    drive = timedelta(minutes=max(6.0, km / 28 * 60))
    there = started + drive
    back = there + timedelta(minutes=int(rng.integers(30, 100)))
    ended = back + drive
    key, code = orders.next_code(day)
    order = ledger.create(DispatchOrder, boss, {
        "id": key, "code": code, "unit": car.unit, "requester": driver.person, "purpose": PURPOSES[int(rng.integers(0, 5))],
        "origin": car.unit.label, "destination": GOALS[int(rng.integers(0, 5))], "planned_from": planned,
        "planned_to": ended + timedelta(minutes=20), "vehicle": car, "driver": driver, "driver_person_id": driver.person_id,
        "plate": car.plate, "driver_name": driver.person.name, "approved_by": "演示", "dispatched_by": "演示",
        "passenger_count": int(rng.integers(1, max(2, min(car.seats, 5)))), "started_at": started, "ended_at": ended,
        "state": "ended", "trip_count": 2,
    }, name="补登")  # fmt: skip
    order.created_at = started - timedelta(minutes=int(rng.choice((25, 50, 120, 1440))))
    made.asked.append(order)
    one_way = rng.random() < 0.2
    for kind, moment in (("aboard", started - timedelta(minutes=1)), ("alighted", there if one_way else ended)):
        made.marks.append(OrderMark(order=order, key=f"demo-{key}-{kind}", kind=kind, at=moment, noted_by="演示"))
    home = (car.place.lat, car.place.lon)
    goal = (home[0] + km / 160 * float(rng.uniform(-1, 1)), home[1] + km / 160 * float(rng.uniform(-1, 1)))
    for begin, end, first, last in ((started, there, home, goal), (back, ended, goal, home)):
        made.trips.append(Trip(
            unit=car.unit, scope_pos=car.scope_pos, vehicle=car, day=day, start_at=begin, end_at=end, start_lat=first[0],
            start_lon=first[1], end_lat=last[0], end_lon=last[1], distance_m=km * 1000, point_count=150,
            max_speed_kmh=float(rng.uniform(45, 90)), order=order, match="matched",
        ))  # fmt: skip


class _Silent:
    """Nobody watches the demo's studies being answered."""

    def __call__(self, percent: float, message: str = "") -> None: ...

    def log(self, line: str) -> None: ...


def _answers(boss: Actor, city: Unit, cars: Sequence[Vehicle], today: date) -> dict[str, int]:
    """Ask and answer a study of each kind, sign last year's report of the city and draw up this year's."""
    period: dict[str, Any] = {"period_from": today - timedelta(days=DAYS), "period_to": today - timedelta(days=LATEST + 1)}
    organs = list(Unit.objects.filter(pk__in={car.unit_id for car in cars}))
    for study in (
        studies.study_size(boss, units=organs, **period, usual=0.95, high=0.99, turnaround=30),
        studies.study_electric(boss, units=[city], **period),
    ):
        studies.run_study(boss, _Silent(), study=study.pk)
    annual.sign(boss, annual.draw_up(boss, unit=city, year=today.year - 1))
    annual.draw_up(boss, unit=city, year=today.year)
    return {"车队测算": 2, "年度报表": 2}
