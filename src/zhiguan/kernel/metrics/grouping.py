"""Breaking a value down by a dimension: by organ, by district, by day or month, by a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDay, TruncMonth

from zhiguan.kernel.orgs.service import Unit, containing

from .declare import LOCAL, MUNICIPAL, Group, MetricQuery, Value

NOBODY = "未归属单位"
"""Label of the group of rows above every organ (of a district itself, of the city itself); it has no key."""


def breakdown(
    query: MetricQuery, rows: QuerySet, value: Any = None, *, unit: str = "scope_pos", time: str = "",
    columns: Mapping[str, str] | None = None,
) -> list[Group]:  # fmt: skip
    """Return an additive aggregate of the rows by ``query.group_by``.

    ``value`` is the aggregate (default: the number of rows), ``unit`` the column of positions, ``time`` the path of the
    date or moment, ``columns`` maps the metric's own dimensions to paths. The rows must be narrowed already.
    Averages and shares cannot be added up: break down their parts with this and divide (:func:`ratio`).
    """
    aggregate = Count("pk") if value is None else value
    dimension = query.group_by
    rows = rows.order_by()
    if dimension in ("organ", "district"):
        found = rows.values_list(unit).annotate(metric_value=aggregate)
        return by_unit(dimension, [(position, number) for position, number in found])
    if dimension in ("day", "month") and time:
        field = rows.model._meta.get_field(time.split("__", maxsplit=1)[0]) if "__" not in time else None
        moment = field is None or field.get_internal_type() == "DateTimeField"
        zone = {"tzinfo": LOCAL} if moment else {}
        cut = TruncDay(time, **zone) if dimension == "day" else TruncMonth(time, **zone)
        found = rows.values(metric_cut=cut).values_list("metric_cut").annotate(metric_value=aggregate)
        return sorted((_of_time(dimension, *pair) for pair in found), key=lambda group: group.key)
    path = (columns or {}).get(dimension or "")
    if not path:
        raise ValueError(f"breakdown by {dimension!r}: neither a unit, nor a time, nor in columns")
    found = rows.values_list(path).annotate(metric_value=aggregate)
    groups = [Group("" if key is None else str(key), "" if key is None else str(key), number) for key, number in found]
    return sorted(groups, key=lambda group: group.key)


def _of_time(dimension: str, cut: date | datetime | None, number: Value) -> Group:
    key = "" if cut is None else cut.strftime("%Y-%m-%d" if dimension == "day" else "%Y-%m")
    return Group(key, key or "日期不详", number)


def by_unit(dimension: str, values: Iterable[tuple[int, Value]]) -> list[Group]:
    """Return additive values by position folded into organs (the topmost of nested ones) or districts.

    In order of the tree. What lies outside the districts is one group, :data:`~.declare.MUNICIPAL`.
    """
    values = [(position, number) for position, number in values if position is not None]
    owned = owners(dimension, (position for position, _ in values))
    sums: dict[str, Value] = {}
    labels: dict[str, tuple[int, str]] = {}
    for position, number in values:
        order, key, label = owned[position]
        labels[key] = (order, label)
        sums[key] = plus(sums.get(key), number)
    return [Group(key, label, sums[key]) for key, (_, label) in sorted(labels.items(), key=lambda item: item[1][0])]


def owners(dimension: str, positions: Iterable[int]) -> dict[int, tuple[int, str, str]]:
    """Return by position the order, key and label of the organ's or district's group that it belongs to."""
    wanted = set(positions)
    known = {unit.pos: unit for unit in containing(wanted)}
    return {position: _owner(dimension, position, known) for position in wanted}


def _owner(dimension: str, position: int, known: Mapping[int, Unit]) -> tuple[int, str, str]:
    """Return (order, key, label) of the group that a position belongs to."""
    from zhiguan.kernel.orgs.tree import path_positions

    above = [known[each] for each in path_positions(position) if each in known]
    for unit in above:
        if unit.kind == dimension:
            return unit.pos, unit.code, unit.label
    if dimension == "district" and len(above) > 1:
        return 0, MUNICIPAL, "市级"
    return 2**63, "", NOBODY


def plus(one: Value, other: Value) -> Value:
    """Return the sum of two values, either of which may be none."""
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, Decimal) != isinstance(other, Decimal):
        return float(one) + float(other)
    return one + other  # type: ignore[operator]  -- both are of one kind by now


def ratio(parts: Iterable[Group], wholes: Iterable[Group]) -> list[Group]:
    """Return part ÷ whole for every group of the wholes; None where the whole is nothing."""
    numbers = {group.key: group.value for group in parts}
    return [replace(group, value=share(numbers.get(group.key), group.value)) for group in wholes]


def share(part: Value, whole: Value) -> float | None:
    """Return part ÷ whole, None when there is no whole."""
    return float(part or 0) / float(whole) if whole else None
