"""Reading the log, under the actor's scope."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Model, Q, QuerySet

from zhiguan.kit.actor import Actor

from .canonical import describe
from .declare import Subject
from .models import Checkpoint, Entry

__all__ = ["Checkpoint", "Entry", "search", "story", "visible_to"]


def visible_to(actor: Actor) -> QuerySet[Entry]:
    """Return the entries in the actor's scope of ``trace.entry.view``, and always the actor's own acts."""
    condition = actor.scope("trace.entry.view").q(persons=("person_id",))
    if actor.person_id is not None:
        condition |= Q(person_id=actor.person_id)
    return Entry.objects.filter(condition).select_related("detail", "link")


def search(
    actor: Actor,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: int | str | None = None,
    code: str = "",
    kind: str = "",
    subject: Model | Subject | None = None,
    case: str = "",
    text: str = "",
) -> QuerySet[Entry]:
    """Return entries, newest first.

    ``since`` included, ``until`` excluded; ``by`` an account's key or part of a name; ``code`` exact, or with a closing
    dot everything below (``vehicles.``); ``text`` is looked for in names, label, reason and address, and in references.
    """
    found = visible_to(actor)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    if isinstance(by, int):
        found = found.filter(account_id=by)
    elif by:
        found = found.filter(detail__actor_name__icontains=by)
    if code:
        found = found.filter(code__startswith=code) if code.endswith(".") else found.filter(code=code)
    if kind:
        found = found.filter(kind=kind)
    if subject is not None:
        about = describe(subject)
        found = found.filter(subject_type=about.type)
        if about.id:
            found = found.filter(subject_id=about.id)
    if case:
        found = found.filter(case=case)
    if text:
        condition = Q(subject_id=text) | Q(case=text) | Q(request_id=text)
        for name in ("actor_name", "unit_name", "subject_label", "reason", "address"):
            condition |= Q(**{f"detail__{name}__icontains": text})
        found = found.filter(condition)
    return found.order_by("-id")


def story(actor: Actor, subject: Model | Subject) -> QuerySet[Entry]:
    """Return the whole story of one object, oldest first: every act on it and every traced read of it.

    ``entry.snapshot`` (before and after) is there for whoever has a scope in the object's own subject area.
    """
    about = describe(subject)
    return (
        visible_to(actor)
        .filter(subject_type=about.type, subject_id=about.id)
        .select_related("detail", "link", "snapshot")
        .order_by("id")
    )
