"""The overview of supervision: metrics of cases side by side. What a figure is made of and which rows it opens is said by
its metric (``metrics``); of many rows all figures are added up in one question."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.metrics.declare import Chosen, MetricQuery
from zhiguan.kernel.metrics.service import text
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor

from . import metrics, queries
from .metrics import FIGURES

PERIODS = {"month": "本月", "last": "上月", "quarter": "近三个月", "year": "本年", "twelve": "近一年"}
TOP = 10


@dataclass(frozen=True)
class Period:
    """Whole months: ``first`` and ``last`` are the first days of the first and the last one. Figures are kept by month."""

    code: str
    first: date
    last: date

    @classmethod
    def of(cls, code: str, today: date | None = None) -> Period:
        """Return the period of a code of :data:`PERIODS`; of an unknown one, the last three months."""
        month = first_of_month(today or timezone.localdate())
        before = first_of_month(month, -1)
        first, last = {
            "month": (month, month), "last": (before, before), "year": (month.replace(month=1), month),
            "twelve": (first_of_month(month, -11), month),
        }.get(code, (first_of_month(month, -2), month))  # fmt: skip
        return cls(code if code in PERIODS else "quarter", first, last)

    @property
    def end(self) -> date:
        """The last day."""
        return first_of_month(self.last, 1) - timedelta(days=1)


def asked(actor: Actor, period: Period | None = None, **dims: str) -> MetricQuery:
    """The question that a page puts to the metrics: of a period, or of the present."""
    first, last = (period.first, period.end) if period else (None, None)
    return MetricQuery(actor, metrics.PERMISSION, dims, None, first, last)


def _rows(query: MetricQuery, code: str, **dims: str) -> str:
    return metrics.BY_CODE[code].rows(replace(query, dims={**query.dims, **dims}))


def _names(codes: Any) -> list[str]:
    return [name for code in codes for name in FIGURES[code].names]


# --- the present ------------------------------------------------------------------------------------------------------

HEAT = {"count": "flow.steps_open", "yellow": "flow.steps_open_yellow", "red": "flow.steps_open_red"}


def heat(actor: Actor) -> dict[str, Any]:
    """Return items × stages with the number of open steps, and how many of them have a yellow or a red card."""
    query = asked(actor)
    rows = metrics.tally(query, flow.step_tally(actor), present=True)
    cells: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for (item, stage), sums in metrics.summed(rows, ("item", "stage"), _names(HEAT.values())):
        cells[item][stage] = {name: FIGURES[code].value(sums) for name, code in HEAT.items()}
    stages = [code for code in STAGES if any(code in row for row in cells.values())]
    most = max((cell["count"] for row in cells.values() for cell in row.values()), default=0)
    table = []
    for item, row in sorted(cells.items(), key=lambda pair: -sum(cell["count"] for cell in pair[1].values())):
        drawn = []
        for stage in stages:
            cell = row.get(stage) or dict.fromkeys(HEAT, 0)
            urls = {f"{name}_url": _rows(query, code, item=item, stage=stage) for name, code in HEAT.items()}
            drawn.append({**cell, **urls, "shade": _shade(cell["count"], most)})
        table.append({"name": queries.item_name(item), "cells": drawn, "url": _rows(query, HEAT["count"], item=item),
                      "total": sum(cell["count"] for cell in row.values())})  # fmt: skip
    return {"stages": [STAGES[stage] for stage in stages], "rows": table}


SHADES = ("", "", "", "bg-primary bg-opacity-10", "bg-primary bg-opacity-10", "bg-primary bg-opacity-25")
"""Of a cell by fifths of the fullest one: light enough for the links in it to be read."""


def _shade(count: int, most: int) -> str:
    return SHADES[0 if not count or not most else 1 + min(4, int(4 * count / most))]


def present(actor: Actor) -> dict[str, Any]:
    """Return the counts of cases that are under way."""
    query = asked(actor)
    sums = metrics.total(metrics.tally(query, flow.case_tally(actor), present=True), _names(("flow.open", "flow.stuck")))
    waiting = [(name, title, sums[name], _rows(query, "flow.open", state=name)) for name, title in
               (("correcting", "待补正"), ("returned", "已退回"), ("suspended", "已挂起"))]  # fmt: skip
    return {"open": FIGURES["flow.open"].value(sums), "open_url": _rows(query, "flow.open"),
            "stuck": FIGURES["flow.stuck"].value(sums), "stuck_url": _rows(query, "flow.stuck"),
            "waiting": [each for each in waiting if each[2]]}  # fmt: skip


# --- a period ---------------------------------------------------------------------------------------------------------

SHOWN = {
    "flow.submitted": "提交", "flow.closed": "办结", "flow.on_time": "按时办结率", "flow.overdue": "超期办结",
    "flow.corrected": "办结中补正过", "flow.yellow_cards": "黄牌", "flow.red_cards": "红牌",
}  # fmt: skip
TAKEN = {"flow.working_days": metrics.mean, "flow.working_days_median": metrics.median}
OF_ORGANS = ("flow.closed", "flow.elapsed_days", "flow.rounds", "flow.overdue")
OF_STEPS = ("flow.steps", "flow.step_hours", "flow.steps_long", "flow.steps_red", "flow.returned")


def by_organ(actor: Actor, period: Period) -> list[tuple[str, str, dict[str, int]]]:
    """Return code, name and sums of a period for each applying organ."""
    rows = metrics.tally(asked(actor, period), flow.case_tally(actor))
    return metrics.by_organ(rows, "organ", _names((*SHOWN, *OF_ORGANS)))


def days_by_organ(actor: Actor, period: Period) -> dict[str, dict[int, int]]:
    """Return for each applying organ, by its code, how many cases of a period took how many working days."""
    rows = metrics.tally(asked(actor, period), flow.days_tally(actor))
    return {code: taken for code, _, taken in metrics.days_by_organ(rows)}


def figures(
    actor: Actor, organs: list[tuple[str, str, dict[str, int]]], days: dict[str, dict[int, int]], period: Period
) -> list[dict[str, Any]]:
    """Return the figures of a period with the addresses of their rows."""
    query, whole = asked(actor, period), dict.fromkeys(_names(SHOWN), 0)
    for _, _, sums in organs:
        whole = {name: number + sums[name] for name, number in whole.items()}
    values = {code: FIGURES[code].value(whole) for code in SHOWN}
    taken = sum((Counter(each) for each in days.values()), Counter())
    values |= {code: of(taken) for code, of in TAKEN.items()}
    found = []
    for code, value in values.items():
        metric = metrics.BY_CODE[code]
        words = text(metric, value).removesuffix(f" {metric.unit}")
        title = SHOWN.get(code) or f"{metric.name}（工作日）"
        found.append({"code": code, "title": title, "value": value, "text": words, "url": _rows(query, code)})
    return found


def organ_league(
    actor: Actor, organs: list[tuple[str, str, dict[str, int]]], days: dict[str, dict[int, int]], period: Period,
    top: int | None = TOP,
) -> list[dict[str, Any]]:
    """Return the organs with the most overdue cases, then the longest, first."""
    found = []
    for code, label, sums in organs:
        ended, natural, rounds, overdue = (FIGURES[each].value(sums) for each in OF_ORGANS)
        if ended:
            worked, middle = (of(days.get(code, {})) for of in TAKEN.values())
            found.append({"code": code, "name": label, "ended": ended, "granted": sums["granted"], "worked": worked,
                          "middle": middle, "refused": sums["refused"], "overdue": overdue, "days": natural,
                          "rounds": rounds})  # fmt: skip
    shown = sorted(found, key=lambda row: (-row["overdue"], -(row["worked"] or 0), -(row["days"] or 0)))[:top]
    units = {unit.code: unit for unit in Unit.objects.filter(code__in=[row["code"] for row in shown if row["code"]])}
    for row in shown:
        unit = units.get(row["code"])  # none: cases of a unit above all organs, which no list can be narrowed to
        query = asked(actor, period)
        if unit is not None:
            query = replace(query, units=(Chosen(unit.pk, unit.code, unit.name, unit.pos, unit.pos_end),))
        urls = {
            "url": _rows(query, "flow.closed"), "granted_url": _rows(query, "flow.closed", state="granted"),
            "refused_url": _rows(query, "flow.closed", state="refused"), "overdue_url": _rows(query, "flow.overdue"),
            "days_url": _rows(query, "flow.elapsed_days"), "worked_url": _rows(query, "flow.working_days"),
        }  # fmt: skip
        row.update(urls if unit is not None else dict.fromkeys(urls, ""))
    return shown


def step_league(actor: Actor, period: Period, top: int | None = TOP) -> list[dict[str, Any]]:
    """Return the steps that took longest on average, first: how often, how many more than a week, cards, returns."""
    query, found = asked(actor, period), []
    rows = metrics.tally(query, flow.step_tally(actor))
    for (item, name), sums in metrics.summed(rows, ("item", "name"), _names(OF_STEPS)):
        count, hours, long, red, undone = (FIGURES[code].value(sums) for code in OF_STEPS)
        if count:
            found.append({"code": item, "item": queries.item_name(item), "name": name, "count": count, "hours": hours,
                          "long": long, "red": red, "undone": undone})  # fmt: skip
    shown = sorted(found, key=lambda row: -row["hours"])[:top]
    for row in shown:
        of = {"item": row["code"], "step": row["name"]}
        row.update({"url": _rows(query, "flow.steps", **of), "long_url": _rows(query, "flow.steps_long", **of),
                "red_url": _rows(query, "flow.steps_red", **of), "undone_url": _rows(query, "flow.returned", **of)})  # fmt: skip
    return shown
