"""年度统计报表: drawn up, compared with the year before, signed, corrected; as a workbook in the form of a report."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    ChoiceFilter,
    Column,
    Custom,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    UnitFilter,
    VerbAction,
    ViewPage,
)
from zhiguan.kit.pages.columns import number_text
from zhiguan.kit.pages.export import XLSX
from zhiguan.kit.pages.ports import ports

from .. import lifecycle, queries
from ..domain import annual as verbs
from ..forms.evaluation import AnnualForm
from ..models import AnnualReport
from ..queries import annual
from .annual_book import workbook
from .parts import address_of, in_state, making, states, unit_options

VIEW, MANAGE, SIGN = "vehicles.statistics.view", "vehicles.statistics.manage", "vehicles.statistics.sign"
STATE = states(lifecycle.ANNUAL)
SHOWN = 200
"""Vehicles and differences on the screen; the workbook holds all."""


def rows(actor: Actor) -> Any:
    return AnnualReport.objects.visible_to(actor, VIEW)


def text(value: Any, kind: str) -> str:
    """Return a cell for reading."""
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    if kind in ("change", "points"):
        return f"{100 * value:+.1f} 个百分点" if kind == "points" else f"{value:+,.1%}"
    return number_text(value, kind, 0 if kind == "integer" else None)


def _tables(report: AnnualReport) -> list[dict[str, Any]]:
    return [
        {**table, "rows": [
            {"label": row["label"], "total": row["key"] == "total", "cells": [
                {"name": column["name"], "text": text(value, annual.kind_of(row, column))}
                for column, value in zip(table["columns"], row["cells"], strict=True)
            ]}
            for row in table["rows"]
        ]}
        for table in report.data["tables"]
    ]  # fmt: skip


def drawn(report: AnnualReport, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return the tables with the chart of costs beside those of the year before."""
    costs = next(table for table in report.data["tables"] if table["code"] == "costs")
    kinds = [row for row in costs["rows"] if row["key"] != "total" and (row["cells"][0] or row["cells"][1])]
    chart = {
        "type": "bar", "title": "运行费用与上年比较", "unit": "元", "x": [row["label"] for row in kinds], "height": 260,
        "series": [{"name": f"{report.year} 年", "data": [row["cells"][0] for row in kinds]},
                   {"name": f"{report.year - 1} 年", "data": [row["cells"][1] for row in kinds]}],
        "table": "hidden",
    }  # fmt: skip
    return {"tables": _tables(report), "notes": report.data["notes"], "through": report.data["through"],
            "chart": chart if kinds else None}  # fmt: skip


def cars(report: AnnualReport, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return the vehicles' table."""
    held = report.data["cars"]
    shown = [
        [{"name": name, "kind": kind, "text": text(value, kind)} for (name, kind), value in
         zip(annual.CAR_COLUMNS, car, strict=True)]
        for car in held[:SHOWN]
    ]  # fmt: skip
    return {"columns": annual.CAR_COLUMNS, "rows": shown, "cut": max(0, len(held) - SHOWN)}


def _differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    found = annual.difference(old, new)
    shown = [{**each, "before": text(each["before"], each["kind"]), "after": text(each["after"], each["kind"])}
             for each in found[:SHOWN]]  # fmt: skip
    return {"count": len(found), "rows": shown, "cut": max(0, len(found) - SHOWN)}


def corrected(report: AnnualReport, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return how the edition differs from the one it corrects."""
    before: Any = report.corrects  # the block is drawn only where there is one
    found = _differences(before.data, report.data)
    return {"found": found, "empty": "与被更正的版次没有差异。", "heads": (f"第 {before.edition} 版", "本版")}


def check(request: HttpRequest, pk: int) -> HttpResponse:
    """How a report differs from what the ledgers say now. Who may not see all of the unit is refused as when drawing up."""
    actor = request.actor  # type: ignore[attr-defined]
    report = get_object_or_404(rows(actor).select_related("unit"), pk=pk)
    now = verbs.check_content(actor, report)
    return render(request, "vehicles/annual_check.html", {
        "report": report, "found": _differences(report.data, now), "empty": "报表与现有数据一致。", "heads": ("报表", "现有数据"),
        "today": timezone.localdate(),
    })  # fmt: skip


def export(request: HttpRequest, pk: int) -> FileResponse:
    """The report as a workbook."""
    actor = request.actor  # type: ignore[attr-defined]
    report = get_object_or_404(rows(actor).select_related("unit", "corrects"), pk=pk)
    ports().on_export(actor, ANNUAL_EXPORT, len(report.data["cars"]), "xlsx")
    name = f"{report.unit.label}{report.year}年度公务用车统计报表（第{report.edition}版）.xlsx"
    return FileResponse(workbook(report), as_attachment=True, filename=name, content_type=XLSX)


_EDITION = Column("edition", "版次", value=lambda row: f"第 {row.edition} 版", needs=("edition",))
_YEAR = Column(
    "year", "年度", value=lambda row: f"{row.year} 年", needs=("year",), sort="year", sortable=True, link=True
)


def _years(actor: Actor) -> list[tuple[int, str]]:
    this = timezone.localdate().year
    return [(year, f"{year} 年") for year in range(this, this - 6, -1)]


ANNUALS = ListPage(
    code="vehicles.annual", path="vehicles/annual/", title="年度统计报表", permission=VIEW, rows=rows,
    menu=MenuItem("vehicles", order=82, icon="file-text"),
    columns=(_YEAR, STATE, Column("unit.name", "填报单位"), _EDITION, Column("drawn_by", "编制人"), DateTime("drawn_at", "汇总时间"),
             Column("signed_by", "锁定人"), DateTime("signed_at", "锁定时间", sortable=True), Column("correction", "更正原因", shown=False)),
    search=("unit.name",), search_hint="单位",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.ANNUAL.choices),
             ChoiceFilter("year", "年度", options=_years),
             UnitFilter("unit", "单位", options=unit_options(VIEW))),
    default_sort="-year", export_name="年度统计报表目录",
    page_actions=(PageAction("编制报表", "vehicles.annual.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有年度报表", "编制后核对、锁定；锁定的报表不再随台账变动，更正另立版次并列明差异。",
                     PageAction("编制报表", "vehicles.annual.create")),
)  # fmt: skip
ANNUAL = DetailPage(
    code="vehicles.annual", path="vehicles/annual/<int:pk>/", permission=VIEW, badge=STATE,
    title=lambda row: f"{row.year} 年度公务用车统计报表", subtitle=lambda row: f"{row.unit.label} · 第 {row.edition} 版",
    rows=lambda actor: rows(actor).select_related("unit", "corrects"),
    panels=(
        Custom("vehicles/annual.html", context=drawn, title="报表"),
        Custom("vehicles/annual_difference.html", context=corrected, title="更正了什么",
               when=lambda row: row.corrects_id is not None),
        Panel("编制与锁定", fields=(
            Column("unit.name", "填报单位"), Column("drawn_by", "编制人"), DateTime("drawn_at", "汇总时间"),
            Column("signed_by", "锁定人"), DateTime("signed_at", "锁定时间"), Column("correction", "更正原因", wide=True),
        )),
        Custom("vehicles/annual_cars.html", context=cars, title="单车统计", tab="单车统计"),
    ),
    actions=(
        VerbAction("sign", "锁定", verb=verbs.sign, permission=SIGN, style="primary", when=in_state("draft"),
                   confirm="锁定后报表内容不再变动，只能另立版次更正。确认锁定？", done="已锁定"),
        VerbAction("recompute", "重新汇总", verb=verbs.recompute, permission=MANAGE, when=in_state("draft"),
                   confirm="按现有数据重新汇总？", done="已重新汇总"),
        VerbAction("correct", "更正", verb=verbs.correct, permission=MANAGE, reason=True, when=in_state("signed"),
                   help="按现有数据另立一版，锁定后替代本版；两版的差异逐项列出。", success=address_of("vehicles.annual.detail")),
        VerbAction("discard", "作废", verb=verbs.discard, permission=MANAGE, reason=True, when=in_state("draft"), style="danger"),
    ),
    page_actions=(PageAction("导出 Excel", "vehicles.annual.export", icon="download"),
                  PageAction("核对现有数据", "vehicles.annual.check", icon="refresh")),
    history=queries.history,
)  # fmt: skip
ANNUAL_NEW = FormPage(
    code="vehicles.annual.create", path="vehicles/annual/new/", title="编制年度统计报表", permission=MANAGE, form=AnnualForm,
    verb=making(verbs.draw_up), success=address_of("vehicles.annual.detail"), submit="汇总", done="已汇总，请核对后锁定",
    help="按台账、派车单、行程和费用汇总，包括填报单位的全部下级单位。",
)  # fmt: skip
ANNUAL_EXPORT = ViewPage(
    code="vehicles.annual.export", path="vehicles/annual/<int:pk>/export/", title="导出年度统计报表", permission=VIEW,
    view=export, parent="vehicles.annual",
)  # fmt: skip
ANNUAL_CHECK = ViewPage(
    code="vehicles.annual.check", path="vehicles/annual/<int:pk>/check/", title="核对现有数据", permission=MANAGE, view=check,
    parent="vehicles.annual",
)  # fmt: skip
