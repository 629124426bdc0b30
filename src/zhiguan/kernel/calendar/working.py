"""Working days as a pure function of a snapshot of the calendar; no database here."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from zhiguan.kit.errors import Refusal

SHANGHAI = ZoneInfo("Asia/Shanghai")
ONE = timedelta(days=1)
SATURDAY = 5


class YearNotLoaded(Refusal):
    """The holidays of a year are not known, so no answer about it can be right."""

    status = 503
    code = "year_not_loaded"

    def __init__(self, year: int):
        super().__init__(f"{year} 年的节假日安排尚未装入，无法计算工作日。请系统管理员在“基础数据 · 工作日历”中装入。")
        self.year = year


@dataclass(frozen=True)
class Hours:
    """Office hours in force from a date on: pairs of (from, to) within a day."""

    valid_from: date
    spans: tuple[tuple[time, time], ...]


@dataclass(frozen=True)
class Calendar:
    """What is known: loaded years, days off by name, weekend days worked, office hours by date."""

    years: frozenset[int]
    off: Mapping[date, str]
    work: frozenset[date]
    hours: tuple[Hours, ...] = field(default=())

    def is_working_day(self, day: date) -> bool:
        """Tell whether offices work on the day. Raises :class:`YearNotLoaded`."""
        if day.year not in self.years:
            raise YearNotLoaded(day.year)
        if day in self.off:
            return False
        return day in self.work or day.weekday() < SATURDAY

    def name_of(self, day: date) -> str:
        """Return the day's name for people: the holiday, 调休上班, 周末 or 工作日."""
        if self.is_working_day(day):
            return "调休上班" if day in self.work else "工作日"
        return self.off.get(day, "周末")

    def add_working_days(self, start: date, count: int) -> date:
        """Return the ``count``-th working day after ``start`` (before it when negative); 0 returns ``start``."""
        step = ONE if count >= 0 else -ONE
        day, left = start, abs(count)
        while left:
            day += step
            left -= self.is_working_day(day)
        return day

    def working_days_between(self, start: date, end: date) -> int:
        """Return how many working days lie in ``(start, end]``; negative when ``end`` is before ``start``."""
        if end < start:
            return -self.working_days_between(end, start)
        return sum(self.is_working_day(start + ONE * number) for number in range(1, (end - start).days + 1))

    @cached_property
    def _starts(self) -> list[date]:
        return [each.valid_from for each in self.hours]

    def office_hours(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Return the office hours of the day as moments in Shanghai; none on days off."""
        if not self.is_working_day(day):
            return ()
        at = bisect.bisect_right(self._starts, day) - 1
        if at < 0:
            return ()
        return tuple(
            (datetime.combine(day, first, SHANGHAI), datetime.combine(day, last, SHANGHAI))
            for first, last in self.hours[at].spans
        )

    def within_office_hours(self, moment: datetime) -> bool:
        """Tell whether the moment lies in office hours."""
        local = moment.astimezone(SHANGHAI)
        return any(first <= local < last for first, last in self.office_hours(local.date()))

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Return how much office time lies between two moments."""
        total, day = timedelta(0), start.astimezone(SHANGHAI).date()
        while day <= end.astimezone(SHANGHAI).date():
            for first, last in self.office_hours(day):
                total += max(timedelta(0), min(end, last) - max(start, first))
            day += ONE
        return total
