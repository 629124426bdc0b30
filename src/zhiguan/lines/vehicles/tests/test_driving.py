"""From positions to trips, stops and days, and how trips agree with dispatch orders."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kernel.telemetry import store
from zhiguan.kit.actor import system
from zhiguan.lines.vehicles import jobs, queries
from zhiguan.lines.vehicles.domain import driving, orders, register
from zhiguan.lines.vehicles.models import DispatchOrder, Stop, Trip, VehicleDay
from zhiguan.lines.vehicles.queries import tracks as maps

from .conftest import make_world
from .tracks import HOME, SATURDAY, WORKDAY, Track, at, north, write

FIVE_KM = north(HOME, 5_000)


def compute(vehicle, day=WORKDAY):
    return driving.compute_day([vehicle], day)


def trips_of(vehicle, day=WORKDAY):
    return list(Trip.objects.filter(vehicle=vehicle, day=day).order_by("start_at"))


@pytest.fixture
def car(make_car):
    return make_car()


@pytest.fixture
def outing(car):
    """A car with one outing of the working day, 09:00 out and 11:00 home, 5 km each way."""
    vehicle, source = car
    write(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00").block(source))
    return vehicle


def test_a_day_becomes_what_was_driven(outing):
    compute(outing)
    out, home = trips_of(outing)
    assert abs((out.start_at - at(WORKDAY, "09:00")).total_seconds()) <= 60
    assert abs((home.start_at - at(WORKDAY, "11:00")).total_seconds()) <= 60
    for trip in (out, home):
        assert trip.distance_m == pytest.approx(5_000, rel=0.02)
        assert (trip.end_at - trip.start_at).total_seconds() == pytest.approx(500, abs=90)
        assert (trip.unit_id, trip.scope_pos) == (outing.unit_id, outing.scope_pos)
    stops = list(Stop.objects.filter(vehicle=outing).order_by("start_at"))
    assert [stop.at_place for stop in stops] == [True, False, True]
    assert stops[1].lat == pytest.approx(FIVE_KM[0], abs=20 / 111_000)
    day = VehicleDay.objects.get(vehicle=outing, day=WORKDAY)
    assert (day.trips, day.distance_m) == (2, pytest.approx(10_000, rel=0.02))
    assert day.first_at == at(WORKDAY, "00:00")
    assert day.last_at > at(WORKDAY, "23:58")
    assert day.points > 1_000


def test_computing_again_changes_nothing(outing, past_order):
    order = past_order(outing, at(WORKDAY, "09:00"), at(WORKDAY, "12:00"))

    def picture():
        rows = Trip.objects.values_list("pk", "start_at", "end_at", "distance_m", "order", "match")
        order.refresh_from_db()
        return (
            sorted(rows), sorted(Stop.objects.values_list("vehicle", "start_at", "end_at", "at_place")),
            list(VehicleDay.objects.values_list("vehicle", "day", "points", "trips")), order.trip_count, order.version,
        )  # fmt: skip

    compute(outing)
    first = picture()
    assert first[3] == 2
    compute(outing)
    assert picture() == first


def test_other_days_and_vehicles_are_left_alone(make_car):
    (one, first), (two, second) = make_car("沪A11111"), make_car("沪A22222")
    for source in (first, second):
        write(
            Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00").block(source),
            Track().outing(SATURDAY, FIVE_KM, "09:00", "11:00").block(source),
        )
    driving.compute_day([one, two], WORKDAY)
    driving.compute_day([one], SATURDAY)
    kept = set(Trip.objects.filter(vehicle=two).values_list("pk", flat=True))
    assert len(kept) == 2
    compute(one)
    assert set(Trip.objects.filter(vehicle=two).values_list("pk", flat=True)) == kept
    assert len(trips_of(one, SATURDAY)) == 2


@pytest.mark.parametrize(
    ("start", "end", "goal", "expected"),
    [
        ("09:00", "11:30", None, "matched"),
        ("09:29", "11:30", None, "matched"),  # half an hour early is allowed
        ("09:31", "11:30", None, "overrun"),  # a minute more is not
        ("09:00", "10:39", None, "matched"),  # home at 11:08:20, half an hour late is allowed
        ("09:00", "10:37", None, "overrun"),
        ("09:00", "11:30", FIVE_KM, "matched"),
        ("09:00", "11:30", north(HOME, 5_900), "matched"),
        ("09:00", "11:30", north(HOME, 6_200), "deviated"),
        ("13:00", "15:00", None, "no_order"),
    ],
)
def test_trips_agree_with_orders_or_not(outing, past_order, start, end, goal, expected):
    place = {"destination_lat": goal[0], "destination_lon": goal[1]} if goal else {}
    order = past_order(outing, at(WORKDAY, start), at(WORKDAY, end), **place)
    compute(outing)
    found = trips_of(outing)
    assert expected in [trip.match for trip in found]
    assert {trip.match for trip in found} <= {expected, "matched"}
    assert all((trip.order_id == order.pk) == (expected != "no_order") for trip in found)
    order.refresh_from_db()
    assert order.trip_count == (0 if expected == "no_order" else 2)


@pytest.mark.parametrize("state", ["requested", "approved", "refused", "cancelled"])
def test_orders_that_bind_no_car_cover_nothing(outing, past_order, state):
    past_order(outing, at(WORKDAY, "09:00"), at(WORKDAY, "12:00"), state=state)
    compute(outing)
    assert {trip.match for trip in trips_of(outing)} == {"no_order"}


def test_each_trip_goes_to_the_order_it_overlaps_most(outing, past_order):
    out = past_order(outing, at(WORKDAY, "09:00"), at(WORKDAY, "09:30"))
    home = past_order(outing, at(WORKDAY, "11:00"), at(WORKDAY, "11:30"))
    compute(outing)
    assert [trip.order_id for trip in trips_of(outing)] == [out.pk, home.pk]


@pytest.fixture
def that_noon(monkeypatch):
    """Let now be noon of the working day, so that its orders can still be handled."""
    monkeypatch.setattr(timezone, "now", lambda: at(WORKDAY, "12:00"))


def test_an_order_cancelled_later_no_longer_covers_its_trips(
    world, outing, past_order, that_noon, django_capture_on_commit_callbacks
):
    order = past_order(outing, at(WORKDAY, "09:00"), at(WORKDAY, "12:00"), state="dispatched")
    compute(outing)
    assert {trip.match for trip in trips_of(outing)} == {"matched"}
    with world.requester.acting(), django_capture_on_commit_callbacks(execute=True):
        orders.cancel(world.requester, DispatchOrder.objects.get(pk=order.pk), reason="会议取消")
    assert [(trip.match, trip.order_id) for trip in trips_of(outing)] == [("no_order", None)] * 2
    order.refresh_from_db()
    assert order.trip_count == 0
    (fitting,) = queries.fittings_of([outing.pk], at(WORKDAY, "00:00"), at(WORKDAY, "24:00"))
    asked = {(item.source_id, item.day) for item in store.take_dirty(1_000)}
    assert (fitting.source_id, WORKDAY) in asked


def test_dispatching_late_and_to_another_car_moves_the_cover(world, make_car, past_order, that_noon):
    (one, first), (two, second) = make_car("沪A11111"), make_car("沪A22222")
    for source in (first, second):
        write(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00", until="12:00").block(source))
    driving.compute_day([one, two], WORKDAY)
    order = past_order(one, at(WORKDAY, "09:00"), at(WORKDAY, "12:00"), state="approved", vehicle=None, driver=None,
                       driver_person_id=None)  # fmt: skip
    driver = queries.drivers(system("tests")).get()
    order = orders.dispatch(world.manager, order, vehicle=one, driver=driver)
    assert {trip.match for trip in trips_of(one)} == {"matched"}
    assert {trip.match for trip in trips_of(two)} == {"no_order"}
    order = orders.redispatch(world.manager, order, vehicle=two, driver=driver, reason="换车")
    assert {trip.match for trip in trips_of(one)} == {"no_order"}
    assert {trip.order_id for trip in trips_of(two)} == {order.pk}
    order.refresh_from_db()
    assert order.trip_count == 2


def test_a_vehicle_without_place_or_terminal_has_its_day_or_none(make_car, make_vehicle):
    vehicle, source = make_car()
    type(vehicle).objects.filter(pk=vehicle.pk).update(place=None)
    vehicle.refresh_from_db()
    bare = make_vehicle("沪A33333")
    write(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00").block(source))
    done = driving.compute_day([vehicle, bare], WORKDAY)
    assert (done.vehicles, done.trips) == (2, 2)
    assert not Stop.objects.filter(at_place=True).exists()
    assert not VehicleDay.objects.filter(vehicle=bare).exists()


def test_a_terminal_that_changes_cars_at_noon_takes_only_what_follows_along(
    world, make_car, make_vehicle, make_actor, monkeypatch
):
    """The morning stays with the first car, the afternoon belongs to the second; nothing is lost, nothing doubled."""
    (first, source), second = make_car("沪A11111"), make_vehicle("沪A22222")
    terminal = first.terminals.get()
    monkeypatch.setattr(timezone, "now", lambda: at(WORKDAY, "12:00"))
    register.remove_terminal(system("tests"), terminal, reason="换车")
    monkeypatch.setattr(timezone, "now", lambda: at(WORKDAY, "12:30"))
    again = register.install_terminal(system("tests"), vehicle=second, number=terminal.number)
    assert (again.source_id, again.pk != terminal.pk) == (source, True)
    monkeypatch.undo()
    track = Track().outing(WORKDAY, FIVE_KM, "09:00", "10:00", until="12:00")
    write(
        track.block(source), Track().outing(WORKDAY, north(HOME, 3_000), "14:00", "15:00", since="12:30").block(source)
    )
    driving.compute_day([first, second], WORKDAY)
    assert [round(trip.distance_m, -3) for trip in trips_of(first)] == [5_000, 5_000]
    assert [round(trip.distance_m, -3) for trip in trips_of(second)] == [3_000, 3_000]
    days = {day.vehicle_id: day for day in VehicleDay.objects.all()}
    assert days[first.pk].last_at < at(WORKDAY, "12:00") <= days[second.pk].first_at
    viewer = make_actor(
        {code: "below" for code in ("vehicles.vehicle.view", "vehicles.trip.view", "vehicles.terminal.view")},
        unit=world.organ,
    )
    with viewer.acting():
        shown = maps.replay(second, WORKDAY, viewer)["points"]
    assert min(shown["t"]) >= at(WORKDAY, "12:30").timestamp()


def test_a_device_starts_with_the_day_it_was_installed_on(make_car):
    vehicle, source = make_car(installed_on=WORKDAY)
    before = WORKDAY - timedelta(days=1)
    write(
        Track().outing(before, FIVE_KM, "09:00", "11:00").block(source),
        Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00").block(source),
    )
    assert (compute(vehicle, before).trips, compute(vehicle).trips) == (0, 2)


@pytest.mark.faults
def test_the_job_computes_new_and_late_points_and_findings_follow(committed_db, make_actor):
    """Real commits: new points, an order that explains them, late points that accuse again; the job run twice."""
    boss = system("tests")
    with boss.transaction():
        calendar.sync()
        world = make_world(make_actor)
        place = register.add_place(boss, unit=world.organ, name="车库", lat=HOME[0], lon=HOME[1])
        vehicle = register.register(
            boss, plate="沪A12345", unit=world.organ, kind="other", brand_model="荣威", price_yuan=1,
            bought_on=WORKDAY, place=place,
        )  # fmt: skip
        vehicle = register.commission(boss, vehicle)
        source = register.install_terminal(boss, vehicle=vehicle, number="13900000001").source_id

    def states():
        with boss.transaction():
            return dict(Finding.objects.values_list("rule", "state"))

    write(Track().outing(WORKDAY, FIVE_KM, "19:30", "20:30").block(source))
    assert "1 个车日" in jobs.compute()
    assert states() == {"vehicles.moved_without_order": "raised", "vehicles.outside_hours": "raised"}
    assert jobs.compute() == ""  # nothing is left to do

    with boss.transaction():
        from zhiguan.kernel.ledger import service as ledger

        driver = register.add_driver(boss, person=world.people["驾驶员"])
        key, code = orders.next_code(WORKDAY)
        order = ledger.create(
            DispatchOrder, boss,
            {"id": key, "code": code, "unit": world.organ, "requester": world.people["申请人"], "purpose": "值守",
             "origin": "甲", "destination": "乙", "planned_from": at(WORKDAY, "19:30"),
             "planned_to": at(WORKDAY, "21:00"), "vehicle": vehicle, "driver": driver, "state": "dispatched",
             "driver_person_id": driver.person_id},
        )  # fmt: skip
        driving.rematch(order)
    assert "1 个车日" in jobs.compute()
    assert set(states().values()) == {"withdrawn"}

    with boss.transaction():
        assert {trip.match for trip in trips_of(vehicle)} == {"matched"}
        order = orders.cancel(boss, DispatchOrder.objects.get(pk=order.pk), reason="未成行")
    assert "1 个车日" in jobs.compute()
    assert set(states().values()) == {"raised"}

    with boss.transaction():
        before = VehicleDay.objects.get(vehicle=vehicle, day=WORKDAY)
    late = Track()
    late.stand(late.drive(north(HOME, 2_000), at(SATURDAY, "10:00")), at(SATURDAY, "11:00"))
    assert write(late.block(source)) > 0  # three days later a blind spot's points come in: a day not seen before
    assert "1 个车日" in jobs.compute()
    with boss.transaction():
        assert [round(trip.distance_m, -3) for trip in trips_of(vehicle, SATURDAY)] == [2_000]
        assert VehicleDay.objects.get(vehicle=vehicle, day=WORKDAY).computed_at == before.computed_at
        found = Finding.objects.filter(period=SATURDAY.isoformat()).values_list("rule", flat=True)
        assert set(found) == {"vehicles.moved_without_order", "vehicles.outside_hours"}
