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
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path
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
    shown = clock.read(
        events, _calendar(question.get("calendar")), _policy(question["policy"]), _moment(question["now"])
    )
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


# --- processes --------------------------------------------------------------------------------------------------------


def _say(told: Mapping[str, Any]) -> None:
    """Write one object as a line to standard output."""
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _tables(file: str, paths: Sequence[str]) -> dict[str, str]:
    """Decision tables by the name a process calls them by: the file's name without its ending.

    Those named after the process file and beside it (``item_route.dmn`` is ``route`` of ``item.bpmn``) need not be given.
    """
    process = Path(file)
    beside = {each.stem.removeprefix(f"{process.stem}_"): each for each in process.parent.glob("*.dmn")
              if each.stem.startswith(f"{process.stem}_")}  # fmt: skip
    given = {Path(path).stem: Path(path) for path in paths}
    return {name: path.read_text(encoding="utf-8") for name, path in (beside | given).items()}


def validate(args: Namespace) -> int:
    """``zhiguan flow validate FILE...``: a JSON object a file: file, ok, error, process, steps, elements.

    ``elements`` counts the BPMN elements of any well-formed file, also of one that cannot run here. Exit 1 when one
    cannot.
    """
    from . import engine, hardened, plan

    failed = 0
    for name in args.files:
        told: dict[str, Any] = {"file": name, "ok": False, "error": "", "process": "", "steps": [], "elements": {}}
        try:
            data = Path(name).read_bytes()
            hardened.check(data)
            told["elements"] = dict(sorted(plan.elements(data).items()))
            process = engine.compiled(data.decode(), _tables(name, args.table))
            told |= {"ok": True, "process": process.plan.process, "steps": list(process.plan.steps)}
        except OSError as error:
            told["error"] = f"无法打开：{error.strerror}"
        except Refusal as refusal:
            told["error"] = str(refusal)
        failed += not told["ok"]
        _say(told)
    return 1 if failed else 0


def play(args: Namespace) -> int:
    """``zhiguan flow run FILE --script STEPS.json``: plays a process and prints each state as a JSON object.

    The script: ``{"context": {...}, "acts": [{"step": id, "outcome": code}, {"return_to": id}]}``. A refused act prints
    ``ok`` false with ``error`` and ends with exit 1.
    """
    from . import engine, trying

    try:
        script = json.loads(Path(args.script).read_text(encoding="utf-8"))
        process = engine.compiled(Path(args.file).read_text(encoding="utf-8"), _tables(args.file, args.table))
        for state in trying.play(process, script):
            told = {
                "ok": True, "act": state.act, "open": state.open, "ended": state.ended, "result": state.result,
                "acts": state.acts, "decisions": engine.plain(state.decisions),
            }  # fmt: skip
            _say(told)
    except OSError as error:
        _say({"ok": False, "error": f"无法打开 {error.filename}：{error.strerror}"})
        return 1
    except Refusal as refusal:
        _say({"ok": False, "error": str(refusal)})
        return 1
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _say({"ok": False, "error": f"脚本不符合要求：{error}"})
        return 1
    return 0
