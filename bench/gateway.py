"""The gateway end to end: real TCP, authentication, full decoding, live state, durable commit, acknowledgement.

Starts a gateway process on a database of its own (with fsync) and terminals in another process (``gateway_load.py``),
and prints one JSON line per figure: ``name``, ``value``, ``unit``, ``baseline``, ``ratio``. The baseline of the rate is
what one process commits by binary COPY into a table of the same columns and key, without gateway, network or row-level
security. Terminals, gateway and database share the machine; CPU per position is told for each.

    python bench/gateway.py [--mode single|grouped|batch] [--connections 1000] [--rate 10000] [--seconds 8]
                            [--processes 1] [--var FOLDER]
    python bench/gateway.py --series 100,1000,10000,15000     # the same rate over more and more connections
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg
from gateway_load import CODE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
DATABASE = "zhiguan_bench_gateway"
PORT = 18808
FOLDER = "bench-gateway"


@contextmanager
def database(var: Path) -> Iterator[Any]:
    """A migrated durable database of the benchmark's own, in a server of its own; its URLs and data folder."""
    from zhiguan.kit.starting import set_up
    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop

    set_up()
    from zhiguan.site.management.commands.migrate_all import prepare

    (var / FOLDER).mkdir(parents=True, exist_ok=True)
    cluster = ensure_cluster(var / FOLDER / "pg", durable=True)
    try:
        drop_database(cluster, DATABASE)
        urls = bootstrap(cluster, DATABASE)
        prepare(urls.owner, "zhiguan_app", verbosity=0)
        yield urls, cluster
    finally:
        cluster = ensure_cluster(var / FOLDER / "pg", durable=True)
        drop_database(cluster, DATABASE)
        stop(cluster)


def fill(urls: Any, count: int) -> None:
    """Register ``count`` terminals whose authentication code is CODE, in an organ; those that are there stay."""
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO orgs_unit (code, name, short_name, kind, level, function, district_code, pos, pos_end, sort,
                   pinyin, initials, phone, address, note)
               SELECT 'B', '测试', '', 'city', 'municipal', '', '', 1, 2, 0, '', '', '', '', ''
               WHERE NOT EXISTS (SELECT FROM orgs_unit)"""
        )
        connection.execute("ALTER TABLE telemetry_source DISABLE TRIGGER telemetry_source_changed")
        connection.execute(
            """INSERT INTO telemetry_source (protocol, number, key, device_id, auth_digest, active, firmware, reported,
                   created_at, unit_id, scope_pos)
               SELECT 'jt808', '1' || lpad(i::text, 10, '0'), '', '', %s, true, '', '{}', now(), u.id, 1
               FROM generate_series(0, %s - 1) i, orgs_unit u ON CONFLICT DO NOTHING""",
            [hashlib.sha256(CODE.encode()).hexdigest(), count],
        )
        connection.execute("ALTER TABLE telemetry_source ENABLE TRIGGER telemetry_source_changed")


def baseline(urls: Any, seconds: float = 3.0, rows: int = 6000) -> tuple[float, float]:
    """Rows/s that one process commits by binary COPY, 6,000 a batch, into a plain table of the same columns and key;
    and the server's CPU in µs a row.
    """
    from zhiguan.kernel.telemetry import columns

    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_plain (LIKE telemetry_position INCLUDING ALL)")
        connection.execute("ALTER TABLE bench_plain ALTER mileage_m DROP NOT NULL")
        server = psutil.Process(connection.info.backend_pid)
        noise, done, busy, number = np.random.default_rng(1), 0, 0.0, 0
        before = cpu_of([server])
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
        spent = cpu_of([server]) - before
        connection.execute("DROP TABLE bench_plain")
    return done / busy, spent / done * 1e6


def cpu_of(processes: list[psutil.Process]) -> float:
    """CPU seconds of processes, with what their ended children have used."""
    total = 0.0
    for process in processes:
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def servers(data_dir: Path) -> list[psutil.Process]:
    """The database server in this folder and its children."""
    number = int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
    parent = psutil.Process(number)
    return [parent, *parent.children(recursive=True)]


def figure(name: str, value: float, unit: str, base: float | None = None, said: str = "") -> None:
    line = {"name": f"gateway.{name}", "value": round(value, 4), "unit": unit}
    line |= {"baseline": said, "baseline_value": round(base, 1), "ratio": round(value / base, 3)} if base else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


@contextmanager
def gateways(
    urls: Any, var: Path, processes: int, port: int = PORT, **settings: object
) -> Iterator[list[psutil.Process]]:
    """Gateway processes on one port; each must end with status 0."""
    env = {**os.environ, "DATABASE_INGEST_URL": urls.ingest, "ZHIGUAN_VAR": str(var / FOLDER),
           "ZHIGUAN_LOG_LEVEL": "WARNING", **{f"ZHIGUAN_GATEWAY_{k.upper()}": str(v) for k, v in settings.items()}}  # fmt: skip
    words = [sys.executable, "-m", "zhiguan.kernel.telemetry.gateway.server", "--port", str(port)]
    words += ["--share-port"] if processes > 1 else []
    gates = [subprocess.Popen(words, env=env) for _ in range(processes)]
    try:
        time.sleep(3)
        yield [psutil.Process(gate.pid) for gate in gates]
    finally:
        for gate in gates:
            gate.send_signal(signal.SIGTERM)
        codes = [gate.wait(30) for gate in gates]
    assert codes == [0] * processes, codes


def measure(urls: Any, cluster: Any, options: argparse.Namespace, connections: int) -> dict[str, float]:
    """One run; ``lost`` is what was acknowledged and is not stored exactly once."""
    fill(urls, connections + options.backlog)
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        connection.execute("TRUNCATE telemetry_position, telemetry_latest")
        connection.execute("CHECKPOINT")
    words = [sys.executable, str(Path(__file__).with_name("gateway_load.py")), "--port", str(PORT)]
    for name in ("rate", "seconds", "mode", "group", "backlog"):
        words += [f"--{name}", str(getattr(options, name))]
    marks: dict[str, dict[str, float]] = {}
    with gateways(urls, options.var, options.processes) as watched:
        load = subprocess.Popen([*words, "--connections", str(connections)], stdout=subprocess.PIPE, text=True)
        assert load.stdout is not None
        for line in load.stdout:
            told = json.loads(line)
            marks[told["mark"]] = told | {
                "gateway": cpu_of(watched), "database": cpu_of(servers(cluster.data_dir)),
                "memory": sum(p.memory_info().rss for p in watched),
            }  # fmt: skip
        assert load.wait() == 0
    warm, done = marks["warm"], marks["done"]
    with psycopg.connect(urls.ingest) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM telemetry_position").fetchone() or (0,)
        (latest,) = connection.execute("SELECT count(*) FROM telemetry_latest").fetchone() or (0,)
    positions = max(done["got"] - warm["got"] + done["late_got"], 1)
    assert latest == connections + options.backlog, (latest, connections)
    return {
        # what was written after the first seconds, over the time until the last of it was acknowledged
        "acknowledged": max(0.0, done["got"] - warm["sent"]) / (done["at"] - warm["at"]),
        "offered": done["offered"] / done["sending_s"],
        "p50": done["p50_ms"], "p99": done["p99_ms"], "max": done["max_ms"],
        **{f"{who}_us": (done[key] - warm[key]) / positions * 1e6
           for who, key in (("gateway", "gateway"), ("database", "database"), ("terminals", "cpu"))},
        "memory": max(mark["memory"] for mark in marks.values()) / 2**20, "storm_s": marks["in"]["storm_s"],
        "late": done["late_per_s"],
        "lost": max(0, done["got"] + done["late_got"] - stored),
        "doubled": max(0, stored - done["sent"] - done["late_sent"]), "unanswered": done["sent"] - done["got"], "refused": done["refused"],
    }  # fmt: skip


UNITS = {
    "acknowledged": "positions/s", "offered": "positions/s", "p50": "ms", "p99": "ms", "max": "ms",
    "gateway_us": "µs CPU a position", "database_us": "µs CPU a position", "terminals_us": "µs CPU a position",
    "late": "late positions/s acknowledged beside (0x0704 backlogs)", "memory": "MiB", "storm_s": "s until all were let in", "unanswered": "positions", "refused": "positions",
    "lost": "positions acknowledged but not stored", "doubled": "positions stored more than sent",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=("single", "grouped", "batch"), default="grouped")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--series", default="", help="numbers of connections, comma-separated")
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--group", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--backlog", type=int, default=0, help="more terminals that deliver a day each meanwhile")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    options.var = options.var or var_dir()
    counts = [int(text) for text in options.series.split(",") if text] or [options.connections]
    with database(options.var) as (urls, cluster):
        plain, plain_us = baseline(urls)
        found = {count: measure(urls, cluster, options, count) for count in counts}
    for count, result in found.items():
        base = {"acknowledged": (plain, "binary COPY alone, one process, rows/s"),
                "database_us": (plain_us, "binary COPY alone, µs CPU a row")}  # fmt: skip
        for name, unit in UNITS.items():
            figure(f"{options.mode}.{count}.{name}", result[name], unit, *base.get(name, ()))
    if len(found) > 1:
        costs = [result["gateway_us"] + result["database_us"] for result in found.values()]
        figure(f"{options.mode}.flat", max(costs) / min(costs), "dearest over cheapest CPU a position of the series")
    return int(any(result["lost"] or result["doubled"] or result["refused"] for result in found.values()))


if __name__ == "__main__":
    sys.exit(main())
