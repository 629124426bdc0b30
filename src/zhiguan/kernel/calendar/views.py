"""The calendar's page: a year at a glance."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from zhiguan.kit import actor as actors

from . import queries, service
from .codes import YEAR_MANAGE


def year_view(request: HttpRequest) -> HttpResponse:
    """Answer one year; ``year`` in the address, else the present one. An unknown year is named, not guessed."""
    today = timezone.localdate()
    asked = request.GET.get("year", "")
    year = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 else today.year
    known = service.snapshot()
    loaded = {row.year: row for row in queries.years()}
    actor = actors.current()
    months = queries.months(known, year, today) if year in loaded else []
    context = {
        "year": year,
        "row": loaded.get(year),
        "years": sorted({*loaded, year}),
        "months": months,
        "festivals": queries.festivals(known, year) if year in loaded else [],
        "working": sum(month.working for month in months),
        "hours": queries.hours_in_force(today),
        "weekdays": queries.WEEKDAYS,
        "missing": queries.soon(today).year if queries.soon(today).year not in loaded else None,
        "may_load": actor is not None and actor.can(YEAR_MANAGE),
    }
    return render(request, "calendar/year.html", context)
