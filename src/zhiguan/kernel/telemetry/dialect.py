"""One SQL text, two engines: parameters put in, and DuckDB's text turned into Spark's by sqlglot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")

VIEW = """SELECT source_id, CAST(device_at + INTERVAL 8 HOUR AS DATE) AS day, device_at, received_at,
    CAST(lat_e6 AS DOUBLE) / 1000000 AS lat, CAST(lon_e6 AS DOUBLE) / 1000000 AS lon, lat_e6, lon_e6, altitude_m,
    CAST(speed_dkmh AS DOUBLE) / 10 AS speed_kmh, direction_deg, alarm, status, mileage_m, extra,
    (status & 2) = 2 AND lat_e6 BETWEEN -90000000 AND 90000000 AND lon_e6 BETWEEN -180000000 AND 180000000
        AND NOT (lat_e6 = 0 AND lon_e6 = 0) AS located,
    {epoch} AS epoch_s
FROM stored"""
"""The relation ``positions`` over the stored columns. ``located``: has a fix, in range, not 0/0; ``day`` in UTC+8."""

EPOCH = {
    "duckdb": "CAST(epoch_us(device_at) AS DOUBLE) / 1000000",
    "spark": "CAST(unix_micros(CAST(device_at AS TIMESTAMP)) AS DOUBLE) / 1000000",
}


def bound(text: str, values: Mapping[str, float | int | datetime]) -> str:
    """Put parameters into the text. Only numbers and moments are taken, so nothing else can get in.

    Raises KeyError for a parameter without a value and TypeError for one of another type.
    """

    def literal(match: re.Match[str]) -> str:
        value = values[match.group(1)]
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise TypeError(f"{match.group(1)}: a moment must carry a time zone")
            return f"TIMESTAMP '{value.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{match.group(1)}: only numbers and moments can be parameters")
        text = repr(float(value) if isinstance(value, float) else value)  # numpy's own say their type in repr
        return text if value >= 0 else f"({text})"

    return _PARAMETER.sub(literal, text)


def to_spark(text: str) -> str:
    """DuckDB's text -> Spark's: moments without zone are TIMESTAMP_NTZ there."""
    tree = sqlglot.parse_one(text, read="duckdb")
    for kind in list(tree.find_all(exp.DataType)):
        if kind.this == exp.DataType.Type.TIMESTAMP:
            kind.set("this", exp.DataType.Type.TIMESTAMPNTZ)
    return tree.sql(dialect="spark")


def view(dialect: str) -> str:
    """The SELECT that makes ``positions`` from ``stored``."""
    text = VIEW.replace("{epoch}", EPOCH[dialect])
    return text if dialect == "duckdb" else text.replace("INTERVAL 8 HOUR", "INTERVAL '8' HOUR")
