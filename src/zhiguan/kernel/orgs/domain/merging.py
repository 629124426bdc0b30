"""Merging one unit into another: its people and the units below go over, its posts too, then it is closed."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import AppointmentKind, EndReason
from ..models import Appointment, Establishment, Unit
from .guards import Recorder, effective, require_open
from .people import appoint, end_appointment, set_establishment, transfer
from .units import close_unit, move_unit


@transaction.atomic
def merge_unit(
    actor: Actor, unit: Unit, *, into: Unit, record: Recorder, on: date | None = None, reason: str = ""
) -> Unit:
    """机构合并: close ``unit`` in favour of ``into`` from a day on; return ``unit``.

    Everybody keeps post and rank, the units below keep what is below them, approved posts are added up. Each step is
    the verb it would be alone, with its own permission and entry; the first that refuses undoes all of them. What lines
    have registered for the unit stays with it: they know what has to become of it.
    """
    unit, into = Unit.objects.get(pk=unit.pk), Unit.objects.get(pk=into.pk)
    actor.require("orgs.unit.manage", unit)
    actor.require("orgs.unit.manage", into)
    require_open(unit)
    require_open(into)
    if unit.pos <= into.pos <= unit.pos_end:
        raise Invalid(
            "不能把机构并入它自己或它的下级机构。", code="merge_into_itself", fields={"into": "请选择其他机构。"}
        )
    if unit.kind != into.kind:
        message = f"“{unit.get_kind_display()}”只能并入“{unit.get_kind_display()}”。"
        raise Invalid(message, code="merge_kind", fields={"into": message})
    day = effective(on)
    children = list(Unit.objects.open().filter(parent=unit).order_by("pos"))
    for child in children:
        move_unit(actor, child, parent=Unit.objects.get(pk=into.pk), record=record, on=day, reason=reason)
    people = _take_people(actor, unit, into, record, day, reason)
    quotas = _take_quotas(actor, unit, into, record, day, reason)
    unit.refresh_from_db()
    closed = close_unit(actor, unit, record=record, on=day, reason=reason)
    after = {"into": into.code, "units": [child.code for child in children], "people": people, "quotas": quotas}
    record(actor, "orgs.unit.merge", closed, after=after, reason=reason)
    return closed


def _take_people(actor: Actor, unit: Unit, into: Unit, record: Recorder, day: date, reason: str) -> int:
    open_here = Appointment.objects.filter(unit=unit, valid_to__isnull=True).select_related("person", "rank")
    late = open_here.filter(valid_from__gte=day).first()
    if late is not None:
        message = f"{late.person.name}的任职自 {late.valid_from:%Y-%m-%d} 起，合并日期须晚于该日。"
        raise Conflict(message, code="date_too_early", fields={"on": message})
    held = list(open_here.order_by("pk"))
    for each in held:
        if each.kind == AppointmentKind.MAIN:
            transfer(actor, each.person, into, post=each.post, rank=each.rank, on=day, record=record, reason=reason)
            continue
        end_appointment(actor, each, end_reason=EndReason.TRANSFERRED, on=day, record=record, reason=reason)
        appoint(
            actor, each.person, into, post=each.post, rank=each.rank, kind=each.kind, on=day, record=record, reason=reason
        )  # fmt: skip
    return len(held)


def _take_quotas(actor: Actor, unit: Unit, into: Unit, record: Recorder, day: date, reason: str) -> dict[str, int]:
    taken = {}
    for row in Establishment.objects.filter(unit=unit, valid_to__isnull=True, quota__gt=0):
        there = Establishment.objects.filter(unit=into, kind=row.kind, valid_to__isnull=True).first()
        total = row.quota + (there.quota if there else 0)
        set_establishment(
            actor, into, kind=row.kind, quota=total, on=day, document_no=row.document_no, record=record, reason=reason
        )  # fmt: skip
        taken[row.kind] = total
    return taken
