"""Acts recorded per second on a durable database, and entries verified per second. One JSON line per figure.

16 connections, each act a transaction of its own, as from as many users at once.

Baseline of recording: the same transaction with one plain row of the same text instead of a traced act. The variant
`lock_first` is the simpler design that was not taken: the chain's lock from the act's beginning to its end. Work of
5 ms inside each transaction stands for what a verb does besides.

    python bench/trace.py [seconds per figure]
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

PROCESSES, THREADS = 2, 8
BEFORE = {"name": "某局", "state": "open", "quota": 12, "note": "演示数据" * 5}
AFTER = {**BEFORE, "quota": 13}


def act(kind: str) -> None:
    """Do one act of the kind in an open transaction."""
    from django.db import connection

    from zhiguan.kernel.trace import service
    from zhiguan.kernel.trace.declare import Subject
    from zhiguan.kit.actor import current

    with connection.cursor() as cursor:
        if kind == "plain":
            cursor.execute("INSERT INTO plain (line) VALUES (%s)", [json.dumps([BEFORE, AFTER] * 2)])
            return
        if kind == "lock_first":
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
    service.record(current(), "orgs.unit.change", Subject("orgs.unit", "1", "某局", 5), before=BEFORE, after=AFTER)


def write(kind: str, work_s: float, seconds: float, begin, counts: list[int]) -> None:
    from django.db import connection

    from zhiguan.kit.actor import Actor

    actor = Actor(name="张三", account_id=7, person_id=70, unit_pos=5, unit_name="办公室", address="203.0.113.9")
    connection.ensure_connection()
    done = 0
    begin.wait()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with actor.transaction():
            act(kind)
            time.sleep(work_s)
        done += 1
    connection.close()
    counts.append(done)


def process(kind: str, work_s: float, seconds: float, algorithm: str, begin, results) -> None:
    from zhiguan.kit.starting import set_up

    set_up()
    from django.conf import settings

    settings.ZHIGUAN_TRACE_DIGEST = algorithm
    counts: list[int] = []
    threads = [threading.Thread(target=write, args=(kind, work_s, seconds, begin, counts)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(counts))


def rate(kind: str, seconds: float, *, work_s: float = 0.0, algorithm: str = "sha256") -> float:
    """Return transactions per second of all processes together."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    begin = context.Barrier(PROCESSES * THREADS)
    workers = [
        context.Process(target=process, args=(kind, work_s, seconds, algorithm, begin, results))
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    done = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return done / seconds


def tell(name: str, value: float, unit: str, baseline: str, against: float) -> None:
    figures = {"name": name, "value": round(value, 1), "unit": unit, "baseline": baseline}
    print(json.dumps({**figures, "ratio": round(value / against, 3)}), flush=True)


def main(seconds: float) -> None:
    from zhiguan.site.runtime.postgres import bootstrap, ensure_cluster, stop

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        cluster = ensure_cluster(Path(folder) / "pg", durable=True)
        try:
            urls = bootstrap(cluster, "bench")
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "zhiguan.site.settings",
                "DATABASE_URL": urls.app,
                "DATABASE_OWNER_URL": urls.owner,
                "ZHIGUAN_VAR": folder,
                "ZHIGUAN_LOG_LEVEL": "ERROR",
            }
            measure(urls.owner, seconds)
        finally:
            stop(cluster)


def measure(owner: str, seconds: float) -> None:
    import psycopg

    from zhiguan.kit.starting import set_up

    set_up()
    from zhiguan.kernel.trace import service, signing
    from zhiguan.kernel.trace.export import export
    from zhiguan.kernel.trace.verify import verify_lines
    from zhiguan.site.management.commands.migrate_all import prepare

    prepare(owner, "zhiguan_app", verbosity=0)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY, line text)")
        connection.execute("GRANT ALL ON plain TO zhiguan_app")
    plain = rate("plain", seconds)
    tell("trace.record", rate("trace", seconds), "acts/s", f"one plain row, {plain:.0f}/s", plain)
    tell("trace.record_sm3", rate("trace", seconds, algorithm="sm3"), "acts/s", f"one plain row, {plain:.0f}/s", plain)
    first = rate("lock_first", seconds, work_s=0.005)
    value = rate("trace", seconds, work_s=0.005)
    tell("trace.record_with_5ms_work", value, "acts/s", f"lock from the act's beginning, {first:.0f}/s", first)

    out = io.StringIO()
    begun = time.perf_counter()
    service.checkpoint()
    signed = time.perf_counter() - begun
    entries = export(out, details=False)
    lines = out.getvalue().splitlines()
    begun = time.perf_counter()
    for line in lines:
        json.loads(line)
    parsed = time.perf_counter() - begun
    begun = time.perf_counter()
    report = verify_lines(lines, trusted={signing.public_bytes(signing.private_key())})
    verified = time.perf_counter() - begun
    if not report.ok or report.entries != entries:
        raise SystemExit(f"the log just written does not verify: {report.faults}")
    tell("trace.verify", entries / verified, "entries/s", "json.loads of each line", entries / parsed)
    tell("trace.checkpoint", entries / signed, "entries/s", "json.loads of each line", entries / parsed)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0)
