"""Every number of the line is what its list shows, adds up, and narrows with the scope."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.http import QueryDict
from django.urls import resolve

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kit import registry
from zhiguan.kit.pages import ListPage
from zhiguan.kit.pages.conformance import Visitor
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.assets.domain import cards, disposals
from zhiguan.lines.assets.metrics import METRICS

from .conftest import BOSS

PERIOD = {"start": date(2026, 9, 1), "end": date(2026, 9, 30)}
SUMS = {"assets.original_value": "original_value", "assets.net_value": "net_value", "assets.proceeds": "proceeds_yuan",
        "assets.proceeds_due": "proceeds_yuan"}  # fmt: skip


@pytest.fixture
def books(world, make_asset, make_disposal, make_title):
    """More in one organ than in the other, and some that no figure may count."""
    for unit, many in ((world.organ, 3), (world.other, 1)):
        for number in range(many):
            make_asset(unit, original_value=Decimal(7200))
            make_asset(unit, class_code="A05", depreciation_kind="furniture", original_value=Decimal(1800 + number))
            cards.lay_idle(BOSS, make_asset(unit), reason="闲置")
            make_asset(unit, acquired_on=date(2015, 1, 1))  # written off
            sale = make_disposal(unit, kind="transfer", appraised_yuan=Decimal(500))
            disposals.execute_disposal(
                BOSS, sale, executed_on=date(2026, 9, 10), proceeds_yuan=Decimal(700), certificate_no="成交"
            )
            disposals.execute_disposal(BOSS, make_disposal(unit), executed_on=date(2026, 10, 3))
        make_title(unit)


def listed(actor, url):
    """Open the address as a person would; return the list's rows."""
    path, _, query = url.partition("?")
    assert Visitor(actor).get(url).status_code == 200
    page = next(each for each in registry.current().all(ListPage) if each.url_name == resolve(path).url_name)
    with working(actor):
        return list(Listing(page, actor, QueryDict(query), size_kept=100).rows)


def test_a_value_is_what_its_list_shows_and_its_groups_add_up(world, books):
    for metric in METRICS:
        dims = PERIOD if metric.timed else {}
        for actor in (world.bureau, world.manager, world.stranger):
            with actor.acting():
                _agrees(metric, actor, dims)
        with world.bureau.acting():
            organ = metrics.value(metric.code, world.bureau, organ=world.organ.code, **dims)
        with world.manager.acting():
            assert organ == metrics.value(metric.code, world.manager, **dims), metric.code


def _agrees(metric, actor, dims):
    value = metrics.value(metric.code, actor, **dims)
    rows = listed(actor, metrics.rows_url(metric.code, actor, **dims))
    if metric.code in SUMS:
        assert value == sum(getattr(row, SUMS[metric.code]) for row in rows) > 0, metric.code
    elif metric.kind == "integer":
        assert value == len(rows) > 0, metric.code
    for dimension in metric.dimensions:
        groups = metrics.series(metric.code, actor, dimension, **dims)
        assert groups
        if metric.additive:
            assert sum(group.value for group in groups) == value, (metric.code, dimension)


def test_figures_by_hand(world, make_asset):
    make_asset(acquired_on=date(2024, 3, 15), original_value=Decimal(6000))
    cards.lay_idle(BOSS, make_asset(original_value=Decimal(2000)), reason="闲置")
    with world.manager.acting():
        assert metrics.value("assets.idle_share", world.manager) == 0.25
        assert metrics.value("assets.original_value", world.manager, state="idle") == 2000
        assert metrics.value("assets.count", world.manager, top_class="A05") == 0
