"""Whole decoding: frame bytes to header, body record and problems; and the flat record of the command line contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .downlink import DOWNLINK
from .fields import Cursor
from .frames import Frame, parse_frame
from .messages import UPLINK, Decoder, hex_id
from .problem import Problem
from .tables import MESSAGES

DECODERS: dict[int, Decoder] = {**UPLINK, **DOWNLINK}
POSITION_FIELDS = ("alarm", "status", "lat", "lon", "altitude_m", "speed_kmh", "direction_deg", "time_utc")
_WITH_POSITION = frozenset({0x0200, 0x0201, 0x0500})


@dataclass(slots=True)
class Decoded:
    """A frame and what its body says. `fields` is None when the body was not read (unknown, encrypted, one of
    several packages).
    """

    frame: Frame
    fields: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when neither frame nor body is spoilt."""
        return not any(problem.spoils for problem in self.problems)


def decode_body(msg_id: int, body: bytes, version_flag: int = 0) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Body of one message (put together when it came in packages) -> fields and problems; None for a message not
    known here.
    """
    decoder = DECODERS.get(msg_id)
    if decoder is None:
        return None, []
    cursor = Cursor(body)
    fields = decoder(cursor, version_flag)
    problems = cursor.problems
    if cursor.short:
        problems.append(Problem("body_too_short", f"{len(body)} 字节"))
    elif cursor.left:
        problems.append(Problem("trailing_bytes", f"{cursor.left} 字节"))
    return fields, problems


def decode_frame(raw: bytes) -> Decoded:
    """One frame with its delimiters -> everything that can be read. Never raises."""
    frame = parse_frame(raw)
    decoded = Decoded(frame, None, list(frame.problems))
    head = frame.header
    if not head.complete or head.msg_id is None or head.subpackage:
        return decoded
    if head.encryption:
        decoded.problems.append(Problem("encrypted", f"方式 {head.encryption}"))
        return decoded
    decoded.fields, problems = decode_body(head.msg_id, frame.body, head.version_flag or 0)
    decoded.problems.extend(problems)
    return decoded


def as_record(decoded: Decoded) -> dict[str, Any]:
    """Flat record with the names of `zhiguan jt808 decode`: every name is always there, None when it could not be read.

    `items` are the additional items of 0x0200, 0x0201, 0x0500 and the positions of 0x0704. `body` has the remaining
    fields of the
    message, `body_hex` the bytes. `error` is the first thing that spoils the message, `errors` has all, notes included.
    """
    head = decoded.frame.header
    record: dict[str, Any] = {
        "ok": decoded.ok,
        "error": None,
        "msg_id": hex_id(head.msg_id),
        "msg_name": MESSAGES.get(head.msg_id) if head.msg_id is not None else None,
        "phone": head.phone,
        "serial": head.serial,
        "version_flag": head.version_flag,
        "protocol_version": head.protocol_version,
        "body_length": head.body_length,
        "encryption": head.encryption,
        "subpackage": head.subpackage,
        "total": head.total,
        "index": head.index,
        "checksum_ok": decoded.frame.checksum_ok,
        **dict.fromkeys(POSITION_FIELDS),
        "items": [],
        "body": None,
        "body_hex": decoded.frame.body.hex() if head.complete else None,
        "errors": [problem.as_record() for problem in decoded.problems],
    }
    record["error"] = next((problem.message for problem in decoded.problems if problem.spoils), None)
    if decoded.fields is not None:
        fields = dict(decoded.fields)
        if head.msg_id in _WITH_POSITION:
            for name in POSITION_FIELDS:
                record[name] = fields.pop(name, None)
        record["items"] = fields.pop("items", [])
        record["body"] = fields
    return record
