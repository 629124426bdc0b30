"""Every report of many devices as columns, for computing whole days: one read, no engine in between when all is hot."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from psycopg import sql

from .columns import COPY_HEADER, COPY_TRAILER, MICROS, PG_EPOCH_US, fixed
from .engine import Engine, Selection, listed, reading

_ARRAYS = (
    "at",
    "(lat::bigint << 32) | (lon::bigint & 4294967295)",
    "(speed::bigint << 32) | (direction::bigint & 4294967295)",
    "(alarm << 32) | (status & 4294967295)",
    "COALESCE(mileage_m, -1)",
)
"""What is read of a source, two words of 32 bits in one where both fit: an array of 64-bit numbers each."""
_SELECT = ", ".join(f"array_agg({expression})" for expression in _ARRAYS)
_ELEMENT = np.dtype([("size", ">i4"), ("value", ">i8")])
_ARRAY_HEAD = struct.Struct(">iiiiii")
"""Size of the field, then of the array: dimensions, flag of nulls, element type, length, lower bound."""
_AT_ONCE = 2_500
"""Sources asked for in one query: PostgreSQL gathers their arrays in memory (80 bytes a report)."""
_MEMORY = "256MB"
_MANY = 0.08
"""Reports of a day lie in order of time. From this share of all sources on, reading the day from end to end is cheaper
than fetching each report by the index: a twentieth of the time a row, as measured."""
_SEALED = (
    "source_id",
    "epoch_s",
    "lat",
    "lon",
    "speed_kmh",
    "direction_deg",
    "alarm",
    "status",
    "mileage_m",
    "located",
)

Columns = dict[str, npt.NDArray]


def reports_of(sources: Sequence[int], start: datetime, end: datetime) -> Columns:
    """Return every report of the sources in ``[start, end)`` by source and device time, without a place ones included.

    ``source_id``; ``time_s`` Unix seconds of device time; ``lat``, ``lon`` degrees WGS84; ``speed_kmh``;
    ``direction_deg`` (float32); ``alarm`` and ``status`` words; ``mileage_m`` (NaN where not told); ``located``. Hot and
    sealed rows alike. The caller has resolved which sources its actor may see.
    """
    engine = reading()
    chosen = Selection(tuple(sorted(set(sources))), start, end)
    if not isinstance(engine, Engine):
        return _through_engine(engine, chosen)
    with transaction.atomic():
        if engine.sealed_files(chosen):
            return _through_engine(engine, chosen)
        rows = _hot(chosen)
    # A day sealed while it was read has left the hot table for good; then the engine sees all of it.
    if engine.sealed_files(chosen):
        return _through_engine(engine, chosen)
    return rows


def _through_engine(engine: Any, chosen: Selection) -> Columns:
    order = "source_id, device_at, lat_e6, lon_e6, speed_kmh"
    text = f"SELECT {', '.join(_SEALED)} FROM positions ORDER BY {order}"  # noqa: S608
    table = engine.sql(text, chosen.sources or (), chosen.start, chosen.end)
    found = {name: table.column(name).to_numpy(zero_copy_only=False) for name in _SEALED}
    return {
        "source_id": found["source_id"].astype(np.int64), "time_s": found["epoch_s"].astype(np.float64),
        "lat": found["lat"].astype(np.float64), "lon": found["lon"].astype(np.float64),
        "speed_kmh": found["speed_kmh"].astype(np.float64), "direction_deg": found["direction_deg"].astype(np.float32),
        "alarm": found["alarm"].astype(np.int64), "status": found["status"].astype(np.int64),
        "mileage_m": found["mileage_m"].astype(np.float64), "located": found["located"].astype(bool),
    }  # fmt: skip


def _hot(chosen: Selection) -> Columns:
    sources = chosen.sources or ()
    known: list[int] = []
    parts: list[list[npt.NDArray[np.int64]]] = []
    with listed(chosen.sources):
        connection.ensure_connection()
        # A row of arrays for each source instead of a row for each report: four times as fast to hand over.
        connection.connection.execute(sql.SQL("SET LOCAL work_mem = {}").format(sql.Literal(_MEMORY)))
        if many := _are_many(len(sources)):
            connection.connection.execute("SET LOCAL enable_indexscan = off")
            connection.connection.execute("SET LOCAL enable_bitmapscan = off")
        for at in range(0, len(sources), _AT_ONCE):
            query = sql.SQL(
                "COPY (SELECT source_id, {} FROM telemetry_position WHERE at >= {} AND at < {} "
                "AND source_id = ANY({}::bigint[]) GROUP BY source_id) TO STDOUT (FORMAT BINARY)"
            ).format(
                sql.SQL(_SELECT), sql.Literal(chosen.start), sql.Literal(chosen.end),
                sql.Literal(list(sources[at : at + _AT_ONCE])),
            )  # fmt: skip
            with connection.connection.cursor().copy(query) as out:
                data = b"".join(out)
            for source, arrays in _rows(data):
                known.append(source)
                parts.append(arrays)
        connection.connection.execute("RESET work_mem")
        if many:
            connection.connection.execute("RESET enable_indexscan")
            connection.connection.execute("RESET enable_bitmapscan")
    if not parts:
        parts = [[np.zeros(0, np.int64)] * len(_ARRAYS)]
        known = [0]
    source = np.repeat(np.array(known, np.int64), [arrays[0].size for arrays in parts])
    at, place, way, words, mileage = (np.concatenate(column) for column in zip(*parts, strict=True))
    lat, lon = (half.astype(np.int32) for half in _halves(place))
    speed, direction = (half.astype(np.int32) for half in _halves(way))
    alarm, status = _halves(words)
    order = _order(source, at, lat, lon, speed)
    wire = {"lat": lat, "lon": lon, "status": status}
    mileage = mileage[order].astype(np.float64)
    return {
        "source_id": source[order], "time_s": (at[order] + PG_EPOCH_US) / MICROS,
        "lat": lat[order] / 1e6, "lon": lon[order] / 1e6, "speed_kmh": speed[order] / 10.0,
        "direction_deg": direction[order].astype(np.float32), "alarm": alarm[order], "status": status[order],
        "mileage_m": np.where(mileage < 0, np.nan, mileage), "located": fixed(wire)[order],
    }  # fmt: skip


def _are_many(count: int) -> bool:
    """Tell whether so many sources are a good part of all."""
    if count < 50:
        return False
    found = connection.connection.execute("SELECT count(*) FROM telemetry_source").fetchone()
    return count >= _MANY * int(found[0] if found else 0)


def _rows(data: bytes) -> Iterator[tuple[int, list[npt.NDArray[np.int64]]]]:
    """Binary COPY data -> (source, its arrays), row by row."""
    at = len(COPY_HEADER)
    while data[at : at + 2] != COPY_TRAILER:
        (source,) = struct.unpack_from(">q", data, at + 6)
        at += 14
        arrays = []
        for _ in _ARRAYS:
            size, _, _, _, count, _ = _ARRAY_HEAD.unpack_from(data, at)
            arrays.append(np.frombuffer(data, _ELEMENT, count, at + _ARRAY_HEAD.size)["value"].astype(np.int64))
            at += 4 + size
        yield source, arrays


def _halves(words: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The upper and lower 32 bits, both without sign."""
    return (words >> 32) & 0xFFFFFFFF, words & 0xFFFFFFFF


def _order(source: npt.NDArray[np.int64], at: npt.NDArray[np.int64], *content: npt.NDArray) -> npt.NDArray[np.intp]:
    """The rows by source and device time; of one moment by content, so that the answer is always the same."""
    if not source.size:
        return np.zeros(0, np.intp)
    _, slot = np.unique(source, return_inverse=True)
    key = slot * np.int64(at.max() - at.min() + 1) + (at - at.min())
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    if same.size:
        tied = np.unique(np.concatenate((same, same + 1)))
        rows = order[tied]
        order[tied] = rows[np.lexsort((*(values[rows] for values in reversed(content)), key[rows]))]
    return order
