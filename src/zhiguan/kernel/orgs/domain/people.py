"""Verbs on people: registering, appointing, transferring, leaving; and the posts that are approved."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import AppointmentKind, EndReason, QuotaKind
from ..models import Appointment, Establishment, Person, Rank, Unit
from ..spelling import spell_person
from .guards import Recorder, effective, locked, require_open, unique


def _post_facts(held: Appointment) -> dict[str, Any]:
    return {
        "unit": held.unit.code, "post": held.post, "rank": held.rank.code if held.rank else "", "kind": held.kind,
        "valid_from": str(held.valid_from), "valid_to": str(held.valid_to or ""), "end_reason": held.end_reason,
        "document_no": held.document_no,
    }  # fmt: skip


def _serve(person: Person, unit: Unit, post: str, rank: Rank | None) -> None:
    person.unit, person.duty, person.rank, person.active = unit, post, rank, True
    person.save(update_fields=["unit", "duty", "rank", "active"])


@transaction.atomic
def register_person(
    actor: Actor, *, code: str, name: str, unit: Unit, post: str, record: Recorder, rank: Rank | None = None,
    on: date | None = None, phone: str = "", document_no: str = "", reason: str = "",
) -> Person:  # fmt: skip
    """登记人员 with the first main appointment. Raises ``Conflict`` when the code is in use or the unit is closed."""
    actor.require("orgs.person.manage", unit)
    pinyin, initials = spell_person(name)
    person = Person(
        code=code, name=name, pinyin=pinyin, initials=initials, unit=unit, phone=phone, active=False, duty="", rank=rank
    )
    with unique(f"人员编号“{code}”已被使用。"):
        person.save(force_insert=True)
    record(actor, "orgs.person.register", person, after={"code": code, "name": name}, reason=reason)
    appoint(actor, person, unit, post=post, rank=rank, on=on, document_no=document_no, record=record, reason=reason)
    return person


@transaction.atomic
def change_person(
    actor: Actor, person: Person, *, record: Recorder, name: str, phone: str = "", sort: int = 0, reason: str = ""
) -> Person:
    """修改人员资料: the name and what the address book shows beside it. Post, unit and rank have their own verbs."""
    held = Person.objects.select_for_update().select_related("unit").get(pk=person.pk)
    actor.require("orgs.person.manage", held)
    if not name.strip():
        raise Invalid("请填写姓名。", code="person_incomplete", fields={"name": "必填。"})
    before = {"name": held.name, "phone": held.phone, "sort": held.sort}
    held.name, held.phone, held.sort = name.strip(), phone.strip(), sort
    held.pinyin, held.initials = spell_person(held.name)
    held.save(update_fields=["name", "phone", "sort", "pinyin", "initials"])
    after = {"name": held.name, "phone": held.phone, "sort": held.sort}
    record(actor, "orgs.person.change", held, before=before, after=after, reason=reason)
    return held


@transaction.atomic
def appoint(
    actor: Actor, person: Person, unit: Unit, *, post: str, record: Recorder, rank: Rank | None = None,
    kind: str = AppointmentKind.MAIN, on: date | None = None, document_no: str = "", reason: str = "",
) -> Appointment:  # fmt: skip
    """任职 from a day on. A second main appointment is a ``Conflict``: that is a transfer."""
    unit = locked(unit)
    actor.require("orgs.person.manage", unit)
    require_open(unit)
    day = effective(on, unit.valid_from, "机构成立日期")
    appointee = Person.objects.select_for_update().get(pk=person.pk)
    held = Appointment(
        person=appointee, unit=unit, post=post, rank=rank, kind=kind, valid_from=day, document_no=document_no
    )
    with unique(f"{person.name}在 {day:%Y-%m-%d} 之后已有主要任职，请办理调任。"):
        held.save(force_insert=True)
    if kind == AppointmentKind.MAIN:
        _serve(appointee, unit, post, rank)
        person.refresh_from_db()
    record(actor, "orgs.appointment.appoint", person, after=_post_facts(held), reason=reason)
    return held


@transaction.atomic
def transfer(
    actor: Actor, person: Person, unit: Unit, *, post: str, record: Recorder, rank: Rank | None = None,
    on: date | None = None, document_no: str = "", reason: str = "",
) -> Appointment:  # fmt: skip
    """调任: end the main appointment and begin the next on the same day. ``rank`` stays unless given.

    The actor needs the permission over the unit left and the unit joined. A new post in the same unit ends the old one
    as 晋升.
    """
    unit = locked(unit)
    mover = Person.objects.select_for_update().get(pk=person.pk)
    held = mover.appointments.filter(kind=AppointmentKind.MAIN, valid_to__isnull=True).select_related("unit").first()
    if held is None:
        raise Conflict(f"{person.name}没有在任的主要职务，请办理任职。", code="no_main_appointment")
    actor.require("orgs.person.manage", held.unit)
    actor.require("orgs.person.manage", unit)
    require_open(unit)
    day = effective(on, max(held.valid_from, unit.valid_from or held.valid_from), "现任职务的任职日期或机构成立日期")
    if day == held.valid_from:
        raise Invalid("调任不能与现任职务同日生效。", code="date_too_early", fields={"on": "请选择更晚的日期。"})
    before = _post_facts(held)
    end_reason = EndReason.PROMOTED if held.unit_id == unit.pk else EndReason.TRANSFERRED
    Appointment.objects.filter(pk=held.pk).update(valid_to=day, end_reason=end_reason)
    following = Appointment(
        person=mover, unit=unit, post=post, rank=rank or held.rank, valid_from=day, document_no=document_no
    )
    following.save(force_insert=True)
    _serve(mover, unit, post, following.rank)
    person.refresh_from_db()
    record(
        actor, "orgs.appointment.transfer", person, before=before, after=_post_facts(following), reason=reason
    )  # fmt: skip
    return following


@transaction.atomic
def end_appointment(
    actor: Actor, appointment: Appointment, *, end_reason: str, record: Recorder, on: date | None = None,
    reason: str = "",
) -> Appointment:  # fmt: skip
    """免职离任 from a day on. The main appointment takes the concurrent ones with it; the person is then inactive."""
    person = Person.objects.select_for_update().get(pk=appointment.person_id)
    held = Appointment.objects.select_related("unit", "rank").get(pk=appointment.pk)
    actor.require("orgs.person.manage", held.unit)
    if held.valid_to is not None:
        raise Conflict("该任职已经结束，请刷新后查看。", code="appointment_ended")
    day = effective(on, held.valid_from, "任职日期")
    if day == held.valid_from:
        raise Invalid("离任不能与任职同日生效。", code="date_too_early", fields={"on": "请选择更晚的日期。"})
    before = _post_facts(held)
    ending = Q(pk=held.pk)
    if held.kind == AppointmentKind.MAIN:
        ending |= Q(person=person, kind=AppointmentKind.CONCURRENT, valid_to__isnull=True, valid_from__lt=day)
        Person.objects.filter(pk=person.pk).update(active=False)
    Appointment.objects.filter(ending).update(valid_to=day, end_reason=EndReason(end_reason))
    held.refresh_from_db()
    record(actor, "orgs.appointment.end", person, before=before, after=_post_facts(held), reason=reason)
    return held


@transaction.atomic
def set_establishment(
    actor: Actor, unit: Unit, *, kind: str, quota: int, record: Recorder, on: date | None = None,
    document_no: str = "", reason: str = "",
) -> Establishment:  # fmt: skip
    """核定编制: the approved posts of one kind of the unit itself, without the units below, from a day on."""
    unit = locked(unit)
    actor.require("orgs.establishment.manage", unit)
    require_open(unit)
    if quota < 0:
        raise Invalid("编制数不能为负。", code="quota_negative", fields={"quota": "编制数不能为负。"})
    kind = QuotaKind(kind)
    current = Establishment.objects.filter(unit=unit, kind=kind, valid_to__isnull=True).first()
    day = effective(on, current and current.valid_from, "上一次核定日期")
    before = {"quota": current.quota, "document_no": current.document_no} if current else None
    if current and current.valid_from == day:
        Establishment.objects.filter(pk=current.pk).update(quota=quota, document_no=document_no)
        current.refresh_from_db()
        following = current
    else:
        if current:
            Establishment.objects.filter(pk=current.pk).update(valid_to=day)
        following = Establishment(unit=unit, kind=kind, quota=quota, valid_from=day, document_no=document_no)
        following.save(force_insert=True)
    after = {"kind": kind.value, "quota": quota, "document_no": document_no, "valid_from": str(day)}
    record(actor, "orgs.establishment.set", unit, before=before, after=after, reason=reason)
    return following
