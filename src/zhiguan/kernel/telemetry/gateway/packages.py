"""Messages of one terminal that come in packages, and the serials that are answered once such a message is whole."""

from __future__ import annotations

from typing import NamedTuple

from ..jt808 import Missing, Reassembler
from ..jt808.frames import Header


class Joined(NamedTuple):
    """What a package made of its message: ``body`` and the ``serials`` to be answered when it is whole now."""

    refused: bool
    body: bytes | None = None
    serials: list[int] = []


class Packages:
    """Memory is bounded by the limits of :class:`Reassembler`."""

    __slots__ = ("_joiner", "_serials")

    def __init__(self, resend_after_s: float) -> None:
        self._joiner = Reassembler(resend_after_s=resend_after_s)
        self._serials: dict[tuple[int, int], list[int]] = {}

    def add(self, head: Header, body: bytes, now: float) -> Joined:
        """Take a package. Every package is answered only when the message is stored whole: none is lost if we stop
        before.
        """
        total = head.total or 0
        group = (head.msg_id or 0, total)
        joined = self._joiner.add(head, body, now)
        if joined.state == "refused":
            return Joined(refused=True)
        serials = self._serials.setdefault(group, [])
        serials.append(head.serial or 0)
        if joined.state == "whole" and joined.body is not None:
            return Joined(refused=False, body=joined.body, serials=self._serials.pop(group))
        if len(serials) > 2 * total + 16:
            self._serials[group] = serials[-total:]
        return Joined(refused=False)

    def missing(self, now: float) -> list[Missing]:
        """Messages of which packages are to be asked for now."""
        self._joiner.expire(now)
        return [missing for missing in self._joiner.due(now) if missing.indexes]

    @property
    def unfinished(self) -> bool:
        """False when no message waits for packages any more; nothing is remembered then."""
        if not self._joiner.held_bytes:
            self._serials.clear()
            return False
        return True
