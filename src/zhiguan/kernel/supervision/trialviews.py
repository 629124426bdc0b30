"""One rule's page with its thresholds, and how a preview is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import NotFound
from zhiguan.kit.pages import HistoryEntry

from . import queries, ruleviews
from .codes import TUNE, VIEW
from .models import ThresholdTrial
from .trials import tuning_of

WORDS = {"confirmed": "属实", "dismissed": "不属实", "open": "未办结", "withdrawn": "已撤回", "none": "未提出过线索"}


def trials(actor: Actor) -> QuerySet[ThresholdTrial]:
    """Return the trials in scope, latest first."""
    return ThresholdTrial.objects.visible_to(actor, VIEW)


def shown_value(trial: ThresholdTrial, value: Any) -> str:
    number = f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return f"{number} {trial.measure}".strip()


def days_text(trial: ThresholdTrial) -> str:
    return f"{trial.start_on:%Y-%m-%d} 至 {trial.end_on - timedelta(days=1):%Y-%m-%d}"


def history(trial: ThresholdTrial, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the trial's story, newest first."""
    for event in ledger.history(trial).order_by("-at", "-id"):
        yield HistoryEntry(event.at, event.name, event.actor_name, event.reason)


def view(request: HttpRequest, code: str) -> HttpResponse:
    """Answer one rule's page."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    row = next((each for each in ruleviews.rows(actor) if each.rule.code == code), None)
    if row is None:
        raise Http404
    request.zg_crumbs = [  # type: ignore[attr-defined]
        {"title": "监督规则", "url": reverse("supervision.rule")}, {"title": row.rule.name, "url": ""},
    ]  # fmt: skip
    mine = list(trials(actor).filter(rule=code).select_related("unit")[:10])
    for trial in mine:
        trial.words = f"{shown_value(trial, trial.before)} → {shown_value(trial, trial.value)}"
    runs = list(queries.runs(actor).filter(rule=code)[:5])
    values = {
        "row": row, "thresholds": thresholds(code, may=actor.can(TUNE)), "trials": mine, "runs": runs,
        "periods": {"months": "按月", "quarters": "按季"}.get(row.rule.periods.__name__, "按日"),
    }  # fmt: skip
    return render(request, "supervision/rule.html", values)


def thresholds(rule: str, *, may: bool) -> list[dict[str, Any]]:
    """Return the rule's tunable thresholds with their values, organs' own ones included."""
    try:
        tuning = tuning_of(rule)
    except NotFound:
        return []
    found = []
    for code in tuning.thresholds:
        fact = reference.fact(code)
        address = reverse("supervision.trial.create")
        found.append({
            "fact": fact, "own": reference.own_values(code),
            "url": f"{address}?{urlencode({'threshold': f'{rule}|{code}'})}" if may and fact.adjustable else "",
            "fact_url": reverse("reference.fact.detail", args=[fact.pk]),
        })  # fmt: skip
    return found


def context(trial: ThresholdTrial, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    """Return what ``supervision/trial_result.html`` is drawn with."""
    result = trial.result
    if not result:
        return {"result": None, "waiting": trial.state == "waiting", "problem": trial.problem}

    def share(part: Mapping[str, Any]) -> str:
        return "—" if part["precision"] is None else f"{part['precision'] * 100:.1f}%"

    lines = [
        {"title": title, "before": result["before"][name], "after": result["after"][name],
         "gone": result["gone"][name], "new": result["new"][name]}
        for name, title in (("total", "命中合计"), *((key, WORDS[key]) for key in WORDS))
    ]  # fmt: skip
    lists = [
        {"title": title, "empty": empty, "total": result[name]["total"], "rows": [_row(each) for each in result[name]["rows"]]}
        for name, title, empty in (
            ("gone", "将不再提出的线索", "没有线索因此消失。"), ("new", "将新提出的线索", "没有线索因此增加。"))
    ]  # fmt: skip
    risk = result["gone"]["confirmed"]
    return {
        "result": result, "lines": lines, "lists": lists, "precision_before": share(result["before"]),
        "precision_after": share(result["after"]),
        "decided": any(result[name]["precision"] is not None for name in ("before", "after")),
        "risk": risk, "saved": result["gone"]["dismissed"],
    }  # fmt: skip


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    tone = {"confirmed": "danger", "dismissed": "success"}.get(each["outcome"], "")
    url = reverse("supervision.finding.detail", args=[each["finding"]]) if each.get("finding") else ""
    return {**each, "word": WORDS[each["outcome"]], "tone": tone, "url": url}


def rule_name(trial: ThresholdTrial) -> str:
    return queries.rule_name(trial.rule)
