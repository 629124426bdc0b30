"""What `value.name` is, and what a filter sees of an item."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .errors import Run
from .temporal import YearsMonths, microseconds
from .values import Range

PROPERTIES = ("time offset", "start included", "end included")
"""Properties of more than one word."""


def item_names(item: Any) -> dict[str, Any]:
    """Return the names a filter sees of ``item``: its entries, and ``item``."""
    return {"item": item, **item} if type(item) is dict else {"item": item}


def _offset(value: Any) -> Any:
    return value.utcoffset() if value.tzinfo is not None else None


def _zone(value: Any) -> str | None:
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None


def _whole(value: float) -> Decimal:
    return Decimal(int(value))


def _part(size: int, modulus: int):
    """Return what gives a part of a duration; below zero if the duration is."""

    def part(span: timedelta) -> Decimal:
        total = microseconds(span)
        found = abs(total) // size
        found = found % modulus if modulus else found
        return Decimal(-found if total < 0 else found)

    return part


_DAY = {
    "year": lambda day: Decimal(day.year), "month": lambda day: Decimal(day.month),
    "day": lambda day: Decimal(day.day), "weekday": lambda day: Decimal(day.isoweekday()),
}  # fmt: skip
_CLOCK = {
    "hour": lambda at: Decimal(at.hour), "minute": lambda at: Decimal(at.minute),
    "second": lambda at: Decimal(at.second) + Decimal(at.microsecond) / 1_000_000,
    "time offset": _offset, "timezone": _zone,
}  # fmt: skip
_OF = {
    date: _DAY,
    time: _CLOCK,
    datetime: _DAY | _CLOCK,
    timedelta: {
        "days": _part(86_400_000_000, 0), "hours": _part(3_600_000_000, 24), "minutes": _part(60_000_000, 60),
        "seconds": _part(1_000_000, 60),
    },
    YearsMonths: {
        "years": lambda span: Decimal(abs(span.months) // 12 * (-1 if span.months < 0 else 1)),
        "months": lambda span: Decimal(abs(span.months) % 12 * (-1 if span.months < 0 else 1)),
    },
    Range: {
        "start": lambda span: span.low, "end": lambda span: span.high,
        "start included": lambda span: span.low_closed, "end included": lambda span: span.high_closed,
    },
}  # fmt: skip


def property_of(run: Run, value: Any, name: str) -> Any:
    """Return ``value.name``: an entry, for a list that of every item, a part of a date or duration; else null."""
    known = type(value)
    if known is dict:
        if name not in value:
            run.note(f"数据中没有“{name}”，按空值处理")
        return value.get(name)
    if known is list:
        run.charge(1 + len(value))
        return [property_of(run, each, name) for each in value]
    getter = _OF.get(known, {}).get(name)
    return getter(value) if getter else None
