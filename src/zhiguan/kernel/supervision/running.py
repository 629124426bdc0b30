"""Running rules and bringing the findings in line with what they hit now."""

from __future__ import annotations

import json
import logging
import math
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from croniter import croniter
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal

from .codes import Outcome
from .declare import ALWAYS, LOCAL, NEVER, ON_DIRTY_DAYS, Hit, Rule, RuleContext, Shared
from .lifecycle import OPEN
from .models import Finding, RuleRun

log = logging.getLogger(__name__)

NO_LONGER = "补传数据后重新计算，不再成立"
AGAIN = "补传数据后重新计算，再次成立"
EVIDENCE_LIMIT = 200_000
"""Characters of one finding's evidence; more belongs behind a link."""


@dataclass(frozen=True)
class RunResult:
    """How many findings one run raised (new or again), left as they were, updated and withdrawn."""

    raised: int = 0
    kept: int = 0
    updated: int = 0
    withdrawn: int = 0
    error: str = ""


class BadHit(Exception):
    """A rule yielded a hit that its own declaration does not allow; nothing of the run is kept."""


def run(
    rule: Rule, *, subjects: Sequence[Any], start: date, end: date, actor: Actor | None = None,
    now: datetime | None = None, shared: Shared | None = None, periods: Sequence[str] | None = None,
) -> RunResult:  # fmt: skip
    """Evaluate a rule over the subjects and the local days ``[start, end)`` and reconcile its findings.

    Within (rule, subjects, periods): a new hit raises a finding, one withdrawn before raises it again; a changed hit
    updates it; a finding still open without a hit is withdrawn, visibly; closed and dismissed ones are not touched.
    The rule always sees every row, whoever ``actor`` is: a narrower view would withdraw what it cannot see; the actor
    is the one named in the story. One transaction; runs of one rule over the same subjects follow each other. A failure
    undoes the run, is kept as a :class:`RuleRun` with its place, and raised. ``periods`` narrows those of the days.
    """
    started = timezone.now()
    seeing = system(f"supervision.{rule.code}")
    doer = actor or seeing
    end = max(end, start)
    row = RuleRun(rule=rule.code, started_at=started, start_on=start, end_on=end, subjects=len(subjects))
    with seeing.acting():
        try:
            with transaction.atomic():
                _one_at_a_time(rule, subjects)
                covered = list(rule.periods(start, end) if periods is None else periods)
                context = RuleContext(subjects, start, end, now or timezone.now(), covered, shared or Shared())
                result = _reconcile(rule, context, list(rule.evaluate(context)), doer)
        except Exception as error:
            row.error = place_of(error)
            _save(row)
            raise
        row.raised, row.kept = result.raised, result.kept
        row.updated, row.withdrawn = result.updated, result.withdrawn
        _save(row)
    return result


def run_all(
    rules: Iterable[Rule], *, subjects: Sequence[Any], start: date, end: date, actor: Actor | None = None,
    now: datetime | None = None, shared: Shared | None = None,
) -> dict[str, RunResult]:
    """Run several rules over the same subjects and days; one that fails is logged and does not stop the others.

    What they load in common is loaded once (``shared``). Returns each rule's result by code; a failed one has
    ``error`` set.
    """
    found: dict[str, RunResult] = {}
    common = shared or Shared()
    for rule in rules:
        try:
            found[rule.code] = run(rule, subjects=subjects, start=start, end=end, actor=actor, now=now, shared=common)
        except Exception as error:
            log.exception("rule %s failed", rule.code)
            found[rule.code] = RunResult(error=place_of(error))
    return found


def run_dirty(
    area: str, *, subjects: Sequence[Any], start: date, end: date, actor: Actor | None = None,
    now: datetime | None = None, shared: Shared | None = None,
) -> dict[str, RunResult]:  # fmt: skip
    """Run the area's rules over days of subjects that were computed again.

    Rules of cadence ``ON_DIRTY_DAYS`` all of them, beginning so many days earlier as the rule looks ahead and ending so
    many later as it looks behind, today at the latest; scheduled ones as their ``on_dirty`` says.
    """
    moment = now or timezone.now()
    common = shared or Shared()
    today = timezone.localdate(moment, timezone=LOCAL)
    found: dict[str, RunResult] = {}
    for rule in registry.current().all(Rule):
        if rule.area != area or (rule.cadence != ON_DIRTY_DAYS and rule.on_dirty == NEVER):
            continue
        first = start - timedelta(days=rule.looks_ahead_days)
        last = min(end + timedelta(days=rule.looks_behind_days), max(end, today + timedelta(days=1)))
        if last > end and rule.cadence != ON_DIRTY_DAYS and not RuleRun.objects.filter(rule=rule.code, end_on__gt=end).exists():
            last = end  # the days after these were not judged yet; their own run will see what is new
        periods = list(rule.periods(first, last))
        if rule.cadence != ON_DIRTY_DAYS and rule.on_dirty != ALWAYS:
            present = set(rule.periods(today, today + timedelta(days=1)))
            periods = [period for period in periods if period not in present]
        if not periods:
            continue
        try:
            found[rule.code] = run(
                rule, subjects=subjects, start=first, end=last, actor=actor, now=moment, shared=common, periods=periods
            )
        except Exception as error:
            log.exception("rule %s failed", rule.code)
            found[rule.code] = RunResult(error=place_of(error))
    return found


def run_scheduled(rule: Rule, *, today: date | None = None) -> RunResult:
    """Run a rule with cron cadence over the whole days before ``today`` that it looks back on."""
    end = today or timezone.localdate(timezone=LOCAL)
    start = end - timedelta(days=rule.lookback_days)
    if rule.subjects is None:
        raise ValueError(f"{rule.code} is not a scheduled rule")
    started = timezone.now()
    try:
        with system(f"supervision.{rule.code}").transaction():
            subjects = list(rule.subjects(start, end))
    except Exception as error:
        _save(
            RuleRun(rule=rule.code, started_at=started, start_on=start, end_on=end, subjects=0, error=place_of(error))
        )
        raise
    return run(rule, subjects=subjects, start=start, end=end)


def run_due(now: datetime | None = None) -> dict[str, RunResult]:
    """Run the scheduled rules that have not run since their time last came; one that fails does not stop the others.

    Asked every few minutes. A rule whose time passed while no worker ran is caught up once; a failed run is a run, and
    is tried again at the rule's next time.
    """
    now = (now or timezone.now()).astimezone(LOCAL)
    found: dict[str, RunResult] = {}
    for rule in registry.current().all(Rule):
        if rule.cadence == ON_DIRTY_DAYS:
            continue
        try:
            since = croniter(rule.cadence, now + timedelta(seconds=1)).get_prev(datetime)
            if RuleRun.objects.filter(rule=rule.code, started_at__gte=since).exists():
                continue
            found[rule.code] = run_scheduled(rule, today=now.date())
        except Exception as error:
            log.exception("rule %s failed", rule.code)
            found[rule.code] = RunResult(error=place_of(error))
    return found


LANES = 16
"""Runs of one rule over subjects of different lanes (key modulo this) go on side by side."""


def _one_at_a_time(rule: Rule, subjects: Sequence[Any]) -> None:
    """Let runs of one rule over the same subjects follow each other: two at once would both raise the same finding."""
    lanes = sorted({subject.pk % LANES for subject in subjects})  # always in this order, or two runs wait crosswise
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s || ' ' || lane, 0)) FROM unnest(%s::int[]) AS lane",
            [f"supervision.run {rule.code}", lanes],
        )


def _save(row: RuleRun) -> None:
    row.finished_at = timezone.now()
    row.save(force_insert=True)


def place_of(error: Exception) -> str:
    """Return what failed and where, without the message: that may quote rows, and the table is read by everybody."""
    if isinstance(error, (Refusal, BadHit)):
        return f"{type(error).__name__}：{error}"[:300]
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f"（{last.filename.rsplit('/', 2)[-2]}/{last.filename.rsplit('/', 1)[-1]}:{last.lineno}）" if last else ""
    return f"{type(error).__name__}{where}"[:300]


# --- reconciling ------------------------------------------------------------------------------------------------------

Key = tuple[str, int, str]


def _by_type(subjects: Sequence[Any]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for subject in subjects:
        found.setdefault(ledger.subject_type(subject), set()).add(subject.pk)
    return found


def checked_hits(rule: Rule, context: RuleContext) -> dict[Key, Hit]:
    """Evaluate a rule and return its hits by (type, key, period), raising and withdrawing nothing. Raises ``BadHit``."""
    return _checked(rule, list(rule.evaluate(context)), _by_type(context.subjects), set(context.periods))


def _reconcile(rule: Rule, context: RuleContext, hits: list[Hit], actor: Actor) -> RunResult:
    periods = list(context.periods)
    by_type = _by_type(context.subjects)
    wanted = _checked(rule, hits, by_type, set(periods))
    known: dict[Key, Finding] = {}
    for kind, keys in by_type.items():
        rows = Finding.objects.filter(rule=rule.code, subject_type=kind, subject_id__in=keys, period__in=periods)
        rows = rows.select_related("unit").select_for_update(of=("self",)).order_by("pk")
        known |= {(kind, row.subject_id, row.period): row for row in rows}
    with connection.preparing():  # a run writes many of a kind; where one fails, all are undone
        return _settle(rule, wanted, known, actor)


def _settle(rule: Rule, wanted: dict[Key, Hit], known: dict[Key, Finding], actor: Actor) -> RunResult:
    raised = kept = updated = withdrawn = 0
    for key, hit in wanted.items():
        values = _values(rule, key, hit)
        finding = known.get(key)
        if finding is None:
            ledger.create(
                Finding, actor, {**_identity(rule, key), **values, "case": hit.case}, name="发现问题", case=hit.case,
                alone=False,
            )  # fmt: skip
            raised += 1
        elif finding.state == "withdrawn":
            fresh = {
                "outcome": "", "ended_at": None, "assignee": None, "persons": [], "assigned_at": None, "due_on": None,
                "explanation": "", "rectification": "", "verdict": "",
            }  # fmt: skip
            ledger.move(finding, "reraise", actor, reason=AGAIN, case=hit.case, alone=False, **values, **fresh)
            raised += 1
        elif finding.state in OPEN and any(getattr(finding, name) != value for name, value in values.items()):
            ledger.change(
                finding, actor, values, code="update", name="更新证据", reason="重新计算后证据有变化", case=hit.case,
                alone=False,
            )  # fmt: skip
            updated += 1
        else:
            kept += 1
    for key, finding in known.items():
        if key not in wanted and finding.state in OPEN:
            ledger.move(
                finding, "withdraw", actor, reason=NO_LONGER, outcome=Outcome.WITHDRAWN, ended_at=timezone.now(),
                alone=False,
            )  # fmt: skip
            withdrawn += 1
    return RunResult(raised, kept, updated, withdrawn)


def _checked(rule: Rule, hits: list[Hit], by_type: dict[str, set[int]], periods: set[str]) -> dict[Key, Hit]:
    """Return the hits by key; raises :class:`BadHit` for those that could never be reconciled again."""
    found: dict[Key, Hit] = {}
    for hit in hits:
        key = (ledger.subject_type(hit.subject), hit.subject.pk, hit.period)
        name = f"{rule.code} {key[0]}#{key[1]} {key[2]}"
        if key[1] not in by_type.get(key[0], ()):
            raise BadHit(f"{name}：命中的对象不在本次检查的对象之内")
        if hit.period not in periods:
            raise BadHit(f"{name}：命中的时段不在本次检查的时段之内")
        if key in found:
            raise BadHit(f"{name}：同一对象同一时段命中两次，应合并为一条")
        found[key] = hit
    return found


def _identity(rule: Rule, key: Key) -> dict[str, Any]:
    kind, subject, period = key
    return {"area": rule.area, "rule": rule.code, "subject_type": kind, "subject_id": subject, "period": period}


def _values(rule: Rule, key: Key, hit: Hit) -> dict[str, Any]:
    """Return the columns that follow from a hit and change with it."""
    name = f"{rule.code} {key[0]}#{key[1]} {key[2]}"
    if timezone.is_naive(hit.occurred_at):
        raise BadHit(f"{name}：发生时间没有时区")
    if not hit.summary or len(hit.summary) > 500:
        raise BadHit(f"{name}：问题摘要应为 1 至 500 字")
    return {
        "unit": hit.unit, "subject_label": str(hit.subject)[:120], "severity": rule.severity, "summary": hit.summary,
        "evidence": _as_stored(name, hit.evidence), "clause": rule.clause, "occurred_at": hit.occurred_at,
    }  # fmt: skip


def _as_stored(name: str, evidence: Any) -> Any:
    """Return the evidence as PostgreSQL will give it back, so that it can be compared."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): whole(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [whole(item) for item in value]
        if isinstance(value, float):
            if not math.isfinite(value):
                raise BadHit(f"{name}：证据中有不是数的值")
            return value
        return value.replace("\0", "") if isinstance(value, str) else value

    text = json.dumps(whole(dict(evidence)), cls=DjangoJSONEncoder, ensure_ascii=False)
    if len(text) > EVIDENCE_LIMIT:
        raise BadHit(f"{name}：证据过大（{len(text)} 字符，上限 {EVIDENCE_LIMIT}）")
    return json.loads(text)
