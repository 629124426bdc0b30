"""Statements of lists that were asked a moment ago: making and planning one costs more than running it.

A statement is kept with its values in place, for the very permissions it was made for, and for LIFE_S seconds, as a
list's rows may depend on today. Asked again, the server keeps its plan, too: the plan belongs to this text and so to
this scope, and row-level security is asked anew each time it runs.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import ClientCursor

from zhiguan.kit.actor import Actor

LIFE_S = 5.0
KEPT = 1000


@dataclass
class Kept:
    """A statement and what its caller needs to read its rows."""

    until: float
    permissions: Any
    text: str
    more: Any
    used: int = 0

    def rows(self) -> list[tuple]:
        """Run the statement in the transaction at work; from the second time on with the plan the server keeps."""
        self.used += 1
        with connection.prepared_cursor() if self.used > 1 else connection.cursor() as cursor:
            cursor.execute(self.text)
            return cursor.fetchall()


_kept: OrderedDict[Hashable, Kept] = OrderedDict()


def recall(question: Hashable, actor: Actor) -> Kept | None:
    """Return the statement kept for this question of this actor."""
    found = _kept.get((connection.settings_dict["NAME"], question))
    if found is None or found.permissions is not actor.permissions or found.until < time.monotonic():
        return None
    return found


def remember(question: Hashable, actor: Actor, sql: str, params: tuple, more: Any) -> None:
    """Keep a statement, forgetting the oldest."""
    text = ClientCursor(connection.connection).mogrify(sql, params)
    _kept[connection.settings_dict["NAME"], question] = Kept(
        time.monotonic() + LIFE_S, actor.permissions, text, more, _uses(question, text)
    )
    while len(_kept) > KEPT:
        try:
            _kept.popitem(last=False)
        except KeyError:  # another thread was faster
            return


def _uses(question: Hashable, text: str) -> int:
    """Return how often the same text was used before: what is asked again and again stays planned."""
    found = _kept.get((connection.settings_dict["NAME"], question))
    return found.used if found is not None and found.text == text else 0
