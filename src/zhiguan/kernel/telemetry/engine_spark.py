"""The query seam over Spark Connect: the same text on Sail in this process, or on any Spark server over the same lake.

Needs the optional extra ``spark`` (pysail and pyspark-client). A remote server must see the lake's folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa

from . import dialect
from .analytics import QUESTIONS
from .engine import Engine, Selection, Who, visible
from .lake import FILE_SCHEMA, Lake, to_arrow


@contextmanager
def sail(port: int = 0) -> Iterator[str]:
    """A Sail server in this process on loopback; gives its Spark Connect address."""
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", port)
    server.start(background=True)
    try:
        _, bound = server.listening_address
        yield f"sc://127.0.0.1:{bound}"
    finally:
        server.stop()


class SparkEngine:
    """Answers as :class:`engine.Engine` does, computed by the Spark server at ``remote`` (``sc://host:port``)."""

    def __init__(self, remote: str, lake: Lake | None = None) -> None:
        from pyspark.sql import SparkSession

        main = sys.modules["__main__"]
        if not hasattr(main, "__file__"):
            # The client takes a process without a main file (a pool's or test runner's worker) for its own doctests.
            main.__file__ = sys.executable
        self.session: Any = SparkSession.builder.remote(remote).getOrCreate()
        self.session.conf.set("spark.sql.session.timeZone", "UTC")
        self._local = Engine(lake)

    def close(self) -> None:
        """End the session."""
        self.session.stop()

    def ask(
        self, code: str, who: Who, start: datetime, end: datetime, *, sources: Iterable[int] | None = None,
        **parameters: float,
    ) -> pa.Table:  # fmt: skip
        """Answer one of :data:`analytics.QUESTIONS`."""
        question = QUESTIONS[code]
        return self.sql(question.sql, who, start, end, sources=sources, values=question.defaults | parameters)

    def sql(
        self, template: str, who: Who, start: datetime, end: datetime, *, sources: Iterable[int] | None = None,
        values: Mapping[str, float | datetime] | None = None, box: tuple[float, float, float, float] | None = None,
    ) -> pa.Table:  # fmt: skip
        """Run the portable text. Scope and the hot rows come from PostgreSQL as everywhere; ``box`` as for Selection."""
        chosen = Selection(visible(who, sources), start, end, box)
        text = dialect.to_spark(dialect.bound(template, values or {}))
        self._prepare(chosen)
        return self.session.sql(text).toArrow()

    def _prepare(self, chosen: Selection) -> None:
        from django.db import transaction
        from pyspark.sql.pandas.types import from_arrow_schema

        with transaction.atomic():
            hot = self._local.hot(chosen)
            files = self._local.sealed_files(chosen)
        names = [name for name in FILE_SCHEMA.names if name != "extra"]
        content = [name for name in names if name != "received_at"]
        frame = None
        if len(hot):
            frame = self.session.createDataFrame(to_arrow(hot).select(names))
        paths = [path for day in sorted(files) for path in files[day]]
        if paths:
            where = dialect.bound(
                "device_at >= :start AND device_at < :end", {"start": chosen.start, "end": chosen.end}
            )
            where = where.replace("TIMESTAMP '", "TIMESTAMP_NTZ '")
            sealed = self.session.read.parquet(*paths).where(where).select(*names)
            if chosen.sources is not None:
                wanted = ", ".join(map(str, chosen.sources)) or "NULL"
                sealed = sealed.where(f"source_id IN ({wanted})")
            if frame is not None and set(hot.days()) & set(files):
                sealed.createOrReplaceTempView("sealed")
                frame.createOrReplaceTempView("hot")
                same = " AND ".join(f"h.{name} <=> s.{name}" for name in content)
                frame = self.session.sql(f"SELECT h.* FROM hot h LEFT ANTI JOIN sealed s ON {same}")  # noqa: S608
            frame = sealed if frame is None else sealed.unionByName(frame)
        if frame is None:
            nothing = FILE_SCHEMA.empty_table().select(names).schema
            frame = self.session.createDataFrame([], from_arrow_schema(nothing, prefer_timestamp_ntz=True))
        frame.createOrReplaceTempView("stored")
        text = dialect.view("spark").replace("mileage_m, extra,", "mileage_m,")
        self.session.sql(text).createOrReplaceTempView("positions")
