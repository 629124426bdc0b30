"""Costs added up by month, vehicle, organ and kind, with the addresses of the rows behind every sum. SPEC L4.5."""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet, Sum, Value
from django.db.models.functions import Coalesce, NullIf, TruncMonth
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor

from ..codes import CostKind
from ..models import CostDoubt, CostEntry
from . import life

BY = {"vehicle": "车辆", "unit": "单位", "kind": "费用类别"}
MOST = 300
"""Rows the picture shows; the list and its export hold all."""


def counted(actor: Actor) -> QuerySet[CostEntry]:
    """Return the entries that count."""
    return life.costs(actor).filter(state="booked")


def months_of(year: int) -> list[date]:
    return [date(year, month, 1) for month in range(1, 13)]


def last_day(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def by_month(actor: Actor, year: int, by: str, kind: str = "") -> dict[str, Any]:
    """Return a year's sums: a row for each vehicle, organ or kind, a column for each month, with addresses.

    ``rows``: title, url, cells (text value and url of each month), total; ``totals`` the months' own.
    """
    rows = counted(actor).filter(spent_on__year=year)
    if kind:
        rows = rows.filter(kind=kind)
    paths = {
        "vehicle": ("vehicle__plate", "vehicle__plate"),
        "unit": ("unit_id", Coalesce(NullIf("unit__short_name", Value("")), "unit__name")),
        "kind": ("kind", "kind"),
    }
    key, title = paths[by]
    found = (
        rows.order_by()
        .annotate(month=TruncMonth("spent_on"))
        .values_list(key, title, "month")
        .annotate(s=Sum("amount_yuan"))
    )
    sums: dict[tuple[Any, str], dict[date, Decimal]] = defaultdict(dict)
    for one, name, month, total in found:
        sums[one, name][month] = total
    months = months_of(year)
    names = dict(CostKind.choices)
    table = []
    for (one, name), cells in sums.items():
        table.append(
            {
                "title": names.get(name, name),
                "url": _rows(by, one, months[0], last_day(months[-1]), kind),
                "cells": [
                    {"value": cells[month], "url": _rows(by, one, month, last_day(month), kind)}
                    if month in cells else {"value": None, "url": ""}
                    for month in months
                ],
                "total": sum(cells.values(), Decimal(0)),
            }
        )  # fmt: skip
    table.sort(key=lambda row: -row["total"])
    totals = [sum((cells.get(month, Decimal(0)) for cells in sums.values()), Decimal(0)) for month in months]
    return {"rows": table[:MOST], "cut": max(0, len(table) - MOST), "totals": totals, "total": sum(totals, Decimal(0)),
            "months": months}  # fmt: skip


def _rows(by: str, key: Any, start: date, end: date, kind: str) -> str:
    """Return the address of the entries behind one sum."""
    query = {"spent_on_from": start.isoformat(), "spent_on_to": end.isoformat(), "state": "booked"}
    if by == "vehicle":
        query["car"] = key
    elif by == "unit":
        query["own"] = str(key)
    if by == "kind" or kind:
        query["kind"] = str(key) if by == "kind" else kind
    return f"{reverse('vehicles.cost')}?{urlencode(query)}"


def of_vehicle(vehicle: Any, actor: Actor) -> dict[str, Any]:
    """Return a vehicle's costs of the last twelve months: a chart by kind and the year's sum."""
    today = timezone.localdate()
    months = []
    year, month = today.year, today.month
    for _ in range(12):
        months.append(date(year, month, 1))
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    months.reverse()
    rows = counted(actor).filter(vehicle=vehicle, spent_on__gte=months[0]).order_by()
    found = rows.annotate(month=TruncMonth("spent_on")).values_list("kind", "month").annotate(s=Sum("amount_yuan"))
    sums: dict[str, dict[date, float]] = defaultdict(dict)
    for kind, when, total in found:
        sums[kind][when] = float(total)
    chart = {
        "type": "bar", "title": "近十二个月费用", "unit": "元", "stack": True, "x": [f"{each:%Y-%m}" for each in months],
        "series": [{"name": label, "data": [sums[kind].get(each) for each in months]}
                   for kind, label in CostKind.choices if kind in sums],
        "height": 260, "table": "folded",
    }  # fmt: skip
    total = sum(value for by_month_ in sums.values() for value in by_month_.values())
    return {"chart": chart if sums else None, "total": total}


def month_chart(found: dict[str, Any]) -> dict[str, Any]:
    """Return the chart of a year's months."""
    return {
        "type": "bar", "title": "各月费用", "unit": "元", "x": [f"{month.month} 月" for month in found["months"]],
        "series": [{"name": "费用", "data": [float(total) for total in found["totals"]]}], "height": 240, "table": "hidden",
    }  # fmt: skip


NAMES = {
    "at": "时间", "spent_on": "发生日期", "quantity": "数量", "amount_yuan": "金额（元）", "station": "站点",
    "odometer_km": "里程表（公里）", "payee": "收款单位", "item": "费用事项", "invoice_no": "票据号码",
}  # fmt: skip


def compared(doubt: CostDoubt) -> list[dict[str, Any]]:
    """Return an imported row beside the booked one it resembles: name, imported, booked, whether they agree."""
    booked: Any = doubt.alike.energy or doubt.alike
    found = []
    for name, title in NAMES.items():
        given, has = doubt.values.get(name), getattr(booked, name, None)
        if given in (None, "") and has in (None, ""):
            continue
        if name == "at":
            given, has = (timezone.localtime(moment) for moment in (datetime.fromisoformat(given), has))
            given, has = given.strftime("%Y-%m-%d %H:%M"), has.strftime("%Y-%m-%d %H:%M")
        found.append({"title": title, "given": given, "has": has, "same": str(given) == str(has)})
    return found
