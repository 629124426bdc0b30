"""The store of positions: written, sealed, read. One JSON line per figure: name, value, unit, baseline, ratio.

Baselines: binary COPY alone for writing; Snappy Parquet with default settings for bytes a point; the same question to
PostgreSQL's hot table for reading.

    python bench/telemetry.py [--vehicles 200] [--points 2000] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import gateway
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
BATCH = 6000
SHARED = Path(os.environ.get("ZHIGUAN_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def figure(name: str, value: float, unit: str, base: float | None = None, said: str = "") -> None:
    line = {"name": f"telemetry.{name}", "value": round(value, 3), "unit": unit}
    line |= {"baseline": said, "baseline_value": round(base, 3), "ratio": round(value / base, 3)} if base else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def drives(vehicles: int, points: int, start: datetime) -> np.ndarray:
    """Plausible driving: ten-second reports with jitter, turning and stopping cars, metres of noise, mileage."""
    from zhiguan.kernel.telemetry.columns import MICROS, POSITION

    noise = np.random.default_rng(5)
    rows = np.zeros(vehicles * points, POSITION)
    for car in range(vehicles):
        part = rows[car * points : (car + 1) * points]
        gaps = noise.choice([10, 10, 10, 10, 11, 20], points)
        seconds = np.cumsum(gaps)
        speed = np.clip(35 + np.cumsum(noise.normal(0, 4, points)) % 60 - 20, 0, 110) * (seconds % 3600 < 2400)
        heading = np.cumsum(noise.normal(0, 14, points))
        metres = speed / 3.6 * gaps
        drift = noise.normal(0, 2.5e-5, (2, points))
        part["source_id"] = car + 1
        part["at"] = round(start.timestamp() * MICROS) + seconds * MICROS
        part["received_at"] = part["at"] + (noise.random(points) * 2 * MICROS).astype(np.int64)
        part["lat"] = np.rint((31.2 + np.cumsum(metres * np.cos(np.radians(heading))) / 111e3 + drift[0]) * 1e6)
        part["lon"] = np.rint((121.4 + np.cumsum(metres * np.sin(np.radians(heading))) / 95e3 + drift[1]) * 1e6)
        part["altitude"] = np.rint(8 + noise.normal(0, 3, points))
        part["speed"] = np.rint(speed * 10)
        part["direction"] = np.rint(heading) % 360
        part["status"] = np.where(speed > 0, 3, 2)
        part["mileage_m"] = np.cumsum(metres) // 100 * 100
    return rows


def recorded(start: datetime) -> np.ndarray | None:
    """Recorded tracks (GeoLife), moved onto one day; None when they are not on this machine."""
    from zhiguan.kernel.telemetry.columns import MICROS, POSITION

    path = SHARED / "data/trajectories/geolife_points.parquet"
    if not path.exists():
        return None
    table = pq.read_table(path)
    rows = np.zeros(table.num_rows, POSITION)
    users = np.array(table.column("user").to_pylist(), dtype=object)
    rows["source_id"] = np.unique(users.astype(str), return_inverse=True)[1] + 1
    moments = table.column("time_utc").cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    rows["at"] = round(start.timestamp() * MICROS) + moments % (80_000 * MICROS)
    rows["received_at"] = rows["at"] + MICROS
    rows["lat"] = np.rint(table.column("lat").to_numpy() * 1e6)
    rows["lon"] = np.rint(table.column("lon").to_numpy() * 1e6)
    rows["altitude"] = np.rint(np.nan_to_num(table.column("altitude_ft").to_numpy().astype(float)) * 0.3048)
    rows["status"], rows["mileage_m"] = 3, -1
    return rows


def write(url: str, rows: np.ndarray) -> float:
    """Rows/s that one writer commits, batches of 6,000 in order of time as terminals send them."""
    from zhiguan.kernel.telemetry.columns import Block, digests
    from zhiguan.kernel.telemetry.ingest import Writer

    ordered = rows[np.argsort(rows["at"], kind="stable")].copy()
    ordered["digest"] = digests(ordered, [None] * len(ordered))

    async def whole() -> float:
        writer = Writer(url)
        began = time.perf_counter()
        blocks = [ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH)]
        pending = [writer.commit(Block(part, [None] * len(part))) for part in blocks]
        done = sum(await asyncio.gather(*pending))
        assert done == len(ordered), (done, len(ordered))
        spent = time.perf_counter() - began
        await writer.close()
        return len(ordered) / spent

    return asyncio.run(whole())


def median_ms(work: Callable[[], object], times: int = 7) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def plain_bytes(rows: np.ndarray) -> float:
    """Bytes a point in Parquet with the library's defaults, in order of arrival."""
    ordered = rows[np.argsort(rows["received_at"], kind="stable")]
    names = [name for name in ordered.dtype.names if name != "digest"]
    out = io.BytesIO()
    pq.write_table(pa.table({name: np.ascontiguousarray(ordered[name]) for name in names}), out)
    return len(out.getvalue()) / len(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=200)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    var = options.var or var_dir()
    folder = var / "bench-lake"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with gateway.database(var) as urls:
            measure(urls, folder, options.vehicles, options.points)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def measure(urls: object, folder: Path, vehicles: int, points: int) -> None:
    from django.conf import settings
    from django.db import connection

    from zhiguan.kernel.telemetry import seal
    from zhiguan.kernel.telemetry.columns import Block
    from zhiguan.kernel.telemetry.engine import Engine
    from zhiguan.kernel.telemetry.lake import Lake
    from zhiguan.kernel.telemetry.store import SHANGHAI
    from zhiguan.kit.actor import system
    from zhiguan.site.settings import database as database_settings

    fresh = database_settings(urls.app)
    connection.settings_dict |= {key: fresh[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    settings.DATABASE_INGEST_URL = urls.ingest
    plain = gateway.baseline(urls, 1.5)
    gateway.fill(urls, vehicles)
    day = (datetime.now(SHANGHAI) - timedelta(days=3)).date()
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    rows = drives(vehicles, points, start)
    figure("write", write(urls.ingest, rows), "rows/s", plain, "binary COPY alone")
    engine, jobs = Engine(Lake(folder)), system("bench")
    end = start + timedelta(days=1)

    def car_day() -> None:
        assert engine.positions([vehicles // 2], start, end).num_rows > points // 2

    def nearby() -> None:
        engine.ask("nearby", jobs, start + timedelta(hours=1), start + timedelta(hours=2), lat=31.2, lon=121.4)

    hot = {name: median_ms(work) for name, work in (("car_day", car_day), ("nearby_1h", nearby))}
    began = time.perf_counter()
    done = seal.seal_day(day, url=urls.ingest, lake=Lake(folder))
    figure("seal", done.rows / (time.perf_counter() - began), "rows/s")
    figure("sealed_bytes", done.bytes / done.rows, "bytes/point", plain_bytes(rows), "Parquet with default settings")
    for name, work in (("car_day", car_day), ("nearby_1h", nearby)):
        figure(name, median_ms(work), "ms", hot[name], "the same from the hot table")
    for question in ("mileage", "hours"):
        began = time.perf_counter()
        engine.ask(question, jobs, start, end)
        figure(question, len(rows) / (time.perf_counter() - began), "rows/s")
    real = recorded(start)
    if real is not None:
        lake = Lake(folder / "real")
        from zhiguan.kernel.telemetry.lake import to_arrow

        ordered = Block(real, [None] * len(real)).sorted()
        written = lake.replace_day(day, [to_arrow(ordered)])
        figure("sealed_bytes.recorded", written.bytes / written.rows, "bytes/point", plain_bytes(real), "as above")


if __name__ == "__main__":
    sys.exit(main())
