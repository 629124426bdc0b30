"""Read side of housing security. Everything takes the actor and returns only what their scope reaches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from zhiguan.kernel.ledger.queries import story
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import HistoryEntry

from .codes import GRADES
from .models import AllowanceRecord, HousingBenefit, HousingRecord

HIDDEN = {"id", "version", "scope_pos", "created_at", "working", "record_id", "person_id"}
MASK = "＊＊＊"


def records(actor: Actor) -> QuerySet[HousingRecord]:
    """Return the records of the actor's scope, and the actor's own."""
    rows = HousingRecord.objects.visible_to(actor, "housing.record.view")
    return rows.defer("address", "wage_1998_yuan")


def managed_records(actor: Actor) -> QuerySet[HousingRecord]:
    return HousingRecord.objects.filter(actor.scope("housing.record.manage").q())


def benefits_of(record: HousingRecord, actor: Actor) -> QuerySet[HousingBenefit]:
    return HousingBenefit.objects.visible_to(actor, "housing.record.view").filter(record=record)


def benefits(actor: Actor) -> QuerySet[HousingBenefit]:
    return HousingBenefit.objects.visible_to(actor, "housing.record.view")


def allowances(actor: Actor) -> QuerySet[AllowanceRecord]:
    """Return the allowances of the actor's scope, and the actor's own."""
    return AllowanceRecord.objects.visible_to(actor, "housing.allowance.view")


def allowances_of(record: HousingRecord, actor: Actor) -> QuerySet[AllowanceRecord]:
    return allowances(actor).filter(record=record)


def grades_on(people: Iterable[Person], day: date) -> dict[int, str]:
    """Return person → 职务层次 of the main appointment on the day, or of today's rank when none is recorded."""
    people = list(people)
    held = orgs.appointments_on(day).filter(kind="main", person__in=people, rank__isnull=False)
    grades = dict(held.values_list("person_id", "rank__grade"))
    ranks = {person.pk: person.rank.grade for person in people if person.pk not in grades and person.rank is not None}
    return {key: grade if grade in GRADES else "" for key, grade in (ranks | grades).items()}


def grade_on(person: Person, day: date) -> str:
    """Return one person's 职务层次 on the day, "" when nothing is known."""
    return grades_on([person], day).get(person.pk, "")


def reveals(actor: Actor, record: HousingRecord) -> bool:
    """Tell whether the actor may see the record's address and wage: by permission, or because it is theirs."""
    own = actor.person_id is not None and actor.person_id == record.person_id
    return own or actor.scope("housing.record.reveal").covers(record.scope_pos)


def sensitive(record: HousingRecord, *, shown: bool) -> list[tuple[str, str]]:
    """Return address and wage as names and texts, masked unless ``shown``."""
    if not shown:
        return [("现住房坐落", MASK if record.address else "—"), ("1998 年月均标准工资", MASK)]
    wage = f"{record.wage_1998_yuan:,.2f} 元" if record.wage_1998_yuan is not None else "未登记"
    return [("现住房坐落", record.address or "未登记"), ("1998 年月均标准工资", wage)]


def facts_on(day: date | None = None) -> reference.Thresholds:
    """Return the facts of allowances in force on the day (today)."""
    return reference.thresholds("housing", on=day or timezone.localdate())


def benefit_kinds(records: Iterable[HousingRecord]) -> dict[int, frozenset[str]]:
    """Return record → kinds of policy enjoyed, of those that have any."""
    rows = HousingBenefit.objects.filter(record__in=list(records), state="valid").values_list("record_id", "kind")
    found: dict[int, set[str]] = {}
    for record, kind in rows:
        found.setdefault(record, set()).add(kind)
    return {record: frozenset(kinds) for record, kinds in found.items()}


def history(record: Any, actor: Actor) -> Iterable[HistoryEntry]:
    """The story of a record; what its private columns held is not in it."""
    return story(record, HIDDEN, words={"grade": GRADES})


