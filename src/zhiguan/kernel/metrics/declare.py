"""Metrics (指标): what a number means and how it is computed, declared once. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from zhiguan.kit.manifest import Declared

if TYPE_CHECKING:
    from zhiguan.kit.actor import Actor, Scope

Value = int | float | Decimal | None
"""A metric's value; None means that there is nothing to compute it from (a share of nothing)."""

UNITS = ("organ", "district")
"""Dimensions whose values are codes of units."""
TIMES = ("day", "month")
"""Dimensions of time. A metric with one of them can also be asked for a period by ``start`` and ``end``."""
NAMES = {"organ": "单位", "district": "区", "kind": "类别", "day": "日期", "month": "月份", "state": "状态"}
"""Chinese names of dimensions; a metric's ``dimension_names`` adds its own."""
DIRECTIONS = {"higher": "越高越好", "lower": "越低越好", "none": "不作评价"}
MUNICIPAL = "municipal"
"""Value of the dimension ``district`` that stands for everything outside the districts (市级)."""
LOCAL = ZoneInfo("Asia/Shanghai")


ANY_LINE = "*."
"""How the permission of a metric over many lines begins: ``*.case.supervise`` is any line's ``<line>.case.supervise``."""


def held(actor: Actor, permission: str) -> dict[str, Scope]:
    """Return the rows a permission reaches, by line where it is any line's; else, and for the system, under ''."""
    if actor.system or not permission.startswith(ANY_LINE):
        return {"": actor.scope(permission)}
    act = permission.removeprefix(ANY_LINE)
    return {code.split(".", 1)[0]: scope for code, scope in actor.permissions.items() if code.partition(".")[2] == act}


def may_read(actor: Actor, permission: str) -> bool:
    """Tell whether the actor holds a metric's permission; of any line's, one of them."""
    return actor.can(permission) or (permission.startswith(ANY_LINE) and bool(held(actor, permission)))


@dataclass(frozen=True)
class Chosen:
    """A unit that a query is narrowed to, with its range of positions."""

    id: int
    code: str
    name: str
    pos: int
    pos_end: int


@dataclass(frozen=True)
class MetricQuery:
    """One question to a metric. ``dims`` holds the filter values as text; ``group_by`` a dimension, or None.

    ``start`` and ``end`` are the first and last local day, both included (a filter by day or month is in them, too);
    None means open. ``ranges`` are the positions the dimensions organ and district narrow to (None: not narrowed) and
    ``units`` the units chosen, for the address of the rows.
    """

    actor: Actor
    permission: str
    dims: Mapping[str, str] = field(default_factory=dict)
    group_by: str | None = None
    start: date | None = None
    end: date | None = None
    ranges: tuple[tuple[int, int], ...] | None = None
    units: tuple[Chosen, ...] = ()

    @property
    def start_at(self) -> datetime | None:
        """The first moment of the period in Asia/Shanghai."""
        return None if self.start is None else datetime.combine(self.start, time.min, LOCAL)

    @property
    def end_at(self) -> datetime | None:
        """The first moment after the period in Asia/Shanghai."""
        return None if self.end is None else datetime.combine(self.end + timedelta(days=1), time.min, LOCAL)

    def narrow(self, rows: Any, column: str = "scope_pos") -> Any:
        """Return the queryset within the permission's scope and the chosen units.

        By the rows' own position, what the row rule shows beyond it counts, too (rows that serve a second unit, a
        person's own): the list behind the figure shows it.
        """
        rule = getattr(rows.model, "row_rule", None) if column == "scope_pos" else None
        scope = self.actor.scope(self.permission)
        return self.within(rows.filter(scope.q(column, getattr(rule, "persons", ())) | scope.beyond(rule)), column)

    def within(self, rows: Any, column: str = "scope_pos") -> Any:
        """Return the queryset within the chosen units, of rows that are narrowed to what the actor may read already."""
        if self.ranges is None:
            return rows
        chosen = None
        for lo, hi in self.ranges:
            one = rows.filter(**{f"{column}__range": (lo, hi)})
            chosen = one if chosen is None else chosen | one
        return rows.none() if chosen is None else chosen

    def during(self, rows: Any, path: str) -> Any:
        """Return the queryset within the period by a column of moments."""
        if self.start_at is not None:
            rows = rows.filter(**{f"{path}__gte": self.start_at})
        if self.end_at is not None:
            rows = rows.filter(**{f"{path}__lt": self.end_at})
        return rows

    def on_days(self, rows: Any, path: str) -> Any:
        """Return the queryset within the period by a column of dates."""
        if self.start is not None:
            rows = rows.filter(**{f"{path}__gte": self.start})
        if self.end is not None:
            rows = rows.filter(**{f"{path}__lte": self.end})
        return rows

    def address(self, base: str, *, unit: str = "unit", period: str = "", **more: str | Sequence[str] | None) -> str:
        """Return the address of a list narrowed like this query: ``base`` and the filters' parameters.

        ``unit`` names the list's unit filter (its keys are those of the units), ``period`` its date range filter;
        ``more`` are further parameters, of one or several values, empty ones left out.
        """
        pairs = [(unit, str(chosen.id)) for chosen in self.units]
        if period:
            pairs += [(f"{period}_from", self.start.isoformat())] if self.start else []
            pairs += [(f"{period}_to", self.end.isoformat())] if self.end else []
        for name, values in more.items():
            pairs += [(name, value) for value in ([values] if isinstance(values, str) else values or ()) if value]
        return f"{base}?{urlencode(pairs)}" if pairs else base


@dataclass(frozen=True)
class Group:
    """One group of a breakdown. ``key`` is the dimension's value, ``label`` its Chinese name, ``url`` its rows."""

    key: str
    label: str
    value: Value
    url: str = ""


@dataclass(frozen=True)
class Metric(Declared):
    """指标. ``code`` is area.name (``vehicles.mileage``); ``formula`` is Chinese text; ``dimensions`` names what it can
    be narrowed and broken down by (``organ``, ``district``, ``day``, ``month``, or the metric's own such as ``kind``).

    ``direction`` is higher, lower or none; ``source`` the data set; ``clause`` the document it rests on;
    ``responsible`` the office that answers for it. ``permission`` is asked, and its scope applies; of a metric over many
    lines it is any line's (:data:`ANY_LINE`), and ``compute`` narrows each line's rows itself. ``compute(query)`` returns
    the number, or the groups when ``query.group_by`` is set; use ``query.narrow`` and
    ``metrics.service.breakdown``. ``rows(query)`` returns the address of the list of exactly the rows behind the value.
    ``choices`` maps a dimension of the metric's own to its values and their names. ``additive``: groups sum up to the
    whole (false for shares and averages). ``kind`` is integer, number, percent or money, ``digits`` what is shown.
    """

    code: str
    name: str
    unit: str
    formula: str
    dimensions: tuple[str, ...]
    source: str
    clause: str
    responsible: str
    permission: str
    compute: Callable[[MetricQuery], Value | list[Group]]
    rows: Callable[[MetricQuery], str]
    direction: str = "none"
    dimension_names: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    additive: bool = True
    kind: str = "integer"
    digits: int | None = None

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ValueError(f"Metric {self.code!r}: direction {self.direction!r} is none of {', '.join(DIRECTIONS)}")
        if not (self.permission and self.formula and self.source):
            raise ValueError(f"Metric {self.code!r}: permission, formula and source must be given")
        if unnamed := [name for name in self.dimensions if not self.dimension_name(name)]:
            raise ValueError(f"Metric {self.code!r}: dimensions without a Chinese name: {', '.join(unnamed)}")
        if stray := (set(self.choices) | set(self.dimension_names)) - set(self.dimensions):
            raise ValueError(f"Metric {self.code!r}: {', '.join(sorted(stray))} is no dimension of it")
        if {"start", "end", "group_by", "code", "actor"} & set(self.dimensions):
            raise ValueError(f"Metric {self.code!r}: start, end, group_by, code and actor are not dimensions")
        if self.kind not in ("integer", "number", "percent", "money"):
            raise ValueError(f"Metric {self.code!r}: kind {self.kind!r} is none of integer, number, percent, money")

    def dimension_name(self, dimension: str) -> str:
        """Return the dimension's Chinese name, or an empty string."""
        return self.dimension_names.get(dimension) or NAMES.get(dimension, "")

    @property
    def timed(self) -> bool:
        """Whether the metric is of a period, so that ``start`` and ``end`` may be given."""
        return any(dimension in TIMES for dimension in self.dimensions)
