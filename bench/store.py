"""Questions to a large store of sealed positions: who was near a place, and one vehicle's day.

Seals the day of a fleet some times over, shifted in time, and copies these files for as many earlier days as asked, which
only make the store larger: a question reads the files of its own days. Then asks through the product's own queries, as an
actor with scope: who was within 200 m of a place between 9 and 10, and the replay of one vehicle's day, each time another
place, vehicle and day. Prints one JSON line per figure: ``name``, ``value``, ``unit``, ``baseline`` (the target), ``ratio``.

    python bench/store.py [--vehicles 1000] [--days 4] [--copies 40] [--rounds 20] [--sail] [--var FOLDER]

The largest that 20 GB hold: --vehicles 10000 --days 4 --copies 140 (2.9 billion points). ``--sail`` computes the last day
on Sail over Spark Connect besides, and ends with an error unless every trip and stop is the same.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from deltalake.transaction import AddAction
from fleet_day import DAY, SHANGHAI, invent, register
from scene.database import fresh
from scene.processor import spent

SEEN = ("vehicles.nearby.search", "vehicles.trip.view", "vehicles.vehicle.view", "vehicles.order.view",
        "telemetry.position.view", "supervision.finding.view")  # fmt: skip
PART = 131_072
INVENTED = 500


def say(name: str, value: float, unit: str, baseline: float | None = None) -> None:
    line = {"name": f"store.{name}", "value": round(value, 3), "unit": unit}
    line |= {"baseline": baseline, "ratio": round(value / baseline, 3)} if baseline else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), SHANGHAI)


def parts(rows: np.ndarray, shift: timedelta) -> Iterator[Any]:
    """The rows, by source and time, some days later, as tables of a row group each."""
    from zhiguan.kernel.telemetry.columns import MICROS, Block
    from zhiguan.kernel.telemetry.lake import to_arrow

    micros = round(shift.total_seconds()) * MICROS
    for at in range(0, len(rows), PART):
        part = rows[at : at + PART].copy()
        part["at"] += micros
        part["received_at"] += micros
        yield to_arrow(Block(part, [None] * len(part)))


def copied(lake: Any, sealed: list[Any], count: int) -> list[tuple]:
    """Copy sealed days' files for so many days before them, in one commit; return (day, version, rows, bytes)."""
    files, table = lake.files(sealed), lake.table()
    actions, found = [], []
    for number in range(1, count + 1):
        day = sealed[0] - timedelta(days=number)
        (source,) = files[sealed[number % len(sealed)]]
        folder = lake.root / f"day={day.isoformat()}"
        folder.mkdir(exist_ok=True)
        name = f"part-{uuid.uuid4()}.parquet"
        shutil.copyfile(source, folder / name)
        size = (folder / name).stat().st_size
        path = f"{folder.name}/{name}"
        actions.append(AddAction(path, size, {"day": day.isoformat()}, int(time.time() * 1000), True, "{}"))
        found.append((day, 0, 0, size))
    if actions:
        table.create_write_transaction(actions, mode="append", schema=table.schema(), partition_by=["day"])
    return found


def asked(name: str, work: Callable[[int], object], rounds: int, data_dir: Path, wanted_ms: float) -> None:
    """Ask so many different questions; say 95th percentile, median and mean CPU time (the server's included)."""
    times, busy = [], spent(data_dir)
    for number in range(rounds):
        began = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - began) * 1000)
    busy = (spent(data_dir) - busy) / rounds * 1000
    say(f"{name}_p95", statistics.quantiles(times, n=20)[-1], "ms", wanted_ms)
    say(f"{name}_median", statistics.median(times), "ms", wanted_ms)
    say(f"{name}_cpu", busy, "ms", wanted_ms)


def fleet(homes: np.ndarray, points: int) -> np.ndarray:
    """A day of all vehicles by source and time. Many are invented as the first ones, moved by some streets and minutes."""
    from zhiguan.kernel.telemetry.columns import MICROS

    first = min(INVENTED, len(homes))
    rows, _ = invent(homes[:first], points)
    rows = rows[np.argsort(rows["source_id"], kind="stable")]
    rng, found = np.random.default_rng(5), []
    for turn in range(0, len(homes), first):
        part = rows.copy()
        move = homes[turn] - homes[0] if turn else np.zeros(2)
        part["lat"] += round(float(np.clip(move[0], -0.05, 0.05)) * 1e6)
        part["lon"] += round(float(np.clip(move[1], -0.05, 0.05)) * 1e6)
        part["at"] += int(rng.integers(-600, 600)) * MICROS if turn else 0
        part["source_id"] += turn
        found.append(part[part["source_id"] <= len(homes)])
    return np.concatenate(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=1000)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sail", action="store_true")
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    var = options.var or var_dir()
    folder = var / "bench-store"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with fresh(var / "bench-fleet-pg", "zhiguan_bench_store", durable=True) as urls:
            measure(urls, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def measure(urls: Any, folder: Path, options: argparse.Namespace) -> None:
    from django.conf import settings

    from zhiguan.kernel.telemetry.lake import Lake
    from zhiguan.kit.actor import Actor, Scope
    from zhiguan.lines.vehicles.models import Vehicle
    from zhiguan.lines.vehicles.queries import nearby, tracks

    settings.ZHIGUAN_LAKE = str(folder)
    lake = Lake(folder / "positions")
    homes = register(urls.owner, options.vehicles)
    rows = fleet(homes, options.points)
    segments, days = [], [DAY + timedelta(days=number) for number in range(options.days)]
    for number, day in enumerate(days):
        segments.append((day, *lake.replace_day(day, parts(rows, timedelta(days=number)))))
    say("sealed_bytes", segments[0][3] / segments[0][2], "bytes/point", 15)
    segments += copied(lake, days, options.copies)
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        for segment in segments:
            connection.execute(
                "INSERT INTO telemetry_segment (day, version, rows, bytes) VALUES (%s, %s, %s, %s)", segment
            )
    say("points", len(rows) * len(segments) / 1e6, "million points")
    say("size", sum(size for *_, size in segments) / 1e9, "GB")
    actor = Actor("bench", account_id=1, permissions=dict.fromkeys(SEEN, Scope(((1, 10**9),))))
    rng = np.random.default_rng(3)
    answers: list[int] = []

    nine = midnight(DAY) + timedelta(hours=9)
    here = rows[(rows["at"] >= nine.timestamp() * 1e6) & (rows["at"] < (nine.timestamp() + 3600) * 1e6)]

    def ask(number: int) -> None:
        place = here[rng.integers(len(here))]
        lat, lon = place["lat"] / 1e6, place["lon"] / 1e6
        start = midnight(days[number % len(days)]) + timedelta(hours=9)
        with actor.transaction():
            answers.append(len(nearby.passages(actor, lat=lat, lon=lon, radius_m=200, start=start,
                                               end=start + timedelta(hours=1))))  # fmt: skip

    def replay(number: int) -> None:
        with actor.transaction():
            car = Vehicle.objects.select_related("unit", "place").get(pk=int(rng.integers(len(homes))) + 1)
            found = tracks.replay(car, days[number % len(days)], actor)
            assert len(found["points"]["t"]) > options.points / 4

    ask(0)
    replay(0)
    asked("nearby_hour", ask, options.rounds, urls.data_dir, 1000)
    if min(answers) < 1:
        raise SystemExit("where a vehicle was between 9 and 10 nobody was found")
    say("nearby_found", statistics.mean(answers), "passages")
    asked("car_day_replay", replay, options.rounds, urls.data_dir, 200)
    if options.sail:
        through_sail(days[-1])


def through_sail(day: Any) -> None:
    """Compute the day of the whole fleet from DuckDB and from Sail; both must be the same to the last digit."""
    from zhiguan.kernel.telemetry import service as telemetry
    from zhiguan.kernel.telemetry.engine_spark import SparkEngine, sail
    from zhiguan.kit.actor import system
    from zhiguan.lines.vehicles.domain import fleetday
    from zhiguan.lines.vehicles.models import Vehicle

    with system("bench").transaction():
        vehicles = list(Vehicle.objects.select_related("unit", "place").order_by("pk"))

        def computed() -> tuple[float, Any]:
            began = time.perf_counter()
            found = fleetday.load(vehicles, day).tracks
            return time.perf_counter() - began, found

        plain, ours = computed()
        with sail() as remote:
            spark = SparkEngine(remote)
            try:
                with telemetry.through(spark):
                    far, theirs = computed()
            finally:
                spark.close()
    for name in ("trips", "stops"):
        if not len(getattr(ours, name)) or getattr(ours, name).tobytes() != getattr(theirs, name).tobytes():
            raise SystemExit(f"{name} differ on Sail")
    say("sail_trips_equal", ours.trips.size, "trips", theirs.trips.size)
    say("sail_day", far, "s", plain)


if __name__ == "__main__":
    raise SystemExit(main())
