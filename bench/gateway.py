"""The gateway end to end: real TCP, authentication, full decoding, durable commit, acknowledgement.

Starts a gateway process on a database of its own (with fsync) and terminals in another process, and prints one JSON
line per figure: ``name``, ``value``, ``unit``, ``baseline``, ``ratio``. The baseline of the rate is what one process
commits by binary COPY into a table of the same columns and key, without gateway, network or row-level security.

    python bench/gateway.py [--connections 1000] [--rate 10000] [--seconds 8] [--processes 1] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
DATABASE = "zhiguan_bench_gateway"
CODE = "bench-code"
WARM_S = 2.0
SAMPLED = 200
PORT = 18808


def phone(number: int) -> str:
    return f"1{number:010d}"


@contextmanager
def database(var: Path) -> Iterator[object]:
    """A migrated durable database of the benchmark's own."""
    import django

    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop

    django.setup()
    from zhiguan.site.management.commands.migrate_all import prepare

    cluster = ensure_cluster(var / "bench-pg", durable=True)
    try:
        drop_database(cluster, DATABASE)
        urls = bootstrap(cluster, DATABASE)
        prepare(urls.owner, "zhiguan_app", verbosity=0)
        yield urls
    finally:
        drop_database(cluster, DATABASE)
        if cluster.started:
            stop(cluster)


def fill(urls: object, count: int) -> None:
    """Register ``count`` terminals whose authentication code is CODE."""
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO orgs_unit (code, name, short_name, kind, level, function, district_code, pos, pos_end, sort,
                   pinyin, initials, phone, address, note)
               VALUES ('B', '测试', '', 'city', 'municipal', '', '', 1, 2, 0, '', '', '', '', '')"""
        )
        connection.execute("ALTER TABLE telemetry_source DISABLE TRIGGER telemetry_source_changed")
        connection.execute(
            """INSERT INTO telemetry_source (protocol, number, key, device_id, auth_digest, active, firmware, reported,
                   created_at, unit_id, scope_pos)
               SELECT 'jt808', '1' || lpad(i::text, 10, '0'), '', '', %s, true, '', '{}', now(), u.id, 1
               FROM generate_series(0, %s - 1) i, orgs_unit u""",
            [hashlib.sha256(CODE.encode()).hexdigest(), count],
        )
        connection.execute("ALTER TABLE telemetry_source ENABLE TRIGGER telemetry_source_changed")


# --- terminals


class Frames:
    """Location reports of all terminals for one round, built as columns: 2013 header, 28 bytes, mileage, signal."""

    BODY = 28 + 6 + 3

    def __init__(self, count: int) -> None:
        self.count = count
        body = self.BODY
        self.frame = np.zeros((count, 1 + 12 + body + 2), np.uint8)
        self.frame[:, 0] = self.frame[:, -1] = 0x7E
        self.frame[:, 1:5] = np.frombuffer(struct.pack(">HH", 0x0200, body), np.uint8)
        digits = np.frombuffer(b"".join(bytes.fromhex(phone(i).rjust(12, "0")) for i in range(count)), np.uint8)
        self.frame[:, 5:11] = digits.reshape(count, 6)
        self.frame[:, 20] = 3  # status: ACC on, located
        self.frame[:, 41:43] = (1, 4)
        self.frame[:, 47:50] = (0x30, 1, 17)
        self.noise = np.random.default_rng(7)
        self.place = np.stack([31_000_000 + self.noise.integers(0, 400_000, count),
                               121_200_000 + self.noise.integers(0, 600_000, count)], 1)  # fmt: skip

    def round(self, number: int, at: float) -> list[bytes]:
        """The frames of round ``number`` at Unix time ``at``; its serial is the round's number."""
        frame, count = self.frame, self.count
        frame[:, 11], frame[:, 12] = number >> 8 & 0xFF, number & 0xFF
        self.place += self.noise.integers(-120, 180, (count, 2))
        words = np.empty((count, 2), ">u4")
        words[:] = self.place
        frame[:, 21:29] = words.view(np.uint8).reshape(count, 8)
        speed = np.empty((count, 1), ">u2")
        speed[:, 0] = self.noise.integers(0, 900, count)
        frame[:, 31:33] = speed.view(np.uint8)
        clock = time.strftime("%y%m%d%H%M%S", time.gmtime(at + 8 * 3600))
        frame[:, 35:41] = np.frombuffer(bytes.fromhex(clock), np.uint8)
        miles = np.empty((count, 1), ">u4")
        miles[:, 0] = 100_000 + number
        frame[:, 43:47] = miles.view(np.uint8)
        frame[:, -2] = np.bitwise_xor.reduce(frame[:, 1:-2], axis=1)
        special = ((frame[:, 1:-1] == 0x7D) | (frame[:, 1:-1] == 0x7E)).any(axis=1)
        data, size = frame.tobytes(), frame.shape[1]
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        for i in np.flatnonzero(special).tolist():
            inner = pieces[i][1:-1].replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
            pieces[i] = b"\x7e" + inner + b"\x7e"
        return pieces


class Terminal(asyncio.Protocol):
    """One connection; counts the delimiters of answers, and for a sampled one notes when each serial came back."""

    __slots__ = ("answered", "entered", "got", "sent", "transport")

    def __init__(self, sampled: bool) -> None:
        self.got = 0
        self.sent: dict[int, float] | None = {} if sampled else None
        self.answered: list[tuple[float, float]] = []
        self.entered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        frames = data.count(b"\x7e")
        if not self.entered:
            self.entered = True
            frames -= 2
        self.got += frames
        if self.sent:
            now = time.perf_counter()
            for piece in data.split(b"\x7e"):
                if len(piece) >= 18:
                    content = piece.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
                    began = self.sent.pop(content[12] << 8 | content[13], None)
                    if began is not None:
                        self.answered.append((began, now - began))


async def drive(connections: int, rate: float, seconds: float) -> dict[str, float]:
    """Let every terminal in, then send rounds at ``rate`` positions/s; return what was acknowledged and how fast."""
    loop = asyncio.get_running_loop()
    from zhiguan.kernel.telemetry.jt808 import encode

    began = time.perf_counter()
    cars: list[Terminal] = []

    async def enter(number: int) -> None:
        _, car = await loop.create_connection(lambda: Terminal(number % max(1, connections // SAMPLED) == 0),
                                              "127.0.0.1", PORT)  # fmt: skip
        car.transport.write(encode.encode_frame(0x0102, encode.authenticate(CODE), phone=phone(number), serial=65535))
        cars[number] = car

    cars = [None] * connections  # type: ignore[list-item]
    for start in range(0, connections, 500):
        await asyncio.gather(*(enter(i) for i in range(start, min(start + 500, connections))))
    while not all(car.entered for car in cars):
        await asyncio.sleep(0.01)
    storm = time.perf_counter() - began
    frames = Frames(connections)
    base = time.time() - 7200
    gap = connections / rate
    slices = max(1, round(gap / 0.01)) if gap > 0.01 else 1
    size = -(-connections // slices)
    started = time.perf_counter()
    marks: list[tuple[float, int]] = []
    number = 0
    total = WARM_S + seconds
    while time.perf_counter() - started < total:
        pieces = frames.round(number, base + number)
        for part in range(slices):
            due = started + number * gap + part * gap / slices
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            for i in range(part * size, min((part + 1) * size, connections)):
                car = cars[i]
                if car.sent is not None:
                    car.sent[number & 0xFFFF] = time.perf_counter()
                car.transport.write(pieces[i])
            if part % 4 == 0:
                await asyncio.sleep(0)
        number += 1
        marks.append((time.perf_counter() - started, sum(car.got for car in cars) // 2))
    sent = number * connections
    elapsed = time.perf_counter() - started
    warm = next(mark for mark in marks if mark[0] >= WARM_S or mark is marks[-1])
    deadline = time.perf_counter() + 15
    while sum(car.got for car in cars) // 2 < sent and time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
    done = sum(car.got for car in cars) // 2
    finished = time.perf_counter() - started
    waits = sorted(wait * 1000 for car in cars for began, wait in car.answered if began - started >= WARM_S)
    for car in cars:
        car.transport.close()
    return {
        "storm_s": storm, "sent": sent, "acknowledged": done, "sending_s": elapsed,
        "acknowledged_per_s": (done - warm[1]) / max(finished - warm[0], 1e-9),
        "p50_ms": waits[len(waits) // 2] if waits else 0.0, "p99_ms": waits[int(len(waits) * 0.99)] if waits else 0.0,
    }  # fmt: skip


# --- the whole


def baseline(urls: object, seconds: float = 3.0, rows: int = 6000) -> float:
    """Rows/s that one process commits by binary COPY, 6,000 a batch, into a plain table of the same columns and key."""
    from zhiguan.kernel.telemetry import columns

    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_plain (LIKE telemetry_position INCLUDING ALL)")
        connection.execute("ALTER TABLE bench_plain ALTER mileage_m DROP NOT NULL")
        noise, done, busy, number = np.random.default_rng(1), 0, 0.0, 0
        while busy < seconds:
            block = np.zeros(rows, columns.POSITION)
            block["source_id"] = np.arange(rows) + number * rows % 10_000
            block["at"] = 1_700_000_000_000_000 + number * 1_000_000
            block["lat"] = noise.integers(0, 10**7, rows)
            block["digest"] = noise.integers(-(2**31), 2**31, rows)
            data = columns.to_copy(columns.Block(block, [None] * rows), number)
            began = time.perf_counter()
            names = ", ".join(columns.STAGING_COLUMNS)
            with connection.cursor().copy(f"COPY bench_plain ({names}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(data)
            busy += time.perf_counter() - began
            done += rows
            number += 1
        connection.execute("DROP TABLE bench_plain")
    return done / busy


def figure(name: str, value: float, unit: str, base: float | None = None, said: str = "") -> None:
    line = {"name": f"gateway.{name}", "value": round(value, 4), "unit": unit}
    line |= {"baseline": said, "baseline_value": round(base, 1), "ratio": round(value / base, 3)} if base else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--var", type=Path, default=None)
    parser.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from zhiguan.kernel.telemetry.gateway.server import raise_file_limit

    raise_file_limit(options.connections + 256)
    if options.drive:
        import uvloop

        print(json.dumps(uvloop.run(drive(options.connections, options.rate, options.seconds))))
        return 0
    from zhiguan.site.runtime.paths import var_dir

    var = options.var or var_dir()
    with database(var) as urls:
        plain = baseline(urls)
        fill(urls, options.connections)
        env = {**os.environ, "DATABASE_INGEST_URL": urls.ingest, "ZHIGUAN_VAR": str(var / "bench-gateway"),
               "ZHIGUAN_LOG_LEVEL": "WARNING"}  # fmt: skip
        words = [sys.executable, "-m", "zhiguan.kernel.telemetry.gateway.server", "--port", str(PORT)]
        words += ["--share-port"] if options.processes > 1 else []
        gates = [subprocess.Popen(words, env=env) for _ in range(options.processes)]
        try:
            time.sleep(3)
            watched = [psutil.Process(gate.pid) for gate in gates]
            before = sum(sum(p.cpu_times()[:2]) for p in watched)
            told = subprocess.run(
                [sys.executable, __file__, "--drive", "--connections", str(options.connections), "--rate",
                 str(options.rate), "--seconds", str(options.seconds)], capture_output=True, text=True, check=True,
            )  # fmt: skip
            spent = sum(sum(p.cpu_times()[:2]) for p in watched) - before
            memory = sum(p.memory_info().rss for p in watched)
        finally:
            for gate in gates:
                gate.send_signal(signal.SIGTERM)
            codes = [gate.wait(30) for gate in gates]
        result = json.loads(told.stdout.splitlines()[-1])
        with psycopg.connect(urls.ingest) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM telemetry_position").fetchone()
            (latest,) = connection.execute("SELECT count(*) FROM telemetry_latest").fetchone()
    figure("acknowledged", result["acknowledged_per_s"], "positions/s", plain, "binary COPY alone, one process, rows/s")
    figure("p50", result["p50_ms"], "ms")
    figure("p99", result["p99_ms"], "ms")
    figure("cpu_per_position", spent / max(result["acknowledged"], 1) * 1e6, "µs")
    figure("memory", memory / 2**20, "MiB")
    figure("connect_all", result["storm_s"], "s")
    figure("lost", result["acknowledged"] - stored, "positions acknowledged but not stored exactly once")
    figure("unanswered", result["sent"] - result["acknowledged"], "positions")
    assert stored == result["acknowledged"], (stored, result)
    assert latest == options.connections and codes == [0] * options.processes
    return 0


if __name__ == "__main__":
    sys.exit(main())
