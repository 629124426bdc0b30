"""Speeding, harsh driving, fatigue, idling: hits, near misses, edges."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .judging import Told, raw
from .tracks import HOME, WORKDAY, at, north


def fast(kmh: float, seconds: float, every_s: float = 5, claimed: float | None = None) -> Told:
    """Drive 20 km at 60, then so many seconds at ``kmh`` (reported as ``claimed``), then on at 60."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    moment = track.drive(north(HOME, 20_000), at(WORKDAY, "10:00"), 60)
    first = moment
    moment = track.drive(north(track.where, kmh / 3.6 * seconds), moment, kmh, every_s)
    if claimed is not None:
        track.told(first, moment - timedelta(seconds=1), speed=round(claimed * 10))
    moment = track.drive(north(track.where, 5_000), moment, 60)
    return track.stand(moment, at(WORKDAY, "18:00"))


@pytest.mark.parametrize(
    ("kmh", "seconds", "found"),
    [(124, 120, False), (127, 120, True), (150, 25, False), (150, 40, True), (115, 600, False)],
)
def test_speeding_is_sustained(judge, kmh, seconds, found):
    """120 are allowed, 5 granted, half a minute asked for."""
    assert ("speeding" in judge.day(fast(kmh, seconds))) is found
    if found:
        assert judge.figures("speeding")["最高速度"] == pytest.approx(kmh, abs=1)


def test_a_receivers_wild_figure_is_no_speeding(judge):
    assert "speeding" not in judge.day(fast(50, 120, claimed=160))


# --- 激烈驾驶


def jerky(times: int, ms2: float = 4.0, every_s: float = 1.0):
    """Accelerate from 30 km/h for two seconds, brake back; so many times, half a minute apart."""
    rows, moment, metres = [], at(WORKDAY, "10:00"), 0.0
    for _ in range(times):
        for kmh in (30.0, 30 + 3.6 * ms2 * every_s, 30 + 7.2 * ms2 * every_s, 30 + 7.2 * ms2 * every_s):
            rows.append((moment, north(HOME, metres), kmh, {}))
            moment += timedelta(seconds=every_s)
            metres += kmh / 3.6 * every_s
        for kmh in (50.0, 40.0, 30.0):  # back gently
            for _ in range(4):
                rows.append((moment, north(HOME, metres), kmh, {}))
                moment += timedelta(seconds=1.5)
                metres += kmh / 3.6 * 1.5
        moment += timedelta(seconds=20)
        metres += 30 / 3.6 * 20
    return rows


@pytest.mark.parametrize(
    ("times", "ms2", "every_s", "found"),
    [(5, 3.2, 1.0, True), (5, 2.8, 1.0, False), (4, 4.0, 1.0, False), (6, 1.2, 10.0, False)],
)
def test_harsh_acceleration_is_counted(judge, times, ms2, every_s, found):
    """3 m/s² and five times; reports ten seconds apart tell nothing."""
    assert ("harsh_driving" in judge.day(raw(judge.pair[1], jerky(times, ms2, every_s)))) is found
    if found:
        assert judge.figures("harsh_driving")["急加速"] == times


@pytest.mark.parametrize(("kmh", "found"), [(40, True), (10, False)])
def test_a_turn_on_the_spot_is_no_harsh_turn(judge, kmh, found):
    rows, moment = [], at(WORKDAY, "10:00")
    for number in range(8):
        for heading in (0, 30, 60, 60, 60):
            rows.append((moment, north(HOME, 10.0 * len(rows)), kmh, {"direction": heading}))
            moment += timedelta(seconds=1)
        moment += timedelta(seconds=30)
        del number
    assert ("harsh_driving" in judge.day(raw(judge.pair[1], rows))) is found


# --- 疲劳驾驶


def long_drive(hours: float, pause_min: float, after_hours: float = 2.0, silent: bool = False) -> Told:
    """Drive at 40 km/h with one pause after so many hours."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "08:00"))
    moment = track.drive(north(HOME, 40_000 * after_hours), at(WORKDAY, "08:00"), 40)
    on = moment + timedelta(minutes=pause_min)
    track.stand(moment, on)
    if silent:
        track.silent(moment, on)
    moment = track.drive(north(HOME, 40_000 * (after_hours - (hours - after_hours))), on, 40)
    return track.stand(moment, at(WORKDAY, "23:00"))


@pytest.mark.parametrize(
    ("hours", "pause", "found"), [(4.3, 19, True), (4.3, 21, False), (3.5, 10, False), (3.9, 3, False), (4.0, 5, True)]
)
def test_driving_on_without_a_rest(judge, hours, pause, found):
    """More than four hours from the first move to the last, pauses below twenty minutes included."""
    assert ("fatigue" in judge.day(long_drive(hours, pause))) is found


def test_a_silent_rest_is_a_rest(judge):
    assert "fatigue" not in judge.day(long_drive(4.3, 25, silent=True))


def test_a_silent_drive_is_none(judge):
    track = long_drive(4.6, 0)
    assert "fatigue" in judge.day(track.silent(at(WORKDAY, "09:00"), at(WORKDAY, "09:25")))


# --- 长时间怠速


def standing(minutes: float, status: int = 3, *, wired: bool = True) -> Told:
    """An outing with the engine running for so many minutes at the goal."""
    track = Told().outing(WORKDAY, north(HOME, 5_000), "10:00", "14:00")
    start = at(WORKDAY, "11:00")
    track.told(start, start + timedelta(minutes=minutes), status=status)
    if not wired:
        track.told(at(WORKDAY, "00:00"), at(WORKDAY, "23:59"), status=2)
        track.told(start, start + timedelta(minutes=minutes), status=3)
    return track


@pytest.mark.parametrize(("minutes", "found"), [(12, False), (27, False), (31, True), (90, True)])
def test_idling_at_a_time_and_in_all(judge, minutes, found):
    assert ("idling" in judge.day(standing(minutes))) is found


def test_several_short_ones_add_up_and_very_short_ones_do_not(judge):
    track = standing(16)
    track.told(at(WORKDAY, "12:00"), at(WORKDAY, "12:16"), status=3)
    assert "idling" in judge.day(track)


def test_an_ignition_that_is_not_wired_says_nothing(judge):
    assert "idling" not in judge.day(standing(90, wired=False))
