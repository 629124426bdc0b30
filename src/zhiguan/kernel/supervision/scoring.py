"""核查优先度: where an open finding stands in the queue. Rules decide what a finding is; this only orders them.

A logistic regression (:mod:`.learning`) is fitted to findings that people have closed as confirmed or dismissed, as they
were known when each was found: the rule's confidence, the data's quality and the margin where the rule tells them, how
often the same subject was found by the same rule before, how the organ's earlier findings ended, and which rule it was.
Priority = severity × chance of being confirmed. With too few outcomes, or where learning orders them no better, it is
severity × the rule's own confidence, and the model says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from zhiguan.kit.actor import Actor, system

from . import queries
from .codes import VIEW, Outcome
from .learning import Fit, Floats, fit, rightly_ordered, unseen_chances
from .lifecycle import OPEN
from .models import Finding, FindingScore, PriorityModel

WEIGHT = {"minor": 1, "major": 2, "serious": 3}
UNKNOWN = 0.5
"""Confidence of a finding whose rule tells none."""
LEAST, LEAST_EACH = 50, 10
"""Fewer decided findings, or fewer of either outcome, teach nothing that can be relied on."""
LEARNT_FROM = timedelta(days=730)
MOST_LEARNT = 20_000
REPEATS_IN = timedelta(days=90)
PRIOR = 4.0
"""An organ's own history counts like this many findings of the average less."""
KEEP_MODELS = 60
BATCH = 2_000
SIZES = {"confidence": "可信度", "quality": "数据质量", "margin": "超出阈值的程度", "repeats": "90 天内重复次数",
         "organ": "责任单位以往属实率"}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A finding as far as the model looks at it."""

    pk: int
    rule: str
    subject: tuple[str, int]
    unit: int
    severity: str
    occurred_at: datetime
    created_at: datetime
    ended_at: datetime | None
    outcome: str
    confidence: float
    quality: float
    margin: float


def _number(value: Any) -> float:
    """Return a finite number of the evidence, NaN for anything else."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if good else float("nan")


def known_of(rows: QuerySet[Finding]) -> list[Known]:
    """Read the findings' columns, without the rest of their evidence."""
    found = rows.values_list(
        "pk", "rule", "subject_type", "subject_id", "unit_id", "severity", "occurred_at", "created_at", "ended_at",
        "outcome", "evidence__confidence", "evidence__quality", "evidence__margin",
    )  # fmt: skip
    return [
        Known(pk, rule, (kind, key), unit, severity, occurred, created, ended, outcome, *map(_number, numbers))
        for pk, rule, kind, key, unit, severity, occurred, created, ended, outcome, *numbers in found
    ]


class Past:
    """What was known of subjects and organs at any moment: from all findings, decided or not."""

    def __init__(self, rows: Iterable[Known]) -> None:
        self.seen: dict[tuple[str, tuple[str, int]], list[datetime]] = defaultdict(list)
        ended: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
        decided: list[tuple[datetime, bool]] = []
        for row in rows:
            if row.outcome != Outcome.WITHDRAWN:
                self.seen[row.rule, row.subject].append(row.occurred_at)
            if row.outcome in (Outcome.CONFIRMED, Outcome.DISMISSED) and row.ended_at is not None:
                one = (row.ended_at, row.outcome == Outcome.CONFIRMED)
                ended[row.unit].append(one)
                decided.append(one)
        for moments in self.seen.values():
            moments.sort()
        self.units = {unit: _running(each) for unit, each in ended.items()}
        self.all = _running(decided)

    def repeats(self, row: Known) -> int:
        """Return how often the rule had found the subject in the :data:`REPEATS_IN` before."""
        moments = self.seen.get((row.rule, row.subject), [])
        return bisect_left(moments, row.occurred_at) - bisect_left(moments, row.occurred_at - REPEATS_IN)

    def organ(self, row: Known) -> float:
        """Return the share of the organ's findings confirmed before this one was found, shrunk to the share of all."""
        confirmed, decided = _until(self.all, row.created_at)
        general = (confirmed + 1.0) / (decided + 2.0)
        own, number = _until(self.units.get(row.unit, ([], [0])), row.created_at)
        return (own + PRIOR * general) / (number + PRIOR)


def _running(decided: list[tuple[datetime, bool]]) -> tuple[list[datetime], list[int]]:
    decided.sort()
    return [moment for moment, _ in decided], [0, *np.cumsum([good for _, good in decided]).astype(int).tolist()]


def _until(held: tuple[list[datetime], list[int]], moment: datetime) -> tuple[int, int]:
    """Return (confirmed, decided) before the moment."""
    number = bisect_left(held[0], moment)
    return held[1][number], number


def columns(rules: Sequence[str]) -> tuple[str, ...]:
    """Return the model's column names for these rules."""
    return (*SIZES, *(f"rule:{rule}" for rule in rules))


def table(names: Sequence[str], rows: Sequence[Known], past: Past) -> Floats:
    """Return the model's columns for the findings; NaN where a rule does not tell."""
    sizes = {
        "confidence": [row.confidence for row in rows], "quality": [row.quality for row in rows],
        "margin": [np.log(max(row.margin, 0.1)) if np.isfinite(row.margin) else np.nan for row in rows],
        "repeats": [np.log1p(past.repeats(row)) for row in rows], "organ": [past.organ(row) for row in rows],
    }  # fmt: skip
    found = [
        sizes[name] if name in sizes else [float(f"rule:{row.rule}" == name) for row in rows] for name in names
    ]
    return np.array(found, float).reshape(len(names), len(rows)).T


def plain(row: Known) -> float:
    """Return the priority without a model: severity × confidence, 0 to 100."""
    sure = row.confidence if np.isfinite(row.confidence) else UNKNOWN
    return 100.0 * WEIGHT[row.severity] / 3.0 * sure


# --- learning


def train(now: datetime | None = None) -> PriorityModel:
    """Learn anew from what people have decided and keep the result, whether it is used or not."""
    moment = now or timezone.now()
    with system("supervision.priority").transaction():
        decided = Finding.objects.filter(
            outcome__in=(Outcome.CONFIRMED, Outcome.DISMISSED), ended_at__gte=moment - LEARNT_FROM
        ).order_by("-ended_at", "-pk")[:MOST_LEARNT]  # fmt: skip
        rows = known_of(decided)
        confirmed = sum(row.outcome == Outcome.CONFIRMED for row in rows)
        model = PriorityModel(
            trained_at=moment, outcomes=len(rows), confirmed=confirmed, dismissed=len(rows) - confirmed
        )
        if len(rows) < LEAST or min(confirmed, len(rows) - confirmed) < LEAST_EACH:
            model.note = f"已认定的线索不足（至少 {LEAST} 条，属实和不属实各至少 {LEAST_EACH} 条），暂按严重程度和可信度排序。"
        else:
            _learn(model, rows, Past(known_of(_around(rows))))
        model.save(force_insert=True)
        old = PriorityModel.objects.exclude(pk__in=FindingScore.objects.values("model")).order_by("-pk")[KEEP_MODELS:]
        PriorityModel.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    return model


def _around(rows: Sequence[Known]) -> QuerySet[Finding]:
    """Return the findings that the past of these is made of."""
    first = min(min(row.occurred_at, row.created_at) for row in rows) - REPEATS_IN
    return Finding.objects.filter(Q(occurred_at__gte=first) | Q(ended_at__gte=first))


def _learn(model: PriorityModel, rows: list[Known], past: Past) -> None:
    rows.sort(key=lambda row: (row.created_at, row.pk))
    names = columns(sorted({row.rule for row in rows}))
    features = table(names, rows, past)
    outcomes = np.array([row.outcome == Outcome.CONFIRMED for row in rows])
    model.order = rightly_ordered(unseen_chances(names, features, outcomes), outcomes)
    sure = np.array([row.confidence if np.isfinite(row.confidence) else UNKNOWN for row in rows])
    model.plain_order = rightly_ordered(sure, outcomes)
    model.weights = fit(names, features, outcomes).as_json()
    model.usable = model.order is not None and model.plain_order is not None and model.order > model.plain_order
    model.note = (
        f"根据 {len(rows)} 条已认定的线索学习得出。" if model.usable
        else "学习得出的顺序不优于按可信度排序，暂按严重程度和可信度排序。"
    )  # fmt: skip


def latest() -> PriorityModel | None:
    """Return what was learned last."""
    return PriorityModel.objects.order_by("-trained_at", "-pk").first()


# --- scoring


def score_open(model: PriorityModel | None = None) -> int:
    """Bring the priorities of open findings in line with the model; return how many were written."""
    with system("supervision.priority").transaction():
        model = model or latest()
        if model is None:
            return 0
        stale = Q(score__isnull=True) | ~Q(score__model=model) | Q(score__scored_at__lt=F("updated_at"))
        keys = list(Finding.objects.filter(stale, state__in=OPEN).order_by("pk").values_list("pk", flat=True))
        for at in range(0, len(keys), BATCH):
            _score(model, known_of(Finding.objects.filter(pk__in=keys[at : at + BATCH]).order_by("pk")))
    return len(keys)


def _score(model: PriorityModel, rows: list[Known]) -> None:
    if not rows:
        return
    now = timezone.now()
    if model.usable:
        learnt, past = Fit.of_json(model.weights), Past(known_of(_around(rows)))
        features = table(learnt.names, rows, past)
        chances, parts = learnt.chances(features), learnt.parts(features)
        scores = [
            FindingScore(
                finding_id=row.pk, model=model, scored_at=now, chance=round(float(chance), 4),
                value=round(100.0 * WEIGHT[row.severity] / 3.0 * float(chance), 2),
                reasons=reasons(learnt.names, one, part, row, past),
            )
            for row, chance, one, part in zip(rows, chances, features, parts, strict=True)
        ]  # fmt: skip
    else:
        scores = [
            FindingScore(finding_id=row.pk, model=model, scored_at=now, value=round(plain(row), 2), reasons=[])
            for row in rows
        ]
    FindingScore.objects.bulk_create(
        scores, update_conflicts=True, unique_fields=["finding"],
        update_fields=["value", "chance", "reasons", "model", "scored_at"],
    )  # fmt: skip


def reasons(names: Sequence[str], one: Floats, part: Floats, row: Known, past: Past) -> list[dict[str, Any]]:
    """Return what speaks most for and against, in words: name, what is seen, and how much it adds to the log-odds."""
    text = {
        "confidence": f"{row.confidence:.0%}", "quality": f"{row.quality:.0%}", "margin": f"{row.margin:.1f} 倍",
        "repeats": f"{past.repeats(row)} 次", "organ": f"{past.organ(row):.0%}",
    }  # fmt: skip
    found = []
    for name, value, effect in zip(names, one.tolist(), part.tolist(), strict=True):
        if name.startswith("rule:"):
            if value:
                found.append({"name": "规则", "text": queries.rule_name(row.rule), "effect": round(effect, 2)})
        elif np.isfinite(value):
            found.append({"name": SIZES[name], "text": text[name], "effect": round(effect, 2)})
    found.sort(key=lambda each: -abs(each["effect"]))
    return [each for each in found[:5] if each["effect"]]


def refresh() -> str:
    """Learn and score: the nightly job."""
    model = train()
    return f"{model.note}评定 {score_open(model)} 条线索"


# --- reading


def ranked(actor: Actor, permission: str = VIEW) -> QuerySet[Finding]:
    """Return the findings in scope, every one, with ``priority``: as scored, or severity × confidence until it is."""
    weight = Case(*(When(severity=key, then=Value(100.0 * number / 3.0)) for key, number in WEIGHT.items()),
                  default=Value(100.0 / 3.0), output_field=FloatField())  # fmt: skip
    number = Case(
        When(evidence__confidence__gte=0, evidence__confidence__lte=1, then=Cast(KT("evidence__confidence"), FloatField())),
        default=Value(UNKNOWN), output_field=FloatField(),
    )  # fmt: skip
    return queries.findings(actor, permission).annotate(priority=Coalesce(F("score__value"), weight * number))


def models(actor: Actor) -> QuerySet[PriorityModel]:
    """Return what was learned, latest first."""
    return PriorityModel.objects.order_by("-trained_at", "-pk")


def shown_weights(model: PriorityModel) -> list[Mapping[str, Any]]:
    """Return the model's columns in words, the weightiest first."""
    listed = []
    for each in model.weights.get("columns", []):
        rule = each["name"].removeprefix("rule:")
        title = SIZES.get(each["name"]) or f"规则：{queries.rule_name(rule)}"
        listed.append({"title": title, "weight": each["weight"], "mean": each["mean"]})
    return sorted(listed, key=lambda each: -abs(each["weight"]))
