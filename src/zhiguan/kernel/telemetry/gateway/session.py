"""One terminal's connection: frames in, answers out, and what it may do before and after it was let in."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..columns import MICROS
from ..ingest import Raw
from ..jt808 import Reassembler, Splitter, checksum, decode_body, encode, escape, parse_frame
from ..jt808.frames import FLAG, Header
from ..jt808.tables import MESSAGES
from . import intake
from .control import Known, Registration, SessionRow

if TYPE_CHECKING:
    from .server import Gateway

OK, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
"""Results of 0x8001."""
REGISTERED, VEHICLE_TAKEN, NO_VEHICLE, NO_TERMINAL = 0, 1, 2, 4
"""Results of 0x8100."""

LOCATION_REPORT = b"\x02\x00"
ANSWERS = frozenset({0x0104, 0x0107, 0x0201, 0x0302, 0x0500, 0x0608, 0x0700, 0x0802, 0x0805})
"""Messages that begin with the serial of the platform's question (0x0107 and 0x0608 do not; they answer the last)."""
WITHOUT_SERIAL = {0x0107: 0x8107, 0x0608: 0x8608}
MAX_HELD = 512
"""Frames kept while the terminal is being let in; then nothing more is read until that is decided."""
MAX_SENT = 64
"""Downlinks whose answer is awaited."""


def digest(code: str) -> str:
    """SHA-256 of an authentication code in hexadecimal. Codes are 96 random bits, so a plain hash is enough."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def normalised(phone: str) -> str:
    """A terminal's number as sources have it: without the zeros that pad it to 12 or 20 digits."""
    return phone.lstrip("0")


class Session(asyncio.Protocol):
    """Protocol of one connection. ``source`` is set once the terminal was let in."""

    __slots__ = (
        "_part_at",
        "_reading",
        "_serial",
        "_tick",
        "_tick_frames",
        "address",
        "before",
        "changed",
        "close_reason",
        "connected_at",
        "edition",
        "firmware",
        "frames",
        "gate",
        "heads",
        "held",
        "last_row",
        "parts",
        "phone",
        "positions",
        "protocol_version",
        "received_bytes",
        "seen",
        "sent",
        "serials",
        "source",
        "source_id",
        "splitter",
        "started",
        "stuck_at",
        "transport",
        "version_flag",
        "waiting",
        "wire_phone",
        "wrong",
    )  # fmt: skip

    def __init__(self, gate: Gateway) -> None:
        self.gate = gate
        self.transport: asyncio.Transport | None = None
        self.splitter = Splitter()
        self.parts: Reassembler | None = None
        self.serials: dict[tuple[int, int], list[int]] = {}
        self.source: Known | None = None
        self.source_id = 0
        self.phone = ""
        self.wire_phone = b""
        self.version_flag = 0
        self.protocol_version = 1
        self.edition = 2013
        self.firmware = ""
        self.address = ""
        self.started = self.seen = time.time()
        self.connected_at: datetime | None = None
        self.close_reason = ""
        self.frames = self.positions = self.received_bytes = 0
        self.before = self.wrong = 0
        self.waiting = False
        self.changed = False
        self.last_row = 0.0
        self.held: list[tuple[bytes, float]] = []
        self.sent: dict[int, tuple[int, int]] = {}
        self.stuck_at = 0.0
        self._reading = True
        self._serial = 0
        self.heads: tuple[bytes, bytes] = (b"", b"")
        """Header of 0x8001 up to the number, in the layout before 2019 and of 2019."""
        self._part_at = 0.0
        self._tick = -1
        self._tick_frames = 0

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.gate.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.gate.closed(self)

    def pause_writing(self) -> None:
        self.stuck_at = time.time()

    def resume_writing(self) -> None:
        self.stuck_at = 0.0

    def close(self, reason: str) -> None:
        """End the connection after what was written has gone out."""
        if not self.close_reason:
            self.close_reason = reason
        if self.transport is not None:
            self.transport.close()

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        if not self.close_reason:
            self.close_reason = reason
        if self.transport is not None:
            self.transport.abort()

    def pause(self) -> None:
        """Read nothing more until the next tick."""
        if self._reading and self.transport is not None and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()
            self.gate.intake.throttled.append(self)

    def resume(self) -> None:
        """Read again, unless the terminal is still being let in."""
        if self.waiting and len(self.held) >= MAX_HELD:
            self.gate.intake.throttled.append(self)
        elif not self._reading and self.transport is not None:
            self._reading = True
            self.transport.resume_reading()

    def send(self, data: bytes) -> None:
        """Write to the terminal, when it is still there."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    # --- bytes in

    def data_received(self, data: bytes) -> None:
        now = self.seen = time.time()
        self.received_bytes += len(data)
        if data[0] == 0x7E and data[-1] == 0x7E and not self._part_at and len(data) > 14 and data.count(FLAG) == 2:
            frames = [data]
        else:
            frames = self.splitter.feed(data)
            pending = self.splitter.pending_bytes
            if not pending:
                self._part_at = 0.0
            elif frames or not self._part_at:
                self._part_at = now
        self.frames += len(frames)
        if self.waiting:
            self._hold(frames, now)
            return
        take = self.gate.intake
        for number, frame in enumerate(frames):
            if self.source_id and self._plain(frame):
                take.frames.append(frame)
                take.sessions.append(self)
                take.received.append(now)
                self.positions += 1
            else:
                self.careful(frame, now)
                if self.waiting:
                    self._hold(frames[number + 1 :], now)
                    break
        if self._tick != take.tick:
            self._tick, self._tick_frames = take.tick, 0
        self._tick_frames += len(frames)
        if self._tick_frames > self.gate.config.max_frames_per_tick or take.full:
            self.gate.counts["throttled"] += 1
            self.pause()

    def _plain(self, frame: bytes) -> bool:
        """True for a whole, unencrypted location report of this terminal; its checksum is looked at later."""
        if frame[1:3] != LOCATION_REPORT or frame[3] & 0x3C:
            return False
        start = 6 if frame[3] & 0x40 else 5
        return frame[start : start + len(self.wire_phone)] == self.wire_phone and bool(frame[3] & 0x40) == bool(
            self.version_flag
        )

    def _hold(self, frames: list[bytes], now: float) -> None:
        self.held += [(frame, now) for frame in frames]
        if len(self.held) >= MAX_HELD:
            self.pause()

    def stalled(self, now: float) -> bool:
        """True when a frame has been under way too long, or the terminal does not take its answers."""
        config = self.gate.config
        if self._part_at and now - self._part_at > config.frame_timeout:
            return True
        return bool(self.stuck_at) and now - self.stuck_at > config.frame_timeout

    def unread(self) -> int:
        """Bytes of answers that the terminal has not taken."""
        return self.transport.get_write_buffer_size() if self.stuck_at and self.transport is not None else 0

    # --- frames

    def careful(self, raw: bytes, now: float) -> None:
        """Any frame that is not a plain location report."""
        frame = parse_frame(raw)
        head = frame.header
        if not frame.ok or head.msg_id is None or head.phone is None or head.serial is None:
            self._spoilt(frame.checksum_ok is False)
            return
        phone = normalised(head.phone)
        if self.source_id and phone != self.phone:
            # one connection, one terminal: another number must open its own and prove itself
            self.gate.counts["foreign_number"] += 1
            self.wrong += 1
            self._general(head, FAILED)
            self._close_when_hopeless()
            return
        if not self.source_id:
            self.before += 1
            if self.before > self.gate.config.max_before_accepted:
                self.close("flood_before_accepted")
                return
            self._speak(head)
        if head.encryption:
            self.gate.counts["encrypted"] += 1
            self._store(head, frame.body, now, "encrypted", UNSUPPORTED)
            return
        if not head.subpackage:
            self._message(head, frame.body, now, [head.serial])
            return
        if self.parts is None:
            self.parts = Reassembler(resend_after_s=self.gate.config.resend_after)
        group = (head.msg_id, head.total or 0)
        joined = self.parts.add(head, frame.body, now)
        self.gate.with_parts.add(self)
        if joined.state == "refused":
            self.gate.counts["package_refused"] += 1
            self._general(head, WRONG)
            return
        self.serials.setdefault(group, []).append(head.serial)
        if joined.state == "whole" and joined.body is not None:
            # every package is answered only when the message is stored whole: none is lost if we stop before
            self._message(head, joined.body, now, self.serials.pop(group))
        elif len(self.serials[group]) > 2 * (head.total or 0) + 16:
            self.serials[group] = self.serials[group][-(head.total or 0) :]

    def request_missing(self, now: float) -> bool:
        """Ask for packages that have not come (0x8003). False when no message is unfinished any more."""
        if self.parts is None:
            return False
        self.parts.expire(now)
        for missing in self.parts.due(now):
            if missing.indexes:
                body = encode.resend_request(missing.original_serial, missing.indexes, missing.version_flag)
                self._send_message(0x8003, body)
                self.gate.counts["resend_requested"] += 1
        if not self.parts.held_bytes:
            self.serials.clear()
            return False
        return True

    def _spoilt(self, checksum_wrong: bool) -> None:
        """Not answered: neither the sender nor the serial can be trusted, and the terminal sends again."""
        self.gate.counts["bad_checksum" if checksum_wrong else "bad_frame"] += 1
        self.wrong += 1
        self._close_when_hopeless()

    def _close_when_hopeless(self) -> None:
        limit = self.gate.config.max_wrong
        if self.wrong >= (limit * 20 if self.source_id else limit):
            self.close("wrong_messages")

    def _message(self, head: Header, body: bytes, now: float, serials: list[int]) -> None:
        msg_id = head.msg_id
        if msg_id == 0x0100:
            self._begin(self._register(head, body))
        elif msg_id == 0x0102:
            self._begin(self._authenticate(head, body))
        elif msg_id == 0x0004 and head.phone:
            self._send_message(0x8004, encode.server_time(datetime.now(UTC)))
        elif not self.source_id:
            self.gate.counts["before_accepted"] += 1
            self._general(head, FAILED)
        elif msg_id == 0x0002:
            self._general(head, OK)
        elif msg_id == 0x0003:
            self._begin(self._sign_off(head))
        elif msg_id in (0x0200, 0x0201, 0x0704):
            self._positions(head, body, now, serials)
        else:
            self._other(head, body, now, serials)

    def _positions(self, head: Header, body: bytes, now: float, serials: list[int]) -> None:
        bodies, reason = [body], ""
        if head.msg_id == 0x0201:
            bodies = [body[2:]]
            self._answered(int.from_bytes(body[:2], "big"), OK, {"msg_id": "0201"})
        elif head.msg_id == 0x0704:
            bodies, whole = batch(body)
            reason = "" if whole else "body"
        received = round(now * MICROS)
        block, raws = intake.positions(
            bodies, [self.source_id] * len(bodies), [received] * len(bodies), self.gate.config
        )
        self.positions += len(block)
        if reason:
            raws.append(self._raw(head, body, now, reason))
        short = head.msg_id != 0x0704 and len(bodies[0]) < intake.POSITION_SIZE
        answer = b"".join(self._general_frame(serial, head.msg_id or 0, WRONG if short else OK) for serial in serials)
        self.gate.intake.keep(self, answer, block=block, raws=raws)

    def _other(self, head: Header, body: bytes, now: float, serials: list[int]) -> None:
        msg_id = head.msg_id or 0
        if msg_id == 0x0001:
            if len(body) >= 5:
                self._answered(int.from_bytes(body[:2], "big"), body[4])
            return
        known = msg_id in MESSAGES and msg_id < 0x8000
        if msg_id in ANSWERS:
            serial = int.from_bytes(body[:2], "big")
            if msg_id in WITHOUT_SERIAL:
                asked = WITHOUT_SERIAL[msg_id]
                serial = next((s for s, (_, kind) in reversed(self.sent.items()) if kind == asked), -1)
            fields, _ = decode_body(msg_id, body, self.version_flag)
            self._answered(serial, OK, {"msg_id": f"{msg_id:04x}", "fields": fields})
            if msg_id == 0x0107 and fields:
                self.firmware = str(fields.get("firmware_version") or "")[:64]
                self.changed = True
        if msg_id == 0x0801 and len(body) >= 4:
            answer = self._frame(0x8800, encode.media_answer(int.from_bytes(body[:4], "big")))
        else:
            result = OK if known else UNSUPPORTED
            answer = b"".join(self._general_frame(serial, msg_id, result) for serial in serials)
        self.gate.counts["kept" if known else "unknown"] += 1
        raw = self._raw(head, body, now, "message" if known else "unknown")
        self.gate.intake.keep(self, answer, raws=[raw])

    def _store(self, head: Header, body: bytes, now: float, reason: str, result: int) -> None:
        if not self.source_id:
            self._general(head, result)
            return
        answer = self._general_frame(head.serial or 0, head.msg_id or 0, result)
        self.gate.intake.keep(self, answer, raws=[self._raw(head, body, now, reason)])

    def _raw(self, head: Header, body: bytes, now: float, reason: str) -> Raw:
        return Raw(self.source_id, round(now * MICROS), reason, body, head.msg_id, head.serial)

    # --- being let in

    def _begin(self, work: Any) -> None:
        """Do something that asks the database; frames that come meanwhile wait for it."""
        self.waiting = True
        self.gate.spawn(self._decide(work))

    async def _decide(self, work: Any) -> None:
        try:
            await work
        finally:
            self.waiting = False
            held, self.held = self.held, []
            for number, (frame, now) in enumerate(held):
                if self.transport is None:
                    break
                if self.source_id and self._plain(frame):
                    take = self.gate.intake
                    take.frames.append(frame)
                    take.sessions.append(self)
                    take.received.append(now)
                    self.positions += 1
                else:
                    self.careful(frame, now)
                if self.waiting:
                    self.held = held[number + 1 :] + self.held
                    break

    def _speak(self, head: Header) -> None:
        """Answer in the edition and with the number the terminal uses."""
        self.version_flag = head.version_flag or 0
        self.protocol_version = head.protocol_version or 1
        self.phone = normalised(head.phone or "")
        self.wire_phone = bytes.fromhex(head.phone or "")
        padded = head.phone or ""
        old = b"\x80\x01\x00\x05" + bytes.fromhex(padded[-12:].rjust(12, "0"))
        new = b"\x80\x01\x40\x05" + bytes((self.protocol_version,)) + bytes.fromhex(padded[-20:].rjust(20, "0"))
        self.heads = (old, new)

    async def _register(self, head: Header, body: bytes) -> None:
        fields, _ = decode_body(0x0100, body, head.version_flag or 0)
        known = await self.gate.control.source(self.phone)
        if known is not None and not known.active:
            known = await self.gate.control.source(self.phone, fresh=True)
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
            self.gate.counts["register_refused"] += 1
            self.wrong += 1
            self._send_message(0x8100, encode.register_answer(serial, result))
            self._close_when_hopeless()
            return
        code = secrets.token_urlsafe(12)
        edition = int((fields or {}).get("edition") or (2019 if head.version_flag else 2013))
        reported = {key: value for key, value in (fields or {}).items() if isinstance(value, (str, int))}
        await self.gate.control.register(
            Registration(known.id, digest(code), known.device_id or device, edition, _clean(reported))
        )
        self.edition = edition
        self.gate.counts["registered"] += 1
        self._send_message(0x8100, encode.register_answer(serial, REGISTERED, code))

    async def _authenticate(self, head: Header, body: bytes) -> None:
        fields, _ = decode_body(0x0102, body, head.version_flag or 0)
        given = digest(str((fields or {}).get("auth_code") or ""))
        known = self.gate.control.cached(self.phone)
        if known is None or not _fits(known, given):
            # another gateway may have registered it a moment ago
            known = await self.gate.control.source(self.phone, fresh=known is not None)
        if known is None or not _fits(known, given):
            self.gate.counts["auth_refused"] += 1
            self.wrong += 1
            self._general(head, FAILED)
            self._close_when_hopeless()
            return
        if self.transport is None:
            return
        self.firmware = str((fields or {}).get("software_version") or "")[:64]
        if head.version_flag:
            self.edition = 2019
        self.wrong = 0
        self.gate.accepted(self, known)
        self._general(head, OK)

    async def _sign_off(self, head: Header) -> None:
        await self.gate.control.clear_registration(self.source_id)
        self._general(head, OK)
        self.close("signed_off")

    # --- answers and downlinks

    def next_serial(self) -> int:
        serial = self._serial
        self._serial = serial + 1 & 0xFFFF
        return serial

    def _general_frame(self, serial: int, msg_id: int, result: int) -> bytes:
        content = (
            self.heads[self.version_flag]
            + self.next_serial().to_bytes(2, "big")
            + serial.to_bytes(2, "big")
            + msg_id.to_bytes(2, "big")
            + bytes((result,))
        )
        return FLAG + escape(content + bytes((checksum(content),))) + FLAG

    def _general(self, head: Header, result: int) -> None:
        self.send(self._general_frame(head.serial or 0, head.msg_id or 0, result))

    def _frame(self, msg_id: int, body: bytes) -> bytes:
        return encode.encode_frame(
            msg_id,
            body,
            phone=self.wire_phone.hex(),
            serial=self.next_serial(),
            version_flag=self.version_flag,
            protocol_version=self.protocol_version,
        )

    def _send_message(self, msg_id: int, body: bytes) -> None:
        self.send(self._frame(msg_id, body))

    def command(self, key: int, msg_id: int, body: bytes) -> int:
        """Send a downlink and wait for its answer; returns its serial. Raises ValueError when it cannot be written."""
        serial = self._serial
        frame = self._frame(msg_id, body)
        self.sent[serial] = (key, msg_id)
        while len(self.sent) > MAX_SENT:
            self.sent.pop(next(iter(self.sent)))
        self.send(frame)
        return serial

    def _answered(self, serial: int, result: int, answer: dict[str, Any] | None = None) -> None:
        asked = self.sent.pop(serial, None)
        if asked is not None:
            self.gate.spawn(self.gate.control.command_answered(asked[0], result, _clean(answer)))

    def row(self, now: float) -> SessionRow:
        """State for the pages."""
        self.last_row, self.changed = now, False
        seen = datetime.fromtimestamp(self.seen, UTC)
        return SessionRow(
            self.source_id, self.address, self.connected_at or seen, seen,
            datetime.now(UTC) if self.transport is None else None, self.close_reason, self.frames,
            self.positions, self.received_bytes, self.edition, self.firmware.replace("\x00", ""),
        )  # fmt: skip


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


def _fits(known: Known, given: str) -> bool:
    return known.active and bool(known.auth_digest) and hmac.compare_digest(known.auth_digest, given)


def _clean(value: Any) -> Any:
    """PostgreSQL's jsonb has no place for U+0000 and lone surrogates; terminals send both."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
