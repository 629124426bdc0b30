"""``zhiguan clock``: what a clock shows, without a database. JSON objects in, one a line; one JSON object a line out.

In: ``events`` (``at`` ISO 8601 with offset, ``what`` start, stop, resume, return, reassign or close, ``reason``),
``policy`` (``limit``, ``count`` working_day, day or office_minute, ``rungs`` of ``code``, ``name``, ``remaining``,
``on_return`` and ``on_reassign`` continue or restart, ``closes_with_office``), ``calendar`` and ``now``. The calendar
names ``years``, ``holidays`` and ``swaps`` (ISO dates) and ``hours`` (``opens_at``, ``closes_at``, ``break_from``,
``break_to``); left out, the arrangements shipped with the product hold.

Out: ``ok``, ``state``, ``elapsed``, ``remaining``, ``due_at``, ``breached``, ``breached_at``, ``stopped_for``,
``cards``; wrong input gives ``ok`` false and ``error`` in Chinese, and the next line is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from importlib import resources
from typing import IO, Any

from zhiguan.kit.errors import Refusal

from ..calendar.declare import Hours, Mark, Snapshot
from ..calendar.loading import read_years
from . import clock

WORKDAY = Hours(time(9), time(17, 30), time(12), time(13), date(1949, 10, 1), None)
"""Office hours where the question names none."""


@cache
def shipped() -> Snapshot:
    """Return the holiday arrangements that come with the product."""
    folder = resources.files("zhiguan.kernel.calendar") / "data"
    marks, years = {}, set()
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith((".yaml", ".yml")):
            for year in read_years(file.read_bytes()):
                years.add(year.year)
                marks.update({day.day: Mark(day.kind, day.name) for day in year.days})
    return Snapshot(frozenset(years), marks, (WORKDAY,))


def _calendar(given: Any) -> Snapshot:
    if given is None:
        return shipped()
    hours = given.get("hours")
    marks = {date.fromisoformat(text): Mark("holiday", "节假日") for text in given.get("holidays", ())}
    marks |= {date.fromisoformat(text): Mark("swap", "调休上班") for text in given.get("swaps", ())}
    return Snapshot(frozenset(map(int, given["years"])), marks, (_hours(hours) if hours else WORKDAY,))


def _hours(given: Mapping[str, Any]) -> Hours:
    at = {name: time.fromisoformat(given[name]) for name in ("opens_at", "closes_at")}
    rest = {name: time.fromisoformat(given[name]) if given.get(name) else None for name in ("break_from", "break_to")}
    return Hours(**at, **rest, valid_from=date(1949, 10, 1), valid_to=None)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"时间 {text} 须带时区，例如 2026-03-02T10:00:00+08:00")
    return moment


def _policy(given: Mapping[str, Any]) -> clock.Policy:
    return clock.Policy(
        limit=int(given["limit"]),
        count=clock.Count(given.get("count", "working_day")),
        rungs=tuple(
            clock.Rung(rung["code"], rung.get("name", rung["code"]), int(rung["remaining"]))
            for rung in given.get("rungs", ())
        ),
        on_return=clock.After(given.get("on_return", "continue")),
        on_reassign=clock.After(given.get("on_reassign", "continue")),
        closes_with_office=bool(given.get("closes_with_office", False)),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the clock of one question shows. Raises KeyError, ValueError, TypeError and refusals."""
    events = [
        clock.Event(_moment(event["at"]), clock.What(event["what"]), str(event.get("reason", "")))
        for event in question["events"]
    ]
    shown = clock.read(events, _calendar(question.get("calendar")), _policy(question["policy"]), _moment(question["now"]))
    return {
        "ok": True, "state": shown.state, "elapsed": shown.elapsed, "remaining": shown.remaining,
        "due_at": _iso(shown.due_at), "breached": shown.breached, "breached_at": _iso(shown.breached_at),
        "stopped_for": shown.stopped_for,
        "cards": [
            {"code": card.rung.code, "name": card.rung.name, "at": _iso(card.at), "reached": card.reached}
            for card in shown.cards
        ],
    }  # fmt: skip


def clock_lines(source: IO[str], target: IO[str]) -> None:
    """Answer each line of ``source`` on ``target``."""
    for line in source:
        if not line.strip():
            continue
        try:
            told = answer(json.loads(line))
        except Refusal as refusal:
            told = {"ok": False, "error": str(refusal)}
        except KeyError as error:
            told = {"ok": False, "error": f"缺少 {error.args[0]}"}
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            told = {"ok": False, "error": f"输入不符合要求：{error}"}
        target.write(json.dumps(told, ensure_ascii=False) + "\n")
