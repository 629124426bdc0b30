"""Verbs of repair projects: propose, decide on the year's plan, begin, finish."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..models import Building, RepairPlan


def control_value(kind: str, day: date | None = None) -> Any:
    """Return the fact with the most that a repair of the kind should cost, yuan a square metre."""
    return reference.fact(f"office_space.repair.cost_{kind}", on=day)


def _check(values: dict[str, Any]) -> None:
    building, area = values.get("building"), values.get("area_m2")
    if building is not None and building.state == "disposed":
        raise Invalid("该楼宇已处置，不能列维修项目。", fields={"building": "该楼宇已处置。"})
    if building is not None and area is not None and area > building.gross_area:
        message = f"维修面积不能大于楼宇建筑面积（{building.gross_area} 平方米）。"
        raise Invalid(message, fields={"area_m2": message})


def _may(actor: Actor, unit: Any) -> None:
    """Those who propose for the unit, or who make the plan, may enter a project."""
    actor.require("space.repair.manage" if actor.can("space.repair.manage") else "space.repair.propose", unit)


@transaction.atomic
def propose(actor: Actor, *, building: Building, reason: str = "", case: str = "", **values: Any) -> RepairPlan:
    """申报维修项目: enter a project for a year; whether it is included is decided by :func:`include` or its case.

    ``unit`` is the applicant (default: the organ that manages the building), which must manage it or have rooms there.
    """
    unit = values.pop("unit", None) or building.unit
    _may(actor, unit)
    if unit.pk != building.unit_id and not building.rooms.filter(user_pos__range=(unit.pos, unit.pos_end)).exists():
        message = "该单位既不管理、也不使用此楼宇。"
        raise Invalid(message, fields={"building": message})
    _check(values | {"building": building})
    values["limit_per_m2"] = Decimal(str(control_value(values["kind"]).value))
    try:
        with transaction.atomic():
            return ledger.create(
                RepairPlan, actor, {**values, "building": building, "unit": unit, "case_no": case}, name="申报",
                reason=reason, case=case,
            )  # fmt: skip
    except IntegrityError as error:
        message = "同一楼宇同一年度已有同名项目。"
        raise Conflict(message, code="project_taken", fields={"project": message}) from error


@transaction.atomic
def edit_repair(
    actor: Actor, plan: RepairPlan, *, version: int | None = None, reason: str = "", **values: Any
) -> RepairPlan:
    """变更维修项目, as long as nothing was decided."""
    _may(actor, plan.unit)
    if plan.state != "proposed":
        raise Conflict(f"项目{plan.state_name}，不能变更。", code="state_changed")
    values.pop("unit", None)
    _check({"building": plan.building} | values)
    if "kind" in values:
        values["limit_per_m2"] = Decimal(str(control_value(values["kind"]).value))
    return ledger.change(plan, actor, values, version=version, reason=reason)


@transaction.atomic
def include(
    actor: Actor, plan: RepairPlan, *, approved_yuan: Decimal, document_no: str = "", reason: str = "", case: str = ""
) -> RepairPlan:
    """列入计划: the project enters the plan of its year with the money that was approved.

    Raises ``Invalid`` above the estimate, and above the control value without a reason.
    """
    actor.require("space.repair.manage", plan)
    if not 0 < approved_yuan <= plan.estimate_yuan:
        message = f"批准投资须大于零且不超过估算投资（{plan.estimate_yuan} 元）。"
        raise Invalid(message, fields={"approved_yuan": message})
    if approved_yuan > plan.limit_per_m2 * plan.area_m2 and not reason.strip():
        message = f"批准投资超过单方造价控制值（{plan.limit_per_m2} 元/平方米），须说明理由。"
        raise Invalid(message, code="over_limit", fields={"reason": message})
    values = {"approved_yuan": approved_yuan, "document_no": document_no}
    return ledger.move(plan, "include", actor, reason=reason, case=case, **values)


def reject(actor: Actor, plan: RepairPlan, *, reason: str) -> RepairPlan:
    """不列入计划."""
    actor.require("space.repair.manage", plan)
    return ledger.move(plan, "reject", actor, reason=reason)


def begin(actor: Actor, plan: RepairPlan, *, begun_on: date, contractor: str = "") -> RepairPlan:
    """开工: by the firm it was awarded to; its name is missing only in records made from older papers."""
    actor.require("space.repair.manage", plan)
    _not_future(begun_on, "begun_on")
    return ledger.move(plan, "begin", actor, begun_on=begun_on, contractor=contractor.strip())


@transaction.atomic
def finish(actor: Actor, plan: RepairPlan, *, finished_on: date, final_yuan: Decimal, reason: str = "") -> RepairPlan:
    """竣工验收: what it cost in the end; the building remembers the day of its last major or medium repair."""
    actor.require("space.repair.manage", plan)
    _not_future(finished_on, "finished_on")
    if plan.begun_on is not None and finished_on < plan.begun_on:
        message = "竣工验收日期不能早于开工日期。"
        raise Invalid(message, fields={"finished_on": message})
    if plan.approved_yuan is not None and final_yuan > plan.approved_yuan and not reason.strip():
        message = f"结算金额超过批准投资（{plan.approved_yuan} 元），须说明原因。"
        raise Invalid(message, fields={"reason": message})
    plan = ledger.move(plan, "finish", actor, reason=reason, finished_on=finished_on, final_yuan=final_yuan)
    building = plan.building
    if plan.kind != "special" and (building.last_repair_on is None or building.last_repair_on < finished_on):
        ledger.change(building, actor, {"last_repair_on": finished_on}, name="大中修竣工", reason=plan.project)
    return plan


def _not_future(day: date, name: str) -> None:
    if day > timezone.localdate():
        raise Invalid("日期不能晚于今天。", fields={name: "日期不能晚于今天。"})


def cancel(actor: Actor, plan: RepairPlan, *, reason: str) -> RepairPlan:
    """取消项目: its applicant may until it is decided on, then only who makes the plan, as long as it is not under way."""
    _may(actor, plan.unit)
    if plan.state == "planned":
        actor.require("space.repair.manage", plan)
    return ledger.move(plan, "cancel", actor, reason=reason)
