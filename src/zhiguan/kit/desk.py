"""What lines put on everybody's desk (首页、待办): waiting work and ways to start something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from . import registry
from .actor import Actor
from .manifest import Declared
from .pages.declare import may
from .pages.recent import recently

CAP = 99
"""Work is counted up to one more than this, which screens show as 99+."""


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


def waiting(actor: Actor) -> Mapping[str, int]:
    """Return how many rows of each to-do wait for the actor, as they were a moment ago at most; up to CAP + 1 of each."""
    return recently(actor, "waiting", lambda: counted(actor))


def counted(actor: Actor) -> dict[str, int]:
    """Return how many rows of each to-do wait for the actor now, in one statement: every page shows them all."""
    kinds = [todo for todo in registry.current().all(Todo) if todo.allows(actor)]
    found, asked, sql, values = {todo.code: 0 for todo in kinds}, [], [], []
    for todo in kinds:
        rows: Any = todo.rows(actor).order_by().values("pk")[: CAP + 1]
        try:
            text, parameters = rows.query.get_compiler(connection=connection).as_sql()
        except EmptyResultSet:
            continue
        asked.append(todo.code)
        sql.append(f"(SELECT count(*) FROM ({text}) AS each)")  # noqa: S608 -- made of a compiled queryset
        values += parameters
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(sql)}", values)
            found.update(zip(asked, cursor.fetchone(), strict=True))
    return found
