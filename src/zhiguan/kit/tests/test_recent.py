"""Counts kept for a moment: per account, under its permissions, until it changes something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zhiguan.kit.actor import EVERYTHING, Actor
from zhiguan.kit.pages import recent


def test_counts_are_kept_for_the_actor_and_no_longer_than_said(db: None, monkeypatch: Any) -> None:
    now = 1000.0
    monkeypatch.setattr(recent.time, "monotonic", lambda: now)
    made: list[str] = []

    def count() -> int:
        made.append("")
        return len(made)

    actor = Actor("甲", account_id=-1, permissions={"a.b.c": EVERYTHING})
    assert [recent.recently(actor, "todo", count) for _ in range(3)] == [1, 1, 1]
    assert recent.recently(replace(actor, request_id="x"), "todo", count) == 1, "another request of the same actor"
    assert recent.recently(actor, "menu", count) == 2
    other = Actor("乙", account_id=-2, permissions=actor.permissions)
    assert recent.recently(other, "todo", count) == 3
    narrowed = replace(actor, permissions=dict(actor.permissions))
    assert recent.recently(narrowed, "todo", count) == 4, "other permissions see other rows"
    recent.forget(narrowed)
    assert recent.recently(narrowed, "todo", count) == 5
    now += recent.LIFE_S + 0.1
    assert recent.recently(narrowed, "todo", count) == 6
