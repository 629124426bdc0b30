"""Writing positions: one transaction a batch, durable before anybody is answered, repeated until it holds.

A batch goes by binary COPY into a temporary table and from there into the hot table. The natural key (source, device
time, digest of the content) makes a repeated batch harmless, so a commit whose answer was lost is simply done again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import psycopg
from psycopg import errors

from .columns import MICROS, POSITION, STAGING_COLUMNS, Block, Rows, fixed, join, to_copy
from .declare import CHANNEL_LIVE, LOCK_INGEST

log = logging.getLogger(__name__)

LATEST_AHEAD_S = 600
"""A device clock that runs further ahead does not move the latest position, or it would stand still until then."""
CAREFUL_BATCHES = 50
"""Batches written with ON CONFLICT after a duplicate was met; without it a batch costs about two thirds."""
NOTIFY_BYTES = 7_900

_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS staging (
    source_id bigint, at timestamptz, received_at timestamptz, lat integer, lon integer, altitude integer,
    speed integer, direction integer, alarm bigint, status bigint, mileage_m bigint, digest integer, batch bigint,
    extra bytea) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS staging_latest (LIKE staging) ON COMMIT DELETE ROWS;
"""
_COLUMNS = ", ".join(STAGING_COLUMNS)
_COPY = f"COPY staging ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_COPY_LATEST = f"COPY staging_latest ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_SELECT = _COLUMNS.replace("mileage_m", "NULLIF(mileage_m, -1)")
_INSERT = f"INSERT INTO telemetry_position ({_COLUMNS}) SELECT {_SELECT} FROM staging"  # noqa: S608 -- names of our own columns
_LATE = """
INSERT INTO telemetry_dirty AS known (source_id, day, reason, first_at, last_at)
SELECT source_id, (at AT TIME ZONE 'Asia/Shanghai')::date AS day, 'late', min(at), max(at)
FROM staging WHERE at <= (SELECT computed_to FROM telemetry_frontier) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (source_id, day) DO UPDATE SET reason = 'late', version = known.version + 1, marked_at = now(),
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""
_LATEST_REPORT = ("received_at", "altitude", "speed", "direction", "alarm", "status", "mileage_m")
# In staging_latest the columns mean: batch 1 = has a fix; extra unused; lat, lon of the last fix, digest unused.
_LATEST = f"""
INSERT INTO telemetry_latest AS known
    (source_id, at, received_at, fix_at, lat, lon, altitude, speed, direction, alarm, status, mileage_m)
SELECT s.source_id, s.at, s.received_at, f.at, f.lat, f.lon, s.altitude, s.speed, s.direction, s.alarm, s.status,
    NULLIF(s.mileage_m, -1)
FROM staging_latest s LEFT JOIN staging_latest f ON f.source_id = s.source_id AND f.batch = 1
WHERE s.batch = 0 AND EXISTS (SELECT FROM telemetry_source source WHERE source.id = s.source_id)
ORDER BY s.source_id
ON CONFLICT (source_id) DO UPDATE SET
    at = greatest(known.at, excluded.at),
    {", ".join(f"{c} = CASE WHEN excluded.at > known.at THEN excluded.{c} ELSE known.{c} END" for c in _LATEST_REPORT)},
    lat = CASE WHEN excluded.fix_at > known.fix_at OR known.fix_at IS NULL THEN excluded.lat ELSE known.lat END,
    lon = CASE WHEN excluded.fix_at > known.fix_at OR known.fix_at IS NULL THEN excluded.lon ELSE known.lon END,
    fix_at = greatest(known.fix_at, excluded.fix_at)
WHERE excluded.at > known.at OR excluded.fix_at > known.fix_at OR known.fix_at IS NULL
"""  # noqa: S608 -- names of our own columns
_RAW = """
INSERT INTO telemetry_raw (source_id, received_at, at, reason, msg_id, serial, detail, body, once)
VALUES (%s, to_timestamp(%s), to_timestamp(%s), %s, %s, %s, %s, %s, %s)
ON CONFLICT (source_id, once) WHERE once IS NOT NULL DO NOTHING
"""


class Raw(NamedTuple):
    """A message to keep as it came. Times in Unix microseconds; ``once`` deduplicates within the source when given."""

    source_id: int | None
    received_at: int
    reason: str
    body: bytes
    msg_id: int | None = None
    serial: int | None = None
    at: int | None = None
    detail: str = ""
    once: bytes | None = None


@dataclass
class Totals:
    """What a writer has done since it was made."""

    batches: int = 0
    rows: int = 0
    duplicates: int = 0
    raws: int = 0
    retries: int = 0
    refused: int = 0
    last_commit_ms: float = 0.0
    last_error: str = ""
    connected: bool = True


@dataclass
class _Lane:
    """One connection with its own batch number and staging tables."""

    connection: psycopg.AsyncConnection
    days: set = field(default_factory=set)


class Writer:
    """Commits batches over a few connections of the ingest role. ``await commit(...)`` returns once they are durable.

    It never gives up on a batch while the database is away: it waits and repeats. ``lanes`` batches can be under way
    at once. Latest positions are gathered and written with the first batch after ``latest_every_s``.
    """

    def __init__(self, url: str, *, lanes: int = 2, latest_every_s: float = 1.0) -> None:
        self.url = url
        self.totals = Totals()
        self._free: asyncio.Queue[_Lane | None] = asyncio.Queue()
        for _ in range(lanes):
            self._free.put_nowait(None)
        self._lanes = lanes
        self._latest_every_s = latest_every_s
        self._latest: list[Rows] = []
        self._latest_due = 0.0
        self._careful = 0

    async def commit(self, block: Block, raws: Sequence[Raw] = ()) -> int:
        """Write the batch; return the number of new rows. Returns only after the commit, however long it takes.

        Rows that the database itself refuses are kept in ``telemetry_raw`` and do not hold up the others.
        """
        block = without_repeats(block.sorted())
        started = time.monotonic()
        delay = 0.05
        lane = await self._free.get()
        try:
            while True:
                latest = self._due_latest()
                try:
                    if lane is None:
                        lane = await self._connect()
                    inserted = await self._transaction(lane, block, raws, latest)
                    break
                except errors.UniqueViolation:
                    self._careful = CAREFUL_BATCHES
                except errors.CheckViolation:
                    lane.days.clear() if lane else None
                    delay = await self._wait(delay)
                except (errors.DeadlockDetected, errors.SerializationFailure):
                    self.totals.retries += 1
                except (psycopg.DataError, psycopg.IntegrityError) as error:
                    await self._clean(lane)
                    self._give_back(latest)
                    self._free.put_nowait(lane)
                    lane = None
                    try:
                        return await self._halves(block, raws, error)
                    finally:
                        lane = await self._free.get()
                except (psycopg.Error, OSError) as error:
                    self.totals.retries += 1
                    self.totals.connected = False
                    self.totals.last_error = str(error).strip()[:300]
                    log.warning("telemetry: batch of %d rows waits for the database: %s", len(block), error)
                    lane = await self._drop(lane)
                    delay = await self._wait(delay)
                self._give_back(latest)
                await self._clean(lane)
        finally:
            self._free.put_nowait(lane)
        self._gather(block.rows)
        self.totals.connected = True
        self.totals.batches += 1
        self.totals.rows += inserted
        self.totals.duplicates += len(block) - inserted
        self.totals.raws += len(raws)
        self.totals.last_commit_ms = (time.monotonic() - started) * 1000
        return inserted

    async def flush_latest(self) -> None:
        """Write gathered latest positions now, e.g. when traffic has ceased."""
        self._latest_due = 0.0
        if self._latest:
            await self.commit(Block.empty())

    @property
    def latest_waits(self) -> bool:
        """True when gathered latest positions are overdue."""
        return bool(self._latest) and time.monotonic() >= self._latest_due

    async def close(self) -> None:
        """Write what is gathered and close the connections. Batches under way must have been awaited."""
        await self.flush_latest()
        for _ in range(self._lanes):
            await self._drop(await self._free.get())

    # --- one transaction

    async def _transaction(self, lane: _Lane, block: Block, raws: Sequence[Raw], latest: Block) -> int:
        connection = lane.connection
        missing = [day for day in block.days() if day not in lane.days]
        for day in missing:
            await connection.execute("SELECT telemetry_ensure_day(%s)", [day])
            lane.days.add(day)
        inserted = 0
        await connection.execute("BEGIN")
        cursor = connection.cursor()
        if len(block):
            await cursor.execute("SELECT nextval('telemetry_batch')")
            (batch,) = await cursor.fetchone() or (0,)
            async with cursor.copy(_COPY) as copy:
                await copy.write(to_copy(block, batch))
            careful = " ON CONFLICT DO NOTHING" if self._careful else ""
            self._careful = max(0, self._careful - 1)
            # Holding the lock until the commit: whoever moves the frontier or detaches a day waits for us.
            await cursor.execute(f"SELECT pg_advisory_xact_lock_shared({LOCK_INGEST})")
            await cursor.execute(_INSERT + careful)
            inserted = cursor.rowcount
            await cursor.execute(_LATE)
        if len(latest):
            async with cursor.copy(_COPY_LATEST) as copy:
                await copy.write(_latest_copy(latest))
            await cursor.execute(_LATEST)
            for payload in _payloads(latest.rows["source_id"].tolist()):
                await cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL_LIVE, payload])
        if raws:
            await cursor.executemany(_RAW, [_raw_row(raw) for raw in raws])
        await connection.execute("COMMIT")
        return inserted

    async def _halves(self, block: Block, raws: Sequence[Raw], error: psycopg.Error) -> int:
        """Find the rows the database refuses, keep them as raw messages, and write the others."""
        if len(block) > 1:
            middle = len(block) // 2
            index = np.arange(len(block))
            first = await self.commit(block.take(index[:middle]), raws)
            return first + await self.commit(block.take(index[middle:]))
        self.totals.refused += 1
        log.error("telemetry: the database refused a row, kept as it is: %s", error)
        detail = str(error).strip().replace("\x00", "")[:500]
        kept = [_refused(block, detail)] if len(block) else []
        if not kept and len(raws) == 1:
            return 0 if _is_refusal(raws[0]) else await self.commit(Block.empty(), [_bare(raws[0], detail)])
        for raw in raws:
            await self.commit(Block.empty(), [raw])
        if kept:
            await self.commit(Block.empty(), kept)
        return 0

    # --- connections

    async def _connect(self) -> _Lane:
        connection = await psycopg.AsyncConnection.connect(
            self.url, autocommit=True, prepare_threshold=None, connect_timeout=5, application_name="zhiguan ingest"
        )
        try:
            await connection.execute(_STAGING)
        except BaseException:
            await connection.close()
            raise
        return _Lane(connection)

    async def _drop(self, lane: _Lane | None) -> None:
        if lane is not None:
            try:
                await lane.connection.close()
            except (psycopg.Error, OSError):
                log.debug("telemetry: connection was gone already")

    async def _clean(self, lane: _Lane | None) -> None:
        """End a failed transaction; a connection on which that fails is replaced at the next attempt."""
        if lane is not None:
            try:
                await lane.connection.execute("ROLLBACK")
            except psycopg.Error:
                await self._drop(lane)

    async def _wait(self, delay: float) -> float:
        await asyncio.sleep(delay)
        return min(delay * 2, 2.0)

    # --- latest positions

    def _gather(self, rows: Rows) -> None:
        """Remember committed rows for the next writing of latest positions."""
        known = rows[rows["at"] <= rows["received_at"] + LATEST_AHEAD_S * MICROS]
        if len(known):
            if not self._latest:
                self._latest_due = max(self._latest_due, time.monotonic())
            self._latest.append(known)

    def _due_latest(self) -> Block:
        """One report and one fix for each source gathered, when it is time to write them."""
        now = time.monotonic()
        if not self._latest or now < self._latest_due:
            return Block.empty()
        self._latest_due = now + self._latest_every_s
        gathered, self._latest = self._latest, []
        return _newest(np.concatenate(gathered))

    def _give_back(self, latest: Block) -> None:
        if len(latest):
            self._latest.append(latest.rows)
            self._latest_due = 0.0


def without_repeats(block: Block) -> Block:
    """The rows of a sorted block, each key once."""
    rows = block.rows
    if len(rows) < 2:
        return block
    new = np.ones(len(rows), bool)
    same = np.ones(len(rows) - 1, bool)
    for name in ("source_id", "at", "digest"):
        same &= rows[name][1:] == rows[name][:-1]
    new[1:] = ~same
    return block if new.all() else block.take(new)


def _newest(rows: Rows) -> Block:
    """The last report of each source, then the last report with a fix of each (equal to the first for most)."""
    found = []
    for part in (rows, rows[fixed(rows)]):
        ordered = part[np.lexsort((part["at"], part["source_id"]))]
        last = np.ones(len(ordered), bool)
        last[:-1] = ordered["source_id"][1:] != ordered["source_id"][:-1]
        found.append(ordered[last])
    both = np.concatenate(found)
    return Block(both, [None] * len(both))


def _latest_copy(latest: Block) -> bytes:
    """COPY data in which ``batch`` is 0 for a last report and 1 for a last fix."""
    rows = latest.rows
    # the fixes begin where the sources stop ascending
    breaks = np.flatnonzero(rows["source_id"][1:] <= rows["source_id"][:-1])
    reports = int(breaks[0]) + 1 if len(breaks) else len(rows)
    first = to_copy(Block(rows[:reports], latest.extras[:reports]), 0)
    second = to_copy(Block(rows[reports:], latest.extras[reports:]), 1)
    return first[:-2] + second[19:]


def _payloads(sources: list[int]) -> list[str]:
    """Source keys as comma lists that fit a notification, each key once."""
    payloads, line = [], ""
    for source in dict.fromkeys(sources):
        text = str(source)
        if len(line) + len(text) + 1 > NOTIFY_BYTES:
            payloads.append(line)
            line = ""
        line = f"{line},{text}" if line else text
    return [*payloads, line] if line else payloads


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / MICROS


def _raw_row(raw: Raw) -> tuple:
    return (
        raw.source_id, _seconds(raw.received_at), _seconds(raw.at), raw.reason, raw.msg_id, raw.serial, raw.detail,
        raw.body, raw.once,
    )  # fmt: skip


def _refused(block: Block, detail: str) -> Raw:
    row = block.rows[0]
    return Raw(
        int(row["source_id"]), int(row["received_at"]), "refused", row.tobytes() + (block.extras[0] or b""),
        detail=detail, once=row.tobytes()[-4:] + int(row["at"]).to_bytes(8, "big", signed=True),
    )  # fmt: skip


def _is_refusal(raw: Raw) -> bool:
    return raw.reason == "refused"


def _bare(raw: Raw, detail: str) -> Raw:
    return Raw(raw.source_id, raw.received_at, "refused", raw.body, detail=detail)


__all__ = ["POSITION", "Block", "Raw", "Totals", "Writer", "join"]
