"""Which handler gets which message. A module with handlers of its own adds its table to ``HANDLERS``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import answers, entry
from .handler import FAILED, Handler, Message

if TYPE_CHECKING:
    from .session import Session

HANDLERS: dict[int, Handler] = {**entry.HANDLERS, **answers.HANDLERS}
"""Message id -> handler. Every other message is kept as it came (``answers.keep``)."""


def handle(session: Session, message: Message) -> None:
    """Hand a whole message on. Before a terminal is let in, only what lets it in is heard."""
    if not session.source_id and message.msg_id not in entry.HEARD_BEFORE:
        session.gate.counts["before_accepted"] += 1
        session.general(message.head, FAILED)
        return
    HANDLERS.get(message.msg_id, answers.keep)(session, message)
