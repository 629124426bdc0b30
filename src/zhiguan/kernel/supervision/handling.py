"""What people do with a finding: assign, explain, rectify, verify, send back, dismiss."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.calendar.service import YearNotLoaded, add_working_days
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.notices import service as notices
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from .codes import ASSIGN, DISMISS, EXPLAIN, VERIFY, Outcome
from .declare import DUE_WORKING_DAYS, LOCAL, Rule
from .models import Finding
from .queries import PERSONS

LONGEST = 2000


def _required(text: str, name: str, field: str) -> str:
    text = text.replace("\0", "").strip()
    if not text:
        raise Invalid(f"请填写{name}。", fields={field: f"请填写{name}。"})
    if len(text) > LONGEST:
        raise Invalid(f"{name}最多 {LONGEST} 字。", fields={field: f"{name}最多 {LONGEST} 字，现为 {len(text)} 字。"})
    return text


def due_date(finding: Finding, today: date) -> date:
    """Return the due date of a finding assigned today: the working days of its rule.

    Raises ``Invalid`` for a year whose holidays are not loaded: the date has to be given then.
    """
    try:
        count = registry.current().get(Rule, finding.rule).due_in
    except KeyError:
        count = DUE_WORKING_DAYS[finding.severity]
    try:
        return add_working_days(today, count)
    except YearNotLoaded as refusal:
        message = f"{refusal.message}也可直接填写办理期限。"
        raise Invalid(message, code=refusal.code, fields={"due_on": message}) from refusal


def find_assignee(finding: Finding, text: str) -> Person:
    """Return the active person of the responsible unit, or below it, whom the text names by number or full name."""
    text = text.replace("\0", "").strip()
    people = Person.objects.within(finding.unit).filter(active=True).select_related("unit")
    found = list(people.filter(Q(code=text) | Q(name=text))[:6])
    exact = [person for person in found if person.code == text] or found
    if len(exact) == 1:
        return exact[0]
    if exact:
        several = "、".join(f"{person.code}（{person.unit.name}）" for person in exact[:5])
        message = f"有多人名为“{text[:20]}”，请填写人员编号：{several}。"
    else:
        message = f"{finding.unit.name}没有姓名或编号为“{text[:20]}”的在职人员。"
    raise Invalid(message, fields={"assignee": message})


def _tell(finding: Finding, act: str, words: str, body: str) -> None:
    """Tell those who have to answer: the person named, else those in charge in the responsible unit."""
    people: list[Any] = [finding.assignee] if finding.assignee_id else []
    people = people or notices.holders(EXPLAIN, finding, unit=finding.unit)
    due = f"办理期限 {finding.due_on:%Y-%m-%d}。" if finding.due_on else ""
    notices.notify(
        people, f"supervision.finding.{act}", f"问题线索{words}：{finding.subject_label}",
        f"{finding.summary}{due}{body}", reverse("supervision.finding.detail", args=[finding.pk]), subject=finding,
        dedupe_key=f"supervision.finding/{finding.pk}/{act}/{finding.version}",
    )  # fmt: skip


@transaction.atomic
def assign(
    actor: Actor, finding: Finding, *, assignee: str | Person | None = None, due_on: date | None = None, note: str = ""
) -> Finding:
    """交办 (of an assigned one: 改派): ask the responsible unit, and one of its people when named, to explain.

    ``assignee`` is a person or the number or full name of one; ``due_on`` defaults to the rule's working days.
    """
    actor.require(ASSIGN, finding)
    today = timezone.localdate(timezone=LOCAL)
    if due_on is not None and due_on < today:
        raise Invalid("办理期限不能早于今天。", fields={"due_on": "办理期限不能早于今天。"})
    person = find_assignee(finding, assignee) if isinstance(assignee, str) and assignee.strip() else assignee or None
    if isinstance(person, Person) and not finding.unit.pos <= person.scope_pos <= finding.unit.pos_end:
        message = f"{person.name}不在责任单位{finding.unit.name}。"
        raise Invalid(message, fields={"assignee": message})
    values: dict[str, Any] = {
        "assignee": person, "persons": [person.pk] if isinstance(person, Person) else [],
        "assigned_at": timezone.now(),
    }  # fmt: skip
    again = finding.state == "assigned"
    if not again and finding.state == "raised":
        values["due_on"] = due_on or due_date(finding, today)
    elif due_on is not None:
        values["due_on"] = due_on
    finding = ledger.move(finding, "reassign" if again else "assign", actor, reason=note.strip(), **values)
    _tell(finding, "assign", "交办", note.strip() and f"交办意见：{note.strip()}")
    return finding


def assign_only(actor: Actor, finding: Finding) -> Finding:
    """交办 of many at once: to the responsible unit, nobody named; refuses findings assigned before."""
    if finding.state != "raised":
        raise Conflict(f"当前状态为“{finding.state_name}”，不能批量交办。", code="state_changed")
    return assign(actor, finding)


def explain(actor: Actor, finding: Finding, *, explanation: str) -> Finding:
    """说明: say what happened and why."""
    actor.require(EXPLAIN, finding, persons=PERSONS)
    return ledger.move(finding, "explain", actor, explanation=_required(explanation, "情况说明", "explanation"))


def rectify(actor: Actor, finding: Finding, *, rectification: str) -> Finding:
    """整改: say what was put right."""
    actor.require(EXPLAIN, finding, persons=PERSONS)
    return ledger.move(finding, "rectify", actor, rectification=_required(rectification, "整改情况", "rectification"))


def verify(actor: Actor, finding: Finding, *, verdict: str) -> Finding:
    """核查销号: the finding was true and has been dealt with. What was not true is dismissed instead."""
    actor.require(VERIFY, finding)
    text = _required(verdict, "核查结论", "verdict")
    return ledger.move(finding, "close", actor, verdict=text, outcome=Outcome.CONFIRMED, ended_at=timezone.now())


@transaction.atomic
def send_back(actor: Actor, finding: Finding, *, reason: str) -> Finding:
    """退回: the explanation or rectification does not do; the responsible unit has to answer again."""
    actor.require(VERIFY, finding)
    text = _required(reason, "退回原因", "reason")
    finding = ledger.move(finding, "send_back", actor, reason=text)
    _tell(finding, "send_back", "退回重报", f"退回原因：{text}")
    return finding


def dismiss(actor: Actor, finding: Finding, *, reason: str) -> Finding:
    """排除: the finding was not true; counts against the rule's precision."""
    actor.require(DISMISS, finding)
    text = _required(reason, "排除原因", "reason")
    return ledger.move(
        finding, "dismiss", actor, reason=text, verdict=text, outcome=Outcome.DISMISSED, ended_at=timezone.now()
    )
