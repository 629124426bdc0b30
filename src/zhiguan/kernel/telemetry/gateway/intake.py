"""From frames to committed rows to answers: everything of one commit interval together.

Location reports, which are nearly all traffic, are only noted when they arrive; decoding, checking, writing and the
building of answers happen for thousands at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import MICROS, POSITION, Block, digests, join, plausible
from ..ingest import Raw, Writer
from ..jt808 import bulk
from ..jt808.frames import escape
from .config import Config

if TYPE_CHECKING:
    from .session import Session

log = logging.getLogger(__name__)

POSITION_SIZE = 28
SOUTH, WEST = 4, 8


TIME, PLACE, SHORT = "time", "position", "body"
"""Why a report is kept aside: impossible device time, position beyond any number we store, fewer than 28 bytes."""


def positions(
    bodies: Sequence[bytes], sources: Sequence[int], received_us: Sequence[int], config: Config
) -> tuple[Block, list[Raw]]:
    """Bodies of 0x0200 -> rows, and what cannot be a row (impossible time or number) to be kept as it is."""
    decoded = bulk.parse_location_bulk(bodies)
    sizes = np.fromiter(map(len, bodies), np.int64, len(bodies))
    who, when = np.array(sources, np.int64), np.array(received_us, np.int64)
    return rows_of(decoded, b"".join(bodies), np.cumsum(sizes) - sizes, sizes, who, when, config)


def rows_of(
    decoded: np.ndarray,
    content: bytes,
    starts: np.ndarray,
    sizes: np.ndarray,
    sources: np.ndarray,
    received: np.ndarray,
    config: Config,
) -> tuple[Block, list[Raw]]:
    """As :func:`positions`, of bodies that begin at ``starts`` in ``content``; ``decoded`` is POSITION_DTYPE."""
    count = len(decoded)
    rows = np.zeros(count, POSITION)
    rows["source_id"] = sources
    rows["received_at"] = received
    timed = decoded["time_s"] != bulk.NO_TIME
    rows["at"] = np.where(timed, decoded["time_s"], 0) * MICROS
    lat, lon = np.rint(decoded["lat"] * 1e6), np.rint(decoded["lon"] * 1e6)
    placed = (np.abs(lat) < 2**31) & (np.abs(lon) < 2**31)
    rows["lat"] = np.where(placed, lat, 0)
    rows["lon"] = np.where(placed, lon, 0)
    rows["altitude"] = decoded["altitude_m"]
    rows["speed"] = np.rint(decoded["speed_kmh"] * 10)
    rows["direction"] = decoded["direction_deg"]
    rows["alarm"] = decoded["alarm"]
    rows["status"] = decoded["status"]
    rows["mileage_m"], begins = _mileage(content, starts, sizes)
    ends = starts + sizes
    extras: list[bytes | None] = [None] * count
    odd = np.flatnonzero(ends > begins)
    for i, start, end in zip(odd.tolist(), begins[odd].tolist(), ends[odd].tolist(), strict=True):
        extras[i] = content[start:end]
    rows["digest"] = digests(rows, extras)
    now_us = int(received.max()) if count else 0
    sane = timed & plausible(rows, now_us, past_days=config.past_days, ahead_s=config.ahead_s)
    whole = sizes >= POSITION_SIZE
    good = sane & placed & whole
    block = Block(rows, extras)
    if good.all():
        return block, []
    raws = []
    for i in np.flatnonzero(~good).tolist():
        reason = SHORT if not whole[i] else PLACE if not placed[i] else TIME
        at = int(rows["at"][i]) if timed[i] and whole[i] else None
        kept = content[int(starts[i]) : int(ends[i])]
        raws.append(Raw(int(sources[i]), int(received[i]), reason, kept, 0x0200, at=at, once=_key(kept)))
    return block.take(good), raws


def _mileage(content: bytes, starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mileage in metres (-1: none) where it is the first additional item, as nearly always; where the others begin."""
    data = np.frombuffer(content + bytes(POSITION_SIZE + 6), np.uint8)
    begins = starts + POSITION_SIZE
    head = data[begins[:, None] + np.arange(6)].astype(np.int64) if len(starts) else np.zeros((0, 6), np.int64)
    told = (sizes >= POSITION_SIZE + 6) & (head[:, 0] == 1) & (head[:, 1] == 4)
    tenths = head[:, 2] << 24 | head[:, 3] << 16 | head[:, 4] << 8 | head[:, 5]
    return np.where(told, tenths * 100, -1), begins + np.where(told, 6, 0)


def _key(body: bytes) -> bytes:
    """What makes two reports kept aside the same one; short enough for an index."""
    return body if len(body) <= 64 else hashlib.sha256(body).digest()


class Intake:
    """Collects what sessions note, writes it, then answers. ``pending`` is what waits or is under way."""

    def __init__(self, writer: Writer, config: Config, counts: Counter[str]) -> None:
        self.writer = writer
        self.config = config
        self.counts = counts
        self.tick = 0
        self.frames: list[bytes] = []
        self.sessions: list[Session] = []
        self.received: list[float] = []
        self.blocks: list[Block] = []
        self.raws: list[Raw] = []
        self.answers: list[tuple[Session, bytes]] = []
        self.throttled: list[Session] = []
        self.pending = 0
        self.ack_ms: list[float] = []
        self._under_way: set[asyncio.Task] = set()
        self._lanes = asyncio.Semaphore(config.lanes)
        self._stopping = asyncio.Event()

    @property
    def full(self) -> bool:
        """True when no more should be read from terminals."""
        return self.pending + len(self.frames) > self.config.pending_rows

    def keep(self, session: Session, answer: bytes, *, block: Block | None = None, raws: Sequence[Raw] = ()) -> None:
        """Write the rows and messages with the next batch, then send ``answer``."""
        if block is not None and len(block):
            self.blocks.append(block)
        self.raws += raws
        self.answers.append((session, answer))

    async def run(self) -> None:
        """Start a batch every commit interval until :meth:`stop`."""
        interval = self.config.commit_interval_ms / 1000
        loop = asyncio.get_running_loop()
        due = loop.time() + interval
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())
            await self._start_batches()
            self.tick += 1
            self._resume()
            if self.writer.latest_waits and not self._under_way:
                self._spawn(self.writer.flush_latest())
        await self._start_batches()
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def stop(self) -> None:
        """Let :meth:`run` write what is left and return."""
        self._stopping.set()

    def _resume(self) -> None:
        if self.throttled and not self.full:
            paused, self.throttled = self.throttled, []
            for session in paused:
                session.resume()

    async def _start_batches(self) -> None:
        while self.frames or self.answers:
            await self._lanes.acquire()
            size = self.config.commit_rows
            frames, self.frames = self.frames[:size], self.frames[size:]
            sessions, self.sessions = self.sessions[:size], self.sessions[size:]
            received, self.received = self.received[:size], self.received[size:]
            blocks, self.blocks = self.blocks, []
            raws, self.raws = self.raws, []
            answers, self.answers = self.answers, []
            weight = len(frames) + sum(map(len, blocks))
            self.pending += weight
            task = self._spawn(self._batch(frames, sessions, received, blocks, raws, answers))
            task.add_done_callback(lambda _, weight=weight: self._done(weight))

    def _done(self, weight: int) -> None:
        self.pending -= weight
        self._lanes.release()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.counts["batch_failed"] += 1
            log.error("gateway: a batch failed and was not acknowledged", exc_info=task.exception())

    async def _batch(
        self,
        frames: list[bytes],
        sessions: list[Session],
        received: list[float],
        blocks: list[Block],
        raws: list[Raw],
        answers: list[tuple[Session, bytes]],
    ) -> None:
        good = np.zeros(0, np.intp)
        parsed = None
        if frames:
            parsed = bulk.parse_frames(frames)
            good = parsed.located
            if len(good) != len(frames):
                self._set_aside(parsed, frames, sessions, received)
            places = good.tolist()
            who = np.fromiter((sessions[i].source_id for i in places), np.int64, len(places))
            when = np.fromiter((received[i] for i in places), np.float64, len(places)) * MICROS
            content, starts = parsed.content.tobytes(), parsed.body_start[good]
            block, odd = rows_of(
                parsed.positions, content, starts, parsed.body_size[good], who, when.astype(np.int64), self.config
            )
            blocks = [block, *blocks]
            raws = [*odd, *raws]
        rows = join(blocks)
        await self.writer.commit(rows, raws)
        self.counts["positions"] += len(rows)
        if parsed is not None:
            self._acknowledge(parsed, good, sessions)
            if len(self.ack_ms) < 100_000:
                now = time.time()
                self.ack_ms.append((now - received[0]) * 1000)
        for session, answer in answers:
            session.send(answer)

    def _set_aside(
        self, parsed: bulk.Frames, frames: list[bytes], sessions: list[Session], received: list[float]
    ) -> None:
        """Frames that are no plain whole location report after all go the careful way, frame by frame."""
        plain = np.zeros(len(frames), bool)
        plain[parsed.located] = True
        for i in np.flatnonzero(~plain).tolist():
            sessions[i].careful(frames[i], received[i])

    def _acknowledge(self, parsed: bulk.Frames, good: np.ndarray, sessions: list[Session]) -> None:
        """0x8001 with result 0 for every row of ``good``: heads, serials and checksums as columns."""
        serials = parsed.serial[good]
        newer = parsed.version_flag[good] != 0
        chosen = [sessions[i] for i in good.tolist()]
        for flag, width in ((False, 10), (True, 15)):
            index = np.flatnonzero(newer == flag)
            if not len(index):
                continue
            group = [chosen[i] for i in index.tolist()]
            head = np.frombuffer(b"".join([s.heads[flag] for s in group]), np.uint8).reshape(-1, width)
            frame = np.empty((len(group), width + 10), np.uint8)
            frame[:, 0] = frame[:, -1] = 0x7E
            frame[:, 1 : width + 1] = head
            own = np.array([s.next_serial() for s in group], np.uint16)
            frame[:, width + 1], frame[:, width + 2] = own >> 8, own & 0xFF
            frame[:, width + 3], frame[:, width + 4] = serials[index] >> 8, serials[index] & 0xFF
            frame[:, width + 5], frame[:, width + 6], frame[:, width + 7] = 2, 0, 0
            frame[:, width + 8] = np.bitwise_xor.reduce(frame[:, 1 : width + 8], axis=1)
            special = ((frame[:, 1:-1] == 0x7E) | (frame[:, 1:-1] == 0x7D)).any(axis=1)
            data = frame.tobytes()
            size = width + 10
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            for i in np.flatnonzero(special).tolist():
                pieces[i] = b"\x7e" + escape(pieces[i][1:-1]) + b"\x7e"
            _send(group, pieces)


def _send(sessions: list[Session], pieces: list[bytes]) -> None:
    """Send each session its answers, those that follow each other in one go."""
    first, count = 0, len(sessions)
    while first < count:
        session, last = sessions[first], first + 1
        while last < count and sessions[last] is session:
            last += 1
        session.send(pieces[first] if last == first + 1 else b"".join(pieces[first:last]))
        first = last
