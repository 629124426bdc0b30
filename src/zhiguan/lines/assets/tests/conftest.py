"""A small world for the line's tests: one city, two organs with divisions and people, the facts, their assets."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count
from types import SimpleNamespace

import pytest

from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kit.actor import system
from zhiguan.lines.assets.codes import PERMISSIONS as DECLARED
from zhiguan.lines.assets.domain import cards, disposals, titles

PERMISSIONS = {permission.code: "below" for permission in DECLARED}
BOSS = system("tests")
NUMBERS = count(1)


@pytest.fixture
def world(as_system, make_actor):
    city = make_unit(None, 0, "310000", "测试市", "city")
    organ = make_unit(city, 1, "310000001", "市甲局", "organ")
    other = make_unit(city, 2, "310000002", "市乙局", "organ")
    office = make_unit(organ, 1, "310000001-01", "办公室", "division")
    keeper = Person.objects.create(code="P1", name="保管员", unit=office)
    stranger = Person.objects.create(code="P2", name="外单位", unit=other)
    world = SimpleNamespace(city=city, organ=organ, other=other, office=office, keeper=keeper, outsider=stranger)
    world.manager = make_actor(PERMISSIONS, unit=organ, name="甲局资产管理员")
    world.stranger = make_actor(PERMISSIONS, unit=other, name="乙局资产管理员")
    world.bureau = make_actor(PERMISSIONS, unit=city, name="资产主管")
    return world


@pytest.fixture
def make_asset(world):
    """Make a card: by default a computer of 6,000 yuan acquired on 2024-03-15."""

    def make(unit=None, **values):
        return cards.register(BOSS, **card_values(unit or world.organ, **values))

    return make


def card_values(unit, **values):
    """Return what a card is registered with."""
    given = {
        "unit": unit, "class_code": "A02", "name": "台式计算机", "specification": "演示", "acquired_on": date(2024, 3, 15),
        "original_value": Decimal(6000), "depreciation_kind": "computer", "serial_no": f"SN{next(NUMBERS)}",
    }  # fmt: skip
    return given | values


@pytest.fixture
def make_title(world):
    def make(unit=None, assets=(), **values):
        given = {
            "certificate_no": f"产登{next(NUMBERS):05}",
            "as_of": date(2026, 6, 30),
            "registered_on": date(2026, 7, 10),
        }
        return titles.establish_title(BOSS, unit=unit or world.organ, assets=assets, **given | values)

    return make


@pytest.fixture
def make_disposal(world, make_asset):
    def make(unit=None, assets=None, kind="scrap", **values):
        unit = unit or world.organ
        given = {"why": "无法修复", "document_no": f"批〔2026〕{next(NUMBERS)}号", "decided_on": date(2026, 9, 1)}
        return disposals.enter_disposal(
            BOSS, unit=unit, kind=kind, assets=[make_asset(unit)] if assets is None else assets, **given | values
        )

    return make
