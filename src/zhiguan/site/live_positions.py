"""The changing places of vehicles, read once for everybody who watches: what the live process keeps in memory.

The gateway announces which devices have a new latest position, once a second. These are read in one query and
handed to the watchers that may see them. Nothing here decides what anybody may see: each watcher brings that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import psycopg
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from zhiguan.kernel.telemetry.declare import CHANNEL_LIVE
from zhiguan.kit.actor import Actor, system
from zhiguan.lines.vehicles.queries import tracks

log = logging.getLogger(__name__)

EVERY_S = 0.7
"""Between two readings, at least. The gateway tells once a second: less than that, or a reading would wait for the next
telling, or its own next turn, up to another second."""
BURST_S = 0.05
"""A fleet is told in several messages, which are read together."""
SWEEP_S = 10.0
"""How often devices are looked for that have fallen silent: silence announces nothing."""
BACK_OFF_S = (0.5, 10.0)
READ_AT_ONCE = 20_000


def in_database(work: Callable[[], Any]) -> Any:
    """Do the work in one transaction on the calling thread's connection; a connection that died is replaced."""
    close_old_connections()
    try:
        with transaction.atomic():
            return work()
    finally:
        close_old_connections()


Rows = dict[int, tracks.Seen]
"""Device key → what is seen of it."""
Lifts = dict[int, float]
"""Device key → until when (Unix seconds) the watcher may see it off duty."""


def _rows(actor: Actor, sources: list[int] | None = None) -> Rows:
    with actor.acting():
        terminals = tracks.live_terminals(actor)
        if sources is not None:
            # One array, not a list of values: five thousand of those take longer to write and to read than to answer.
            terminals = terminals.filter(source__in=RawSQL("SELECT unnest(%s::bigint[])", (sources,)))
        return {each.source: each for each in tracks.map_rows(terminals, timezone.now())}


def look(actor: Actor) -> tuple[Rows, Lifts]:
    """Return all that the actor may see now, and which of it off duty under a lift; the latter is noted in the log."""
    rows = _rows(actor)
    if all(each.kept is None for each in rows.values()):
        return rows, {}
    with actor.acting():
        until = tracks.lifted_now(actor)
        lifts = {each.source: until[each.row[0]].timestamp() for each in rows.values() if each.row[0] in until}
        tracks.note_lifted(actor, [each for each in rows.values() if each.kept is not None and each.source in lifts])
    return rows, lifts


def _read(sources: list[int]) -> Rows:
    return _rows(system("live.positions"), sources)


class Watcher:
    """One open map. ``pending`` holds the newest row of each vehicle that changed since it was last served."""

    def __init__(self) -> None:
        self.visible: frozenset[int] | None = None
        self.kept: frozenset[int] = frozenset()
        self.lifts: Lifts = {}
        self.pending: dict[int, list[Any]] = {}
        self.stale = False
        self.wake = asyncio.Event()
        self._early: Rows = {}

    def offer(self, rows: Rows) -> None:
        """Take the rows that this watcher may see, each as they may see it."""
        if self.visible is None:
            self._early.update(rows)  # changed while the first picture is being made
            return
        mine = self.visible.intersection(rows)
        if mine:
            self.pending.update((source, self.as_seen(rows[source])) for source in mine)
            self.wake.set()

    def as_seen(self, seen: tracks.Seen) -> list[Any]:
        """Return the row of a device for this watcher: without a place off duty, unless they lifted that."""
        if seen.kept is None or self.lifts.get(seen.source, 0.0) > time.time():
            return seen.row
        return seen.kept

    def starts(self, rows: Rows, lifts: Lifts) -> list[list[Any]]:
        """From now on these devices may be seen; what changed in the meantime is served next. Returns the picture."""
        self.visible, self.pending, early, self._early = frozenset(rows), {}, self._early, {}
        self.lifts, self.kept = lifts, self.keeping(rows, lifts)
        self.offer(early)
        return [self.as_seen(each) for each in rows.values()]

    @staticmethod
    def keeping(rows: Rows, lifts: Lifts) -> frozenset[int]:
        """Return the devices whose place is kept from the watcher: a new picture is due when these change."""
        now = time.time()
        return frozenset(
            source for source, each in rows.items() if each.kept is not None and lifts.get(source, 0.0) <= now
        )

    def renews(self) -> None:
        """The picture is made anew: collect until :meth:`starts`."""
        self.visible, self.stale = None, False


class Positions:
    """Hears of changes, reads them, hands them on. ``run`` works until cancelled."""

    def __init__(self, pool: Executor) -> None:
        self.pool = pool
        self.watchers: set[Watcher] = set()
        self.reads = 0
        self.listening = False
        self._changed: set[int] = set()
        self._woken = asyncio.Event()
        self._received: dict[int, float] = {}

    async def run(self) -> None:
        """Listen, read and sweep together."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._serve())
            group.create_task(self._sweep())

    def know(self, rows: Rows) -> None:
        """Remember when the devices were last heard of, to notice when they fall silent."""
        for source, each in rows.items():
            if each.row[5] == "offline":
                self._received.pop(source, None)
            else:
                self._received[source] = each.received_at.timestamp()

    async def _listen(self) -> None:
        wait, most = BACK_OFF_S
        while True:
            known = connections["default"].settings_dict
            try:
                connection = await psycopg.AsyncConnection.connect(
                    dbname=known["NAME"], user=known["USER"], password=known["PASSWORD"] or None,
                    host=known["HOST"] or None, port=known["PORT"] or None, autocommit=True, connect_timeout=5,
                    application_name="zhiguan live", keepalives_idle=20, keepalives_interval=5, keepalives_count=3,
                )  # fmt: skip
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL_LIVE}".encode())
                    self.listening, wait = True, BACK_OFF_S[0]
                    for watcher in self.watchers:  # what was announced meanwhile is lost
                        watcher.stale = True
                        watcher.wake.set()
                    async for heard in connection.notifies():
                        self._changed.update(int(text) for text in heard.payload.split(",") if text.isdigit())
                        self._woken.set()
            except (psycopg.Error, OSError) as error:
                log.warning("live: no database, trying again in %.1f s: %s", wait, str(error).strip())
            self.listening = False
            await asyncio.sleep(wait)
            wait = min(wait * 2, most)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            began = time.monotonic()
            await asyncio.sleep(BURST_S)
            self._woken.clear()
            sources, self._changed = list(self._changed), set()
            if self.watchers and sources:
                try:
                    for first in range(0, len(sources), READ_AT_ONCE):
                        part = sources[first : first + READ_AT_ONCE]
                        rows = await loop.run_in_executor(self.pool, lambda p=part: in_database(lambda: _read(p)))
                        self.reads += 1
                        self.know(rows)
                        for watcher in tuple(self.watchers):
                            watcher.offer(rows)
                except DatabaseError as error:
                    log.warning("live: positions could not be read: %s", str(error).strip())
                    self._changed.update(sources)
                    self._woken.set()
            await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            last = time.time() - tracks.OFFLINE.total_seconds()
            silent = [source for source, received in self._received.items() if received < last]
            for source in silent:
                del self._received[source]
            if silent:
                self._changed.update(silent)
                self._woken.set()
