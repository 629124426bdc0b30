"""Bookkeeping over the ingest role's connection: partitions, the frontier of what has been computed, dirty days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

import psycopg

from .declare import LOCK_INGEST

SHANGHAI = timezone(timedelta(hours=8), "UTC+8")
"""Day boundaries of partitions and sealed days: a working day is then one partition and one file."""
LEASE = timedelta(minutes=30)


class Dirty(NamedTuple):
    """A source's day to be computed (again). ``first_at`` and ``last_at`` bound what changed; ``reason``: new, late."""

    source_id: int
    day: date
    reason: str
    first_at: datetime
    last_at: datetime
    version: int


@contextmanager
def connect(url: str | None = None) -> Iterator[psycopg.Connection]:
    """An autocommit connection as the ingest role; by default to the configured database."""
    if url is None:
        from django.conf import settings

        url = settings.DATABASE_INGEST_URL
    with psycopg.connect(url or "", autocommit=True, prepare_threshold=None, connect_timeout=5) as connection:
        yield connection


def ensure_partitions(ahead: int = 7, *, today: date | None = None, url: str | None = None) -> list[date]:
    """Make the partitions from yesterday to ``ahead`` days from now; return those that were new."""
    start = today or datetime.now(SHANGHAI).date()
    made = []
    with connect(url) as connection:
        for offset in range(-1, ahead + 1):
            day = start + timedelta(days=offset)
            (new,) = connection.execute("SELECT telemetry_ensure_day(%s)", [day]).fetchone() or (False,)
            if new:
                made.append(day)
    return made


_MARK = """
INSERT INTO telemetry_dirty AS known (source_id, day, reason, first_at, last_at)
SELECT s.id, span.day, 'new', span.first_at, span.last_at
FROM telemetry_source s CROSS JOIN LATERAL (
    SELECT (p.at AT TIME ZONE 'Asia/Shanghai')::date AS day, min(p.at) AS first_at, max(p.at) AS last_at
    FROM telemetry_position p WHERE p.source_id = s.id AND p.at > (SELECT marked_to FROM telemetry_frontier)
      AND p.at <= (SELECT computed_to FROM telemetry_frontier)
    GROUP BY 1) span
ORDER BY 1, 2
ON CONFLICT (source_id, day) DO UPDATE SET version = known.version + 1, marked_at = now(),
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""


def advance(upto: datetime, *, url: str | None = None) -> int:
    """Move the frontier of computed device time to ``upto`` and mark every source's day that has rows up to it.

    Rows that arrive later with a device time at or before the frontier mark their day ``late`` by themselves. A run
    that is killed in the middle is made good by the next one. Returns the number of days marked.
    """
    with connect(url) as connection:
        with connection.transaction():
            # Batches under way commit before the frontier moves, and the marking below sees their rows.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_INGEST])
            connection.execute(
                "UPDATE telemetry_frontier SET computed_to = greatest(computed_to, %s)", [upto.astimezone(UTC)]
            )
        with connection.transaction():
            connection.execute("SELECT FROM telemetry_frontier FOR UPDATE")
            marked = connection.execute(_MARK).rowcount
            connection.execute("UPDATE telemetry_frontier SET marked_to = computed_to")
    return marked


def take_dirty(limit: int, *, url: str | None = None) -> list[Dirty]:
    """Lease up to ``limit`` dirty days, oldest mark first. Give each back with :func:`done_dirty`; a lease that is not
    given back ends after half an hour.
    """
    with connect(url) as connection:
        found = connection.execute(
            """UPDATE telemetry_dirty SET taken_at = now() WHERE (source_id, day) IN (
                   SELECT source_id, day FROM telemetry_dirty WHERE taken_at IS NULL OR taken_at < now() - %s
                   ORDER BY marked_at LIMIT %s FOR UPDATE SKIP LOCKED)
               RETURNING source_id, day, reason, first_at, last_at, version""",
            [LEASE, limit],
        ).fetchall()
    return sorted((Dirty(*row) for row in found), key=lambda item: (item.day, item.source_id))


def backlog(*, url: str | None = None) -> int:
    """Return how many dirty days wait to be taken."""
    with connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM telemetry_dirty WHERE taken_at IS NULL OR taken_at < now() - %s", [LEASE]
        ).fetchone()
    return int(row[0]) if row else 0


def done_dirty(items: Sequence[Dirty], *, url: str | None = None) -> int:
    """Take computed days off the list; one that was marked again meanwhile stays and can be taken at once.

    Returns how many were taken off.
    """
    if not items:
        return 0
    keys = [[item.source_id for item in items], [item.day for item in items], [item.version for item in items]]
    with connect(url) as connection, connection.transaction():
        # Late reports mark days at the same time: whoever takes several takes them in this order, or they stop each other.
        connection.execute(
            """SELECT FROM telemetry_dirty d JOIN unnest(%s::bigint[], %s::date[]) AS k (s, y)
               ON d.source_id = k.s AND d.day = k.y ORDER BY d.source_id, d.day FOR UPDATE OF d""",
            keys[:2],
        )
        gone = connection.execute(
            """DELETE FROM telemetry_dirty d USING unnest(%s::bigint[], %s::date[], %s::bigint[]) AS k (s, y, v)
               WHERE d.source_id = k.s AND d.day = k.y AND d.version = k.v""",
            keys,
        ).rowcount
        connection.execute(
            """UPDATE telemetry_dirty d SET taken_at = NULL FROM unnest(%s::bigint[], %s::date[]) AS k (s, y)
               WHERE d.source_id = k.s AND d.day = k.y""",
            keys[:2],
        )
    return gone


def mark_dirty(pairs: Iterable[tuple[int, date]], *, reason: str = "asked", url: str | None = None) -> None:
    """Ask for days to be computed again, e.g. after a change of rules."""
    with connect(url) as connection, connection.transaction():
        for source_id, day in sorted(pairs):
            start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
            connection.execute(
                """INSERT INTO telemetry_dirty AS known (source_id, day, reason, first_at, last_at)
                   VALUES (%s, %s, %s, %s, %s) ON CONFLICT (source_id, day) DO UPDATE SET
                   reason = excluded.reason, version = known.version + 1, marked_at = now(),
                   first_at = excluded.first_at, last_at = excluded.last_at""",
                [source_id, day, reason, start, start + timedelta(days=1)],
            )


def repair_latest(url: str | None = None) -> int:
    """Bring latest positions up to what the hot table holds: after a kill the last second may not have been gathered.

    Returns the number of sources put right.
    """
    with connect(url) as connection:
        return connection.execute(
            """INSERT INTO telemetry_latest AS known (source_id, at, received_at, fix_at, lat, lon, altitude, speed,
                   direction, alarm, status, mileage_m)
               SELECT s.id, p.at, p.received_at, f.at, f.lat, f.lon, p.altitude, p.speed, p.direction, p.alarm,
                   p.status, p.mileage_m
               FROM telemetry_source s LEFT JOIN telemetry_latest l ON l.source_id = s.id
               CROSS JOIN LATERAL (
                   SELECT * FROM telemetry_position p
                   WHERE p.source_id = s.id AND p.at > coalesce(l.at, '-infinity')
                     AND p.at <= p.received_at + interval '600 s'
                   ORDER BY p.at DESC LIMIT 1) p
               LEFT JOIN LATERAL (
                   SELECT at, lat, lon FROM telemetry_position f
                   WHERE f.source_id = s.id AND f.at > coalesce(l.fix_at, '-infinity')
                     AND f.at <= f.received_at + interval '600 s' AND f.status & 2 = 2
                     AND abs(f.lat) <= 90000000 AND abs(f.lon) <= 180000000 AND (f.lat <> 0 OR f.lon <> 0)
                   ORDER BY f.at DESC LIMIT 1) f ON true
               ON CONFLICT (source_id) DO UPDATE SET at = excluded.at, received_at = excluded.received_at,
                   fix_at = greatest(known.fix_at, excluded.fix_at), lat = coalesce(excluded.lat, known.lat),
                   lon = coalesce(excluded.lon, known.lon), altitude = excluded.altitude, speed = excluded.speed,
                   direction = excluded.direction, alarm = excluded.alarm, status = excluded.status,
                   mileage_m = excluded.mileage_m
               WHERE excluded.at > known.at"""
        ).rowcount


def trim_raw(keep_days: int = 90, *, url: str | None = None) -> int:
    """Remove kept messages older than ``keep_days``; positions with impossible times stay for a year."""
    with connect(url) as connection:
        return connection.execute(
            """DELETE FROM telemetry_raw WHERE received_at < now() - make_interval(days => %s)
               AND (reason NOT IN ('time', 'position', 'refused') OR received_at < now() - interval '1 year')""",
            [keep_days],
        ).rowcount
