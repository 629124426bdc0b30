"""What the gateway asks and tells the database besides positions: sources, sessions, commands. One connection, batched.

Ten thousand terminals that come back at once cost a few statements, not ten thousand.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ..declare import CHANNEL_COMMAND, CHANNEL_SESSION, CHANNEL_SOURCE

log = logging.getLogger(__name__)

UNKNOWN_LIMIT = 50_000
SESSIONS_AT_ONCE = 1_000


@dataclass(slots=True)
class Known:
    """A source as the gateway needs it."""

    id: int
    number: str
    active: bool
    auth_digest: str
    device_id: str
    key: str


@dataclass(slots=True)
class Registration:
    """What a terminal told at 0x0100, and the digest of the code it gets."""

    source_id: int
    auth_digest: str
    device_id: str
    edition: int
    reported: dict[str, Any]


@dataclass(slots=True)
class SessionRow:
    """A row of ``telemetry_session``."""

    source_id: int
    address: str
    connected_at: datetime
    seen_at: datetime
    disconnected_at: datetime | None
    close_reason: str
    frames: int
    positions: int
    received_bytes: int
    edition: int
    firmware: str


@dataclass
class _Pending:
    lookups: dict[str, asyncio.Future] = field(default_factory=dict)
    registrations: list[tuple[Registration, asyncio.Future]] = field(default_factory=list)


class Control:
    """Batched questions and statements; each waits until the database has answered, however long it is away."""

    def __init__(self, url: str, gateway: str) -> None:
        self._url = url
        self._gateway = gateway
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()
        self._pending = _Pending()
        self._wanted = asyncio.Event()
        self._known: dict[str, Known] = {}
        self._numbers: dict[int, str] = {}
        self._unknown: set[str] = set()
        self._task: asyncio.Task | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
        if self._connection:
            await self._connection.close()

    # --- sources

    def cached(self, number: str) -> Known | None:
        """The source with this number, when it has been asked before."""
        return self._known.get(number)

    def forget(self, source_id: int) -> None:
        """Drop what is known of a source, and every number that was unknown: one of them may be it."""
        number = self._numbers.pop(source_id, None)
        if number is not None:
            self._known.pop(number, None)
        self._unknown.clear()

    def forget_all(self) -> None:
        self._known.clear()
        self._numbers.clear()
        self._unknown.clear()

    async def source(self, number: str, *, fresh: bool = False) -> Known | None:
        """The source with this number, or None when there is no such source."""
        if not fresh:
            if number in self._known:
                return self._known[number]
            if number in self._unknown:
                return None
        future = self._pending.lookups.get(number)
        if future is None:
            future = self._pending.lookups[number] = asyncio.get_running_loop().create_future()
            self._wanted.set()
        return await future

    async def register(self, registration: Registration) -> None:
        """Store a registration; returns after the commit."""
        future = asyncio.get_running_loop().create_future()
        self._pending.registrations.append((registration, future))
        self._wanted.set()
        await future

    async def _serve(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(0.01)  # let the others of a storm join
            self._wanted.clear()
            pending, self._pending = self._pending, _Pending()
            if pending.lookups:
                await self._look_up(pending.lookups)
            if pending.registrations:
                await self._store(pending.registrations)

    async def _look_up(self, wanted: dict[str, asyncio.Future]) -> None:
        numbers = list(wanted)
        rows = await self._run(
            """SELECT id, number, active, auth_digest, device_id, key FROM telemetry_source
               WHERE protocol = 'jt808' AND number = ANY(%s)""",
            [numbers],
        )
        for row in rows:
            self._known[row[1]] = Known(*row)
            self._numbers[row[0]] = row[1]
        if len(self._unknown) > UNKNOWN_LIMIT:
            self._unknown.clear()
        for number, future in wanted.items():
            known = self._known.get(number)
            if known is None:
                self._unknown.add(number)
            if not future.done():
                future.set_result(known)

    async def _store(self, waiting: list[tuple[Registration, asyncio.Future]]) -> None:
        last = {item.source_id: item for item, _ in waiting}
        items = [last[key] for key in sorted(last)]
        await self._run(
            """UPDATE telemetry_source s SET auth_digest = v.digest, device_id = v.device, edition = v.edition,
                   reported = v.reported, first_seen_at = coalesce(s.first_seen_at, now()), last_seen_at = now()
               FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::jsonb[])
                   AS v (id, digest, device, edition, reported) WHERE s.id = v.id""",
            [
                [item.source_id for item in items],
                [item.auth_digest for item in items],
                [item.device_id for item in items],
                [item.edition for item in items],
                [Jsonb(item.reported) for item in items],
            ],
        )
        for item in items:
            number = self._numbers.get(item.source_id)
            known = self._known.get(number or "")
            if known is not None:
                known.auth_digest, known.device_id = item.auth_digest, item.device_id
        for _, future in waiting:
            if not future.done():
                future.set_result(None)

    async def clear_registration(self, source_id: int) -> None:
        """终端注销: the code is forgotten, the terminal must register again."""
        await self._run("UPDATE telemetry_source SET auth_digest = '' WHERE id = %s", [source_id])
        self.forget(source_id)

    # --- sessions

    async def announce(self, sources: Sequence[int]) -> None:
        """Tell the other gateways that these sources are here now."""
        await self._run(
            "SELECT pg_notify(%s, %s || ':' || s) FROM unnest(%s::bigint[]) s",
            [CHANNEL_SESSION, self._gateway, list(sources)],
        )

    async def close_stale_sessions(self, since: datetime) -> None:
        """End the rows left open by a gateway that was killed: those of this name, and any not refreshed since."""
        await self._run(
            """UPDATE telemetry_session SET disconnected_at = now(), close_reason = 'gateway_gone'
               WHERE disconnected_at IS NULL AND (gateway = %s OR seen_at < %s)""",
            [self._gateway, since],
        )

    async def write_sessions(self, rows: Sequence[SessionRow]) -> None:
        """Store the state of sessions; a newer session of the source, elsewhere, is not overwritten."""
        rows = sorted(rows, key=lambda row: row.source_id)
        for start in range(0, len(rows), SESSIONS_AT_ONCE):
            part = rows[start : start + SESSIONS_AT_ONCE]
            # as one JSON text: arrays of ten thousand sessions kept everything else waiting for half a second
            given = json.dumps(
                [{name: getattr(row, name) for name in SessionRow.__slots__} for row in part], default=str
            )
            await self._run(
                """WITH given AS (
                       SELECT g.* FROM json_to_recordset(%s::json) AS g (source_id bigint, address text,
                           connected_at timestamptz, seen_at timestamptz, disconnected_at timestamptz,
                           close_reason text, frames bigint, positions bigint, received_bytes bigint, edition int,
                           firmware text)
                       WHERE EXISTS (SELECT FROM telemetry_source s WHERE s.id = g.source_id)),
                   seen AS (
                       UPDATE telemetry_source s SET last_seen_at = greatest(s.last_seen_at, g.seen_at),
                           first_seen_at = coalesce(s.first_seen_at, g.connected_at), edition = g.edition,
                           firmware = CASE WHEN g.firmware <> '' THEN g.firmware ELSE s.firmware END
                       FROM given g WHERE s.id = g.source_id)
                   INSERT INTO telemetry_session AS known (gateway, source_id, address, connected_at, seen_at,
                       disconnected_at, close_reason, frames, positions, received_bytes)
                   SELECT %s, source_id, address, connected_at, seen_at, disconnected_at, close_reason, frames,
                       positions, received_bytes FROM given
                   ON CONFLICT (source_id) DO UPDATE SET gateway = excluded.gateway, address = excluded.address,
                       connected_at = excluded.connected_at, seen_at = excluded.seen_at,
                       disconnected_at = excluded.disconnected_at, close_reason = excluded.close_reason,
                       frames = excluded.frames, positions = excluded.positions,
                       received_bytes = excluded.received_bytes
                   WHERE known.connected_at <= excluded.connected_at""",
                [given, self._gateway],
            )
            await asyncio.sleep(0)

    # --- commands

    async def waiting_commands(self, live: Callable[[int], bool]) -> list[tuple[int, int, str, dict]]:
        """Claim the downlinks that wait for terminals connected here: (key, source, kind, payload), oldest first."""
        rows = await self._run(
            "SELECT DISTINCT source_id FROM telemetry_command WHERE state = 'waiting' AND expires_at > now()"
        )
        here = [source for (source,) in rows if live(source)]
        if not here:
            return []
        found = await self._run(
            """UPDATE telemetry_command SET state = 'sent', sent_at = now(), gateway = %s WHERE id IN (
                   SELECT id FROM telemetry_command
                   WHERE state = 'waiting' AND expires_at > now() AND source_id = ANY(%s)
                   ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)
               RETURNING id, source_id, kind, payload""",
            [self._gateway, here],
        )
        return sorted(found)

    async def command_sent(self, command: int, serial: int) -> None:
        await self._run("UPDATE telemetry_command SET serial = %s WHERE id = %s", [serial, command])

    async def command_answered(self, command: int, result: int, answer: dict | None = None) -> None:
        """Store a terminal's answer; result 0 is success."""
        await self._run(
            """UPDATE telemetry_command SET state = %s, answered_at = now(), result = %s, answer = %s WHERE id = %s""",
            [
                "acknowledged" if result == 0 else "refused",
                result,
                None if answer is None else Jsonb(answer),
                command,
            ],
        )

    async def expire_commands(self) -> None:
        await self._run(
            "UPDATE telemetry_command SET state = 'expired' WHERE state IN ('waiting', 'sent') AND expires_at <= now()"
        )

    # --- the connection

    async def _run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple]:
        delay = 0.05
        async with self._lock:
            while True:
                try:
                    if self._connection is None or self._connection.closed:
                        self._connection = await psycopg.AsyncConnection.connect(
                            self._url, autocommit=True, prepare_threshold=None, connect_timeout=5,
                            application_name="zhiguan gateway",
                        )  # fmt: skip
                    cursor = await self._connection.execute(statement, values or None)  # pyright: ignore[reportArgumentType]
                    return await cursor.fetchall() if cursor.description else []
                except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                    log.warning("gateway: waiting for the database: %s", error)
                    if self._connection is not None and not self._connection.broken:
                        await self._connection.close()
                    self._connection = None
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, 2.0)


async def listen(url: str, heard: Callable[[str, str], None], lost: Callable[[], Awaitable[None]]) -> None:
    """Hear notifications until cancelled; ``lost`` runs after every (re)connection, when some may have been missed."""
    delay = 0.1
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, prepare_threshold=None, connect_timeout=5, application_name="zhiguan gateway ear"
            ) as connection:
                for channel in (CHANNEL_SOURCE, CHANNEL_COMMAND, CHANNEL_SESSION):
                    await connection.execute(f"LISTEN {channel}")
                await lost()
                delay = 0.1
                async for note in connection.notifies():
                    heard(note.channel, note.payload)
        except (psycopg.Error, OSError) as error:
            log.warning("gateway: not listening to the database: %s", error)
        await asyncio.sleep(delay)
        delay = min(delay * 2, 5.0)
