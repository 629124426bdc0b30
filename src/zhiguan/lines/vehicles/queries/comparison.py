"""Vehicles, organs and kinds beside each other: the figures of evaluation in one table, ranked. SPEC L4.5, D10.

Nothing is computed here: every cell is a metric's group with the address of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import DIRECTIONS, Metric
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages.columns import number_text

from ..codes import VehicleKind
from ..models import Vehicle

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


def compare(actor: Actor, asked: Asked) -> list[Row]:
    """Return the rows, best first by the metric ``asked.sort``; of a metric without direction the most first."""
    rows: dict[str, Row] = {}
    found = offered(actor)
    for metric in found:
        for group in metrics.series(metric.code, actor, asked.by, start=asked.start, end=asked.end, **asked.dims):
            row = rows.setdefault(group.key, Row(group.key, group.label))
            row.values[metric.code], row.urls[metric.code] = group.value, group.url
    _name(actor, asked, rows)
    chosen = next((metric for metric in found if metric.code == asked.sort), None)
    return ranked(list(rows.values()), chosen)


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


def table(actor: Actor, asked: Asked, rows: list[Row]) -> dict[str, Any]:
    """Return the table to draw: ``columns``, ``rows`` with cells as text and address, and the ``whole``."""
    found = offered(actor)
    whole = [metrics.read(metric.code, actor, start=asked.start, end=asked.end, **asked.dims) for metric in found]
    columns = [
        {"metric": metric, "name": metric.name, "unit": metric.unit, "active": metric.code == asked.sort,
         "url": asked.address(sort=metric.code), "direction": DIRECTIONS[metric.direction]}
        for metric in found
    ]  # fmt: skip
    drawn = [
        {
            "rank": row.rank, "label": row.label, "url": row.url,
            "cells": [_cell(metric, row.values.get(metric.code), row.urls.get(metric.code, "")) for metric in found],
        }
        for row in rows
    ]  # fmt: skip
    return {"columns": columns, "rows": drawn, "whole": [_cell(each.metric, each.value, each.url) for each in whole]}


def _cell(metric: Metric, value: Any, url: str) -> dict[str, Any]:
    text = "—" if value is None else number_text(value, metric.kind, metric.digits)
    return {"name": metric.name, "text": text, "url": url, "none": value is None}


def trend(actor: Actor, asked: Asked) -> dict[str, Any] | None:
    """Return the chart of the chosen metric over the twelve months up to the period's end."""
    metric = next((each for each in offered(actor) if each.code == asked.sort), None)
    if metric is None:
        return None
    first = asked.end.year * 12 + asked.end.month - TREND_MONTHS
    months = [f"{(first + n) // 12}-{(first + n) % 12 + 1:02}" for n in range(TREND_MONTHS)]
    start = date.fromisoformat(f"{months[0]}-01")
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
