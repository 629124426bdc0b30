"""What a handler of one kind of message gets, and what it may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..columns import MICROS
from ..ingest import Raw
from ..jt808.frames import Header

if TYPE_CHECKING:
    from .session import Session

OK, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
"""Results of 0x8001."""


class Message(NamedTuple):
    """A whole message of a terminal, its packages put together."""

    head: Header
    body: bytes
    now: float
    """Unix seconds of its arrival (of its last package)."""
    serials: list[int]
    """Serials to be answered: one, or those of the packages."""

    @property
    def msg_id(self) -> int:
        return self.head.msg_id or 0

    def raw(self, source_id: int, reason: str) -> Raw:
        """The message as it came, to be kept in ``telemetry_raw``."""
        return Raw(source_id, round(self.now * MICROS), reason, self.body, self.head.msg_id, self.head.serial)


Handler = Callable[["Session", Message], None]
"""Handles one message at once; what must wait for the database goes through ``Session.begin`` (nothing else of the
terminal is looked at meanwhile), ``Intake.keep`` (answered after the commit) or ``Gateway.spawn`` (beside).
"""
