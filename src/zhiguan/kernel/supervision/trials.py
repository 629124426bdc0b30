"""阈值试算: people propose another value of a rule's threshold, see what it would change, and may set it from a date on.

The preview evaluates the rule over past days twice, with what was in force and with the proposed value supposed
(``reference.supposing``), and compares both with what people decided about the findings. It raises and withdraws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.events import service as events
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid, NotFound, Refusal
from zhiguan.kit.rowscope.declare import ALL_POSITIONS

from .codes import COMPUTE, TUNE, Outcome
from .declare import LOCAL, Hit, Rule, RuleContext, Shared, Tuning
from .lifecycle import OPEN
from .models import Finding, ThresholdTrial
from .running import Key, checked_hits, place_of

LEAST_DAYS, MOST_DAYS = 1, 92
LISTED = 200
"""So many findings of each kind are named in a result; all are counted."""
Report = Callable[[float, str], Any]


def tuning_of(rule: str) -> Tuning:
    """Return what may be tuned of a rule. Raises ``NotFound``."""
    try:
        return registry.current().get(Tuning, rule)
    except KeyError as error:
        raise NotFound("该规则没有可调整的阈值。") from error


def rule_of(code: str) -> Rule:
    """Return a declared rule. Raises ``NotFound``."""
    try:
        return registry.current().get(Rule, code)
    except KeyError as error:
        raise NotFound("没有这条监督规则。") from error


# --- verbs


@transaction.atomic
def propose(
    actor: Actor, *, rule: str, fact: str, value: Any, days: int, why: str, place: Unit | None = None
) -> ThresholdTrial:
    """提出试算: ask what ``value`` would have changed over the last ``days`` whole days, for all or for one organ.

    Raises ``Invalid`` for a value that could not be set either, ``NotFound`` for what no rule declares as tunable. The
    preview is a job that starts after the commit.
    """
    declared, tuning = rule_of(rule), tuning_of(rule)
    unit = place if place is not None else Unit.objects.get(parent=None)
    actor.require(TUNE, unit)
    if fact not in tuning.thresholds:
        raise NotFound("该阈值不属于这条规则，或不能调整。")
    if not LEAST_DAYS <= days <= MOST_DAYS:
        message = f"试算天数应为 {LEAST_DAYS} 至 {MOST_DAYS} 天。"
        raise Invalid(message, fields={"days": message})
    if not (why := why.strip()):
        raise Invalid("请填写提出理由。", fields={"why": "请填写提出理由。"})
    end = timezone.localdate(timezone=LOCAL)
    shown = reference.fact(fact, on=end, unit=place)
    if problem := reference.refusal(shown, value):
        raise Invalid(problem, fields={"value": problem})
    if shown.value == value:
        raise Invalid("与现行取值相同，无需试算。", fields={"value": "与现行取值相同，无需试算。"})
    trial = ledger.create(
        ThresholdTrial, actor,
        {
            "area": declared.area, "unit": unit, "general": place is None, "rule": rule, "fact": fact, "name": shown.name,
            "measure": shown.unit, "before": shown.value, "value": value, "start_on": end - timedelta(days=days),
            "end_on": end, "why": why[:200], "proposer": actor.name[:80],
        },
        name="提出试算", reason=why,
    )  # fmt: skip
    _enqueue(actor, trial)
    return trial


def asked(actor: Actor, row: None, values: Mapping[str, Any]) -> ThresholdTrial:
    """Take what the form page hands over."""
    return propose(actor, **values)


def _enqueue(actor: Actor, trial: ThresholdTrial) -> None:
    events.enqueue(actor, COMPUTE, {"trial": trial.pk}, f"试算阈值：{trial.name}"[:120], key=f"{trial.pk}/{trial.version}")


@transaction.atomic
def repeat(actor: Actor, trial: ThresholdTrial) -> ThresholdTrial:
    """重新试算: over the same days, with what has been decided and computed meanwhile."""
    actor.require(TUNE, trial)
    trial = ledger.move(trial, "repeat", actor, result={}, problem="", computed_at=None)
    _enqueue(actor, trial)
    return trial


@transaction.atomic
def apply(actor: Actor, trial: ThresholdTrial, *, valid_from: date, reason: str) -> ThresholdTrial:
    """按此调整: set the value from a date on; needs the permission to adjust standards as well.

    Days before the date keep the value they were judged by. Raises ``Conflict`` when the value in force is no longer
    the one that the preview was compared with.
    """
    actor.require(TUNE, trial)
    place = None if trial.general else trial.unit
    now = reference.fact(trial.fact, on=valid_from, unit=place)
    if now.value != trial.before:
        raise Conflict("现行取值在试算后已经变化，请重新提出试算。", code="value_changed")
    reference.override(actor, trial.fact, trial.value, valid_from, reason, place=place)
    return ledger.move(trial, "apply", actor, reason=reason, valid_from=valid_from)


def drop(actor: Actor, trial: ThresholdTrial, *, reason: str) -> ThresholdTrial:
    """放弃: the idea is not followed; the preview stays for the record."""
    actor.require(TUNE, trial)
    return ledger.move(trial, "drop", actor, reason=reason)


# --- the job


def compute(actor: Actor, report: Report, *, trial: int) -> dict[str, Any]:
    """Compute the preview of a trial and note it; a trial that was dropped meanwhile is left alone.

    A failure is noted with its place and raised.
    """
    seeing = system("supervision.trials")
    with seeing.transaction():
        row = ThresholdTrial.objects.select_related("unit").filter(pk=trial, state="waiting").first()
    if row is None:
        return {"message": "试算已放弃，没有计算"}
    actor.require(TUNE, row)
    try:
        result = preview(
            rule_of(row.rule), tuning_of(row.rule), row.fact, row.value, None if row.general else row.unit, row.start_on,
            row.end_on, report,
        )  # fmt: skip
    except Exception as error:
        with seeing.transaction():
            problem = str(error) if isinstance(error, Refusal) else place_of(error)
            ledger.move(row, "fail", actor, reason=problem[:300], problem=problem[:300])
        raise
    with seeing.transaction():
        ledger.move(row, "finish", actor, result=result, computed_at=timezone.now())
    return {"message": f"试算完成：减少 {result['gone']['total']} 条，增加 {result['new']['total']} 条"}


def chunks(rule: Rule, start: date, end: date) -> Iterator[tuple[date, date, list[str]]]:
    """Yield (first day, day after the last, periods) of parts of ``[start, end)`` in which the rule is evaluated whole."""
    every = [start + timedelta(days=number) for number in range((end - start).days)]
    for periods, group in groupby(every, key=lambda day: tuple(rule.periods(day, day + timedelta(days=1)))):
        days = list(group)
        yield days[0], days[-1] + timedelta(days=1), list(periods)


def preview(
    rule: Rule, tuning: Tuning, fact: str, value: Any, place: Unit | None, start: date, end: date, report: Report
) -> dict[str, Any]:
    """Return what the rule hits with the values in force and with ``value``, and what people made of these findings.

    Sees every row, whoever asks: it is compared with findings that were raised so. Nothing is written.
    """
    lo, hi = ALL_POSITIONS if place is None else (place.pos, place.pos_end)
    seeing, parts = system(f"supervision.{rule.code}"), list(chunks(rule, start, end))
    before: dict[Key, Hit] = {}
    after: dict[Key, Hit] = {}
    for number, (first, last, periods) in enumerate(parts):
        report(100 * number / max(1, len(parts)), f"{first:%Y-%m-%d}")
        with seeing.transaction():
            subjects = list(tuning.subjects(first, last, lo, hi))
            for at in range(0, len(subjects), tuning.batch):
                own, shared = subjects[at : at + tuning.batch], Shared()
                context = RuleContext(own, first, last, timezone.now(), periods, shared)
                before |= checked_hits(rule, context)
                fresh = shared.carrying(tuning.carries)
                with reference.supposing(fact, value, place):
                    after |= checked_hits(rule, RuleContext(own, first, last, context.now, periods, fresh))
    with seeing.transaction():
        known = _findings(rule, {*before, *after})
    gone = [key for key in before if key not in after]
    new = [key for key in after if key not in before]
    return {
        "before": _counted(before, known), "after": _counted(after, known),
        "gone": _counted(gone, known) | {"rows": _listed(gone, before, known)},
        "new": _counted(new, known) | {"rows": _listed(new, after, known)},
        "days": (end - start).days,
    }  # fmt: skip


def _findings(rule: Rule, keys: set[Key]) -> dict[Key, Finding]:
    """Return the findings that there are under these keys."""
    kinds = {key[0] for key in keys}
    found = {}
    for kind in kinds:
        own = {key for key in keys if key[0] == kind}
        rows = Finding.objects.filter(
            rule=rule.code, subject_type=kind, subject_id__in={key[1] for key in own}, period__in={key[2] for key in own}
        ).defer("evidence", "explanation", "rectification", "clause")  # fmt: skip
        found |= {key: row for row in rows if (key := (kind, row.subject_id, row.period)) in own}
    return found


def _word(finding: Finding | None) -> str:
    """Return what became of a finding: confirmed, dismissed, withdrawn, open, or none where there is none."""
    if finding is None:
        return "none"
    return finding.outcome or ("open" if finding.state in OPEN else "none")


def _counted(keys: Sequence[Key] | dict[Key, Hit], known: dict[Key, Finding]) -> dict[str, Any]:
    """Return how many hits there are, by what became of them, and the precision among those that people decided."""
    counts = dict.fromkeys(("confirmed", "dismissed", "withdrawn", "open", "none"), 0)
    for key in keys:
        counts[_word(known.get(key))] += 1
    decided = counts["confirmed"] + counts["dismissed"]
    return {"total": len(keys), **counts, "precision": counts["confirmed"] / decided if decided else None}


ORDER = {Outcome.CONFIRMED: 0, Outcome.DISMISSED: 1, "open": 2, "none": 3, Outcome.WITHDRAWN: 4}


def _listed(keys: Sequence[Key], hits: dict[Key, Hit], known: dict[Key, Finding]) -> list[dict[str, Any]]:
    """Name the findings, those that people have decided first, at most :data:`LISTED`."""
    ordered = sorted(keys, key=lambda key: (ORDER[_word(known.get(key))], key[2], key[1]))
    rows = []
    for key in ordered[:LISTED]:
        hit, finding = hits[key], known.get(key)
        rows.append({
            "type": key[0], "subject": key[1], "label": str(hit.subject)[:120], "period": key[2], "unit": hit.unit.name,
            "summary": hit.summary, "outcome": _word(finding), "finding": None if finding is None else finding.pk,
            "pos": hit.unit.pos,
        })  # fmt: skip
    return rows
