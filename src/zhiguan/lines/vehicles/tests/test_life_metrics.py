"""Every number of life and costs is what its list shows, adds up, and narrows with the scope."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kit import registry
from zhiguan.kit.errors import Denied
from zhiguan.kit.pages.conformance import without
from zhiguan.lines.vehicles.domain import costs, plans, pools, register
from zhiguan.lines.vehicles.metrics import LIFE_METRICS
from zhiguan.lines.vehicles.models import Vehicle

from .life import LIFE, TODAY, LifeMaker
from .test_metrics import listed
from .test_pages import BOSS

CODES = [each.code for each in LIFE_METRICS]
SUMS = {"vehicles.cost": lambda rows: sum(row.amount_yuan for row in rows),
        "vehicles.establishment": lambda rows: sum(row.quota for row in rows),
        "vehicles.establishment_rate": lambda rows: sum(row.held for row in rows) / sum(row.quota for row in rows)}  # fmt: skip


@pytest.fixture
def fleet(world):
    """Rows of both organs, more in one than in the other, and some that no figure may count."""
    for unit, person, many in ((world.organ, "申请人", 3), (world.other, "外单位", 1)):
        maker = LifeMaker(unit, world.people[person])
        for number in range(many):
            vehicle = maker.whole()
            old = maker.vehicle(over_standard_note="划转")
            Vehicle.objects.filter(pk=old.pk).update(bought_on=date(2010, 1, 1), price_yuan=Decimal(300_000))
            maker.card(maker.vehicle(), expires_on=TODAY() + timedelta(days=number))
            costs.void_entry(BOSS, maker.cost(vehicle), reason="录错")
        for kind in ("emergency", "other"):
            register.set_quota(BOSS, unit=unit, kind=kind, quota=20 if kind == "emergency" else 2,
                               valid_from=date(2020, 1, 1))  # fmt: skip
        plans.approve_plan(BOSS, plans.submit_plan(BOSS, maker.plan()))
        maker.plan()
        register.dispose(BOSS, maker.in_service(), reason="报废")
        rented = maker.vehicle(over_standard_note="租赁")
        pool = pools.open_pool(BOSS, unit=unit, name=f"平台{unit.pk}", kind="organ", members=[unit])
        contract = pools.sign_contract(
            BOSS, pool=pool, number=f"ZL{unit.pk}", company="租赁公司", day_rate_yuan=Decimal(300), valid_from=date(2020, 1, 1),
            valid_to=date(2099, 1, 1),
        )  # fmt: skip
        Vehicle.objects.filter(pk=rented.pk).update(
            tenure="rented", contract=contract, marking="pending", bought_on=date(2010, 1, 1), price_yuan=Decimal(300_000)
        )


def from_rows(code, rows):
    return SUMS.get(code, len)(rows)


@pytest.fixture
def city(world, make_actor):
    return make_actor(LIFE, unit=world.city, name="市级")


@pytest.fixture
def organ(world, make_actor):
    return make_actor(LIFE, unit=world.organ, name="甲局")


@pytest.fixture
def other(world, make_actor):
    return make_actor(LIFE, unit=world.other, name="乙局")


def test_every_number(world, fleet, city, organ, other):
    for code in CODES:
        metric = registry.current().get(Metric, code)
        values = {}
        for who, actor in (("city", city), ("organ", organ), ("other", other)):
            reading = metrics.read(code, actor)
            rows = listed(actor, reading.url)
            assert rows, code
            assert float(reading.value) == pytest.approx(float(from_rows(code, rows))), (code, who)
            values[who] = float(reading.value)
        if metric.additive:
            assert values["city"] == pytest.approx(values["organ"] + values["other"]), code
        for dimension in metric.dimensions:
            groups = metrics.series(code, city, dimension)
            assert groups, (code, dimension)
            if metric.additive:
                assert sum(float(group.value) for group in groups) == pytest.approx(values["city"]), (code, dimension)
            for group in groups:
                if group.url and group.value is not None:
                    found = from_rows(code, listed(city, group.url))
                    assert float(found) == pytest.approx(float(group.value)), (code, dimension, group.label)
        with pytest.raises(Denied):
            metrics.read(code, without(organ))
        assert not metrics.value(code, organ, organ=world.other.code)


def test_the_truth_itself(fleet, organ):
    """Counted by hand from the fixture."""
    assert metrics.value("vehicles.establishment", organ) == 22
    assert metrics.value("vehicles.over_standard", organ) == 3
    assert metrics.value("vehicles.approved_plans", organ) == 1
    assert metrics.value("vehicles.violations", organ) == 3
