"""Every report of many devices as columns, for computing whole days: one read, no engine in between when all is hot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from psycopg import sql

from .columns import COPY_HEADER, COPY_TRAILER, MICROS, PG_EPOCH_US, fixed
from .engine import Engine, Selection, listed

_FIELDS = (("source_id", 8), ("at", 8), ("lat", 4), ("lon", 4), ("speed", 4), ("direction", 4), ("alarm", 8), ("status", 8),
           ("mileage_m", 8))  # fmt: skip
_WIRE = np.dtype([("count", ">i2")] + [(f, t) for n, s in _FIELDS for f, t in ((f"_{n}", ">i4"), (n, f">i{s}"))])
_SELECT = ", ".join("COALESCE(mileage_m, -1)" if name == "mileage_m" else name for name, _ in _FIELDS)
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
    engine = Engine()
    chosen = Selection(tuple(sorted(set(sources))), start, end)
    with transaction.atomic():
        if engine.sealed_files(chosen):
            return _through_engine(engine, chosen)
        rows = _hot(chosen)
    # A day sealed while it was read has left the hot table for good; then the engine sees all of it.
    if engine.sealed_files(chosen):
        return _through_engine(engine, chosen)
    return rows


def _through_engine(engine: Engine, chosen: Selection) -> Columns:
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
    query = sql.SQL(
        "COPY (SELECT {} FROM telemetry_position WHERE at >= {} AND at < {} AND source_id = ANY({}::bigint[])) "
        "TO STDOUT (FORMAT BINARY)"
    ).format(
        sql.SQL(_SELECT), sql.Literal(chosen.start), sql.Literal(chosen.end), sql.Literal(list(chosen.sources or ()))
    )
    with listed(chosen.sources):
        connection.ensure_connection()
        with connection.connection.cursor().copy(query) as out:
            data = b"".join(out)
    count, rest = divmod(len(data) - len(COPY_HEADER) - len(COPY_TRAILER), _WIRE.itemsize)
    if rest or count < 0:
        raise ValueError(f"COPY data of {len(data)} bytes is not whole")
    wire = np.frombuffer(data, _WIRE, count, len(COPY_HEADER))
    source, at = wire["source_id"].astype(np.int64), wire["at"].astype(np.int64)
    order = _order(source, at, wire)
    mileage = wire["mileage_m"][order].astype(np.float64)
    return {
        "source_id": source[order], "time_s": (at[order] + PG_EPOCH_US) / MICROS,
        "lat": wire["lat"][order] / 1e6, "lon": wire["lon"][order] / 1e6, "speed_kmh": wire["speed"][order] / 10.0,
        "direction_deg": wire["direction"][order].astype(np.float32), "alarm": wire["alarm"][order].astype(np.int64),
        "status": wire["status"][order].astype(np.int64), "mileage_m": np.where(mileage < 0, np.nan, mileage),
        "located": fixed(wire)[order],
    }  # fmt: skip


def _order(source: npt.NDArray[np.int64], at: npt.NDArray[np.int64], wire: npt.NDArray) -> npt.NDArray[np.intp]:
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
        order[tied] = rows[np.lexsort((wire["speed"][rows], wire["lon"][rows], wire["lat"][rows], key[rows]))]
    return order
