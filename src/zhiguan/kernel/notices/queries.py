"""What the pages of notices show."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor

from .codes import DELIVERY_VIEW
from .declare import NoticeKind
from .models import Notice, NoticeDelivery


def inbox(actor: Actor) -> QuerySet[Notice]:
    """Return the actor's own notices; nobody has a scope over those of others."""
    return Notice.objects.filter(account=actor.account_id) if actor.account_id is not None else Notice.objects.none()


def deliveries(actor: Actor) -> QuerySet[NoticeDelivery]:
    """Return what was sent to people of the units in scope; without the text of what they were told."""
    return NoticeDelivery.objects.visible_to(actor, DELIVERY_VIEW)


def kinds() -> list[NoticeKind]:
    return registry.current().all(NoticeKind)


def kind_name(code: str) -> str:
    return next((kind.name for kind in kinds() if kind.code == code), code)


def kind_options(actor: Actor) -> Iterable[tuple[str, str]]:
    return [(kind.code, kind.name) for kind in kinds()]
