"""A record's ledger events as a story for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zhiguan.kernel.ledger.queries import story
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import HistoryEntry

HIDDEN = frozenset({"id", "version", "scope_pos", "created_at", "from_pos", "values"})


def history(record: Any, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the record's ledger events, newest first."""
    return story(record, HIDDEN)
