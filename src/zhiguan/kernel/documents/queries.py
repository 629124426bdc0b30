"""Reading documents and seals, within the actor's scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from zhiguan.kernel.files import service as files
from zhiguan.kernel.files.service import StoredFile
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, NotFound
from zhiguan.kit.pages import Change, HistoryEntry

from .codes import SEAL_VIEW, VIEW
from .declare import DocumentKind
from .models import OutcomeDocument, Seal


def documents(actor: Actor, permission: str = VIEW) -> QuerySet[OutcomeDocument]:
    """Return the documents that the permission reaches: by the subject's unit, by the issuing organ, and for who holds
    it at all those that name the actor."""
    scope = actor.scope(permission)
    condition = scope.q() | scope.beyond(OutcomeDocument.row_rule)
    if actor.person_id is not None and actor.can(permission):
        condition |= Q(persons__contains=[actor.person_id])
    return OutcomeDocument.objects.filter(condition)


def of_subject(actor: Actor, subject: Any) -> QuerySet[OutcomeDocument]:
    """Return the documents about one subject (a model instance), newest first."""
    return documents(actor).filter(subject_type=subject._meta.label_lower, subject_id=subject.pk)


def of_case(actor: Actor, case: str) -> QuerySet[OutcomeDocument]:
    """Return the documents of one case, newest first."""
    return documents(actor).filter(case=case) if case else OutcomeDocument.objects.none()


def seals(actor: Actor) -> QuerySet[Seal]:
    """Return the seals of the units that the actor keeps."""
    return Seal.objects.visible_to(actor, SEAL_VIEW)


def kinds() -> list[tuple[str, str]]:
    """Return the declared kinds as (code, name)."""
    return [(kind.code, kind.name) for kind in registry.current().all(DocumentKind)]


def organ_options(actor: Actor, permission: str) -> list[tuple[int, str]]:
    """Return the organs within the permission's scope, for a choice."""
    reached = actor.scope(permission).q("pos")
    return list(Unit.objects.open().of_kind("organ").filter(reached).order_by("pos").values_list("pk", "name"))


def unit_options(actor: Actor) -> Iterable[tuple]:
    """Return the unit filter's options: city, districts and organs that the permission reaches, or reaches into."""
    reached = Q(pk__in=[])
    for lo, hi in actor.scope(VIEW).ranges:
        reached |= Q(pos__lte=hi, pos_end__gte=lo)
    units = Unit.objects.open().of_kind("city", "district", "organ").filter(reached)
    return units.values_list("pk", "name", "pos", "pos_end")


def file_of(actor: Actor, pk: int, role: str = "document") -> tuple[OutcomeDocument, StoredFile]:
    """Return a document and one of its files: ``document`` or ``page-N``. Raises ``NotFound``, ``Conflict`` while it is
    being made."""
    found = documents(actor).filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise NotFound("该文书不存在，或不在您的数据权限范围内。")
    if not found.digest:
        raise Conflict("该文书尚在制作，请稍后再试。", code="document_making")
    with system("documents.file").acting():
        file = files.attachments(found).filter(role=role).first()
    if file is None:
        raise NotFound("该文书没有这一页。")
    return found, file


_SHOWN = {
    "state": "状态",
    "end_reason": "失效事由",
    "valid_to": "停用日期",
    "activator": "启用人",
    "problem": "制作情况",
}


def history(record: OutcomeDocument | Seal, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the story of a document or seal, newest first."""
    states = record.lifecycle.states
    for event in ledger.history(record).order_by("-at", "-id")[:100]:
        changes = [
            Change(_SHOWN[name], states.get(before, str(before or "")), states.get(after, str(after or "")))
            for name, (before, after) in event.changes.items()
            if name in _SHOWN and event.code != "create"
        ]
        colour = {"create": "blue", "produce": "green", "activate": "green", "revoke": "red"}.get(
            event.code, "secondary"
        )
        yield HistoryEntry(event.at, event.name, _person(event.actor_name), event.reason, changes, colour=colour)


def _person(name: str) -> str:
    return "系统" if name.isascii() and "." in name else name  # codes of the system's own jobs
