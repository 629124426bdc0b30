"""效能评价: vehicles, organs and kinds compared by the figures of evaluation, ranked, with their course over months."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kit.pages import Column, MenuItem, ViewPage
from zhiguan.kit.pages.export import download
from zhiguan.kit.pages.ports import ports

from ..codes import VehicleKind
from ..queries import comparison
from ..queries.comparison import Asked, Row

VIEW = "vehicles.trip.view"
MONTHS = 48
SHOWN = 50
"""Rows on the screen; the export holds all."""


def _month(text: str, default: date) -> date:
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return default
    return found if 2000 <= found.year <= 2100 else default


def _months(asked: Asked) -> list[tuple[str, str]]:
    """Return the months offered, the newest first: input fields for months speak the browser's language."""
    today = timezone.localdate()
    found = {first_of_month(today, -back) for back in range(MONTHS)}
    found |= {asked.start, asked.end.replace(day=1)}
    return [(f"{month:%Y-%m}", f"{month.year} 年 {month.month} 月") for month in sorted(found, reverse=True)]


def _last(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def asked_of(request: HttpRequest, known: list[str], organs: set[str]) -> Asked:
    """Read the page's address; what cannot be understood is left at its default: the year so far, by organ."""
    today = timezone.localdate()
    start = _month(request.GET.get("from", ""), today.replace(month=1, day=1))
    end = _last(_month(request.GET.get("to", ""), today))
    by, kind, organ, sort = (request.GET.get(name, "") for name in ("by", "kind", "organ", "sort"))
    return Asked(
        by if by in comparison.BY else "organ", start if start <= end else end.replace(day=1), end,
        sort if sort in known else known[0] if known else "", organ if organ in organs else "",
        kind if kind in VehicleKind.values else "",
    )  # fmt: skip


def evaluation(request: HttpRequest) -> HttpResponseBase:
    """The comparison: ``?by=`` organ, kind or car, ``from`` and ``to`` months, ``organ``, ``kind``, ``sort`` a metric."""
    actor = request.actor  # type: ignore[attr-defined]
    found = comparison.offered(actor)
    organs = comparison.fleet_organs(actor)
    asked = asked_of(request, [metric.code for metric in found], {code for code, _ in organs})
    form = request.GET.get("_export", "")
    if form in ("xlsx", "csv"):
        return export(actor, asked, comparison.compare(actor, asked).rows, form)
    compared = comparison.compare(actor, asked, SHOWN)
    rows = compared.rows
    chosen = next((metric for metric in found if metric.code == asked.sort), None)
    return render(request, "vehicles/evaluation.html", {
        "asked": asked, "table": comparison.table(actor, asked, rows, compared.whole), "at": compared.at,
        "cut": compared.total - len(rows),
        "bys": comparison.BY.items(), "by_title": comparison.BY[asked.by], "organs": organs, "kinds": VehicleKind.choices,
        "months": _months(asked), "start": f"{asked.start:%Y-%m}", "end": f"{asked.end:%Y-%m}",
        "metrics": found, "chosen": chosen, "trend": comparison.trend(actor, asked) if rows else None,
        "bars": comparison.bars(asked, rows, chosen),
        "exports": [(f"{asked.address()}&_export={kind}", name) for kind, name in (("xlsx", "导出 Excel"), ("csv", "导出 CSV"))],
    })  # fmt: skip


def _value(row: Row, code: str) -> Any:
    return row.values.get(code)


def export(actor: Any, asked: Asked, rows: list[Row], form: str) -> FileResponse:
    """Return the table as a file: the same rows in the same order, every row."""
    columns = [
        Column("rank", "名次", value=lambda row: row.rank, kind="integer"),
        Column("label", comparison.BY[asked.by], value=lambda row: row.label),
        *(Column(metric.code, metric.name, kind=metric.kind, unit=metric.unit, value=partial(_value, code=metric.code))
          for metric in comparison.offered(actor)),
    ]  # fmt: skip
    name = f"公务用车效能评价（按{comparison.BY[asked.by]}）{asked.start:%Y%m}-{asked.end:%Y%m}"
    answer, count = download(rows, columns, name, form, sheet="效能评价")
    ports().on_export(actor, EVALUATION, count, form)
    return answer


EVALUATION = ViewPage(
    code="vehicles.evaluation", path="vehicles/evaluation/", title="效能评价", permission=VIEW, view=evaluation,
    menu=MenuItem("vehicles", order=80, icon="chart-bar"),
)  # fmt: skip
