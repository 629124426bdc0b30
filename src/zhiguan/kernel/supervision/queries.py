"""Read side of supervision. Everything takes the actor and returns only what their scope reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.urls import NoReverseMatch, reverse

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit import actor as actors
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import Change, HistoryEntry
from zhiguan.kit.pages.declare import may
from zhiguan.kit.pages.links import targets

from .codes import ASSIGN, EXPLAIN, VERIFY, VIEW, Outcome, Severity
from .declare import Rule, SubjectLink
from .lifecycle import OPEN
from .models import Finding, RuleRun

PERSONS = ("assignee_id",)
"""Fields of a finding with a person's key, for scopes that reach only oneself."""


def findings(actor: Actor, permission: str = VIEW) -> QuerySet[Finding]:
    """Return the findings that the permission reaches."""
    return Finding.objects.filter(actor.scope(permission).q("scope_pos", PERSONS))


def of_subject(actor: Actor, subject: Any) -> QuerySet[Finding]:
    """Return the findings about one subject (a model instance), newest first."""
    kind = ledger.subject_type(subject)
    return findings(actor).filter(subject_type=kind, subject_id=subject.pk).order_by("-period", "-id")


def waiting(actor: Actor) -> Q:
    """Return the condition of the findings that wait for an act of this actor: to assign, explain or verify."""
    condition = Q(state="assigned") & actor.scope(EXPLAIN).q("scope_pos", PERSONS)
    for permission, states in ((ASSIGN, ("raised",)), (VERIFY, ("explained", "rectified"))):
        condition |= Q(state__in=states) & actor.scope(permission).q("scope_pos")
    return condition


def todo(actor: Actor) -> QuerySet[Finding]:
    """Return the findings that wait for this actor, those with the nearest limit first."""
    return findings(actor).filter(waiting(actor)).order_by("due_on", "pk")


def unit_options(actor: Actor) -> Iterable[tuple]:
    """Return the unit filter's options: city, districts and organs that the permission reaches, or reaches into."""
    reached = Q(pk__in=[])
    for lo, hi in actor.scope(VIEW).ranges:
        reached |= Q(pos__lte=hi, pos_end__gte=lo)
    units = Unit.objects.open().of_kind("city", "district", "organ").filter(reached)
    return units.values_list("pk", "name", "pos", "pos_end")


# --- rules ------------------------------------------------------------------------------------------------------------


def rules() -> list[Rule]:
    """Return every declared rule."""
    return registry.current().all(Rule)


def rule_names() -> dict[str, str]:
    """Return the rules' Chinese names by code."""
    return {rule.code: rule.name for rule in rules()}


def rule_name(code: str) -> str:
    """Return the rule's name; of a rule no longer declared, its code."""
    return rule_names().get(code, code)


@dataclass(frozen=True)
class Precision:
    """How often people agreed with a rule. Withdrawn findings say something about the data, not about the rule."""

    confirmed: int = 0
    dismissed: int = 0
    withdrawn: int = 0
    open: int = 0

    @property
    def share(self) -> float | None:
        """Confirmed among those people have decided; None while nothing has been decided."""
        decided = self.confirmed + self.dismissed
        return self.confirmed / decided if decided else None

    @property
    def total(self) -> int:
        return self.confirmed + self.dismissed + self.withdrawn + self.open


def precision(actor: Actor) -> dict[str, Precision]:
    """Return the outcomes per rule within the actor's scope; rules without a finding are absent."""
    rows = findings(actor).order_by().values("rule").annotate(
        confirmed=Count("pk", filter=Q(outcome=Outcome.CONFIRMED)),
        dismissed=Count("pk", filter=Q(outcome=Outcome.DISMISSED)),
        withdrawn=Count("pk", filter=Q(outcome=Outcome.WITHDRAWN)),
        open=Count("pk", filter=Q(state__in=OPEN)),
    )  # fmt: skip
    return {row.pop("rule"): Precision(**row) for row in rows}


def last_runs() -> dict[str, RuleRun]:
    """Return the latest run of each rule."""
    runs = RuleRun.objects.order_by("rule", "-started_at", "-id").distinct("rule")
    return {run.rule: run for run in runs}


def runs(actor: Actor) -> QuerySet[RuleRun]:
    """Return all runs, latest first."""
    return RuleRun.objects.all()


# --- links and story --------------------------------------------------------------------------------------------------


def subject_url(kind: str, key: Any) -> str:
    """Return the address of a subject's own page; empty when its line declares none, or not for the present actor."""
    link = _link(kind)
    return _address(link.url_name, key) if link is not None else ""


def replay_url(kind: str, key: Any, day: str) -> str:
    """Return the address of the data of a subject's replay of one day; empty as with :func:`subject_url`."""
    link = _link(kind)
    address = _address(link.replay, key) if link is not None and link.replay else ""
    return address and f"{address}?{urlencode({'day': day})}"


def _link(kind: str) -> SubjectLink | None:
    try:
        return registry.current().get(SubjectLink, kind)
    except KeyError:
        return None


def _address(name: str, key: Any) -> str:
    target, actor = targets().get(name), actors.current()
    if target is not None and actor is not None and not may(actor, target.permission):
        return ""
    try:
        return reverse(name, kwargs={"pk": key})
    except NoReverseMatch:
        return ""


_SHOWN = ("state", "severity", "summary", "unit_id", "assignee_id", "due_on", "outcome")
_LONG = ("explanation", "rectification", "verdict")


def history(finding: Finding, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the finding's story, newest first."""
    names = {field.attname: str(field.verbose_name) for field in finding._meta.concrete_fields}
    events = list(ledger.history(finding).order_by("-at", "-id")[:200])
    people, units = _names_in(events)
    words = {
        "state": finding.lifecycle.states, "severity": dict(Severity.choices), "outcome": dict(Outcome.choices),
        "assignee_id": people, "unit_id": units,
    }  # fmt: skip

    def text(key: str, value: Any) -> str:
        return "" if value is None else str(words.get(key, {}).get(value, value))

    for event in events:
        changes = [
            Change(names[key], text(key, pair[0]), text(key, pair[1]))
            for key, pair in event.changes.items()
            if key in (*_SHOWN, *_LONG) and event.code != "create"
        ]
        if "evidence" in event.changes and event.code != "create":
            changes.append(Change("证据", "原证据", "按重新计算的结果更新"))
        colour = {"create": "red", "reraise": "red", "close": "green", "withdraw": "secondary"}.get(event.code, "blue")
        yield HistoryEntry(event.at, event.name, event.actor_name, event.reason, changes, colour=colour)


def _names_in(events: Iterable[Any]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the names of the people and units that the events' changes mention."""
    from zhiguan.kernel.orgs.service import Person

    def keys(column: str) -> set[int]:
        return {key for event in events for key in event.changes.get(column, ()) if key}

    people = dict(Person.objects.filter(pk__in=keys("assignee_id")).values_list("pk", "name"))
    units = dict(Unit.objects.filter(pk__in=keys("unit_id")).values_list("pk", "name"))
    return people, units
