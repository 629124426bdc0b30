"""The public door of reference data: ask for a fact as of a date, cite it, adjust it locally."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid

from .models import Fact

DATA = Path(__file__).parent / "data"


class UnknownFact(KeyError):
    """No such fact, or none in force on the date. A programming error, or a year before the first edition."""


def fact(code: str, *, on: date | None = None) -> Fact:
    """Return the fact in force on the date (today); a local adjustment wins over what is shipped for the same day."""
    found = (
        Fact.objects.filter(code=code, valid_from__lte=on or timezone.localdate())
        .order_by("-valid_from", "-local", "-pk")
        .first()
    )
    if found is None:
        raise UnknownFact(code)
    return found


def value(code: str, *, on: date | None = None) -> Any:
    """Return the value of a fact as of a date."""
    return fact(code, on=on).value


@lru_cache
def _shipped() -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = {}
    for path in sorted(DATA.glob("*.yaml")):
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
        for code, entry in whole["facts"].items():
            source = whole["sources"][entry["source"]]
            facts[f"{whole['topic']}.{code}"] = {**entry, "topic": whole["topic"], "source": source}
    return facts


def cite(code: str) -> str:
    """Return a shipped fact's citation without asking the database, for declarations: 《…》第…条."""
    entry = _shipped()[code]
    title = f"《{entry['source']['title']}》{entry.get('clause', '')}"
    return title if entry.get("verified") else f"{title}（未核对原文，可配置）"


@transaction.atomic
def sync() -> int:
    """Enter the shipped facts that are not there yet; return how many were new."""
    known = set(Fact.objects.filter(local=False).values_list("code", "valid_from"))
    fresh = []
    for code, entry in _shipped().items():
        source = entry["source"]
        day = entry.get("valid_from") or source.get("effective") or date(2000, 1, 1)
        if (code, day) in known:
            continue
        fresh.append(
            Fact(
                code=code, topic=entry["topic"], name=entry["name"], value=entry.get("value"),
                unit=entry.get("unit", ""), source=source["title"], number=source.get("number", ""),
                clause=entry.get("clause", ""), verified=entry.get("verified", False), note=entry.get("note", ""),
                valid_from=day,
            )
        )  # fmt: skip
    Fact.objects.bulk_create(fresh)
    return len(fresh)


@transaction.atomic
def adjust(actor: Actor, shown: Fact, *, value: Any, valid_from: date, reason: str) -> Fact:
    """本地调整: set a value from a date on, with a reason. What we ship stays, and so does every earlier row."""
    actor.require("reference.fact.manage")
    if shown.verified:
        raise Invalid("该取值出自已核对的法规或标准，不能在本地调整。", code="verified_fact")
    if isinstance(shown.value, (int, float)) and not isinstance(value, (int, float)):
        raise Invalid("取值须为数字。", fields={"value": "取值须为数字。"})
    if not reason.strip():
        raise Invalid("请填写调整事由。", fields={"reason": "请填写调整事由。"})
    before = shown.value
    row = Fact.objects.create(
        code=shown.code, topic=shown.topic, name=shown.name, value=value, unit=shown.unit, source=shown.source,
        number=shown.number, clause=shown.clause, verified=False, note=shown.note, local=True, valid_from=valid_from,
        reason=reason, changed_by=actor.name,
    )  # fmt: skip
    trace.record(actor, "reference.fact.adjust", row, before={"value": before}, after={"value": value}, reason=reason)
    return row
