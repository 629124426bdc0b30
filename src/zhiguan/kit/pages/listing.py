"""A list as one request asks for it: search, filters, order, page, counts. No HTML: export and tests share it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import F, QuerySet
from django.http import QueryDict

from zhiguan.kit.actor import Actor

from .columns import Column, field_at
from .declare import ListPage
from .filters import Applied, DateRangeFilter
from .scope import scoped, slim, visible
from .searching import clean_text, searched

SIZES = (20, 50, 100)
BOOLEANS = {"true": "True", "false": "False"}
"""How PostgreSQL writes a boolean as text, and how Python does."""


@dataclass
class Listing:
    """What one request asks of a list page, and the answer. ``chosen`` names columns in order (None: as declared)."""

    page: ListPage
    actor: Actor
    query: QueryDict
    chosen: list[str] | None = None
    size_kept: int | None = None
    applied: list[Applied] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = scoped(self.page, self.actor)
        self.applied = [item.read(self.query, self.actor, self.base) for item in self.page.filters]

    @cached_property
    def text(self) -> str:
        return clean_text(self.query.get("q", "")) if self.page.search else ""

    @cached_property
    def columns_allowed(self) -> list[Column]:
        return visible(self.page.columns, self.actor)

    @cached_property
    def columns(self) -> list[Column]:
        """The columns shown, in the order the user chose."""
        allowed = {column.name: column for column in self.columns_allowed}
        if self.chosen:
            kept = [allowed[name] for name in self.chosen if name in allowed]
            if kept:
                return kept
        return [column for column in self.columns_allowed if column.shown]

    @cached_property
    def _found(self) -> tuple[QuerySet, bool]:
        """The rows the search finds, and whether they are more than the count's cap."""
        if not self.text:
            return self.base, False
        if callable(self.page.search):
            return self.page.search(self.base, self.text), False
        return searched(self.base, self.page.search, self.text, self.page.count_cap)

    def filtered(self, *, without: Applied | None = None) -> QuerySet:
        """Return the rows asked for, unordered; ``without`` leaves one filter out, for counts beside its choices."""
        rows, _ = self._found
        for applied in self.applied:
            if applied is not without and applied.condition is not None:
                rows = rows.filter(applied.condition)
        return rows

    @cached_property
    def sort(self) -> tuple[str, bool]:
        """The column the user sorts by and whether descending; an empty name means the page's own order."""
        asked = self.query.get("sort", "")
        name, down = asked.lstrip("-"), asked.startswith("-")
        known = any(column.name == name and column.order_path for column in self.columns_allowed)
        return (name, down) if known else ("", False)

    @cached_property
    def order(self) -> list[Any]:
        name, down = self.sort
        if name:
            column = next(column for column in self.columns_allowed if column.name == name)
            paths = [("-" if down else "") + column.order_path]
        else:
            paths = self._period or list(self.page.sort)
        order: list[Any] = []
        for path in paths:
            bare, desc = path.lstrip("-"), path.startswith("-")
            found = field_at(self.base.model, bare)
            nulls = {"nulls_last": True} if found is not None and found.null and paths != self._period else {}
            order.append(F(bare).desc(**nulls) if desc else F(bare).asc(**nulls))
        if not any(path.lstrip("-") in ("pk", "id") for path in paths):
            order.append(F("pk").desc() if paths and paths[0].startswith("-") else F("pk").asc())
        return order

    @cached_property
    def _period(self) -> list[str]:
        """The order of a list that is asked for a period and not sorted: by that period, the latest first.

        In the page's own order PostgreSQL would pass over all rows that came after the period.
        """
        asked = [each.filter.orm for each in self.applied
                 if isinstance(each.filter, DateRangeFilter) and each.condition is not None]  # fmt: skip
        if len(asked) != 1 or "__" in asked[0] or field_at(self.base.model, asked[0]) is None:
            return []
        return [] if self.page.sort and self.page.sort[0].lstrip("-") == asked[0] else [f"-{asked[0]}"]

    @cached_property
    def rows(self) -> QuerySet:
        """Every row asked for, in order, loading what the columns need."""
        whens = [*self.page.row_actions, *self.page.bulk_actions]
        rows = slim(
            self.filtered(), self.columns, also=[self.page.scope_column] if self._has_scope else [],
            whole=any(action.when is not None for action in whens),
        )  # fmt: skip
        return rows.order_by(*self.order)

    @cached_property
    def _has_scope(self) -> bool:
        return bool(self.page.scope_column) and field_at(self.base.model, self.page.scope_column) is not None

    @cached_property
    def count(self) -> int:
        """How many rows there are, counted no further than one above the cap."""
        if self._found[1] and not any(applied.condition is not None for applied in self.applied):
            return self.page.count_cap + 1
        return self.filtered().order_by().values("pk")[: self.page.count_cap + 1].count()

    @property
    def capped(self) -> bool:
        return self.count > self.page.count_cap

    @property
    def total_text(self) -> str:
        return f"{self.page.count_cap:,}+" if self.capped else f"{self.count:,}"

    @cached_property
    def size(self) -> int:
        asked = self.query.get("size", "")
        if asked.isascii() and asked.isdigit() and int(asked[:4]) in SIZES:
            return int(asked)
        return self.size_kept if self.size_kept in SIZES else self.page.page_size

    @cached_property
    def pages(self) -> int:
        return max(1, math.ceil(min(self.count, self.page.count_cap) / self.size))

    @cached_property
    def number(self) -> int:
        """The page shown: what was asked, brought within the pages there are."""
        asked = self.query.get("page", "")
        number = int(asked[:6]) if asked.isascii() and asked.isdigit() else 1
        return min(max(1, number), self.pages)

    @cached_property
    def shown(self) -> list[Any]:
        """The rows of the page shown."""
        start = (self.number - 1) * self.size
        return list(self.rows[start : start + self.size])

    @property
    def asked(self) -> bool:
        """Tell whether anything narrows the list."""
        return bool(self.text) or any(applied.condition is not None for applied in self.applied)

    def count_facets(self) -> None:
        """Put counts beside the choices of filters that want them, in one query; none where there are too many rows."""
        wanted = [applied for applied in self.applied if applied.filter.faceted()]
        if not wanted or self.capped:
            return
        parts, params, live = [], [], []
        connection = connections[self.base.db]
        for number, applied in enumerate(wanted):
            values = self.filtered(without=applied).order_by().values_list(applied.filter.orm)
            try:
                text, args = values[: self.page.count_cap + 1].query.get_compiler(connection=connection).as_sql()
            except EmptyResultSet:
                applied.options = [replace(option, count=0) for option in applied.options]
                continue
            live.append((number, applied))
            # Django's own SQL within ours; every value of the request travels in params.
            counted = f"FROM ({text}) AS counted(value) GROUP BY 2"
            parts.append(f"SELECT {number} AS facet, value::text, count(*) {counted}")
            params += args
        if not parts:
            return
        counts: dict[int, dict[str, int]] = {number: {} for number, _ in live}
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), params)
            for number, value, count in cursor.fetchall():
                counts[number][BOOLEANS.get(value, value)] = count
        for number, applied in live:
            found = counts[number]
            if sum(found.values()) > self.page.count_cap:
                continue
            applied.options = [replace(option, count=found.get(option.value, 0)) for option in applied.options]

    def address(self, **changes: Any) -> str:
        """Return this list's query string with parameters replaced (None removes); the page number starts again."""
        query = self.query.copy()
        for name in [name for name in query if name.startswith("_") or name == "page"]:
            del query[name]
        for name, value in changes.items():
            query.pop(name, None)
            if value not in (None, "", []):
                query.setlist(name, value if isinstance(value, list) else [str(value)])
        for name in [name for name in query if not any(query.getlist(name))]:
            del query[name]
        return query.urlencode()

    def address_without(self, parameter: str, value: str) -> str:
        """Return the query string with one value of one parameter removed."""
        left = [kept for kept in self.query.getlist(parameter) if kept not in ("", value)]
        return self.address(**{parameter: left})
