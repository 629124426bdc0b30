"""Importing costs and card statements: what is booked already is passed over, what is alike waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import CostKind, CostSource, EnergyKind
from ..models import CostDoubt, CostEntry, EnergyCard, EnergyRecord, StatementProfile
from . import costs

PROFILE = "vehicles.profile.manage"
COLUMNS = {
    "at": "交易时间", "card": "卡号", "plate": "车牌号", "product": "商品名称", "quantity": "数量", "amount": "金额",
    "station": "网点名称", "odometer": "里程表读数", "serial": "流水号",
}  # fmt: skip
"""What a statement may tell, and the heading of our own template."""
NEEDED = ("at", "quantity", "amount")


@dataclass
class Imported:
    """What became of an import: rows booked, passed over because they are booked already, and left for decision."""

    booked: int = 0
    known: int = 0
    doubtful: int = 0

    @property
    def text(self) -> str:
        return f"登记 {self.booked} 条，已登记过而跳过 {self.known} 条，疑似重复待判定 {self.doubtful} 条"


def import_costs(
    actor: Actor, rows: Iterable[Mapping[str, Any]], *, batch: str, progress: Callable[[int], None] | None = None
) -> Imported:
    """Book rows of either kind: those with ``quantity`` are energy. Values as :func:`costs.book` takes them.

    All or nothing; a row booked already is passed over, one like another becomes a :class:`CostDoubt`.
    """
    done = Imported()
    with transaction.atomic():
        for number, row in enumerate(rows, 1):
            try:
                with transaction.atomic():
                    _book(actor, {**row, "batch": batch})
                done.booked += 1
            except Conflict as refusal:
                if refusal.code == "booked_already":
                    done.known += 1
                elif refusal.code == "alike":
                    done.doubtful += _doubt(actor, {**row, "batch": batch}, done)
                else:
                    raise
            if progress is not None and number % 100 == 0:
                progress(number)
    return done


def _book(actor: Actor, row: Mapping[str, Any], *, sure: bool = False) -> CostEntry | EnergyRecord:
    if row.get("quantity") is not None:
        return costs.record_energy(actor, **row, sure=sure, strict=False)
    return costs.book(actor, **row, sure=sure)


def _like(row: Mapping[str, Any]) -> CostEntry | None:
    if row.get("quantity") is not None:
        return costs.find_alike_energy(row["vehicle"], row["at"], row["quantity"], row["amount_yuan"])
    return costs.find_alike(row["vehicle"], row["kind"], row["spent_on"], row["amount_yuan"], row.get("invoice_no", ""))


def _digest(row: Mapping[str, Any]) -> str:
    if row.get("quantity") is not None:
        return costs.energy_digest(row["vehicle"], row["at"], row["quantity"], row["amount_yuan"], row.get("card"))
    return costs.cost_digest(
        row["vehicle"], row["kind"], row["spent_on"], row["amount_yuan"], row.get("item", ""), row.get("invoice_no", "")
    )


def _doubt(actor: Actor, row: Mapping[str, Any], done: Imported) -> int:
    """Leave a row for decision; one that was decided or waits already is passed over."""
    digest = _digest(row)
    if CostDoubt.objects.filter(digest=digest).exists():
        done.known += 1
        return 0
    energy = row.get("quantity") is not None
    alike = _like(row)
    why = "同车、时间相近，数量或金额相同" if energy else "同车、同类、同金额，日期相近"
    ledger.create(
        CostDoubt, actor,
        {
            "unit": row["vehicle"].unit, "vehicle": row["vehicle"], "alike": alike, "why": why, "digest": digest,
            "kind": CostKind.ENERGY if energy else row["kind"], "amount_yuan": row["amount_yuan"],
            "spent_on": timezone.localdate(row["at"]) if energy else row["spent_on"], "batch": row.get("batch", ""),
            "values": {name: _stored(value) for name, value in row.items() if value is not None},
        },
        name="疑似重复",
    )  # fmt: skip
    return 1


def _stored(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return getattr(value, "pk", value)


def _restored(doubt: CostDoubt) -> dict[str, Any]:
    values = {**doubt.values, "vehicle": doubt.vehicle, "amount_yuan": Decimal(doubt.values["amount_yuan"])}
    if "quantity" in values:
        values |= {"quantity": Decimal(values["quantity"]), "at": datetime.fromisoformat(values["at"])}
        if "card" in values:
            values["card"] = EnergyCard.objects.get(pk=values["card"])
    else:
        values["spent_on"] = date.fromisoformat(values["spent_on"])
    return values


@transaction.atomic
def keep_doubt(actor: Actor, doubt: CostDoubt, *, reason: str) -> CostDoubt:
    """不是重复: the row is booked as it was imported."""
    actor.require(costs.MANAGE, doubt)
    doubt = ledger.move(doubt, "keep", actor, reason=reason)
    _book(actor, _restored(doubt), sure=True)
    return doubt


@transaction.atomic
def drop_doubt(actor: Actor, doubt: CostDoubt, *, reason: str = "") -> CostDoubt:
    """确属重复: the row is not booked."""
    actor.require(costs.MANAGE, doubt)
    return ledger.move(doubt, "drop", actor, reason=reason)


def import_statement(
    actor: Actor, rows: Iterable[Mapping[str, Any]], *, batch: str, progress: Callable[[int], None] | None = None
) -> Imported:
    """导入对账单: rows by the names of :data:`COLUMNS`, with ``kind``, ``vehicle`` and perhaps ``card`` found.

    A product that names electricity is charging, whatever the layout says.
    """
    actor.require(costs.MANAGE)

    def values(row: Mapping[str, Any]) -> dict[str, Any]:
        product = str(row.get("product") or "")
        charge = "电" in product or (not product and row["kind"] == EnergyKind.CHARGE)
        return {
            "vehicle": row["vehicle"], "at": row["at"], "kind": EnergyKind.CHARGE if charge else EnergyKind.FUEL,
            "quantity": row["quantity"], "amount_yuan": row["amount"], "card": row.get("card"),
            "station": (row.get("station") or "")[:80], "odometer_km": row.get("odometer"),
            "invoice_no": (row.get("serial") or "")[:40], "source": CostSource.STATEMENT, "note": product[:200],
        }  # fmt: skip

    return import_costs(actor, (values(row) for row in rows), batch=batch, progress=progress)


def _check_profile(columns: Mapping[str, str]) -> dict[str, str]:
    cleaned = {name: str(columns.get(name) or "").strip() for name in COLUMNS}
    cleaned = {name: heading for name, heading in cleaned.items() if heading}
    for name in NEEDED:
        if name not in cleaned:
            message = f"请填写“{COLUMNS[name]}”在对账单中的列名。"
            raise Invalid(message, fields={f"column_{name}": message})
    if "card" not in cleaned and "plate" not in cleaned:
        message = "“卡号”和“车牌号”至少要有一列，否则无法确定车辆。"
        raise Invalid(message, fields={"column_card": message})
    if len(set(cleaned.values())) < len(cleaned):
        raise Invalid("同一个列名不能对应两项内容。", code="heading_twice")
    return cleaned


@transaction.atomic
def add_profile(actor: Actor, *, name: str, company: str, kind: str, columns: Mapping[str, str]) -> StatementProfile:
    """登记对账单格式: how a company names its columns."""
    actor.require(PROFILE, ROOT_POS)
    values = {"name": name, "company": company, "kind": kind, "columns": _check_profile(columns)}
    try:
        with transaction.atomic():
            row = StatementProfile.objects.create(**values)
    except IntegrityError as error:
        raise Conflict("已有同名的对账单格式。", fields={"name": "已有同名的对账单格式。"}) from error
    trace.record(actor, "vehicles.statementprofile.add", row, after=values)
    return row


@transaction.atomic
def edit_profile(actor: Actor, profile: StatementProfile, *, active: bool = True, **values: Any) -> StatementProfile:
    """变更对账单格式."""
    actor.require(PROFILE, ROOT_POS)
    values = {**values, "columns": _check_profile(values["columns"]), "active": active}
    before = {name: getattr(profile, name) for name in values}
    try:
        with transaction.atomic():
            StatementProfile.objects.filter(pk=profile.pk).update(
                **values, version=profile.version + 1, updated_at=timezone.now()
            )
    except IntegrityError as error:
        raise Conflict("已有同名的对账单格式。", fields={"name": "已有同名的对账单格式。"}) from error
    trace.record(actor, "vehicles.statementprofile.edit", profile, before=before, after=values)
    profile.refresh_from_db()
    return profile
