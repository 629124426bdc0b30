"""Cases and steps as an actor may see them: fails closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from zhiguan.kernel.orgs.tree import span
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, Scope
from zhiguan.kit.questions import Question

from .declare import APPLY, ASSIGN, DECIDE, ENDORSE, HANDLE, SUPERVISE, VIEW, ServiceItem
from .lifecycle import ENDED
from .models import Card, Case, CaseTally, DaysTally, Definition, Delegation, Seat, Step, StepTally

READING = (VIEW, SUPERVISE, ASSIGN)
TODO = ("offered", "working")


def areas() -> list[str]:
    """The lines that have service items."""
    return sorted({item.area for item in registry.current().all(ServiceItem)})


def cases(actor: Actor) -> QuerySet[Case]:
    """Cases one has part in, and those of the units over which one may view, supervise or manage a line's cases.

    Drafts are their applicant's alone.
    """
    if actor.system:
        return Case.objects.all()
    seen = Q(pk__in=[])
    if actor.person_id is not None:
        seen = Q(persons__contains=[actor.person_id])
    for area in areas():
        for act in READING:
            scope = actor.scope(f"{area}.case.{act}")
            if scope.ranges:
                seen |= Q(area=area) & scope.q()
    return Case.objects.filter(seen & _no_draft_of_others(actor.person_id or 0))


def _no_draft_of_others(person: int) -> Q:
    return ~Q(state="draft") | Q(applicant=person)


@Question
def _part_of(case: int, person: int) -> QuerySet[Case, int]:
    mine = Case.objects.filter(_no_draft_of_others(person), pk=case, persons__contains=[person])
    return mine.values_list("pk", flat=True)


def sees(actor: Actor, case: int) -> bool:
    """Tell whether a case is among the actor's :func:`cases`. Most often it is one they have part in, asked first."""
    if actor.person_id is not None and _part_of(case, actor.person_id):
        return True
    return cases(actor).filter(pk=case).exists()


def _to_act_on() -> QuerySet[Case]:
    """Cases, each locked, with what every act looks at."""
    return Case.objects.select_for_update(no_key=True, of=("self",)).select_related("unit", "definition", "applicant__unit")


@Question
def _locked(case: int) -> QuerySet[Case]:
    return _to_act_on().filter(pk=case)


def locked(case: int) -> Case:
    """The case, locked to act on it. For the flow: as itself it sees all."""
    # Whoever waited for the lock while the case was moved to another version finds that its join fits no more.
    found = _locked(case) or _locked(case)
    if not found:
        raise Case.DoesNotExist
    return found[0]


@Question
def locked_below(case: int) -> QuerySet[Case]:
    """The sub-cases of a case that have not ended, likewise."""
    return _to_act_on().filter(parent=case).exclude(state__in=ENDED).order_by("pk")


def listed(actor: Actor) -> QuerySet[Case]:
    """:func:`cases` without drafts, asked so that a list of a million cases is found by indexes.

    Those one has part in come by their own index, which is out of reach where rows are hidden; those of single units by
    theirs. Whoever looks at a whole city finds a page of them soon by going along the list.
    """
    if actor.system:
        return Case.objects.exclude(state="draft")
    own = Q(pk__in=RawSQL("SELECT flow_cases_of(%s)", [actor.person_id or 0]))
    seen, whole = Q(), False
    for area in areas():
        scope = Scope()
        for act in READING:
            scope |= actor.scope(f"{area}.case.{act}")
        if scope.ranges:
            seen |= Q(area=area) & scope.q()
            whole |= any(hi - lo + 1 >= span(0) for lo, hi in scope.ranges)
    if not seen:
        return Case.objects.filter(own)
    rows = Case.objects.exclude(state="draft")
    if whole:
        return rows.filter(own | seen)
    return rows.filter(pk__in=rows.filter(seen).values("pk").union(Case.objects.filter(own).values("pk"), all=True))


def remit(actor: Actor) -> Q:
    """The condition of what a supervisor's remit reaches, of anything with ``area`` and ``scope_pos``."""
    if actor.system:
        return Q()
    seen = Q(pk__in=[])
    for area in areas():
        scope = actor.scope(f"{area}.case.{SUPERVISE}")
        if scope.ranges:
            seen |= Q(area=area) & scope.q()
    return seen


def supervised(actor: Actor) -> QuerySet[Case]:
    """Submitted cases of the supervisor's remit: over which one of the lines' supervise permissions is held."""
    return Case.objects.filter(remit(actor), submitted_at__isnull=False)


def supervised_steps(actor: Actor) -> QuerySet[Step]:
    """The steps of the remit's cases that figures count: open, handled, undone."""
    return Step.objects.filter(case__in=supervised(actor), state__in=("open", "done", "undone"))


def supervised_cards(actor: Actor) -> QuerySet[Card]:
    return Card.objects.filter(remit(actor))


def case_tally(actor: Actor) -> QuerySet[CaseTally]:
    """What the remit's cases add up to; see :class:`CaseTally`."""
    return CaseTally.objects.filter(remit(actor)).order_by()


def days_tally(actor: Actor) -> QuerySet[DaysTally]:
    """The working days that the remit's cases took; see :class:`DaysTally`."""
    return DaysTally.objects.filter(remit(actor)).order_by()


def step_tally(actor: Actor) -> QuerySet[StepTally]:
    """What the remit's steps add up to; see :class:`StepTally`."""
    return StepTally.objects.filter(remit(actor)).order_by()


def may_supervise(actor: Actor) -> bool:
    return any(actor.can(f"{area}.case.{SUPERVISE}") for area in areas())


def stands_in_for(actor: Actor, item: str = "") -> list[int]:
    """Keys of the people whose steps the actor may handle today by delegation; for one item, or for any."""
    if actor.person_id is None:
        return []
    today = timezone.localdate()
    rows = Delegation.objects.filter(
        delegate=actor.person_id, valid_from__lte=today, valid_to__gte=today, revoked_at__isnull=True
    )
    if item:
        rows = rows.filter(Q(item="") | Q(item=item))
    return list(rows.values_list("person_id", flat=True).distinct())


@Question
def _delegates(people: list[int], item: str, on: date) -> QuerySet[Delegation, int]:
    rows = Delegation.objects.filter(
        Q(item="") | Q(item=item), person__in=people, valid_from__lte=on, valid_to__gte=on, revoked_at__isnull=True
    )
    return rows.values_list("delegate_id", flat=True)


def delegates_of(people: Iterable[int], item: str) -> list[int]:
    """Keys of those who stand in for these people today."""
    return _delegates(list(people), item, timezone.localdate())


def todo(actor: Actor) -> QuerySet[Seat]:
    """待办: the seats that wait for the actor, or for somebody the actor stands in for; of cases under way."""
    return _seats(actor, stand_in=True).filter(state__in=TODO, case__state="running")


def handled(actor: Actor) -> QuerySet[Seat]:
    """已办: what the actor decided."""
    done = Q(person=actor.person_id or 0) | Q(acted_by=actor.person_id or 0)
    return Seat.objects.filter(done, state="done")


def copies(actor: Actor) -> QuerySet[Seat]:
    """抄送: cases somebody copied to the actor."""
    return Seat.objects.filter(person=actor.person_id or 0, kind="copy")


def applications(actor: Actor) -> QuerySet[Case]:
    """申请: the actor's own cases, drafts included."""
    return Case.objects.filter(applicant=actor.person_id or 0)


def _seats(actor: Actor, *, stand_in: bool) -> QuerySet[Seat]:
    people = [actor.person_id] if actor.person_id is not None else []
    rows = Seat.objects.all()
    mine = Q(person__in=people)
    if stand_in and (others := stands_in_for(actor)):
        allowed = Delegation.objects.filter(
            Q(item="") | Q(item=OuterRef("case__item")), person=OuterRef("person"), delegate=actor.person_id or 0,
            valid_from__lte=timezone.localdate(), valid_to__gte=timezone.localdate(), revoked_at__isnull=True,
        )  # fmt: skip
        mine |= Q(person__in=others) & Exists(allowed)
    return rows.filter(mine)


def steps_of(case: Case) -> QuerySet[Step]:
    return case.steps.prefetch_related("seats__person", "seats__organ", "seats__acted_by", "cards").order_by("round")


def items_for(actor: Actor) -> list[ServiceItem]:
    """The items the actor may apply for."""
    found = [item for item in registry.current().all(ServiceItem) if actor.can(item.permission(APPLY))]
    return sorted(found, key=lambda item: (item.number, item.order))


def items() -> list[ServiceItem]:
    return sorted(registry.current().all(ServiceItem), key=lambda item: (item.number, item.order))


def takes_part(actor: Actor) -> bool:
    """Tell whether the actor has anything to do with cases at all, for the menu."""
    acts = (APPLY, ENDORSE, HANDLE, DECIDE, *READING)
    return any(actor.can(f"{area}.case.{act}") for area in areas() for act in acts)


def concerned(actor: Actor) -> bool:
    """Tell whether the actor takes part, or was ever asked to act on a case or given a copy: an expert of a group holds no
    permission of cases."""
    if takes_part(actor):
        return True
    if actor.person_id is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT flow_cases_of(%s))", [actor.person_id])
        return cursor.fetchone()[0]


def definitions(actor: Actor) -> QuerySet[Definition]:
    """Process definitions, for those who may look at them."""
    if not actor.can("flow.definition.view"):
        return Definition.objects.none()
    return Definition.objects.select_related("author", "reviewer")


def published(item: str) -> Definition | None:
    """The version that new cases run on."""
    return Definition.objects.filter(item=item, state="published").order_by("-number").first()


def names_of(keys: Iterable[int]) -> dict[int, str]:
    from zhiguan.kernel.orgs.service import Person

    return dict(Person.objects.filter(pk__in=set(keys)).values_list("pk", "name"))


def as_of(case: Case, moment: Any) -> Any:
    """The case as it stood at a moment, by its ledger."""
    from zhiguan.kernel.ledger import service as ledger

    return ledger.as_of(Case, case.pk, moment)
