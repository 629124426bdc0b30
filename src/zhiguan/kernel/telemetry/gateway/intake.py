"""From segments to committed rows to answers: everything of one commit interval together.

What arrives whole and looks like location reports, which is nearly all traffic, is only noted when it arrives; cutting
into frames, decoding, checking, writing and the building of answers happen for thousands of reports at a time.

Reports sent late (0x0704) wait in a line of their own: a day's backlog takes what live traffic leaves over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import MICROS, Block, join
from ..ingest import Raw, Writer
from ..jt808 import bulk
from .config import Config
from .replies import acknowledge
from .rows import rows_of

if TYPE_CHECKING:
    from .session import Session

log = logging.getLogger(__name__)

REPORT, BATCH = 0x0200, 0x0704
LATE_BYTES = 48
"""Bytes of a report in a 0x0704, about: how many wait is known only when they are decoded."""
LATE_WAIT_S = 1.0
"""Late reports are written this often even when live traffic leaves nothing over."""


class Line:
    """Segments that wait, each nothing but whole frames of one session."""

    __slots__ = ("chunks", "counts", "received", "sessions", "waiting")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.sessions: list[Session] = []
        self.counts: list[int] = []
        """Frames of each."""
        self.received: list[float] = []
        self.waiting = 0
        """Reports, about, that wait here."""

    def cut(self, weight: int, late: bool) -> Line:
        """Take the oldest segments of about this many reports out."""
        taken = Line()
        if self.waiting <= weight:
            for name in Line.__slots__:
                mine, theirs = getattr(self, name), getattr(taken, name)
                setattr(taken, name, mine)
                setattr(self, name, theirs)
            return taken
        place = 0
        while taken.waiting < weight:
            taken.waiting += 1 + len(self.chunks[place]) // LATE_BYTES if late else self.counts[place]
            place += 1
        for name in ("chunks", "sessions", "counts", "received"):
            mine = getattr(self, name)
            setattr(taken, name, mine[:place])
            setattr(self, name, mine[place:])
        self.waiting -= taken.waiting
        return taken

    def in_order(self) -> None:
        """Order by source, so that rows come in the order of their key and a session's answers together."""
        keys = np.fromiter((session.source_id for session in self.sessions), np.int64, len(self.sessions))
        if (keys[1:] < keys[:-1]).any():
            order = np.argsort(keys, kind="stable").tolist()
            for name in ("chunks", "sessions", "counts", "received"):
                mine = getattr(self, name)
                setattr(self, name, [mine[i] for i in order])


class Intake:
    """Collects what sessions note, writes it, then answers. ``pending`` is what is under way."""

    def __init__(self, writer: Writer, config: Config, counts: Counter[str]) -> None:
        self.writer = writer
        self.config = config
        self.counts = counts
        self.tick = 0
        self.live = Line()
        self.late = Line()
        self.blocks: list[Block] = []
        self.raws: list[Raw] = []
        self.answers: list[tuple[Session, bytes]] = []
        self.throttled: list[Session] = []
        self.pending = 0
        self.ack_ms: list[float] = []
        self._under_way: set[asyncio.Task] = set()
        self._lanes = asyncio.Semaphore(config.lanes)
        self._late_busy = False
        self._late_at = 0.0
        self._stopping = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Reports that wait for the database or are on their way there."""
        return self.pending + self.live.waiting + self.late.waiting

    @property
    def full(self) -> bool:
        """True when no more should be read from terminals."""
        return self.pending + self.live.waiting > self.config.pending_rows

    @property
    def late_full(self) -> bool:
        """True when no more should be read from terminals that send late reports."""
        return self.late.waiting > self.config.late_pending_rows

    def note(self, session: Session, segment: bytes, count: int, now: float) -> None:
        """Take a segment of ``count`` whole frames that begins with a location report."""
        line = self.live
        line.chunks.append(segment)
        line.sessions.append(session)
        line.counts.append(count)
        line.received.append(now)
        line.waiting += count

    def note_late(self, session: Session, segment: bytes, count: int, now: float) -> None:
        """Take a segment of ``count`` whole frames that begins with reports sent late (0x0704)."""
        line = self.late
        line.chunks.append(segment)
        line.sessions.append(session)
        line.counts.append(count)
        line.received.append(now)
        line.waiting += 1 + len(segment) // LATE_BYTES

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
            self._start_late()
            self.tick += 1
            self._resume()
            if self.writer.latest_waits and not self._under_way:
                self._spawn(self.writer.flush_latest())
        while self.waiting or self.answers or self._under_way:
            await self._start_batches()
            self._start_late(stopping=True)
            if self._under_way:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Let :meth:`run` write what is left and return."""
        self._stopping.set()

    def _resume(self) -> None:
        if self.throttled and not self.full:
            paused, self.throttled = self.throttled, []
            for session in paused:
                session.resume()

    async def _start_batches(self) -> None:
        while self.live.waiting or self.answers:
            await self._lanes.acquire()
            line = self.live.cut(self.config.commit_rows, late=False)
            blocks, self.blocks = self.blocks, []
            raws, self.raws = self.raws, []
            answers, self.answers = self.answers, []
            weight = line.waiting + sum(map(len, blocks))
            self.pending += weight
            task = self._spawn(self._batch(line, blocks, raws, answers))
            task.add_done_callback(lambda _, weight=weight: self._done(weight))

    def _done(self, weight: int) -> None:
        self.pending -= weight
        self._lanes.release()

    def _start_late(self, *, stopping: bool = False) -> None:
        """One batch of late reports at a time, when live batches leave a lane free or after a while of waiting."""
        if self._late_busy or not self.late.waiting:
            return
        if self._lanes.locked() and time.monotonic() < self._late_at + LATE_WAIT_S and not stopping:
            return
        self._late_busy, self._late_at = True, time.monotonic()
        idle = self.live.waiting < self.config.late_rows and not self._lanes.locked()
        line = self.late.cut(self.config.commit_rows if idle else self.config.late_rows, late=True)
        self.pending += line.waiting
        task = self._spawn(self._batch(line, [], [], []))
        task.add_done_callback(lambda _: self._late_done(line.waiting))

    def _late_done(self, weight: int) -> None:
        self.pending -= weight
        self._late_busy = False
        if self.throttled and not self.late_full:
            self._resume()

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
        self, line: Line, blocks: list[Block], raws: list[Raw], answers: list[tuple[Session, bytes]]
    ) -> None:
        began = min(line.received, default=0.0)
        noted = _Noted(line, self.config) if line.chunks else None
        if noted is not None:
            blocks = [noted.block, *blocks]
            raws = [*noted.raws, *raws]
        rows = join(blocks)
        await self.writer.commit(rows, raws)
        self.counts["positions"] += len(rows)
        if noted is not None:
            acknowledge(line.sessions, noted.owners, noted.serials, noted.msg_ids)
            if len(self.ack_ms) < 100_000:
                self.ack_ms.append((time.time() - began) * 1000)
        for session, answer in answers:
            session.send(answer)


class _Noted:
    """The segments of a line, decoded. What is no plain whole report of its session goes the careful way at once."""

    def __init__(self, line: Line, config: Config) -> None:
        line.in_order()
        wire = np.frombuffer(b"".join(line.chunks), np.uint8)
        starts, sizes = bulk.cut_wire(wire)
        frames = bulk.parse_wire(wire, starts, sizes)
        counts = np.array(line.counts)
        owner = np.repeat(np.arange(len(counts)), counts)
        phones = np.frombuffer(b"".join([s.padded_phone for s in line.sessions]), "V10")
        newer = np.fromiter((s.version_flag for s in line.sessions), np.uint8, len(line.sessions))
        plain = frames.plain & (frames.phone == phones[owner]) & (frames.version_flag == newer[owner])
        report = np.zeros(len(owner), bool)
        report[frames.located] = True
        report &= plain
        frame = np.flatnonzero(report)
        begin, size = frames.body_start[frame], frames.body_size[frame]
        batches = np.flatnonzero(plain & (frames.msg_id == BATCH))
        if len(batches):
            within, inner, length, whole = bulk.batched(frames, batches)
            report[batches[whole]] = True
            chosen = whole[within]
            frame = np.r_[frame, batches[within[chosen]]]
            begin, size = np.r_[begin, inner[chosen]], np.r_[size, length[chosen]]
            order = np.argsort(frame, kind="stable")
            frame, begin, size = frame[order], begin[order], size[order]
        who = np.fromiter((s.source_id for s in line.sessions), np.int64, len(line.sessions))
        when = (np.array(line.received) * MICROS).astype(np.int64)
        chunk = owner[frame]
        self.block, self.raws = rows_of(frames.content, begin, size, who[chunk], when[chunk], config)
        for place, count in enumerate(np.bincount(chunk, minlength=len(counts)).tolist()):
            line.sessions[place].positions += count
        answered = np.flatnonzero(report)
        self.owners, self.serials = owner[answered], frames.serial[answered]
        self.msg_ids = frames.msg_id[answered]
        for i in np.flatnonzero(~report).tolist():
            raw = wire[starts[i] : starts[i] + sizes[i]].tobytes()
            line.sessions[owner[i]].later(raw, line.received[owner[i]])
