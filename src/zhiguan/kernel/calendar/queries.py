"""What the calendar's page shows."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from .declare import Snapshot
from .models import OfficeHours, Year

WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True)
class Cell:
    """One day as drawn; ``mark`` is 休, 班 or empty."""

    day: date
    working: bool
    mark: str
    name: str
    today: bool


@dataclass(frozen=True)
class Month:
    """A month as weeks from Monday; None where a day belongs to another month."""

    number: int
    weeks: list[list[Cell | None]]
    working: int


@dataclass(frozen=True)
class Festival:
    """One festival: its days off from first to last, and the days worked instead."""

    name: str
    first: date
    last: date
    swaps: list[date]

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def weekdays(self) -> str:
        return f"周{WEEKDAYS[self.first.weekday()]}至周{WEEKDAYS[self.last.weekday()]}"


def months(known: Snapshot, year: int, today: date) -> list[Month]:
    """Return the twelve months of a loaded year."""
    found = []
    for number in range(1, 13):
        weeks: list[list[Cell | None]] = []
        for week in calendar.Calendar().monthdatescalendar(year, number):
            weeks.append([_cell(known, day, today) if day.month == number else None for day in week])
        working = sum(1 for week in weeks for cell in week if cell is not None and cell.working)
        found.append(Month(number, weeks, working))
    return found


def _cell(known: Snapshot, day: date, today: date) -> Cell:
    mark = known.marks.get(day)
    text = "" if mark is None else ("班" if mark.kind == "swap" else "休")
    return Cell(day, known.is_working_day(day), text, known.name_of(day), day == today)


def festivals(known: Snapshot, year: int) -> list[Festival]:
    """Return the festivals of a loaded year in order."""
    found: dict[str, tuple[list[date], list[date]]] = {}
    for day, mark in sorted(known.marks.items()):
        if day.year == year:
            off, swaps = found.setdefault(mark.name, ([], []))
            (off if mark.kind == "holiday" else swaps).append(day)
    made = [Festival(name, off[0], off[-1], swaps) for name, (off, swaps) in found.items() if off]
    return sorted(made, key=lambda each: each.first)


def years() -> QuerySet[Year]:
    """Return the loaded years, latest first."""
    return Year.objects.all()


def hours_in_force(on: date) -> QuerySet[OfficeHours]:
    """Return the office hours in force or to come, the general ones first."""
    return OfficeHours.objects.select_related("unit").exclude(valid_to__lte=on).order_by("unit__pos", "valid_from")


def soon(today: date) -> date:
    """Return the day whose year should be loaded by now: deadlines reach into the next year from October on."""
    return today + timedelta(days=92)
