"""What lines put on everybody's desk (首页、待办): waiting work and ways to start something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from .actor import Actor
from .manifest import Declared
from .pages.declare import may


@dataclass(frozen=True)
class Todo(Declared):
    """一类待办: rows that wait for the actor. ``page`` is the URL name of the list that shows the same rows.

    ``title_of(row)`` and ``detail_of(row)`` are one line each; ``url_name`` opens a row by its key.
    """

    code: str
    title: str
    order: int
    permission: str
    rows: Callable[[Actor], QuerySet]
    page: str
    url_name: str
    title_of: Callable[[Any], str]
    detail_of: Callable[[Any], str]
    icon: str = "checkbox"
    query: str = ""
    """Query string of ``page`` that narrows it to the same rows."""

    def allows(self, actor: Actor) -> bool:
        """Tell whether such work can wait for the actor; ``*`` asks nothing but to be signed in, as pages do."""
        return may(actor, self.permission)


@dataclass(frozen=True)
class Shortcut(Declared):
    """常用服务: a way to start something. ``page`` is a URL name."""

    code: str
    title: str
    order: int
    permission: str
    page: str
    icon: str
    text: str = ""


@dataclass(frozen=True)
class Figure(Declared):
    """我的资源: a count on the home page that opens its rows. ``rows(actor)`` gives the rows counted."""

    code: str
    title: str
    order: int
    permission: str
    rows: Callable[[Actor], QuerySet]
    page: str
    query: str = ""
    icon: str = "chart-bar"
    unit: str = ""
