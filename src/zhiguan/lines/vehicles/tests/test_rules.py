"""Three rules on days of which everything is known, to the metre and the minute."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.models import Finding
from zhiguan.lines.vehicles.domain import driving

from .tracks import HOLIDAY, HOME, SATURDAY, SWAP, WORKDAY, Track, at, north, write

MOVED, HOURS, NIGHT = (f"vehicles.{name}" for name in ("moved_without_order", "outside_hours", "overnight_outside"))
FIVE_KM = north(HOME, 5_000)
NEXT = WORKDAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def facts(world):
    """Calendar and thresholds as they are shipped."""
    calendar.sync()
    reference.sync()


@pytest.fixture
def judge(make_car):
    """Write tracks of one car, compute their days and ask the rules: ``judge(track, day, …)`` → rules that found it."""
    known = SimpleNamespace(car=None)

    def one(*tracks: Track, day: date = WORKDAY, days: int = 1) -> set[str]:
        if known.car is None:
            known.car = make_car()
        vehicle, source = known.car
        for track in tracks:
            write(track.block(source))
        for number in range(days):
            driving.compute_day([vehicle], day + timedelta(days=number))
        supervision.run_dirty("vehicles", subjects=[vehicle], start=day, end=day + timedelta(days=days))
        found = Finding.objects.filter(subject_id=vehicle.pk, period=day.isoformat()).exclude(state="withdrawn")
        return set(found.values_list("rule", flat=True))

    def car():
        if known.car is None:
            known.car = make_car()
        return known.car[0]

    return SimpleNamespace(day=one, car=car)


# --- 无派车单驶离停放地点


@pytest.mark.parametrize(("metres", "found"), [(49.0, False), (51.0, True), (10.0, False), (400.0, True)])
def test_the_distance_counts_from_the_edge_of_the_yard(judge, metres, found):
    """The place is 50 m wide; 49 m beyond its edge is still beside it, 51 m is away."""
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    away = north(HOME, 50 + metres)
    for number in range(6):
        track.report(at(WORKDAY, "10:00") + timedelta(seconds=10 * number), away, kmh=5)
    track.stand(at(WORKDAY, "10:02"), at(WORKDAY, "23:59"))
    assert (MOVED in judge.day(track)) is found


@pytest.mark.parametrize(("points", "kmh", "found"), [(2, 20, False), (3, 20, True), (5, 0, False)])
def test_single_points_and_a_drifting_receiver_accuse_nobody(judge, points, kmh, found):
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    for number in range(points):
        track.report(at(WORKDAY, "10:00") + timedelta(seconds=10 * number), north(HOME, 300), kmh=kmh)
    track.stand(at(WORKDAY, "10:02"), at(WORKDAY, "23:59"))
    assert (MOVED in judge.day(track)) is found


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("09:00", "11:00", False),
        ("09:28", "11:00", False),  # left 28 minutes early
        ("09:33", "11:00", True),  # left 33 minutes early
        ("09:00", "10:40", False),  # home at 11:08
        ("09:00", "10:36", True),
    ],
)
def test_an_order_covers_half_an_hour_more_on_both_sides(judge, past_order, start, end, found):
    past_order(judge.car(), at(WORKDAY, start), at(WORKDAY, end))
    assert (MOVED in judge.day(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00"))) is found


def test_a_cancelled_order_covers_nothing_and_a_car_without_place_is_not_judged(judge, past_order):
    past_order(judge.car(), at(WORKDAY, "09:00"), at(WORKDAY, "12:00"), state="cancelled")
    assert MOVED in judge.day(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00"))
    car = judge.car()
    car.place = None
    car.save()
    assert MOVED not in judge.day()


def test_the_evidence_says_where_when_and_how_far(judge):
    judge.day(Track().outing(WORKDAY, FIVE_KM, "09:00", "11:00"))
    finding = Finding.objects.get(rule=MOVED)
    figures = {each["name"]: each["value"] for each in finding.evidence["figures"]}
    assert figures["最远距离"] == pytest.approx(5_000 - 50, abs=30)
    assert figures["判定距离"] == 50
    assert figures["在外时长"] == pytest.approx(128, abs=3)
    assert abs((finding.occurred_at - at(WORKDAY, "09:00")).total_seconds()) < 60
    assert "《党政机关公务用车管理办法》" in finding.clause
    assert len(finding.evidence["track"]["t"]) == len(finding.evidence["track"]["lat"]) <= 400


# --- 非工作时间用车


@pytest.mark.parametrize(
    ("day", "depart", "back", "found"),
    [
        (WORKDAY, "09:30", "11:00", False),
        (WORKDAY, "12:10", "12:40", False),  # the midday break is no evening
        (WORKDAY, "08:05", "09:00", False),  # office opens at 9, an hour is granted
        (WORKDAY, "07:55", "09:00", True),
        (WORKDAY, "17:00", "18:20", False),  # office closes at 17:30; home at 18:28
        (WORKDAY, "17:00", "18:25", True),  # home at 18:33
        (WORKDAY, "21:00", "22:00", True),
        (SATURDAY, "10:00", "11:00", True),
        (HOLIDAY, "10:00", "11:00", True),  # 春节, a Wednesday
        (SWAP, "10:00", "11:00", False),  # a Saturday worked instead
        (SWAP, "20:00", "21:00", True),
    ],
)
def test_driving_outside_working_time(judge, day, depart, back, found):
    assert (HOURS in judge.day(Track().outing(day, FIVE_KM, depart, back), day=day)) is found


@pytest.mark.parametrize(("until", "found"), [("22:00", False), ("21:40", False), ("21:30", True)])
def test_an_evening_with_an_order_is_allowed_but_not_beyond_it(judge, past_order, until, found):
    past_order(judge.car(), at(WORKDAY, "20:00"), at(WORKDAY, until))
    assert (HOURS in judge.day(Track().outing(WORKDAY, FIVE_KM, "20:00", "22:00"))) is found


def test_a_unit_with_hours_of_its_own_is_judged_by_them(judge, world, make_actor):
    """An organ that works until 21:00 may drive home at 20:30."""
    track = Track().outing(WORKDAY, FIVE_KM, "19:00", "20:00")
    assert HOURS in judge.day(track)
    keeper = make_actor({"calendar.hours.manage": "city"}, unit=world.city)
    from datetime import time

    calendar.set_office_hours(
        keeper, world.organ, opens_at=time(9), closes_at=time(21),
        valid_from=WORKDAY - timedelta(days=30), reason="窗口单位延时服务",
    )  # fmt: skip
    assert HOURS not in judge.day()
    assert Finding.objects.get(rule=HOURS).state == "withdrawn"


def test_a_year_without_calendar_is_not_guessed(make_car):
    vehicle, _ = make_car()
    found = supervision.run_dirty("vehicles", subjects=[vehicle], start=date(2035, 3, 1), end=date(2035, 3, 2))
    assert found[HOURS].error.startswith("YearNotLoaded")


# --- 夜间未回停放地点


def night(minutes_out: int, goal=FIVE_KM) -> Track:
    """Stand at ``goal`` from 22:00 on, over midnight, for so many minutes after 23:00, then drive home."""
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "21:30"))
    arrived = track.drive(goal, at(WORKDAY, "21:30"))
    leave = at(WORKDAY, "23:00") + timedelta(minutes=minutes_out)
    track.stand(arrived, leave)
    return track.stand(track.drive(HOME, leave), at(NEXT, "08:00"))


@pytest.mark.parametrize(("minutes", "found"), [(60, False), (115, False), (125, True), (360, True)])
def test_a_night_outside_over_midnight(judge, minutes, found):
    assert (NIGHT in judge.day(night(minutes), days=2)) is found


def test_a_night_in_the_yard_is_a_night_at_home(judge):
    assert NIGHT not in judge.day(night(360, goal=north(HOME, 95)), days=2)


@pytest.mark.parametrize(("until", "found"), [("02:00", True), ("04:00", False), ("05:00", False)])
def test_only_what_no_order_covers_counts(judge, past_order, until, found):
    """The order ends at ``until`` and covers half an hour more; of the night until 5:00 the rest is unexplained."""
    past_order(judge.car(), at(WORKDAY, "21:00"), at(NEXT, until))
    assert (NIGHT in judge.day(night(420), days=2)) is found


# --- thresholds and late data


def test_an_adjusted_threshold_holds_from_its_date_on(judge, make_actor, world):
    keeper = make_actor({"reference.fact.manage": "city"}, unit=world.city)
    shown = reference.fact("vehicles.detection.away_m")
    reference.adjust(keeper, shown, value=900, valid_from=NEXT, reason="试行")
    near = north(HOME, 800)
    assert MOVED in judge.day(Track().outing(WORKDAY, near, "09:00", "11:00"))
    assert MOVED not in judge.day(Track().outing(NEXT, near, "09:00", "11:00"), day=NEXT)


def test_late_points_withdraw_and_raise_again_visibly(judge, past_order):
    """Seen parked outside all night; then the points come in that show it went home."""
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    seen = track.drive(FIVE_KM, at(WORKDAY, "10:00"))
    track.report(seen, FIVE_KM).report(at(WORKDAY, "23:58"), FIVE_KM)
    track.report(at(NEXT, "00:01"), FIVE_KM).report(at(NEXT, "06:00"), FIVE_KM)
    assert NIGHT in judge.day(track, days=2)
    late = Track(FIVE_KM)
    late.stand(late.drive(HOME, at(WORKDAY, "17:00")), at(NEXT, "05:30"))
    assert NIGHT not in judge.day(late, days=2)
    finding = Finding.objects.get(rule=NIGHT)
    assert (finding.state, finding.outcome) == ("withdrawn", "withdrawn")
    from zhiguan.kernel.ledger import service as ledger

    assert [event.code for event in ledger.history(finding)] == ["create", "withdraw"]


def test_judging_again_raises_nothing_twice(judge):
    judge.day(Track().outing(WORKDAY, FIVE_KM, "20:00", "21:00"))
    first = list(Finding.objects.values_list("pk", "rule", "version").order_by("pk"))
    assert len(first) == 2
    judge.day()
    assert list(Finding.objects.values_list("pk", "rule", "version").order_by("pk")) == first
