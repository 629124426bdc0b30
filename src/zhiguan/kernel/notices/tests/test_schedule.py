"""When something may leave: never in a quiet time, never before it happened, never lost."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.notices.schedule import FARTHEST_DAYS, LOCAL, due, quiet_end


def wishes(digest="08:30", quiet=None, workdays=False):
    start, end = (time.fromisoformat(each) for each in quiet) if quiet else (None, None)
    return SimpleNamespace(
        digest_at=time.fromisoformat(digest), quiet_from=start, quiet_to=end, workdays_only=workdays
    )  # fmt: skip


def weekday(day: date) -> bool:
    return day.weekday() < 5


FRIDAY = "2026-03-06T"
NIGHT = ("22:00", "07:00")


@pytest.mark.parametrize(
    ("at", "digest", "wished", "expected"),
    [
        (FRIDAY + "10:00", False, wishes(), FRIDAY + "10:00"),
        (FRIDAY + "23:10", False, wishes(quiet=NIGHT), "2026-03-07T07:00"),
        (FRIDAY + "03:00", False, wishes(quiet=NIGHT), FRIDAY + "07:00"),
        (FRIDAY + "07:00", False, wishes(quiet=NIGHT), FRIDAY + "07:00"),
        (FRIDAY + "12:30", False, wishes(quiet=("12:00", "13:30")), FRIDAY + "13:30"),
        (FRIDAY + "23:10", False, wishes(quiet=NIGHT, workdays=True), "2026-03-09T07:00"),
        ("2026-03-07T10:00", False, wishes(workdays=True), "2026-03-09T00:00"),
        (FRIDAY + "08:00", True, wishes(), FRIDAY + "08:30"),
        (FRIDAY + "08:30", True, wishes(), "2026-03-07T08:30"),
        (FRIDAY + "09:00", True, wishes(workdays=True), "2026-03-09T08:30"),
        (FRIDAY + "05:00", True, wishes("06:30", NIGHT), FRIDAY + "07:00"),
    ],
)
def test_cases(at, digest, wished, expected) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=LOCAL)
    assert due(moment, wished, digest=digest, working=weekday) == datetime.fromisoformat(expected).replace(tzinfo=LOCAL)


times = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@settings(max_examples=200, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), times, st.none() | st.tuples(times, times), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_it_is_later_outside_the_quiet_time_on_a_working_day_and_soon(at, digest_at, quiet, workdays, digest) -> None:
    start, end = quiet or (None, None)
    wished = SimpleNamespace(digest_at=digest_at, quiet_from=start, quiet_to=end, workdays_only=workdays)
    moment = at.replace(tzinfo=LOCAL)
    found = due(moment, wished, digest=digest, working=weekday)
    assert moment <= found < moment + timedelta(days=7)
    assert quiet_end(found, wished) is None
    assert not workdays or weekday(found.date())


def test_a_calendar_without_working_days_holds_nothing_back_for_ever() -> None:
    moment = datetime(2026, 3, 6, 10, tzinfo=LOCAL)
    found = due(moment, wishes(workdays=True), digest=False, working=lambda day: False)
    assert found - moment <= timedelta(days=FARTHEST_DAYS)
