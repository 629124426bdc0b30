"""Built-in functions of dates, times and durations."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from . import temporal
from .errors import Run
from .registry import builtin
from .temporal import YearsMonths
from .values import add

LOCAL = ZoneInfo("Asia/Shanghai")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


def _whole(*values: Decimal) -> list[int] | None:
    if any(each != each.to_integral_value() or each.adjusted() > 9 for each in values):
        return None
    return [int(each) for each in values]


@builtin("date(from: string)")
def date_text(run: Run, text: str) -> date | None:
    return temporal.read_date(text)


@builtin("date(from: date|datetime)")
def date_of(run: Run, value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


@builtin("date(year: number, month: number, day: number)")
def date_parts(run: Run, year: Decimal, month: Decimal, day: Decimal) -> date | None:
    parts = _whole(year, month, day)
    try:
        return date(*parts) if parts else None
    except (ValueError, OverflowError):
        return None


@builtin("time(from: string)")
def time_text(run: Run, text: str) -> time | None:
    return temporal.read_time(text)


@builtin("time(from: date|time|datetime)")
def time_of(run: Run, value: Any) -> time:
    if isinstance(value, datetime):
        return value.timetz()
    return value if isinstance(value, time) else time(tzinfo=UTC)


@builtin("time(hour: number, minute: number, second: number, offset: days|null?)")
def time_parts(run: Run, hour: Decimal, minute: Decimal, second: Decimal, offset: timedelta | None = None):
    parts = _whole(hour, minute)
    if parts is None or not 0 <= second < 60:
        return None
    try:
        zone = None if offset is None else timezone(offset)
        return time(parts[0], parts[1], int(second), int(second % 1 * 1_000_000), zone)
    except (ValueError, OverflowError):
        return None


@builtin("date and time(from: string)")
def moment_text(run: Run, text: str) -> datetime | None:
    return temporal.read_moment(text)


@builtin("date and time(date: date|datetime, time: time)")
def moment_parts(run: Run, day: date, at: time) -> datetime:
    return datetime.combine(day.date() if isinstance(day, datetime) else day, at)


@builtin("date and time(from: date|datetime)")
def moment_of(run: Run, value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time(tzinfo=UTC))


@builtin("date and time(year: number, month: number, day: number, hour: number, minute: number, second: number, "
         "offset: days|null?)")  # fmt: skip
def moment_numbers(run: Run, year, month, day, hour, minute, second, offset=None) -> datetime | None:
    first, second_part = date_parts(run, year, month, day), time_parts(run, hour, minute, second, offset)
    return None if first is None or second_part is None else datetime.combine(first, second_part)


@builtin("duration(from: string)")
def duration(run: Run, text: str) -> timedelta | YearsMonths | None:
    return temporal.read_duration(text)


@builtin("duration(from: days|months)")
def duration_of(run: Run, value: Any) -> timedelta | YearsMonths:
    return value


@builtin("years and months duration(from: date|datetime, to: date|datetime)")
def months_between(run: Run, start: Any, end: Any) -> YearsMonths:
    first, last = ((each.date() if isinstance(each, datetime) else each) for each in (start, end))
    sign = 1 if first <= last else -1
    if sign < 0:
        first, last = last, first
    months = (last.year - first.year) * 12 + last.month - first.month - (last.day < first.day)
    return YearsMonths(sign * months)


def _now(run: Run) -> datetime:
    return run.now or datetime.now(LOCAL)


@builtin("now()")
def now(run: Run) -> datetime:
    return _now(run)


@builtin("today()")
def today(run: Run) -> date:
    return _now(run).date()


@builtin("day of week(date: date|datetime)")
def day_of_week(run: Run, day: date) -> str:
    return WEEKDAYS[day.weekday()]


@builtin("day of year(date: date|datetime)")
def day_of_year(run: Run, day: date) -> Decimal:
    return Decimal(day.timetuple().tm_yday)


@builtin("week of year(date: date|datetime)")
def week_of_year(run: Run, day: date) -> Decimal:
    return Decimal(day.isocalendar().week)


@builtin("month of year(date: date|datetime)")
def month_of_year(run: Run, day: date) -> str:
    return MONTHS[day.month - 1]


@builtin("last day of month(date: date|datetime)")
def last_day(run: Run, day: date) -> Decimal | None:
    following = add(date(day.year, day.month, 1), YearsMonths(1))
    return Decimal(31) if following is None else Decimal((following - timedelta(days=1)).day)
