"""Vehicles, organs and kinds beside each other: the figures of evaluation in one table, ranked. SPEC L4.5, D10.

Every cell is a metric's group with the address of its rows. Of a small fleet the metrics are asked for it; of a large one
all parts of all figures are added up in one question (``parts``), and the figures made of them as the metrics make them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Sum
from django.urls import reverse

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import DIRECTIONS, Group, Metric, MetricQuery
from zhiguan.kernel.metrics.service import owners, plus, share
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, Scope
from zhiguan.kit.pages.columns import number_text

from ..codes import VehicleKind
from ..models import Vehicle, VehicleMonth
from . import parts

CODES = (
    "vehicles.use_rate", "vehicles.mileage", "vehicles.km_cost", "vehicles.person_trips", "vehicles.trip_cost",
    "vehicles.empty_share", "vehicles.response_minutes", "vehicles.punctual_share", "vehicles.emissions",
    "vehicles.idle_days",
)  # fmt: skip
BY = {"organ": "单位", "kind": "车辆种类", "car": "车辆"}
TREND_MONTHS = 12
BARS = 10


@dataclass(frozen=True)
class Asked:
    """What is compared: ``by`` organ, kind or car, from ``start`` to ``end``, within ``organ`` (code) and ``kind``."""

    by: str
    start: date
    end: date
    sort: str
    organ: str = ""
    kind: str = ""

    @property
    def dims(self) -> dict[str, Any]:
        """The dimensions that every figure is narrowed by."""
        named = {"organ": self.organ, "kind": self.kind}
        return {name: value for name, value in named.items() if value}

    @property
    def period(self) -> dict[str, Any]:
        """The dimensions and the period."""
        return {"start": self.start, "end": self.end, **self.dims}

    def address(self, **changed: str) -> str:
        """Return the page's address with some of this changed."""
        values = {"by": self.by, "from": f"{self.start:%Y-%m}", "to": f"{self.end:%Y-%m}", "sort": self.sort,
                  "organ": self.organ, "kind": self.kind} | changed  # fmt: skip
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass
class Row:
    """One vehicle, organ or kind. ``values`` are by metric code; ``rank`` is None without a value to rank by."""

    key: str
    label: str
    url: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    rank: int | None = None


def offered(actor: Actor) -> list[Metric]:
    """Return the metrics that are compared, those the actor may read."""
    return [metrics.metric(code, actor) for code in CODES if _may(code, actor)]


def _may(code: str, actor: Actor) -> bool:
    return any(each.code == code for each in metrics.catalogue(actor))


@dataclass
class Compared:
    """The rows, best first by the metric asked for, the figures of all together, and of when they are (None: of now)."""

    rows: list[Row]
    whole: Row
    at: datetime | None = None


def compare(actor: Actor, asked: Asked, most: int | None = None) -> Compared:
    """Compare by the metric ``asked.sort``, best first; of a metric without direction the most first.

    Only the first ``most`` rows are filled in; of a large fleet the others would take most of the time.
    """
    found = offered(actor)
    at = parts.kept_at()
    if at is not None:
        return _kept(actor, asked, found, most, at)
    rows: dict[str, Row] = {}
    for metric in found:
        for group in metrics.series(metric.code, actor, asked.by, **asked.period):
            row = rows.setdefault(group.key, Row(group.key, group.label))
            row.values[metric.code], row.urls[metric.code] = group.value, group.url
    whole = Row("", "总体")
    for metric in found:
        reading = metrics.read(metric.code, actor, **asked.period)
        whole.values[metric.code], whole.urls[metric.code] = reading.value, reading.url
    _name(actor, asked, rows)
    return Compared(ranked(list(rows.values()), _chosen(found, asked)), whole)


def _chosen(found: list[Metric], asked: Asked) -> Metric | None:
    return next((metric for metric in found if metric.code == asked.sort), None)


@dataclass
class Sums:
    """Sums of parts: ``names`` are permission/part, ``rows`` by key of a row the values in that order, None for none."""

    names: list[str]
    rows: dict[str, list[Any]]
    labels: dict[str, str] = field(default_factory=dict)

    def whole(self) -> list[Any]:
        """Return the sums of all rows together."""
        return [sum(value for value in column if value is not None) for column in zip(*self.rows.values(), strict=True)]

    def of(self, metric: Metric) -> Callable[[list[Any]], tuple[bool, Any]]:
        """Return what makes the metric of a row's values: whether there is a figure, and it."""
        part, divisor = parts.FIGURES[metric.code]
        above = self.names.index(f"{metric.permission}/{part}")
        if not divisor:
            return lambda held: (held[above] is not None, held[above])
        below = self.names.index(f"{metric.permission}/{divisor}")
        return lambda held: (held[below] is not None, share(held[above], held[below]))


def _kept(actor: Actor, asked: Asked, found: list[Metric], most: int | None, at: datetime) -> Compared:
    """Compare by the kept months: one question for all figures of all rows."""
    sums = _sums(actor, asked, found)
    whole = Row("", "总体")
    together = sums.whole() or [0] * len(sums.names)
    for metric in found:
        whole.values[metric.code] = sums.of(metric)(together)[1]
        whole.urls[metric.code] = metrics.rows_url(metric.code, actor, **asked.period)
    chosen = _chosen(found, asked)
    rows = [Row(key, sums.labels.get(key, key)) for key in sums.rows]
    if chosen is not None:
        _fill(rows, sums, chosen)
    rows = ranked(rows, chosen)
    shown = rows[:most]
    for metric in found:
        _fill(shown, sums, metric)
        urls = metrics.addresses(metric.code, actor, asked.by, [row.key for row in shown], **asked.period)
        for row, url in zip(shown, urls, strict=True):
            row.urls[metric.code] = url
    _name(actor, asked, {row.key: row for row in shown})
    return Compared(rows, whole, at)


def _fill(rows: list[Row], sums: Sums, metric: Metric) -> None:
    """Give the rows their value of the metric, as far as they have what it is made of."""
    make = sums.of(metric)
    for row in rows:
        known, value = make(sums.rows[row.key])
        if known:
            row.values[metric.code] = value


def _sums(actor: Actor, asked: Asked, found: list[Metric]) -> Sums:
    """Return the sums of parts, each within its permission's scope."""
    ranges = None
    rows = VehicleMonth.objects.filter(month__gte=asked.start, month__lte=asked.end)
    if asked.kind:
        rows = rows.filter(vehicle__kind=asked.kind)
    if asked.organ:
        units = Unit.objects.filter(code=asked.organ, kind="organ")
        ranges = tuple((unit.pos, unit.pos_end) for unit in units)
        rows = rows.filter(Scope(ranges).q())
    scopes = {metric.permission: actor.scope(metric.permission) for metric in found}
    same = len({scope.ranges for scope in scopes.values()}) == 1
    if same:
        rows = rows.filter(next(iter(scopes.values())).q())
    named = {(metric.permission, part) for metric in found for part in parts.FIGURES[metric.code] if part}
    apart = sorted(each for each in named if not parts.as_kept(parts.PARTS[each[1]], actor))
    wanted = sorted(named - set(apart))
    asking = {
        f"sum_{number}": Sum(part, **({} if same else {"filter": scopes[permission].q()}))
        for number, (permission, part) in enumerate(wanted)
    }
    path = {"organ": "scope_pos", "kind": "vehicle__kind", "car": "vehicle_id"}[asked.by]
    table = list(rows.order_by().values_list(path).annotate(**asking))
    sums = Sums(["/".join(each) for each in (*wanted, *apart)], {})
    blank = [None] * len(apart)
    if asked.by == "organ":
        owned = owners("organ", (row[0] for row in table))
        for position, *values in sorted(table, key=lambda row: owned[row[0]][0]):
            _, key, sums.labels[key] = owned[position]
            held = sums.rows.get(key, [None] * len(wanted))
            sums.rows[key] = [plus(one, other) for one, other in zip(held, values, strict=True)]
        sums.rows = {key: held + blank for key, held in sums.rows.items() if any(value is not None for value in held)}
    else:
        keys: dict[Any, str] = {None: ""}
        if asked.by == "car":  # a vehicle that may not be seen is left out
            keys |= dict(Vehicle.objects.filter(pk__in=rows.values("vehicle")).values_list("pk", "plate"))
        for key, *values in table:
            if (asked.by == "kind" or key in keys) and any(value is not None for value in values):
                sums.rows[keys.get(key, str(key))] = values + blank
    dims = {"kind": asked.kind} if asked.kind else {}
    for number, (permission, part) in enumerate(apart, len(wanted)):
        query = MetricQuery(actor, permission, dims, asked.by, asked.start, asked.end, ranges)
        _add(sums, number, parts.total(query, part))
    return sums


def _add(sums: Sums, place: int, groups: list[Group]) -> None:
    """Put a part's groups to the rows, at its place."""
    for group in groups:
        sums.rows.setdefault(group.key, [None] * len(sums.names))[place] = group.value
        sums.labels.setdefault(group.key, group.label)


def ranked(rows: list[Row], metric: Metric | None) -> list[Row]:
    """Return the rows in order of the metric with their ranks; equal values share one, rows without a value come last."""
    if metric is None:
        return sorted(rows, key=lambda row: row.label)
    sign = 1 if metric.direction == "lower" else -1
    valued = [row for row in rows if row.values.get(metric.code) is not None]
    valued.sort(key=lambda row: (sign * float(row.values[metric.code]), row.label))
    for place, row in enumerate(valued, 1):
        before = valued[place - 2] if place > 1 else None
        same = before is not None and float(before.values[metric.code]) == float(row.values[metric.code])
        row.rank = before.rank if same and before is not None else place
    return valued + sorted((row for row in rows if row.rank is None), key=lambda row: row.label)


def _name(actor: Actor, asked: Asked, rows: dict[str, Row]) -> None:
    """Give rows their names and where they lead: a vehicle to its page, the others to their vehicles."""
    kinds = dict(VehicleKind.choices)
    keys: dict[str, int] = {}
    if asked.by == "car":
        known = Vehicle.objects.visible_to(actor, "vehicles.vehicle.view").filter(plate__in=list(rows))
        keys = dict(known.values_list("plate", "pk"))
    for row in rows.values():
        if asked.by == "car":
            row.url = reverse("vehicles.vehicle.detail", args=[keys[row.key]]) if row.key in keys else ""
        elif row.key:
            row.label = kinds.get(row.key, row.label)
            row.url = asked.address(by="car", **{asked.by: row.key})


def table(actor: Actor, asked: Asked, rows: list[Row], whole: Row) -> dict[str, Any]:
    """Return the table to draw: ``columns``, ``rows`` with cells as text and address, and the ``whole``."""
    found = offered(actor)
    columns = [
        {"metric": metric, "name": metric.name, "unit": metric.unit, "active": metric.code == asked.sort,
         "url": asked.address(sort=metric.code), "direction": DIRECTIONS[metric.direction]}
        for metric in found
    ]  # fmt: skip
    return {"columns": columns, "rows": [_drawn(row, found) for row in rows], "whole": _drawn(whole, found)["cells"]}


def _drawn(row: Row, found: list[Metric]) -> dict[str, Any]:
    cells = [_cell(metric, row.values.get(metric.code), row.urls.get(metric.code, "")) for metric in found]
    return {"rank": row.rank, "label": row.label, "url": row.url, "cells": cells}


def _cell(metric: Metric, value: Any, url: str) -> dict[str, Any]:
    text = "—" if value is None else number_text(value, metric.kind, metric.digits)
    return {"name": metric.name, "text": text, "url": url, "none": value is None}


def trend(actor: Actor, asked: Asked) -> dict[str, Any] | None:
    """Return the chart of the chosen metric over the twelve months up to the period's end."""
    metric = _chosen(offered(actor), asked)
    if metric is None:
        return None
    start = first_of_month(asked.end, 1 - TREND_MONTHS)
    months = [f"{first_of_month(start, later):%Y-%m}" for later in range(TREND_MONTHS)]
    found = {group.key: group for group in
             metrics.series(metric.code, actor, "month", start=start, end=asked.end, **asked.dims)}  # fmt: skip
    return _chart(metric, "line", f"{metric.name}（近 {TREND_MONTHS} 个月）", months,
                  [found[month].value if month in found else None for month in months],
                  [found[month].url if month in found else "" for month in months])  # fmt: skip


def bars(asked: Asked, rows: list[Row], metric: Metric | None) -> dict[str, Any] | None:
    """Return the chart of the first rows by the chosen metric."""
    shown = [row for row in rows if row.rank is not None][:BARS]
    if metric is None or len(shown) < 2:
        return None
    title = f"{metric.name}（按{BY[asked.by]}，前 {len(shown)} 位）"
    return _chart(metric, "bar", title, [row.label for row in shown], [row.values[metric.code] for row in shown],
                  [row.urls.get(metric.code, "") for row in shown])  # fmt: skip


def _chart(metric: Metric, kind: str, title: str, x: list[str], values: list[Any], hrefs: list[str]) -> dict[str, Any]:
    scale = 100 if metric.kind == "percent" else 1
    bar = kind == "bar"
    return {
        "type": kind, "title": title, "unit": "%" if metric.kind == "percent" else metric.unit, "x": x,
        "series": [{"name": metric.name,
                    "data": [None if value is None else round(float(value) * scale, 2) for value in values]}],
        "hrefs": [href or None for href in hrefs], "horizontal": bar, "height": 290 if bar else 260,
        "table": "hidden" if bar else "folded",
    }  # fmt: skip


def fleet_organs(actor: Actor) -> list[tuple[str, str]]:
    """Return code and name of the organs with vehicles in the actor's scope, for the choice on the page."""
    held = Vehicle.objects.visible_to(actor, "vehicles.vehicle.view").exclude(state="disposed").order_by()
    units = Unit.objects.filter(pk__in=held.values("unit_id"), kind="organ").order_by("sort", "pos")
    return [(unit.code, unit.label) for unit in units]
