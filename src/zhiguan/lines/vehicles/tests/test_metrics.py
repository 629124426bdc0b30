"""Every number of the line is what its list shows, adds up, and narrows with the scope."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.urls import resolve
from django.utils import timezone

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kernel.telemetry.models import Latest, Session
from zhiguan.kit import registry
from zhiguan.kit.errors import Denied
from zhiguan.kit.pages import ListPage
from zhiguan.kit.pages.conformance import Visitor, html, without
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.vehicles.domain import register
from zhiguan.lines.vehicles.metrics import METRICS
from zhiguan.lines.vehicles.models import TerminalHealth, Trip, VehicleDay

from .conftest import PERMISSIONS
from .test_pages import BOSS, Maker
from .tracks import WORKDAY

DIMS = {"vehicles.orders": {}, "vehicles.mileage": {"start": WORKDAY, "end": WORKDAY},
        "vehicles.unordered_share": {"start": WORKDAY, "end": WORKDAY},
        "vehicles.use_rate": {"start": WORKDAY, "end": WORKDAY}}  # fmt: skip


@pytest.fixture
def city(world, make_actor):
    return make_actor(PERMISSIONS, unit=world.city, name="市级")


@pytest.fixture
def fleet(world):
    """Rows of both organs, more in one than in the other, and some that no figure may count."""
    for maker, many in (
        (Maker(world.organ, world.people["申请人"]), 3),
        (Maker(world.other, world.people["外单位"]), 1),
    ):
        for _ in range(many):
            maker.order("started")
            maker.trip()
            maker.day()
            terminal = maker.terminal()
            now = timezone.now()
            Latest.objects.create(source=terminal.source, at=now, received_at=now, fix_at=now, lat=31_200_000,
                                  lon=121_400_000, speed=300)  # fmt: skip
            Session.objects.create(source=terminal.source, gateway="g", address="::1", connected_at=now, seen_at=now)
            TerminalHealth.objects.create(
                terminal=terminal, unit=terminal.unit, scope_pos=terminal.scope_pos, network=3, satellites=9, behind=True,
                checked_at=now,
            )  # fmt: skip
        register.dispose(BOSS, maker.in_service(), reason="报废")
        register.lay_up(BOSS, maker.in_service(), reason="封存")
        lost = maker.trip()
        Trip.objects.filter(pk=lost.pk).update(order=None, match="no_order")
        idle = maker.day()
        VehicleDay.objects.filter(pk=idle.pk).update(trips=0, distance_m=0)
        outside = maker.trip()
        Trip.objects.filter(pk=outside.pk).update(day=WORKDAY + timedelta(days=1))
        standing = maker.terminal()
        Latest.objects.create(source=standing.source, at=now, received_at=now, fix_at=now, lat=31_200_000,
                              lon=121_400_000, speed=0)  # fmt: skip


def listed(actor, url):
    """Open the address as a person would; return the list's rows and the number its page shows."""
    path, _, query = url.partition("?")
    answer = Visitor(actor).get(url)
    assert answer.status_code == 200
    name = resolve(path).url_name
    page = next(each for each in registry.current().all(ListPage) if each.url_name == name)
    with working(actor):
        rows = list(Listing(page, actor, QueryDict(query)).rows)
    shown = re.search(r"共\s*(?:<[^>]+>\s*)*([\d,]+)", html(answer))
    assert shown, "the page names no total"
    assert int(shown[1].replace(",", "")) == len(rows)
    return rows


def from_rows(code, rows):
    if code == "vehicles.mileage":
        return sum(row.distance_m for row in rows) / 1000
    if code == "vehicles.unordered_share":
        return sum(row.match == "no_order" for row in rows) / len(rows)
    if code == "vehicles.use_rate":
        return sum(row.trips > 0 for row in rows) / len(rows)
    return len(rows)


def is_its_list(world, city, code):
    values = {}
    for who, actor in (("city", city), ("organ", world.manager), ("other", world.stranger)):
        reading = metrics.read(code, actor, **DIMS.get(code, {}))
        rows = listed(actor, reading.url)
        assert rows
        assert float(reading.value) == pytest.approx(from_rows(code, rows)), who
        values[who] = float(reading.value)
        for unit in {row.unit_id for row in rows}:
            assert actor is city or unit == actor.unit_id
    assert values["organ"] != values["other"]
    if registry.current().get(Metric, code).additive:
        assert values["city"] == pytest.approx(values["organ"] + values["other"])


def groups_add_up(world, city, code):
    metric = registry.current().get(Metric, code)
    dims = DIMS.get(code, {})
    total = float(metrics.value(code, city, **dims))
    for dimension in metric.dimensions:
        groups = metrics.series(code, city, dimension, **dims)
        assert groups, dimension
        if metric.additive:
            assert sum(float(group.value) for group in groups) == pytest.approx(total), dimension
        for group in groups:
            if group.url:
                assert from_rows(code, listed(city, group.url)) == pytest.approx(float(group.value)), dimension


def needs_permission(world, city, code):
    with pytest.raises(Denied):
        metrics.read(code, without(world.manager), **DIMS.get(code, {}))
    assert not metrics.value(code, world.manager, organ=world.other.code, **DIMS.get(code, {}))


CODES = [each.code for each in METRICS]


@pytest.mark.parametrize("check", [is_its_list, groups_add_up, needs_permission], ids=lambda check: check.__name__)
def test_every_number(world, city, fleet, check):
    """One fleet for all metrics: making it costs more than asking."""
    assert len(CODES) >= 8
    for code in CODES:
        check(world, city, code)


def test_the_truth_itself(world, fleet):
    """Counted by hand from the fixture: 3 of 4 working-day trips of the organ have an order, 3 of 4 days had trips."""
    dims = {"start": WORKDAY, "end": WORKDAY}
    assert metrics.value("vehicles.unordered_share", world.manager, **dims) == pytest.approx(0.25)
    assert metrics.value("vehicles.use_rate", world.manager, **dims) == pytest.approx(0.75)
    assert metrics.value("vehicles.on_road", world.manager) == 3
    assert metrics.value("vehicles.moving", world.manager) == 3
    held, used = (metrics.value(f"vehicles.{name}", world.manager) for name in ("held", "in_service"))
    assert held == used + 1  # one is laid up; the disposed one counts nowhere
