"""Figures of the course of cases for supervisors, added up from the tallies: each equals the rows its address opens."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.lifecycle import OPEN
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kit.actor import Actor

from . import queries

PERIODS = {"month": "本月", "last": "上月", "quarter": "近三个月", "year": "本年", "twelve": "近一年"}
TOP = 10
GRANTED = ("granted", "refused")
CLOSED = ("done", "undone")


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

    def days(self, name: str) -> dict[str, str]:
        """The parameters of a list's date filter for this period."""
        return {f"{name}_from": self.first.isoformat(), f"{name}_to": self.end.isoformat()}

    def rows(self, tally: Any) -> Any:
        return tally.filter(month__gte=self.first, month__lte=self.last)


def _address(page: str, **parameters: Any) -> str:
    return f"{reverse(page)}?{urlencode(parameters, doseq=True)}"


def cases_at(**parameters: Any) -> str:
    return _address("governance.supervised", **parameters)


def steps_at(**parameters: Any) -> str:
    return _address("governance.supervised_step", **parameters)


def cards_at(**parameters: Any) -> str:
    return _address("governance.card", **parameters)


def _sums(rows: Any, *names: str) -> Any:
    return rows.annotate(**{f"n_{name}": Sum(name) for name in names})


# --- the present ------------------------------------------------------------------------------------------------------


def heat(actor: Actor) -> dict[str, Any]:
    """Return items × stages with the number of open steps, and how many of them have a yellow or a red card."""
    rows = flow.step_tally(actor).filter(month__isnull=True).values_list("item", "stage")
    cells: dict[str, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for item, stage, count, yellow, red in _sums(rows, "count", "yellow_cards", "red_cards"):
        if count:
            cells[item][stage] = (count, yellow, red)
    stages = [code for code in STAGES if any(code in row for row in cells.values())]
    most = max((cell[0] for row in cells.values() for cell in row.values()), default=0)
    table = []
    for item, row in sorted(cells.items(), key=lambda pair: -sum(cell[0] for cell in pair[1].values())):
        drawn = []
        for stage in stages:
            count, yellow, red = row.get(stage, (0, 0, 0))
            url = steps_at(item=item, stage=stage, state="open")
            drawn.append({"count": count, "yellow": yellow, "red": red, "shade": _shade(count, most), "url": url,
                          "yellow_url": f"{url}&yellow_card=1", "red_url": f"{url}&red_card=1"})  # fmt: skip
        table.append({"name": queries.item_name(item), "cells": drawn, "url": steps_at(item=item, state="open"),
                      "total": sum(cell[0] for cell in row.values())})  # fmt: skip
    return {"stages": [STAGES[stage] for stage in stages], "rows": table}


SHADES = ("", "", "", "bg-primary bg-opacity-10", "bg-primary bg-opacity-10", "bg-primary bg-opacity-25")
"""Of a cell by fifths of the fullest one: light enough for the links in it to be read."""


def _shade(count: int, most: int) -> str:
    return SHADES[0 if not count or not most else 1 + min(4, int(4 * count / most))]


def present(actor: Actor) -> dict[str, Any]:
    """Return the counts of cases that are under way."""
    rows = flow.case_tally(actor).filter(month__isnull=True)
    found = {name: count or 0 for name, count in rows.aggregate(**{name: Sum(name) for name in (*OPEN, "stuck")}).items()}
    waiting = [(name, title, found[name], cases_at(state=name)) for name, title in
               (("correcting", "待补正"), ("returned", "已退回"), ("suspended", "已挂起"))]  # fmt: skip
    return {"open": sum(found[name] for name in OPEN), "open_url": cases_at(state=OPEN), "stuck": found["stuck"],
            "stuck_url": cases_at(stuck="1"), "waiting": [each for each in waiting if each[2]]}  # fmt: skip


# --- a period ---------------------------------------------------------------------------------------------------------

COUNTS = ("submitted", "granted", "refused", "overdue", "corrected", "rounds", "timed", "seconds", "yellow_cards",
          "red_cards")  # fmt: skip


def by_organ(actor: Actor, period: Period) -> list[dict[str, Any]]:
    """Return the counts of a period for each applying organ."""
    rows = period.rows(flow.case_tally(actor)).values("unit_id", "unit__name")
    found = []
    for row in _sums(rows, *COUNTS):
        counts = {name: row[f"n_{name}"] for name in COUNTS}
        ended = counts["granted"] + counts["refused"]
        found.append({"unit": row["unit_id"], "name": row["unit__name"], "ended": ended, **counts})
    return found


def figures(organs: list[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return the figures of a period with the addresses of their rows."""
    total = {name: sum(row[name] for row in organs) for name in (*COUNTS, "ended")}
    ended = {"state": GRANTED, **period.days("ended_at")}
    share = f"{100 * (total['ended'] - total['overdue']) / total['ended']:.1f}%" if total["ended"] else "—"
    found = [
        ("提交", total["submitted"], cases_at(**period.days("submitted_at"))),
        ("办结", total["ended"], cases_at(**ended)),
        ("按时办结率", share, cases_at(**ended, overdue="0")),
        ("超期办结", total["overdue"], cases_at(**ended, overdue="1")),
        ("办结中补正过", total["corrected"], cases_at(**ended, corrected="1")),
        ("黄牌", total["yellow_cards"], cards_at(rung="yellow", **period.days("reached_at"))),
        ("红牌", total["red_cards"], cards_at(rung="red", **period.days("reached_at"))),
    ]
    return [
        {"title": title, "value": value, "text": value if isinstance(value, str) else f"{value:,}", "url": url}
        for title, value, url in found
    ]


def organ_league(organs: list[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return the organs with the most overdue cases, then the longest, first."""
    found = []
    for row in organs:
        if not row["ended"]:
            continue
        address = {"unit": row["unit"], "state": GRANTED, **period.days("ended_at")}
        found.append({
            **row, "days": row["seconds"] / row["timed"] / 86400 if row["timed"] else None,
            "rounds": row["rounds"] / row["ended"],
            "url": cases_at(**address), "granted_url": cases_at(**{**address, "state": "granted"}),
            "refused_url": cases_at(**{**address, "state": "refused"}), "overdue_url": cases_at(**address, overdue="1"),
        })  # fmt: skip
    return sorted(found, key=lambda row: (-row["overdue"], -(row["days"] or 0)))[:TOP]


def step_league(actor: Actor, period: Period) -> list[dict[str, Any]]:
    """Return the steps that took longest on average, first: how often, how many more than a week, cards, returns."""
    rows = period.rows(flow.step_tally(actor)).values("item", "name")
    found = []
    for row in _sums(rows, "count", "undone", "long", "seconds", "red_cards"):
        count = row["n_count"]
        if not count:
            continue
        address = {"item": row["item"], "name": row["name"], "state": CLOSED, **period.days("closed_at")}
        found.append({
            "item": queries.item_name(row["item"]), "name": row["name"], "count": count, "hours": row["n_seconds"] / count / 3600,
            "long": row["n_long"], "red": row["n_red_cards"], "undone": row["n_undone"], "url": steps_at(**address),
            "long_url": steps_at(**address, long="1"), "red_url": steps_at(**address, red_card="1"),
            "undone_url": steps_at(**{**address, "state": "undone"}),
        })  # fmt: skip
    return sorted(found, key=lambda row: -row["hours"])[:TOP]
