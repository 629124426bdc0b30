"""Verbs of plans to buy and renew (配备更新计划) and of disposal (处置). SPEC L4.1."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.notices import service as notices
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..models import Disposal, PurchasePlan, Vehicle
from ..queries.renewal import renewal_clause, renewal_on
from . import register, standards
from .numbering import next_number

VIEW, MANAGE, APPROVE = "vehicles.plan.view", "vehicles.plan.manage", "vehicles.plan.approve"


def _standard(plan: PurchasePlan, price: Decimal) -> list[standards.Check]:
    return standards.check_standard(
        kind=plan.kind, body=plan.body, energy=plan.energy, price_yuan=price, displacement_l=plan.displacement_l,
        special_need=plan.special_need,
    )  # fmt: skip


def _refuse_over(checks: list[standards.Check], field: str) -> str:
    """Refuse a plan beyond a rule; return the checks in words."""
    over = [check for check in checks if check.ok is False and check.refuses]
    if over:
        text = "；".join(check.text for check in over)
        raise Invalid(f"超出配备标准：{text}。", code="over_standard", fields={field: text})
    return "；".join(check.text for check in checks)[:500]


def _own_decision(actor: Actor, submitted_by: int | None) -> None:
    # The flow of a case acts for the one who decided; that they are somebody else was seen to by its steps.
    if not actor.system and actor.account_id is not None and actor.account_id == submitted_by:
        raise Denied("不能审批本人提交的事项，请由其他审批人办理。", code="own_request")


def _tell(row: LedgerRecord, submitted_by: int | None, page: str, title: str, body: str) -> None:
    if submitted_by is not None:
        notices.notify(
            [submitted_by], "vehicles.plan.decide", title, body, reverse(page, args=[row.pk]), subject=row,
            dedupe_key=f"{row._meta.label_lower}/{row.pk}/{row.version}",
        )  # fmt: skip


def _check_replaced(values: dict[str, Any]) -> None:
    old = values.get("replaces")
    if old is None:
        return
    if old.state == "disposed":
        raise Invalid("拟更新的车辆已经处置。", fields={"replaces": "该车已处置。"})
    if old.kind != values["kind"] or old.unit_id != values["unit"].pk:
        message = "更新车辆须与计划的单位、车辆种类一致。"
        raise Invalid(message, fields={"replaces": message})
    due = renewal_on(old)
    if due > timezone.localdate():
        clause = renewal_clause()
        message = (
            f"{old.plate} 使用年限到 {due:%Y-%m-%d} 才可申请更新（{clause}）；因安全等原因提前更新的，请先办理处置。"
        )
        raise Invalid(message, code="too_young", fields={"replaces": message})


@transaction.atomic
def draft_plan(actor: Actor, **values: Any) -> PurchasePlan:
    """编制计划: draw up the plan of one vehicle; a vehicle to be replaced must be of the same organ and kind, and old
    enough."""
    actor.require(MANAGE, values["unit"])
    _check_replaced(values)
    values["code"] = next_number("PB", PurchasePlan)
    return ledger.create(PurchasePlan, actor, values, name="编制计划")


@transaction.atomic
def edit_plan(actor: Actor, plan: PurchasePlan, *, version: int | None = None, **values: Any) -> PurchasePlan:
    """修改计划, while it is a draft."""
    actor.require(MANAGE, plan)
    if values.get("unit") is not None:
        actor.require(MANAGE, values["unit"])
    if plan.state != "draft":
        raise Conflict("计划已提交，不能再修改。", code="state_changed")
    _check_replaced({"unit": plan.unit, "kind": plan.kind, **values})
    return ledger.change(plan, actor, values, version=version)


@transaction.atomic
def submit_plan(actor: Actor, plan: PurchasePlan) -> PurchasePlan:
    """提交: checked against standard and establishment; refused with the clause when beyond a rule."""
    actor.require(MANAGE, plan)
    standard = _refuse_over(_standard(plan, plan.budget_yuan), "budget_yuan")
    quota = standards.require_quota(plan.unit, plan.kind, replaces=plan.replaces, besides=plan)
    return ledger.move(
        plan, "submit", actor, quota_check=quota.text[:500], standard_check=standard, submitted_by_id=actor.account_id
    )


@transaction.atomic
def approve_plan(actor: Actor, plan: PurchasePlan, *, document_no: str = "", reason: str = "") -> PurchasePlan:
    """批准: establishment is asked again, under a lock, so that two plans do not take one place. Not one's own plan."""
    actor.require(APPROVE, plan)
    _own_decision(actor, plan.submitted_by_id)
    standards.lock_quota(plan.kind)
    quota = standards.require_quota(plan.unit, plan.kind, replaces=plan.replaces, besides=plan)
    plan = ledger.move(
        plan, "approve", actor, reason=reason, document_no=document_no, approved_by=actor.name,
        quota_check=quota.text[:500],
    )  # fmt: skip
    _tell(plan, plan.submitted_by_id, "vehicles.plan.detail", f"配备更新计划 {plan.code} 已批准", reason)
    return plan


@transaction.atomic
def refuse_plan(actor: Actor, plan: PurchasePlan, *, reason: str) -> PurchasePlan:
    """不批准."""
    actor.require(APPROVE, plan)
    _own_decision(actor, plan.submitted_by_id)
    plan = ledger.move(plan, "refuse", actor, reason=reason, approved_by=actor.name)
    _tell(plan, plan.submitted_by_id, "vehicles.plan.detail", f"配备更新计划 {plan.code} 未获批准", reason)
    return plan


@transaction.atomic
def buy_plan(
    actor: Actor, plan: PurchasePlan, *, supplier: str, brand_model: str, price_yuan: Decimal, bought_on: date,
    contract_no: str = "",
) -> PurchasePlan:  # fmt: skip
    """购置: what was bought, from whom, for how much. Refused when the price is beyond the standard or the budget."""
    actor.require(MANAGE, plan)
    _refuse_over(_standard(plan, price_yuan), "price_yuan")
    if price_yuan > plan.budget_yuan:
        message = f"成交价格不能超过批准的预算 {plan.budget_yuan:,.2f} 元，请取消后重新报批。"
        raise Invalid(message, code="over_budget", fields={"price_yuan": message})
    if bought_on > timezone.localdate():
        raise Invalid("购置日期不能晚于今天。", fields={"bought_on": "购置日期不能晚于今天。"})
    return ledger.move(
        plan, "buy", actor, supplier=supplier, brand_model=brand_model, price_yuan=price_yuan, bought_on=bought_on,
        contract_no=contract_no,
    )  # fmt: skip


@transaction.atomic
def enrol_plan(actor: Actor, plan: PurchasePlan, **values: Any) -> PurchasePlan:
    """登记入账: the bought vehicle is registered with plate, VIN and papers, and the plan is done.

    ``values``: plate, vin, engine_no, certificate_no, registered_on, seats, place.
    """
    actor.require(MANAGE, plan)
    if plan.state != "bought":
        raise Conflict(f"当前状态为“{plan.state_name}”，不能办理“登记入账”。", code="state_changed")
    vehicle = register.register(
        actor, unit=plan.unit, kind=plan.kind, body=plan.body, energy=plan.energy, displacement_l=plan.displacement_l,
        price_yuan=plan.price_yuan, brand_model=plan.brand_model, bought_on=plan.bought_on,
        special_need=plan.special_need, reason=f"配备更新计划 {plan.code}", **values,
    )  # fmt: skip
    return ledger.move(plan, "enrol", actor, vehicle=vehicle)


@transaction.atomic
def cancel_plan(actor: Actor, plan: PurchasePlan, *, reason: str) -> PurchasePlan:
    """取消计划, before anything was bought."""
    actor.require(MANAGE, plan)
    return ledger.move(plan, "cancel", actor, reason=reason)


@transaction.atomic
def apply_disposal(actor: Actor, vehicle: Vehicle, **values: Any) -> Disposal:
    """申请处置: by auction, scrapping or transfer to another organ. One application for a vehicle at a time."""
    actor.require(MANAGE, vehicle)
    if vehicle.state in ("registered", "disposed"):
        raise Conflict(f"车辆状态为“{vehicle.state_name}”，不能申请处置。", code="state_changed")
    moved = values["method"] == "transfer"
    if moved != (values.get("to_unit") is not None) or (moved and values["to_unit"].pk == vehicle.unit_id):
        message = "调剂须选择本单位以外的调入单位；其他处置方式不填调入单位。"
        raise Invalid(message, fields={"to_unit": message})
    values |= {"unit": vehicle.unit, "vehicle": vehicle, "submitted_by_id": actor.account_id}
    values["code"] = next_number("CZ", Disposal)
    try:
        with transaction.atomic():
            return ledger.create(Disposal, actor, values, name="申请处置")
    except IntegrityError as error:
        raise Conflict("该车已有处置申请正在办理。", code="disposal_open") from error


@transaction.atomic
def approve_disposal(actor: Actor, disposal: Disposal, *, document_no: str = "", reason: str = "") -> Disposal:
    """批准处置; a transfer needs a place in the receiving organ's establishment. Not one's own application."""
    actor.require(APPROVE, disposal)
    _own_decision(actor, disposal.submitted_by_id)
    if disposal.to_unit is not None:
        standards.lock_quota(disposal.vehicle.kind)
        standards.require_quota(disposal.to_unit, disposal.vehicle.kind)
    disposal = ledger.move(disposal, "approve", actor, reason=reason, document_no=document_no, approved_by=actor.name)
    _tell(disposal, disposal.submitted_by_id, "vehicles.disposal.detail", f"车辆处置 {disposal.code} 已批准", reason)
    return disposal


@transaction.atomic
def refuse_disposal(actor: Actor, disposal: Disposal, *, reason: str) -> Disposal:
    """不批准处置."""
    actor.require(APPROVE, disposal)
    _own_decision(actor, disposal.submitted_by_id)
    disposal = ledger.move(disposal, "refuse", actor, reason=reason, approved_by=actor.name)
    _tell(disposal, disposal.submitted_by_id, "vehicles.disposal.detail", f"车辆处置 {disposal.code} 未获批准", reason)
    return disposal


@transaction.atomic
def finish_disposal(
    actor: Actor, disposal: Disposal, *, done_on: date, receiver: str = "", certificate_no: str = "",
    proceeds_yuan: Decimal | None = None,
) -> Disposal:  # fmt: skip
    """处置完成: proceeds and papers are written down; the vehicle leaves the books, or goes to the receiving organ.

    Either frees its place in the establishment.
    """
    actor.require(MANAGE, disposal)
    if disposal.state != "approved":
        raise Conflict(f"当前状态为“{disposal.state_name}”，不能办理“处置完成”。", code="state_changed")
    if done_on > timezone.localdate():
        raise Invalid("处置完成日期不能晚于今天。", fields={"done_on": "处置完成日期不能晚于今天。"})
    reason = f"{disposal.get_method_display()}，{disposal.code}"
    if disposal.to_unit is not None:
        register.hand_over(actor, disposal.vehicle, to=disposal.to_unit, reason=reason)
    else:
        register.dispose(actor, disposal.vehicle, reason=reason, on=done_on)
    return ledger.move(
        disposal, "finish", actor, done_on=done_on, receiver=receiver, certificate_no=certificate_no,
        proceeds_yuan=proceeds_yuan,
    )  # fmt: skip


@transaction.atomic
def withdraw_disposal(actor: Actor, disposal: Disposal, *, reason: str) -> Disposal:
    """撤回处置申请."""
    actor.require(MANAGE, disposal)
    return ledger.move(disposal, "withdraw", actor, reason=reason)
