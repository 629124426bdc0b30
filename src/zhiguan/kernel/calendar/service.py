"""Questions and verbs of the calendar. ``snapshot()`` gives the value to ask many times; the rest are shorthands."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.kit.questions import Question

from .codes import HOURS_MANAGE, YEAR_MANAGE, DayKind, Origin
from .declare import Hours, HoursNotSet, Interval, Mark, Snapshot, YearNotLoaded
from .loading import BUILTIN, DayRow, YearRow, check_days, read_years
from .models import Day, OfficeHours, Stamp, Year

__all__ = [
    "DayRow",
    "HoursNotSet",
    "Snapshot",
    "YearNotLoaded",
    "add_working_days",
    "calendar",
    "first_of_month",
    "import_years",
    "is_working_day",
    "load_year",
    "office_hours",
    "set_office_hours",
    "snapshot",
    "sync",
    "within_office_hours",
    "working_days_between",
]


def first_of_month(day: date, later: int = 0) -> date:
    """Return the first day of the month ``later`` months after the day's."""
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


DEFAULT_HOURS = {"opens_at": time(9), "break_from": time(12), "break_to": time(13), "closes_at": time(17, 30)}
DEFAULT_FROM = date(2000, 1, 1)

_kept: dict[tuple[Any, ...], Snapshot] = {}


@Question
def _stamp() -> QuerySet[Stamp, Any]:
    return Stamp.objects.order_by("key").values_list("value", flat=True)[:1]


@Question
def _places() -> QuerySet[OfficeHours, Any]:
    rows = OfficeHours.objects.filter(unit__isnull=False).order_by("pk")
    return rows.values_list("unit__pos", "unit__pos_end")


def snapshot() -> Snapshot:
    """Return the calendar as it is now.

    Two small queries; the rest is kept until somebody changes the calendar or moves a unit that has hours of its own.
    """
    stamp = _stamp()
    if not stamp:
        return _read()
    key = (str(connection.settings_dict["NAME"]), stamp[0], *_places())
    found = _kept.get(key)
    if found is None:
        found = _read()
        _kept.clear()
        _kept[key] = found
    return found


calendar = snapshot
"""The same under the name a rule reads well: ``calendar.calendar().office_hours(day)``."""


def _read() -> Snapshot:
    hours = OfficeHours.objects.select_related("unit").order_by("pk")
    return Snapshot(
        years=frozenset(Year.objects.values_list("year", flat=True)),
        marks={day: Mark(kind, name) for day, kind, name in Day.objects.values_list("day", "kind", "name")},
        hours=tuple(
            Hours(
                row.opens_at, row.closes_at, row.break_from, row.break_to, row.valid_from, row.valid_to,
                row.unit.pos if row.unit else None, row.unit.pos_end if row.unit else None,
            )
            for row in hours
        ),
    )  # fmt: skip


def _changed() -> None:
    Stamp.objects.update_or_create(key=1, defaults={"value": uuid.uuid4()})


def _pos(unit: Any) -> int | None:
    return unit if unit is None or isinstance(unit, int) else unit.pos


def is_working_day(day: date) -> bool:
    """Tell whether offices work on the day. Raises ``YearNotLoaded`` rather than guess."""
    return snapshot().is_working_day(day)


def working_days_between(start: date, end: date) -> int:
    """Return how many working days come after ``start`` up to and including ``end``."""
    return snapshot().working_days_between(start, end)


def add_working_days(start: date, count: int) -> date:
    """Return the ``count``-th working day after ``start`` (which is not counted itself)."""
    return snapshot().add_working_days(start, count)


def office_hours(day: date, unit: Any = None, *, with_break: bool = False) -> tuple[Interval, ...]:
    """Return the intervals worked on the day by ``unit`` (a unit or its position; None: the general hours)."""
    return snapshot().office_hours(day, _pos(unit), with_break=with_break)


def within_office_hours(moment: datetime, unit: Any = None, *, with_break: bool = False) -> bool:
    """Tell whether an aware moment lies within the unit's office hours."""
    return snapshot().within_office_hours(moment, _pos(unit), with_break=with_break)


@transaction.atomic
def load_year(
    actor: Actor, year: int, *, days_off: Mapping[str, Iterable[date]], notice: str,
    work_days: Mapping[str, Iterable[date]] | Iterable[date] = (), number: str = "", issued_on: date | None = None,
    verified: bool = False, note: str = "",
) -> Year:  # fmt: skip
    """装入年度节假日安排: the whole year from one notice, in place of what was loaded.

    ``days_off`` and ``work_days`` are dates by the festival's name (``work_days`` may be plain dates); ``notice`` is
    the notice's title. Raises ``Invalid`` naming each day that cannot be.
    """
    named: Mapping[str, Iterable[date]] = work_days if isinstance(work_days, Mapping) else {"": work_days}
    days = [DayRow(day, DayKind.HOLIDAY, name) for name, dates in days_off.items() for day in dates]
    days += [DayRow(day, DayKind.SWAP, name) for name, dates in named.items() for day in dates]
    row = YearRow(year, notice, number, issued_on, verified, note, check_days(year, days, whole=False))
    return _load(actor, row)


@transaction.atomic
def import_years(actor: Actor, content: bytes | str) -> list[Year]:
    """装入节假日文件: every year of a file of the shipped form, or none of them."""
    return [_load(actor, row) for row in read_years(content)]


def _load(actor: Actor, row: YearRow) -> Year:
    actor.require(YEAR_MANAGE, ROOT_POS)
    before = Year.objects.select_for_update().filter(year=row.year).first()
    old = _content(before) if before is not None else None
    loaded = _write(row, Origin.LOCAL, actor.name)
    why = row.number or row.title
    trace.record(actor, "calendar.year.load", loaded, before=old, after=_content(loaded), reason=why)
    return loaded


def _content(year: Year) -> dict[str, Any]:
    days = year.days.order_by("day").values_list("day", "kind", "name")
    return {
        "year": year.year, "number": year.number, "title": year.title, "verified": year.verified, "note": year.note,
        "issued_on": year.issued_on.isoformat() if year.issued_on else "",
        "days": [[day.isoformat(), kind, name] for day, kind, name in days],
    }  # fmt: skip


def _row_content(row: YearRow) -> dict[str, Any]:
    return {
        "year": row.year, "number": row.number, "title": row.title, "verified": row.verified, "note": row.note,
        "issued_on": row.issued_on.isoformat() if row.issued_on else "",
        "days": [[each.day.isoformat(), str(each.kind), each.name] for each in row.days],
    }  # fmt: skip


def _write(row: YearRow, origin: str, who: str) -> Year:
    Year.objects.filter(year=row.year).delete()
    loaded = Year.objects.create(
        year=row.year, title=row.title, number=row.number, issued_on=row.issued_on, verified=row.verified,
        note=row.note, origin=origin, loaded_by=who[:64],
    )  # fmt: skip
    Day.objects.bulk_create(Day(year=loaded, day=each.day, kind=each.kind, name=each.name) for each in row.days)
    _changed()
    return loaded


@transaction.atomic
def set_office_hours(
    actor: Actor, unit: Any, *, opens_at: time, closes_at: time, valid_from: date, reason: str,
    break_from: time | None = None, break_to: time | None = None,
) -> OfficeHours:  # fmt: skip
    """设定工作时间: of ``unit`` and all below it (None: the general hours) from a date on; what held before ends there.

    Raises ``Invalid`` for times out of order, ``Conflict`` when a later rule is already set.
    """
    actor.require(HOURS_MANAGE, unit if unit is not None else ROOT_POS)
    if not reason.strip():
        raise Invalid("请填写依据或事由。", fields={"reason": "请填写依据或事由。"})
    if (break_from is None) != (break_to is None):
        raise Invalid("午休的开始和结束时间应同时填写。", fields={"break_to": "午休的开始和结束时间应同时填写。"})
    times = [opens_at, *([break_from, break_to] if break_from and break_to else []), closes_at]
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        message = "上班、午休开始、午休结束、下班应依次推后。"
        raise Invalid(message, fields={"closes_at": message})
    rows = OfficeHours.objects.select_for_update().filter(unit=unit)
    if rows.filter(valid_from__gte=valid_from).exists():
        message = "该单位已有自同日或更晚日期起执行的工作时间。"
        raise Conflict(message, code="hours_later", fields={"valid_from": message})
    rows.filter(valid_to__isnull=True).update(valid_to=valid_from)
    made = OfficeHours.objects.create(
        unit=unit, opens_at=opens_at, break_from=break_from, break_to=break_to, closes_at=closes_at,
        valid_from=valid_from, reason=reason, origin=Origin.LOCAL,
    )  # fmt: skip
    _changed()
    after = {"hours": str(made), "valid_from": valid_from.isoformat()}
    trace.record(actor, "calendar.hours.set", made, after=after, reason=reason)
    return made


@transaction.atomic
def sync() -> int:
    """Bring the shipped years and the general office hours in; years maintained locally are left alone.

    Idempotent; run after migrations. Returns how many years were written.
    """
    known = {year.year: year for year in Year.objects.all()}
    written = 0
    for row in read_years(BUILTIN.read_bytes()):
        have = known.get(row.year)
        if have is not None and (have.origin == Origin.LOCAL or _content(have) == _row_content(row)):
            continue
        _write(row, Origin.BUILTIN, "系统")
        written += 1
    if not OfficeHours.objects.filter(unit__isnull=True).exists():
        OfficeHours.objects.create(
            **DEFAULT_HOURS, valid_from=DEFAULT_FROM, origin=Origin.BUILTIN, reason="系统初始值，请按本地规定设定"
        )
        _changed()
    return written
