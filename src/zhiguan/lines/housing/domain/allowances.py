"""Verbs of allowances: decide by the facts of the day, note what is paid, end, revoke."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from .. import queries
from ..codes import BY_MONTH
from ..models import AllowanceRecord, HousingRecord
from .amounts import Decision, Situation, decide, decide_all


def situations(records: Iterable[HousingRecord], day: date) -> dict[int, Situation]:
    """Return record → what is known of the person on the day, as the computation wants it; two queries for any number."""
    records = list(records)
    grades, benefits = queries.grades_on([record.person for record in records], day), queries.benefit_kinds(records)
    return {
        record.pk: Situation(
            grade=grades.get(record.person_id, ""), employed_on=record.employed_on, housing=record.housing,
            area=record.area_m2, fund_years=record.fund_years, benefits=benefits.get(record.pk, frozenset()),
            spouse_benefited=record.spouse_benefited, spouse_area=record.spouse_area_m2, wage_1998=record.wage_1998_yuan,
        )
        for record in records
    }  # fmt: skip


def situation(record: HousingRecord, day: date, *, wage: Decimal | None = None, former_grade: str = "") -> Situation:
    """Return what is known of one person on the day; wage and former grade are told by whoever asks."""
    return replace(situations([record], day)[record.pk], wage=wage, former_grade=former_grade)


def measured(record: HousingRecord, kind: str, day: date, **more: Any) -> Decision:
    """Return the decision on one kind by the facts of the day."""
    return decide(kind, situation(record, day, **more), day, queries.facts_on(day))


def measured_all(record: HousingRecord, day: date | None = None) -> list[Decision]:
    """Return the decision on every kind as of the day (today)."""
    on = day or timezone.localdate()
    return decide_all(situation(record, on), on, queries.facts_on(on))


@transaction.atomic
def approve(
    actor: Actor, *, record: HousingRecord, kind: str, valid_from: date, wage: Decimal | None = None,
    former_grade: str = "", document_no: str = "", reason: str = "", case: str = "",
) -> AllowanceRecord:  # fmt: skip
    """核定住房补贴 from a day on. Raises ``Invalid`` with the reasons when the person may not have it, ``Conflict`` while one
    of the kind is in force, or when a kind paid once was decided before."""
    actor.require("housing.allowance.manage", record)
    if record.state != "active":
        raise Conflict("住房档案已封存，不能核定补贴。", code="record_closed")
    found = measured(record, kind, valid_from, wage=wage, former_grade=former_grade)
    if not found.eligible:
        message = f"不符合条件：{'；'.join(found.reasons)}。"
        raise Invalid(message, code="not_eligible", fields={"kind": message})
    if kind not in BY_MONTH and kind != "promotion" and record.allowances.filter(kind=kind, state="paid").exists():
        raise Conflict("该人员已发放过此项一次性补贴。", code="paid_before", fields={"kind": "已发放过此项一次性补贴。"})
    values = {
        "record": record, "person_id": record.person_id, "unit": record.unit, "kind": kind,
        "grade": queries.grade_on(record.person, valid_from), "amount_yuan": found.amount, "valid_from": valid_from,
        "working": [line.as_json() for line in found.lines], "document_no": document_no, "case_no": case,
    }  # fmt: skip
    try:
        with transaction.atomic():
            return ledger.create(AllowanceRecord, actor, values, name="核定", reason=reason, case=case)
    except IntegrityError as error:
        message = "该人员已有在执行的同类补贴，请先终止。"
        raise Conflict(message, code="allowance_present", fields={"kind": message}) from error


def start(actor: Actor, allowance: AllowanceRecord) -> AllowanceRecord:
    """开始发放 of an allowance paid by month."""
    actor.require("housing.allowance.pay", allowance)
    if not allowance.by_month:
        raise Conflict("一次性补贴请办理“一次发放”。", code="paid_once")
    return ledger.move(allowance, "start", actor)


def pay(actor: Actor, allowance: AllowanceRecord, *, paid_on: date) -> AllowanceRecord:
    """一次发放 of an allowance paid once."""
    actor.require("housing.allowance.pay", allowance)
    if allowance.by_month:
        raise Conflict("按月补贴请办理“开始发放”。", code="paid_by_month")
    if not allowance.valid_from <= paid_on <= timezone.localdate():
        message = "发放日期应在起始日期之后，且不晚于今天。"
        raise Invalid(message, fields={"paid_on": message})
    return ledger.move(allowance, "pay", actor, valid_to=paid_on)


def suspend(actor: Actor, allowance: AllowanceRecord, *, reason: str) -> AllowanceRecord:
    """暂停发放."""
    actor.require("housing.allowance.pay", allowance)
    return ledger.move(allowance, "suspend", actor, reason=reason)


def resume(actor: Actor, allowance: AllowanceRecord, *, reason: str) -> AllowanceRecord:
    """恢复发放."""
    actor.require("housing.allowance.pay", allowance)
    return ledger.move(allowance, "resume", actor, reason=reason)


def end(actor: Actor, allowance: AllowanceRecord, *, valid_to: date, reason: str) -> AllowanceRecord:
    """终止, from a day on: transfer, retirement, housing bought."""
    actor.require("housing.allowance.manage", allowance)
    if valid_to < allowance.valid_from:
        message = "终止日期不能早于起始日期。"
        raise Invalid(message, fields={"valid_to": message})
    return ledger.move(allowance, "end", actor, reason=reason, valid_to=valid_to)


def revoke(actor: Actor, allowance: AllowanceRecord, *, reason: str) -> AllowanceRecord:
    """撤销核定, before anything was paid."""
    actor.require("housing.allowance.manage", allowance)
    return ledger.move(allowance, "revoke", actor, reason=reason)
