"""Dates, times and durations of FEEL, read from and written as ISO 8601. Years 1 to 9999, microseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, order=True)
class YearsMonths:
    """A duration of whole months, below zero if it goes back."""

    months: int


_DATE = r"(-?\d{4,9})-(\d\d)-(\d\d)"
_TIME = r"(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|z|[+-]\d\d:\d\d(?::\d\d)?|@[A-Za-z0-9_+\-/]+)?"
DATE = re.compile(_DATE, re.ASCII)
TIME = re.compile("T?" + _TIME, re.ASCII)
MOMENT = re.compile(_DATE + "T" + _TIME, re.ASCII)
MONTHS = re.compile(r"(-)?P(?:(\d{1,12})Y)?(?:(\d{1,12})M)?", re.ASCII)
SECONDS = re.compile(
    r"(-)?P(?:(\d{1,12})D)?(?:T(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12})(?:\.(\d*))?S)?)?", re.ASCII
)


@lru_cache(maxsize=200)
def zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, None if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def offset(text: str | None) -> tzinfo | None:
    """Return the zone that ``Z``, ``+08:00`` or ``@Asia/Shanghai`` means. Raises ValueError if it means none."""
    if not text:
        return None
    if text in "Zz":
        return UTC
    if text[0] == "@":
        found = zone(text[1:])
        if found is None:
            raise ValueError(text)
        return found
    parts = [int(part) for part in text[1:].split(":")]
    if parts[0] > 14 or any(part > 59 for part in parts[1:]):
        raise ValueError(text)
    seconds = sum(part * size for part, size in zip(parts, (3600, 60, 1), strict=False))
    return timezone(timedelta(seconds=-seconds if text[0] == "-" else seconds))


def _clock(parts: tuple[str, ...]) -> time:
    hour, minute, second, fraction, where = parts
    micro = int((fraction or ".0")[1:7].ljust(6, "0"))
    return time(int(hour), int(minute), int(second), micro, offset(where))


def _day(parts: tuple[str, ...]) -> date:
    if len(parts[0].lstrip("-")) > 4 and parts[0].lstrip("-")[0] == "0":
        raise ValueError(parts[0])
    return date(int(parts[0]), int(parts[1]), int(parts[2]))


def read_date(text: str) -> date | None:
    """Return the day ``text`` writes, None if it writes none."""
    found = DATE.fullmatch(text)
    try:
        return _day(found.groups()) if found else None
    except (ValueError, OverflowError):
        return None


def read_time(text: str) -> time | None:
    """Return the time of day ``text`` writes, None if it writes none."""
    found = TIME.fullmatch(text)
    try:
        return _clock(found.groups()) if found else None
    except ValueError:
        return None


def read_moment(text: str) -> datetime | None:
    """Return the date and time ``text`` writes, None if it writes none."""
    found = MOMENT.fullmatch(text)
    if not found:
        day = read_date(text)
        return datetime.combine(day, time()) if day else None
    try:
        parts = found.groups()
        day = _day(parts[:3])
        if parts[3:6] == ("24", "00", "00"):
            return datetime.combine(day + timedelta(days=1), time(0, tzinfo=offset(parts[7])))
        return datetime.combine(day, _clock(parts[3:]))
    except (ValueError, OverflowError):
        return None


def read_duration(text: str) -> timedelta | YearsMonths | None:
    """Return the duration ``text`` writes, None if it writes none."""
    if text.endswith(("P", "T")):
        return None
    if found := MONTHS.fullmatch(text):
        months = 12 * int(found[2] or 0) + int(found[3] or 0)
        return YearsMonths(-months if found[1] else months)
    if found := SECONDS.fullmatch(text):
        days, hours, minutes, seconds = (int(found[at] or 0) for at in range(2, 6))
        try:
            span = timedelta(
                days=days, hours=hours, minutes=minutes, seconds=seconds,
                microseconds=int((found[6] or "")[:6].ljust(6, "0")),
            )  # fmt: skip
            return -span if found[1] else span
        except OverflowError:
            return None
    return None


def read_any(text: str):
    """Return what ``@"text"`` means: a date, time, date and time or duration; None if nothing."""
    for read in (read_date, read_duration, read_time):
        found = read(text)
        if found is not None:
            return found
    return read_moment(text) if "T" in text else None


def _zone_text(value: datetime | time) -> str:
    where = value.tzinfo
    if where is None:
        return ""
    if isinstance(where, ZoneInfo):
        return f"@{where.key}"
    shift = where.utcoffset(None) or timedelta()
    total = int(shift.total_seconds())
    if not total:
        return "Z"
    hours, rest = divmod(abs(total), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{'-' if total < 0 else '+'}{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def _time_text(value: datetime | time) -> str:
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value.hour:02}:{value.minute:02}:{value.second:02}{fraction}{_zone_text(value)}"


def write(value: date | time | datetime | timedelta | YearsMonths) -> str:
    """Return ``value`` as FEEL writes it."""
    if isinstance(value, datetime):
        return f"{value.year:04}-{value.month:02}-{value.day:02}T{_time_text(value)}"
    if isinstance(value, date):
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    if isinstance(value, time):
        return _time_text(value)
    if isinstance(value, YearsMonths):
        years, months = divmod(abs(value.months), 12)
        body = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
        return f"{'-' if value.months < 0 else ''}P{body or '0M'}"
    span = abs(value)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{span.microseconds:06}".rstrip("0") if span.microseconds else ""
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    clock += f"{seconds}{fraction}S" if seconds or fraction else ""
    body = (f"{span.days}D" if span.days else "") + (f"T{clock}" if clock else "")
    return f"{'-' if value < timedelta() else ''}P{body or 'T0S'}"


def microseconds(span: timedelta) -> int:
    """Return the whole length of ``span``."""
    return span // timedelta(microseconds=1)


def span_of(micros: Decimal | int) -> timedelta | None:
    """Return the duration of so many microseconds, None if none can be that long."""
    try:
        return timedelta(microseconds=int(micros))
    except (OverflowError, ValueError):
        return None


def add_months(day: date, months: int) -> date | None:
    """Return the day ``months`` later, the last of its month where the day is missing; keeps a date's time."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    if not 1 <= year <= 9999:
        return None
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1) if (year, month) != (9999, 11) else None
    last = 31 if following is None else (following - timedelta(days=1)).day
    return day.replace(year=year, month=month + 1, day=min(day.day, last))
