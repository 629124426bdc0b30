"""Every built-in function. Conversions, contexts and truth are here; the rest in the modules that are imported."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from . import library_lists, library_numbers, library_ranges, library_text, library_time, temporal
from .errors import Run
from .registry import BUILTINS, builtin
from .temporal import YearsMonths
from .values import Function, Range, equal, number

__all__ = ["BUILTINS", "write"]
_MODULES = (library_lists, library_numbers, library_ranges, library_text, library_time)
GROUPED = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def plain(value: Decimal) -> str:
    """Return a number without exponent where it is not absurdly long."""
    if abs(value.adjusted()) > 40:
        return str(value)
    return format(value, "f")


def quoted(run: Run, value: Any) -> str:
    """Return ``value`` as an expression would write it, text with quotes."""
    if type(value) is str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return write(run, value)


def write(run: Run, value: Any) -> str:
    """Return ``value`` as an expression would write it; text without quotes."""
    known = type(value)
    run.charge()
    if known is str:
        return value
    if known is Decimal:
        return plain(value)
    if value is None or known is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if known in (date, datetime, time, timedelta, YearsMonths):
        return temporal.write(value)
    if known is list:
        return run.text("[" + ", ".join(quoted(run, each) for each in value) + "]")
    if known is dict:
        entries = (f"{_key(run, key)}: {quoted(run, each)}" for key, each in value.items())
        return run.text("{" + ", ".join(entries) + "}")
    if known is Range:
        return _range(run, value)
    return f"function({', '.join(value.parameters)})" if type(value) is Function else ""


def _key(run: Run, key: str) -> str:
    return key if all(each not in '{}:,"' for each in key) and key.strip() else quoted(run, key)


def _range(run: Run, value: Range) -> str:
    low, high = _end(run, value.low), _end(run, value.high)
    if not value.unary:
        return f"{'[' if value.low_closed else '('}{low}..{high}{']' if value.high_closed else ')'}"
    if value.low is None:
        return f"(<{'=' if value.high_closed else ''} {high})"
    return f"(= {low})" if value.high is not None else f"(>{'=' if value.low_closed else ''} {low})"


def _end(run: Run, value: Any) -> str:
    written = quoted(run, value)
    return f'@"{written}"' if type(value) in (date, datetime, time, timedelta, YearsMonths) else written


@builtin("string(from: any)")
def string(run: Run, value: Any) -> str | None:
    return None if value is None else run.text(write(run, value))


@builtin(
    "number(from: string)",
    "number(from: string, grouping separator: string|null, decimal separator: string|null)",
)
def to_number(run: Run, text: str, grouping: str | None = None, point: str | None = None) -> Decimal | None:
    if grouping not in (None, " ", ",", ".") or point not in (None, ",", ".") or (grouping and grouping == point):
        return None
    if grouping:
        text = text.replace(grouping, "")
    if point:
        text = text.replace(point, ".")
    return number(text) if len(text) < 1000 and GROUPED.fullmatch(text) else None


@builtin("number(from: number)")
def same_number(run: Run, value: Decimal) -> Decimal:
    return value


@builtin("not(negand: boolean)")
def negation(run: Run, value: bool) -> bool:
    return not value


@builtin("is defined(value: any)")
def is_defined(run: Run, value: Any) -> bool:
    return value is not None


@builtin("get value(m: context, key: string)")
def get_value(run: Run, context: dict, key: str) -> Any:
    return context.get(key)


@builtin("get value(m: context, keys: list)")
def get_deep(run: Run, context: dict, keys: list) -> Any:
    value: Any = context
    for key in keys:
        if type(value) is not dict or type(key) is not str:
            return None
        value = value.get(key)
    return value if keys else None


@builtin("get entries(m: context)")
def get_entries(run: Run, context: dict) -> list:
    run.charge(len(context))
    return [{"key": key, "value": value} for key, value in context.items()]


@builtin("context(entries: list)")
def from_entries(run: Run, entries: list) -> dict | None:
    made: dict[str, Any] = {}
    for entry in entries:
        run.charge()
        if type(entry) is not dict or "value" not in entry or type(entry.get("key")) is not str or entry["key"] in made:
            return None
        made[entry["key"]] = entry["value"]
    return made


@builtin("context put(context: context, key: string, value: any)")
def put(run: Run, context: dict, key: str, value: Any) -> dict:
    run.charge(len(context))
    return context | {key: value}


@builtin("context put(context: context, keys: list, value: any)")
def put_deep(run: Run, context: dict, keys: list, value: Any) -> dict | None:
    run.charge(len(context))
    if not keys or type(keys[0]) is not str:
        return None
    if len(keys) == 1:
        return context | {keys[0]: value}
    inner = context.get(keys[0])
    changed = put_deep(run, inner, keys[1:], value) if type(inner) is dict else None
    return None if changed is None else context | {keys[0]: changed}


@builtin("context merge(contexts: list)")
def merge(run: Run, contexts: list) -> dict | None:
    made: dict[str, Any] = {}
    for each in contexts:
        if type(each) is not dict:
            return None
        run.charge(len(each))
        made |= each
    return made


def _boolean(run: Run, items: list, stop: bool) -> bool | None:
    run.charge(len(items))
    if any(each is stop for each in items):
        return stop
    return None if any(type(each) is not bool for each in items) else not stop


@builtin("all(list: list)", "all(b: any*)")
def all_(run: Run, items: list) -> bool | None:
    return _boolean(run, items, False)


@builtin("any(list: list)", "any(b: any*)")
def any_(run: Run, items: list) -> bool | None:
    return _boolean(run, items, True)


@builtin("is(value1: any, value2: any?)")
def is_(run: Run, a: Any, b: Any = None) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, datetime | time):
        return a.replace(tzinfo=None) == b.replace(tzinfo=None) and str(a.tzinfo) == str(b.tzinfo)
    return equal(run, a, b) is True
