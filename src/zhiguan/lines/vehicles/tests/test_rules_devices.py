"""Terminals that fall silent, are cut off or tell what cannot be: hits, near misses, edges, late data."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.models import Finding
from zhiguan.lines.vehicles.domain import driving
from zhiguan.lines.vehicles.models import Terminal
from zhiguan.lines.vehicles.rules import devices

from .judging import Told, raw
from .tracks import HOME, SATURDAY, SHANGHAI, WORKDAY, Track, at, north

NEXT = WORKDAY + timedelta(days=1)
FIVE_KM, FAR = north(HOME, 5_000), north(HOME, 20_000)
LATER = datetime(2026, 3, 9, 12, tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def fitted(judge):
    """The terminal has been in the vehicle for a while."""
    Terminal.objects.filter(vehicle=judge.car).update(installed_at=at(WORKDAY - timedelta(days=10), "00:00"))


# --- 定位终端离线


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("09:10", "13:00", False),  # 3 h 50 min
        ("09:10", "13:20", True),
        ("18:00", "23:50", False),  # after hours
        ("05:00", "12:50", False),  # 3 h 50 min of it in office hours
    ],
)
def test_no_report_through_office_hours(judge, start, end, found):
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "23:59")).silent(at(WORKDAY, start), at(WORKDAY, end))
    assert ("terminal_offline" in judge.day(track, now=LATER)) is found


def test_a_day_off_asks_for_no_reports(judge):
    track = (
        Told().stand(at(SATURDAY, "00:00"), at(SATURDAY, "23:59")).silent(at(SATURDAY, "08:00"), at(SATURDAY, "18:00"))
    )
    assert "terminal_offline" not in judge.day(track, day=SATURDAY, now=LATER)


@pytest.mark.parametrize(("minutes", "found"), [(25, False), (33, True)])
def test_silence_while_driving(judge, minutes, found):
    """Silent so long in a drive of an hour at 36 km/h."""
    track = Told().outing(WORKDAY, north(HOME, 36_000), "18:00", "20:00")
    start = at(WORKDAY, "18:10")
    assert (
        "terminal_offline" in judge.day(track.silent(start, start + timedelta(minutes=minutes)), now=LATER)
    ) is found


@pytest.mark.parametrize(("count", "found"), [(1, True), (2, False)])
def test_a_single_report_of_another_time_does_not_end_a_silence(judge, count, found):
    """In the silence the terminal says that the vehicle stands at home: once, its clock was wrong; twice, it does."""
    track = Told().outing(WORKDAY, north(HOME, 36_000), "18:00", "20:00")
    track.silent(at(WORKDAY, "18:10"), at(WORKDAY, "18:50"))
    for minute in range(count):
        track.report(at(WORKDAY, "18:25") + timedelta(minutes=minute), HOME)
    assert ("terminal_offline" in judge.day(track, now=LATER)) is found


def test_standing_still_in_silence_is_no_silent_drive(judge):
    track = Told().outing(WORKDAY, FIVE_KM, "18:00", "20:00")
    track.silent(at(WORKDAY, "18:08"), at(WORKDAY, "19:50"))
    assert "terminal_offline" not in judge.day(track, now=LATER)


@pytest.mark.parametrize(
    ("goal", "back", "found"), [(FIVE_KM, "12:00", True), (HOME, "12:00", False), (FIVE_KM, "02:00", False)]
)
def test_a_silent_night_away_from_its_place(judge, goal, back, found):
    """Last seen at 22:00; the next report comes after the night, or in it."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "20:00"))
    track.stand(track.drive(goal, at(WORKDAY, "20:00")), at(WORKDAY, "22:00"))
    track.stand(at(NEXT, back), at(NEXT, "23:00"))
    judge.day(track, days=2, now=LATER)
    rows = Finding.objects.filter(rule="vehicles.terminal_offline", period=NEXT.isoformat())
    assert (any("在外过夜" in row.summary for row in rows)) is found


@pytest.mark.parametrize(("clocks", "found"), [(["23:30"], True), (["23:10", "23:40"], False)])
def test_a_single_report_before_midnight_does_not_end_a_silent_night(judge, clocks, found):
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "20:00"))
    track.stand(track.drive(FIVE_KM, at(WORKDAY, "20:00")), at(WORKDAY, "22:00"))
    for clock in clocks:
        track.report(at(WORKDAY, clock), FIVE_KM)
    track.stand(at(NEXT, "12:00"), at(NEXT, "23:00"))
    judge.day(track, days=2, now=LATER)
    rows = Finding.objects.filter(rule="vehicles.terminal_offline", period=NEXT.isoformat())
    assert any("在外过夜" in row.summary for row in rows) is found


def test_a_vehicle_that_never_reports_is_found_in_the_morning_and_late_data_withdraw_it(judge):
    driving.compute_day([judge.car], WORKDAY)
    silent = devices.silent_vehicles(WORKDAY, NEXT)
    assert [vehicle.pk for vehicle in silent] == [judge.car.pk]
    rule = next(rule for rule in devices.RULES if rule.code == "vehicles.terminal_offline")
    supervision.run_scheduled(rule, today=NEXT)
    assert "terminal_offline" in judge.found(WORKDAY.isoformat())
    judge.day(Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "23:59")), now=LATER)
    assert "terminal_offline" not in judge.found(WORKDAY.isoformat())
    assert devices.silent_vehicles(WORKDAY, NEXT) == []


def test_late_points_of_a_day_tell_of_the_silent_night_after_it(judge):
    """Seen at home at 20:00 and not again until noon; then it turns out where it was last seen in the evening."""
    judge.day(Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "20:00")), now=LATER)
    judge.day(Told(FIVE_KM).stand(at(NEXT, "12:00"), at(NEXT, "23:00")), day=NEXT, now=LATER)
    rows = Finding.objects.filter(rule="vehicles.terminal_offline", period=NEXT.isoformat(), summary__contains="在外过夜")
    assert not rows.exclude(state="withdrawn").exists()
    late = Told()
    late.stand(late.drive(FIVE_KM, at(WORKDAY, "20:01")), at(WORKDAY, "22:00"))
    judge.day(late, now=LATER)
    assert rows.exclude(state="withdrawn").exists()


def test_a_day_that_is_not_over_accuses_nobody_who_was_not_heard_yet(judge):
    now = at(NEXT, "16:00")
    judge.day(Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "23:59")), now=now)
    assert "terminal_offline" not in judge.found(NEXT.isoformat())


def test_a_vehicle_in_repair_is_not_judged(judge):
    type(judge.car).objects.filter(pk=judge.car.pk).update(state="repair")
    judge.car.refresh_from_db()
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "08:00"))
    assert "terminal_offline" not in judge.day(track, now=LATER)


# --- 静默移动


def carried(metres: float, minutes: float) -> Track:
    """Stand at home until 10:00, be seen next so many minutes later and metres away."""
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    track.where = north(HOME, metres)
    return track.stand(at(WORKDAY, "10:00") + timedelta(minutes=minutes), at(WORKDAY, "23:59"))


@pytest.mark.parametrize(
    ("metres", "minutes", "found"), [(900, 60, False), (1_100, 60, True), (8_000, 8, False), (8_000, 12, True)]
)
def test_elsewhere_after_a_silence(judge, metres, minutes, found):
    assert ("silent_move" in judge.day(carried(metres, minutes))) is found
    if found:
        assert judge.figures("silent_move")["移动距离"] == pytest.approx(metres, abs=15)


def test_an_order_in_force_excuses_a_silent_terminal(judge, past_order):
    past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:00"))
    assert "silent_move" not in judge.day(carried(8_000, 30))


def test_over_several_silent_days(judge):
    judge.day(Track().stand(at(WORKDAY, "08:00"), at(WORKDAY, "10:00")))
    third = WORKDAY + timedelta(days=2)
    found = judge.day(Track(FAR).stand(at(third, "08:00"), at(third, "10:00")), day=third)
    assert "silent_move" in found


# --- 定位天线或电源断开


@pytest.mark.parametrize(
    ("bit", "minutes", "found"), [(5, 4, False), (5, 6, True), (8, 30, True), (1, 60, False), (0, 60, False)]
)
def test_alarm_bits_for_some_minutes(judge, bit, minutes, found):
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "23:59"))
    start = at(WORKDAY, "10:00")
    track.told(start, start + timedelta(minutes=minutes), alarm=1 << bit)
    assert ("antenna_cut" in judge.day(track)) is found


@pytest.mark.parametrize(("kilometres", "found"), [(2.5, False), (3.5, True)])
def test_driving_without_a_fix(judge, kilometres, found):
    """The antenna is wrapped up: no fix, but the odometer goes on."""
    rows = [(at(WORKDAY, "09:00") + timedelta(minutes=n), HOME, 0.0, {"mileage_m": 1_000}) for n in range(5)]
    steps = 20
    rows += [
        (at(WORKDAY, "09:10") + timedelta(minutes=n), (0.0, 0.0), 30.0,
         {"status": 1, "mileage_m": 1_000 + round(kilometres * 1_000 * n / steps)})
        for n in range(steps + 1)
    ]  # fmt: skip
    rows += [(at(WORKDAY, "10:00") + timedelta(minutes=n), HOME, 0.0, {"mileage_m": 9_000}) for n in range(5)]
    assert ("antenna_cut" in judge.day(raw(judge.pair[1], rows))) is found


# --- 定位数据异常


def with_strays(count: int, metres: float) -> Track:
    """An outing with so many points somewhere else in a row."""
    track = Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00")
    start = at(WORKDAY, "11:00")
    for n in range(count):
        track.report(start + timedelta(seconds=60 * n + 7), north(FIVE_KM, metres), kmh=0)
    return track


@pytest.mark.parametrize(
    ("count", "metres", "found"), [(2, 20_000, False), (6, 20_000, True), (12, 2_500, False), (12, 20_000, True)]
)
def test_stray_points_are_faults_islands_are_not(judge, count, metres, found):
    assert ("spoofed" in judge.day(with_strays(count, metres))) is found


def test_two_terminals_with_one_number(judge):
    """One stands at home, one drives about elsewhere, and both report."""
    home = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "23:59"))
    other = Track(FAR)
    other.stand(other.drive(north(FAR, 9_000), at(WORKDAY, "10:00")), at(WORKDAY, "12:00"), every_s=60)
    other.rows = [(second + 30, *rest) for second, *rest in other.rows]
    assert "spoofed" in judge.day(home, other)
    assert "同时出现在两处" in judge.finding("spoofed").summary


@pytest.mark.parametrize(("minutes", "found"), [(4, False), (7, True)])
def test_a_frozen_position_with_a_speed(judge, minutes, found):
    start = at(WORKDAY, "10:00")
    moments = [start + timedelta(seconds=float(s)) for s in np.arange(0, minutes * 60, 10)]
    rows = [(moment, FIVE_KM, 40.0, {}) for moment in moments]
    assert ("spoofed" in judge.day(raw(judge.pair[1], rows))) is found


def test_a_good_day_finds_nothing_about_the_terminal(judge, past_order):
    past_order(judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "12:30"))
    assert judge.day(Track().outing(WORKDAY, FIVE_KM, "10:00", "12:00"), now=LATER) == set()


def test_late_points_explain_a_silent_move(judge):
    assert "silent_move" in judge.day(carried(5_000, 60))
    late = Track()
    late.drive(FIVE_KM, at(WORKDAY, "10:01"))
    late.stand(at(WORKDAY, "10:10"), at(WORKDAY, "10:59"))
    found = judge.day(late)
    assert "silent_move" not in found and "moved_without_order" in found
    assert judge.finding("silent_move").state == "withdrawn"


def test_late_points_of_a_day_explain_a_silent_move_found_on_the_next(judge):
    judge.day(Track().stand(at(WORKDAY, "08:00"), at(WORKDAY, "10:00")))
    following = WORKDAY + timedelta(days=1)
    assert "silent_move" in judge.day(Track(FAR).stand(at(following, "08:00"), at(following, "10:00")), day=following)
    late = Track()
    late.drive(FAR, at(WORKDAY, "10:01"))
    late.stand(at(WORKDAY, "11:30"), at(WORKDAY, "23:59"))
    judge.day(late)
    assert "silent_move" not in judge.found(following.isoformat())
    assert judge.finding("silent_move").state == "withdrawn"
