"""The public door of the calendar: questions about working days, and loading a year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.db.models import Count, Max

from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Invalid

from .codes import DayKind
from .models import CalendarYear, OfficeHours, SpecialDay
from .working import Calendar, Hours, YearNotLoaded

__all__ = ["YearNotLoaded", "add_working_days", "calendar", "is_working_day", "load_year", "sync", "within_office_hours"]

DATA = Path(__file__).parent / "data" / "holidays.yaml"
DEFAULT_HOURS = (time(9, 0), time(12, 0), time(13, 0), time(17, 30))
_cached: tuple[Any, Calendar] | None = None


def calendar() -> Calendar:
    """Return the calendar as loaded now. Kept in memory until a year or the hours change."""
    global _cached  # noqa: PLW0603 -- one snapshot for the process, replaced whole
    mark = (
        tuple(SpecialDay.objects.aggregate(Count("pk"), Max("pk")).values()),
        tuple(OfficeHours.objects.aggregate(Count("pk"), Max("pk")).values()),
        CalendarYear.objects.count(),
    )
    if _cached is None or _cached[0] != mark:
        days = list(SpecialDay.objects.all())
        hours = tuple(
            Hours(row.valid_from, ((row.morning_from, row.morning_to), (row.afternoon_from, row.afternoon_to)))
            for row in OfficeHours.objects.order_by("valid_from")
        )
        snapshot = Calendar(
            years=frozenset(CalendarYear.objects.values_list("year", flat=True)),
            off={day.day: day.name for day in days if day.kind == DayKind.OFF},
            work=frozenset(day.day for day in days if day.kind == DayKind.WORK),
            hours=hours,
        )
        _cached = (mark, snapshot)
    return _cached[1]


def is_working_day(day: date) -> bool:
    """Tell whether offices work on the day. Raises ``YearNotLoaded``."""
    return calendar().is_working_day(day)


def add_working_days(start: date, count: int) -> date:
    """Return the ``count``-th working day after ``start``. Raises ``YearNotLoaded``."""
    return calendar().add_working_days(start, count)


def within_office_hours(moment: datetime) -> bool:
    """Tell whether the moment lies in office hours. Raises ``YearNotLoaded``."""
    return calendar().within_office_hours(moment)


@transaction.atomic
def load_year(
    actor: Actor, year: int, *, days_off: Mapping[str, Iterable[date]], work_days: Iterable[date], notice: str,
    number: str = "", verified: bool = False,
) -> CalendarYear:  # fmt: skip
    """装入年度安排: replace a year's holidays and swap days by those given. Raises ``Invalid`` for days outside it."""
    actor.require("calendar.year.manage")
    off = [(day, name) for name, days in days_off.items() for day in days]
    work = list(work_days)
    if stray := [day for day in [*(day for day, _ in off), *work] if day.year != year]:
        raise Invalid(f"{stray[0]:%Y-%m-%d} 不在 {year} 年内。", fields={"days_off": "日期不在该年内。"})
    if both := {day for day, _ in off} & set(work):
        raise Invalid(f"{min(both):%Y-%m-%d} 既放假又上班。", fields={"work_days": "与放假日期重复。"})
    row, _ = CalendarYear.objects.update_or_create(
        year=year, defaults={"notice": notice, "number": number, "verified": verified}
    )
    row.days.all().delete()
    SpecialDay.objects.bulk_create(
        [SpecialDay(year=row, day=day, kind=DayKind.OFF, name=name) for day, name in off]
        + [SpecialDay(year=row, day=day, kind=DayKind.WORK) for day in work]
    )
    subject = Subject("calendar.year", str(year), f"{year} 年")
    trace.record(actor, "calendar.year.load", subject, after={"days_off": len(off), "work_days": len(work)})
    return row


@transaction.atomic
def sync() -> int:
    """Load the years we ship that are not loaded yet, and the usual office hours; return how many years were loaded."""
    actor = system("calendar.sync")
    loaded = 0
    for year, entry in yaml.safe_load(DATA.read_text(encoding="utf-8"))["years"].items():
        if CalendarYear.objects.filter(year=year).exists():
            continue
        load_year(
            actor, year, days_off=entry["days_off"], work_days=entry["work_days"], notice=entry["notice"],
            number=entry["number"], verified=entry["verified"],
        )  # fmt: skip
        loaded += 1
    if not OfficeHours.objects.exists():
        names = ("morning_from", "morning_to", "afternoon_from", "afternoon_to")
        OfficeHours.objects.create(
            valid_from=date(2000, 1, 1), note="通用作息，可按本地规定调整", **dict(zip(names, DEFAULT_HOURS, strict=True))
        )
    return loaded
