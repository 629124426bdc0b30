"""Who stands in for whom, and groups of people that steps may call upon."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .applying import need
from .codes import GROUP
from .desk import OPEN_SEATS, as_flow
from .models import Case, Delegation, Duty, Group, Member, Seat

LONGEST_DAYS = 366


@transaction.atomic
def authorise(
    actor: Actor, *, delegate: Person, valid_from: date, valid_to: date, reason: str, item: str = ""
) -> Delegation:
    """授权代办: somebody else may handle the actor's steps between two dates, for one item or all."""
    if actor.person_id is None:
        raise Denied("只有绑定人员的账号可以授权。", code="no_person")
    if delegate.pk == actor.person_id:
        raise Invalid("不能授权给自己。", fields={"delegate": "不能授权给自己。"})
    if valid_to < valid_from or (valid_to - valid_from).days > LONGEST_DAYS:
        raise Invalid("截止日期须在起始日期之后一年以内。", fields={"valid_to": "须在起始日期之后一年以内。"})
    if valid_to < timezone.localdate():
        raise Invalid("截止日期已过。", fields={"valid_to": "截止日期已过。"})
    if not Person.objects.filter(pk=delegate.pk, active=True, accounts__is_active=True).exists():
        raise Invalid("代办人须为有账号的在职人员。", fields={"delegate": "须为有账号的在职人员。"})
    row = Delegation.objects.create(
        person_id=actor.person_id, delegate=delegate, item=item, valid_from=valid_from, valid_to=valid_to,
        reason=need(reason, "授权事由", "reason")[:200],
    )  # fmt: skip
    after = {
        "delegate": delegate.name,
        "valid_from": valid_from.isoformat(),
        "valid_to": valid_to.isoformat(),
        "item": item,
    }
    _show(actor, row)
    trace.record(actor, "flow.delegation.grant", row, after=after, reason=reason)
    return row


def _show(actor: Actor, row: Delegation) -> None:
    """Let the delegate see the cases that wait for the person already; later ones are shown as they come."""
    with as_flow(actor).acting():
        waiting = Seat.objects.filter(person=row.person_id, state__in=OPEN_SEATS, step__state="open")
        if row.item:
            waiting = waiting.filter(case__item=row.item)
        for case in Case.objects.select_for_update(no_key=True).filter(pk__in=waiting.values("case")):
            if row.delegate_id not in case.persons:
                people = sorted({*case.persons, row.delegate_id})
                ledger.change(case, actor, {"persons": people}, name="授权代办", code="authorise", case=case.code)


@transaction.atomic
def revoke(actor: Actor, row: Delegation) -> Delegation:
    """收回授权: at once."""
    if row.person_id != actor.person_id:
        raise Denied("只能收回本人的授权。", code="not_own")
    if not Delegation.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        raise Conflict("该授权已收回。", code="revoked")
    trace.record(actor, "flow.delegation.revoke", row)
    row.refresh_from_db()
    return row


@transaction.atomic
def keep_group(
    actor: Actor, *, code: str, name: str, people: Iterable[Person], duty: bool = False, active: bool = True
) -> Group:
    """维护工作组: make a group or change its members from today on; members left out end today."""
    actor.require(GROUP)
    today = timezone.localdate()
    row, _ = Group.objects.update_or_create(code=code, defaults={"name": name, "duty": duty, "active": active})
    wanted = {person.pk for person in people}
    present = {member.person_id: member for member in row.members.filter(valid_to__isnull=True)}
    for key, member in present.items():
        if key not in wanted:
            Member.objects.filter(pk=member.pk).update(valid_to=today)
    Member.objects.bulk_create(Member(group=row, person_id=key, valid_from=today) for key in wanted - set(present))
    trace.record(actor, "flow.group.change", row, after={"name": name, "members": sorted(wanted)})
    return row


@transaction.atomic
def put_on_duty(actor: Actor, group: Group, *, on: date, people: Iterable[Person]) -> None:
    """排班: who is on duty on a day."""
    actor.require(GROUP)
    Duty.objects.filter(group=group, on=on).delete()
    chosen = [person.pk for person in people]
    Duty.objects.bulk_create(Duty(group=group, on=on, person_id=key) for key in chosen)
    trace.record(actor, "flow.group.change", group, after={"on": on.isoformat(), "duty": chosen})
