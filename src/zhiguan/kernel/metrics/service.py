"""The public door of metrics: one function computes a value, for pages, API, cockpit, export and command alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from zhiguan.kernel.orgs.service import Unit, root
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied, Invalid, NotFound
from zhiguan.kit.pages.columns import number_text
from zhiguan.kit.pages.guard import working

from .declare import MUNICIPAL, UNITS, Chosen, Group, Metric, MetricQuery, Value, held, may_read
from .grouping import breakdown, by_unit, owners, plus, ratio, share

__all__ = [
    "Reading",
    "addresses",
    "breakdown",
    "by_unit",
    "catalogue",
    "metric",
    "owners",
    "plus",
    "ratio",
    "read",
    "rows_url",
    "series",
    "share",
    "text",
    "value",
]

Ranges = tuple[tuple[int, int], ...]
Narrowing = tuple[Ranges | None, tuple[Chosen, ...]]


@dataclass(frozen=True)
class Reading:
    """A metric read once: the value, its text with unit, and the address of the rows behind it."""

    metric: Metric
    query: MetricQuery
    value: Value
    text: str
    url: str


def catalogue(actor: Actor) -> list[Metric]:
    """Return the metrics the actor may read, in the order of their parts and lines."""
    return [each for each in registry.current().all(Metric) if may_read(actor, each.permission)]


def metric(code: str, actor: Actor) -> Metric:
    """Return one metric; raises NotFound for an unknown code, Denied without its permission."""
    try:
        found = registry.current().get(Metric, code)
    except KeyError:
        raise NotFound(f"没有代码为“{code[:60]}”的指标。", code="metric_not_found") from None
    if not may_read(actor, found.permission):
        raise Denied(f"您没有查看指标“{found.name}”的权限。", code="permission_missing")
    return found


def value(code: str, actor: Actor, **dims: Any) -> Value:
    """Return the metric's value within the actor's scope.

    ``dims`` are values of its dimensions: ``organ`` and ``district`` by unit code, ``day`` (2026-03-01) and ``month``
    (2026-03), the metric's own by code; timed metrics also take ``start`` and ``end`` (first and last day, both
    included). Raises NotFound, Denied, and Invalid for an unknown dimension or value.
    """
    return read(code, actor, **dims).value


def read(code: str, actor: Actor, **dims: Any) -> Reading:
    """Return the value with its text and the address of its rows; see :func:`value`."""
    found = metric(code, actor)
    with working(actor):
        query = _query(found, actor, dims)
        number = found.compute(query)
        if isinstance(number, list):
            raise TypeError(f"{code}: compute returned groups where one number was asked")
        return Reading(found, query, number, text(found, number), _rows(found, query))


def series(code: str, actor: Actor, group_by: str, **dims: Any) -> list[Group]:
    """Return the value broken down by one dimension, each group with the address of its rows; see :func:`value`."""
    found = metric(code, actor)
    if group_by not in found.dimensions:
        raise Invalid(_unknown(found, group_by), code="unknown_dimension")
    with working(actor):
        query = _query(found, actor, dims)
        groups = found.compute(replace(query, group_by=group_by))
        if not isinstance(groups, list):
            raise TypeError(f"{code}: compute returned one number where groups by {group_by} were asked")
        names = found.choices.get(group_by, {})
        return [
            replace(group, label=names.get(group.key, group.label), url=group.url or address)
            for group, address in zip(groups, _addresses(found, query, group_by, groups), strict=True)
        ]


def rows_url(code: str, actor: Actor, **dims: Any) -> str:
    """Return the address of exactly the rows behind the value; see :func:`value`."""
    found = metric(code, actor)
    with working(actor):
        return _rows(found, _query(found, actor, dims))


def addresses(codes: Iterable[str], actor: Actor, group_by: str, keys: Iterable[str], **dims: Any) -> list[list[str]]:
    """Return for each metric the addresses of the rows behind its whole and behind groups known already, without computing
    them; units are read once for all metrics. See :func:`series`."""
    groups, found_of_all = [Group(key, key, None) for key in keys], []
    with working(actor):
        of_groups = _units_of(groups) if group_by in UNITS else {}
        chosen: Narrowing | None = None
        for found in [metric(code, actor) for code in codes]:
            query = _query(found, actor, dict(dims), chosen)
            chosen = (query.ranges, query.units)
            found_of_all.append([_rows(found, query), *_addresses(found, query, group_by, groups, of_groups)])
        return found_of_all


def text(found: Metric, number: Value) -> str:
    """Return a value for people, with its unit; a dash when there is nothing to compute it from."""
    if number is None:
        return "—"
    plain = number_text(number, found.kind, found.digits)
    return plain if found.kind == "percent" or not found.unit else f"{plain} {found.unit}"


# --- reading dimensions -----------------------------------------------------------------------------------------------


def _unknown(found: Metric, name: str) -> str:
    known = "、".join(f"{each}（{found.dimension_name(each)}）" for each in found.dimensions) or "无"
    return f"指标“{found.name}”没有维度“{name[:40]}”，可用的维度：{known}。"


def _query(found: Metric, actor: Actor, dims: dict[str, Any], chosen: Narrowing | None = None) -> MetricQuery:
    """Return the checked query; raises Invalid for what the metric cannot be asked. ``chosen``: what :func:`_units` says of
    the dimensions, when it is known."""
    start, end = _day(dims.pop("start", None), "start"), _day(dims.pop("end", None), "end")
    if (start or end) and not found.timed:
        raise Invalid(f"指标“{found.name}”反映当前情况，不能按起止日期查询。", code="not_timed")
    for name in dims:
        if name not in found.dimensions:
            raise Invalid(_unknown(found, name), code="unknown_dimension", fields={name[:40]: "没有该维度。"})
    asked = {name: str(given).strip() for name, given in dims.items() if given not in (None, "")}
    for name, given in asked.items():
        known = found.choices.get(name)
        if "\0" in given or len(given) > 100 or (known is not None and given not in known):
            raise Invalid(
                f"“{found.dimension_name(name)}”没有值“{given[:40]}”。",
                code="unknown_value",
                fields={name: "没有该值。"},
            )
    if "month" in asked:
        first, last = _month(asked["month"])
        start, end = _later(start, first), _earlier(end, last)
    if "day" in asked:
        day = _day(asked["day"], "day")
        start, end = _later(start, day), _earlier(end, day)
    ranges, units = _units(asked) if chosen is None else chosen
    return MetricQuery(actor, found.permission, asked, None, start, end, ranges, units)


def _rows(found: Metric, query: MetricQuery) -> str:
    """Return the address of the rows; empty where units are chosen that the scope does not reach: lists offer only
    units within the scope, and would show everything else instead of nothing."""
    if query.ranges is None:
        return found.rows(query)
    reached = tuple(unit for unit in query.units if _reaches(query, unit))
    return found.rows(replace(query, units=reached)) if reached else ""


def _reaches(query: MetricQuery, unit: Chosen) -> bool:
    scopes = held(query.actor, query.permission).values()
    return any(lo <= unit.pos_end and unit.pos <= hi for scope in scopes for lo, hi in scope.ranges)


def _later(one: date | None, other: date | None) -> date | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _day(given: Any, name: str) -> date | None:
    if given in (None, ""):
        return None
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        message = f"“{str(given)[:40]}”不是有效的日期，应如 2026-03-01。"
        raise Invalid(message, code="bad_date", fields={name: message}) from None


def _month(given: str) -> tuple[date, date]:
    try:
        first = datetime.strptime(given, "%Y-%m").date()  # noqa: DTZ007 -- a month has no zone
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    except ValueError:
        message = f"“{given[:40]}”不是有效的月份，应如 2026-03。"
        raise Invalid(message, code="bad_date", fields={"month": message}) from None
    return first, following - timedelta(days=1)


def _units(asked: dict[str, str]) -> Narrowing:
    """Return the positions that organ and district narrow to, and the units that say so in an address."""
    ranges: Ranges | None = None
    units: tuple[Chosen, ...] = ()
    for name in ("district", "organ"):  # the organ last: it is the narrower one, and names the rows
        if name not in asked:
            continue
        units = _chosen(name, asked[name])
        mine = tuple((unit.pos, unit.pos_end) for unit in units)
        ranges = mine if ranges is None else _common(ranges, mine)
    return ranges, units


def _chosen(name: str, code: str) -> tuple[Chosen, ...]:
    if name == "district" and code == MUNICIPAL:
        city = root()
        found: Iterable[Unit] = (
            Unit.objects.filter(parent=city).exclude(kind="district").order_by("pos") if city else ()
        )
    else:
        found = Unit.objects.filter(code=code, kind=name)
    units = tuple(Chosen(unit.pk, unit.code, unit.name, unit.pos, unit.pos_end) for unit in found)
    if not units:
        message = f"没有代码为“{code[:40]}”的{'区' if name == 'district' else '单位'}。"
        raise Invalid(message, code="unknown_value", fields={name: message})
    return units


def _common(one: Ranges, other: Ranges) -> Ranges:
    """Return where two sets of ranges overlap."""
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple((lo, hi) for lo, hi in pairs if lo <= hi)


def _narrowed(query: MetricQuery, dimension: str, key: str) -> MetricQuery:
    """Return the query narrowed to one group of a dimension other than units, which asks no database."""
    start, end = query.start, query.end
    if dimension == "month":
        first, last = _month(key)
        start, end = _later(start, first), _earlier(end, last)
    elif dimension == "day":
        day = _day(key, "day")
        start, end = _later(start, day), _earlier(end, day)
    return replace(query, dims={**query.dims, dimension: key}, start=start, end=end)


def _units_of(groups: list[Group]) -> dict[str, tuple[Chosen, ...]]:
    """Return the units of groups by organ or district: one query for all, not one per group."""
    keys = [group.key for group in groups if group.key and group.key != MUNICIPAL]
    rows = Unit.objects.filter(code__in=keys).values_list("pk", "code", "name", "pos", "pos_end")
    units = {row[1]: (Chosen(*row),) for row in rows}
    if any(group.key == MUNICIPAL for group in groups):
        units[MUNICIPAL] = _chosen("district", MUNICIPAL)
    return units


def _addresses(
    found: Metric, query: MetricQuery, group_by: str, groups: list[Group], units: dict[str, tuple[Chosen, ...]] | None = None
) -> list[str]:  # fmt: skip
    """Return the address of each group's rows; empty for groups without a key, which no list can be narrowed to."""
    if group_by not in UNITS:
        return [_rows(found, _narrowed(query, group_by, group.key)) if group.key else "" for group in groups]
    units = _units_of(groups) if units is None else units
    addresses = []
    for group in groups:
        if not group.key:
            addresses.append("")
            continue
        chosen = units[group.key]
        mine = tuple((unit.pos, unit.pos_end) for unit in chosen)
        ranges = mine if query.ranges is None else _common(query.ranges, mine)
        named = query.units if group_by == "district" and "organ" in query.dims else chosen
        dims = {**query.dims, group_by: group.key}
        addresses.append(_rows(found, replace(query, dims=dims, ranges=ranges, units=named)))
    return addresses
