"""Killed gateways and databases, repeatedly, under traffic: nothing acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

import zhiguan
from zhiguan.kernel.telemetry.jt808 import encode
from zhiguan.site.runtime.postgres import ensure_cluster

from .conftest import ago
from .terminal import Terminal

pytestmark = pytest.mark.faults
SOURCE_TREE = str(Path(zhiguan.__file__).resolve().parents[1])


def free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Process:
    """A gateway process that can be killed and started again on the same port."""

    def __init__(self, url: str, var: Path) -> None:
        self.port = free_port()
        self._env = {**os.environ, "DATABASE_INGEST_URL": url, "ZHIGUAN_VAR": str(var), "PYTHONPATH": SOURCE_TREE,
                     "ZHIGUAN_GATEWAY_COMMIT_INTERVAL_MS": "20", "ZHIGUAN_LOG_LEVEL": "ERROR"}  # fmt: skip
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zhiguan.kernel.telemetry.gateway.server", "--port", str(self.port)], env=self._env
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


async def report(car: Terminal, port: int, total: int, pace_s: float) -> set[int]:
    """Send ``total`` reports one second of device time apart, again and again until each is acknowledged.

    Returns the numbers acknowledged; every connection that breaks is made anew.
    """
    start = ago(hours=1)
    done: set[int] = set()
    car.code = car.code or ""
    while len(done) < total:
        try:
            await car.enter(port)
            sent: dict[int, int] = {}

            async def hear(sent: dict[int, int] = sent) -> None:
                while True:
                    fields = (await car.answer(0x8001, 30)).fields or {}
                    if (
                        fields["reply_serial"] in sent
                        and fields["result"] == 0
                        and fields["reply_id"] in ("0200", 0x0200)
                    ):
                        done.add(sent[fields["reply_serial"]])

            hearing = asyncio.create_task(hear())
            try:
                for number in [n for n in range(total) if n not in done]:
                    body = encode.location(31.2 + number / 1e4, 121.5, start + timedelta(seconds=number), status=3)
                    frame = car.frame(0x0200, body)
                    sent[car.serial] = number
                    await car.raw(frame)
                    await asyncio.sleep(pace_s)
                    if hearing.done():
                        break
                deadline = time.monotonic() + 5
                while len(done) < total and not hearing.done() and time.monotonic() < deadline:
                    await asyncio.sleep(0.02)
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
            await car.leave()
        except (OSError, TimeoutError, AssertionError):
            await asyncio.sleep(0.1)
    return done


def doubled(sql: Any) -> list[tuple]:
    return sql("SELECT source_id, at, count(*) FROM telemetry_position GROUP BY 1, 2 HAVING count(*) > 1")


def test_gateway_killed_under_traffic(fleet, tmp_path):
    gate = Process(fleet.urls.ingest, tmp_path)
    noise = random.Random(4)

    async def trouble(stop: asyncio.Event) -> int:
        kills = 0
        while not stop.is_set() and kills < 4:
            await asyncio.sleep(2 + noise.random())
            gate.kill()
            gate.start()
            kills += 1
        return kills

    async def whole() -> int:
        stop = asyncio.Event()
        task = asyncio.create_task(trouble(stop))
        cars = [Terminal(source.number, device=f"D{i}") for i, source in enumerate(fleet.sources[:3])]
        found = await asyncio.gather(*(report(car, gate.port, 600, 0.008) for car in cars))
        stop.set()
        kills = await task
        assert all(len(done) == 600 for done in found)
        return kills

    try:
        kills = asyncio.run(asyncio.wait_for(whole(), 90))
        newest = fleet.sql("SELECT source_id, max(at) FROM telemetry_position GROUP BY 1 ORDER BY 1")
        deadline = time.monotonic() + 20  # a gateway that starts brings latest positions up to date
        while fleet.sql("SELECT source_id, at FROM telemetry_latest ORDER BY 1") != newest:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        gate.stop()
    assert kills >= 2
    assert fleet.sql("SELECT source_id, count(*) FROM telemetry_position GROUP BY 1 ORDER BY 1") == [
        (source, 600) for source in fleet.ids[:3]
    ]
    assert doubled(fleet.sql) == []


@pytest.fixture
def own_cluster(cluster, committed_db, fleet, tmp_path):
    """A durable server of the test's own with a copy of the fleet's database, because this test kills it."""
    from zhiguan.site.runtime.postgres import Urls, bin_dir, stop

    folder = Path(os.environ.get("ZHIGUAN_FAULT_DIR", "/tmp")) / f"zgt-faults-{os.getpid()}"
    made = ensure_cluster(folder / "pg", durable=True)
    from zhiguan.site.runtime.postgres import bootstrap

    urls = bootstrap(made, "zhiguan")
    dump = subprocess.run(
        [str(bin_dir() / "pg_dump"), "--no-owner", fleet.urls.superuser], check=True, capture_output=True
    )
    restored = subprocess.run([str(bin_dir() / "psql"), "-q", "-v", "ON_ERROR_STOP=0", urls.superuser], input=dump.stdout,
                              capture_output=True, check=False)  # fmt: skip
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        connection.execute("GRANT TEMPORARY ON DATABASE zhiguan TO zhiguan_ingest")
    assert restored.returncode == 0
    yield made, Urls(urls.owner, urls.app, urls.ingest, urls.superuser)
    stop(made)
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def kill_server(data_dir: Path) -> None:
    """SIGKILL to the server process; its children notice and go."""
    number = int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
    psutil.Process(number).kill()


def test_database_killed_under_traffic(own_cluster, fleet, tmp_path):
    made, urls = own_cluster
    gate = Process(urls.ingest, tmp_path)

    async def trouble(stop: asyncio.Event) -> int:
        kills = 0
        while not stop.is_set() and kills < 3:
            await asyncio.sleep(1.5)
            await asyncio.to_thread(kill_server, made.data_dir)
            await asyncio.to_thread(ensure_cluster, made.data_dir, durable=True)
            kills += 1
        return kills

    async def whole() -> int:
        stop = asyncio.Event()
        cars = [Terminal(source.number, device=f"D{i}") for i, source in enumerate(fleet.sources[:2])]
        task = asyncio.create_task(trouble(stop))
        found = await asyncio.gather(*(report(car, gate.port, 700, 0.006) for car in cars))
        stop.set()
        assert all(len(done) == 700 for done in found)
        return await task

    try:
        kills = asyncio.run(asyncio.wait_for(whole(), 120))
        code = gate.stop()
    finally:
        if gate.process.poll() is None:
            gate.kill()
    assert kills >= 1 and code == 0
    with psycopg.connect(urls.ingest, autocommit=True) as connection:
        counts = connection.execute(
            "SELECT source_id, count(*) FROM telemetry_position GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert counts == [(source, 700) for source in fleet.ids[:2]]
        assert doubled(lambda text: connection.execute(text).fetchall()) == []
