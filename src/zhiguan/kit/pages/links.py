"""Pages by their URL names: addresses, and which links an actor is offered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.urls import NoReverseMatch, reverse

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor

from .actions import PageAction, RowAction, VerbAction
from .declare import SIGNED_IN, DetailPage, ListPage, Page, may

_SENTINEL = 918273645546372819


@dataclass(frozen=True)
class Target:
    """What a URL name leads to: a page, or one act of a detail page."""

    page: Page
    act: VerbAction | None = None

    @property
    def permission(self) -> str:
        return self.act.permission if self.act is not None else self.page.permission

    @property
    def about_row(self) -> bool:
        return "<int:pk>" in self.page.path


@dataclass(frozen=True)
class Link:
    """A drawn link or button."""

    title: str
    url: str
    icon: str = ""
    style: str = ""


@lru_cache(maxsize=4)
def _targets(known: registry.Registry) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for page in known.all(Page):
        entries = [(page.url_name, Target(page))]
        if isinstance(page, DetailPage):
            entries += [(f"{page.code}.{act.code}", Target(page, act)) for act in page.actions]
        for name, target in entries:
            if name in found:
                raise registry.Duplicate(f"Two pages answer to the URL name {name!r}")
            found[name] = target
    return found


def targets() -> dict[str, Target]:
    """Return everything the registry's pages answer to, by URL name."""
    return _targets(registry.current())


def row_address(name: str) -> Callable[[Any], str]:
    """Return a function from a row's key to the address of page ``name``; faster than reversing for every row."""
    try:
        before, after = reverse(name, kwargs={"pk": _SENTINEL}).split(str(_SENTINEL))
    except NoReverseMatch:
        return lambda pk: ""
    return lambda pk: f"{before}{pk}{after}"


def detail_name(page: ListPage) -> str:
    """Return the URL name of the list's rows' own page; empty when there is none."""
    name = page.detail or f"{page.code}.detail"
    return name if name in targets() else ""


def action_link(action: PageAction, actor: Actor, row: Any = None) -> Link | None:
    """Return the button as the actor is offered it; None when it is not."""
    target = targets().get(action.page)
    permission = action.permission or (target.permission if target else "")
    if (permission and not may(actor, permission)) or (row is not None and action.when and not action.when(row)):
        return None
    takes_row = target.about_row if target is not None else row is not None
    try:
        url = reverse(action.page, kwargs={"pk": row.pk} if takes_row and row is not None else None)
    except NoReverseMatch:
        return None
    return Link(action.title, url, action.icon, action.style)


def row_links(actions: tuple[RowAction, ...], actor: Actor) -> Callable[[Any], list[Link]]:
    """Return a function from a row to the links its menu offers."""
    offered = []
    for action in actions:
        target = targets().get(action.page)
        permission = action.permission or (target.permission if target else "")
        if permission and not may(actor, permission):
            continue
        scope = None if not permission or permission == SIGNED_IN else actor.scope(permission)
        offered.append((action, row_address(action.page), scope))

    def links(row: Any) -> list[Link]:
        found = []
        for action, address, scope in offered:
            position = getattr(row, "scope_pos", None)
            if scope is not None and position is not None and scope.person is None and not scope.covers(position):
                continue
            if action.when is None or action.when(row):
                found.append(Link(action.title, address(row.pk), action.icon))
        return [link for link in found if link.url]

    return links
