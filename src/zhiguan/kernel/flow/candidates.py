"""Who may do a step: the terms of ``zg:who`` answered on the organisation, accounts and groups of today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from zhiguan.kernel.identity import service as identity
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.codes import Grade
from zhiguan.kernel.orgs.service import Appointment, Person, Unit
from zhiguan.kit.questions import Question

from .models import Duty, Member
from .plan import StepPlan
from .terms import Term, parse

JUDGING = frozenset(("lead", "accept", "review", "site", "expert", "decide"))
"""Stages at which nobody may act who has an interest in the case."""
MOST = 50
"""Candidates of one step; more would make its notice a circular."""


@dataclass
class Asked:
    """What the terms are answered for. ``handlers``: step → keys of the people who handled it, the latest last."""

    unit: Unit
    applicant: Person | None
    values: dict[str, Any]
    handlers: dict[str, list[int]] = field(default_factory=dict)
    interested: frozenset[int] = frozenset()


@Question
def _able(keys: list[int]) -> QuerySet[Person]:
    """Those of the people who are in service and have an account of their own."""
    accounts = identity.Account.objects.filter(person=OuterRef("pk"), is_active=True)
    rows = Person.objects.filter(Exists(accounts), pk__in=keys, active=True)
    return rows.select_related("unit__parent").order_by("sort", "pk")[:MOST]


def found(plan: StepPlan, asked: Asked) -> list[Person]:
    """Return the people who may do the step, in the order of their organisation; empty when there is nobody.

    Only people in service with an account of their own: others could not do it. Those with an interest in the case and
    the handlers of steps that ``zg:not`` names are left out.
    """
    barred = set(asked.interested) if plan.stage in JUDGING else set()
    for other in plan.never_same:
        barred |= set(asked.handlers.get(other, ()))
    for alternative in parse(plan.who):
        keys: dict[int, None] = {}
        for term in alternative:
            keys.update(dict.fromkeys(_ANSWERS[term.kind](term, asked)))
        rows = _able(sorted(set(keys) - barred))
        if plan.mode == "turn":
            order = list(keys)
            rows.sort(key=lambda person: order.index(person.pk))
        if rows:
            return rows
    return []


def _place(term: Term, asked: Asked) -> Unit | None:
    """The unit a term looks in."""
    if term.where == "unit" and asked.applicant is not None:
        return asked.applicant.unit
    if term.where == "parent":
        above = [unit for unit in orgs.path(asked.unit) if unit.pk != asked.unit.pk]
        return above[-1] if above else None
    return asked.unit


def _granted(term: Term, asked: Asked) -> Iterable[int]:
    wanted = {"permission": term.what} if term.kind == "permission" else {"role": term.what}
    place = _place(term, asked) if term.where in ("applicant", "unit", "parent") else None
    for account, ranges in identity.grantees(**wanted):
        if not any(lo <= asked.unit.pos <= hi for lo, hi in ranges):
            continue
        if place is not None and not (account.unit and place.pos <= account.unit.pos <= place.pos_end):
            continue
        if term.where == "bureau" and not any(
            lo <= asked.unit.pos and asked.unit.pos_end <= hi and (lo, hi) != (asked.unit.pos, asked.unit.pos_end)
            for lo, hi in ranges
        ):
            continue
        if account.person_id is not None:
            yield account.person_id


def _post(term: Term, asked: Asked) -> Iterable[int]:
    place = _place(term, asked)
    held = Appointment.objects.on(timezone.localdate()).filter(post__contains=term.what)
    return held.within(place).order_by("person__sort").values_list("person_id", flat=True)[:MOST] if place else ()


def _rank(term: Term, asked: Asked) -> Iterable[int]:
    place = _place(term, asked)
    grades = list(Grade.values)
    if place is None or term.what not in grades:
        return ()
    high = grades[: grades.index(term.what) + 1]
    people = Person.objects.within(place).filter(active=True, rank__grade__in=high)
    return people.order_by("sort", "pk").values_list("pk", flat=True)[:MOST]


def _chief(term: Term, asked: Asked) -> Iterable[int]:
    place = _place(term, asked)
    for _ in range(int(term.what or 0)):
        place = place.parent if place is not None else None
    if place is None:
        return ()
    chief = Person.objects.filter(unit=place, active=True).order_by("sort", "pk").values_list("pk", flat=True).first()
    return (chief,) if chief else ()


def _applicant(term: Term, asked: Asked) -> Iterable[int]:
    return (asked.applicant.pk,) if asked.applicant is not None else ()


def _handler(term: Term, asked: Asked) -> Iterable[int]:
    return asked.handlers.get(term.what, ())[-1:]


def _field(term: Term, asked: Asked) -> Iterable[int]:
    given = asked.values.get(term.what)
    return [key for key in (given if isinstance(given, list) else [given]) if isinstance(key, int)]


def _person(term: Term, asked: Asked) -> Iterable[int]:
    return Person.objects.filter(code=term.what).values_list("pk", flat=True)


def _group(term: Term, asked: Asked) -> Iterable[int]:
    today = timezone.localdate()
    members = Member.objects.filter(group__code=term.what, group__active=True, valid_from__lte=today)
    members = members.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=today))
    return members.order_by("pk").values_list("person_id", flat=True)[:MOST]


def _duty(term: Term, asked: Asked) -> Iterable[int]:
    on = Duty.objects.filter(group__code=term.what, group__active=True, on=timezone.localdate())
    return on.values_list("person_id", flat=True)


_ANSWERS: dict[str, Callable[[Term, Asked], Iterable[int]]] = {
    "permission": _granted, "role": _granted, "post": _post, "rank": _rank, "chief": _chief, "applicant": _applicant,
    "handler": _handler, "field": _field, "person": _person, "group": _group, "duty": _duty,
}  # fmt: skip
