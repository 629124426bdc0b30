"""Verbs of the ledger of costs (车辆费用): book, void, energy, cards, doubtful duplicates. SPEC L4.5."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import CostKind, CostSource, EnergyKind
from ..models import CostEntry, EnergyCard, EnergyRecord, Vehicle
from . import dues

MANAGE = "vehicles.cost.manage"
FIELDS = ("payee", "item", "invoice_no", "driver", "note", "source", "batch")


def digest_of(*parts: Any) -> str:
    """Return the digest of a natural key: numbers, moments and texts are first written in one way each."""
    return hashlib.sha256("|".join(_plain(part) for part in parts).encode()).hexdigest()


def _plain(part: Any) -> str:
    if isinstance(part, models.Model):
        return str(part.pk)
    if isinstance(part, Decimal):
        return f"{part:.2f}"
    if isinstance(part, datetime):
        return str(int(part.timestamp()) // 60)
    return "" if part is None else str(part).strip()


def cost_digest(vehicle: Vehicle, kind: str, spent_on: date, amount_yuan: Decimal, item: str, invoice_no: str) -> str:
    """Return the digest under which one sum is booked once."""
    return digest_of("cost", vehicle, kind, spent_on, amount_yuan, item, invoice_no)


def energy_digest(
    vehicle: Vehicle, at: datetime, quantity: Decimal, amount_yuan: Decimal, card: EnergyCard | None
) -> str:
    """Return the digest under which fuel or electricity taken once is booked once: vehicle, minute, amounts, card."""
    return digest_of("energy", vehicle, at, quantity, amount_yuan, card)


def _check_sum(vehicle: Vehicle, day: date, amount_yuan: Decimal) -> None:
    if amount_yuan <= 0:
        raise Invalid("金额须大于零。", fields={"amount_yuan": "金额须大于零。"})
    if day > timezone.localdate():
        message = "发生日期不能晚于今天。"
        raise Invalid(message, fields={"spent_on": message, "at": message})
    if vehicle.disposed_on is not None and day > vehicle.disposed_on:
        message = f"{vehicle.plate} 已于 {vehicle.disposed_on:%Y-%m-%d} 处置，不能登记此后的费用。"
        raise Invalid(message, fields={"spent_on": message, "at": message})


def find_alike(vehicle: Vehicle, kind: str, spent_on: date, amount_yuan: Decimal, invoice_no: str) -> CostEntry | None:
    """Return a booked entry of the same kind and sum within some days, unless two invoices tell them apart."""
    days = timedelta(days=int(reference.value("vehicles.costs.alike_days")))
    near = CostEntry.objects.filter(
        vehicle=vehicle, kind=kind, amount_yuan=amount_yuan, spent_on__range=(spent_on - days, spent_on + days),
        state="booked", energy__isnull=True,
    )  # fmt: skip
    if invoice_no:
        near = near.filter(invoice_no__in=("", invoice_no))
    return near.order_by("pk").first()


def find_alike_energy(vehicle: Vehicle, at: datetime, quantity: Decimal, amount_yuan: Decimal) -> CostEntry | None:
    """Return the entry of an energy record within some minutes with the same quantity or sum."""
    span = timedelta(minutes=int(reference.value("vehicles.costs.alike_minutes")))
    near = CostEntry.objects.filter(
        models.Q(energy__quantity=quantity) | models.Q(energy__amount_yuan=amount_yuan), vehicle=vehicle,
        energy__at__range=(at - span, at + span), energy__voided_at__isnull=True,
    )  # fmt: skip
    return near.order_by("pk").first()


def _refuse_like(found: CostEntry | None, sure: bool) -> None:
    if found is not None and not sure:
        message = f"与已登记的费用相似：{found}。确认不是重复的，请勾选“确认不是重复登记”后再提交。"
        raise Conflict(message, code="alike", fields={"sure": message})


def _create(actor: Actor, name: str, values: Mapping[str, Any]) -> CostEntry:
    try:
        with transaction.atomic():
            return ledger.create(CostEntry, actor, values, name=name)
    except IntegrityError as error:
        raise Conflict("相同的费用已经登记，不能重复登记。", code="booked_already") from error


@transaction.atomic
def book(
    actor: Actor, *, vehicle: Vehicle, kind: str, spent_on: date, amount_yuan: Decimal, sure: bool = False, **more: Any
) -> CostEntry:
    """登记费用 of any kind but energy, which has quantities (:func:`record_energy`).

    ``more``: payee, item, invoice_no, driver, note, source, batch, file (an upload to attach). Raises ``Conflict`` for
    a sum booked already and, unless ``sure``, for one very like another.
    """
    actor.require(MANAGE, vehicle)
    _check_sum(vehicle, spent_on, amount_yuan)
    if kind == CostKind.ENERGY:
        message = "燃油电费请从“登记加油充电”办理，须填写数量。"
        raise Invalid(message, fields={"kind": message})
    values = {name: more[name] for name in FIELDS if more.get(name)}
    digest = cost_digest(vehicle, kind, spent_on, amount_yuan, values.get("item", ""), values.get("invoice_no", ""))
    if CostEntry.objects.filter(digest=digest).exists():
        raise Conflict("相同的费用已经登记，不能重复登记。", code="booked_already")
    _refuse_like(find_alike(vehicle, kind, spent_on, amount_yuan, values.get("invoice_no", "")), sure)
    entry = _create(actor, "登记", {
        **values, "unit": vehicle.unit, "vehicle": vehicle, "kind": kind, "spent_on": spent_on,
        "amount_yuan": amount_yuan, "digest": digest,
    })  # fmt: skip
    if more.get("file"):
        attach_file(actor, entry, file=more["file"])
    return entry


@transaction.atomic
def attach_file(actor: Actor, entry: CostEntry, *, file: Any) -> CostEntry:
    """上传票据: keep an invoice's picture or document with the entry."""
    actor.require(MANAGE, entry)
    stored = files.store(actor, "vehicles", file, file.name, unit=entry.unit, permission="vehicles.cost.view")
    files.attach(actor, stored, entry, role="invoice", permission="vehicles.cost.view")
    return entry


@transaction.atomic
def record_energy(
    actor: Actor, *, vehicle: Vehicle, at: datetime, kind: str, quantity: Decimal, amount_yuan: Decimal,
    sure: bool = False, strict: bool = True, **more: Any,
) -> EnergyRecord:  # fmt: skip
    """登记加油充电: the record with its quantities and its entry in the ledger of costs, in one act.

    ``more``: card, odometer_km, station, lat, lon, invoice_no, source, batch, note, file. ``strict`` asks that the
    odometer fits the readings before and after; what a card company reports is kept as it is.
    """
    actor.require(MANAGE, vehicle)
    _check_sum(vehicle, timezone.localdate(at), amount_yuan)
    if at > timezone.now() + timedelta(minutes=5):
        raise Invalid("加油充电时间不能晚于现在。", fields={"at": "加油充电时间不能晚于现在。"})
    if quantity <= 0:
        raise Invalid("数量须大于零。", fields={"quantity": "数量须大于零。"})
    card = more.get("card")
    if card is not None and (card.vehicle_id != vehicle.pk or card.kind != kind):
        message = "该卡没有绑定这辆车，或类别不符；一车一卡，不得混用。"
        raise Invalid(message, code="wrong_card", fields={"card": message})
    if strict and more.get("odometer_km"):
        _check_odometer(vehicle, at, more["odometer_km"])
    digest = energy_digest(vehicle, at, quantity, amount_yuan, card)
    if EnergyRecord.objects.filter(digest=digest).exists():
        raise Conflict("相同的加油充电记录已经登记，不能重复登记。", code="booked_already")
    _refuse_like(find_alike_energy(vehicle, at, quantity, amount_yuan), sure)
    names = ("card", "odometer_km", "station", "lat", "lon", "invoice_no", "source")
    record = EnergyRecord(
        unit=vehicle.unit, vehicle=vehicle, at=at, kind=kind, quantity=quantity, amount_yuan=amount_yuan, digest=digest,
        **{name: more[name] for name in names if more.get(name) is not None},
    )  # fmt: skip
    record.save(force_insert=True)
    unit = "升" if kind == EnergyKind.FUEL else "千瓦时"
    entry = _create(actor, "登记", {
        "unit": vehicle.unit, "vehicle": vehicle, "kind": CostKind.ENERGY, "spent_on": timezone.localdate(at),
        "amount_yuan": amount_yuan, "payee": more.get("station", ""), "invoice_no": more.get("invoice_no", ""),
        "item": f"{EnergyKind(kind).label} {quantity:f} {unit}", "energy": record, "source": record.source,
        "batch": more.get("batch", ""), "note": more.get("note", ""), "digest": digest,
    })  # fmt: skip
    if more.get("file"):
        attach_file(actor, entry, file=more["file"])
    return record


def _check_odometer(vehicle: Vehicle, at: datetime, reading: int) -> None:
    """An older record may be entered late, but no reading may run against those around it."""
    known = EnergyRecord.objects.filter(vehicle=vehicle, odometer_km__isnull=False, voided_at__isnull=True)
    before = known.filter(at__lte=at).order_by("-at").first()
    after = known.filter(at__gt=at).order_by("at").first()
    for row, wrong in ((before, "小于"), (after, "大于")):
        if row is None or (reading >= row.odometer_km if wrong == "小于" else reading <= row.odometer_km):
            continue
        moment = timezone.localtime(row.at)
        message = f"里程表读数不能{wrong} {moment:%Y-%m-%d %H:%M} 登记的 {row.odometer_km:,} 公里。"
        raise Invalid(message, code="odometer", fields={"odometer_km": message})


@transaction.atomic
def void_entry(actor: Actor, entry: CostEntry, *, reason: str) -> CostEntry:
    """冲销: the entry no longer counts, stays readable, and the right sum may be booked. Energy goes with its entry."""
    actor.require(MANAGE, entry)
    if entry.origin_id is not None:
        raise Conflict("该费用由业务办理产生，请在原事项中更正。", code="derived")
    return _void(actor, entry, reason)


def _void(actor: Actor, entry: CostEntry, reason: str) -> CostEntry:
    digest = hashlib.sha256(f"{entry.digest}|void|{entry.pk}".encode()).hexdigest()
    entry = ledger.move(entry, "void", actor, reason=reason, digest=digest)
    if entry.energy_id is not None:
        EnergyRecord.objects.filter(pk=entry.energy_id).update(voided_at=timezone.now(), digest=digest)
    return entry


@transaction.atomic
def derive(actor: Actor, origin: models.Model, *, vehicle: Vehicle, kind: str, spent_on: date, amount_yuan: Decimal,
           **more: Any) -> CostEntry | None:  # fmt: skip
    """Book the cost that follows from a policy, an inspection, a repair or an accident; nothing for a sum of zero.

    The verb that calls has asked its own permission over the vehicle; it is asked again here.
    """
    actor.require("vehicles.vehicle.manage", vehicle)
    if not amount_yuan:
        return None
    origin_type = origin._meta.label_lower
    return _create(actor, "业务办理登记", {
        **{name: more[name] for name in FIELDS if more.get(name)}, "unit": vehicle.unit, "vehicle": vehicle,
        "kind": kind, "spent_on": spent_on, "amount_yuan": amount_yuan, "source": CostSource.DERIVED,
        "origin_type": origin_type, "origin_id": origin.pk, "digest": digest_of("origin", origin_type, origin),
    })  # fmt: skip


@transaction.atomic
def undo(actor: Actor, origin: models.Model, *, reason: str) -> None:
    """Void what was booked because of ``origin``, which is no more."""
    entry = CostEntry.objects.filter(
        origin_type=origin._meta.label_lower, origin_id=origin.pk, state="booked"
    ).select_related("vehicle").first()  # fmt: skip
    if entry is not None:
        actor.require("vehicles.vehicle.manage", entry)
        _void(actor, entry, reason)


@transaction.atomic
def issue_card(actor: Actor, **values: Any) -> EnergyCard:
    """登记加油充电卡, bound to one vehicle; a vehicle has one card of a kind in use at a time."""
    vehicle: Vehicle = values["vehicle"]
    actor.require(MANAGE, vehicle)
    if vehicle.state == "disposed":
        raise Invalid("该车已处置，不能办卡。", fields={"vehicle": "该车已处置，不能办卡。"})
    if vehicle.cards.filter(kind=values["kind"], state="active").exists():
        message = "该车已有在用的同类卡，请先挂失或注销。"
        raise Conflict(message, code="card_present", fields={"vehicle": message})
    try:
        with transaction.atomic():
            card = ledger.create(EnergyCard, actor, {**values, "unit": vehicle.unit}, name="登记")
    except IntegrityError as error:
        raise Conflict("该卡号已经登记。", code="card_taken", fields={"number": "该卡号已经登记。"}) from error
    dues.refresh_vehicles([vehicle.pk])
    return card


@transaction.atomic
def suspend_card(actor: Actor, card: EnergyCard, *, reason: str) -> EnergyCard:
    """挂失."""
    actor.require(MANAGE, card)
    card = ledger.move(card, "suspend", actor, reason=reason)
    dues.refresh_vehicles([card.vehicle_id])
    return card


@transaction.atomic
def restore_card(actor: Actor, card: EnergyCard) -> EnergyCard:
    """解除挂失."""
    actor.require(MANAGE, card)
    card = ledger.move(card, "restore", actor)
    dues.refresh_vehicles([card.vehicle_id])
    return card


@transaction.atomic
def close_card(actor: Actor, card: EnergyCard, *, reason: str) -> EnergyCard:
    """注销; the records of the card stay."""
    actor.require(MANAGE, card)
    card = ledger.move(card, "close", actor, reason=reason)
    dues.refresh_vehicles([card.vehicle_id])
    return card
