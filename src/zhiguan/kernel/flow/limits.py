"""Time limits of cases and steps: which one holds, from dated facts; what the clock shows; when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.reference import service as reference

from . import clock
from .declare import ServiceItem

RUNGS = {"yellow": "黄牌", "red": "红牌"}
AGAIN = timedelta(days=1)
"""When to look again at a clock that cannot be read because a year is not loaded."""


YELLOW = "approvals.general.yellow_remaining"


def _numbers(unit: Any, *codes: str) -> dict[str, Any]:
    """Return those of the facts that are numbers."""
    known = reference.facts((*codes, YELLOW), unit=unit)
    return {code: fact for code, fact in known.items() if isinstance(fact.value, (int, float))}


def _policy(days: int, fact: Any, unit: Any, yellow: Any) -> dict[str, Any]:
    left = min(int(yellow.value) if yellow else 0, max(days - 1, 0))
    return {
        "limit": days, "rungs": [["yellow", left], ["red", 0]], "fact": fact.code if fact else "",
        "source": fact.citation if fact else "流程文件", "verified": bool(fact and fact.verified), "pos": unit.pos,
    }  # fmt: skip


def of_case(item: ServiceItem, unit: Any) -> dict[str, Any]:
    """Return the time limit of a case as it stands today: promised, else statutory, else the engine's default.

    It is taken into the case when its clock begins: a limit changed later is not applied to cases that run.
    """
    codes = (f"{item.facts}.promised_days", f"{item.facts}.statutory_days", "approvals.general.engine_default")
    known = _numbers(unit, *codes)
    for code in codes:
        if found := known.get(code):
            return _policy(int(found.value), found, unit, known.get(YELLOW))
    return {"limit": 0, "rungs": [], "fact": "", "source": "", "verified": False, "pos": unit.pos}


def of_step(days: str, unit: Any) -> dict[str, Any]:
    """Return the limit of a step: its number of working days, or the fact it names; {} when it has none."""
    if not days:
        return {}
    known = _numbers(unit, *([] if days.isdigit() else [days]))
    if days.isdigit():
        return _policy(int(days), None, unit, known.get(YELLOW))
    found = known.get(days)
    return _policy(int(found.value), found, unit, known.get(YELLOW)) if found else {}


def _as_policy(stored: dict[str, Any]) -> clock.Policy:
    rungs = tuple(clock.Rung(code, RUNGS[code], remaining) for code, remaining in stored.get("rungs", ()))
    return clock.Policy(stored.get("limit", 0), rungs=rungs, pos=stored.get("pos"))


def _events(stored: Iterable[Sequence[str]]) -> list[clock.Event]:
    return [clock.Event(datetime.fromisoformat(at), clock.What(what), reason) for at, what, reason in stored]


def event(at: datetime, what: clock.What, reason: str = "") -> list[str]:
    """Return one event as cases keep it."""
    return [at.isoformat(), what.value, reason]


def reading(row: Any, now: datetime, days: Any = None) -> clock.Reading | None:
    """Return what the clock of a case or step shows; None while the calendar does not know the year.

    ``days`` is a snapshot of the calendar, taken once for many rows.
    """
    try:
        return clock.read(_events(row.clock), days or calendar.snapshot(), _as_policy(row.policy), now)
    except calendar.YearNotLoaded:
        return None


def used(events: Iterable[Sequence[str]], policy: dict[str, Any], now: datetime, days: Any = None) -> int | None:
    """Return the working days a clock has run; None for no clock, and while the calendar does not know a year of it."""
    read = _events(events)
    if not read:
        return None
    try:
        return clock.read(read, days or calendar.snapshot(), clock.Policy(0, pos=policy.get("pos")), now).elapsed
    except calendar.YearNotLoaded:
        return None


_shown: list[Any] = [0.0, None]
SHOWN_S = 5.0


def days_shown() -> Any:
    """The calendar for what is only shown, a few seconds old at most: a list reads it once, not once a row."""
    now = monotonic()
    if _shown[1] is None or now - _shown[0] > SHOWN_S:
        _shown[:] = [now, calendar.snapshot()]
    return _shown[1]


def in_words(row: Any, now: datetime | None = None) -> tuple[str, str]:
    """Return (text, colour) of a case's or step's clock for lists: 剩 3 个工作日, 超期 1 个工作日, 计时暂停."""
    if not row.clock or not row.policy.get("limit"):
        return "", "secondary"
    shown = reading(row, now or timezone.now(), days_shown())
    if shown is None:
        return "节假日未录入", "secondary"
    if shown.state == "closed":
        return ("超期办结", "red") if shown.breached else ("按时办结", "green")
    if shown.breached:
        late = -(shown.remaining or 0)
        return (f"超期 {late} 个工作日" if late > 0 else "已超期"), "red"
    if shown.state == "stopped":
        return f"计时暂停（{shown.stopped_for}）" if shown.stopped_for else "计时暂停", "yellow"
    left = shown.remaining or 0
    colour = "yellow" if any(card.reached for card in shown.cards) else "green"
    return (f"剩 {left} 个工作日" if left else "今日到期"), colour


def look_at(
    events: Iterable[Sequence[str]], policy: dict[str, Any], now: datetime, days: Any = None
) -> datetime | None:
    """Return when the next rung may be reached, for the index of rows to look at; None: nothing is coming."""
    if not policy.get("limit"):
        return None
    try:
        return clock.next_rung_at(clock.read(_events(events), days or calendar.snapshot(), _as_policy(policy), now))
    except calendar.YearNotLoaded:
        return now + AGAIN


def look_after(row: Any, shown: clock.Reading | None, now: datetime) -> datetime | None:
    """As :func:`look_at`, of a row whose clock was read already (None: it could not be)."""
    if not row.policy.get("limit"):
        return None
    return now + AGAIN if shown is None else clock.next_rung_at(shown)
