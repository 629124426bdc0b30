"""A small fleet in a database of its own: commits are real, the ingest role writes, the application role reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from zhiguan.kernel.telemetry.columns import MICROS, Block
from zhiguan.kernel.telemetry.ingest import Raw, Writer


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * MICROS)


def row(source: int, at: datetime, *, lat: float = 31.2, lon: float = 121.5, speed: int = 300, received: Any = None,
        status: int = 3, mileage: int = -1, direction: int = 0) -> tuple:  # fmt: skip
    """One position in the order of POSITION without the digest."""
    arrived = received or datetime.now(UTC)
    return (source, micros(at), micros(arrived), round(lat * 1e6), round(lon * 1e6), 5, speed, direction, 0, status,
            mileage)  # fmt: skip


def ago(**parts: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**parts)


@pytest.fixture
def fleet(committed_db: Any) -> Iterator[SimpleNamespace]:
    """Two organs with 3 and 2 sources; ``urls``, ``sources``, ``units``, ``write``, ``sql`` (as the ingest role)."""
    from zhiguan.kernel.orgs.models import Unit
    from zhiguan.kernel.telemetry.models import Source
    from zhiguan.kit.actor import system

    with system("tests").transaction():
        units = make_units(Unit)
        sources = [
            Source.objects.create(number=f"1391234000{i}", key=f"CAR-{i}", unit=units[0] if i < 3 else units[1])
            for i in range(5)
        ]

    async def commit(blocks: list[Block], raws: list[Raw]) -> list[int]:
        writer = Writer(committed_db.ingest)
        done = [await writer.commit(block, raws if not i else ()) for i, block in enumerate(blocks)]
        await writer.close()
        return done

    def write(*batches: list[tuple] | Block, raws: list[Raw] | None = None) -> list[int]:
        blocks = [batch if isinstance(batch, Block) else Block.of(batch) for batch in batches]
        return asyncio.run(asyncio.wait_for(commit(blocks, raws or []), 30))

    with psycopg.connect(committed_db.ingest, autocommit=True) as connection:

        def sql(text: str, *values: Any) -> list[tuple]:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

        def owner(text: str, *values: Any) -> None:
            with psycopg.connect(committed_db.owner) as other:
                other.execute(text, values or None)

        yield SimpleNamespace(
            urls=committed_db,
            units=units,
            sources=sources,
            ids=[s.pk for s in sources],
            write=write,
            sql=sql,
            owner=owner,
        )


def make_units(unit: Any) -> list[Any]:
    """Two organs under one city."""
    from zhiguan.kernel.orgs import tree

    pos, end = tree.ROOT_POS, tree.ROOT_END
    city = unit.objects.create(code="SH", name="演示市", kind="city", level="municipal", pos=pos, pos_end=end)
    made = []
    for number, name in enumerate(("甲局", "乙局"), 1):
        lo, hi = tree.child_range(pos, end, number)
        made.append(
            unit.objects.create(
                code=f"SH{number}", name=name, kind="organ", level="municipal", parent=city, pos=lo, pos_end=hi
            )
        )
    return made
