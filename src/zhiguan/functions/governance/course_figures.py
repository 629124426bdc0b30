"""Figures of the course of cases for supervisors: where they stand, how long organs and steps take. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import connection
from django.db.models import Aggregate, Avg, Count, DurationField, ExpressionWrapper, F, Max, Q
from django.utils import timezone

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.declare import SUPERVISE
from zhiguan.kernel.flow.lifecycle import OPEN
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.flow.service import Card, Step
from zhiguan.kit.actor import Actor

from . import queries

PERIODS = {"30": "近 30 天", "90": "近 90 天", "365": "近一年"}
TOP = 20


LARGE, KEPT_S, KEPT = 20_000, 300.0, 200
"""From so many cases on figures are kept for so long, so many answers."""
_kept: dict[tuple[Any, ...], tuple[float, Any]] = {}


class Middle(Aggregate):
    """The median, worked out by the database."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def kept(count: Callable[..., Any], actor: Actor, *more: str) -> Any:
    """Return what ``count`` says for the actor; at full size, an answer up to five minutes old.

    Those who see the same cases share it: the key is what one may supervise.
    """
    remit = [actor.scope(f"{area}.case.{SUPERVISE}").ranges for area in flow.areas()]
    key = (count.__name__, more, actor.system, repr(remit))
    at, answer = _kept.get(key, (0.0, None))
    if answer is not None and monotonic() - at < KEPT_S:
        return answer
    answer = count(actor, *more)
    if _large():
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[key] = (monotonic(), answer)
    return answer


def _large() -> bool:
    """Tell whether there are many cases, by the database's own estimate: counting them is what takes long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'flow_case'::regclass")
        return cursor.fetchone()[0] >= LARGE


def since(period: str) -> datetime:
    return timezone.now() - timedelta(days=int(period))


def heat(actor: Actor) -> dict[str, Any]:
    """Return items × stages with the number of open steps, and how many of them have a yellow or red card."""
    mine = flow.supervised(actor).filter(state__in=OPEN)
    rows = (
        Step.objects.filter(state="open", case__in=mine).order_by().values_list("case__item", "stage")
        .annotate(n=Count("pk"), red=Count("pk", filter=Q(cards__rung="red")), yellow=Count("pk", filter=Q(cards__rung="yellow")))
    )  # fmt: skip
    cells: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for item, stage, count, red, yellow in rows:
        cells[item][stage] = {"count": count, "red": red, "yellow": yellow}
    waiting = dict(
        mine.filter(state__in=("correcting", "returned", "suspended"))
        .order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    stages = [code for code in STAGES if any(code in row for row in cells.values())]
    most = max((cell["count"] for row in cells.values() for cell in row.values()), default=0)
    table = [
        {"item": item, "name": queries.item_name(item), "total": sum(cell["count"] for cell in row.values()),
         "cells": [{"stage": stage, **row.get(stage, {"count": 0, "red": 0, "yellow": 0}),
                    "level": _level(row.get(stage, {}).get("count", 0), most)} for stage in stages]}
        for item, row in sorted(cells.items(), key=lambda pair: -sum(cell["count"] for cell in pair[1].values()))
    ]  # fmt: skip
    return {"stages": [(stage, STAGES[stage]) for stage in stages], "rows": table, "waiting": waiting,
            "stuck": mine.filter(stuck=True).count(), "open": mine.count()}  # fmt: skip


def _level(count: int, most: int) -> int:
    """Shade of a cell, 0 to 5."""
    return 0 if not count or not most else 1 + min(4, int(4 * count / most))


def organs(actor: Actor, period: str) -> list[dict[str, Any]]:
    """Return the league of applying organs over a period: cases ended, granted, days from acceptance, cards, corrections."""
    took = ExpressionWrapper(F("ended_at") - F("accepted_at"), output_field=DurationField())
    mine = flow.supervised(actor).filter(ended_at__gte=since(period))
    rows = mine.order_by().values("unit_id", "unit__name").annotate(
        n=Count("pk", distinct=True), granted=Count("pk", filter=Q(state="granted"), distinct=True),
        refused=Count("pk", filter=Q(state="refused"), distinct=True), took=Avg(took, filter=Q(accepted_at__isnull=False)),
        rounds=Avg("rounds"),
    )  # fmt: skip
    red = dict(
        Card.objects.filter(case__in=mine, rung="red", step__isnull=True)
        .order_by()
        .values_list("case__unit")
        .annotate(n=Count("pk"))
    )
    found = [
        {**row, "days": row["took"].total_seconds() / 86400 if row["took"] is not None else None,
         "late": red.get(row["unit_id"], 0)} for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: (-row["late"], -(row["days"] or 0)))[:TOP]


def steps(actor: Actor, period: str) -> list[dict[str, Any]]:
    """Return the league of steps over a period: how often, how long in the middle and at worst, cards, returns."""
    mine = Step.objects.filter(
        case__in=flow.supervised(actor), closed_at__gte=since(period), state__in=("done", "undone")
    )
    took = ExpressionWrapper(F("closed_at") - F("opened_at"), output_field=DurationField())
    rows = mine.order_by().values("case__item", "name").annotate(
        n=Count("pk"), undone=Count("pk", filter=Q(state="undone")), middle=Middle(took), worst=Max(took),
    )  # fmt: skip
    red = dict(
        ((item, name), count)
        for item, name, count in Card.objects.filter(step__in=mine, rung="red").order_by()
        .values_list("case__item", "step__name").annotate(n=Count("pk"))
    )  # fmt: skip
    found = [
        {"item": queries.item_name(row["case__item"]), "code": row["case__item"], "name": row["name"], "count": row["n"],
         "middle": row["middle"].total_seconds() / 3600, "worst": row["worst"].total_seconds() / 3600,
         "late": red.get((row["case__item"], row["name"]), 0), "undone": row["undone"]} for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: -row["middle"])[:TOP]


def figures(actor: Actor, period: str) -> dict[str, Any]:
    """Return the counts over a period: ended, on time, cards, corrections, returns."""
    ended = flow.supervised(actor).filter(ended_at__gte=since(period))
    late = ended.filter(cards__rung="red", cards__step__isnull=True).distinct().count()
    count = ended.count()
    return {
        "submitted": flow.supervised(actor).filter(submitted_at__gte=since(period)).count(), "ended": count,
        "granted": ended.filter(state="granted").count(), "late": late,
        "on_time": round(100 * (count - late) / count) if count else None,
        "corrections": ended.filter(corrections__isnull=False).distinct().count(),
        "yellow": Card.objects.filter(case__in=flow.supervised(actor), raised_at__gte=since(period), rung="yellow").count(),
        "red": Card.objects.filter(case__in=flow.supervised(actor), raised_at__gte=since(period), rung="red").count(),
    }  # fmt: skip
