"""A small world for the line's tests: one city, two organs, their people."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest

from zhiguan.kernel.orgs.models import Appointment, Establishment, Person, Rank, Unit
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kit.actor import system
from zhiguan.lines.space.codes import PERMISSIONS as DECLARED
from zhiguan.lines.space.domain import register

PERMISSIONS = {permission.code: "below" for permission in DECLARED}
BOSS = system("tests")


_unit = partial(make_unit, versioned=True)


@pytest.fixture
def world(as_system, make_actor):
    city = _unit(None, 0, "310000", "测试市", "city")
    organ = _unit(city, 1, "310000001", "市甲局", "organ")
    other = _unit(city, 2, "310000002", "市乙局", "organ")
    world = SimpleNamespace(city=city, organ=organ, other=other, people={})
    for code, name, unit, rank in (
        ("S1", "甲局长", organ, "bureau_chief"), ("S2", "甲处长", organ, "division_chief"), ("S3", "甲科员", organ, "clerk_1"),
        ("S4", "乙局长", other, "bureau_chief"),
    ):  # fmt: skip
        level = Rank.objects.get(code=rank)
        person = world.people[name] = Person.objects.create(code=code, name=name, unit=unit, rank=level)
        Appointment.objects.create(
            person=person, unit=unit, post="职务", rank=level, kind="main", valid_from=date(2020, 1, 1)
        )
    Establishment.objects.create(unit=organ, kind="administrative", quota=5, valid_from=date(2020, 1, 1))
    world.manager = make_actor(PERMISSIONS, unit=organ, name="甲局管理员")
    world.stranger = make_actor(PERMISSIONS, unit=other, name="乙局管理员")
    world.bureau = make_actor(PERMISSIONS, unit=city, name="机管局管理员")
    return world


@pytest.fixture
def make_building(world):
    numbers = iter(range(1, 100_000))

    def make(unit: Unit | None = None, **values):
        number = next(numbers)
        return register.register(BOSS, **{
            "code": f"B{number:05d}", "name": f"{number}号楼", "unit": unit or world.organ, "storeys": 6, "basements": 1,
            "gross_area": Decimal(6000), "built_on": date(2000, 1, 1), **values,
        })  # fmt: skip

    return make


@pytest.fixture
def make_room(make_building):
    numbers = iter(range(1, 100_000))

    def make(unit: Unit | None = None, building=None, **values):
        number = next(numbers)
        building = building or make_building(unit)
        return register.add_room(BOSS, building=building, **{
            "storey": 3, "number": f"R{number:05d}", "kind": "office", "usable_area": Decimal(24), **values,
        })  # fmt: skip

    return make


@pytest.fixture
def make_allocated(world, make_room):
    def make(unit: Unit | None = None, user: Unit | None = None, **values):
        room = make_room(unit, **values)
        return register.allocate(BOSS, room, user=user or unit or world.organ, valid_from=date(2024, 1, 1))

    return make
