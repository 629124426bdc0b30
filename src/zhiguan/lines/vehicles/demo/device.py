"""One simulated terminal: the JT/T 808 conversation of a device that keeps what it could not deliver."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from zhiguan.kernel.telemetry.jt808 import MAX_BODY, Decoded, Splitter, decode_frame, encode

from .equipment import DRIVER_CARD, MEDIUM, Card, Equipment

REGISTER, AUTHENTICATE, HEARTBEAT = 0x0100, 0x0102, 0x0002
LOCATION, LOCATION_BATCH = 0x0200, 0x0704
GENERAL, AGAIN, REGISTERED, MEDIUM_ANSWER = 0x8001, 0x8003, 0x8100, 0x8800
UPLOADS = 4
"""Long messages whose packages are kept until the platform has them all."""
ANSWER_S = 20.0
SILENT_S = 90.0
"""A report unanswered for so long: the connection is given up."""
BEAT_S = 60.0
BATCH = 15
"""Reports in one 0x0704, so that it fits one package."""
KEPT = 3_000
"""Undelivered reports a device keeps; then the oldest go."""
BACK_OFF_S = (1.0, 60.0)
REFUSED_WAIT_S = 60.0


@dataclass
class Counts:
    """What the whole fleet did."""

    registered: int = 0
    refused: int = 0
    connects: int = 0
    lost: int = 0
    reports: int = 0
    batches: int = 0
    acknowledged: int = 0
    dropped: int = 0
    downlinks: int = 0
    uploads: int = 0
    repeated: int = 0


@dataclass
class Identity:
    """Who a device is. ``number`` without leading zeros; ``code`` is what the platform gave it at registration."""

    number: str
    device_id: str
    plate: str
    version_flag: int = 0
    code: str = ""


class Refused(ConnectionError):
    """The platform does not let the device in; asking again soon is of no use."""


class Device(asyncio.Protocol):
    """A terminal that connects, proves who it is, reports, and starts again when the connection goes."""

    def __init__(self, who: Identity, host: str, port: int, counts: Counts, gate: asyncio.Semaphore) -> None:
        self.who, self.host, self.port, self.counts, self.gate = who, host, port, counts, gate
        self.accepted = False
        self.on_code: Callable[[], None] = lambda: None
        self.last_body = b""
        self.waiting: deque[bytes] = deque()
        self._sent: dict[int, tuple[float, list[bytes]]] = {}
        self._asked: dict[int, asyncio.Future[dict]] = {}
        self.insides = Equipment(who.number, who.device_id, who.plate, who.version_flag, lambda: self.last_body)
        self.package_size = MAX_BODY
        self.loses: Callable[[int], bool] = lambda index: False
        """Tells which packages of a long message are lost on their way the first time."""
        self._uploads: dict[int, list[bytes]] = {}
        self._media: dict[int, int] = {}
        self._serial = 0
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._splitter = Splitter()

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._splitter = Splitter()
        self._gone.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.accepted = False
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ConnectionResetError("closed by the platform"))
        self._asked.clear()
        # What was not acknowledged may not have been stored; sending it twice does no harm.
        for _, bodies in reversed(self._sent.values()):
            self.waiting.extendleft(reversed(bodies))
        self._sent.clear()
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        for raw in self._splitter.feed(data):
            got = decode_frame(raw)
            head, fields = got.frame.header, got.fields or {}
            if not got.ok or head.msg_id is None:
                continue
            if head.msg_id == GENERAL:
                self._answered(fields)
            elif head.msg_id == REGISTERED:
                future = self._asked.pop(fields.get("reply_serial", -1), None)
                if future is not None and not future.done():
                    future.set_result(fields)
            else:
                self._obey(got)

    def close(self) -> None:
        """Hang up; the platform learns it from the connection."""
        if self._transport is not None:
            self._transport.close()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        wait, most = BACK_OFF_S
        while True:
            pause = wait
            try:
                async with self.gate:
                    await asyncio.wait_for(
                        asyncio.get_running_loop().create_connection(lambda: self, self.host, self.port), ANSWER_S
                    )
                    self.counts.connects += 1
                    await self._enter()
                wait = BACK_OFF_S[0]
                await self._stay()
                self.counts.lost += 1
            except Refused:
                self.counts.refused += 1
                pause = REFUSED_WAIT_S
            except (OSError, TimeoutError):
                wait = min(wait * 2, most)
            finally:
                self.close()
            if self._transport is not None:
                await self._gone.wait()
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def _enter(self) -> None:
        """Authenticate with the code kept; register where there is none or the platform no longer accepts it."""
        if self.who.code and await self._authenticate():
            return
        body = encode.register(
            province=31, city=100, maker="70999", model="ZG-808", terminal_id=self.who.device_id, plate_colour=1,
            plate=self.who.plate, edition="2019" if self.who.version_flag else "2013",
        )  # fmt: skip
        answer = await self._ask(REGISTER, body)
        code = answer.get("auth_code") or ""
        if answer.get("result") != 0 or not code:
            raise Refused(f"registration refused: {answer.get('result_label')}")
        self.who.code = code
        self.counts.registered += 1
        self.on_code()
        if not await self._authenticate():
            raise Refused("authentication refused right after registration")

    async def _authenticate(self) -> bool:
        body = encode.authenticate(
            self.who.code,
            imei=self.who.number.rjust(15, "8"),
            software=self.insides.firmware,
            version_flag=self.who.version_flag,
        )
        answer = await self._ask(AUTHENTICATE, body)
        if answer.get("result") != 0:
            self.who.code = ""
            return False
        self.accepted = True
        self._deliver()
        return True

    async def _stay(self) -> None:
        """Keep the connection alive; return when it is gone."""
        while not self._gone.is_set():
            try:
                await asyncio.wait_for(self._gone.wait(), BEAT_S * random.uniform(0.8, 1.0))
            except TimeoutError:
                oldest = next(iter(self._sent.values()), None)
                if oldest is not None and time.monotonic() - oldest[0] > SILENT_S:
                    self.close()
                    continue
                self._send(HEARTBEAT, b"")
                self._deliver()

    # --- messages out

    def _send(self, msg_id: int, body: bytes) -> int:
        self._serial = self._serial + 1 & 0xFFFF
        self._write(
            encode.encode_frame(
                msg_id, body, phone=self.who.number, serial=self._serial, version_flag=self.who.version_flag
            )
        )
        return self._serial

    async def _ask(self, msg_id: int, body: bytes) -> dict:
        """Send and return the fields of the answer. Raises TimeoutError, or ConnectionError when hung up on."""
        if self._transport is None:
            raise ConnectionResetError("closed by the platform")
        future: asyncio.Future[dict] = asyncio.get_running_loop().create_future()
        serial = self._send(msg_id, body)
        self._asked[serial] = future
        try:
            return await asyncio.wait_for(future, ANSWER_S)
        finally:
            self._asked.pop(serial, None)

    def report(self, body: bytes) -> None:
        """Deliver one location report now, or keep it until there is a connection."""
        self.last_body = body
        if self.accepted and not self.waiting:
            self._sent[self._send(LOCATION, body)] = (time.monotonic(), [body])
            self.counts.reports += 1
            return
        self.keep(body)
        self._deliver()

    def keep(self, body: bytes) -> None:
        """Put a report aside: there is no network."""
        self.waiting.append(body)
        if len(self.waiting) > KEPT:
            self.waiting.popleft()
            self.counts.dropped += 1

    @property
    def unsaid(self) -> int:
        """Reports that were not delivered, or not acknowledged yet."""
        return len(self.waiting) + len(self._sent)

    def flush(self) -> None:
        """Send what was kept, when there is a connection."""
        self._deliver()

    def _deliver(self) -> None:
        """Send what was kept, several reports in one message, as made up after a blind area."""
        while self.accepted and self.waiting and len(self._sent) < 64:
            bodies = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
            serial = self._send(LOCATION_BATCH, encode.location_batch(bodies, kind=1))
            self._sent[serial] = (time.monotonic(), bodies)
            self.counts.batches += 1

    # --- messages in

    def _answered(self, fields: dict) -> None:
        serial = fields.get("reply_serial", -1)
        future = self._asked.get(serial)
        if future is not None:
            if not future.done():
                future.set_result(fields)
            return
        sent = self._sent.pop(serial, None)
        if sent is None:
            return
        if fields.get("result") == 0:
            self.counts.acknowledged += len(sent[1])
            if self.waiting:
                self._deliver()
        elif self._transport is not None:
            # Not let in (any more): what was sent is kept, and the next connection authenticates anew.
            self._sent[serial] = sent
            self.close()

    def _obey(self, got: Decoded) -> None:
        """Do what the platform asks, as far as the device can, and say so."""
        head, fields = got.frame.header, got.fields or {}
        self.counts.downlinks += 1
        if head.msg_id == AGAIN:
            self._repeat(fields.get("original_serial", -1), fields.get("indexes", []))
        elif head.msg_id == MEDIUM_ANSWER:
            first = self._media.get(fields.get("media_id", -1), -1)
            if fields.get("missing"):
                self._repeat(first, fields["missing"])
            else:
                self._uploads.pop(first, None)
        else:
            for msg_id, body in self.insides.obey(head.msg_id or 0, head.serial or 0, fields, got.frame.body):
                self.send_long(msg_id, body)
            if self.insides.restarting:
                self.insides.restarting = False
                self.close()

    def send_long(self, msg_id: int, body: bytes) -> None:
        """Send a message, in packages when it does not fit one; they are kept until the platform has them."""
        if len(body) <= self.package_size:
            self._send(msg_id, body)
            return
        first = self._serial + 1 & 0xFFFF
        packages = encode.encode_packages(
            msg_id, body, phone=self.who.number, first_serial=first, version_flag=self.who.version_flag,
            max_body=self.package_size,
        )  # fmt: skip
        self._serial = self._serial + len(packages) & 0xFFFF
        self._uploads[first] = packages
        if msg_id == MEDIUM:
            self._media[int.from_bytes(body[:4], "big")] = first
        while len(self._uploads) > UPLOADS:
            self._uploads.pop(next(iter(self._uploads)))
        self.counts.uploads += 1
        for index, package in enumerate(packages, 1):
            if not self.loses(index):
                self._write(package)

    def _repeat(self, first: int, indexes: list[int]) -> None:
        """Send packages of a long message once more."""
        packages = self._uploads.get(first, [])
        for index in indexes:
            if 1 <= index <= len(packages):
                self.counts.repeated += 1
                self._write(packages[index - 1])

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    # --- of its own accord

    def insert_card(self, card: Card, moment: datetime | None = None) -> None:
        """A driver's card goes in (now)."""
        self.insides.card = card
        if self.accepted:
            self._send(DRIVER_CARD, self.insides.card_body(1, moment))

    def remove_card(self, moment: datetime | None = None) -> None:
        """The card goes out (now)."""
        if self.accepted:
            self._send(DRIVER_CARD, self.insides.card_body(2, moment))
        self.insides.card = None

    def photograph(self, event: int = 0) -> None:
        """Take a picture and send it."""
        self.send_long(*self.insides.upload(self.insides.photograph(event=event)))

    def forget_code(self) -> None:
        """Forget the code, as a device does that was reset: it registers again at its next connection."""
        self.who.code = ""
        self.close()
