"""Settlement: plain sums with dated rates, one statement a month and pair, confirmed by the other side."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.lines.vehicles import queries
from zhiguan.lines.vehicles.domain import orders, pools, settling
from zhiguan.lines.vehicles.models import DispatchOrder, OrderExpense, Settlement, SettlementLine

BOSS = system("tests")
MONTH = date(2026, 3, 1)
START = datetime(2026, 3, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_a_charge_is_km_and_hours_and_what_was_paid():
    cost = settling.charge(Decimal("30"), Decimal("2.54"), Decimal("2.2"), Decimal("20"), Decimal("15.50"))
    assert (cost.km, cost.hours, cost.amount_yuan) == (Decimal("30.0"), Decimal("2.5"), Decimal("131.50"))
    assert settling.charge(Decimal("0.05"), Decimal("0.05"), Decimal(1), Decimal(1)).amount_yuan == Decimal("0.20")


def test_a_month_ends_where_the_next_begins():
    first, after = settling.bounds(date(2026, 12, 31))
    assert (first.isoformat(), after.isoformat()) == ("2026-11-30T16:00:00+00:00", "2026-12-31T16:00:00+00:00")


@pytest.fixture
def pool(world):
    return pools.open_pool(BOSS, unit=world.other, name="平台", kind="city", members=[world.city])


@pytest.fixture
def drove(world, pool, make_vehicle, make_driver):
    """A journey of the first organ in the pool's car: 30 km, two and a half hours."""
    car, driver = make_vehicle("沪A22222", world.other), make_driver()

    def make(start=START, **values):
        key, code = orders.next_code(start.date())
        return ledger.create(
            DispatchOrder, BOSS,
            {
                "id": key, "code": code, "unit": world.organ, "requester": world.people["申请人"], "purpose": "会议",
                "origin": "本单位", "destination": "会场", "planned_from": start, "planned_to": start + timedelta(hours=3),
                "vehicle": car, "driver": driver, "driver_person_id": driver.person_id, "state": "ended", "pool": pool,
                "server_pos": pool.scope_pos, "started_at": start, "ended_at": start + timedelta(hours=2.5),
                "odometer_start_km": 100, "odometer_end_km": 130, "plate": car.plate, **values,
            },
        )  # fmt: skip

    return make


def test_a_statement_counts_the_month_and_both_sides_agree(world, pool, drove):
    order = drove()
    OrderExpense.objects.create(order=order, key="toll", kind="toll", amount_yuan=Decimal("15.50"), noted_by="司机")
    drove(START - timedelta(days=10))  # February
    drove(START, unit=world.other)  # its own journey
    with world.stranger.acting():
        (made,) = settling.draw_up(world.stranger, unit=world.other, month=MONTH)
        assert (made.order_count, made.km, made.amount_yuan) == (1, Decimal("30.0"), Decimal("131.50"))
        (again,) = settling.draw_up(world.stranger, unit=world.other, month=MONTH)
        assert again.pk == made.pk and SettlementLine.objects.count() == 1
        with pytest.raises(Denied, match="用车单位"):
            settling.confirm(world.stranger, settling.issue(world.stranger, again))
        made = Settlement.objects.get()
    with world.manager.acting():
        assert list(queries.settlements(world.manager)) == [made] == list(queries.settlements_to_confirm(world.manager))
        assert queries.settlement_lines(made, world.manager).count() == 1
        with pytest.raises(Invalid):
            settling.dispute(world.manager, made, reason="")
        made = settling.dispute(world.manager, made, reason="里程有误")
        with pytest.raises(Denied):
            settling.recompute(world.manager, made)
    with world.stranger.acting():
        made = settling.recompute(world.stranger, Settlement.objects.get())
        made = settling.issue(world.stranger, made)
        assert made.dispute == ""
    with world.manager.acting():
        made = settling.confirm(world.manager, Settlement.objects.get())
        assert made.state == "confirmed"
        with pytest.raises(Conflict):
            settling.dispute(world.manager, made, reason="晚了")
    assert settling.draw_up(BOSS, unit=world.other, month=MONTH) == [], "what is confirmed stays"


def test_nobody_else_sees_a_statement(world, drove, make_actor):
    drove()
    (_,) = settling.draw_up(BOSS, unit=world.other, month=MONTH)
    third = make_actor({"vehicles.settlement.view": "self"}, unit=world.organ, person=world.people["申请人"].pk)
    with third.acting():
        assert not Settlement.objects.exists() and not SettlementLine.objects.exists()


def test_a_running_month_is_not_settled_and_nothing_makes_nothing(world, pool):
    with pytest.raises(Invalid, match="尚未结束"):
        settling.draw_up(BOSS, unit=world.other, month=date(2099, 1, 1))
    assert settling.draw_up(BOSS, unit=world.other, month=MONTH) == []
    with pytest.raises(Denied):
        settling.draw_up(world.manager, unit=world.other, month=MONTH)


def test_rates_are_those_of_the_day(world, drove):
    reference.override(BOSS, "dispatch.rate.km.sedan", 3.0, date(2026, 3, 6), "调整标准")
    drove()
    drove(START + timedelta(days=2))
    settling.draw_up(BOSS, unit=world.other, month=MONTH)
    assert sorted(SettlementLine.objects.values_list("km_rate_yuan", flat=True)) == [Decimal("2.20"), Decimal("3.00")]


def test_a_rented_car_costs_its_days(world, pool, drove):
    contract = pools.sign_contract(
        BOSS, pool=pool, number="ZL-1", company="租赁公司", day_rate_yuan=Decimal(300), km_rate_yuan=Decimal("0.5"),
        valid_from=date(2026, 1, 1), valid_to=date(2099, 1, 1),
    )  # fmt: skip
    drove(vehicle=pools.rent_vehicle(BOSS, contract, plate="沪A66666", body="sedan", brand_model="别克", seats=5))
    (made,) = settling.draw_up(BOSS, unit=world.other, month=MONTH)
    assert made.amount_yuan == Decimal("315.00")
