"""Messages of a terminal that was let in: positions, heartbeats, answers to downlinks, and everything kept as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..columns import MICROS
from ..downlinks import ANSWERED_BY
from ..jt808 import Missing, decode_body, encode, multimedia
from ..jt808.parameters import PARAMETERS
from ..jt808.tables import MESSAGES
from .handler import OK, UNSUPPORTED, WRONG, Handler, Message
from .rows import POSITION_SIZE
from .rows import positions as rows_of_bodies

if TYPE_CHECKING:
    from .session import Session

WITHOUT_SERIAL = {0x0107: 0x8107, 0x0608: 0x8608, 0x0702: 0x8702}
"""Answers that do not begin with the serial of the platform's question; they answer the last one of that kind."""
MEDIA_UPLOAD = 0x0801


def heartbeat(session: Session, message: Message) -> None:
    """0x0002."""
    session.general(message.head, OK)


def general(session: Session, message: Message) -> None:
    """0x0001: the terminal's general answer to a downlink. It is not answered.

    Some terminals say "success" to a question before they answer it: the question stays open for the answer.
    """
    if len(message.body) >= 5:
        serial, result = int.from_bytes(message.body[:2], "big"), message.body[4]
        asked = session.sent.get(serial)
        if asked is None or result != OK or asked[1] not in ANSWERED_BY:
            session.answered(serial, result)


def positions(session: Session, message: Message) -> None:
    """0x0200, 0x0201 and 0x0704: rows, answered after the commit."""
    body = message.body
    bodies, reason = [body], ""
    if message.msg_id == 0x0201:
        bodies = [body[2:]]
        session.answered(int.from_bytes(body[:2], "big"), OK, {"msg_id": "0201"})
    elif message.msg_id == 0x0704:
        bodies, whole = batch(body)
        reason = "" if whole else "body"
    received = round(message.now * MICROS)
    block, raws = rows_of_bodies(
        bodies, [session.source_id] * len(bodies), [received] * len(bodies), session.gate.config
    )
    session.positions += len(block)
    if reason:
        raws.append(message.raw(session.source_id, reason))
    short = message.msg_id != 0x0704 and len(bodies[0]) < POSITION_SIZE
    session.gate.intake.keep(session, general_answers(session, message, WRONG if short else OK), block=block, raws=raws)


def answer(session: Session, message: Message) -> None:
    """An answer to a downlink with fields of its own: entered on the command, and kept."""
    note_answer(session, message)
    keep(session, message)


def version(session: Session, message: Message) -> None:
    """0x0107: properties of the terminal; its firmware is remembered."""
    fields = note_answer(session, message)
    if fields:
        session.firmware = str(fields.get("firmware_version") or "")[:64]
        session.changed = True
    keep(session, message)


def resend_request(missing: Missing) -> tuple[int, bytes]:
    """What to ask missing packages with: 0x8800 for a medium whose number is known (every other time, for terminals
    that know only one of the two), otherwise 0x8003."""
    if missing.msg_id == MEDIA_UPLOAD and len(missing.first) >= 4 and missing.attempt % 2:
        return 0x8800, multimedia.received(int.from_bytes(missing.first[:4], "big"), missing.indexes)
    return 0x8003, encode.resend_request(missing.original_serial, missing.indexes, missing.version_flag)


def media(session: Session, message: Message) -> None:
    """0x0801: kept, and answered by 0x8800 after the commit."""
    if len(message.body) < 4:
        keep(session, message)
        return
    session.gate.counts["kept"] += 1
    reply = session.framed(0x8800, multimedia.received(int.from_bytes(message.body[:4], "big")))
    session.gate.intake.keep(session, reply, raws=[message.raw(session.source_id, "message")])


def keep(session: Session, message: Message) -> None:
    """Any other message: kept as it came, answered after the commit; unknown ones with "unsupported"."""
    known = message.msg_id in MESSAGES and message.msg_id < 0x8000
    session.gate.counts["kept" if known else "unknown"] += 1
    raw = message.raw(session.source_id, "message" if known else "unknown")
    session.gate.intake.keep(session, general_answers(session, message, OK if known else UNSUPPORTED), raws=[raw])


def note_answer(session: Session, message: Message) -> dict[str, Any] | None:
    """Enter an answer on the downlink it answers; return its fields."""
    msg_id = message.msg_id
    serial = int.from_bytes(message.body[:2], "big")
    if msg_id in WITHOUT_SERIAL:
        asked = WITHOUT_SERIAL[msg_id]
        serial = next((s for s, (_, kind) in reversed(session.sent.items()) if kind == asked), -1)
    fields, _ = decode_body(msg_id, message.body, session.version_flag)
    if fields and "parameters" in fields:
        fields["parameters"] = [_without_secret(item) for item in fields["parameters"]]
    result = int(fields.get("result") or OK) if fields and msg_id == 0x0805 else OK
    session.answered(serial, result, {"msg_id": f"{msg_id:04x}", "fields": fields})
    return fields


def _without_secret(item: dict[str, Any]) -> dict[str, Any]:
    """A parameter as it is kept on the command: passwords are not."""
    known = PARAMETERS.get(int(item["id"], 16))
    return {**item, "value": None, "hex": ""} if known is not None and known.secret else item


def general_answers(session: Session, message: Message, result: int) -> bytes:
    """0x8001 for every package of the message."""
    return b"".join(session.general_frame(serial, message.msg_id, result) for serial in message.serials)


def batch(body: bytes) -> tuple[list[bytes], bool]:
    """0x0704 -> bodies of its location reports, and whether the message was well formed to its end."""
    found = []
    at = 3
    while at + 2 <= len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        piece = body[at + 2 : at + 2 + size]
        if len(piece) < size:
            return found, False
        found.append(piece)
        at += 2 + size
    return found, at == len(body) and len(found) == int.from_bytes(body[:2], "big")


def clean(value: Any) -> Any:
    """PostgreSQL's jsonb has no place for U+0000 and lone surrogates; terminals send both."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


HANDLERS: dict[int, Handler] = {
    0x0001: general,
    0x0002: heartbeat,
    0x0107: version,
    0x0200: positions,
    0x0201: positions,
    0x0704: positions,
    0x0801: media,
    **dict.fromkeys((0x0104, 0x0302, 0x0500, 0x0608, 0x0700, 0x0702, 0x0802, 0x0805), answer),
}
