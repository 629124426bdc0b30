"""Holidays from a workbook: one row a marked day, a whole year at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from . import service
from .codes import DayKind
from .loading import DayRow, check_days


def _by_year(rows: Sequence[ImportRow]) -> Iterator[tuple[int, list[ImportRow]]]:
    ordered = sorted((row for row in rows if row.get("day")), key=lambda row: row["day"])
    for year, found in groupby(ordered, key=lambda row: row["day"].year):
        yield year, list(found)


def _days(rows: Sequence[ImportRow]) -> list[DayRow]:
    return [DayRow(row["day"], row["kind"], row["name"]) for row in rows]


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterator[Problem]:
    """Yield what is wrong with each year, at the row of the day concerned."""
    for year, found in _by_year(rows):
        try:
            check_days(year, _days(found))
        except Invalid as refusal:
            named = {row["day"].isoformat(): row for row in found}
            for path, message in refusal.fields.items():
                yield named.get(path, found[0]).problem("day", message)


def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Load every year of the file, in place of what was loaded; returns the number of days."""
    done = 0
    for year, found in _by_year(rows):
        number = next((row.get("number") for row in found if row.get("number")), "") or ""
        by_kind: dict[str, dict[str, list]] = {DayKind.HOLIDAY: {}, DayKind.SWAP: {}}
        for row in found:
            by_kind[row["kind"]].setdefault(row["name"], []).append(row["day"])
        service.load_year(
            actor, year, days_off=by_kind[DayKind.HOLIDAY], work_days=by_kind[DayKind.SWAP], number=number,
            notice=f"国务院办公厅关于{year}年部分节假日安排的通知", verified=bool(number),
        )  # fmt: skip
        done += len(found)
        progress(done)
    return done


YEAR_IMPORT = Importer(
    columns=(
        ImportColumn("day", "日期", required=True, unique=True, kind="date", example="2027-01-01"),
        ImportColumn("kind", "安排", required=True, kind="choice", choices=DayKind.choices, example="放假"),
        ImportColumn("name", "节日", required=True, max_length=40, example="元旦"),
        ImportColumn("number", "通知文号", max_length=80, example=""),
    ),
    check=check,
    apply=apply,
)
