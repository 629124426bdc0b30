"""The one way to read positions: sealed files and hot rows united, for the sources the actor may see.

Scope is resolved in PostgreSQL first; what is passed on is a list of sources, also told to row-level security for the
hot rows. Hot rows are read before the list of sealed days: a day that leaves the hot table in between is then seen on
both sides, and the overlap is taken out, instead of on none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from django.db import connection, transaction
from psycopg import sql

from zhiguan.kit.actor import EVERYTHING, Actor

from . import dialect, seal
from .analytics import QUESTIONS
from .codes import POSITION_VIEW
from .columns import Block
from .lake import FILE_SCHEMA, Lake, to_arrow
from .store import SHANGHAI

COLUMNS = [
    "source_id",
    "day",
    "device_at",
    "received_at",
    "lat",
    "lon",
    "lat_e6",
    "lon_e6",
    "altitude_m",
    "speed_kmh",
    "direction_deg",
    "alarm",
    "status",
    "mileage_m",
    "extra",
    "located",
    "epoch_s",
]
"""Columns of the relation ``positions``."""
DEFAULT_COLUMNS = ("source_id", "device_at", "lat", "lon", "speed_kmh", "direction_deg", "alarm", "status", "mileage_m",
                   "located")  # fmt: skip

FEW = 50
"""Sources whose hot rows of some hours are best looked up one by one."""

Who = Actor | Iterable[int]


@dataclass(frozen=True)
class Selection:
    """What a query may read: ``sources`` (None: all), moments ``start`` (inclusive) to ``end`` (exclusive).

    ``box`` (south, west, north, east in degrees) says that rows elsewhere are not needed; hot ones are left out by it.
    """

    sources: tuple[int, ...] | None
    start: datetime
    end: datetime
    box: tuple[float, float, float, float] | None = None

    def days(self) -> list[date]:
        """Days in UTC+8 that the range touches."""
        first = self.start.astimezone(SHANGHAI).date()
        last = (self.end - timedelta(microseconds=1)).astimezone(SHANGHAI).date()
        return [first + timedelta(days=i) for i in range(max(0, (last - first).days + 1))]


class Engine:
    """Queries over positions. Cheap to make; holds nothing between calls."""

    def __init__(self, lake: Lake | None = None, *, threads: int = 2) -> None:
        self.lake = lake or Lake(seal.lake_root())
        self.threads = threads

    def positions(
        self,
        who: Who,
        start: datetime,
        end: datetime,
        columns: Sequence[str] = DEFAULT_COLUMNS,
        *,
        sources: Iterable[int] | None = None,
    ) -> pa.Table:
        """Positions by source and device time. ``who``: an actor, or the keys of sources resolved before.

        ``sources`` narrows an actor's view. Raises ValueError for a column there is not.
        """
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise ValueError(f"no such column: {unknown[0]}")
        text = f"SELECT {', '.join(columns)} FROM positions ORDER BY source_id, device_at"  # noqa: S608
        return self.sql(text, who, start, end, sources=sources, extra="extra" in columns)

    def ask(
        self,
        code: str,
        who: Who,
        start: datetime,
        end: datetime,
        *,
        sources: Iterable[int] | None = None,
        **parameters: float,
    ) -> pa.Table:
        """Answer one of :data:`analytics.QUESTIONS`."""
        question = QUESTIONS[code]
        return self.sql(question.sql, who, start, end, sources=sources, values=question.defaults | parameters)

    def sql(
        self,
        template: str,
        who: Who,
        start: datetime,
        end: datetime,
        *,
        sources: Iterable[int] | None = None,
        values: Mapping[str, float | datetime] | None = None,
        extra: bool = False,
        box: tuple[float, float, float, float] | None = None,
    ) -> pa.Table:
        """Run portable SQL over the relation ``positions``; ``:name`` in it is taken from ``values``.

        ``extra`` says whether the additional items of hot rows are needed, ``box`` as for :class:`Selection`. Moments
        must carry a time zone.
        """
        if start.tzinfo is None or end.tzinfo is None:
            raise ValueError("start and end must carry a time zone")
        chosen = Selection(visible(who, sources), start, end, box)
        text = dialect.bound(template, values or {})
        with self._open(chosen, extra=extra) as opened:
            return opened.sql(text).to_arrow_table()

    # --- parts, also used by the Spark engine

    def hot(self, chosen: Selection, *, extra: bool = False) -> Block:
        """Hot rows of the selection, under row-level security."""
        if chosen.sources == () or chosen.start >= chosen.end:
            return Block.empty()
        where = sql.SQL("FROM telemetry_position WHERE at >= {} AND at < {}").format(
            sql.Literal(chosen.start), sql.Literal(chosen.end)
        )
        if chosen.sources is not None:
            where += sql.SQL(" AND source_id = ANY({}::bigint[])").format(sql.Literal(list(chosen.sources)))
        if chosen.box is not None:
            south, west, north, east = (round(1e6 * degrees) for degrees in chosen.box)
            within = sql.SQL(" AND lat BETWEEN {} AND {} AND lon BETWEEN {} AND {}")
            where += within.format(*map(sql.Literal, (south, north, west, east)))
        with listed(chosen.sources), connection.cursor() as cursor:
            around = chosen.box is not None and (chosen.sources is None or len(chosen.sources) >= FEW)
            if around:  # who was there: reading the hour is a tenth of looking it up for every source
                cursor.execute("SET LOCAL enable_indexscan = off")
            found = seal.read(connection.connection, where, extras=extra)
            if around:
                cursor.execute("RESET enable_indexscan")
            return found

    def sealed_files(self, chosen: Selection) -> dict[date, list[str]]:
        """Files of the sealed days in the selection. Ask after :meth:`hot`."""
        days = chosen.days()
        if not days:
            return {}
        with connection.cursor() as cursor:
            cursor.execute("SELECT day FROM telemetry_segment WHERE day BETWEEN %s AND %s", [days[0], days[-1]])
            known = [day for (day,) in cursor.fetchall()]
        return self.lake.files(known) if known else {}

    @contextmanager
    def _open(self, chosen: Selection, *, extra: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with transaction.atomic():
            hot = self.hot(chosen, extra=extra)
            files = self.sealed_files(chosen)
        with duckdb.connect(config={"threads": self.threads, "autoinstall_known_extensions": False}) as engine:
            engine.execute("SET TimeZone = 'UTC'")
            engine.register("hot", to_arrow(hot))
            engine.execute(stored(engine, chosen, hot, files))
            engine.execute(f"CREATE VIEW positions AS {dialect.view('duckdb')}")
            yield engine


_reading: ContextVar[Any] = ContextVar("zhiguan_telemetry_engine", default=None)


def reading() -> Any:
    """Return the engine that positions are read through: DuckDB in this process, or what :func:`through` names."""
    return _reading.get() or Engine()


@contextmanager
def through(engine: Any) -> Iterator[None]:
    """Within the block positions are read through ``engine`` (see ``engine_spark``) instead of DuckDB."""
    token = _reading.set(engine)
    try:
        yield
    finally:
        _reading.reset(token)


def stored(engine: duckdb.DuckDBPyConnection, chosen: Selection, hot: Block, files: Mapping[date, list[str]]) -> str:
    """The statement that makes ``stored``: sealed rows of the selection and the hot rows that are not among them."""
    names = ", ".join(FILE_SCHEMA.names)
    paths = [path for day in sorted(files) for path in files[day]]
    if not paths:
        return f"CREATE VIEW stored AS SELECT {names} FROM hot"  # noqa: S608
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    where = dialect.bound("device_at >= :start AND device_at < :end", {"start": chosen.start, "end": chosen.end})
    if chosen.sources is not None:
        if len(chosen.sources) <= 200:
            where += f" AND source_id IN ({', '.join(map(str, chosen.sources)) or 'NULL'})"
        else:
            engine.register("wanted", pa.table({"source_id": pa.array(chosen.sources, pa.int64())}))
            where += " AND source_id IN (SELECT source_id FROM wanted)"
    sealed = f"SELECT {names} FROM read_parquet([{quoted}], hive_partitioning = false) WHERE {where}"  # noqa: S608
    if not len(hot):
        return f"CREATE VIEW stored AS {sealed}"
    if not set(hot.days()) & set(files):
        return f"CREATE VIEW stored AS {sealed} UNION ALL SELECT {names} FROM hot"  # noqa: S608
    # a sealed day with hot rows: late ones, some of which may be repetitions of what is sealed
    content = [name for name in FILE_SCHEMA.names if name not in ("received_at", "extra")]
    same = " AND ".join(f"h.{name} IS NOT DISTINCT FROM s.{name}" for name in content)
    return f"""CREATE VIEW stored AS WITH sealed AS ({sealed})
        SELECT {names} FROM sealed UNION ALL
        SELECT {names} FROM hot h WHERE NOT EXISTS (SELECT 1 FROM sealed s WHERE {same})"""  # noqa: S608


def visible(who: Who, sources: Iterable[int] | None = None) -> tuple[int, ...] | None:
    """Keys of the sources that ``who`` may see positions of, ascending; None: all. Empty without the permission."""
    wanted = None if sources is None else sorted(set(sources))
    if not isinstance(who, Actor):
        given = set(who)
        return tuple(sorted(given if wanted is None else given & set(wanted)))
    scope = who.scope(POSITION_VIEW.code)
    if scope == EVERYTHING and wanted is None:
        return None
    if not who.can(POSITION_VIEW.code):
        return ()
    from .models import Source

    with who.transaction():
        rows = Source.objects.visible_to(who, POSITION_VIEW.code)
        if wanted is not None:
            rows = rows.filter(pk__in=wanted)
        return tuple(rows.order_by("pk").values_list("pk", flat=True))


@contextmanager
def listed(sources: Sequence[int] | None) -> Iterator[None]:
    """Within the block (a transaction) row-level security shows the hot positions of these sources (None: all)."""
    text = "all" if sources is None else ",".join(map(str, sources))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('zg.sources', %s, true)", [text])
        yield
        cursor.execute("SELECT set_config('zg.sources', '', true)")


def latest(actor: Actor, *, sources: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Latest position of each source the actor sees, with its ``key`` and whether it is connected.

    ``lat``, ``lon`` in degrees (None without a fix yet), ``speed_kmh``, ``online``; moments in UTC.
    """
    from .models import Source

    actor.require(POSITION_VIEW.code)
    with actor.transaction():
        rows = Source.objects.visible_to(actor, POSITION_VIEW.code).filter(latest__isnull=False)
        if sources is not None:
            rows = rows.filter(pk__in=list(sources))
        found = rows.order_by("pk").values_list(
            "pk", "key", "number", "latest__at", "latest__received_at", "latest__fix_at", "latest__lat", "latest__lon",
            "latest__speed", "latest__direction", "latest__alarm", "latest__status", "latest__mileage_m",
            "session__connected_at", "session__disconnected_at",
        )  # fmt: skip
        return [
            {
                "source_id": pk, "key": key, "number": number, "at": at, "received_at": received, "fix_at": fix,
                "lat": None if lat is None else lat / 1e6, "lon": None if lon is None else lon / 1e6,
                "speed_kmh": speed / 10, "direction_deg": direction, "alarm": alarm, "status": status,
                "mileage_m": mileage, "online": connected is not None and gone is None,
            }
            for (pk, key, number, at, received, fix, lat, lon, speed, direction, alarm, status, mileage, connected,
                 gone) in found
        ]  # fmt: skip
