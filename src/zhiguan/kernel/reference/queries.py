"""What the pages of reference data show."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from zhiguan.kit.actor import Actor

from . import service
from .models import Fact


def in_force(actor: Actor) -> QuerySet[Fact]:
    """Return one row per code: the one in force today."""
    today = timezone.localdate()
    latest = (
        Fact.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=today), valid_from__lte=today, place__isnull=True)
        .order_by("code", "-valid_from", "-local", "-pk")
        .distinct("code")
    )
    return Fact.objects.filter(pk__in=latest.values("pk"))


def all_rows(actor: Actor) -> QuerySet[Fact]:
    """Return every row, earlier and later ones included: they have pages of their own."""
    return Fact.objects.all()


def editions(fact: Fact, actor: Actor) -> QuerySet[Fact]:
    """Return all rows of the fact's code, latest first."""
    return Fact.objects.filter(code=fact.code).select_related("place").order_by("-valid_from", "-local", "-pk")


def topic_name(code: str) -> str:
    return service.topics().get(code, code)


def topic_options(actor: Actor) -> Iterable[tuple[str, str]]:
    return service.topics().items()
