"""Sealing: a closed day leaves the hot table for the lake, and late rows of a sealed day follow it.

Order of steps, each repeated safely when the process is killed before the next: files and log entry are durable;
the day is entered as sealed and its partition taken out in one transaction; every row of the partition is found in the
sealed files, or goes back to the hot table; the partition is dropped. Readers unite both sides and remove the overlap,
so nothing is missing or doubled for them at any moment in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from .columns import OUT_SQL, Block, cut, from_copy, join
from .declare import LOCK_SEAL
from .ingest import without_repeats
from .lake import ROW_GROUP, Lake, Written, parts_of
from .store import SHANGHAI, connect

log = logging.getLogger(__name__)

Told = Callable[[str], None]


class Busy(Exception):
    """Another process is sealing."""


class Sealed(NamedTuple):
    """What sealing a day did. ``returned`` rows came in while it ran and wait for the next time."""

    day: date
    rows: int
    bytes: int
    returned: int


def lake_root() -> Path:
    """Folder of the sealed positions: setting ``ZHIGUAN_LAKE``, by default ``lake`` in the data folder."""
    from django.conf import settings

    return Path(getattr(settings, "ZHIGUAN_LAKE", "") or settings.VAR / "lake") / "positions"


def seal_closed_days(
    *, grace_days: int = 1, limit: int = 10, url: str | None = None, lake: Lake | None = None, today: date | None = None
) -> list[Sealed]:
    """Seal up to ``limit`` days that ended more than ``grace_days`` days ago, oldest first, rewriting sealed days that
    got late rows. Returns what was done; nothing when another process is at it.
    """
    last = (today or datetime.now(SHANGHAI).date()) - timedelta(days=grace_days + 1)
    done = []
    try:
        with _owner(url) as connection:
            recover(connection, lake or Lake(lake_root()))
            days = [day for (day,) in connection.execute("SELECT telemetry_days()") if day <= last][:limit]
            for day in days:
                done.append(_seal(connection, lake or Lake(lake_root()), day, lambda step: None))
    except Busy:
        log.info("telemetry: another process is sealing")
    return done


def seal_day(
    day: date, *, url: str | None = None, lake: Lake | None = None, told: Told = lambda step: None
) -> Sealed | None:
    """Seal one day now. None when it has no partition. ``told`` hears each step. Raises :class:`Busy`."""
    chosen = lake or Lake(lake_root())
    with _owner(url) as connection:
        recover(connection, chosen)
        if day not in {found for (found,) in connection.execute("SELECT telemetry_days()")}:
            return None
        return _seal(connection, chosen, day, told)


@contextmanager
def _owner(url: str | None) -> Iterator[psycopg.Connection]:
    """The connection of the one process that seals; the lock ends with it."""
    with connect(url) as connection:
        (got,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_SEAL]).fetchone() or (False,)
        if not got:
            raise Busy
        yield connection


def _seal(connection: psycopg.Connection, lake: Lake, day: date, told: Told) -> Sealed:
    written = _write(connection, lake, day, told)
    with connection.transaction():
        connection.execute(
            """INSERT INTO telemetry_segment (day, version, rows, bytes) VALUES (%s, %s, %s, %s)
               ON CONFLICT (day) DO UPDATE SET version = excluded.version, rows = excluded.rows,
               bytes = excluded.bytes, sealed_at = now()""",
            [day, *written],
        )
        connection.execute("SELECT telemetry_detach(%s)", [day])
    told("detached")
    returned = _let_go(connection, lake, day, told)
    log.info("telemetry: sealed %s, %d rows, %d bytes", day, written.rows, written.bytes)
    return Sealed(day, written.rows, written.bytes, returned)


def recover(connection: psycopg.Connection, lake: Lake) -> list[date]:
    """Finish what a killed run began: days whose partition was taken out but not yet dropped."""
    days = [day for (day,) in connection.execute("SELECT telemetry_detached()")]
    for day in days:
        _let_go(connection, lake, day, lambda step: None)
    return days


def _write(connection: psycopg.Connection, lake: Lake, day: date, told: Told) -> Written:
    """Write the day's hot rows, with those sealed before, as the day's one file; check it against what was read."""
    name = f"telemetry_position_{day:%Y%m%d}"
    known = connection.execute("SELECT 1 FROM telemetry_segment WHERE day = %s", [day]).fetchone()
    # A file of a day that is not entered as sealed is the work of a killed run; the hot rows are all there is.
    files = lake.files([day]).get(day, []) if known else []
    expected = 0
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

        def blocks() -> Iterator[Block]:
            nonlocal expected
            hot = dict(
                connection.execute(
                    sql.SQL(
                        "SELECT source_id, count(*) FROM telemetry_position WHERE at >= {} AND at < {} GROUP BY 1"
                    ).format(*_bounds(day))
                ).fetchall()
            )
            for lo, hi in ranges(hot, lake.count_by_source(files)):
                fresh = read_hot(connection, day, lo, hi)
                block = fresh
                if files:
                    block = without_repeats(join([lake.read_range(files, lo, hi), fresh]).sorted())
                expected += len(block)
                yield block

        written = lake.replace_day(day, parts_of(blocks()), told)
    stored = sum(lake.count_by_source(lake.files([day]).get(day, [])).values())
    if stored != expected or stored != written.rows:
        raise RuntimeError(f"telemetry: {name}: {expected} rows were read, {stored} are in the sealed file")
    told("verified")
    return written


def _let_go(connection: psycopg.Connection, lake: Lake, day: date, told: Told) -> int:
    """Drop a partition that was taken out, once each of its rows is in the sealed file or back in the hot table."""
    table = f"telemetry_detached_{day:%Y%m%d}"
    files = lake.files([day]).get(day, [])
    counts = dict(
        connection.execute(
            sql.SQL("SELECT source_id, count(*) FROM {} GROUP BY 1").format(sql.Identifier(table))
        ).fetchall()
    )
    returned = 0
    for lo, hi in ranges(counts):
        missing = _not_sealed(read_hot(connection, day, lo, hi, table=table), lake.read_range(files, lo, hi))
        if len(missing):
            connection.execute("SELECT telemetry_ensure_day(%s)", [day])
            with connection.transaction():
                returned += connection.execute(
                    sql.SQL(
                        """INSERT INTO telemetry_position SELECT d.* FROM {} d
                           JOIN unnest(%s::bigint[], %s::bigint[], %s::int[]) AS k (s, a, g)
                             ON d.source_id = k.s AND d.at = timestamptz 'epoch' + k.a * interval '1 us'
                             AND d.digest = k.g
                           ON CONFLICT DO NOTHING"""
                    ).format(sql.Identifier(table)),
                    [missing[name].tolist() for name in ("source_id", "at", "digest")],
                ).rowcount
    told("returned")
    connection.execute("SELECT telemetry_drop_detached(%s)", [day])
    told("dropped")
    return returned


def _not_sealed(hot: Block, sealed: Block) -> np.ndarray:
    """Rows of ``hot`` whose key is not among ``sealed``."""
    if not len(hot):
        return hot.rows

    def keys(block: Block) -> pa.Table:
        names = {"source_id": "source_id", "at": "moment", "digest": "digest"}
        return pa.table({names[name]: np.ascontiguousarray(block.rows[name]) for name in names})

    with duckdb.connect() as engine:
        engine.register("hot", keys(hot).append_column("n", pa.array(np.arange(len(hot)))))
        engine.register("sealed", keys(sealed))
        found = engine.execute("SELECT n FROM hot ANTI JOIN sealed USING (source_id, moment, digest)").fetchnumpy()["n"]
    return hot.rows[np.sort(found)]


def ranges(*counts: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Ranges of sources with about one row group of rows each, ascending."""
    total: dict[int, int] = {}
    for some in counts:
        for source, rows in some.items():
            total[source] = total.get(source, 0) + rows
    first, held, last = None, 0, 0
    for source in sorted(total):
        if first is not None and held + total[source] > ROW_GROUP:
            yield first, last
            first, held = None, 0
        first = source if first is None else first
        held += total[source]
        last = source
    if first is not None:
        yield first, last


def read_hot(
    connection: psycopg.Connection, day: date, lo: int, hi: int, *, table: str = "telemetry_position"
) -> Block:
    """Hot rows of a day and a range of sources, in key order."""
    where = sql.SQL("FROM {} WHERE source_id BETWEEN {} AND {} AND at >= {} AND at < {}").format(
        sql.Identifier(table), sql.Literal(lo), sql.Literal(hi), *_bounds(day)
    )
    return read(connection, where)


def read(connection: psycopg.Connection, where: sql.Composable, *, extras: bool = True) -> Block:
    """Rows of ``SELECT ... {where}`` in key order; without ``extras`` the additional items are left out."""
    order = sql.SQL(" ORDER BY source_id, at, digest")
    query = sql.SQL("COPY (SELECT {} {}{}) TO STDOUT (FORMAT BINARY)").format(sql.SQL(OUT_SQL), where, order)
    data = bytearray()
    with connection.cursor().copy(query) as out:
        for piece in out:
            data += piece
    rows, sizes = from_copy(data)
    if not extras or not (sizes >= 0).any():
        return Block(rows, [None] * len(rows))
    joined = connection.execute(
        sql.SQL("SELECT string_agg(extra, ''::bytea ORDER BY source_id, at, digest) {}").format(where)
    ).fetchone()
    return Block(rows, cut(bytes((joined or [b""])[0] or b""), sizes))


def _bounds(day: date) -> tuple[sql.Literal, sql.Literal]:
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return sql.Literal(start.isoformat()), sql.Literal((start + timedelta(days=1)).isoformat())


def erase(sources: Iterable[int], *, url: str | None = None, lake: Lake | None = None) -> int:
    """Delete every position of ``sources`` for good: hot rows, sealed rows, and old versions of files on disk.

    Returns the number of rows deleted. Raises :class:`Busy` while another process seals.
    """
    chosen, gone = lake or Lake(lake_root()), 0
    keys = sorted(set(sources))
    with _owner(url) as connection:
        recover(connection, chosen)
        for table in ("telemetry_position", "telemetry_raw", "telemetry_latest", "telemetry_dirty"):
            removed = connection.execute(
                sql.SQL("DELETE FROM {} WHERE source_id = ANY(%s)").format(sql.Identifier(table)), [keys]
            ).rowcount
            gone += removed if table == "telemetry_position" else 0
        for day, files in sorted(chosen.files().items()):
            counts = chosen.count_by_source(files)
            if not any(key in counts for key in keys):
                continue
            gone += sum(counts.get(key, 0) for key in keys)
            written = chosen.replace_day(day, parts_of(_without(chosen, files, counts, set(keys))))
            connection.execute(
                "UPDATE telemetry_segment SET version = %s, rows = %s, bytes = %s, sealed_at = now() WHERE day = %s",
                [*written, day],
            )
        chosen.tidy(0)
    return gone


def _without(lake: Lake, files: list[str], counts: dict[int, int], keys: set[int]) -> Iterator[Block]:
    for lo, hi in ranges(counts):
        block = lake.read_range(files, lo, hi)
        yield block.take(~np.isin(block.rows["source_id"], list(keys)))
