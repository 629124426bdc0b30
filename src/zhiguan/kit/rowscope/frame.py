"""The frame: what the present work may see, kept in a context variable and told to PostgreSQL in every transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from django.db import DEFAULT_DB_ALIAS, connections

from .declare import ALL_POSITIONS

LAST = ALL_POSITIONS[1]  # PostgreSQL writes a closed range as open at the next number, and there is none

Ranges = Sequence[tuple[int, int]]
"""Closed ranges of unit positions, ascending and disjoint."""


@dataclass(frozen=True)
class Frame:
    """Ranges by subject area, and who asks. An area that is not named has no rows."""

    areas: Mapping[str, Ranges]
    person: int | None = None
    account: int | None = None
    system: bool = False

    @cached_property
    def settings(self) -> dict[str, str]:
        """The ``zg.*`` settings of this frame, as PostgreSQL text.

        Per area its first range, and all where it has more; and the first range that most areas have, with these areas:
        a table of many areas (:class:`ByArea`) compares its rows with that first.
        """
        settings = {
            "zg.person": "" if self.person is None else str(self.person),
            "zg.account": "" if self.account is None else str(self.account),
            "zg.system": "1" if self.system else "",
        }
        alike: dict[tuple[int, int], list[str]] = {}
        for area, ranges in self.areas.items():
            if not ranges:
                continue
            alike.setdefault((ranges[0][0], ranges[0][1]), []).append(area)
            settings[f"zg.{area}_lo"], settings[f"zg.{area}_hi"] = map(str, ranges[0])
            scope = "{" + ",".join(f"[{lo},{hi}]" if hi < LAST else f"[{lo},)" for lo, hi in ranges) + "}"
            settings[f"zg.{area}_ranges"] = scope if len(ranges) > 1 else ""
        (low, high), areas = max(alike.items(), key=lambda each: len(each[1]), default=(("", ""), []))
        settings["zg.most_lo"], settings["zg.most_hi"] = str(low), str(high)
        settings["zg.most_areas"] = f"{{{','.join(areas)}}}" if areas else ""
        return settings

    @cached_property
    def statement(self) -> str:
        """SQL that tells a transaction this frame; made once, as it goes out with every request."""
        return _telling(self.settings)

    def statement_after(self, before: Frame) -> str:
        """SQL that tells a transaction this frame, and nothing any more of what only another one had."""
        return _telling(dict.fromkeys(before.settings, "") | self.settings)


def _telling(settings: Mapping[str, str]) -> str:
    pairs = ((name, value.replace("'", "''")) for name, value in settings.items())
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in pairs)


NOTHING = Frame({})
_current: ContextVar[Frame] = ContextVar("zhiguan_frame", default=NOTHING)


def current() -> Frame:
    """Return the frame in force; :data:`NOTHING` when no actor has been named."""
    return _current.get()


def everything(areas: Sequence[str], *, account: int | None = None) -> Frame:
    """Return the frame of the system's own jobs: every row of the named areas."""
    return Frame({area: (ALL_POSITIONS,) for area in areas}, account=account, system=True)


@contextmanager
def applied(frame: Frame, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Work under ``frame``; an open transaction is told at once, later ones when they begin."""
    before = _current.get()
    token = _current.set(frame)
    connection = connections[using]
    told = connection.in_atomic_block
    if told:
        connection.tell_frame(before, frame)
    try:
        yield
    finally:
        _current.reset(token)
        if told and connection.in_atomic_block and not connection.needs_rollback:
            connection.tell_frame(frame, before)
