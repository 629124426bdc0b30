"""Rows as programs get them: the list a page would show, cut by keyset instead of page numbers, as plain dicts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson
from django.core import signing
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages.columns import Column, field_at
from zhiguan.kit.pages.declare import ListPage, may
from zhiguan.kit.pages.listing import Listing
from zhiguan.kit.pages.scope import slim

from .glimpses import NotDeclared, Reader, reader_of
from .schemas import names_of

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
SALT = "zg.api.cursor"
OWN = ("q", "sort", "limit", "cursor", "count")
"""Parameters every list takes besides its filters."""


def key_of(name: str) -> str:
    """Return the member a column travels as: ``unit.name`` → ``unit_name``."""
    return name.replace(".", "_")


class ApiListing(Listing):
    """The page's own list; filters that are not asked are not read, as reading some of them queries."""

    def __post_init__(self) -> None:
        from zhiguan.kit.pages.scope import scoped

        self.base = scoped(self.page, self.actor)
        asked = [item for item in self.page.filters if any(self.query.get(name) for name in item.parameters)]
        self.applied = [item.read(self.query, self.actor, self.base) for item in asked]

    @cached_property
    def columns(self) -> list[Column]:
        return self.columns_allowed


def sorts_of(page: ListPage) -> dict[str, str]:
    """Return what a list can be sorted by: parameter value → column name."""
    return {key_of(column.name): column.name for column in page.columns if column.order_path}


def parameters_of(page: ListPage) -> list[str]:
    """Return every query parameter the list knows."""
    return [*OWN, *(name for item in page.filters for name in item.parameters)]


def listing_of(page: ListPage, actor: Any, query: QueryDict, *, allowed: Iterable[str]) -> ApiListing:
    """Return the list as asked; raises Invalid for parameters and values that a page would have passed over."""
    allowed = set(allowed)
    wrong = {name[:60]: "没有该参数。" for name in query if name not in allowed}
    sort = query.get("sort", "")
    if sort:
        name = sorts_of(page).get(sort.lstrip("-"))
        if name is None or sort.startswith("--"):
            wrong["sort"] = f"不能按此排序，可选：{'、'.join(sorts_of(page)) or '无'}。"
        else:
            query = query.copy()
            query["sort"] = f"-{name}" if sort.startswith("-") else name
    if wrong:
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query", fields=wrong)
    listing = ApiListing(page, actor, query)
    for applied in listing.applied:
        if applied.error:
            named = next((name for name in applied.filter.parameters if query.get(name)), applied.filter.name)
            wrong[named] = applied.error.replace("，已忽略", "") + "。"
    if wrong:
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query", fields=wrong)
    return listing


def whole_number(query: QueryDict, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query; raises Invalid outside ``low`` … ``high``."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        message = f"应为 {low} 至 {high} 的整数。"
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query", fields={name: message})
    return int(text)


# --- values -----------------------------------------------------------------------------------------------------------


class Shape:
    """How rows of a model become dicts, for a fixed set of columns. ``plain``: straight from the database's values."""

    def __init__(self, model: type[Model], columns: Iterable[Column], annotations: Iterable[str] = ()) -> None:
        self.columns: dict[str, Column] = {}
        for column in columns:
            self.columns.setdefault(key_of(column.name), column)
        self.versioned = field_at(model, "version") is not None
        self.names = {key: names for key, column in self.columns.items() if (names := names_of(column, model))}
        known = set(annotations)
        head = {"id": "pk", "version": "version"} if self.versioned else {"id": "pk"}
        paths = list(head.values())
        self.cells: list[tuple[str, int | Reader]] = [(key, number) for number, key in enumerate(head)]
        self.plain = True
        for key, column in self.columns.items():
            reader = reader_of(model, column, len(paths))
            if reader is not None:
                self.cells.append((key, reader))
                paths += reader.paths
            else:
                self.plain = self.plain and self._plain(model, column, known)
                self.cells.append((key, len(paths)))
                paths.append(column.name.replace(".", "__"))
        self.paths = tuple(paths)

    @staticmethod
    def _plain(model: type[Model], column: Column, annotations: set[str]) -> bool:
        if column.value is not None:
            return False
        found = field_at(model, column.name)
        return column.name in annotations if found is None else not found.is_relation

    def dicts(self, rows: QuerySet, also: tuple[str, ...] = ()) -> tuple[list[dict[str, Any]], list[tuple]]:
        """Return the rows as dicts, and the values of the paths ``also`` beside each (for the cursor)."""
        if self.plain:
            try:
                return self.from_values(rows.values_list(*self._wanted(also)), also)
            except NotDeclared:
                self.plain = False
        loaded = list(slim(rows, self.columns.values(), also=("version",) if self.versioned else (), whole=True))
        return [self.one(row) for row in loaded], [tuple(_follow(row, path) for path in also) for row in loaded]

    def _wanted(self, also: tuple[str, ...]) -> list[str]:
        return list(dict.fromkeys((*self.paths, *also)))

    def from_values(self, lines: Iterable[tuple], also: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[tuple]]:
        """Return what :meth:`dicts` does, from lines of values of what is wanted.

        Raises NotDeclared when a column computes its value from more than that.
        """
        wanted = self._wanted(also)
        where = {path: number for number, path in enumerate(wanted)}
        spread = None if len(set(self.paths)) == len(self.paths) else [where[path] for path in self.paths]
        at = [where[path] for path in also]
        found, places = [], []
        for line in lines:
            values = line if spread is None else [line[number] for number in spread]
            row = {key: values[cell] if cell.__class__ is int else cell(values) for key, cell in self.cells}
            self._name(row)
            found.append(row)
            places.append(tuple(line[index] for index in at))
        return found, places

    def statement(self, rows: QuerySet, also: tuple[str, ...]) -> tuple[str, tuple] | None:
        """Return the SQL of the rows and its values, where the driver's own values need nothing done to them."""
        if not self.plain:
            return None
        chosen = rows.values_list(*self._wanted(also)).query
        compiler = chosen.get_compiler(connection=connection)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:
            return None
        return None if compiler.get_converters(each for each, _, _ in compiler.select) else (sql, tuple(params))

    def one(self, row: Any) -> dict[str, Any]:
        """Return one loaded row as a dict."""
        found = {"id": row.pk}
        if self.versioned:
            found["version"] = row.version
        for key, column in self.columns.items():
            value = column.raw(row)
            found[key] = str(value) if isinstance(value, Model) else value
        self._name(found)
        return found

    def _name(self, row: dict[str, Any]) -> None:
        for key, names in self.names.items():
            value = row[key]
            row[f"{key}_name"] = names.get(value, "" if value is None else str(value))


def _follow(row: Any, path: str) -> Any:
    for part in path.split("__"):
        row = getattr(row, part, None)
    return row


def shape_for(page: ListPage, actor: Any, rows: QuerySet) -> Shape:
    """Return the shape of a list's rows for the actor: the page's columns, without those their permission hides."""
    # One shape per page and set of hidden columns: making it costs more than reading the rows.
    hidden = tuple(column.name for column in page.columns if column.permission and not may(actor, column.permission))
    key = (id(page), hidden)
    if key not in _shapes:
        columns = [column for column in page.columns if column.name not in hidden]
        _shapes[key] = Shape(rows.model, columns, rows.query.annotations)
    return _shapes[key]


_shapes: dict[tuple[int, tuple[str, ...]], Shape] = {}


def dumps(value: Any) -> bytes:
    """Return JSON: moments in UTC with Z, decimals as text."""
    return orjson.dumps(value, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _other(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else str(value)


# --- keyset -----------------------------------------------------------------------------------------------------------


def cut(rows: QuerySet, order: list[Any], after: list[Any] | None) -> QuerySet:
    """Return the rows that come after the values ``after`` in ``order`` (empty ones last, as the pages sort)."""
    if after is None:
        return rows
    following, same = Q(pk__in=[]), Q()
    for expression, value in zip(order, after, strict=True):
        path = expression.expression.name
        beyond = "lt" if expression.descending else "gt"
        found = field_at(rows.model, path)
        nullable = found is None or found.null or "__" in path
        if value is None:
            same &= Q(**{f"{path}__isnull": True})
            continue
        here = Q(**{f"{path}__{beyond}": value})
        if nullable:
            here |= Q(**{f"{path}__isnull": True})
        following |= same & here
        same &= Q(**{path: value})
    first, start = order[0], after[0]
    path = first.expression.name
    found = field_at(rows.model, path)
    if start is not None and found is not None and not found.null and "__" not in path:
        # Said again for the planner: one bound that an index can start from.
        rows = rows.filter(**{f"{path}__{'lte' if first.descending else 'gte'}": start})
    return rows.filter(following)


_READ: dict[str, Callable[[Any], Any]] = {
    "t": dt.datetime.fromisoformat, "d": dt.date.fromisoformat, "n": Decimal, "v": lambda value: value,
}  # fmt: skip


def _write(value: Any) -> list[Any]:
    if isinstance(value, dt.datetime):
        return ["t", value.isoformat()]
    if isinstance(value, dt.date):
        return ["d", value.isoformat()]
    return ["n", str(value)] if isinstance(value, Decimal) else ["v", value]


def _mark(page: ListPage, query: QueryDict) -> str:
    """Return what a cursor is bound to: the list, its order and its filters."""
    kept = sorted((name, query.getlist(name)) for name in query if name not in ("cursor", "limit", "count"))
    return hashlib.sha256(repr((page.code, kept)).encode()).hexdigest()[:16]


def cursor_for(page: ListPage, query: QueryDict, values: Iterable[Any]) -> str:
    """Return the opaque, signed mark of a place in the list."""
    return signing.dumps([_mark(page, query), *map(_write, values)], salt=SALT)


def read_cursor(page: ListPage, query: QueryDict, text: str) -> list[Any]:
    """Return the values a cursor stands for; raises Invalid for one that is not ours or of another query."""
    try:
        mark, *values = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError):
        mark, values = "", []
    if mark != _mark(page, query):
        message = "该游标无效，或属于筛选条件、排序不同的另一次查询。"
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_cursor", fields={"cursor": message})
    return [_READ[kind](value) for kind, value in values]
