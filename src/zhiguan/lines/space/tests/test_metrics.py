"""Indicators: each equals the rows of the list it leads to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import QueryDict
from django.urls import resolve

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.space.domain import register, repairs, sizes
from zhiguan.lines.space.domain.size import Need
from zhiguan.lines.space.metrics import METRICS

from .conftest import BOSS

COLUMNS = {
    "space.gross_area": "gross_area", "space.used_area": "usable_area", "space.idle_area": "usable_area",
    "space.repair_planned": "approved_yuan",
}  # fmt: skip


@pytest.fixture
def filled(world, make_building, make_room, make_allocated):
    """Rooms of both organs, one of them used across, a size too small, an office too large, projects of both."""
    for unit in (world.organ, world.other):
        make_room(unit, usable_area=Decimal(20))
        make_allocated(unit, usable_area=Decimal(400))
        building = make_building(unit)
        for number, (rate, decided) in enumerate(((100, True), (900, True), (900, False))):
            plan = repairs.propose(BOSS, building=building, year=2027, project=f"项目{number}", kind="special", why="旧",
                                   area_m2=Decimal(100), estimate_yuan=Decimal(100 * rate))  # fmt: skip
            if decided:
                repairs.include(BOSS, plan, approved_yuan=plan.estimate_yuan, reason="需要")
        sizes.approve_size(BOSS, unit=unit, need=Need("county", "multi_storey", {"staff": 5}), approved_area=Decimal(50),
                           valid_from=date(2024, 1, 1))  # fmt: skip
    across = make_allocated(world.organ, world.other, usable_area=Decimal(30))
    register.seat(BOSS, room=across, person=world.people["乙局长"], valid_from=date(2024, 1, 1))
    room = make_allocated(world.organ, usable_area=Decimal(60))
    register.seat(BOSS, room=room, person=world.people["甲处长"], valid_from=date(2024, 1, 1))
    return world


def shown(address: str, actor):
    parts = urlsplit(address)
    page = resolve(parts.path).func.page
    with working(actor):
        return list(Listing(page, actor, QueryDict(parts.query)).rows), parse_qs(parts.query)


@pytest.mark.parametrize("who", ["manager", "bureau", "stranger"])
@pytest.mark.parametrize("code", [metric.code for metric in METRICS if metric.kind != "percent"])
def test_the_number_is_that_of_its_rows(filled, code, who):
    actor = getattr(filled, who)
    with working(actor):
        reading = metrics.read(code, actor)
        rows, _ = shown(reading.url, actor)
    column = COLUMNS.get(code)
    assert reading.value == (sum(getattr(row, column) for row in rows) if column else len(rows))
    if code != "space.over_office":
        assert reading.value


@pytest.mark.parametrize("code", [metric.code for metric in METRICS if metric.additive])
def test_groups_by_organ_add_up_and_lead_to_their_rows(filled, code):
    actor = filled.bureau
    with working(actor):
        groups = metrics.series(code, actor, "organ")
        assert sum(group.value for group in groups) == metrics.value(code, actor)
        for group in groups:
            rows, query = shown(group.url, actor)
            assert len(rows) >= 1 and ("unit" in query or "user" in query)


def test_idle_share(filled):
    with working(filled.manager):
        assert metrics.value("space.idle_share", filled.manager) == pytest.approx(20 / (20 + 400 + 30 + 60))
