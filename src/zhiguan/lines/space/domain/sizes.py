"""Verbs of approved sizes: record what was decided, revoke it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid

from ..models import OrganSize
from .size import Need, Size, compute


def measured(need: Need, day: date | None = None) -> Size:
    """Return the size by the facts in force on the day (today)."""
    return compute(need, reference.thresholds("office_space", on=day or timezone.localdate()))


@transaction.atomic
def approve_size(
    actor: Actor, *, unit: Any, need: Need, approved_area: Decimal, valid_from: date, document_no: str = "",
    landlord: str = "", reason: str = "", case: str = "",
) -> OrganSize:  # fmt: skip
    """核定规模: what an organ may have from a day on; the size in force until then ends that day.

    Raises ``Invalid`` for more than the refusal bound above what the standard gives, or a start not after the last one.
    """
    actor.require("space.size.manage", unit)
    size = measured(need, valid_from)
    bound = Decimal(str(reference.value("office_space.size.refuse_over", on=valid_from)))
    if approved_area <= 0:
        raise Invalid("核定面积须大于零。", fields={"approved_area": "核定面积须大于零。"})
    if approved_area > size.gross * (1 + bound / 100):
        message = f"核定面积超出测算面积（{size.gross} 平方米）{bound}% 以上，不予核定。"
        raise Invalid(message, code="over_standard", fields={"approved_area": message})
    before = OrganSize.objects.filter(unit=unit, state="active", valid_to__isnull=True).first()
    if before is not None:
        if before.valid_from >= valid_from:
            message = f"起始日期须晚于现行规模的起始日期（{before.valid_from:%Y-%m-%d}）。"
            raise Invalid(message, fields={"valid_from": message})
        ledger.change(before, actor, {"valid_to": valid_from}, name="被新规模替代", reason=reason, case=case)
    values = {
        "unit": unit, "level": need.level, "height_class": need.height_class, "posts": need.posts,
        "staffing": dict(need.people), "office_area": size.office, "service_area": size.service,
        "equipment_area": size.equipment, "ancillary_area": size.ancillary, "computed_area": size.gross,
        "approved_area": approved_area, "working": [line.as_json() for line in size.lines], "valid_from": valid_from,
        "landlord": landlord.strip(), "document_no": document_no, "case_no": case,
    }  # fmt: skip
    return ledger.create(OrganSize, actor, values, name="核定", reason=reason, case=case)


def revoke(actor: Actor, size: OrganSize, *, reason: str) -> OrganSize:
    """撤销核定规模, when it was recorded by mistake."""
    actor.require("space.size.manage", size)
    return ledger.move(size, "revoke", actor, reason=reason)
