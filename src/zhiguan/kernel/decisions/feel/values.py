"""Values of FEEL and what can be asked of two of them. Everything here returns None (null) where FEEL has no answer.

Numbers are `Decimal` of 34 digits, text `str`; then `bool`, None, `date`, `time`, `datetime`, `timedelta`
(days and time), `YearsMonths`, `list`, `dict` with text as keys, `Range` and `Function`. Python's own objects never get
in: `from_python` copies what it knows and refuses the rest.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from .errors import FeelError, Run
from .temporal import YearsMonths, add_months, microseconds, span_of

NUMBERS = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[])
"""The arithmetic of FEEL (IEEE 754 decimal128). Nothing traps: what is not finite becomes null."""
MAX_NESTING = 60
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Range:
    """Values between two ends. ``unary``: written as ``> 5``, and an end that is None is open to that side; in any
    other range an end that is None is not known, and so is what lies in it."""

    low: Any
    high: Any
    low_closed: bool
    high_closed: bool
    unary: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """Something that can be called: ``call(run, arguments)``; ``parameters`` are their names. A built-in function has
    ``by_name`` too, since its parameters depend on which of its forms is meant."""

    name: str
    parameters: tuple[str, ...]
    call: Callable[[Run, list], Any]
    types: tuple[Any, ...] = ()
    result: Any = None
    by_name: Callable[[Run, dict[str, Any]], Any] | None = None


KINDS = {
    type(None): "null", bool: "boolean", Decimal: "number", str: "string", date: "date", time: "time",
    datetime: "date and time", timedelta: "days and time duration", YearsMonths: "years and months duration",
    list: "list", dict: "context", Range: "range", Function: "function",
}  # fmt: skip
ORDERED = {
    "number", "string", "date", "time", "date and time", "days and time duration", "years and months duration",
}  # fmt: skip


def kind(value: Any) -> str:
    """Return the name of the type of ``value``."""
    return KINDS[type(value)]


def from_python(value: Any, depth: int = 0) -> Any:
    """Return ``value`` as FEEL holds it. Raises FeelError for anything FEEL does not know."""
    known = type(value)
    if known is str or value is None or known is bool:
        return value
    if known is Decimal:
        return value if value.is_finite() else None
    if known is int or known is float:
        return number(str(value) if known is float else value)
    if known in KINDS and known is not list and known is not dict:
        return value
    if depth > MAX_NESTING:
        raise FeelError(f"数据嵌套超过 {MAX_NESTING} 层")
    if isinstance(value, Mapping):
        return {str(key): from_python(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [from_python(each, depth + 1) for each in value]
    for base, make in ((str, str), (int, lambda each: number(int(each))), (Decimal, Decimal)):
        if isinstance(value, base):
            return make(value)
    raise FeelError(f"不支持的数据类型：{known.__name__}")


def bounded(run: Run, value: Any, depth: int = 0) -> Any:
    """Return ``value`` if it is no larger and no deeper than what may leave an evaluation: whoever writes it out walks
    every path to every part."""
    if type(value) is list or type(value) is dict:
        if depth > MAX_NESTING:
            raise FeelError(f"结果嵌套超过 {MAX_NESTING} 层")
        run.charge(1 + len(value))
        for each in value.values() if isinstance(value, dict) else value:
            bounded(run, each, depth + 1)
    return value


def number(value: Any) -> Decimal | None:
    """Return a number of at most 34 digits, None if ``value`` is none or too large."""
    try:
        made = NUMBERS.create_decimal(value)
    except (ValueError, TypeError, decimal.InvalidOperation):
        return None
    return made if made.is_finite() else None


def _seconds(value: time) -> tuple[Decimal | None, int]:
    shift = value.utcoffset()
    base = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return (None if shift is None else Decimal(microseconds(shift)), base)


def _comparable(a: Any, b: Any) -> tuple[Any, Any] | None:
    """Return two values Python can order, None if FEEL cannot order them."""
    if type(a) is not type(b):
        return None
    if type(a) is datetime:
        return (a, b) if (a.tzinfo is None) == (b.tzinfo is None) else None
    if type(a) is time:
        (zone_a, at_a), (zone_b, at_b) = _seconds(a), _seconds(b)
        if (zone_a is None) != (zone_b is None):
            return None
        return at_a - int(zone_a or 0), at_b - int(zone_b or 0)
    return (a, b) if KINDS[type(a)] in ORDERED else None


def less(a: Any, b: Any) -> bool | None:
    """Return whether a < b."""
    pair = _comparable(a, b)
    return None if pair is None else pair[0] < pair[1]


def at_most(a: Any, b: Any) -> bool | None:
    """Return whether a <= b."""
    pair = _comparable(a, b)
    return None if pair is None else pair[0] <= pair[1]


def equal(run: Run, a: Any, b: Any) -> bool | None:
    """Return whether a = b: None for values of different kinds."""
    if a is None or b is None:
        return a is b
    known = type(a)
    if known is not type(b):
        return None
    if known is Decimal or known is str or known is bool:
        return a == b
    if known is list:
        run.charge()
        return len(a) == len(b) and _all(equal(run, x, y) for x, y in zip(a, b, strict=True))
    if known is dict:
        run.charge()
        return a.keys() == b.keys() and _all(equal(run, a[key], b[key]) for key in a)
    if known is Range:
        return (
            (a.low_closed, a.high_closed, a.unary) == (b.low_closed, b.high_closed, b.unary)
            and _all(equal(run, x, y) for x, y in ((a.low, b.low), (a.high, b.high)))
        )  # fmt: skip
    if known is Function:
        return True if a is b else None
    pair = _comparable(a, b)
    return None if pair is None else pair[0] == pair[1]


def _all(answers) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is False:
            return False
        unknown = unknown or answer is None
    return None if unknown else True


def within(value: Any, span: Range) -> bool | None:
    """Return whether ``value`` lies in ``span``."""
    if not span.unary and (span.low is None or span.high is None):
        return None
    low = True if span.low is None else (at_most if span.low_closed else less)(span.low, value)
    high = True if span.high is None else (at_most if span.high_closed else less)(value, span.high)
    return None if low is None or high is None else low and high


def _finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() else None


def _shift(day: Any, by: Any, sign: int) -> Any:
    """Add a duration to a date, time or date and time."""
    try:
        if type(by) is YearsMonths:
            return None if type(day) is time else add_months(day, sign * by.months)
        if type(day) is date:
            return (datetime.combine(day, time()) + sign * by).date()
        if type(day) is datetime:
            return day + sign * by
        moved = datetime.combine(date(2000, 1, 1), day.replace(tzinfo=None)) + sign * (by % DAY)
        return moved.time().replace(tzinfo=day.tzinfo)
    except OverflowError:
        return None


def add(a: Any, b: Any) -> Any:
    """Return a + b, for text the two together."""
    first, second = type(a), type(b)
    if first is Decimal and second is Decimal:
        return _finite(NUMBERS.add(a, b))
    if first is str and second is str:
        return a + b
    try:
        if first is timedelta and second is timedelta:
            return a + b
    except OverflowError:
        return None
    if first is YearsMonths and second is YearsMonths:
        return YearsMonths(a.months + b.months)
    if second in (timedelta, YearsMonths) and first in (date, time, datetime):
        return _shift(a, b, 1)
    if first in (timedelta, YearsMonths) and second in (date, time, datetime):
        return _shift(b, a, 1)
    return None


def _moment(value: Any) -> Any:
    return datetime.combine(value, time(tzinfo=UTC)) if type(value) is date else value


def subtract(a: Any, b: Any) -> Any:
    """Return a - b; of two days or moments the duration between them."""
    first, second = type(a), type(b)
    if first is Decimal and second is Decimal:
        return _finite(NUMBERS.subtract(a, b))
    if first in (timedelta, YearsMonths) and first is second:
        try:
            return a - b if first is timedelta else YearsMonths(a.months - b.months)
        except OverflowError:
            return None
    if second in (timedelta, YearsMonths) and first in (date, time, datetime):
        return _shift(a, b, -1)
    if first is time and second is time:
        pair = _comparable(a, b)
        return None if pair is None else timedelta(microseconds=pair[0] - pair[1])
    if first in (date, datetime) and second in (date, datetime):
        if first is second is date:
            return a - b
        x, y = _moment(a), _moment(b)
        if (x.tzinfo is None) != (y.tzinfo is None):
            return None
        # Python subtracts two moments of one zone by their clocks, whatever its summer time did in between.
        apart = x.replace(tzinfo=None) - y.replace(tzinfo=None)
        return apart - (x.utcoffset() - y.utcoffset()) if x.tzinfo else apart
    return None


def multiply(a: Any, b: Any) -> Any:
    """Return a * b; a duration by a number."""
    if type(a) is Decimal and type(b) is Decimal:
        return _finite(NUMBERS.multiply(a, b))
    if type(b) in (timedelta, YearsMonths):
        a, b = b, a
    if type(b) is Decimal and type(a) in (timedelta, YearsMonths):
        return _scaled(a, lambda whole: NUMBERS.multiply(Decimal(whole), b))
    return None


def divide(a: Any, b: Any) -> Any:
    """Return a / b; null by zero; of two durations the number of times."""
    if type(b) is Decimal and b:
        if type(a) is Decimal:
            return _finite(NUMBERS.divide(a, b))
        if type(a) in (timedelta, YearsMonths):
            return _scaled(a, lambda whole: NUMBERS.divide(Decimal(whole), b))
    if isinstance(a, timedelta) and isinstance(b, timedelta) and b:
        return _finite(NUMBERS.divide(Decimal(microseconds(a)), Decimal(microseconds(b))))
    if isinstance(a, YearsMonths) and isinstance(b, YearsMonths) and b.months:
        return _finite(NUMBERS.divide(Decimal(a.months), Decimal(b.months)))
    return None


def _scaled(span: Any, change: Callable[[int], Decimal]) -> Any:
    result = change(microseconds(span) if isinstance(span, timedelta) else span.months)
    if not result.is_finite() or result.adjusted() > 25:
        return None
    return span_of(result) if type(span) is timedelta else YearsMonths(int(result))


def power(a: Any, b: Any) -> Any:
    """Return a ** b."""
    if type(a) is Decimal and type(b) is Decimal:
        return _finite(NUMBERS.power(a, b))
    return None


def negate(value: Any) -> Any:
    """Return -value."""
    if type(value) is Decimal:
        return NUMBERS.minus(value)
    if type(value) is timedelta:
        try:
            return -value
        except OverflowError:
            return None
    return YearsMonths(-value.months) if type(value) is YearsMonths else None
