"""Dispatch orders: the whole life, who may do what, and double booking."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kit.errors import Conflict, Denied, Invalid, Stale
from zhiguan.lines.vehicles.domain import journeys, orders, register
from zhiguan.lines.vehicles.models import DispatchOrder

from .conftest import make_world


def test_an_order_goes_its_whole_way_as_its_users(world, make_vehicle, make_driver, make_order):
    vehicle, driver = make_vehicle(), make_driver()
    with world.requester.acting():
        order = make_order()
    with world.manager.acting():
        order = orders.approve(world.manager, order)
        order = orders.dispatch(world.manager, order, vehicle=vehicle, driver=driver)
    with world.driving.acting():
        order = DispatchOrder.objects.get(pk=order.pk)
        order = journeys.start(world.driving, order, odometer_start_km=1000)
        order = journeys.end(world.driving, order, odometer_end_km=1012)
    with world.requester.acting():
        order = journeys.rate(world.requester, DispatchOrder.objects.get(pk=order.pk), rating=5)
        assert [event.code for event in ledger.history(order)] == [
            "create", "approve", "dispatch", "start", "end", "rate"
        ]  # fmt: skip
    assert (order.state, order.version, order.vehicle_busy, order.rating) == ("ended", 6, None, 5)


def test_strangers_see_nothing_and_change_nothing(world, make_order):
    order = make_order()
    with world.stranger.acting():
        assert DispatchOrder.objects.count() == 0
        with pytest.raises(Denied):
            orders.approve(world.stranger, order)
    assert DispatchOrder.objects.get(pk=order.pk).state == "requested"


def test_nobody_approves_their_own_request(world, make_actor, make_order):
    both = make_actor(
        {"vehicles.order.request": "below", "vehicles.order.approve": "below", "vehicles.order.view": "below"},
        unit=world.organ, person=world.people["审批人"].pk,
    )  # fmt: skip
    with both.acting():
        order = make_order(actor=both)
        with pytest.raises(Denied, match="本人"):
            orders.approve(both, order)


@pytest.mark.parametrize("same", ["vehicle", "driver"])
def test_double_booking_is_refused_and_named(world, make_vehicle, make_driver, make_order, same):
    cars = [make_vehicle("沪A11111"), make_vehicle("沪A22222")]
    drivers = [make_driver("驾驶员"), make_driver("驾驶员二")]
    first, second = (orders.approve(world.manager, make_order(hours=hours)) for hours in (1, 2))
    orders.dispatch(world.manager, first, vehicle=cars[0], driver=drivers[0])
    with pytest.raises(Conflict) as refusal:
        orders.dispatch(
            world.manager, second, vehicle=cars[0 if same == "vehicle" else 1],
            driver=drivers[0 if same == "driver" else 1],
        )  # fmt: skip
    assert same in refusal.value.fields and first.code in refusal.value.message
    second.refresh_from_db()
    assert (second.state, second.vehicle_id) == ("approved", None)
    orders.dispatch(world.manager, second, vehicle=cars[1], driver=drivers[1])


def test_a_car_is_free_again_after_the_end(world, make_vehicle, make_driver, make_order):
    vehicle, driver = make_vehicle(), make_driver()
    first = orders.approve(world.manager, make_order())
    first = orders.dispatch(world.manager, first, vehicle=vehicle, driver=driver)
    orders.cancel(world.manager, first, reason="会议取消")
    second = orders.approve(world.manager, make_order())
    assert orders.dispatch(world.manager, second, vehicle=vehicle, driver=driver).state == "dispatched"


def test_wrong_input_changes_nothing(world, make_vehicle, make_driver, make_order):
    vehicle, driver = make_vehicle(), make_driver()
    with pytest.raises(Invalid):
        make_order(length=-1)
    with pytest.raises(Invalid):
        make_order(hours=-9, length=1)
    crowd = orders.approve(world.manager, make_order(passenger_count=9))
    with pytest.raises(Invalid, match="核定载客"):
        orders.dispatch(world.manager, crowd, vehicle=vehicle, driver=driver)
    order = orders.approve(world.manager, make_order())
    order = orders.dispatch(world.manager, order, vehicle=vehicle, driver=driver)
    order = journeys.start(world.manager, order, odometer_start_km=100)
    with pytest.raises(Invalid, match="收车里程"):
        journeys.end(world.manager, order, odometer_end_km=99)
    with pytest.raises(Conflict, match="未完成"):
        register.lay_up(world.manager, vehicle, reason="年检")


def test_a_second_approval_and_a_stale_form_are_refused(world, make_order):
    order = make_order()
    twin = DispatchOrder.objects.get(pk=order.pk)
    orders.approve(world.manager, order)
    events = LedgerEvent.objects.count()
    with pytest.raises(Conflict):
        orders.approve(world.manager, twin)
    with pytest.raises(Stale):
        ledger.change(DispatchOrder.objects.get(pk=order.pk), world.manager, {"purpose": "x"}, version=1)
    assert LedgerEvent.objects.count() == events


@pytest.mark.faults
def test_eight_dispatchers_race_for_one_car(committed_db, make_actor):
    """Eight approved orders at one time, one car, eight threads: exactly one gets it."""
    from datetime import date, timedelta
    from decimal import Decimal

    from django.utils import timezone

    from zhiguan.kit.actor import system

    boss = system("tests")
    with boss.transaction():
        world = make_world(make_actor)
        place = register.add_place(boss, unit=world.organ, name="车库", lat=31.2, lon=121.4)
        vehicle = register.commission(
            boss,
            register.register(
                boss, plate="沪A12345", unit=world.organ, kind="other", brand_model="荣威", price_yuan=Decimal(1),
                bought_on=date(2022, 1, 1), place=place,
            ),
        )  # fmt: skip
        driver = register.add_driver(boss, person=world.people["驾驶员"])
        start = timezone.now() + timedelta(hours=1)
        waiting = [
            orders.approve(
                boss,
                orders.request(
                    world.requester, purpose="会", origin="甲", destination="乙", planned_from=start,
                    planned_to=start + timedelta(hours=1),
                ),
            )
            for _ in range(8)
        ]  # fmt: skip
    results: list[str] = []
    barrier = threading.Barrier(8)

    def dispatch(order: DispatchOrder) -> None:
        barrier.wait()
        try:
            with boss.transaction():
                orders.dispatch(boss, order, vehicle=vehicle, driver=driver)
            results.append("dispatched")
        except Conflict:
            results.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=dispatch, args=(order,)) for order in waiting]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert sorted(results) == ["dispatched"] + ["refused"] * 7
    with boss.transaction():
        assert DispatchOrder.objects.filter(state="dispatched").count() == 1
        assert LedgerEvent.objects.filter(code="dispatch").count() == 1
