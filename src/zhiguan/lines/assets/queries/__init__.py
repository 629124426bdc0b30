"""Named querysets of the line; they take the actor and return only what the scope reaches."""

from __future__ import annotations

from django.db.models import QuerySet

from zhiguan.kit.actor import Actor

from ..models import Asset, Disposal, DisposalItem, HolderChange, TitleRegistration
from .story import history
from .values import valued

__all__ = ["assets", "cards", "disposals", "disposals_of", "history", "holder_changes", "items_of", "titles"]


def assets(actor: Actor) -> QuerySet[Asset]:
    """Return the cards the actor may see."""
    return Asset.objects.visible_to(actor, "assets.asset.view")


def cards(actor: Actor) -> QuerySet[Asset]:
    """Return the cards the actor may see, with accumulated depreciation and net value of today."""
    return valued(assets(actor))


def titles(actor: Actor) -> QuerySet[TitleRegistration]:
    return TitleRegistration.objects.visible_to(actor, "assets.title.view")


def disposals(actor: Actor) -> QuerySet[Disposal]:
    return Disposal.objects.visible_to(actor, "assets.disposal.view")


def disposals_of(actor: Actor, permission: str, state: str) -> QuerySet[Disposal]:
    """Return the disposals in a state that the permission reaches, the oldest decision first."""
    rows = Disposal.objects.visible_to(actor, permission).filter(state=state)
    return rows.select_related("unit").order_by("decided_on", "pk")


def holder_changes(actor: Actor) -> QuerySet[HolderChange]:
    """Return the changes that the actor's organs gave or received."""
    return HolderChange.objects.visible_to(actor, "assets.asset.view")


def items_of(disposal: Disposal, actor: Actor) -> QuerySet[DisposalItem]:
    rows = DisposalItem.objects.visible_to(actor, "assets.disposal.view").filter(disposal=disposal)
    return rows.select_related("asset")


def items_about(asset: Asset, actor: Actor) -> QuerySet[DisposalItem]:
    rows = DisposalItem.objects.visible_to(actor, "assets.disposal.view").filter(asset=asset)
    return rows.select_related("disposal").order_by("-pk")


def changes_of(asset: Asset, actor: Actor) -> QuerySet[HolderChange]:
    return holder_changes(actor).filter(asset=asset).select_related("from_unit", "unit")


def titled(title: TitleRegistration, actor: Actor) -> QuerySet[Asset]:
    """Return the cards that stand under the certificate."""
    return cards(actor).filter(title=title).select_related("unit")
