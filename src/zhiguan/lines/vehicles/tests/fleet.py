"""A month of two organs whose figures are known by hand: trips with their marks, orders, costs, energy, days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.lines.vehicles.domain import costs, orders
from zhiguan.lines.vehicles.models import DispatchOrder, OrderMark, Trip, VehicleDay

from .life import LifeMaker
from .test_pages import BOSS
from .tracks import WORKDAY, at


def trip(car: Any, start: datetime, end: datetime, km: float, order: Any = None, day: date = WORKDAY) -> Trip:
    return Trip.objects.create(
        unit=car.unit, scope_pos=car.unit.pos, vehicle=car, day=day, start_at=start, end_at=end, start_lat=31.2,
        start_lon=121.4, end_lat=31.3, end_lon=121.5, distance_m=km * 1000, point_count=10, max_speed_kmh=60, order=order,
        match="matched" if order else "no_order",
    )  # fmt: skip


def vehicle_day(car: Any, trips: int, km: float = 0.0, day: date = WORKDAY) -> VehicleDay:
    return VehicleDay.objects.create(
        unit=car.unit, scope_pos=car.unit.pos, vehicle=car, day=day, points=100, trips=trips, distance_m=km * 1000,
        driving_s=1_800, computed_at=timezone.now(),
    )  # fmt: skip


def order(car: Any, person: Any, start: datetime, end: datetime, *, asked: datetime | None = None, persons: int = 1,
          planned: datetime | None = None, state: str = "ended", **values: Any) -> DispatchOrder:  # fmt: skip
    """Enter an order that was driven; ``asked`` is when it was asked for (default: an hour before)."""
    key, code = orders.next_code(start.date())
    made = ledger.create(DispatchOrder, BOSS, {
        "id": key, "code": code, "unit": person.unit, "requester": person, "purpose": "会议", "origin": "本单位",
        "destination": "会场", "planned_from": planned or start, "planned_to": end, "vehicle": car, "plate": car.plate,
        "state": state, "started_at": start, "ended_at": end if state == "ended" else None, "passenger_count": persons,
        **values,
    })  # fmt: skip
    DispatchOrder.objects.filter(pk=made.pk).update(created_at=asked or start - timedelta(hours=1))
    made.refresh_from_db()
    return made


def mark(row: DispatchOrder, kind: str, when: datetime) -> None:
    OrderMark.objects.create(order=row, key=f"{row.pk}-{kind}", kind=kind, at=when, noted_by="驾驶员")


def known_month(world: Any) -> SimpleNamespace:
    """Make the month; the comments say what follows for the first organ."""
    maker = LifeMaker(world.organ, world.people["申请人"])
    other = LifeMaker(world.other, world.people["外单位"])
    petrol, electric, diesel = maker.in_service(), maker.vehicle(energy="electric"), other.vehicle(energy="diesel")
    type(electric).objects.filter(pk=electric.pk).update(kind="other")
    electric.refresh_from_db()

    def clock(text: str) -> datetime:
        return at(WORKDAY, text)

    person = world.people["申请人"]
    # asked at 8:00: driven after 30 minutes on time, after 70 minutes and 10 too late; one entered afterwards
    first = order(petrol, person, clock("08:30"), clock("10:30"), asked=clock("08:00"), persons=3)
    second = order(electric, person, clock("09:10"), clock("10:10"), asked=clock("08:00"), planned=clock("09:00"))
    order(petrol, person, clock("14:00"), clock("15:00"), asked=clock("18:00"), persons=2)
    mark(first, "aboard", clock("09:00"))
    mark(first, "alighted", clock("10:00"))
    # 40 km with known passengers, 20 of them without; 5 and 15 km without an order or without marks
    trip(petrol, clock("08:35"), clock("08:55"), 10, first)
    trip(petrol, clock("09:05"), clock("09:50"), 20, first)
    trip(petrol, clock("10:05"), clock("10:25"), 10, first)
    trip(petrol, clock("16:00"), clock("16:10"), 5)
    trip(electric, clock("09:15"), clock("10:00"), 15, second)
    trip(diesel, clock("09:15"), clock("10:00"), 100)
    # 300 and 60 yuan booked, one sum voided, one outside the month
    costs.book(BOSS, vehicle=petrol, kind="maintenance", spent_on=WORKDAY, amount_yuan=Decimal(222), item="保养")
    costs.book(BOSS, vehicle=diesel, kind="maintenance", spent_on=WORKDAY, amount_yuan=Decimal(500), item="保养")
    wrong = costs.book(BOSS, vehicle=petrol, kind="toll", spent_on=WORKDAY, amount_yuan=Decimal(999), item="误记")
    costs.void_entry(BOSS, wrong, reason="录错")
    costs.book(
        BOSS, vehicle=petrol, kind="toll", spent_on=WORKDAY - timedelta(days=70), amount_yuan=Decimal(50), item="早"
    )
    energy = {"at": clock("12:00"), "kind": "fuel", "quantity": Decimal(10), "amount_yuan": Decimal(78)}
    costs.record_energy(BOSS, vehicle=petrol, **energy)
    costs.record_energy(BOSS, vehicle=diesel, **energy)
    costs.record_energy(
        BOSS, vehicle=electric, **energy | {"kind": "charge", "quantity": Decimal(20), "amount_yuan": Decimal(60)}
    )
    # one day driven, one stood, one not heard of
    vehicle_day(petrol, 4, 45)
    vehicle_day(electric, 1, 15)
    vehicle_day(petrol, 0, day=WORKDAY + timedelta(days=1))
    vehicle_day(diesel, 1, 100)
    start = WORKDAY.replace(day=1)
    end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return SimpleNamespace(maker=maker, petrol=petrol, electric=electric, diesel=diesel, start=start, end=end,
                           dims={"start": start, "end": end})  # fmt: skip
