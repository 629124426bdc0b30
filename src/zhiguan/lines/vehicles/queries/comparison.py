"""Vehicles, organs and kinds beside each other: the figures of evaluation in one table, ranked. SPEC L4.5, D10.

Every cell is a metric's group with the address of its rows. Of a small fleet the metrics are asked for it; of a large one
all parts of all figures are added up in one question (``parts``), and the figures made of them as the metrics make them.
Thousands of vehicles are ranked by the database: only those shown are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.aggregates import BoolOr
from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import DIRECTIONS, Group, Metric, MetricQuery
from zhiguan.kernel.metrics.service import owners, plus, share
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, Scope
from zhiguan.kit.pages.columns import number_text

from ..codes import VehicleKind
from ..models import UnitMonth, Vehicle, VehicleMonth
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
    readable = {metric.code: metric for metric in metrics.catalogue(actor)}
    return [readable[code] for code in CODES if code in readable]


@dataclass
class Compared:
    """The rows, best first by the metric asked for, the figures of all together, and of when they are (None: of now).

    ``total`` is how many rows there are, ``rows`` may be the first of them only.
    """

    rows: list[Row]
    whole: Row
    total: int
    at: datetime | None = None


def compare(actor: Actor, asked: Asked, most: int | None = None) -> Compared:
    """Compare by the metric ``asked.sort``, best first; of a metric without direction the most first.

    Only the first ``most`` rows are returned: of a large fleet the others would take most of the time.
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
    return Compared(ranked(list(rows.values()), _chosen(found, asked))[:most], whole, len(rows))


def _chosen(found: list[Metric], asked: Asked) -> Metric | None:
    return next((metric for metric in found if metric.code == asked.sort), None)


@dataclass
class Sums:
    """Sums of parts: ``names`` are permission/part, ``rows`` by key of a row the values in that order, None for none."""

    names: list[str]
    rows: dict[str, list[Any]]
    labels: dict[str, str] = field(default_factory=dict)

    def of(self, metric: Metric) -> Callable[[list[Any]], tuple[bool, Any]]:
        """Return what makes the metric of a row's values: whether there is a figure, and it."""
        part, divisor = parts.FIGURES[metric.code]
        above = self.names.index(f"{metric.permission}/{part}")
        if not divisor:
            return lambda held: (held[above] is not None, held[above])
        below = self.names.index(f"{metric.permission}/{divisor}")
        return lambda held: (held[below] is not None, share(held[above], held[below]))


@dataclass
class Asking:
    """The question to the kept months: what is ``wanted`` of them (permission, part), what they do not hold for the actor
    (``apart``: orders, of who does not see the whole city), and within which scopes."""

    actor: Actor
    asked: Asked
    found: list[Metric]
    ranges: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.asked.organ:
            units = Unit.objects.filter(code=self.asked.organ, kind="organ")
            self.ranges = tuple((unit.pos, unit.pos_end) for unit in units)
        self.scopes = {metric.permission: self.actor.scope(metric.permission) for metric in self.found}
        named = {(metric.permission, part) for metric in self.found for part in parts.FIGURES[metric.code] if part}
        city = parts.sees_city(self.actor)
        self.apart = sorted(each for each in named if parts.PARTS[each[1]].of_orders and not city)
        self.wanted = sorted(named - set(self.apart))
        self.names = ["/".join(each) for each in (*self.wanted, *self.apart)]
        # A row is what has a figure, and a quotient has one where its divisor has rows.
        made = {
            (metric.permission, parts.FIGURES[metric.code][1] or parts.FIGURES[metric.code][0]) for metric in self.found
        }
        self.making = [each for each in self.wanted if each in made]

    def rows(self, model: type[VehicleMonth | UnitMonth], kind: str) -> QuerySet:
        """Return the kept months within the period and all that the actor asked for and may see."""
        rows = model._default_manager.filter(month__gte=self.asked.start, month__lte=self.asked.end).order_by()
        if self.asked.kind:
            rows = rows.filter(**{kind: self.asked.kind})
        if self.ranges is not None:
            rows = rows.filter(Scope(self.ranges).q())
        return rows.filter(next(iter(self.scopes.values())).q()) if self.same else rows

    @property
    def same(self) -> bool:
        """Whether all figures are of one scope."""
        return len({scope.ranges for scope in self.scopes.values()}) == 1

    def sum(self, permission: str, part: str) -> Sum:
        """Return the aggregate of a part within its permission's scope."""
        return Sum(part, **({} if self.same else {"filter": self.scopes[permission].q()}))

    @property
    def sums(self) -> dict[str, Sum]:
        """The aggregates of all that is wanted."""
        return {f"sum_{number}": self.sum(*each) for number, each in enumerate(self.wanted)}

    @property
    def makes(self) -> Q:
        """Which rows have a part that makes a figure."""
        found = Q()
        for permission, part in self.making:
            seen = Q() if self.same else self.scopes[permission].q()
            found |= Q(**{f"{part}__isnull": False}) & seen
        return found

    def live(self, permission: str, part: str, by: str | None) -> Any:
        """Return what is kept apart, counted anew: its sum or its groups."""
        dims = {"kind": self.asked.kind} if self.asked.kind else {}
        query = MetricQuery(self.actor, permission, dims, by, self.asked.start, self.asked.end, self.ranges)
        return parts.total(query, part)


def _kept(actor: Actor, asked: Asked, found: list[Metric], most: int | None, at: datetime) -> Compared:
    """Compare by the kept months."""
    asking, chosen = Asking(actor, asked, found), _chosen(found, asked)
    together = Sums(asking.names, {"": _together(asking)})
    whole = Row("", "总体")
    for metric in found:
        whole.values[metric.code] = together.of(metric)(together.rows[""])[1]
    if asked.by == "car" and asking.making and not asking.apart:
        shown, sums, total = _first_cars(asking, chosen, most)
    else:
        sums = _sums(asking)
        rows = [Row(key, sums.labels.get(key, key)) for key in sums.rows]
        if chosen is not None:
            _fill(rows, sums, chosen)
        shown, total = ranked(rows, chosen)[:most], len(rows)
    codes, keys = [metric.code for metric in found], [row.key for row in shown]
    for metric, urls in zip(found, metrics.addresses(codes, actor, asked.by, keys, **asked.period), strict=True):
        _fill(shown, sums, metric)
        for row, url in zip([whole, *shown], urls, strict=True):
            row.urls[metric.code] = url
    _name(actor, asked, {row.key: row for row in shown})
    return Compared(shown, whole, total, at)


def _fill(rows: list[Row], sums: Sums, metric: Metric) -> None:
    """Give the rows their value of the metric, as far as they have what it is made of."""
    make = sums.of(metric)
    for row in rows:
        known, value = make(sums.rows[row.key])
        if known:
            row.values[metric.code] = value


def _together(asking: Asking) -> list[Any]:
    """Return the sums of everything together."""
    found = asking.rows(UnitMonth, "kind").aggregate(**asking.sums)
    return [value or 0 for value in found.values()] + [asking.live(*each, None) for each in asking.apart]


def _first_cars(asking: Asking, chosen: Metric | None, most: int | None) -> tuple[list[Row], Sums, int]:
    """Return the first vehicles by the chosen metric, their sums, and how many vehicles there are: ranked as :func:`ranked`
    does, by the database. A vehicle that may not be seen is left out."""
    months = asking.rows(VehicleMonth, "vehicle__kind").values_list("vehicle_id")
    value, sums = "NULL::float8", {}
    if chosen is not None:
        above, below = parts.FIGURES[chosen.code]
        value, sums["above"] = "k.above::float8", asking.sum(chosen.permission, above)
        if below:
            value = f"coalesce({value}, 0) / nullif(k.below, 0)::float8"
            sums["below"] = asking.sum(chosen.permission, below)
    inner, given = months.annotate(made=BoolOr(asking.makes), **sums).query.sql_with_params()
    order = "ASC" if chosen is not None and chosen.direction == "lower" else "DESC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT k.vehicle_id, coalesce(v.plate, ''), CASE WHEN {value} IS NOT NULL
                    THEN rank() OVER (ORDER BY {value} {order} NULLS LAST) END, count(*) OVER ()
                FROM ({inner}) k LEFT JOIN {Vehicle._meta.db_table} v ON v.id = k.vehicle_id
                WHERE (k.vehicle_id IS NULL OR v.id IS NOT NULL) AND k.made
                ORDER BY {value} {order} NULLS LAST, coalesce(v.plate, '') COLLATE "C" LIMIT %s""",  # noqa: S608 -- our own words
            [*given, most],
        )  # fmt: skip
        table = cursor.fetchall()
    plates = {key: plate for key, plate, _, _ in table}
    named = Q(vehicle__in=[key for key in plates if key is not None])
    shown = months.filter(named | Q(vehicle=None) if None in plates else named)
    held = {plates[key]: values for key, *values in shown.annotate(**asking.sums) if key in plates}
    rows = [Row(plate, plate, rank=rank) for _, plate, rank, _ in table]
    return rows, Sums(asking.names, held), table[0][3] if table else 0


def _sums(asking: Asking) -> Sums:
    """Return the sums of all rows, each part within its permission's scope."""
    by, blank = asking.asked.by, [None] * len(asking.apart)
    sums = Sums(asking.names, {})
    if by == "car":
        table = list(asking.rows(VehicleMonth, "vehicle__kind").values_list("vehicle_id").annotate(**asking.sums))
        plates = dict(Vehicle.objects.filter(pk__in={key for key, *_ in table}).values_list("pk", "plate"))
        keys: dict[Any, str] = {None: "", **plates}
    else:
        path = "scope_pos" if by == "organ" else "kind"
        table = list(asking.rows(UnitMonth, "kind").values_list(path).annotate(**asking.sums))
        keys = {key: key for key, *_ in table}
    making = [asking.wanted.index(each) for each in asking.making]
    table = [row for row in table if row[0] in keys and any(row[1 + number] is not None for number in making)]
    if by == "organ":
        owned = owners("organ", (row[0] for row in table))
        for position, *values in sorted(table, key=lambda row: owned[row[0]][0]):
            _, key, sums.labels[key] = owned[position]
            held = sums.rows.get(key, [None] * len(values) + blank)
            sums.rows[key] = [plus(one, other) for one, other in zip(held, values + blank, strict=True)]
    else:
        sums.rows = {keys[key]: values + blank for key, *values in table}
    for number, (permission, part) in enumerate(asking.apart, len(asking.wanted)):
        _add(sums, number, asking.live(permission, part, by))
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
