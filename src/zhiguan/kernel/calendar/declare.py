"""The calendar as a value: days and office hours of the loaded years, and what can be worked out from them.

A :class:`Snapshot` never changes and asks no database, so that rules can ask it about millions of moments.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from zhiguan.kit.errors import Refusal

LOCAL = ZoneInfo("Asia/Shanghai")
LOCAL_OFFSET_SECONDS = 8 * 3600
"""Asia/Shanghai has had no other offset since 1991."""
DAY_SECONDS = 86400
UNIX_ORDINAL = date(1970, 1, 1).toordinal()

Interval = tuple[datetime, datetime]
"""A stretch of time, first moment included, last one not; aware, in Asia/Shanghai."""


class YearNotLoaded(Refusal):
    """The holidays of a year are not known; guessing them would give wrong deadlines and wrong findings."""

    status = 409
    code = "year_not_loaded"

    def __init__(self, year: int) -> None:
        super().__init__(
            f"{year} 年的节假日安排尚未装入，无法计算工作日。"
            f"请由基础数据管理人员在“节假日”中装入国务院办公厅公布的 {year} 年安排。"
        )
        self.year = year


@dataclass(frozen=True)
class Mark:
    """A day that differs from its weekday: off (放假) or worked instead (调休上班)."""

    kind: str
    name: str


@dataclass(frozen=True)
class Hours:
    """Office hours of one dated policy. ``lo … hi`` are the positions of the units it holds for; None: for all.

    Between ``break_from`` and ``break_to`` is the midday break; None: there is none.
    """

    opens_at: time
    closes_at: time
    break_from: time | None
    break_to: time | None
    valid_from: date
    valid_to: date | None
    lo: int | None = None
    hi: int | None = None

    def holds(self, day: date, pos: int | None) -> bool:
        """Tell whether the policy is in force on the day for the unit at ``pos``."""
        if day < self.valid_from or (self.valid_to is not None and day >= self.valid_to):
            return False
        return self.lo is None or (pos is not None and self.hi is not None and self.lo <= pos <= self.hi)

    def spans(self, *, with_break: bool) -> list[tuple[time, time]]:
        """Return the times worked; ``with_break`` counts the midday break as well."""
        if with_break or self.break_from is None or self.break_to is None:
            return [(self.opens_at, self.closes_at)]
        return [(self.opens_at, self.break_from), (self.break_to, self.closes_at)]


class HoursNotSet(Refusal):
    """No office hours are in force for a unit on a day."""

    status = 409
    code = "hours_not_set"


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


@dataclass(frozen=True)
class Snapshot:
    """The loaded years, their marked days, and every policy of office hours."""

    years: frozenset[int]
    marks: Mapping[date, Mark]
    hours: tuple[Hours, ...] = field(default=())

    def need(self, first: int, last: int) -> None:
        """Raise :class:`YearNotLoaded` unless every year from ``first`` to ``last`` is loaded."""
        for year in range(first, last + 1):
            if year not in self.years:
                raise YearNotLoaded(year)

    def is_working_day(self, day: date) -> bool:
        """Tell whether offices work on the day. Raises :class:`YearNotLoaded`."""
        self.need(day.year, day.year)
        mark = self.marks.get(day)
        return mark.kind == "swap" if mark is not None else day.weekday() < 5

    def name_of(self, day: date) -> str:
        """Return what the day is called: 春节, 春节调休上班, 周六, or 工作日."""
        mark = self.marks.get(day)
        if mark is not None:
            return mark.name if mark.kind == "holiday" else f"{mark.name}调休上班"
        return "工作日" if day.weekday() < 5 else "周" + "六日"[day.weekday() - 5]

    @cached_property
    def _working(self) -> list[int]:
        """Ordinals of all working days of the loaded years, ascending."""
        found = []
        for year in sorted(self.years):
            day, end = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
            found += [number for number in range(day, end + 1) if self.is_working_day(date.fromordinal(number))]
        return found

    @cached_property
    def _working_array(self) -> npt.NDArray[np.int64]:
        return np.array(self._working, dtype=np.int64)

    def working_days_between(self, start: date, end: date) -> int:
        """Return how many working days come after ``start`` up to and including ``end``.

        Negative when ``end`` is first. The day of acceptance is not counted, the last day is: so time limits run.
        """
        self.need(min(start, end).year, max(start, end).year)
        return bisect_right(self._working, end.toordinal()) - bisect_right(self._working, start.toordinal())

    def add_working_days(self, start: date, count: int) -> date:
        """Return the ``count``-th working day after ``start``, or before it when negative.

        0 gives ``start`` itself, or the next working day when ``start`` is none.
        """
        self.need(start.year, start.year)
        if count == 0:
            return start if self.is_working_day(start) else self.add_working_days(start, 1)
        after = bisect_right(self._working, start.toordinal())
        if count > 0:
            index = after + count - 1
        else:
            index = after - (1 if self.is_working_day(start) else 0) + count
        if 0 <= index < len(self._working):
            found = date.fromordinal(self._working[index])
            self.need(min(start, found).year, max(start, found).year)
            return found
        year = start.year
        while year in self.years:
            year += 1 if count > 0 else -1
        raise YearNotLoaded(year)

    def hours_on(self, day: date, pos: int | None = None) -> Hours:
        """Return the policy in force on the day for the unit at ``pos``: its own, else that of the nearest unit above.

        Raises :class:`HoursNotSet` when there is none, not even for all.
        """
        holding = [policy for policy in self.hours if policy.holds(day, pos)]
        if not holding:
            raise HoursNotSet(f"{day:%Y-%m-%d} 没有适用的工作时间规定，请由基础数据管理人员设定。")

        def width(policy: Hours) -> int:
            return 2**63 if policy.lo is None or policy.hi is None else policy.hi - policy.lo

        return min(holding, key=lambda policy: (width(policy), -policy.valid_from.toordinal()))

    def office_hours(self, day: date, pos: int | None = None, *, with_break: bool = False) -> tuple[Interval, ...]:
        """Return the intervals worked on the day by the unit at ``pos``; none on a day off."""
        if not self.is_working_day(day):
            return ()
        spans = self.hours_on(day, pos).spans(with_break=with_break)
        return tuple(
            (datetime.combine(day, start, LOCAL), datetime.combine(day, end, LOCAL)) for start, end in spans
        )

    def within_office_hours(self, moment: datetime, pos: int | None = None, *, with_break: bool = False) -> bool:
        """Tell whether an aware moment lies within office hours."""
        local = moment.astimezone(LOCAL)
        return any(start <= local < end for start, end in self.office_hours(local.date(), pos, with_break=with_break))

    def working_time(self, start: datetime, end: datetime, pos: int | None = None) -> timedelta:
        """Return how much office time lies between two aware moments; none when ``end`` is first."""
        total, day, last = timedelta(0), start.astimezone(LOCAL).date(), end.astimezone(LOCAL).date()
        while day <= last:
            for first, until in self.office_hours(day, pos):
                total += max(timedelta(0), min(end, until) - max(start, first))
            day += timedelta(days=1)
        return total

    def working_many(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return for each day (``datetime64[D]``) whether it is a working day."""
        numbers = days.astype("datetime64[D]").astype(np.int64) + UNIX_ORDINAL
        for number in np.unique(numbers) if numbers.size else ():
            year = date.fromordinal(int(number)).year
            self.need(year, year)
        return np.isin(numbers, self._working_array)

    def within_many(
        self, seconds: npt.NDArray[np.int64], pos: int | None = None, *, with_break: bool = False
    ) -> npt.NDArray[np.bool_]:
        """Return for each moment (Unix seconds, UTC) whether it lies within the office hours of the unit at ``pos``."""
        local = np.asarray(seconds, dtype=np.int64) + LOCAL_OFFSET_SECONDS
        numbers, clock = np.divmod(local, DAY_SECONDS)
        days, which = np.unique(numbers, return_inverse=True)
        spans = []
        for number in days:
            day = date.fromordinal(int(number) + UNIX_ORDINAL)
            works = self.is_working_day(day)
            spans.append(self.hours_on(day, pos).spans(with_break=with_break) if works else [])
        most = max((len(each) for each in spans), default=0)
        inside = np.zeros(local.shape, dtype=np.bool_)
        for number in range(most):
            starts = np.array([_seconds(each[number][0]) if number < len(each) else 0 for each in spans])
            ends = np.array([_seconds(each[number][1]) if number < len(each) else 0 for each in spans])
            inside |= (clock >= starts[which]) & (clock < ends[which])
        return inside

    def runs_off(self, start: date, end: date) -> list[tuple[date, date]]:
        """Return the runs of consecutive days off within ``start … end`` as (first, last)."""
        runs: list[tuple[date, date]] = []
        day = start
        while day <= end:
            if not self.is_working_day(day):
                if runs and runs[-1][1] == day - timedelta(days=1):
                    runs[-1] = (runs[-1][0], day)
                else:
                    runs.append((day, day))
            day += timedelta(days=1)
        return runs
