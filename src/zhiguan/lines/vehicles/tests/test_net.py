"""The one net: who approves, emergencies, pools, shared cars, other times; and that each sees only what is theirs."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound
from zhiguan.lines.vehicles import queries
from zhiguan.lines.vehicles.domain import approvals, case_work, dispatching, journeys, orders, pools, register
from zhiguan.lines.vehicles.models import DispatchOrder, Driver, Pool, Vehicle

from .conftest import PERMISSIONS, make_world
from .test_metrics import listed

BOSS = system("tests")
SHANGHAI = ZoneInfo("Asia/Shanghai")
THURSDAY = datetime(2026, 3, 5, 9, tzinfo=SHANGHAI)
HOUR = timedelta(hours=1)


def decided(start: datetime = THURSDAY, hours: float = 3, kind: str = "ordinary", *, outside: bool = False):
    return approvals.decide(kind=kind, outside_city=outside, start=start, end=start + HOUR * hours)


def test_the_table_decides_who_approves_and_says_why(world):
    assert decided()[0] == "section"
    for given in ({"outside": True}, {"hours": 25}, {"start": THURSDAY + timedelta(days=2)}):
        level, reasons = decided(**given)
        assert level == "leader" and len(reasons) == 1 and "单位领导" in reasons[0]
    level, reasons = decided(THURSDAY + timedelta(days=2), kind="emergency")
    assert (level, reasons) == ("section", ["应急用车：由处室负责人审批"])


def test_the_table_follows_its_facts(world):
    reference.override(BOSS, "dispatch.approval.outside_city", "处室负责人", date(2026, 1, 1), "本市规定")
    assert approvals.decide(
        kind="ordinary", outside_city=True, start=THURSDAY, end=THURSDAY + HOUR, on=date(2026, 3, 1)
    )[0] == "section"  # fmt: skip


def test_a_section_approver_does_not_decide_for_the_leader(world, make_actor, make_order):
    section = make_actor({"vehicles.order.approve": "below", "vehicles.order.view": "below"}, unit=world.organ)
    order = make_order(outside_city=True)
    assert order.approval_level == "leader"
    with pytest.raises(Denied, match="单位领导"):
        orders.approve(section, order)
    with section.acting():
        assert list(queries.to_approve(section)) == []
    order = orders.approve(world.manager, order)
    assert order.approved_at is not None


def test_an_emergency_goes_first_and_is_approved_after(world, make_vehicle, make_driver, make_order):
    vehicle, driver = make_vehicle(), make_driver()
    ordinary = make_order(hours=30)
    with pytest.raises(Conflict, match="应急"):
        orders.dispatch_urgently(world.manager, ordinary, vehicle=vehicle, driver=driver, reason="急")
    order = make_order(kind="emergency")
    with pytest.raises(Invalid):
        orders.dispatch_urgently(world.manager, order, vehicle=vehicle, driver=driver, reason=" ")
    order = orders.dispatch_urgently(world.manager, order, vehicle=vehicle, driver=driver, reason="管线抢修")
    assert order.state == "dispatched" and order.ratify_by_on > timezone.localdate()
    assert list(queries.to_ratify(world.manager)) == [order]
    order = approvals.ratify(world.manager, order, agreed=True, reason="情况属实")
    assert order.ratified == "agreed" and not queries.to_ratify(world.manager).exists()
    with pytest.raises(Conflict):
        approvals.ratify(world.manager, order, agreed=True, reason="再批")
    with pytest.raises(Conflict, match="无需补批"):
        approvals.ratify(world.manager, ordinary, agreed=True, reason="x")


def test_classes_of_cars_are_for_those_who_need_them(world, make_order):
    for body, count in (("small_bus", 4), ("large_bus", 18), ("suv", 2)):
        with pytest.raises(Invalid):
            make_order(body_wanted=body, passenger_count=count)
    assert make_order(body_wanted="suv", kind="emergency").body_wanted == "suv"
    assert make_order(body_wanted="medium_bus", passenger_count=8).pk
    with pytest.raises(Invalid, match="提前"):
        make_order(hours=24 * 16)


def test_passengers_are_people_of_the_organ_or_names(world, make_order):
    own, stranger = world.people["审批人"], world.people["外单位"]
    order = make_order(
        party=[{"person": own.pk, "name": "审批人", "unit": "市甲局"}, {"person": None, "name": "李专家", "unit": ""}]
    )
    assert (order.passengers, order.passenger_count, order.passenger_ids) == ("审批人、李专家", 2, [own.pk])
    with pytest.raises(Invalid, match="本单位"):
        make_order(party=[{"person": stranger.pk, "name": "外单位", "unit": ""}])


def test_a_passenger_sees_the_order_and_a_colleague_does_not(world, make_actor, make_order):
    order = make_order(party=[{"person": world.people["审批人"].pk, "name": "审批人", "unit": ""}])
    for name, sees in (("审批人", True), ("驾驶员二", False)):
        actor = make_actor({"vehicles.order.view": "self", "vehicles.order.request": "self"}, unit=world.organ,
                           person=world.people[name].pk)  # fmt: skip
        with actor.acting():
            assert DispatchOrder.objects.filter(pk=order.pk).exists() is sees
            assert queries.my_requests(actor).exists() is sees


def test_a_weekly_request_makes_one_order_a_week(world):
    start = timezone.now() + HOUR
    first = orders.request_weekly(
        world.requester,
        weeks=1,
        purpose="例会",
        origin="甲",
        destination="乙",
        planned_from=start,
        planned_to=start + HOUR,
    )
    series = DispatchOrder.objects.filter(series=first.series).order_by("planned_from")
    assert [each.planned_from - start for each in series] == [timedelta(0), timedelta(weeks=1)]


@pytest.fixture
def pool(world, make_actor):
    """A pool run by the other organ, serving everybody, and its dispatcher."""
    made = pools.open_pool(BOSS, unit=world.other, name="全市公务用车平台", kind="city", members=[world.city])
    world.pooler = make_actor(
        {code: "unit" for code in PERMISSIONS if code.startswith("vehicles.")}, unit=world.other, name="平台调度员"
    )
    return made


def test_a_pool_sees_what_was_sent_to_it_and_nothing_else(world, pool, make_vehicle, make_driver, make_order):
    sent, kept = (orders.approve(world.manager, make_order(hours=hours)) for hours in (1, 2))
    with world.manager.acting():
        sent = dispatching.send(world.manager, sent, pool=pool)
        assert list(queries.to_dispatch(world.manager)) == [kept]
    own = make_vehicle("沪A11111")
    theirs = make_vehicle("沪A22222", world.other)
    driver = register.add_driver(BOSS, person=world.people["外单位"], licence_expires_on=date(2099, 1, 1))
    with world.pooler.acting():
        assert list(DispatchOrder.objects.all()) == [sent]
        assert list(queries.to_dispatch(world.pooler)) == [sent]
        assert [event.code for event in ledger.history(sent)] == ["send"]
        assert list(Vehicle.objects.all()) == [theirs]
        order = orders.dispatch(world.pooler, DispatchOrder.objects.get(), vehicle=theirs, driver=driver)
        assert (order.state, order.plate, order.driver_name) == ("dispatched", "沪A22222", "外单位")
    with world.manager.acting():  # who asked sees what they get, though not the other organ's car
        seen = DispatchOrder.objects.select_related("vehicle").get(pk=sent.pk)
        assert seen.plate == "沪A22222" and not Vehicle.objects.filter(plate="沪A22222").exists()
        with pytest.raises(Denied):
            dispatching.withdraw(world.manager, seen, reason="想换车")
        with pytest.raises(Denied):
            orders.redispatch(world.manager, seen, vehicle=own, driver=driver, reason="想换车")


def test_only_pools_that_serve_the_organ_are_asked(world, pool, make_order):
    narrow = pools.open_pool(BOSS, unit=world.other, name="乙局车队", kind="organ", members=[world.other])
    order = orders.approve(world.manager, make_order())
    assert list(queries.pools_for(order)) == [pool]
    with pytest.raises(Invalid, match="不服务"):
        dispatching.send(world.manager, order, pool=narrow)
    with pytest.raises(Denied):
        dispatching.send(world.stranger, order, pool=pool)


@pytest.mark.parametrize("who", ["pooler", "manager"])
def test_what_a_pool_cannot_do_goes_back(world, pool, make_order, who):
    order = orders.approve(world.manager, make_order())
    order = dispatching.send(world.manager, order, pool=pool)
    actor = getattr(world, who)
    with actor.acting():
        order = dispatching.hand_back(actor, DispatchOrder.objects.get(pk=order.pk), reason="车辆已满")
    assert (order.pool_id, order.server_pos, order.state) == (None, None, "approved")
    with world.pooler.acting():
        assert not DispatchOrder.objects.exists()
    with world.manager.acting():
        assert order in queries.to_dispatch(world.manager)


def test_pooled_cars_are_sent_by_the_pool_too(world, pool, make_vehicle, make_driver, make_order):
    vehicle, driver = make_vehicle(), make_driver()
    with world.pooler.acting():
        assert not Vehicle.objects.filter(pk=vehicle.pk).exists()
    with world.manager.acting():
        vehicle = pools.pool_vehicle(world.manager, vehicle, pool=pool)
        driver = pools.pool_driver(world.manager, driver, pool=pool)
    order = dispatching.send(world.manager, orders.approve(world.manager, make_order()), pool=pool)
    with world.pooler.acting():
        bound = orders.dispatch(
            world.pooler, DispatchOrder.objects.get(pk=order.pk), vehicle=Vehicle.objects.get(pk=vehicle.pk),
            driver=Driver.objects.get(pk=driver.pk),
        )  # fmt: skip
    assert bound.state == "dispatched"
    with pytest.raises(Denied):
        pools.pool_vehicle(world.pooler, vehicle, pool=None)
    # What serves the pool counts in the pool's figures, as it is in its lists; a driver's figure is of their own orders.
    for actor, codes in ((world.pooler, ("held", "in_service", "orders")), (world.driving, ("orders",))):
        for code in codes:
            reading = metrics.read(f"vehicles.{code}", actor)
            assert reading.value == len(listed(actor, reading.url)) == 1, code


def test_a_rented_car_serves_its_pool_and_ends_with_its_contract(world, pool):
    today = timezone.localdate()
    contract = pools.sign_contract(
        BOSS, pool=pool, number="ZL-1", company="某租赁公司", day_rate_yuan=Decimal(300), km_rate_yuan=Decimal(1),
        valid_from=today, valid_to=today + timedelta(days=365),
    )  # fmt: skip
    car = pools.rent_vehicle(BOSS, contract, plate="沪A66666", body="sedan", brand_model="别克", seats=5)
    assert (car.tenure, car.pool_id, car.state) == ("rented", pool.pk, "in_service")
    assert case_work.QUOTA_WORK.prefill is not None
    asked = case_work.QUOTA_WORK.prefill(world.manager, car.unit)["rows"]
    assert not any(row["held"] for row in asked if row["kind"] == car.kind)  # it counts against no establishment
    with pytest.raises(Conflict, match="租赁"):
        pools.pool_vehicle(BOSS, car, pool=None)
    with pytest.raises(Conflict, match="已登记"):
        pools.rent_vehicle(BOSS, contract, plate="沪A66666", body="sedan", brand_model="别克", seats=5)
    pools.close_contract(BOSS, contract, reason="到期")
    car.refresh_from_db()
    assert car.state == "laid_up"
    with pytest.raises(Conflict):
        pools.rent_vehicle(
            BOSS, type(contract).objects.get(), plate="沪A66667", body="sedan", brand_model="别克", seats=5
        )


def test_a_pool_closes_when_nothing_is_under_way(world, pool, make_order):
    order = dispatching.send(world.manager, orders.approve(world.manager, make_order()), pool=pool)
    with pytest.raises(Conflict, match="未完成"):
        pools.close_pool(BOSS, pool, reason="撤并")
    dispatching.hand_back(world.manager, order, reason="改用本单位车")
    assert pools.close_pool(BOSS, Pool.objects.get(pk=pool.pk), reason="撤并").state == "closed"
    with pytest.raises(Denied):
        pools.open_pool(world.requester, unit=world.organ, name="x", kind="organ")


@pytest.fixture
def bound(world, make_vehicle, make_driver, make_order):
    order = orders.approve(world.manager, make_order())
    return orders.dispatch(world.manager, order, vehicle=make_vehicle(), driver=make_driver())


def test_riders_share_a_car_start_and_end_with_it(world, bound, make_order):
    rider = orders.approve(world.manager, make_order(hours=1.5, passenger_count=2))
    before = bound.planned_to
    rider = dispatching.share(world.manager, rider, host=bound)
    bound.refresh_from_db()
    assert (rider.state, rider.vehicle_busy, rider.driver_person_id) == ("dispatched", None, bound.driver_person_id)
    assert bound.planned_to > before, "the car's time now holds both"
    crowd = orders.approve(world.manager, make_order(passenger_count=2))
    with pytest.raises(Invalid, match="座位不够"):
        dispatching.share(world.manager, crowd, host=bound)
    with pytest.raises(Conflict, match="拼入"):
        orders.cancel(world.manager, bound, reason="会议取消")
    with world.driving.acting():
        order = journeys.start(world.driving, DispatchOrder.objects.get(pk=bound.pk), odometer_start_km=10)
        rider.refresh_from_db()
        assert rider.state == "started"
        journeys.end(world.driving, order, odometer_end_km=20)
    rider.refresh_from_db()
    assert rider.state == "ended"


def test_withdrawing_a_host_frees_its_riders(world, bound, make_order):
    rider = dispatching.share(world.manager, orders.approve(world.manager, make_order()), host=bound)
    bound.refresh_from_db()
    order = dispatching.withdraw(world.manager, bound, reason="车辆故障")
    rider.refresh_from_db()
    assert [(each.state, each.vehicle_id, each.plate) for each in (order, rider)] == [("approved", None, "")] * 2


def test_other_times_are_checked_like_the_first(world, bound, make_vehicle, make_driver, make_order):
    later = orders.approve(world.manager, make_order(hours=4))
    later = orders.dispatch(world.manager, later, vehicle=bound.vehicle, driver=bound.driver)
    with pytest.raises(Conflict, match=later.code):
        dispatching.reschedule(
            world.manager,
            bound,
            planned_from=bound.planned_from,
            planned_to=later.planned_from + HOUR,
            reason="会议延长",
        )
    with pytest.raises(Invalid, match="单位领导"):
        dispatching.reschedule(
            world.manager,
            bound,
            planned_from=bound.planned_from,
            planned_to=bound.planned_to + timedelta(days=2),
            reason="延长",
        )
    bound.refresh_from_db()
    moved = dispatching.reschedule(
        world.manager,
        bound,
        planned_from=bound.planned_from + HOUR / 2,
        planned_to=bound.planned_to + HOUR / 2,
        reason="推迟",
    )
    assert moved.vehicle_busy == orders.busy(bound.vehicle_id, moved.planned_from, moved.planned_to)
    with pytest.raises(Denied):
        dispatching.reschedule(world.stranger, moved, planned_from=THURSDAY, planned_to=THURSDAY + HOUR, reason="x")


def test_a_car_under_way_may_come_back_later_but_not_move(world, bound):
    started = journeys.start(world.manager, bound, odometer_start_km=1)
    with pytest.raises(Conflict):
        dispatching.reschedule(
            world.manager, started, planned_from=started.planned_from, planned_to=started.planned_to + HOUR, reason="x"
        )
    longer = dispatching.extend(world.manager, started, planned_to=started.planned_to + HOUR, reason="会议延长")
    assert (
        longer.state == "started"
        and longer.vehicle_busy.upper == orders.busy(bound.vehicle_id, longer.planned_from, longer.planned_to).upper
    )


def test_places_and_people_to_choose_from(world, make_order):
    world.organ.lat, world.organ.lon = 31.2, 121.4
    world.organ.save()
    make_order(destination_lat=31.25, destination_lon=121.5)
    found = queries.known_places(world.requester, "")
    assert {each["title"] for each in found} == {"会场", "市甲局"}
    assert {each["title"] for each in queries.people_to_take(world.requester, "驾驶")} == {"驾驶员", "驾驶员二"}
    assert queries.people_to_take(world.requester, "外单位") == []


def _ready(make_actor, count: int):
    with BOSS.transaction():
        reference.sync()
        world = make_world(make_actor)
        place = register.add_place(BOSS, unit=world.organ, name="车库", lat=31.2, lon=121.4)
        vehicle = register.commission(
            BOSS,
            register.register(
                BOSS, plate="沪A12345", unit=world.organ, kind="other", brand_model="荣威", price_yuan=Decimal(1),
                bought_on=date(2022, 1, 1), place=place,
            ),
        )  # fmt: skip
        drivers = [register.add_driver(BOSS, person=world.people[name]) for name in ("驾驶员", "驾驶员二")]
        start = timezone.now() + HOUR
        waiting = [
            orders.approve(
                BOSS,
                orders.request(
                    world.requester,
                    purpose="会",
                    origin="甲",
                    destination="乙",
                    planned_from=start,
                    planned_to=start + HOUR,
                ),
            )
            for _ in range(count)
        ]
    return vehicle, drivers, waiting


def _race(*acts) -> list[str]:
    results: list[str] = []
    barrier = threading.Barrier(len(acts))

    def run(act) -> None:
        barrier.wait()
        try:
            with BOSS.transaction():
                act()
            results.append("done")
        except (Conflict, NotFound):
            results.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    return sorted(results)


@pytest.mark.faults
def test_two_dispatchers_drop_on_one_car(committed_db, make_actor):
    vehicle, drivers, waiting = _ready(make_actor, 2)
    results = _race(
        *(lambda o=order, d=driver: orders.dispatch(BOSS, o, vehicle=vehicle, driver=d)
          for order, driver in zip(waiting, drivers, strict=True))
    )  # fmt: skip
    assert results == ["done", "refused"]


@pytest.mark.faults
def test_the_driver_starts_while_the_dispatcher_moves_the_time(committed_db, make_actor):
    vehicle, drivers, (order,) = _ready(make_actor, 1)
    with BOSS.transaction():
        order = orders.dispatch(BOSS, order, vehicle=vehicle, driver=drivers[0])
    twin = order
    with BOSS.transaction():
        twin = DispatchOrder.objects.get(pk=order.pk)
    results = _race(
        lambda: journeys.start(BOSS, order, odometer_start_km=5),
        lambda: dispatching.reschedule(
            BOSS, twin, planned_from=twin.planned_from + HOUR, planned_to=twin.planned_to + HOUR, reason="推迟"
        ),
    )
    assert results == ["done", "refused"]
    with BOSS.transaction():
        now = DispatchOrder.objects.get(pk=order.pk)
        moved = now.planned_from != order.planned_from
        assert (now.state, moved) in (("started", False), ("dispatched", True))
        assert now.vehicle_busy == orders.busy(vehicle.pk, now.planned_from, now.planned_to)
