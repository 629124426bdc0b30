"""The clock of cases and steps: a pure function of (events, calendar, policy). SPEC P4, G9.

Nothing here is stored and nothing decides. A time limit is worked out each time from what happened and from the working
days of the calendar, so that a late holiday arrangement, a correction of an event or a restart changes no counter:
there is none. A breach may warn; it never approves.

How days are counted (《行政许可法》第八十二条 and《民法典》第二百零一条, 第二百零三条): the day on which the clock begins or
goes on is not counted, the last day is, and it ends at midnight, or at the close of office hours where the policy says
so. A day on which the clock is stopped counts when the clock was running as it began; stopping and going on within one
day therefore neither costs nor saves a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from zhiguan.kit.errors import Invalid

from ..calendar.declare import LOCAL, Interval


class Calendar(Protocol):
    """What the clock asks of a calendar; ``kernel.calendar``'s snapshot answers it."""

    def working_days_between(self, start: date, end: date) -> int: ...
    def add_working_days(self, start: date, count: int) -> date: ...
    def office_hours(self, day: date, pos: int | None = None, *, with_break: bool = False) -> tuple[Interval, ...]: ...
    def working_time(self, start: datetime, end: datetime, pos: int | None = None) -> timedelta: ...


class Count(StrEnum):
    """What a limit is counted in."""

    WORKING_DAY = "working_day"
    DAY = "day"
    OFFICE_MINUTE = "office_minute"


class What(StrEnum):
    """What happened to a clock. Any other event of a case says nothing to it."""

    START = "start"
    STOP = "stop"
    RESUME = "resume"
    RETURN = "return"
    REASSIGN = "reassign"
    CLOSE = "close"


class After(StrEnum):
    """What a return or a reassignment does to the time used so far."""

    CONTINUE = "continue"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an aware moment. ``reason`` says why a clock was stopped."""

    at: datetime
    what: What
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """A warning (预警): reached when no more than ``remaining`` of the limit is left. 0: the limit itself (red card)."""

    code: str
    name: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How a limit is counted. ``limit`` and the rungs' ``remaining`` are in ``count``; ``limit`` 0 is no limit.

    ``closes_with_office``: the last day ends when the office closes, not at midnight. ``pos`` is the position of the
    unit whose office hours hold.
    """

    limit: int
    count: Count = Count.WORKING_DAY
    rungs: tuple[Rung, ...] = ()
    on_return: After = After.CONTINUE
    on_reassign: After = After.CONTINUE
    closes_with_office: bool = False
    pos: int | None = None

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise Invalid("时限不能为负数。", fields={"limit": "时限不能为负数。"})
        for rung in self.rungs:
            if not 0 <= rung.remaining <= self.limit:
                raise Invalid(f"预警“{rung.name}”的剩余量应在 0 与时限之间。", fields={"rungs": rung.code})


@dataclass(frozen=True, slots=True)
class Card:
    """A rung and the moment it is (or was) reached; None while the clock stands and it has not been."""

    rung: Rung
    at: datetime | None
    reached: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock shows at a moment.

    ``state``: idle (not begun), running, stopped or closed. ``elapsed`` and ``remaining`` are in the policy's count;
    ``remaining`` is negative after the limit. ``due_at`` is the last moment in time; None without a limit, before the
    start, and while the clock stands. ``breached_at`` is when the limit was passed; a closed clock keeps it.
    """

    state: str
    elapsed: int
    remaining: int | None
    due_at: datetime | None
    breached_at: datetime | None
    cards: tuple[Card, ...]
    stopped_for: str = ""

    @property
    def breached(self) -> bool:
        return self.breached_at is not None


def intervals(events: Iterable[Event], policy: Policy) -> tuple[list[tuple[datetime, datetime | None]], str, str]:
    """Return the times the clock ran since it last began anew, its state, and what it is stopped for.

    Events count in the order of their moments, whatever the order they are told in. What makes no sense where it
    stands (a stop of a clock that stands, a second start) changes nothing.
    """
    ran: list[tuple[datetime, datetime | None]] = []
    state, reason = "idle", ""
    for event in sorted(events, key=lambda each: each.at):
        if state == "closed":
            break
        match event.what:
            case What.START if state == "idle":
                ran, state = [(event.at, None)], "running"
            case What.STOP if state == "running":
                ran[-1] = (ran[-1][0], event.at)
                state, reason = "stopped", event.reason
            case What.RESUME if state == "stopped":
                ran.append((event.at, None))
                state, reason = "running", ""
            case What.RETURN | What.REASSIGN if state in ("running", "stopped"):
                how = policy.on_return if event.what is What.RETURN else policy.on_reassign
                if how is After.RESTART:
                    ran, state, reason = [(event.at, None)], "running", ""
            case What.CLOSE if state in ("running", "stopped"):
                if state == "running":
                    ran[-1] = (ran[-1][0], event.at)
                state, reason = "closed", ""
    return ran, state, reason


def _local(moment: datetime) -> date:
    return moment.astimezone(LOCAL).date()


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counting and going forward in the policy's unit."""

    calendar: Calendar
    policy: Policy

    def between(self, start: datetime, end: datetime, *, whole: bool) -> int:
        """Return what of the limit ``start … end`` uses. ``whole``: the last day has been used up (the clock stopped)."""
        if self.policy.count is Count.OFFICE_MINUTE:
            return int(self.calendar.working_time(start, end, self.policy.pos) // timedelta(minutes=1))
        first, last = _local(start), _local(end)
        if not whole:
            last -= timedelta(days=1)
        if last <= first:
            return 0
        if self.policy.count is Count.DAY:
            return (last - first).days
        return self.calendar.working_days_between(first, last)

    def reached(self, start: datetime, left: int) -> datetime:
        """Return the last moment within ``left`` more of the limit, for a clock that runs from ``start``."""
        if self.policy.count is Count.OFFICE_MINUTE:
            return self._minutes(start, left)
        first = _local(start)
        if self.policy.count is Count.DAY:
            return self._end_of(first + timedelta(days=left))
        return self._end_of(self.calendar.add_working_days(first, left) if left else first)

    def _end_of(self, day: date) -> datetime:
        if self.policy.closes_with_office:
            hours = self.calendar.office_hours(day, self.policy.pos)
            if hours:
                return hours[-1][1]
        return datetime.combine(day + timedelta(days=1), time.min, LOCAL)

    def _minutes(self, start: datetime, left: int) -> datetime:
        remaining, day, moment = timedelta(minutes=left), _local(start), start.astimezone(LOCAL)
        while True:
            for first, until in self.calendar.office_hours(day, self.policy.pos):
                begin = max(first, moment)
                if until <= begin:
                    continue
                if remaining <= until - begin:
                    return begin + remaining
                remaining -= until - begin
            if remaining <= timedelta(0):
                return moment
            day += timedelta(days=1)


def _passed(
    counter: _Counter, ran: Sequence[tuple[datetime, datetime | None]], allowance: int
) -> tuple[datetime | None, int]:
    """Return when ``allowance`` was or will be used up, and what is still left of it after the finished intervals.

    None when the clock stands before that.
    """
    left = allowance
    for start, end in ran:
        if end is None:
            return counter.reached(start, left), left
        used = counter.between(start, end, whole=True)
        at = counter.reached(start, left)
        if used > left or (used == left and end > at):
            return at, left
        left -= used
    return None, left


def read(events: Iterable[Event], calendar: Calendar, policy: Policy, now: datetime) -> Reading:
    """Return what the clock shows at ``now``, from the events until then.

    Raises ``YearNotLoaded`` when the limit runs into a year whose holidays are not known: a date that is only guessed
    would be a promise.
    """
    ran, state, reason = intervals((event for event in events if event.at <= now), policy)
    if state == "idle":
        return Reading("idle", 0, policy.limit or None, None, None, ())
    counter = _Counter(calendar, policy)
    elapsed = sum(counter.between(start, now if end is None else end, whole=end is not None) for start, end in ran)
    if not policy.limit:
        return Reading(state, elapsed, None, None, None, (), reason)
    until = ran[-1][1] if state == "closed" else now
    due, _ = _passed(counter, ran, policy.limit)
    late = due is not None and due < (until or now)
    cards = []
    for rung in sorted(policy.rungs, key=lambda each: -each.remaining):
        at = due if rung.remaining == 0 else _warned(counter, ran, policy.limit - rung.remaining)
        cards.append(Card(rung, at, at is not None and at < (until or now)))
    shown = due if state == "running" or late else None
    return Reading(state, elapsed, policy.limit - elapsed, shown, due if late else None, tuple(cards), reason)


def _warned(counter: _Counter, ran: Sequence[tuple[datetime, datetime | None]], allowance: int) -> datetime | None:
    """Return when ``allowance`` of the limit is used up; a limit so short that it is at once, the start."""
    return ran[0][0] if allowance == 0 else _passed(counter, ran, allowance)[0]


def next_rung_at(reading: Reading) -> datetime | None:
    """Return the moment of the next warning, for an index that is asked which clocks to look at; None: none is coming."""
    coming = [card.at for card in reading.cards if card.at is not None and not card.reached]
    return min(coming) if coming and reading.state == "running" else None


__all__ = [
    "After",
    "Calendar",
    "Card",
    "Count",
    "Event",
    "Policy",
    "Reading",
    "Rung",
    "What",
    "intervals",
    "next_rung_at",
    "read",
]
