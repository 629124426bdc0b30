"""A small world for the line's tests: one city, two organs, people of several ranks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest

from zhiguan.kernel.orgs.models import Appointment, Person, Rank, Unit
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kit.actor import system
from zhiguan.lines.housing.codes import PERMISSIONS as DECLARED
from zhiguan.lines.housing.domain import records

PERMISSIONS = {permission.code: "below" for permission in DECLARED}
BOSS = system("tests")
OWN = {"housing.record.view": "self", "housing.allowance.view": "self"}


_unit = partial(make_unit, since=date(2010, 1, 1), versioned=True)


@pytest.fixture
def world(as_system, make_actor):
    city = _unit(None, 0, "310000", "测试市", "city")
    organ = _unit(city, 1, "310000001", "市甲局", "organ")
    other = _unit(city, 2, "310000002", "市乙局", "organ")
    world = SimpleNamespace(city=city, organ=organ, other=other, people={})
    numbers = iter(range(1, 100_000))

    def person(rank: str = "division_chief", unit: Unit | None = None, name: str = "", since: date = date(2015, 1, 1)) -> Person:
        number, level = next(numbers), Rank.objects.get(code=rank)
        made = Person.objects.create(code=f"H{number:05d}", name=name or f"人员{number}", unit=unit or organ, rank=level)
        Appointment.objects.create(
            person=made, unit=made.unit, post="职务", rank=level, kind="main", valid_from=since
        )
        return made

    world.person = person
    world.me = person(name="本人甲")
    world.manager = make_actor(PERMISSIONS, unit=organ, name="甲局经办人")
    world.stranger = make_actor(PERMISSIONS, unit=other, name="乙局经办人")
    world.bureau = make_actor(PERMISSIONS, unit=city, name="机管局主管")
    world.self = make_actor(OWN, unit=organ, person=world.me.pk, name="本人甲")
    return world


@pytest.fixture
def make_record(world):
    def make(person: Person | None = None, unit: Unit | None = None, **values):
        values = {"employed_on": date(2001, 7, 1), "housing": "none", "declared_on": date(2026, 1, 5)} | values
        return records.register(BOSS, person=person or world.person(unit=unit), **values)

    return make


def old(**values):
    """A declaration of somebody who began before 1999 and has a small flat."""
    return {"employed_on": date(1985, 7, 1), "fund_years": 6, "housing": "reform", "area_m2": Decimal(50),
            "address": "某路 1 弄", "wage_1998_yuan": Decimal(600), **values}  # fmt: skip
