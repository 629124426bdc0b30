"""One terminal's connection: frames in, answers out, and what it may do before and after it was let in."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..jt808 import Splitter, checksum, encode, escape, parse_frame
from ..jt808.frames import FLAG, Header
from .answers import clean, resend_request
from .control import Known, SessionRow
from .dispatch import handle
from .handler import FAILED, UNSUPPORTED, WRONG, Message
from .packages import Packages

if TYPE_CHECKING:
    from .server import Gateway

LOCATION_REPORT, LATE_REPORTS = b"\x02\x00", b"\x07\x04"
NOTED = frozenset({LOCATION_REPORT, LATE_REPORTS})
whole = re.compile(rb"(?:\x7e[^\x7e]++\x7e)++").fullmatch
"""Nothing but whole frames, each with delimiters of its own."""
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
        "_at_rest",
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
        "padded_phone",
        "parts",
        "phone",
        "positions",
        "protocol_version",
        "received_bytes",
        "seen",
        "sent",
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
        self.parts: Packages | None = None
        self.source: Known | None = None
        self.source_id = 0
        self.phone = ""
        self.wire_phone = b""
        self.padded_phone = bytes(10)
        """The number as ten BCD bytes, as ``bulk.Frames.phone`` has it."""
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
        self._at_rest = True
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
        take = self.gate.intake
        if self.source_id and self._at_rest and not self.waiting and data[1:3] in NOTED and whole(data):
            count = data.count(FLAG) >> 1
            self._note(data, count, now)
        else:
            count = self._cut(data, now)
        self.frames += count
        if self._tick != take.tick:
            self._tick, self._tick_frames = take.tick, 0
        self._tick_frames += count
        if self._tick_frames > self.gate.config.max_frames_per_tick or take.full:
            self.gate.counts["throttled"] += 1
            self.pause()

    def _note(self, data: bytes, count: int, now: float) -> None:
        """Whole frames, the first a location report, for the next batch."""
        if data[1:3] == LATE_REPORTS:
            take = self.gate.intake
            take.note_late(self, data, count, now)
            if take.late_full:
                self.gate.counts["throttled"] += 1
                self.pause()
        else:
            self.gate.intake.note(self, data, count, now)

    def _cut(self, data: bytes, now: float) -> int:
        """Any bytes: frame by frame. Returns how many frames are whole."""
        frames = self.splitter.feed(data)
        self._at_rest = self.splitter.at_rest
        if not self.splitter.pending_bytes:
            self._part_at = 0.0
        elif frames or not self._part_at:
            self._part_at = now
        if self.waiting:
            self._hold(frames, now)
            return len(frames)
        for number, frame in enumerate(frames):
            self._one(frame, now)
            if self.waiting:
                self._hold(frames[number + 1 :], now)
                break
        return len(frames)

    def _one(self, frame: bytes, now: float) -> None:
        """A frame: noted for the next batch when it may be a plain location report, looked at otherwise."""
        if self.source_id and frame[1:3] in NOTED and not frame[3] & 0x3C:
            self._note(frame, 1, now)
        else:
            self.careful(frame, now)

    def later(self, frame: bytes, now: float) -> None:
        """A noted frame that turned out not to be a plain whole location report of this terminal."""
        if self.waiting:
            self._hold([frame], now)
        else:
            self.careful(frame, now)

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
            self.parts = Packages(self.gate.config.resend_after)
        joined = self.parts.add(head, frame.body, now)
        self.gate.with_parts.add(self)
        if joined.refused:
            self.gate.counts["package_refused"] += 1
            self.general(head, WRONG)
        elif joined.body is not None:
            handle(self, Message(head, joined.body, now, joined.serials))

    def request_missing(self, now: float) -> bool:
        """Ask for packages that have not come (0x8003). False when no message is unfinished any more."""
        if self.parts is None:
            return False
        for missing in self.parts.missing(now):
            self.send_message(*resend_request(missing))
            self.gate.counts["resend_requested"] += 1
        return self.parts.unfinished

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
                self._one(frame, now)
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
        self.padded_phone = self.wire_phone.rjust(10, b"\x00")
        old = b"\x80\x01\x00\x05" + bytes.fromhex(padded[-12:].rjust(12, "0"))
        new = b"\x80\x01\x40\x05" + bytes((self.protocol_version,)) + bytes.fromhex(padded[-20:].rjust(20, "0"))
        self.heads = (old, new)

    # --- answers and downlinks

    def next_serial(self) -> int:
        serial = self._serial
        self._serial = serial + 1 & 0xFFFF
        return serial

    def take_serials(self, count: int) -> int:
        """Serials for ``count`` messages: the first; they run on modulo 65,536."""
        serial = self._serial
        self._serial = serial + count & 0xFFFF
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
