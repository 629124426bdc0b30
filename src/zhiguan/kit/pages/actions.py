"""What can be done on a page: links to other pages, verbs on one row, verbs on many rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zhiguan.kit.actor import Actor

Verb = Callable[..., Any]
"""``verb(actor, row, **values)``: acts in the running transaction, raises a :mod:`zhiguan.kit.errors` refusal."""

When = Callable[[Any], bool]
"""Tells from a row whether an action is offered. It must not query: lists call it once per row."""


@dataclass(frozen=True)
class PageAction:
    """A button at the head of a list or detail that opens another page, named by its URL name.

    On a detail page the row's key is handed on when the target's path takes one. ``permission`` defaults to the one
    the target page asks for.
    """

    title: str
    page: str
    icon: str = ""
    style: str = ""
    permission: str = ""
    when: When | None = None


@dataclass(frozen=True)
class RowAction:
    """An entry of a list row's own menu: opens the page or act named ``page`` (a URL name) for this row."""

    title: str
    page: str
    icon: str = ""
    permission: str = ""
    when: When | None = None


@dataclass(frozen=True)
class VerbAction:
    """办理: one verb on the row a detail page shows. Its address is the detail's address and ``code/``.

    ``verb`` is called as ``verb(actor, row, **form.cleaned_data)``; with ``reason`` the form gets a required
    ``reason`` field, handed on under that name. ``success`` returns the address to go to from (what the verb returned,
    actor); by default the detail page again. ``style`` is primary, danger or empty. ``only(actor, row)`` narrows the act
    to those the verb lets do it, where the permission alone does not tell (the requester of an order); it must not query.
    ``makes``: the verb returns a new row of the same kind, which programs are answered with. ``program`` is the form of
    programs, where the page's has inputs that depend on the row. ``unfit`` says why, to those who come by the address,
    when ``when`` says no and it is not for the row's state.
    """

    code: str
    title: str
    verb: Verb
    permission: str
    form: type | None = None
    when: When | None = None
    style: str = ""
    icon: str = ""
    confirm: str = ""
    reason: bool = False
    help: str = ""
    done: str = ""
    success: Callable[[Any, Actor], str] | None = None
    only: Callable[[Actor, Any], bool] | None = None
    program: type | None = None
    unfit: str = ""
    makes: bool = False


@dataclass(frozen=True)
class BulkAction:
    """批量办理: one verb on each selected row: ``verb(actor, row)``, or with ``reason`` also ``reason=...``.

    Rows outside the scope of ``permission`` are left alone; a row whose verb refuses is left unchanged and named with
    its refusal, the others are done. ``confirm`` may hold ``{count}``.
    """

    code: str
    title: str
    verb: Verb
    permission: str
    confirm: str = ""
    reason: bool = False
    icon: str = ""
    style: str = ""
    when: When | None = None
    limit: int = 1000


@dataclass(frozen=True)
class EmptyState:
    """What a list says when there are no rows at all: what would stand here, and the way to make the first."""

    title: str = "暂无数据"
    text: str = ""
    action: PageAction | None = None
    icon: str = "inbox"


@dataclass(frozen=True)
class MenuItem:
    """The page's place in the left menu. ``badge`` is the code of the to-do whose count is shown beside it.

    ``when(actor)`` leaves the entry out for those to whom the page, though open to everybody, has nothing to say.
    """

    group: str
    order: int
    icon: str = ""
    title: str = ""
    badge: str = ""
    when: Callable[[Actor], bool] | None = None
