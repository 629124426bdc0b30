"""Verbs of housing records and of what was enjoyed before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from .. import queries
from ..models import HousingBenefit, HousingRecord

SENSITIVE = ("address", "wage_1998_yuan")
CHECKED = (
    "housing", "area_m2", "employed_on", "bought_on", "declared_on", "spouse_benefited", "spouse_area_m2",
)  # fmt: skip


def check_record(values: dict[str, Any]) -> None:
    """Raise ``Invalid`` for a declaration that cannot be: a field's fault at its field."""
    today, faults = timezone.localdate(), {}
    area = values.get("area_m2") or 0
    if values.get("housing") == "none" and area:
        faults["area_m2"] = "无房的，现住房建筑面积应为 0。"
    if values.get("housing") not in (None, "none") and not area:
        faults["area_m2"] = "请填写现住房建筑面积。"
    for name in ("employed_on", "bought_on", "declared_on"):
        if values.get(name) is not None and values[name] > today:
            faults[name] = "日期不能晚于今天。"
    if values.get("spouse_area_m2") and not values.get("spouse_benefited"):
        faults["spouse_benefited"] = "已填写配偶享受政策的住房面积，请勾选此项。"
    if faults:
        raise Invalid(next(iter(faults.values())), fields=faults)


def taken_persons(persons: Iterable[int]) -> set[int]:
    """Return which of the persons have a record already, whoever may see it."""
    with system("housing.records").acting():
        return set(HousingRecord.objects.filter(person_id__in=list(persons)).values_list("person_id", flat=True))


@transaction.atomic
def register(actor: Actor, *, person: Person, reason: str = "", **values: Any) -> HousingRecord:
    """登记住房档案 of a person. ``Conflict`` when there is one."""
    actor.require("housing.record.manage", person)
    check_record(values)
    try:
        with transaction.atomic():
            return ledger.create(HousingRecord, actor, {**values, "person": person, "unit": person.unit}, reason=reason)
    except IntegrityError as error:
        message = "该人员已有住房档案。"
        raise Conflict(message, code="record_present", fields={"person": message}) from error


@transaction.atomic
def edit(
    actor: Actor, record: HousingRecord, *, version: int | None = None, reason: str = "", **values: Any
) -> HousingRecord:
    """变更住房档案. The unit follows the person's. What the actor may not read stays as it is when nothing is given for it."""
    actor.require("housing.record.manage", record)
    values.pop("person", None)
    if not queries.reveals(actor, record):
        values = {name: value for name, value in values.items() if name not in SENSITIVE or value not in ("", None)}
    check_record({name: getattr(record, name) for name in CHECKED} | values)
    return ledger.change(record, actor, {**values, "unit": record.person.unit}, version=version, reason=reason)


def close(actor: Actor, record: HousingRecord, *, reason: str) -> HousingRecord:
    """封存住房档案, of people who left."""
    actor.require("housing.record.manage", record)
    return ledger.move(record, "close", actor, reason=reason)


def reopen(actor: Actor, record: HousingRecord, *, reason: str) -> HousingRecord:
    """恢复住房档案."""
    actor.require("housing.record.manage", record)
    return ledger.move(record, "reopen", actor, reason=reason)


@transaction.atomic
def add_benefit(actor: Actor, record: HousingRecord, *, reason: str = "", **values: Any) -> HousingBenefit:
    """登记已享受政策."""
    actor.require("housing.record.manage", record)
    if values["enjoyed_on"] > timezone.localdate():
        raise Invalid("享受日期不能晚于今天。", fields={"enjoyed_on": "享受日期不能晚于今天。"})
    values |= {"record": record, "person_id": record.person_id, "unit": record.unit}
    return ledger.create(HousingBenefit, actor, values, reason=reason)


def void(actor: Actor, benefit: HousingBenefit, *, reason: str) -> HousingBenefit:
    """作废 of one that was entered by mistake."""
    actor.require("housing.record.manage", benefit)
    return ledger.move(benefit, "void", actor, reason=reason)


def may_reveal(actor: Actor, record: HousingRecord) -> list[tuple[str, str]]:
    """Return the record's address and wage for the reader, in full to those who may; every reading is noted."""
    shown = queries.reveals(actor, record) and (actor.can("housing.record.reveal") or actor.can("housing.record.view"))
    trace.record_read(actor, "housing.record.reveal", record, SENSITIVE if shown else ())
    return queries.sensitive(record, shown=shown)
