"""Being let in and going: registration (0x0100), authentication (0x0102), the clock (0x0004), signing off (0x0003)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..jt808 import decode_body, encode
from .answers import clean
from .control import Known, Registration
from .handler import FAILED, OK, Handler, Message

if TYPE_CHECKING:
    from .session import Session

REGISTERED, VEHICLE_TAKEN, NO_VEHICLE, NO_TERMINAL = 0, 1, 2, 4
"""Results of 0x8100."""


def digest(code: str) -> str:
    """SHA-256 of an authentication code in hexadecimal. Codes are 96 random bits, so a plain hash is enough."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def clock(session: Session, message: Message) -> None:
    """0x0004: the platform's time."""
    if message.head.phone:
        session.send_message(0x8004, encode.server_time(datetime.now(UTC)))


def register(session: Session, message: Message) -> None:
    """0x0100."""
    session.begin(_register(session, message))


def authenticate(session: Session, message: Message) -> None:
    """0x0102."""
    session.begin(_authenticate(session, message))


def sign_off(session: Session, message: Message) -> None:
    """0x0003: the code is forgotten, the connection ends."""
    session.begin(_sign_off(session, message))


async def _register(session: Session, message: Message) -> None:
    head, gate = message.head, session.gate
    fields, _ = decode_body(0x0100, message.body, head.version_flag or 0)
    known = await gate.control.source(session.phone)
    if known is not None and not known.active:
        known = await gate.control.source(session.phone, fresh=True)
    serial = head.serial or 0
    device = str((fields or {}).get("terminal_id") or "")[:64]
    result = REGISTERED
    if known is None:
        result = NO_TERMINAL
    elif not known.active:
        result = NO_VEHICLE
    elif known.device_id and device and known.device_id != device:
        result = VEHICLE_TAKEN
    if result != REGISTERED or known is None:
        gate.counts["register_refused"] += 1
        session.wrong += 1
        session.send_message(0x8100, encode.register_answer(serial, result))
        session.close_when_hopeless()
        return
    code = secrets.token_urlsafe(12)
    edition = int((fields or {}).get("edition") or (2019 if head.version_flag else 2013))
    reported = {key: value for key, value in (fields or {}).items() if isinstance(value, (str, int))}
    await gate.control.register(
        Registration(known.id, digest(code), known.device_id or device, edition, clean(reported))
    )
    session.edition = edition
    gate.counts["registered"] += 1
    session.send_message(0x8100, encode.register_answer(serial, REGISTERED, code))


async def _authenticate(session: Session, message: Message) -> None:
    head, gate = message.head, session.gate
    fields, _ = decode_body(0x0102, message.body, head.version_flag or 0)
    given = digest(str((fields or {}).get("auth_code") or ""))
    known = gate.control.cached(session.phone)
    if known is None or not _fits(known, given):
        # another gateway may have registered it a moment ago
        known = await gate.control.source(session.phone, fresh=known is not None)
    if known is None or not _fits(known, given):
        gate.counts["auth_refused"] += 1
        session.wrong += 1
        session.general(head, FAILED)
        session.close_when_hopeless()
        return
    if session.transport is None:
        return
    session.firmware = str((fields or {}).get("software_version") or "")[:64]
    if head.version_flag:
        session.edition = 2019
    session.wrong = 0
    gate.accepted(session, known)
    session.general(head, OK)


async def _sign_off(session: Session, message: Message) -> None:
    await session.gate.control.clear_registration(session.source_id)
    session.general(message.head, OK)
    session.close("signed_off")


def _fits(known: Known, given: str) -> bool:
    return known.active and bool(known.auth_digest) and hmac.compare_digest(known.auth_digest, given)


HANDLERS: dict[int, Handler] = {0x0003: sign_off, 0x0004: clock, 0x0100: register, 0x0102: authenticate}
HEARD_BEFORE = frozenset({0x0004, 0x0100, 0x0102})
"""What a terminal may send before it is let in."""
