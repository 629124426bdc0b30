"""Orders against journeys: detours, orders without trip, splitting, drivers; the five outcomes."""

from __future__ import annotations

import pytest

from zhiguan.lines.vehicles.models import DispatchOrder, DriverSignIn, OrderMatch, Terminal, Trip

from .judging import Told
from .tracks import HOME, WORKDAY, Track, at, north

FIVE_KM, TEN_KM = north(HOME, 5_000), north(HOME, 10_000)


def to(place) -> dict[str, float]:
    return {"destination_lat": place[0], "destination_lon": place[1]}


# --- 绕行


def wandering(extra_km: float) -> Track:
    """To the goal, a few kilometres beyond and back, then home."""
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    there = track.drive(TEN_KM, at(WORKDAY, "10:00"))
    there = track.drive(north(TEN_KM, extra_km * 500), there)
    track.stand(track.drive(TEN_KM, there), at(WORKDAY, "13:00"))
    return track.stand(track.drive(HOME, at(WORKDAY, "13:00")), at(WORKDAY, "23:59"))


@pytest.mark.parametrize(("extra", "found"), [(5, False), (20, False), (24, False), (26, True), (40, True)])
def test_a_detour(judge, past_order, extra, found):
    """20 km of straight way make 28 expected; 1.6 times that are 44.8, so 25 km more are too many."""
    past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "14:30"), **to(TEN_KM))
    assert ("detour" in judge.day(wandering(extra))) is found


def test_a_place_on_the_way_is_expected(judge, past_order):
    beyond = north(TEN_KM, 20_000)
    past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "15:00"), stops=[{"name": "工地", "lat": beyond[0], "lon": beyond[1]}],
               **to(TEN_KM))  # fmt: skip
    assert "detour" not in judge.day(wandering(40))


# --- 五种核对结果


@pytest.mark.parametrize(
    ("start", "end", "goal", "outcome"),
    [
        ("10:00", "12:30", FIVE_KM, "matched"),
        ("10:00", "11:34", FIVE_KM, "overrun"),  # home at 12:08
        ("10:00", "12:30", north(HOME, -9_000), "deviated"),
        ("18:00", "19:00", FIVE_KM, "no_trip"),
    ],
)
def test_what_becomes_of_an_order(judge, past_order, start, end, goal, outcome):
    order = past_order(judge.car, at(WORKDAY, start), at(WORKDAY, end), **to(goal))
    found = judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))
    assert OrderMatch.objects.get(order=order).outcome == outcome
    assert ("order_without_trip" in found) is (outcome == "no_trip")
    matches = {"no_trip": {"no_order"}, "overrun": {"overrun", "matched"}}.get(outcome, {outcome})
    assert set(Trip.objects.values_list("match", flat=True)) == matches


def test_passing_the_destination_is_having_been_there(judge, past_order):
    """Dropped somebody off on the way without a stop."""
    order = past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:30"), **to(north(HOME, 2_500)))
    judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))
    assert OrderMatch.objects.get(order=order).outcome == "matched"


def test_no_trip_is_not_said_of_a_silent_terminal_and_late_trips_withdraw_it(judge, past_order):
    order = past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:00"))
    told = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "09:55")).stand(at(WORKDAY, "12:05"), at(WORKDAY, "23:59"))
    assert "order_without_trip" not in judge.day(told)
    assert not OrderMatch.objects.filter(order=order).exists()
    assert "order_without_trip" in judge.day(Track().stand(at(WORKDAY, "10:00"), at(WORKDAY, "10:20")))
    # It set off at half past ten; what it told on the way arrived later.
    late = Track()
    late.stand(late.drive(FIVE_KM, at(WORKDAY, "10:30")), at(WORKDAY, "11:40"))
    late.drive(HOME, at(WORKDAY, "11:40"))
    assert "order_without_trip" not in judge.day(late)
    assert OrderMatch.objects.get(order=order).trips == 2
    assert judge.finding("order_without_trip").state == "withdrawn"


def test_a_cancelled_order_has_no_outcome(judge, past_order):
    order = past_order(judge.car, at(WORKDAY, "18:00"), at(WORKDAY, "19:00"))
    judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))
    assert OrderMatch.objects.filter(order=order).exists()
    DispatchOrder.objects.filter(pk=order.pk).update(state="cancelled")
    judge.day()
    assert not OrderMatch.objects.filter(order=order).exists()
    assert judge.finding("order_without_trip").state == "withdrawn"


# --- 拆分派车单


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ((("08:00", "13:00"), ("13:30", "18:00")), True),  # 9.5 hours in two
        ((("08:00", "12:00"), ("12:30", "16:00")), False),  # 7.5 hours
        ((("08:00", "12:30"), ("14:00", "18:30")), False),  # 90 minutes between
        ((("08:00", "16:30"),), False),
        ((("07:00", "10:30"), ("10:30", "14:00"), ("14:30", "17:00")), True),
    ],
)
def test_one_need_in_several_orders(judge, past_order, spans, found):
    for start, end in spans:
        past_order(judge.car, at(WORKDAY, start), at(WORKDAY, end), destination="某县 招待所")
    assert ("order_splitting" in judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))) is found


@pytest.mark.parametrize("values", [{"destination": "别处"}, to(TEN_KM)])
def test_other_places_are_other_needs(judge, past_order, values):
    past_order(judge.car, at(WORKDAY, "08:00"), at(WORKDAY, "13:00"), **to(FIVE_KM))
    past_order(judge.car, at(WORKDAY, "13:30"), at(WORKDAY, "18:00"), **values)
    assert "order_splitting" not in judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))


def test_other_orders_of_the_same_person_in_between_hide_nothing(judge, past_order, make_car):
    """One to another place, and another car to the same place that ends just before the second part begins."""
    other, _ = make_car("沪A99999")
    past_order(judge.car, at(WORKDAY, "08:00"), at(WORKDAY, "13:00"), **to(FIVE_KM))
    past_order(other, at(WORKDAY, "09:00"), at(WORKDAY, "10:00"), **to(TEN_KM))
    past_order(other, at(WORKDAY, "11:30"), at(WORKDAY, "13:10"), **to(FIVE_KM))
    past_order(judge.car, at(WORKDAY, "13:15"), at(WORKDAY, "18:00"), **to(FIVE_KM))
    assert "order_splitting" in judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))


# --- 驾驶员与派车单不符


@pytest.fixture
def card(judge):
    numbers = iter(range(1, 100))

    def make(driver, clock: str, *, on: bool = True, name: str = "某人", result: int | None = 0):
        terminal = Terminal.objects.get(vehicle=judge.car)
        moment = at(WORKDAY, clock)
        return DriverSignIn.objects.create(
            unit=judge.car.unit, scope_pos=judge.car.scope_pos, vehicle=judge.car, terminal=terminal, driver=driver, at=moment,
            received_at=moment, on=on, result=result, holder_name=driver.person.name if driver else name, raw_id=next(numbers),
        )  # fmt: skip

    return make


@pytest.mark.parametrize(("who", "found"), [("驾驶员", False), ("驾驶员二", True), (None, True)])
def test_whose_card_was_in(judge, past_order, make_driver, card, who, found):
    order = past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:30"))
    driver = order.driver if who == "驾驶员" else make_driver(who) if who else None
    card(driver, "09:55")
    assert ("unauthorised_driver" in judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"))) is found
    if found:
        assert judge.figures("unauthorised_driver")["刷卡人"] == (who or "某人")


def test_no_card_a_card_taken_out_and_one_not_read_say_nothing(judge, past_order, make_driver, card):
    past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:30"))
    track = Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00")
    assert "unauthorised_driver" not in judge.day(track)
    other = make_driver("驾驶员二")
    card(other, "09:00")
    card(other, "09:30", on=False)
    card(None, "09:50", result=1)
    assert "unauthorised_driver" not in judge.again()
    card(other, "11:50")
    assert "unauthorised_driver" in judge.again()
