"""The pages of the catalogue. They read metrics by the same functions as everybody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit import actor as actors
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.manifest import Line
from zhiguan.kit.pages.menu import place

from . import service
from .declare import DIRECTIONS, MUNICIPAL, TIMES, UNITS, Group, Metric

CHART_LIMIT = 60
"""Bars a chart can still be read with; the table holds all groups."""


def _actor() -> Actor:
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    return actor


def catalogue(request: HttpRequest) -> HttpResponse:
    """Answer the catalogue: every metric the reader may read, by line; ``q`` looks for one by name, formula or code."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:40]
    sections: dict[str, list[dict[str, Any]]] = {}
    for found in service.catalogue(_actor()):
        if text and text not in f"{found.name}{found.formula}{found.code}":
            continue
        sections.setdefault(_area_name(found), []).append(
            {
                "metric": found,
                "url": reverse("metrics.metric", kwargs={"code": found.code}),
                "direction": DIRECTIONS[found.direction],
                "dimensions": "、".join(found.dimension_name(name) for name in found.dimensions),
            }
        )
    return render(request, "metrics/catalogue.html", {"sections": sections, "q": text})


def _area_name(found: Metric) -> str:
    """The line or part a metric is of."""
    area = found.code.split(".", 1)[0]
    names = {line.code: line.name for line in registry.current().all(Line)}
    return names.get(area) or _part_name(area)


def _part_name(area: str) -> str:
    from django.apps import apps

    try:
        return str(apps.get_app_config(area).verbose_name)
    except LookupError:
        return area


def metric(request: HttpRequest, code: str) -> HttpResponse:
    """Answer one metric's page; the address holds the dimensions, ``start``, ``end`` and ``by``.

    A value that cannot be understood is named and left off; the permission is asked before anything is shown.
    """
    actor = _actor()
    found = service.metric(code, actor)
    place(request, request.zg_page, actor, (found.name, ""))  # type: ignore[attr-defined]
    known = (*found.dimensions, *(("start", "end") if found.timed else ()))
    dims = {name: request.GET[name] for name in known if request.GET.get(name)}
    by = request.GET.get("by", "")
    by = by if by in found.dimensions else (found.dimensions[0] if found.dimensions else "")
    error = ""
    try:
        reading = service.read(code, actor, **dims)
    except Invalid as refusal:
        error, dims = f"{refusal.message}已忽略所选条件。", {}
        reading = service.read(code, actor)
    groups = service.series(code, actor, by, **dims) if by else []
    rows = [{"group": group, "text": service.text(found, group.value)} for group in groups]
    context = {
        "metric": found,
        "area": _area_name(found),
        "reading": reading,
        "direction": DIRECTIONS[found.direction],
        "error": error,
        "by": by,
        "by_name": found.dimension_name(by) if by else "",
        "tabs": [
            {
                "title": f"按{found.dimension_name(name)}",
                "url": "?" + urlencode({**dims, "by": name}),
                "active": name == by,
            }
            for name in found.dimensions
        ],
        "fields": [_field(found, name, dims.get(name, "")) for name in known],
        "rows": rows,
        "chart": _chart(found, by, groups) if len(groups) > 1 else None,
    }
    return render(request, "metrics/metric.html", context)


def _field(found: Metric, name: str, given: str) -> dict[str, Any]:
    """Return a filter's input: what it is called, what can be chosen, what was."""
    title = {"start": "起始日期", "end": "截止日期"}.get(name) or found.dimension_name(name)
    kind = {"start": "date", "end": "date", "day": "date", "month": "month"}.get(name, "text")
    options: list[tuple[str, str]] = []
    if name in UNITS:
        options = list(Unit.objects.open().of_kind(name).values_list("code", "name"))
        options += [(MUNICIPAL, "市级")] if name == "district" else []
    elif name in found.choices:
        options = list(found.choices[name].items())
    return {"name": name, "title": title, "kind": kind, "options": options, "value": given}


def _chart(found: Metric, by: str, groups: list[Group]) -> dict[str, Any]:
    """Return the config of the island ``chart``; the page's own table holds the figures."""
    timed = by in TIMES
    shown = groups[-CHART_LIMIT:] if timed else sorted(groups, key=lambda group: -float(group.value or 0))[:CHART_LIMIT]
    scale = 100 if found.kind == "percent" else 1
    return {
        "type": "line" if timed else "bar",
        "title": f"{found.name}（按{found.dimension_name(by)}）",
        "unit": "%" if found.kind == "percent" else found.unit,
        "x": [group.label for group in shown],
        "series": [
            {
                "name": found.name,
                "data": [None if group.value is None else round(float(group.value) * scale, 4) for group in shown],
            }
        ],
        "hrefs": [group.url or None for group in shown],
        "horizontal": not timed and len(shown) > 8,
        "height": max(260, 24 * len(shown)) if not timed and len(shown) > 8 else 260,
        "table": "hidden",
    }
