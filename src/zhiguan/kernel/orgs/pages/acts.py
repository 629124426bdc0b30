"""Verbs as pages call them: with the log's recorder handed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from zhiguan.kit.actor import Actor

from ..views import recorder


def noted(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return the verb on a row as a page calls it."""

    @wraps(verb)
    def act(actor: Actor, row: Any, **values: Any) -> Any:
        return verb(actor, row, **values, record=recorder())

    return act


def made(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    """Return the verb of a form page that makes something new."""

    @wraps(verb)
    def make(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
        return verb(actor, **values, record=recorder())

    return make


def changed(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    """Return the verb of a form page that changes a row."""

    @wraps(verb)
    def change(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
        return verb(actor, row, **values, record=recorder())

    return change
