"""One terminal's connection: frames in, answers out, and what it may do before and after it was let in."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..jt808 import Reassembler, Splitter, checksum, encode, escape, parse_frame
from ..jt808.frames import FLAG, Header
from .answers import clean
from .control import Known, SessionRow
from .dispatch import handle
from .handler import FAILED, UNSUPPORTED, WRONG, Message

if TYPE_CHECKING:
    from .server import Gateway

LOCATION_REPORT = b"\x02\x00"
MAX_HELD = 512
"""Frames kept while the terminal is being let in; then nothing more is read until that is decided."""
MAX_SENT = 64
"""Downlinks whose answer is awaited."""


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
            self.general(head, FAILED)
            self.close_when_hopeless()
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
            handle(self, Message(head, frame.body, now, [head.serial]))
            return
        if self.parts is None:
            self.parts = Reassembler(resend_after_s=self.gate.config.resend_after)
        group = (head.msg_id, head.total or 0)
        joined = self.parts.add(head, frame.body, now)
        self.gate.with_parts.add(self)
        if joined.state == "refused":
            self.gate.counts["package_refused"] += 1
            self.general(head, WRONG)
            return
        self.serials.setdefault(group, []).append(head.serial)
        if joined.state == "whole" and joined.body is not None:
            # every package is answered only when the message is stored whole: none is lost if we stop before
            handle(self, Message(head, joined.body, now, self.serials.pop(group)))
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
                self.send_message(0x8003, body)
                self.gate.counts["resend_requested"] += 1
        if not self.parts.held_bytes:
            self.serials.clear()
            return False
        return True

    def _spoilt(self, checksum_wrong: bool) -> None:
        """Not answered: neither the sender nor the serial can be trusted, and the terminal sends again."""
        self.gate.counts["bad_checksum" if checksum_wrong else "bad_frame"] += 1
        self.wrong += 1
        self.close_when_hopeless()

    def close_when_hopeless(self) -> None:
        limit = self.gate.config.max_wrong
        if self.wrong >= (limit * 20 if self.source_id else limit):
            self.close("wrong_messages")

    def _store(self, head: Header, body: bytes, now: float, reason: str, result: int) -> None:
        if not self.source_id:
            self.general(head, result)
            return
        raw = Message(head, body, now, []).raw(self.source_id, reason)
        self.gate.intake.keep(self, self.general_frame(head.serial or 0, head.msg_id or 0, result), raws=[raw])

    # --- being let in

    def begin(self, work: Any) -> None:
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

    # --- answers and downlinks

    def next_serial(self) -> int:
        serial = self._serial
        self._serial = serial + 1 & 0xFFFF
        return serial

    def general_frame(self, serial: int, msg_id: int, result: int) -> bytes:
        content = (
            self.heads[self.version_flag]
            + self.next_serial().to_bytes(2, "big")
            + serial.to_bytes(2, "big")
            + msg_id.to_bytes(2, "big")
            + bytes((result,))
        )
        return FLAG + escape(content + bytes((checksum(content),))) + FLAG

    def general(self, head: Header, result: int) -> None:
        self.send(self.general_frame(head.serial or 0, head.msg_id or 0, result))

    def framed(self, msg_id: int, body: bytes) -> bytes:
        return encode.encode_frame(
            msg_id,
            body,
            phone=self.wire_phone.hex(),
            serial=self.next_serial(),
            version_flag=self.version_flag,
            protocol_version=self.protocol_version,
        )

    def send_message(self, msg_id: int, body: bytes) -> None:
        self.send(self.framed(msg_id, body))

    def command(self, key: int, msg_id: int, body: bytes) -> int:
        """Send a downlink and wait for its answer; returns its serial. Raises ValueError when it cannot be written."""
        serial = self._serial
        frame = self.framed(msg_id, body)
        self.sent[serial] = (key, msg_id)
        while len(self.sent) > MAX_SENT:
            self.sent.pop(next(iter(self.sent)))
        self.send(frame)
        return serial

    def answered(self, serial: int, result: int, answer: dict[str, Any] | None = None) -> None:
        asked = self.sent.pop(serial, None)
        if asked is not None:
            self.gate.spawn(self.gate.control.command_answered(asked[0], result, clean(answer)))

    def row(self, now: float) -> SessionRow:
        """State for the pages."""
        self.last_row, self.changed = now, False
        seen = datetime.fromtimestamp(self.seen, UTC)
        return SessionRow(
            self.source_id, self.address, self.connected_at or seen, seen,
            datetime.now(UTC) if self.transport is None else None, self.close_reason, self.frames,
            self.positions, self.received_bytes, self.edition, self.firmware.replace("\x00", ""),
        )  # fmt: skip
