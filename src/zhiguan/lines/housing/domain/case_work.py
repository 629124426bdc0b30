"""What G8 does in the ledgers: each person's allowance is computed anew, checked, and recorded when the case is granted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow.declare import CaseView, ItemWork, Problem
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal

from .. import queries
from ..codes import BY_MONTH, AllowanceKind
from ..models import AllowanceRecord, HousingRecord
from . import allowances
from .amounts import Decision, decide

PROPOSED = (AllowanceKind.MONTHLY, AllowanceKind.SHORTFALL)
"""Kinds put into a new application for whoever may have them; the others are applied for one by one."""
LIVE = ("approved", "paying", "suspended")


@dataclass(frozen=True)
class Row:
    """A row of the form with the person's record (None: there is none within the unit) and the decision on it."""

    number: int
    values: Mapping[str, Any]
    record: HousingRecord | None
    found: Decision | None


def _records(unit: Any) -> dict[int, HousingRecord]:
    rows = HousingRecord.objects.within(unit).filter(state="active").select_related("person__rank", "person__unit")
    return {row.person_id: row for row in rows}


def _day(values: Mapping[str, Any]) -> date:
    return date.fromisoformat(values["valid_from"]) if values.get("valid_from") else timezone.localdate()


def _judged(unit: Any, values: Mapping[str, Any]) -> list[Row]:
    """Every filled row with its decision, by the facts of the day: a handful of queries for a thousand rows."""
    rows = [(number, row) for number, row in enumerate(values.get("rows") or (), 1) if row.get("person") and row.get("kind")]
    day, records = _day(values), _records(unit)
    wanted = {row["person"] for _, row in rows}
    known = allowances.situations([record for person, record in records.items() if person in wanted], day)
    facts, judged = queries.facts_on(day), []
    for number, row in rows:
        record, found = records.get(row["person"]), None
        if record is not None:
            wage = Decimal(row["wage"]) if row.get("wage") else None
            person = replace(known[record.pk], wage=wage, former_grade=row.get("former_grade") or "")
            found = decide(row["kind"], person, day, facts)
        judged.append(Row(number, row, record, found))
    return judged


def _taken(people: Iterable[int]) -> set[tuple[int, str]]:
    """Who has which kind in force, or had one paid that is paid once only."""
    rows = AllowanceRecord.objects.filter(person_id__in=list(people))
    live = set(rows.filter(state__in=LIVE).values_list("person_id", "kind"))
    once = rows.filter(state="paid", kind__in=(AllowanceKind.LUMP, AllowanceKind.SHORTFALL))
    return live | set(once.values_list("person_id", "kind"))


def _prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    """Everybody of the unit who may have an allowance and has none yet, with its amount from today on."""
    today, records = timezone.localdate(), _records(unit)
    known, taken, facts = allowances.situations(records.values(), today), _taken(records), queries.facts_on(today)
    rows = []
    for person, record in records.items():
        for kind in PROPOSED:
            found = decide(kind, known[record.pk], today, facts)
            if found.eligible and (person, kind) not in taken:
                rows.append({"person": person, "kind": str(kind), "amount": str(found.amount)})
                break
    return {"valid_from": today.isoformat(), "rows": rows[:1000]}


def _check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """Each row: the unit's person, eligible by the facts of the day, the amount as computed, nothing in force, once."""
    judged, seen = _judged(unit, values), set()
    taken = _taken(row.values["person"] for row in judged)
    for row in judged:
        person, kind = row.values["person"], row.values["kind"]
        name, label = (row.record.person.name if row.record else "该人员"), AllowanceKind(kind).label
        if row.record is None or row.found is None:
            yield Problem("person", "该人员不在本单位，或者没有有效的住房档案。", "rows", row.number)
            continue
        if (person, kind) in seen:
            yield Problem("person", f"{name}的{label}重复填写。", "rows", row.number)
        seen.add((person, kind))
        if (person, kind) in taken:
            yield Problem("kind", f"{name}已有在执行或已发放的{label}。", "rows", row.number)
        if not row.found.eligible:
            yield Problem("kind", f"{name}不符合{label}条件：{'；'.join(row.found.reasons)}。", "rows", row.number)
        elif Decimal(row.values.get("amount") or 0) != row.found.amount:
            yield Problem("amount", f"{name}的{label}按规定测算为 {row.found.amount} 元，请更正。", "rows", row.number)


def _facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the decision table asks, by the records and facts of today."""
    judged = [row for row in _judged(unit, values) if row.found is not None]
    once = sum((row.found.amount for row in judged if row.values["kind"] not in BY_MONTH), Decimal(0))
    return {
        "once_reaches": once >= Decimal(str(reference.value("housing.rules.second_look_from"))),
        "unverified": any(row.found.unverified for row in judged),
        "spouse": any(row.record.spouse_benefited for row in judged if row.record is not None),
    }


def _effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Record each person's allowance under the notice's number."""
    records, day, links = _records(case.unit), _day(case.values), []
    for number, row in enumerate(case.values["rows"], 1):
        try:
            made = allowances.approve(
                actor, record=records[row["person"]], kind=row["kind"], valid_from=day,
                wage=Decimal(row["wage"]) if row.get("wage") else None, former_grade=row.get("former_grade") or "",
                document_no=case.document_no, reason=f"办件 {case.code}", case=case.code,
            )  # fmt: skip
        except Refusal as refusal:
            raise type(refusal)(f"第 {number} 行：{refusal.message}", code=refusal.code) from refusal
        links.append({"type": "housing.allowancerecord", "id": made.pk, "label": f"{made.person.name}{made.get_kind_display()}"})
    return {"text": f"核定住房补贴 {len(links)} 人次，自 {day:%Y-%m-%d} 起执行。", "links": links}


def _document(case: CaseView) -> Mapping[str, Any]:
    names = {person: record.person.name for person, record in _records(case.unit).items()}
    table = [
        [str(number), names.get(row["person"], ""), AllowanceKind(row["kind"]).label, f"{Decimal(row['amount']):,.2f}"]
        for number, row in enumerate(case.values["rows"], 1)
    ]
    return {
        "title": "住房补贴核定通知", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于住房补贴的申请（办件编号 {case.code}）收悉。经审查，核定住房补贴{len(table)}人次（见附表），"
            f"自{_day(case.values):%Y年%-m月%-d日}起执行。按月补贴的，所列为每月发放金额。",
            "请按核定的对象和金额发放；人员调动、退休、职务变动或者住房情况变化的，应当及时申报。",
        ],
        "basis": [f"《{reference.value('approvals.housing_allowance.legal_basis', unit=case.unit)}》"],
        "columns": ["序号", "姓名", "补贴种类", "金额（元）"], "table": table,
    }  # fmt: skip


ALLOWANCE_WORK = ItemWork(
    code="housing.housing_allowance", prefill=_prefill, check=_check, facts=_facts, effect=_effect, document=_document
)
