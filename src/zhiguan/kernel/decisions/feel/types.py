"""Types of FEEL: what a value must be, and the few conversions the standard asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from .errors import Run
from .steps import Node
from .values import Function, Range, equal, kind, within

BASIC = {
    "any": "Any", "number": "number", "string": "string", "boolean": "boolean", "date": "date", "time": "time",
    "date and time": "date and time", "datetime": "date and time", "dateTime": "date and time",
    "days and time duration": "days and time duration", "dayTimeDuration": "days and time duration",
    "day time duration": "days and time duration", "years and months duration": "years and months duration",
    "yearMonthDuration": "years and months duration", "year month duration": "years and months duration",
    "context": "context", "list": "list", "function": "function", "range": "range", "null": "null", "Null": "null",
    "Any": "Any", "feel:any": "Any",
}  # fmt: skip
"""Names of built-in types in FEEL and in the files of older versions."""
IN_CHINESE = {
    "number": "数字", "string": "文本", "boolean": "是否", "date": "日期", "time": "时间", "date and time": "日期时间",
    "days and time duration": "天数时长", "years and months duration": "年月时长", "list": "列表", "context": "数据组",
    "function": "函数", "range": "区间",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """``name`` of a built-in type with what narrows it: ``item`` of a list or range, ``entries`` of a context,
    ``parameters`` and ``item`` (its result) of a function. ``allows`` is asked about the value itself; ``cell`` is the
    text of that."""

    name: str
    item: Type | None = None
    entries: Mapping[str, Type] | None = None
    parameters: tuple[Type, ...] | None = None
    allows: Callable[[Run, Any], bool] | None = field(default=None, compare=False)
    cell: str = field(default="", compare=False)


ANY = Type("Any")


def conforms(run: Run, value: Any, wanted: Type, narrow: bool = True) -> bool:
    """Return whether ``value`` is of the type; without ``narrow`` the values it allows do not count."""
    run.charge()
    if value is None:
        return wanted.name == "null"
    return _shape(run, value, wanted, narrow) and (not narrow or wanted.allows is None or wanted.allows(run, value))


def _shape(run: Run, value: Any, wanted: Type, narrow: bool) -> bool:
    if wanted.name == "Any":
        return True
    if kind(value) != wanted.name:
        return False
    if wanted.name == "list" and wanted.item:
        return all(each is None or conforms(run, each, wanted.item, narrow) for each in value)
    if wanted.name == "context" and wanted.entries is not None:
        return all(
            name in value and (value[name] is None or conforms(run, value[name], inner, narrow))
            for name, inner in wanted.entries.items()
        )
    if wanted.name == "range" and wanted.item:
        ends = [each for each in (value.low, value.high) if each is not None]
        return all(conforms(run, each, wanted.item, narrow) for each in ends)
    if wanted.name == "function" and wanted.parameters is not None:
        return _function(value, wanted)
    return True


def _function(value: Function, wanted: Type) -> bool:
    known = [each if isinstance(each, Type) else ANY for each in value.types] or [ANY] * len(value.parameters)
    result = value.result if isinstance(value.result, Type) else ANY
    return (
        len(value.parameters) == len(wanted.parameters or ())
        and all(fits(asked, has) for asked, has in zip(wanted.parameters or (), known, strict=False))
        and (wanted.item is None or result.name == "Any" or fits(result, wanted.item))
    )


def fits(inner: Type, outer: Type) -> bool:
    """Return whether every value of ``inner`` is one of ``outer``."""
    if outer.name == "Any" or inner.name == "null":
        return True
    if inner.name != outer.name:
        return False
    if outer.name in ("list", "range"):
        return outer.item is None or (inner.item is not None and fits(inner.item, outer.item))
    if outer.name == "context" and outer.entries is not None:
        return inner.entries is not None and all(
            name in inner.entries and fits(inner.entries[name], each) for name, each in outer.entries.items()
        )
    if outer.name == "function" and outer.parameters is not None:
        return (
            inner.parameters is not None
            and len(inner.parameters) == len(outer.parameters)
            and all(fits(o, i) for i, o in zip(inner.parameters, outer.parameters, strict=True))
            and (outer.item is None or (inner.item is not None and fits(inner.item, outer.item)))
        )
    return True


def coerce(run: Run, value: Any, wanted: Type | None, what: str = "值") -> Any:
    """Return ``value`` as the type has it: a list of one for its item and the other way, a day for a moment; else null,
    which a strict run refuses; ``what`` it is."""
    if wanted is None or value is None or conforms(run, value, wanted):
        return value
    if wanted.name == "list" and type(value) is not list:
        if conforms(run, [value], wanted):
            return [value]
    elif type(value) is list and len(value) == 1 and wanted.name != "list":
        if conforms(run, value[0], wanted):
            return value[0]
    elif wanted.name == "date and time" and type(value) is date:
        return datetime.combine(value, time(tzinfo=UTC))
    run.problem(f"{what}不是要求的类型“{IN_CHINESE.get(wanted.name, wanted.name)}”或不在允许的取值之内")
    return None


def resolve(node: Node, named: Mapping[str, Type]) -> Type | None:
    """Return the type a tree names, None if it names none."""
    name, *rest = node.parts
    if rest and name in ("list", "range"):
        inner = resolve(rest[0], named)
        return Type(name, inner) if inner else None
    if rest and name == "context":
        entries = {key: resolve(each, named) for key, each in rest[0]}
        return None if None in entries.values() else Type(name, entries=entries)  # type: ignore[arg-type]
    if rest:
        parameters, result = [resolve(each, named) for each in rest[0]], resolve(rest[1], named)
        if None in parameters or result is None:
            return None
        return Type(name, result, parameters=tuple(parameters))  # type: ignore[arg-type]
    if name in named:
        return named[name]
    return Type(BASIC[name]) if name in BASIC else None


def allowed(run: Run, value: Any, choices: Any) -> bool:
    """Return whether ``value`` is one of the ``choices``: values and ranges."""
    return any(
        within(value, each) is True if type(each) is Range else equal(run, value, each) is True for each in choices
    )
