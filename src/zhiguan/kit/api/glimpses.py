"""Rows as a column's ``value`` reads them, without loading a model: no more of each than the column says it ``needs``.

What was not declared cannot be read: it raises, and the list then loads whole rows, which is slower and never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model

from zhiguan.kit.pages.columns import Column, field_at


class NotDeclared(Exception):
    """A column's ``value`` reads more than its ``needs`` say."""


class Glimpse:
    """A row, or one that it points to, as far as it was declared."""

    def __getattr__(self, name: str) -> Any:
        raise NotDeclared(name)

    def _whole(self, *_: object) -> Any:
        raise NotDeclared("the row as a whole")

    __str__ = __repr__ = __format__ = __eq__ = __hash__ = _whole  # type: ignore[assignment]


def _must(model: type[Model], path: str) -> bool:
    """Tell whether the value at the end of ``path`` is there whenever a row of ``model`` is."""
    parts = path.split(".")
    fields = [field_at(model, ".".join(parts[: number + 1])) for number in range(len(parts))]
    return all(field is not None and not field.null for field in fields)


class Reader:
    """Computes one column from database values: ``paths`` names them, ``at`` is the place of the first in a line."""

    def __init__(self, column: Column, paths: Sequence[str], at: int, relations: dict[str, int]) -> None:
        assert column.value is not None
        self.value: Callable[[Any], Any] = column.value
        self.paths = [path.replace(".", "__") for path in paths]
        self.relations = [(prefix.split("."), at + number) for prefix, number in sorted(relations.items())]
        self.leaves = [(path.split("."), at + number) for number, path in enumerate(paths)]

    def __call__(self, values: Sequence[Any]) -> Any:
        row = Glimpse()
        for way, sign in self.relations:  # shorter ways come first
            holder = _follow(row, way[:-1])
            if holder is not None:
                holder.__dict__[way[-1]] = None if values[sign] is None else Glimpse()
        for way, at in self.leaves:
            holder = _follow(row, way[:-1])
            if holder is not None:
                holder.__dict__[way[-1]] = values[at]
        value = self.value(row)
        if isinstance(value, Glimpse):
            raise NotDeclared("the row as a whole")
        return value


def _follow(row: Glimpse | None, way: list[str]) -> Glimpse | None:
    for part in way:
        row = None if row is None else row.__dict__[part]
    return row


def reader_of(model: type[Model], column: Column, at: int) -> Reader | None:
    """Return the reader of a computed column; None when only whole rows can tell.

    A row pointed to counts as missing when a value of it is missing that every such row has; so for each relation one
    value of that kind must be among those declared.
    """
    if column.value is None or not column.needs:
        return None
    paths = list(dict.fromkeys(column.needs))
    relations: dict[str, int] = {}
    for path in paths:
        found, name = field_at(model, path), path.rsplit(".", 1)[-1]
        if found is None or (found.is_relation and name != found.attname):
            return None
        parts = path.split(".")
        for end in range(1, len(parts)):
            prefix = ".".join(parts[:end])
            related = getattr(field_at(model, prefix), "related_model", None)
            if related is None:
                return None
            signs = [number for number, other in enumerate(paths)
                     if other.startswith(prefix + ".") and _must(related, other[len(prefix) + 1 :])]  # fmt: skip
            if not signs:
                return None
            relations[prefix] = signs[0]
    return Reader(column, paths, at, relations)
