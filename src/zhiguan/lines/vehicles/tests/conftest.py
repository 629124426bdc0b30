"""A small world for the line's tests: one city, two organs, their people, cars and drivers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.utils import timezone

from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.lines.vehicles.domain import orders, register

from . import tracks

PERMISSIONS = {
    code: "below"
    for code in (
        "vehicles.vehicle.view vehicles.vehicle.manage vehicles.quota.view vehicles.quota.manage "
        "vehicles.terminal.view vehicles.terminal.manage vehicles.driver.view vehicles.driver.manage "
        "vehicles.place.view vehicles.place.manage vehicles.order.view vehicles.order.request vehicles.order.approve "
        "vehicles.order.endorse vehicles.pool.view vehicles.pool.manage vehicles.settlement.view vehicles.settlement.manage "
        "vehicles.issue.view vehicles.issue.answer vehicles.order.dispatch vehicles.order.drive vehicles.trip.view "
        "telemetry.source.manage telemetry.command.send telemetry.position.view supervision.finding.view"
    ).split()
}


def make_world(make_actor) -> SimpleNamespace:
    """Make the world; call it under an actor who may see everything."""
    city = make_unit(None, 0, "310000", "测试市", "city")
    organ = make_unit(city, 1, "310000001", "市甲局", "organ")
    other = make_unit(city, 2, "310000002", "市乙局", "organ")
    people = {
        name: Person.objects.create(code=code, name=name, unit=unit)
        for code, name, unit in (
            ("P1", "申请人", organ), ("P2", "驾驶员", organ), ("P3", "审批人", organ), ("P4", "外单位", other),
            ("P5", "驾驶员二", organ),
        )
    }  # fmt: skip
    world = SimpleNamespace(city=city, organ=organ, other=other, people=people)
    world.manager = make_actor(PERMISSIONS, unit=organ, name="甲局管理员")
    world.stranger = make_actor(PERMISSIONS, unit=other, name="乙局管理员")
    world.requester = make_actor(
        {"vehicles.order.view": "self", "vehicles.order.request": "self"}, unit=organ, person=people["申请人"].pk,
        name="申请人",
    )  # fmt: skip
    world.driving = make_actor(
        {"vehicles.order.view": "self", "vehicles.order.drive": "self"}, unit=organ, person=people["驾驶员"].pk,
        name="驾驶员",
    )  # fmt: skip
    return world


@pytest.fixture
def world(as_system, make_actor):
    return make_world(make_actor)


@pytest.fixture
def make_vehicle(world):
    def make(plate: str = "沪A12345", unit: Unit | None = None, *, commission: bool = True):
        unit = unit or world.organ
        place = register.add_place(_boss(), unit=unit, name=f"{plate}车库", lat=31.23, lon=121.47)
        vehicle = register.register(
            _boss(), plate=plate, unit=unit, kind="emergency", brand_model="荣威", price_yuan=Decimal("150000"),
            bought_on=date(2022, 1, 1), place=place,
        )  # fmt: skip
        return register.commission(_boss(), vehicle) if commission else vehicle

    return make


@pytest.fixture
def make_driver(world):
    def make(name: str = "驾驶员"):
        return register.add_driver(_boss(), person=world.people[name], licence_expires_on=date(2099, 1, 1))

    return make


@pytest.fixture
def make_order(world):
    def make(hours: float = 1, length: float = 2, actor=None, **values):
        start = timezone.now() + timedelta(hours=hours)
        return orders.request(
            actor or world.requester, purpose="会议", origin="本单位", destination="会场", planned_from=start,
            planned_to=start + timedelta(hours=length), **values,
        )  # fmt: skip

    return make


def _boss():
    from zhiguan.kit.actor import system

    return system("tests")


@pytest.fixture(scope="session")
def partitions(django_db_setup):
    """Partitions of the tests' days: making one waits for every transaction that has read positions, ours too."""
    from zhiguan.kernel.telemetry import store

    with store.connect() as connection:
        for day in tracks.DAYS:
            connection.execute("SELECT telemetry_ensure_day(%s)", [day])


@pytest.fixture
def make_car(partitions, make_vehicle):
    """Make a vehicle with a terminal; returns (vehicle, source key). Its place is ``tracks.HOME``, 50 m wide."""
    numbers = iter(range(13_900_000_000, 13_900_001_000))

    def make(plate: str = "沪A12345", unit: Unit | None = None, **values):
        vehicle = make_vehicle(plate, unit)
        terminal = register.install_terminal(_boss(), vehicle=vehicle, number=str(next(numbers)), **values)
        return vehicle, terminal.source_id

    return make


@pytest.fixture
def past_order(world, make_driver):
    """Enter an order of the past, with vehicle and driver bound: ``past_order(vehicle, start, end, state="ended")``."""
    from zhiguan.kernel.ledger import service as ledger
    from zhiguan.lines.vehicles.models import DispatchOrder, Driver

    def make(car, start, end, *, state: str = "ended", **values):
        driver = Driver.objects.filter(person=world.people["驾驶员"]).first() or make_driver()
        key, code = orders.next_code(start.date())
        return ledger.create(
            DispatchOrder, _boss(),
            {
                "id": key, "code": code, "unit": car.unit, "requester": world.people["申请人"], "purpose": "会议",
                "origin": "本单位", "destination": "会场", "planned_from": start, "planned_to": end, "vehicle": car,
                "driver": driver, "driver_person_id": driver.person_id, "state": state, **values,
            },
        )  # fmt: skip

    return make


@pytest.fixture
def rulebook(world):
    """The calendar as it is shipped; thresholds are there from the start."""
    from zhiguan.kernel.calendar import service as calendar

    calendar.sync()


@pytest.fixture
def judge(rulebook, make_car):
    """Write tracks of one car, compute their days, ask the rules (:class:`judging.Judge`)."""
    from .judging import Judge

    return Judge(make_car)
