"""Counts in the frame of every page (menu, bell), kept for a moment: each line adds some, and every page shows them all.

What is kept is used for the very permissions it was counted under, and for LIFE_S seconds; whoever changes something
sees the new counts at once in the process that did it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.db import connection

from zhiguan.kit.actor import Actor

Value = TypeVar("Value")
LIFE_S = 5.0
KEPT = 2000
_kept: OrderedDict[tuple, tuple[Any, dict[Hashable, tuple[float, Any]]]] = OrderedDict()


def _key(actor: Actor) -> tuple:
    # The database is part of the key: tests have many, with the same keys of rows.
    return connection.settings_dict["NAME"], actor.account_id


def recently(actor: Actor, what: Hashable, count: Callable[[], Value]) -> Value:
    """Return ``count()``, or what it returned for the actor a moment ago."""
    key, now = _key(actor), time.monotonic()
    permissions, values = _kept.get(key, (None, {}))
    if permissions is not actor.permissions:
        values = {}
        _kept[key] = actor.permissions, values
        while len(_kept) > KEPT:
            try:
                _kept.popitem(last=False)
            except KeyError:  # another thread was faster
                break
    until, value = values.get(what, (0.0, None))
    if until < now:
        value = count()
        values[what] = now + LIFE_S, value
    return value


def forget(actor: Actor) -> None:
    """Count anew for the actor from now on."""
    _kept.pop(_key(actor), None)
