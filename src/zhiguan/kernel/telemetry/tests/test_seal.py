"""Sealing: every row arrives in the lake once, late ones too, whatever moment the process is killed at."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from zhiguan.kernel.telemetry import seal
from zhiguan.kernel.telemetry.columns import Block
from zhiguan.kernel.telemetry.ingest import Writer
from zhiguan.kernel.telemetry.lake import Lake, to_arrow, to_block
from zhiguan.kernel.telemetry.store import SHANGHAI

from .conftest import row

DAY = (datetime.now(SHANGHAI) - timedelta(days=3)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=SHANGHAI)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def points(fleet, count: int, start: datetime = NOON, sources: tuple[int, ...] = (0, 1, 2)) -> list[tuple]:
    return [row(fleet.ids[s], start + timedelta(seconds=10 * i), lat=31 + i / 10_000, mileage=i if i % 2 else -1)
            for s in sources for i in range(count)]  # fmt: skip


def sealed(lake: Lake) -> Block:
    files = lake.files().get(DAY, [])
    return lake.read_range(files, 0, 2**62)


def test_arrow_and_back():
    block = Block.of([(1, 10**15, 2 * 10**15, -5, 7, -1, 2, 3, 4, 5, -1), (1, 0, 0, 0, 0, 0, 0, 0, 2**32 - 1, 0, 9)],
                     [b"\x00\xff", None])  # fmt: skip
    back = to_block(to_arrow(block))
    np.testing.assert_array_equal(back.rows, block.rows)
    assert back.extras == block.extras


def test_a_closed_day_is_sealed_and_its_partition_dropped(fleet, lake):
    fleet.write(points(fleet, 200), Block.of(points(fleet, 1, NOON - timedelta(hours=1)), [b"\x30\x01\x05"] * 3))
    (done,) = seal.seal_closed_days(url=fleet.urls.ingest, lake=lake)
    assert (done.day, done.rows, done.returned) == (DAY, 603, 0)
    assert fleet.sql("SELECT count(*) FROM telemetry_position") == [(0,)]
    assert DAY not in [d for (d,) in fleet.sql("SELECT telemetry_days()")]
    block = sealed(lake)
    assert len(block) == 603 and block.extras.count(b"\x30\x01\x05") == 3
    assert np.all(np.diff(block.rows["source_id"]) >= 0)
    assert fleet.sql("SELECT rows FROM telemetry_segment WHERE day = %s", DAY) == [(603,)]
    assert seal.seal_closed_days(url=fleet.urls.ingest, lake=lake) == []


def test_days_that_are_not_over_stay(fleet, lake):
    now = datetime.now(UTC)
    fleet.write([row(fleet.ids[0], now), row(fleet.ids[0], now - timedelta(days=1))])
    assert seal.seal_closed_days(url=fleet.urls.ingest, lake=lake) == []


def test_late_rows_are_merged_in_one_commit_and_duplicates_dropped(fleet, lake):
    batch = points(fleet, 50)
    fleet.write(batch)
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    version = lake.table().version()
    late = points(fleet, 5, NOON + timedelta(hours=2), sources=(0, 4))
    assert fleet.write(late + batch[:20]) == [30], "the hot table does not know what is sealed"
    done = seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    assert done.rows == 160 and lake.table().version() == version + 1
    assert len(lake.files()[DAY]) == 1
    assert fleet.sql("SELECT count(*) FROM telemetry_position") == [(0,)]


def test_rows_that_come_while_sealing_go_back_to_the_hot_table(fleet, lake):
    fleet.write(points(fleet, 50))
    late = points(fleet, 3, NOON + timedelta(hours=3))

    def told(step: str) -> None:
        if step == "written":
            fleet.write(late)

    done = seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake, told=told)
    assert (done.rows, done.returned) == (150, 9)
    assert fleet.sql("SELECT count(*) FROM telemetry_position") == [(9,)]
    assert seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake).rows == 159


def test_only_one_process_seals(fleet, lake):
    fleet.write(points(fleet, 5))
    with seal._owner(fleet.urls.ingest), pytest.raises(seal.Busy):
        seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)


def test_the_wrong_number_of_rows_keeps_the_partition(fleet, lake, monkeypatch):
    fleet.write(points(fleet, 5))
    monkeypatch.setattr(Lake, "count_by_source", lambda self, files: {1: 3} if files else {})
    with pytest.raises(RuntimeError, match="15 rows were read, 3 are in the sealed file"):
        seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    assert fleet.sql("SELECT count(*) FROM telemetry_position") == [(15,)]


def test_erasure_leaves_nothing_on_disk(fleet, lake):
    fleet.write(points(fleet, 40))
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    fleet.write(points(fleet, 2, NOON + timedelta(hours=5)))
    assert seal.erase([fleet.ids[1]], url=fleet.urls.ingest, lake=lake) == 42
    files = list(lake.root.rglob("*.parquet"))
    data = [path for path in files if "_delta_log" not in path.parts]
    assert data
    for path in data:
        assert fleet.ids[1] not in pq.read_table(path, columns=["source_id"]).column(0).to_pylist(), path
    assert len(sealed(lake)) == 80
    assert fleet.sql("SELECT count(*) FROM telemetry_position WHERE source_id = %s", fleet.ids[1]) == [(0,)]


def test_writers_go_on_while_a_partition_leaves(fleet, lake):
    """Batches under way and the detaching of a day wait for each other and lose nothing."""
    fleet.write(points(fleet, 300))

    async def traffic(stop: asyncio.Event) -> int:
        writer, sent = Writer(fleet.urls.ingest), 0
        while not stop.is_set():
            batch = [row(fleet.ids[3], NOON + timedelta(seconds=sent + i)) for i in range(5)]
            await writer.commit(Block.of(batch))
            sent += 5
        await writer.close()
        return sent

    async def both() -> int:
        stop = asyncio.Event()
        task = asyncio.create_task(traffic(stop))
        for _ in range(3):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(seal.seal_day, DAY, url=fleet.urls.ingest, lake=lake)
        stop.set()
        return await task

    sent = asyncio.run(asyncio.wait_for(both(), 60))
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    assert len(sealed(lake)) == 900 + sent


KILLER = """
import os, signal, sys
from datetime import date
from pathlib import Path
from zhiguan.kernel.telemetry import seal
from zhiguan.kernel.telemetry.lake import Lake
def told(step):
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
seal.seal_day(date.fromisoformat(sys.argv[1]), url=os.environ["URL"], lake=Lake(Path(sys.argv[2])), told=told)
"""


@pytest.mark.faults
@pytest.mark.parametrize("again", [False, True], ids=["first", "rewrite"])
@pytest.mark.parametrize(
    "step", ["written", "renamed", "committed", "synced", "verified", "detached", "returned", "dropped"]
)
def test_killed_at_any_step(fleet, lake, step, again):
    total = 150
    fleet.write(points(fleet, 50))
    if again:
        seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
        fleet.write(points(fleet, 10, NOON + timedelta(hours=4)))
        total += 30
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, DAY.isoformat(), str(lake.root), step],
        env={**os.environ, "URL": fleet.urls.ingest, "PYTHONPATH": str(Path(seal.__file__).parents[3])},
        check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    late = points(fleet, 1, NOON + timedelta(hours=6))
    fleet.write(late)
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    assert len(sealed(lake)) == total + 3
    assert fleet.sql("SELECT count(*) FROM telemetry_position") == [(0,)]
    assert fleet.sql("SELECT telemetry_detached()") == []
