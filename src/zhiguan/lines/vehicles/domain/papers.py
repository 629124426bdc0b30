"""Verbs of a vehicle's papers: insurance and its claims, inspections (年检). SPEC L4.1."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import CostKind, InsuranceKind
from ..models import Accident, Inspection, InsuranceClaim, InsurancePolicy, Vehicle
from ..queries import inspections
from . import costs, dues

MANAGE = "vehicles.vehicle.manage"


@transaction.atomic
def insure(actor: Actor, *, vehicle: Vehicle, reason: str = "", **values: Any) -> InsurancePolicy:
    """登记保单: a policy and its premium in the ledger of costs.

    Raises ``Conflict`` when the number is known, or a compulsory policy already covers one of the days.
    """
    actor.require(MANAGE, vehicle)
    if vehicle.state == "disposed":
        raise Conflict("该车已处置，不能登记保单。", code="disposed")
    if values["valid_to"] <= values["valid_from"]:
        raise Invalid("到期日期须晚于起保日期。", fields={"valid_to": "到期日期须晚于起保日期。"})
    Vehicle.objects.select_for_update(no_key=True).filter(pk=vehicle.pk).first()
    if values["kind"] == InsuranceKind.COMPULSORY:
        other = vehicle.policies.filter(
            kind=InsuranceKind.COMPULSORY, state="active", valid_from__lte=values["valid_to"],
            valid_to__gte=values["valid_from"],
        ).first()  # fmt: skip
        if other is not None:
            message = f"保险期间与交强险保单 {other.number}（{other.valid_from} 至 {other.valid_to}）重叠。"
            raise Conflict(message, code="overlap", fields={"valid_from": message})
    try:
        with transaction.atomic():
            policy = ledger.create(
                InsurancePolicy, actor, {**values, "unit": vehicle.unit, "vehicle": vehicle}, reason=reason
            )
    except IntegrityError as error:
        message = "该保险单号已经登记。"
        raise Conflict(message, code="policy_taken", fields={"number": message}) from error
    costs.derive(
        actor, policy, vehicle=vehicle, kind=CostKind.INSURANCE, spent_on=min(policy.valid_from, timezone.localdate()),
        amount_yuan=policy.premium_yuan, payee=policy.insurer, item=policy.get_kind_display(), invoice_no="",
    )  # fmt: skip
    dues.refresh_vehicles([vehicle.pk])
    return policy


@transaction.atomic
def cancel_policy(actor: Actor, policy: InsurancePolicy, *, reason: str) -> InsurancePolicy:
    """退保; its premium is voided."""
    actor.require(MANAGE, policy)
    policy = ledger.move(policy, "cancel", actor, reason=reason)
    costs.undo(actor, policy, reason=f"退保：{reason}")
    dues.refresh_vehicles([policy.vehicle_id])
    return policy


@transaction.atomic
def open_claim(actor: Actor, policy: InsurancePolicy, **values: Any) -> InsuranceClaim:
    """报案理赔 from a policy in force on the day, perhaps for an accident of its vehicle."""
    actor.require(MANAGE, policy)
    day: date = values["reported_on"]
    accident: Accident | None = values.get("accident")
    if policy.state != "active" or not policy.valid_from <= day <= policy.valid_to:
        message = "报案日期不在保险期间内，或保单已退保。"
        raise Invalid(message, fields={"reported_on": message})
    if accident is not None and accident.vehicle_id != policy.vehicle_id:
        raise Invalid("事故与保单不是同一辆车。", fields={"accident": "事故与保单不是同一辆车。"})
    if values["claimed_yuan"] <= 0:
        raise Invalid("索赔金额须大于零。", fields={"claimed_yuan": "索赔金额须大于零。"})
    return ledger.create(InsuranceClaim, actor, {**values, "unit": policy.unit, "policy": policy}, name="报案")


@transaction.atomic
def settle_claim(actor: Actor, claim: InsuranceClaim, *, paid_yuan: Decimal, paid_on: date) -> InsuranceClaim:
    """赔付: what the insurer paid, and when."""
    actor.require(MANAGE, claim)
    if paid_on < claim.reported_on or paid_on > timezone.localdate():
        message = "赔付日期须在报案日期与今天之间。"
        raise Invalid(message, fields={"paid_on": message})
    return ledger.move(claim, "settle", actor, paid_yuan=paid_yuan, paid_on=paid_on)


@transaction.atomic
def refuse_claim(actor: Actor, claim: InsuranceClaim, *, reason: str) -> InsuranceClaim:
    """拒赔, with the insurer's reason."""
    actor.require(MANAGE, claim)
    return ledger.move(claim, "refuse", actor, reason=reason, paid_yuan=Decimal(0))


@transaction.atomic
def record_inspection(actor: Actor, *, vehicle: Vehicle, **values: Any) -> Inspection:
    """登记检验: until when the mark is valid follows from the dated rule, unless it is given.

    Raises ``Invalid`` for a day before registration or after today.
    """
    actor.require(MANAGE, vehicle)
    day: date = values["inspected_on"]
    if day > timezone.localdate() or day < (vehicle.registered_on or vehicle.bought_on):
        message = "检验日期须在注册登记日期与今天之间。"
        raise Invalid(message, fields={"inspected_on": message})
    if vehicle.inspections.filter(inspected_on=day, state="booked").exists():
        raise Conflict("该车当天的检验已经登记。", code="inspected_already")
    if values.get("passed", True):
        values["valid_to"] = values.get("valid_to") or inspections.due_after(vehicle, day)
        if values["valid_to"] <= day:
            message = "检验有效期须晚于检验日期。"
            raise Invalid(message, fields={"valid_to": message})
    else:
        values["valid_to"] = None
    done = ledger.create(Inspection, actor, {**values, "unit": vehicle.unit, "vehicle": vehicle})
    costs.derive(
        actor, done, vehicle=vehicle, kind=CostKind.INSPECTION, spent_on=day, amount_yuan=done.fee_yuan,
        payee=done.station, item=done.get_kind_display(),
    )  # fmt: skip
    dues.refresh_vehicles([vehicle.pk])
    return done


@transaction.atomic
def void_inspection(actor: Actor, inspection: Inspection, *, reason: str) -> Inspection:
    """作废 an inspection that was entered wrongly; its fee is voided."""
    actor.require(MANAGE, inspection)
    inspection = ledger.move(inspection, "void", actor, reason=reason)
    costs.undo(actor, inspection, reason=f"检验记录作废：{reason}")
    dues.refresh_vehicles([inspection.vehicle_id])
    return inspection
