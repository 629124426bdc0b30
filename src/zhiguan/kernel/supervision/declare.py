"""Rules (监督规则) and what they hit. Pure data: lines declare these in ``rules.py``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from zhiguan.kit.manifest import Declared

ON_DIRTY_DAYS = "on dirty days"
"""Cadence of rules that run whenever a day of a subject was computed again (late data included)."""
SEVERITIES = {"minor": "一般", "major": "较重", "serious": "严重"}
DUE_WORKING_DAYS = {"minor": 10, "major": 5, "serious": 3}
"""Working days from assignment to the due date, where the rule says nothing else."""
LOCAL = ZoneInfo("Asia/Shanghai")
T = TypeVar("T")

NEVER, OVER, ALWAYS = "never", "over", "always"
"""Whether a scheduled rule also runs on days that were computed again: not at all; only for periods that are over (its
own time will come for the present one); always."""


def days(start: date, end: date) -> list[str]:
    """Return the days of ``[start, end)`` as ISO text: the periods of a daily rule."""
    return [(start + timedelta(days=number)).isoformat() for number in range((end - start).days)]


def months(start: date, end: date) -> list[str]:
    """Return the months touched by ``[start, end)`` as ``YYYY-MM``: the periods of a monthly rule."""
    return list(dict.fromkeys(day[:7] for day in days(start, end)))


def quarters(start: date, end: date) -> list[str]:
    """Return the quarters touched by ``[start, end)`` as ``YYYY-Qn``: the periods of a quarterly rule."""
    return list(dict.fromkeys(f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}" for month in months(start, end)))


class Shared:
    """What rules of one run have in common: loaded once, when the first of them asks for it.

    Keys are tuples that begin with the owner's name. What is kept lives as long as the run, so it must not be changed.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under ``key``, made by ``make()`` the first time."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def has(self, key: Hashable) -> bool:
        """Tell whether something is kept under ``key``."""
        return key in self._kept

    def carrying(self, names: Sequence[str]) -> Shared:
        """Return a new one that begins with what is kept under keys whose first element is one of ``names``."""
        fresh = Shared()
        fresh._kept = {key: value for key, value in self._kept.items() if isinstance(key, tuple) and key[0] in names}
        return fresh

    def put(self, key: Hashable, value: Any) -> None:
        """Bring along what is there already, e.g. columns that the day was just computed from."""
        self._kept[key] = value


@dataclass(frozen=True)
class RuleContext:
    """What a rule is asked about: these subjects (instances of one model), the local days ``[start, end)``.

    ``periods`` are those of the rule that this run covers. ``shared`` is common to the rules of one run.
    """

    subjects: Sequence[Any]
    start: date
    end: date
    now: datetime
    periods: Sequence[str] = ()
    shared: Shared = field(default_factory=Shared)

    @property
    def start_at(self) -> datetime:
        """The first moment of ``start`` in Asia/Shanghai."""
        return datetime.combine(self.start, time.min, LOCAL)

    @property
    def end_at(self) -> datetime:
        """The first moment after the last day in Asia/Shanghai."""
        return datetime.combine(self.end, time.min, LOCAL)

    @property
    def days(self) -> list[str]:
        """The days as ISO text."""
        return days(self.start, self.end)


@dataclass(frozen=True)
class Hit:
    """One thing a rule found. At most one per (subject, period): several occurrences of a day go into one hit.

    ``subject`` is one of the context's subjects, ``period`` one of the rule's periods (``2026-03-01``). ``summary`` is
    one Chinese sentence with the numbers. ``unit`` (an ``orgs.Unit``) is the responsible one.

    ``evidence`` is JSON. The finding's page draws these keys, any other is kept and exported:

    - ``confidence``: from 0 to 1, how sure the rule is: the quality of the data and the margin above the threshold;
      where a rule tells ``quality`` (0 to 1) and ``margin`` (value ÷ threshold) as well, learned priorities look at them;
    - ``figures``: list of ``{"name", "value", "unit"}``, the key numbers;
    - ``timeline``: list of ``{"at", "title", "until", "metres", "lat", "lon", "note"}``, moments as ISO text with zone;
    - ``related``: list of ``{"type", "id", "label"}``, e.g. ``{"type": "vehicles.trip", "id": 7, "label": "行程"}``,
      linked through the :class:`SubjectLink` of that type;
    - ``vehicle`` (key of the ``vehicles.vehicle``) and ``day``: the day's replay on the map, by the SubjectLink's
      ``replay`` page;
    - ``track``: ``{"t", "lat", "lon", "speed"}``, parallel lists (unix seconds, WGS84 degrees, km/h): a map that needs
      no other data, for evidence that must outlive the positions.
    """

    subject: Any
    period: str
    summary: str
    unit: Any
    occurred_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    case: str = ""


@dataclass(frozen=True)
class Rule(Declared):
    """监督规则. ``code`` is area.name, ``area`` the line whose rows it reads: the row scope of its findings.

    ``severity`` is a key of :data:`SEVERITIES`; ``clause`` the citation shown with every finding; ``explanation`` says
    in Chinese what is compared with what. ``evaluate`` is asked with every row visible, must not write, and yields
    hits. ``cadence`` is :data:`ON_DIRTY_DAYS`, or cron text (local time) with ``subjects(start, end)`` and
    ``lookback_days``, the number of whole days before today that a scheduled run covers. ``periods(start, end)`` names
    the periods a run covers. ``due_working_days`` 0 means by severity. A hit of a day that also depends on the
    ``looks_ahead_days`` after it, or on the ``looks_behind_days`` before it, is judged again when these were computed
    again. ``on_dirty`` says whether a scheduled rule follows late data as well: :data:`NEVER`, :data:`OVER`, :data:`ALWAYS`.
    """

    code: str
    area: str
    name: str
    severity: str
    clause: str
    explanation: str
    evaluate: Callable[[RuleContext], Iterable[Hit]]
    cadence: str = ON_DIRTY_DAYS
    subjects: Callable[[date, date], Sequence[Any]] | None = None
    lookback_days: int = 1
    periods: Callable[[date, date], Iterable[str]] = days
    due_working_days: int = 0
    looks_ahead_days: int = 0
    looks_behind_days: int = 0
    on_dirty: str = NEVER

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"Rule {self.code!r}: severity {self.severity!r} is none of {', '.join(SEVERITIES)}")
        if not self.code.startswith(f"{self.area}."):
            raise ValueError(f"Rule {self.code!r}: the code begins with its area {self.area!r}")
        if not self.clause or not self.explanation:
            raise ValueError(f"Rule {self.code!r}: a rule without clause and explanation accuses without saying why")
        if self.cadence != ON_DIRTY_DAYS:
            if len(self.cadence.split()) != 5:
                raise ValueError(f"Rule {self.code!r}: cadence {self.cadence!r} is not cron text of five fields")
            if self.subjects is None:
                raise ValueError(f"Rule {self.code!r}: a scheduled rule needs subjects(start, end)")
        if self.lookback_days < 1 or min(self.due_working_days, self.looks_ahead_days, self.looks_behind_days) < 0:
            raise ValueError(f"Rule {self.code!r}: lookback_days from 1, due_working_days and days looked at from 0")
        if self.on_dirty not in (NEVER, OVER, ALWAYS):
            raise ValueError(f"Rule {self.code!r}: on_dirty is never, over or always")

    @property
    def severity_name(self) -> str:
        return SEVERITIES[self.severity]

    @property
    def due_in(self) -> int:
        """Working days between assignment and the due date."""
        return self.due_working_days or DUE_WORKING_DAYS[self.severity]


@dataclass(frozen=True)
class Tuning(Declared):
    """可调阈值 of the rule ``code``: which facts people may try out and set, with a preview of what would change.

    ``thresholds`` are codes of reference facts that the rule reads through ``kernel.reference``. The preview evaluates
    the rule over past days, with the values in force and with the proposed one, and raises and withdraws nothing.
    ``subjects(start, end, lo, hi)`` returns what the rule is asked about, of units between two positions; ``batch`` so
    many at once. ``carries`` names keys of :class:`Shared` that do not depend on thresholds and are loaded once for both.
    """

    code: str
    thresholds: tuple[str, ...]
    subjects: Callable[[date, date, int, int], Sequence[Any]]
    batch: int = 2_000
    carries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.thresholds or self.batch < 1:
            raise ValueError(f"Tuning {self.code!r}: names at least one threshold, batches of at least one")


@dataclass(frozen=True)
class Award:
    """One thing an organ gave to a firm outside: a repair, a purchase, a sale, an appraisal.

    ``firm`` is its name as people wrote it, ``link`` ``{"type", "id", "label"}`` of the ledger's row, ``source`` the
    number of the case it follows from or of the document that case ended with, "" where there is none.
    """

    unit: Any
    firm: str
    on: date
    link: Mapping[str, Any]
    amount_yuan: Any = None
    source: str = ""


@dataclass(frozen=True)
class Awards(Declared):
    """外部单位的选用: where a line's ledgers name whom something was given to. Rows of one ``code`` are comparable.

    ``name`` says what is given (车辆维修保养), ``party`` what the firm is called there (承修单位). ``rows(start, end)``
    yields those of the local days ``[start, end)`` that name a firm, of all units; asked with every row visible.
    """

    code: str
    name: str
    party: str
    rows: Callable[[date, date], Iterable[Award]]


@dataclass(frozen=True)
class SubjectLink(Declared):
    """Where rows of a type are shown: ``code`` is the model's label (``vehicles.vehicle``), ``url_name`` takes ``pk``.

    ``replay`` is the URL name of the JSON data of one day's replay (island ``map-replay``), taking ``pk``, the day as
    ``?day=2026-03-01`` and, from a finding's page, its key as ``finding``; empty for subjects that do not move.
    """

    code: str
    url_name: str
    replay: str = ""
