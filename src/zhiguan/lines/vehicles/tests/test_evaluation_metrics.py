"""Every figure of evaluation: known by hand, equal to its list, narrowed by the scope, added up where it may be."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import registry
from zhiguan.kit.errors import Denied
from zhiguan.kit.pages.conformance import without
from zhiguan.lines.vehicles.domain import costs
from zhiguan.lines.vehicles.metrics import EVALUATION_METRICS
from zhiguan.lines.vehicles.models import EnergyRecord

from .fleet import known_month
from .life import LIFE
from .test_metrics import listed
from .test_pages import BOSS
from .tracks import WORKDAY, at

TRUTH = {
    "vehicles.km_cost": (360 / 60, {"petrol": 300 / 45, "electric": 60 / 15}),
    "vehicles.person_trips": (6, {"petrol": 5, "electric": 1}),
    "vehicles.trip_cost": (360 / 6, {"petrol": 300 / 5, "electric": 60}),
    "vehicles.empty_share": (0.5, {"petrol": 0.5}),
    "vehicles.response_minutes": (50, {"petrol": 30, "electric": 70}),
    "vehicles.punctual_share": (0.5, {"petrol": 1, "electric": 0}),
    "vehicles.emissions": (21.207 + 10.612, {"petrol": 21.207, "electric": 10.612}),
    "vehicles.idle_days": (1, {"petrol": 1}),
    "vehicles.use_rate": (2 / 3, {"petrol": 0.5, "electric": 1}),
    "vehicles.mileage": (60, {"petrol": 45, "electric": 15}),
}
"""Of the first organ in the known month: the whole, and by vehicle."""


@pytest.fixture
def month(world, rulebook):
    return known_month(world)


@pytest.fixture
def city(world, make_actor):
    return make_actor(LIFE, unit=world.city, name="市级")


@pytest.fixture
def organ(world, make_actor):
    return make_actor(LIFE, unit=world.organ, name="甲局")


def test_the_figures_are_those_counted_by_hand(month, organ):
    kinds = {"emergency": month.petrol.plate, "other": month.electric.plate}
    for code, (whole, cars) in TRUTH.items():
        assert float(metrics.value(code, organ, **month.dims)) == pytest.approx(whole), code
        plates = {getattr(month, name).plate: value for name, value in cars.items()}
        for dimension, names in (("car", plates), ("kind", {kind: plates.get(plate) for kind, plate in kinds.items()})):
            groups = {group.key: group.value for group in metrics.series(code, organ, dimension, **month.dims)}
            for key, value in names.items():
                found = groups.get(key)
                assert value is None or float(found) == pytest.approx(value), (code, dimension, key)
                if value is not None:
                    one = metrics.value(code, organ, **month.dims, **{dimension: key})
                    assert float(one) == pytest.approx(value), (code, dimension, key)
        months = metrics.series(code, organ, "month", **month.dims)
        assert [(group.key, float(group.value)) for group in months] == [(f"{WORKDAY:%Y-%m}", pytest.approx(whole))], (
            code
        )


def from_rows(code, rows):
    """Return the figure from the rows of its list, where they alone tell it."""
    if code == "vehicles.person_trips":
        return sum(row.passenger_count for row in rows)
    if code == "vehicles.response_minutes":
        return sum((row.started_at - row.created_at) / timedelta(minutes=1) for row in rows) / len(rows)
    if code == "vehicles.punctual_share":
        return sum(row.started_at <= row.planned_from + timedelta(minutes=5) for row in rows) / len(rows)
    if code == "vehicles.empty_share":
        empty = sum(
            row.distance_m for row in rows if row.end_at <= at(WORKDAY, "09:00") or row.start_at >= at(WORKDAY, "10:00")
        )
        return empty / sum(row.distance_m for row in rows)
    if code == "vehicles.emissions":
        factors = {"petrol": 2.1207, "electric": 0.5306, "diesel": 2.6006}
        return sum(float(row.quantity) * factors[row.vehicle.energy] for row in rows)
    return len(rows) if code == "vehicles.idle_days" else None


def test_every_figure_is_its_list_and_stays_in_scope(month, world, city, organ):
    for metric in EVALUATION_METRICS:
        values = {}
        for who, actor in (("city", city), ("organ", organ)):
            reading = metrics.read(metric.code, actor, **month.dims)
            rows = listed(actor, reading.url)
            assert rows, metric.code
            expected = from_rows(metric.code, rows)
            if expected is None:  # a quotient whose list holds what is divided
                assert sum(row.amount_yuan for row in rows) == (860 if who == "city" else 360) + (
                    78 if who == "city" else 0
                )
            else:
                assert float(reading.value) == pytest.approx(float(expected)), (metric.code, who)
            assert who == "city" or {row.unit_id for row in rows} == {world.organ.pk}
            values[who] = float(reading.value)
        for dimension in metric.dimensions:
            groups = metrics.series(metric.code, city, dimension, **month.dims)
            assert groups, (metric.code, dimension)
            if metric.additive:
                assert sum(float(group.value) for group in groups) == pytest.approx(values["city"]), (
                    metric.code,
                    dimension,
                )
            for group in groups:
                found = (
                    from_rows(metric.code, listed(city, group.url)) if group.url and group.value is not None else None
                )
                if found is not None:
                    assert float(found) == pytest.approx(float(group.value)), (metric.code, dimension, group.key)
        with pytest.raises(Denied):
            metrics.read(metric.code, without(organ))
        assert not metrics.value(metric.code, organ, organ=world.other.code, **month.dims)


def test_every_figure_says_what_it_is():
    assert len(EVALUATION_METRICS) == 8
    for metric in EVALUATION_METRICS:
        assert metric.clause.startswith("《")
        assert metric.responsible
        assert metric.direction in ("higher", "lower") or metric.code == "vehicles.person_trips"
        assert set(metric.dimensions) >= {"organ", "kind", "car", "month"}


def test_electricity_counts_with_the_factor_of_its_year(month, organ):
    for year, factor in ((2021, 0.5568), (2022, 0.5366), (2023, 0.5306), (2025, 0.5306)):
        noon = at(WORKDAY.replace(year=year, month=6, day=1), "12:00")
        sums = {"quantity": Decimal(100), "amount_yuan": Decimal(year)}
        costs.record_energy(BOSS, vehicle=month.electric, at=noon, kind="charge", **sums)
        value = metrics.value("vehicles.emissions", organ, month=f"{year}-06")
        assert float(value) == pytest.approx(100 * factor), year


def test_a_local_factor_holds_from_its_day_and_voided_records_do_not_count(month, organ):
    before = float(metrics.value("vehicles.emissions", organ, car=month.petrol.plate))
    reference.override(BOSS, "evaluation.co2.petrol", 2.0, WORKDAY, "按市统计部门口径")
    assert before == pytest.approx(21.207)
    assert float(metrics.value("vehicles.emissions", organ, car=month.petrol.plate)) == pytest.approx(20.0)
    record = EnergyRecord.objects.get(vehicle=month.petrol)
    costs.void_entry(BOSS, record.entry, reason="录错")
    assert metrics.value("vehicles.emissions", organ, car=month.petrol.plate) == 0


def test_nothing_to_divide_by_is_no_figure(world, organ, rulebook):
    for code in ("km_cost", "trip_cost", "empty_share", "response_minutes", "punctual_share"):
        assert registry.current().get(Metric, f"vehicles.{code}")
        assert metrics.value(f"vehicles.{code}", organ, month="2019-01") is None
