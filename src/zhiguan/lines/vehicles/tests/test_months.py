"""Kept months: every figure and the whole comparison read from them are what counting live says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kit import registry
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.kit.pages.guard import working
from zhiguan.lines.vehicles.domain import costs, months, register
from zhiguan.lines.vehicles.models import DispatchOrder, VehicleMonth
from zhiguan.lines.vehicles.queries import comparison, parts
from zhiguan.lines.vehicles.queries.comparison import Asked

from .fleet import known_month, order, trip, vehicle_day
from .life import LIFE
from .test_pages import BOSS
from .tracks import WORKDAY, at

SPANS = ((0, 0), (-2, 0), (-14, 1))
"""Periods by months before and after the known one."""


@pytest.fixture
def month(world, rulebook):
    made = known_month(world)
    # Somebody of the other organ rides in the first organ's car, and one shares a ride: no vehicle of its own.
    order(made.petrol, world.people["外单位"], at(WORKDAY, "18:00"), at(WORKDAY, "19:00"), persons=4)
    rider = order(made.petrol, world.people["申请人"], at(WORKDAY, "08:30"), at(WORKDAY, "10:30"), persons=2)
    DispatchOrder.objects.filter(pk=rider.pk).update(vehicle=None)
    last = made.start - timedelta(days=1)
    trip(made.petrol, at(last, "09:00"), at(last, "10:00"), 33, day=last)
    vehicle_day(made.petrol, 1, 33, day=last)
    return made


@pytest.fixture
def city(world, make_actor):
    return make_actor(LIFE, unit=world.city, name="市级")


@pytest.fixture
def large(month, monkeypatch):
    """Figures are kept from the first vehicle-day on."""
    monkeypatch.setattr(parts, "LARGE", -10)
    assert months.keep_months() >= 2
    assert parts.kept_at() is not None


def plain(value):
    return None if value is None else pytest.approx(float(value))


def readings(actor, code, dims):
    metric = registry.current().get(Metric, code)
    found = {"": metrics.value(code, actor, **dims)}
    for dimension in metric.dimensions:
        for group in metrics.series(code, actor, dimension, **dims):
            found[dimension, group.key] = group.value
    return found


@pytest.mark.parametrize("span", SPANS)
def test_every_figure_is_the_live_one_in_every_breakdown(month, large, city, make_actor, world, span):
    organ = make_actor(LIFE, unit=world.organ, name="甲局")
    start = first_of_month(month.start, span[0])
    end = first_of_month(month.start, span[1] + 1) - timedelta(days=1)
    asked = [{"start": start, "end": end}]
    asked += [asked[0] | more for more in ({"organ": world.organ.code}, {"kind": "other"}, {"car": month.petrol.plate})]
    for code in parts.FIGURES:
        for actor in (city, organ):
            for dims in asked:
                kept = readings(actor, code, dims)
                with parts.live():
                    live = readings(actor, code, dims)
                assert kept.keys() == live.keys(), (code, dims)
                assert {key: plain(value) for key, value in live.items()} == kept, (code, dims)


@pytest.mark.parametrize("by", ["organ", "kind", "car"])
@pytest.mark.parametrize("scopes", ["same", "apart"])
def test_the_comparison_is_the_live_one(month, large, city, make_actor, world, by, scopes):
    if scopes == "apart":  # sees trips of the city and costs of one organ
        own = make_actor({"vehicles.cost.view": "below"}, unit=world.organ).permissions
        city = make_actor(LIFE, unit=world.city)
        city.permissions.update(own)
    for more in ({}, {"organ": world.organ.code}, {"kind": "other"}):
        for sort in ("vehicles.km_cost", "vehicles.mileage", "vehicles.response_minutes"):
            asked = Asked(by, month.start, month.end, sort, **more)
            with working(city):
                kept = comparison.compare(city, asked)
                with parts.live():
                    live = comparison.compare(city, asked)
            assert kept.at is not None and live.at is None
            for one, other in zip([kept.whole, *kept.rows], [live.whole, *live.rows], strict=True):
                assert (one.key, one.label, one.url, one.rank) == (other.key, other.label, other.url, other.rank)
                assert {code: plain(value) for code, value in other.values.items()} == one.values
                assert {code: one.urls[code] for code in other.urls} == other.urls


def test_only_the_first_rows_are_read(month, large, city):
    for by in comparison.BY:
        asked = Asked(by, month.start, month.end, "vehicles.mileage")
        with working(city):
            cut, whole = comparison.compare(city, asked, 1), comparison.compare(city, asked)
            with parts.live():
                live = comparison.compare(city, asked, 1)
        assert cut.total == len(whole.rows) == live.total > 1
        assert cut.rows == whole.rows[:1] and len(live.rows) == 1


def test_equal_figures_share_a_rank_and_those_without_come_last(month, large, city, world):
    """The database ranks the vehicles of a large fleet; the page ranks those of a small one."""
    plates = set()
    for _ in range(3):
        other = month.maker.in_service()
        plates.add(other.plate)
        vehicle_day(other, 1, 33, day=month.start)
        trip(other, at(month.start, "09:00"), at(month.start, "10:00"), 33, day=month.start)
    idle, unheard = month.maker.in_service(), month.maker.in_service()
    vehicle_day(idle, 0, day=month.start)
    costs.book(BOSS, vehicle=unheard, kind="toll", spent_on=month.start, amount_yuan=4, item="过路费")
    months.keep_months(whole=True)
    for sort in ("vehicles.mileage", "vehicles.km_cost", "vehicles.idle_days"):
        asked = Asked("car", month.start, month.end, sort)
        with working(city):
            kept = [(row.key, row.rank) for row in comparison.compare(city, asked).rows]
            with parts.live():
                live = comparison.compare(city, asked).rows
        assert kept == [(row.key, row.rank) for row in live]
        if sort == "vehicles.mileage":
            assert len({rank for key, rank in kept if key in plates}) == 1
            assert (idle.plate, None) in kept and unheard.plate not in dict(kept)


def test_a_vehicle_of_another_kind_is_counted_with_it(month, large, city):
    asked = Asked("kind", month.start, month.end, "vehicles.mileage")
    register.edit(BOSS, month.petrol, kind="law_enforcement", over_standard_note="调入时如此")
    months.keep_months()
    with working(city):
        kept = {row.key: row.values.get("vehicles.mileage") for row in comparison.compare(city, asked).rows}
        with parts.live():
            live = {row.key: row.values.get("vehicles.mileage") for row in comparison.compare(city, asked).rows}
    assert kept == {key: plain(value) for key, value in live.items()} and kept["law_enforcement"]


def test_what_changes_is_counted_with_the_next_run(month, large, city):
    before = {row.pk for row in VehicleMonth.objects.exclude(month=month.start)}
    costs.book(BOSS, vehicle=month.petrol, kind="toll", spent_on=WORKDAY, amount_yuan=40, item="过路费")
    with parts.live():
        now = metrics.value("vehicles.km_cost", city, **month.dims)
    assert metrics.value("vehicles.km_cost", city, **month.dims) != now
    months.keep_months()
    assert metrics.value("vehicles.km_cost", city, **month.dims) == pytest.approx(float(now))
    months.keep_months(whole=True)
    assert not before & set(VehicleMonth.objects.values_list("pk", flat=True))


def test_the_page_says_of_when_the_figures_are(month, large, city):
    address = f"/vehicles/evaluation/?by=car&from={month.start:%Y-%m}&to={month.start:%Y-%m}"
    assert "统计至" in html(Visitor(city).get(address))


def test_a_small_fleet_keeps_nothing(month):
    assert months.keep_months() == 0 and not VehicleMonth.objects.exists()
    assert parts.kept_at() is None
