"""The calendar's arithmetic, the shipped years, and refusal of years not loaded."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.calendar import service
from zhiguan.kernel.calendar.working import SHANGHAI, YearNotLoaded

DAYS = st.dates(date(2024, 1, 15), date(2026, 11, 30))


@pytest.fixture(scope="module")
def shipped():
    import yaml

    from zhiguan.kernel.calendar.working import Calendar, Hours

    years = yaml.safe_load(service.DATA.read_text(encoding="utf-8"))["years"]
    am, noon, pm, end = service.DEFAULT_HOURS
    return Calendar(
        frozenset(years),
        {day: name for entry in years.values() for name, days in entry["days_off"].items() for day in days},
        frozenset(day for entry in years.values() for day in entry["work_days"]),
        (Hours(date(2000, 1, 1), ((am, noon), (pm, end))),),
    )


@pytest.mark.parametrize(
    ("day", "working", "name"),
    [
        (date(2025, 10, 1), False, "国庆节"),
        (date(2025, 9, 28), True, "调休上班"),
        (date(2025, 1, 28), False, "春节"),
        (date(2026, 11, 23), True, "工作日"),
        (date(2026, 11, 22), False, "周末"),
    ],
)
def test_known_days(shipped, day, working, name):
    assert (shipped.is_working_day(day), shipped.name_of(day)) == (working, name)


def test_a_year_not_loaded_is_refused(shipped):
    with pytest.raises(YearNotLoaded, match="2031"):
        shipped.is_working_day(date(2031, 1, 4))
    with pytest.raises(YearNotLoaded):
        shipped.add_working_days(date(2026, 12, 31), 3)


@given(day=DAYS, count=st.integers(0, 20))
def test_adding_and_counting_agree(shipped, day, count):
    later = shipped.add_working_days(day, count)
    assert shipped.working_days_between(day, later) == count
    assert count == 0 or shipped.is_working_day(later)


@given(day=DAYS)
def test_office_time_of_a_day_is_all_or_nothing(shipped, day):
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    spent = shipped.working_time(start, start + timedelta(days=1))
    assert spent == (timedelta(hours=7, minutes=30) if shipped.is_working_day(day) else timedelta(0))


def test_sync_loads_once_and_the_service_answers(as_system):
    first = service.sync()
    assert service.sync() == 0 and first in (0, 3)
    assert service.is_working_day(date(2026, 11, 23))
    assert service.within_office_hours(datetime(2026, 11, 23, 10, tzinfo=SHANGHAI))
    assert not service.within_office_hours(datetime(2026, 11, 23, 12, 30, tzinfo=SHANGHAI))
    with pytest.raises(YearNotLoaded):
        service.is_working_day(date(2040, 1, 1))
