"""The public door of reference data: ask for a fact as of a date, cite it, adjust it locally."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from .codes import MANAGE, Evidence, Status
from .models import Fact, cited

__all__ = ["Fact", "UnknownFact", "adjust", "cite", "fact", "override", "sync", "topics", "value"]

DATA = Path(__file__).parent / "data"


class UnknownFact(KeyError):
    """No such fact, or none in force on the date. A programming error, or a year before the first edition."""


def fact(code: str, *, on: date | None = None) -> Fact:
    """Return the fact in force on the date (today); a local adjustment wins over what is shipped for the same day."""
    day = on or timezone.localdate()
    found = (
        Fact.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day), code=code, valid_from__lte=day)
        .order_by("-valid_from", "-local", "-pk")
        .first()
    )
    if found is None:
        raise UnknownFact(f"{code} on {day:%Y-%m-%d}")
    return found


def value(code: str, *, on: date | None = None) -> Any:
    """Return the value of a fact as of a date."""
    return fact(code, on=on).value


@lru_cache
def _files() -> tuple[dict[str, Any], ...]:
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.yaml")))


@lru_cache
def _shipped() -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = {}
    for whole in _files():
        for code, entry in whole["facts"].items():
            group = whole.get("groups", {}).get(code.split(".", 1)[0], "")
            source = whole["sources"][entry["source"]]
            facts[f"{whole['topic']}.{code}"] = {**entry, "topic": whole["topic"], "group": group, "source": source}
    return facts


def topics() -> dict[str, str]:
    """Return the topics of the shipped facts and their names."""
    return {whole["topic"]: whole["title"] for whole in _files()}


def cite(code: str) -> str:
    """Return a shipped fact's citation without asking the database, for declarations: 《…》第…条."""
    try:
        entry = _shipped()[code]
    except KeyError as error:
        raise UnknownFact(code) from error
    return cited(entry["source"]["title"], entry.get("clause", ""), entry.get("verified", False))


def _row(code: str, entry: dict[str, Any]) -> Fact:
    source = entry["source"]
    return Fact(
        code=code, topic=entry["topic"], group=entry["group"], name=entry["name"], value=entry.get("value"),
        unit=entry.get("unit", ""), bound=entry.get("bound", ""), source=source["title"],
        number=source.get("number", ""), issuer=source.get("issuer", ""), status=source.get("status", Status.RULE),
        clause=entry.get("clause", ""), verified=entry.get("verified", False),
        evidence=entry.get("evidence", Evidence.NONE), note=entry.get("note", ""),
        valid_from=entry.get("valid_from") or source.get("effective") or date(2000, 1, 1),
        valid_to=entry.get("valid_to"),
    )  # fmt: skip


SYNCED = (
    "topic", "group", "name", "value", "unit", "bound", "source", "number", "issuer", "status", "clause", "verified",
    "evidence", "note", "valid_to",
)  # fmt: skip


@transaction.atomic
def sync() -> int:
    """Bring the shipped facts in line with our files; local rows are left alone. Idempotent.

    Facts no longer shipped are removed; findings keep the citation they were raised with. Returns the rows changed.
    """
    have = {(row.code, row.valid_from): row for row in Fact.objects.filter(local=False)}
    fresh, changed = [], []
    for code, entry in _shipped().items():
        row = _row(code, entry)
        old = have.pop((code, row.valid_from), None)
        if old is None:
            fresh.append(row)
        elif any(getattr(old, name) != getattr(row, name) for name in SYNCED):
            row.pk, row.created_at = old.pk, old.created_at
            changed.append(row)
    Fact.objects.bulk_create(fresh)
    Fact.objects.bulk_update(changed, SYNCED)
    Fact.objects.filter(pk__in=[row.pk for row in have.values()]).delete()
    return len(fresh) + len(changed) + len(have)


def _fits(shown: Any, given: Any) -> str:
    """Return what is wrong with a new value in place of ``shown``, or ""."""
    if isinstance(shown, bool):
        return "" if isinstance(given, bool) else "取值须为是或否。"
    if isinstance(shown, (int, float)):
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            return "取值须为数字。"
        return "取值须在 0 至 1 万亿之间。" if not 0 <= given <= 1e12 else ""
    if type(shown) is not type(given):
        return "取值的形式须与原值一致。"
    return "" if given else "请填写取值。"


@transaction.atomic
def adjust(actor: Actor, shown: Fact, *, value: Any, valid_from: date, reason: str) -> Fact:
    """本地调整: set a value from a date on, with a reason. What we ship stays, and so does every earlier row.

    Raises ``Invalid`` for a value read in a rule, of another form, or without a reason, ``Conflict`` when the same
    value is in force on that date already.
    """
    actor.require(MANAGE, ROOT_POS)
    if not shown.adjustable:
        raise Invalid("该取值出自已核对的法规或标准，不能在本地调整。", code="verified_fact")
    if problem := _fits(shown.value, value):
        raise Invalid(problem, fields={"value": problem})
    if not reason.strip():
        raise Invalid("请填写调整事由。", fields={"reason": "请填写调整事由。"})
    earliest = Fact.objects.filter(code=shown.code, local=False).order_by("valid_from").first()
    if earliest is not None and valid_from < earliest.valid_from:
        message = f"生效日期不应早于 {earliest.valid_from:%Y-%m-%d}。"
        raise Invalid(message, fields={"valid_from": message})
    before = fact(shown.code, on=valid_from)
    if before.value == value:
        raise Conflict("该日期已按这一取值执行，无需调整。", code="same_value")
    row = Fact.objects.create(
        code=shown.code, topic=shown.topic, group=shown.group, name=shown.name, value=value, unit=shown.unit,
        bound=shown.bound, source=shown.source, number=shown.number, issuer=shown.issuer, status=shown.status,
        clause=shown.clause, verified=False, evidence=shown.evidence, note=shown.note, local=True,
        valid_from=valid_from, reason=reason.strip(), changed_by=actor.name,
    )  # fmt: skip
    old, new = {"value": before.value}, {"value": value, "valid_from": valid_from.isoformat()}
    trace.record(actor, "reference.fact.adjust", row, before=old, after=new, reason=reason)
    return row


def override(actor: Actor, code: str, value: Any, valid_from: date, reason: str) -> Fact:
    """本地调整 by code: the same as :func:`adjust` of the fact in force on ``valid_from``."""
    return adjust(actor, fact(code, on=valid_from), value=value, valid_from=valid_from, reason=reason)
