"""Questions that are asked over and over: Django makes the statement once, the server plans it once for each connection.

Making the SQL of a small query costs several times what running it costs, and planning it under row-level security as much
again. Neither depends on the values asked with. A list of values makes one statement for each length.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from psycopg.types.json import Jsonb

T = TypeVar("T")
LONGEST = 20
"""Longer lists are rare and their statements many: such a question is asked as Django asks."""


class Question(Generic[T]):
    """Ask ``ask(*values)`` and return its rows as a list.

    ``ask`` makes the query set and must do nothing else with its values than hand them to it: they stand in the statement
    as they are given. Values are int, str, date, or lists of int or str. Raises TypeError for others, and ValueError
    where a value does not reach the statement: then something was decided on it, and the answer would be of another.
    """

    def __init__(self, ask: Callable[..., QuerySet[Any]]) -> None:
        self.ask, self.__doc__ = ask, ask.__doc__
        self._made: dict[tuple[Any, ...], _Made] = {}

    def __call__(self, *values: Any) -> list[T]:
        if any(isinstance(value, list) and not 0 < len(value) <= LONGEST for value in values):
            return list(self.ask(*values))
        shape = tuple((len(value), type(value[0])) if isinstance(value, list) else type(value) for value in values)
        made = self._made.get(shape)
        if made is None:
            made = self._made[shape] = _make(self.ask, values)
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.preparing():
            return made.rows(values, connection)


@dataclass(frozen=True)
class _Made:
    """A statement with the query it came of, whose compiler knows how to read its rows."""

    query_set: QuerySet[Any]
    compiler: Any
    sql: str
    params: tuple[Any, ...]
    converters: Any

    def rows(self, values: tuple[Any, ...], connection: Any) -> list[Any]:
        filled = tuple(_filled(param, values) for param in self.params)
        compiler = copy.copy(self.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_, **__: (self.sql, filled)
        compiler.get_converters = lambda _: self.converters
        rows = self.query_set._chain()
        rows.query.get_compiler = lambda *_, **__: compiler
        return list(rows)


@dataclass(frozen=True)
class _Slot:
    """The place of a value in a statement: the ``value``-th given, of a list its ``item``-th.

    ``kind`` is what Django wraps it in for its column, e.g. psycopg's ``Int8``; its own type where it does not.
    """

    value: int
    item: int | None = None
    kind: Callable[[Any], Any] | None = None


def _filled(param: Any, values: tuple[Any, ...]) -> Any:
    if isinstance(param, _Slot):
        given = values[param.value] if param.item is None else values[param.value][param.item]
        return param.kind(given) if param.kind else given
    if isinstance(param, list):
        return [_filled(each, values) for each in param]
    if isinstance(param, Jsonb):
        return Jsonb(_filled(param.obj, values), param.dumps)
    return param


def _make(ask: Callable[..., QuerySet[Any]], values: tuple[Any, ...]) -> _Made:
    """Have the statement made with a mark in each value's place, and find the marks in it."""
    numbers, slots = count(1), {}

    def marked(value: Any, slot: _Slot) -> Any:
        mark = _mark(value, next(numbers))
        slots[mark] = slot
        return mark

    marks = [
        [marked(each, _Slot(at, item)) for item, each in enumerate(value)] if isinstance(value, list)
        else marked(value, _Slot(at)) for at, value in enumerate(values)
    ]  # fmt: skip
    rows = ask(*marks)
    compiler = rows.query.get_compiler(rows.db)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        raise ValueError(f"{ask.__name__}: no row can answer it, whatever the values") from None
    found = tuple(_found(param, slots) for param in params)
    if missing := {*slots.values()} - {replace(slot, kind=None) for slot in _slots(found)}:
        places = sorted({slot.value for slot in missing})
        raise ValueError(f"{ask.__name__}: values {places} do not reach the statement as they are given")
    converters = compiler.get_converters([column for column, *_ in compiler.select[: compiler.col_count]])
    return _Made(rows, compiler, sql, found, converters)


def _mark(value: Any, number: int) -> Any:
    """Return a value of the same type that occurs nowhere else."""
    kind = type(value)
    if kind is int:
        return -(2**62) - number
    if kind is str:
        return f"\x01{number}\x01"
    if kind is date:
        return date.min + timedelta(days=number)
    raise TypeError(f"a question takes int, str, date, or lists of int or str, not {kind.__name__}")


def _found(param: Any, slots: dict[Any, _Slot]) -> Any:
    if isinstance(param, (list, tuple)):
        return [_found(each, slots) for each in param]
    if isinstance(param, Jsonb):
        return Jsonb(_found(param.obj, slots), param.dumps)
    if not isinstance(param, (int, str, date)) or param not in slots:
        return param
    return replace(slots[param], kind=None if type(param) in (int, str, date) else type(param))


def _slots(params: Any) -> Iterator[_Slot]:
    for param in params:
        if isinstance(param, _Slot):
            yield param
        elif isinstance(param, list):
            yield from _slots(param)
        elif isinstance(param, Jsonb):
            yield from _slots(param.obj if isinstance(param.obj, list) else [param.obj])
