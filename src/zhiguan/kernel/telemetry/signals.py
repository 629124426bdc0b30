"""How well a terminal hears: items 0x30 and 0x31 of its latest report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from .jt808.items import decode_items


class Signal(NamedTuple):
    """Network strength (0 to 31 as terminals send it) and satellites of a report; None when it does not say."""

    at: datetime
    network: int | None
    satellites: int | None


def signals(sources: Sequence[int]) -> dict[int, Signal]:
    """Return the signal of each source's latest report, as long as it is in the hot table. The caller has resolved
    which sources its actor may see."""
    if not sources:
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('zg.sources', %s, true)", [",".join(map(str, sources))])
        cursor.execute(
            """SELECT p.source_id, p.at, p.extra FROM telemetry_latest l
               CROSS JOIN LATERAL (
                   SELECT source_id, at, extra FROM telemetry_position
                   WHERE source_id = l.source_id AND at = l.at LIMIT 1) p
               WHERE l.source_id = ANY(%s)""",
            [list(sources)],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT set_config('zg.sources', '', true)")
    return {source: Signal(at, *_items(bytes(extra or b""))) for source, at, extra in rows}


def _items(extra: bytes) -> tuple[int | None, int | None]:
    values = {item["id"]: item["value"] for item in decode_items(extra)[0]}
    return values.get("30"), values.get("31")
