"""固定使用人: whose vehicle it is in practice, between two dates."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import Holding
from ..models import Vehicle, VehicleHolder

MANAGE = "vehicles.holder.manage"


def _check(
    vehicle: Vehicle, person: Person, holding: str, document_no: str, start: date, end: date | None, *, own: int | None = None
) -> None:
    """Refuse what cannot be: no approval for an assigned car, a second user of it, the same person twice at once."""
    if end is not None and end <= start:
        raise Invalid("终止日期应晚于起始日期。", fields={"valid_to": "终止日期应晚于起始日期。"})
    if holding == Holding.ASSIGNED and not document_no.strip():
        message = "按规定配备使用的车辆须填写批准文号。"
        raise Invalid(message, fields={"document_no": message})
    # Two clerks at once ask one after the other.
    Vehicle.objects.select_for_update(no_key=True).filter(pk=vehicle.pk).first()
    others = VehicleHolder.objects.filter(vehicle=vehicle, state="active").exclude(pk=own)
    others = others.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=start))
    if end is not None:
        others = others.filter(valid_from__lt=end)
    if others.filter(person=person).exists():
        message = "该人员在此期间已登记为本车的固定使用人。"
        raise Conflict(message, code="holder_present", fields={"person": message})
    if holding == Holding.ASSIGNED and others.filter(holding=Holding.ASSIGNED).exists():
        message = "本车在此期间已配备给其他人员使用，请先终止原登记。"
        raise Conflict(message, code="holder_overlap", fields={"holding": message})


@transaction.atomic
def add_holder(
    actor: Actor, *, vehicle: Vehicle, person: Person, holding: str, valid_from: date, valid_to: date | None = None,
    document_no: str = "",
) -> VehicleHolder:  # fmt: skip
    """登记固定使用人. From then on the vehicle is shown as moved or not moved only outside duty hours."""
    actor.require(MANAGE, vehicle)
    if vehicle.state == "disposed":
        raise Invalid("该车已处置。", fields={"vehicle": "该车已处置。"})
    _check(vehicle, person, holding, document_no, valid_from, valid_to)
    return ledger.create(
        VehicleHolder, actor,
        {"unit": vehicle.unit, "vehicle": vehicle, "person": person, "holding": holding, "valid_from": valid_from,
         "valid_to": valid_to, "document_no": document_no.strip()},
    )  # fmt: skip


@transaction.atomic
def edit_holder(actor: Actor, holder: VehicleHolder, *, version: int | None = None, **values: Any) -> VehicleHolder:
    """变更固定使用人: kind, approval and dates; another person is a new entry."""
    actor.require(MANAGE, holder)
    new = {name: values.get(name, getattr(holder, name)) for name in ("holding", "document_no", "valid_from", "valid_to")}
    if holder.state == "active":
        _check(
            holder.vehicle, holder.person, new["holding"], new["document_no"], new["valid_from"], new["valid_to"],
            own=holder.pk,
        )  # fmt: skip
    return ledger.change(holder, actor, new, version=version)


@transaction.atomic
def close_holder(actor: Actor, holder: VehicleHolder, *, reason: str) -> VehicleHolder:
    """终止: the person has the vehicle no longer, from today on; what was before stays protected."""
    actor.require(MANAGE, holder)
    today = timezone.localdate()
    ends = holder.valid_to if holder.valid_to is not None and holder.valid_to <= today else max(today, holder.valid_from)
    # A day must lie between the two dates: one that ends on its first day is not stored as beginning after it.
    values = {"valid_to": ends} if ends > holder.valid_from else {}
    return ledger.move(holder, "close", actor, reason=reason, **values)


@transaction.atomic
def reopen_holder(actor: Actor, holder: VehicleHolder) -> VehicleHolder:
    """恢复: the termination was a mistake; the person has the vehicle until further notice."""
    actor.require(MANAGE, holder)
    _check(
        holder.vehicle, holder.person, holder.holding, holder.document_no, holder.valid_from, None, own=holder.pk
    )
    return ledger.move(holder, "reopen", actor, valid_to=None)


def follow(actor: Actor, vehicle: Vehicle, *, reason: str = "") -> None:
    """Let the holders in force go with a vehicle to its new organ: whoever sees its tracks must see that it is protected."""
    actor.require(MANAGE if actor.can(MANAGE) else "vehicles.vehicle.manage", vehicle)
    for holder in VehicleHolder.objects.filter(vehicle=vehicle).exclude(unit=vehicle.unit):
        ledger.change(holder, actor, {"unit": vehicle.unit}, name="随车变更归属", reason=reason)
