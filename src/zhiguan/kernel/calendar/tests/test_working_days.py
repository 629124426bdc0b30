from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.calendar import loading, service
from zhiguan.kernel.calendar.declare import LOCAL, Hours, HoursNotSet, Mark, Snapshot, YearNotLoaded

ROWS = loading.read_years(loading.BUILTIN.read_bytes())
MIDDAY = Hours(time(9), time(17, 30), time(12), time(13), date(2000, 1, 1), None)
KNOWN = Snapshot(
    frozenset(row.year for row in ROWS),
    {each.day: Mark(each.kind, each.name) for row in ROWS for each in row.days},
    (MIDDAY, Hours(time(8, 30), time(17), None, None, date(2025, 7, 1), date(2025, 10, 1), 100, 199)),
)
FIRST, LAST = date(2024, 1, 1), date(2026, 12, 31)
days = st.dates(FIRST, LAST)
inner = st.dates(date(2024, 6, 1), date(2026, 6, 30))


def test_shipped_years_agree_with_an_independent_calendar() -> None:
    oracle = pytest.importorskip("chinese_calendar", reason="独立日历包 chinese_calendar 未安装，无法对照")
    day = FIRST
    while day <= LAST:
        assert KNOWN.is_working_day(day) == oracle.is_workday(day), day
        day += timedelta(days=1)


def test_shipped_years_cite_their_notice() -> None:
    assert [row.year for row in ROWS] == [2024, 2025, 2026]
    assert all(row.verified and row.number.startswith("国办发明电〔") and row.issued_on for row in ROWS)


@pytest.mark.parametrize(
    ("day", "working", "name"),
    [
        ("2026-02-17", False, "春节"), ("2026-02-14", True, "春节调休上班"), ("2026-02-28", True, "春节调休上班"),
        ("2026-03-02", True, "工作日"), ("2026-03-07", False, "周六"), ("2025-10-08", False, "国庆节、中秋节"),
    ],
)  # fmt: skip
def test_known_days(day: str, working: bool, name: str) -> None:
    found = date.fromisoformat(day)
    assert (KNOWN.is_working_day(found), KNOWN.name_of(found)) == (working, name)


def test_a_time_limit_runs_over_the_spring_festival() -> None:
    assert KNOWN.add_working_days(date(2026, 2, 13), 5) == date(2026, 2, 27)
    assert KNOWN.working_days_between(date(2026, 2, 13), date(2026, 2, 27)) == 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda: KNOWN.is_working_day(date(2027, 1, 4)),
        lambda: KNOWN.add_working_days(date(2026, 12, 30), 5),
        lambda: KNOWN.add_working_days(date(2024, 1, 5), -20),
        lambda: KNOWN.working_days_between(date(2026, 12, 1), date(2027, 1, 8)),
        lambda: KNOWN.within_office_hours(datetime(2027, 3, 1, 10, tzinfo=LOCAL)),
        lambda: KNOWN.within_many(np.array([1804000000])),
        lambda: KNOWN.working_many(np.array(["2023-12-31"], dtype="datetime64[D]")),
    ],
)
def test_an_unknown_year_is_refused_loudly(ask) -> None:
    with pytest.raises(YearNotLoaded) as refusal:
        ask()
    assert str(refusal.value.year) in refusal.value.message and "尚未装入" in refusal.value.message


def test_a_gap_between_loaded_years_is_not_jumped() -> None:
    gap = Snapshot(KNOWN.years - {2025}, {day: mark for day, mark in KNOWN.marks.items() if day.year != 2025})
    with pytest.raises(YearNotLoaded, match="2025"):
        gap.add_working_days(date(2024, 12, 30), 10)
    assert gap.add_working_days(date(2024, 12, 30), 1) == date(2024, 12, 31)


@given(inner, st.integers(1, 100))
def test_adding_and_counting_agree(start: date, count: int) -> None:
    end = KNOWN.add_working_days(start, count)
    assert KNOWN.is_working_day(end) and end > start
    assert KNOWN.working_days_between(start, end) == count
    assert KNOWN.working_days_between(end, start) == -count


@given(inner, st.integers(1, 100))
def test_going_back_is_the_inverse(start: date, count: int) -> None:
    day = KNOWN.add_working_days(start, 0)
    assert KNOWN.add_working_days(KNOWN.add_working_days(day, count), -count) == day
    back = KNOWN.add_working_days(start, -count)
    assert KNOWN.is_working_day(back) and back < start


@given(days, days, days)
def test_counting_adds_up_and_equals_a_walk(one: date, two: date, three: date) -> None:
    count = KNOWN.working_days_between
    assert count(one, two) + count(two, three) == count(one, three)
    low, high = min(one, two), max(one, two)
    walked = sum(KNOWN.is_working_day(low + timedelta(days=n)) for n in range(1, (high - low).days + 1))
    assert count(low, high) == walked


moments = st.datetimes(datetime(2024, 1, 2), datetime(2026, 12, 30), timezones=st.just(UTC))


@given(st.lists(moments, max_size=40), st.sampled_from([None, 99, 150]), st.booleans())
def test_many_moments_answer_as_one_by_one(asked: list[datetime], pos: int | None, with_break: bool) -> None:
    seconds = np.array([int(moment.timestamp()) for moment in asked], dtype=np.int64)
    one_by_one = [
        KNOWN.within_office_hours(moment.replace(microsecond=0), pos, with_break=with_break) for moment in asked
    ]
    assert KNOWN.within_many(seconds, pos, with_break=with_break).tolist() == one_by_one
    dates = np.array([moment.date() for moment in asked], dtype="datetime64[D]")
    assert KNOWN.working_many(dates).tolist() == [KNOWN.is_working_day(moment.date()) for moment in asked]


@given(days, st.sampled_from([None, 150]))
def test_intervals_are_ordered_and_hold_their_moments(day: date, pos: int | None) -> None:
    spans = KNOWN.office_hours(day, pos)
    assert bool(spans) == KNOWN.is_working_day(day)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start
    for start, end in spans:
        assert KNOWN.within_office_hours(start, pos)
        assert not KNOWN.within_office_hours(end, pos)
        assert KNOWN.within_office_hours(end - timedelta(seconds=1), pos)


def test_hours_of_the_nearest_unit_and_the_date() -> None:
    at = datetime(2025, 8, 4, 8, 45, tzinfo=LOCAL)
    assert KNOWN.within_office_hours(at, 150) and not KNOWN.within_office_hours(at, 99)
    assert not KNOWN.within_office_hours(datetime(2025, 10, 13, 8, 45, tzinfo=LOCAL), 150)
    lunch = datetime(2025, 6, 3, 12, 30, tzinfo=LOCAL)
    assert not KNOWN.within_office_hours(lunch) and KNOWN.within_office_hours(lunch, with_break=True)
    with pytest.raises(HoursNotSet):
        Snapshot(KNOWN.years, KNOWN.marks).office_hours(date(2025, 6, 3))


def test_office_time_between_two_moments() -> None:
    friday, monday = datetime(2026, 3, 6, 16, 30, tzinfo=LOCAL), datetime(2026, 3, 9, 9, 45, tzinfo=LOCAL)
    assert KNOWN.working_time(friday, monday) == timedelta(hours=1, minutes=45)
    assert KNOWN.working_time(monday, friday) == timedelta(0)


def test_runs_off_join_weekend_and_holiday() -> None:
    assert KNOWN.runs_off(date(2024, 6, 3), date(2024, 6, 14)) == [(date(2024, 6, 8), date(2024, 6, 10))]
    assert (date(2026, 2, 15), date(2026, 2, 23)) in KNOWN.runs_off(date(2026, 2, 1), date(2026, 3, 1))


@pytest.mark.parametrize(
    "text",
    [
        "", "years: []", "years: {2027: 5}", "years: {x: {}}", "years: {2027: {arrangements: []}}", "[" * 5000,
        "years: {2027: {arrangements: [{name: 元旦, from: 2027-01-01, to: 2026-01-01}]}}",
        "years: {2027: {arrangements: [{name: 元旦, from: 2027-01-01, work: [2027-01-04]}]}}",
        "years: {2027: {arrangements: [{name: 元旦, from: 一月一日}]}}", "!!python/object/apply:os.getcwd []",
        "years: {2027: {arrangements: [{name: 元旦, from: 2027-01-01, work: 5}]}}", b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_the_place(text) -> None:
    with pytest.raises(service.Invalid) as refusal:
        loading.read_years(text)
    assert refusal.value.message


def test_every_bad_day_is_named() -> None:
    rows = [
        service.DayRow(date(2027, 1, 1), "holiday", "元旦"), service.DayRow(date(2027, 1, 1), "holiday", "元旦"),
        service.DayRow(date(2026, 12, 31), "holiday", "元旦"), service.DayRow(date(2027, 1, 5), "swap", "元旦"),
        service.DayRow(date(2027, 1, 2), "nothing", "元旦"), service.DayRow(date(2027, 1, 3), "holiday", " "),
    ]  # fmt: skip
    with pytest.raises(service.Invalid) as refusal:
        loading.check_days(2027, rows)
    assert set(refusal.value.fields) == {"2027-01-01", "2026-12-31", "2027-01-05", "2027-01-02", "2027-01-03"}
