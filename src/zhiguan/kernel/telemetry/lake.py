"""The sealed days: one Delta table on disk, partitioned by day, sorted by source and time, made durable by ourselves.

The Delta library never calls fsync; here a file is synced before the log entry that names it is written, and the log
entry before anybody is told that the day is sealed.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, PostCommitHookProperties

from .columns import MICROS, POSITION, Block, Rows, digests

FILE_SCHEMA = pa.schema(
    [
        pa.field("source_id", pa.int64(), nullable=False),
        pa.field("device_at", pa.timestamp("us"), nullable=False),
        pa.field("received_at", pa.timestamp("us"), nullable=False),
        pa.field("lat_e6", pa.int32(), nullable=False),
        pa.field("lon_e6", pa.int32(), nullable=False),
        pa.field("altitude_m", pa.int32(), nullable=False),
        pa.field("speed_dkmh", pa.int32(), nullable=False),
        pa.field("direction_deg", pa.int32(), nullable=False),
        pa.field("alarm", pa.int64(), nullable=False),
        pa.field("status", pa.int64(), nullable=False),
        pa.field("mileage_m", pa.int64()),
        pa.field("extra", pa.binary()),
    ]
)
"""Columns of a file: UTC without zone, 1e-6 degree, 0.1 km/h. The receipt time is kept to the second."""
TABLE_SCHEMA = FILE_SCHEMA.append(pa.field("day", pa.date32(), nullable=False))
NAMES = {
    "at": "device_at",
    "lat": "lat_e6",
    "lon": "lon_e6",
    "altitude": "altitude_m",
    "speed": "speed_dkmh",
    "direction": "direction_deg",
}
"""Column of POSITION -> column of a file, where they differ."""

ROW_GROUP = 131_072
COMPRESSION_LEVEL = 6
_DELTA = ("device_at", "received_at", "lat_e6", "lon_e6", "altitude_m", "speed_dkmh", "direction_deg", "mileage_m")
_DICTIONARY = ["source_id", "alarm", "status", "extra"]
_QUIET = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class Written(NamedTuple):
    """One commit: the Delta version, rows and bytes of the day."""

    version: int
    rows: int
    bytes: int


def sync(path: Path) -> None:
    """fsync a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_arrow(block: Block) -> pa.Table:
    """Rows as a table of FILE_SCHEMA."""
    rows = block.rows
    columns: list[pa.Array] = []
    for field in FILE_SCHEMA:
        if field.name == "extra":
            columns.append(pa.array(block.extras, pa.binary()))
            continue
        own = next((mine for mine, theirs in NAMES.items() if theirs == field.name), field.name)
        values = np.ascontiguousarray(rows[own])
        if field.name == "received_at":
            values = values // MICROS * MICROS
        if field.name == "mileage_m":
            columns.append(pa.array(values, field.type, mask=values < 0))
        elif pa.types.is_timestamp(field.type):
            columns.append(pa.array(values).cast(field.type))
        else:
            columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=FILE_SCHEMA)


def to_block(table: pa.Table) -> Block:
    """A table of FILE_SCHEMA as rows, digests computed again."""
    rows: Rows = np.zeros(table.num_rows, POSITION)
    for name in POSITION.names or ():
        if name == "digest":
            continue
        column = table.column(NAMES.get(name, name))
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        if name == "mileage_m":
            column = column.fill_null(-1)
        rows[name] = column.to_numpy()
    extras = table.column("extra").to_pylist()
    rows["digest"] = digests(rows, extras)
    return Block(rows, extras)


class Lake:
    """The Delta table under ``root``. One process writes (see ``seal``); any number reads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def exists(self) -> bool:
        return (self.root / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(self.root))

    def table(self) -> DeltaTable:
        """The table, made when new."""
        if not self.exists:
            self.root.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(
                str(self.root), schema=Schema.from_arrow(TABLE_SCHEMA), mode="ignore", partition_by=["day"],
                name="telemetry_position",
            )  # fmt: skip
            self._sync_log()
            sync(self.root.parent)
        return DeltaTable(str(self.root))

    def replace_day(self, day: date, parts: Iterable[pa.Table], told: Any = None) -> Written:
        """Write ``parts`` (sorted, together one day) as the whole of ``day`` in one commit; durable on return.

        ``told`` is called with the name of each step once it is done. An empty day removes the day's files.
        """
        tell = told or (lambda step: None)
        table = self.table()
        folder = self.root / f"day={day.isoformat()}"
        folder.mkdir(exist_ok=True)
        name = f"part-{uuid.uuid4()}.parquet"
        scratch = folder / f".{name}.writing"
        rows = 0
        with scratch.open("wb") as out:
            with pq.ParquetWriter(
                out, FILE_SCHEMA, compression="zstd", compression_level=COMPRESSION_LEVEL, version="2.6",
                data_page_version="2.0", use_dictionary=_DICTIONARY,
                column_encoding=dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
            ) as writer:  # fmt: skip
                for part in parts:
                    writer.write_table(part, row_group_size=ROW_GROUP)
                    rows += part.num_rows
            out.flush()
            os.fsync(out.fileno())
        tell("written")
        actions = []
        size = scratch.stat().st_size
        if rows:
            scratch.rename(folder / name)
            sync(folder)
            sync(self.root)
            stats = json.dumps({"numRecords": rows})
            path = f"day={day.isoformat()}/{name}"
            actions = [AddAction(path, size, {"day": day.isoformat()}, int(time.time() * 1000), True, stats)]
        else:
            scratch.unlink()
        tell("renamed")
        table.create_write_transaction(
            actions, mode="overwrite", schema=table.schema(), partition_by=["day"],
            partition_filters=[("day", "=", day.isoformat())], post_commithook_properties=_QUIET,
        )  # fmt: skip
        tell("committed")
        self._sync_log()
        version = DeltaTable(str(self.root)).version()
        tell("synced")
        return Written(version, rows, size if rows else 0)

    def files(self, days: Iterable[date] | None = None) -> dict[date, list[str]]:
        """Live files of the table's newest version by day."""
        if not self.exists:
            return {}
        wanted = None if days is None else set(days)
        found: dict[date, list[str]] = {}
        adds = pa.table(DeltaTable(str(self.root)).get_add_actions(flatten=True))
        for path, value in zip(adds.column("path").to_pylist(), adds.column("partition.day").to_pylist(), strict=True):
            day = value if isinstance(value, date) else date.fromisoformat(value)
            if wanted is None or day in wanted:
                found.setdefault(day, []).append(str(self.root / path))
        return found

    def read_range(self, files: Sequence[str], lo: int, hi: int) -> Block:
        """Rows of the sources ``lo`` to ``hi`` from a day's files."""
        if not files:
            return Block.empty()
        import pyarrow.dataset as ds  # takes pandas with it, where that is installed: half a second of each start

        data = ds.dataset(list(files), schema=FILE_SCHEMA, format="parquet")
        return to_block(data.to_table(filter=(ds.field("source_id") >= lo) & (ds.field("source_id") <= hi)))

    def count_by_source(self, files: Sequence[str]) -> dict[int, int]:
        """Rows of each source in a day's files."""
        counts: dict[int, int] = {}
        for path in files:
            values = pq.read_table(path, columns=["source_id"]).column("source_id").value_counts()
            for item in values.to_pylist():
                counts[item["values"]] = counts.get(item["values"], 0) + item["counts"]
        return counts

    def tidy(self, keep_hours: float = 24.0) -> list[str]:
        """Write a checkpoint and remove from disk what no version of the last ``keep_hours`` needs; return the paths.

        Files that a killed writer left behind go too.
        """
        if not self.exists:
            return []
        for left in self.root.glob("day=*/.part-*.writing"):
            if time.time() - left.stat().st_mtime > keep_hours * 3600:
                left.unlink()
        table = DeltaTable(str(self.root))
        # the library keeps whole hours; 0 lets go of everything that is not live
        gone = table.vacuum(
            retention_hours=int(keep_hours), dry_run=False, enforce_retention_duration=False, full=True,
            post_commithook_properties=_QUIET,
        )  # fmt: skip
        DeltaTable(str(self.root)).create_checkpoint()
        self._sync_log()
        return gone

    def _sync_log(self) -> None:
        log = self.root / "_delta_log"
        newest = sorted(log.iterdir())[-4:]
        for path in newest:
            sync(path)
        sync(log)
        sync(self.root)


def parts_of(blocks: Iterator[Block]) -> Iterator[pa.Table]:
    """Blocks as tables, one row group each."""
    for block in blocks:
        if len(block):
            yield to_arrow(block)
