"""A fleet's day: trips, matching and all rules over every vehicle, then a late batch of one per cent of the points.

    python bench/fleet_day.py [--vehicles 1000] [--points 2000] [--var FOLDER]

Makes its own database: vehicles with orders, a day of positions (two outings a day, ten-second reports while driving),
misuse of several kinds on some of them. Prints one JSON line a figure: name, value, unit, baseline, ratio. The whole is
what the worker does: from days marked dirty to findings written, the scheduled rules of the next morning besides. CPU time
(this process, its helper and the database server) holds on a machine that others use, too: two free cores need half of it.

At a city's size: --vehicles 10000 (20 million points; 3 GB of database, about 4 minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from scene.database import fresh
from scene.processor import spent as cpu_spent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
DATABASE = "zhiguan_bench_fleet"
ROOT = Path(__file__).resolve().parents[1]
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 4)
"""A Wednesday of a year whose holidays are shipped."""
UNITS = 120
KMH = 40.0


def figure(name: str, value: float, unit: str, base: float | None = None, said: str = "") -> None:
    line = {"name": f"fleet_day.{name}", "value": round(value, 3), "unit": unit}
    line |= {"baseline": said, "baseline_value": round(base, 3), "ratio": round(value / base, 4)} if base else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


# --- the invented fleet


def register(owner: str, vehicles: int) -> np.ndarray:
    """Enter units, vehicles with places and terminals; return latitudes and longitudes of the places.

    Written in bulk with the models' own defaults, past the ledger: what is measured begins after it.
    """
    from zhiguan.kernel.orgs.service import Person, Unit
    from zhiguan.kernel.telemetry.models import Source
    from zhiguan.kit.actor import system
    from zhiguan.lines.vehicles.models import ParkingPlace, Terminal, Vehicle, VehicleDay

    rng = np.random.default_rng(11)
    homes = np.column_stack((31.15 + 0.25 * rng.random(vehicles), 121.3 + 0.35 * rng.random(vehicles)))
    since = date(2020, 1, 1)
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=SHANGHAI)
    long_ago = datetime(2024, 1, 1, tzinfo=SHANGHAI)
    with system("bench").transaction():
        root = Unit.objects.create(code="R", name="测试市", kind="city", pos=1, pos_end=10**9, valid_from=since)
        units = [
            Unit.objects.create(code=f"B{n}", name=f"测试单位{n}", kind="organ", parent=root, pos=4097 + n * 4096,
                                pos_end=8192 + n * 4096, valid_from=since)
            for n in range(UNITS)
        ]  # fmt: skip
        owns = [{"unit": units[n % UNITS], "scope_pos": units[n % UNITS].pos} for n in range(vehicles)]
        many = {"batch_size": 2000}
        people = Person.objects.bulk_create(
            [Person(code=f"P{n}", name=f"人员{n}", unit=own["unit"]) for n, own in enumerate(owns)], **many
        )
        places = ParkingPlace.objects.bulk_create(
            [ParkingPlace(state="active", name=f"车库{n}", lat=lat, lon=lon, radius_m=50, **own)
             for n, ((lat, lon), own) in enumerate(zip(homes.tolist(), owns, strict=True))], **many,
        )  # fmt: skip
        cars = Vehicle.objects.bulk_create(
            [Vehicle(state="in_service", plate=f"沪A{n:05d}", kind="emergency", brand_model="荣威", price_yuan=150_000,
                     bought_on=since, place=place, created_at=long_ago, **own)
             for n, (place, own) in enumerate(zip(places, owns, strict=True))], **many,
        )  # fmt: skip
        sources = Source.objects.bulk_create(
            [Source(protocol="jt808", number=f"1{n:010d}", key=f"CAR-{n}", **own) for n, own in enumerate(owns)], **many
        )
        Terminal.objects.bulk_create(
            [Terminal(state="active", number=source.number, vehicle=car, source=source, installed_at=midnight, **own)
             for car, source, own in zip(cars, sources, owns, strict=True)], **many,
        )  # fmt: skip
        # The day before is computed already; one vehicle in a hundred was silent then, and is looked at in the morning.
        before = {
            "points": 1,
            "trips": 0,
            "distance_m": 0.0,
            "driving_s": 0.0,
            "computed_at": midnight,
            "judged_at": midnight,
        }
        VehicleDay.objects.bulk_create(
            [VehicleDay(vehicle=car, day=DAY - timedelta(days=1), **before, **own)
             for n, (car, own) in enumerate(zip(cars, owns, strict=True)) if n % 100 != 20], **many,
        )  # fmt: skip
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("ANALYZE")
    for made in (people, cars, sources):
        if [row.pk for row in made] != list(range(1, vehicles + 1)):
            raise SystemExit("keys are not counted from one: the benchmark needs a database of its own")
    return homes


def outings(vehicle: int, home: np.ndarray, rng: np.random.Generator) -> list[dict[str, float]]:
    """Two outings of a day: where to, when, with or without an order, which misuse."""
    found = []
    for slot in (9.0, 14.0):
        reach, turn = rng.uniform(3.0, 12.0), rng.uniform(0, 2 * np.pi)
        goal = home + np.array([reach * np.sin(turn) / 111.2, reach * np.cos(turn) / 95.0])
        start = slot + rng.uniform(0.0, 1.0)
        found.append({"goal": goal, "reach": reach, "start": start, "stay": rng.uniform(0.75, 1.5), "ordered": True})
    dice = vehicle % 100
    if dice < 3:
        found[1]["ordered"] = False
    elif dice < 5:
        found.append(
            {"goal": found[0]["goal"], "reach": found[0]["reach"], "start": 20.5, "stay": 0.5, "ordered": False}
        )
    return found


def day_of(
    vehicle: int, home: np.ndarray, plan: list[dict[str, float]], points: int, rng: np.random.Generator
) -> np.ndarray:
    """One vehicle's reports: seconds of the day, degrees, km/h, heading, alarm, status."""
    seconds, lat, lon, speed = [0.0], [home[0]], [home[1]], [0.0]
    busy = sum(2 * each["reach"] / KMH * 3600 / 10 for each in plan)
    parked = max(20.0, 86_400 / max(points - busy, 200))

    def stand(until: float) -> None:
        more = np.arange(seconds[-1] + parked, until, parked)
        seconds.extend(more.tolist())
        lat.extend([lat[-1]] * more.size)
        lon.extend([lon[-1]] * more.size)
        speed.extend([0.0] * more.size)

    def drive(goal: np.ndarray, begin: float, reach: float) -> float:
        steps = max(2, int(reach / KMH * 3600 / 10))
        share = np.arange(1, steps + 1) / steps
        seconds.extend((begin + 10.0 * np.arange(1, steps + 1)).tolist())
        lat.extend((lat[-1] + (goal[0] - lat[-1]) * share).tolist())
        lon.extend((lon[-1] + (goal[1] - lon[-1]) * share).tolist())
        quick = np.full(steps, KMH)
        quick[[0, -1]] = 8.0
        speed.extend(quick.tolist())
        return begin + 10.0 * steps

    for each in plan:
        stand(each["start"] * 3600)
        there = drive(each["goal"], each["start"] * 3600, each["reach"])
        stand(there + each["stay"] * 3600)
        drive(home, there + each["stay"] * 3600, each["reach"])
    stand(86_399.0)
    table = np.zeros((len(seconds), 7))
    table[:, 0], table[:, 1], table[:, 2], table[:, 3] = seconds, lat, lon, speed
    table[:, 1:3] += rng.normal(0.0, 2.5e-5, (len(seconds), 2))
    table[:, 4] = np.degrees(np.arctan2(np.gradient(table[:, 2]), np.gradient(table[:, 1]))) % 360
    table[:, 6] = np.where(table[:, 3] > 0, 3, 2)
    dice = vehicle % 100
    moving = np.flatnonzero(table[:, 3] > 20)
    if dice == 10:  # the antenna is cut for a quarter of an hour
        table[(table[:, 0] > 40_000) & (table[:, 0] < 41_000), 5] = 1 << 5
    elif dice == 11 and moving.size > 20:  # positions of another place among its own
        odd = moving[5:19]
        table[odd, 1] += 0.2
    elif dice == 12:  # the engine runs while it stands at its goal
        there = (table[:, 0] > (plan[0]["start"] + plan[0]["reach"] / KMH) * 3600 + 30) & (table[:, 3] == 0)
        there &= table[:, 0] < (plan[0]["start"] + plan[0]["reach"] / KMH + plan[0]["stay"]) * 3600 - 60
        table[there, 6] = 3
    elif dice == 13:  # a silence on the way
        table = table[(table[:, 0] < plan[0]["start"] * 3600 + 120) | (table[:, 0] > plan[0]["start"] * 3600 + 4_500)]
    return table


def invent(homes: np.ndarray, points: int) -> tuple[np.ndarray, list[tuple]]:
    """Positions of the whole fleet (telemetry's POSITION) in order of time, and the orders."""
    from zhiguan.kernel.telemetry.columns import MICROS, POSITION

    midnight = round(datetime(DAY.year, DAY.month, DAY.day, tzinfo=SHANGHAI).timestamp() * MICROS)
    parts, orders = [], []
    for vehicle, home in enumerate(homes):
        rng = np.random.default_rng(vehicle)
        plan = outings(vehicle, home, rng)
        table = day_of(vehicle, home, plan, points, rng)
        part = np.zeros(len(table), POSITION)
        part["source_id"] = vehicle + 1
        part["at"] = midnight + (table[:, 0] * MICROS).astype(np.int64)
        part["received_at"] = part["at"] + 2 * MICROS
        part["lat"], part["lon"] = np.rint(table[:, 1] * 1e6), np.rint(table[:, 2] * 1e6)
        part["speed"], part["direction"] = np.rint(table[:, 3] * 10), table[:, 4].astype(int)
        part["alarm"], part["status"] = table[:, 5].astype(np.int64), table[:, 6].astype(np.int64)
        part["mileage_m"] = np.cumsum(table[:, 3] / 3.6 * np.gradient(table[:, 0])).astype(np.int64)
        part["digest"] = np.arange(len(part))
        parts.append(part)
        for each in plan:
            if each["ordered"]:
                long = 2 * each["reach"] / KMH + each["stay"]
                orders.append((vehicle + 1, each["start"] - 0.1, each["start"] + long + 0.1, *each["goal"]))
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["at"], kind="stable")], orders


def enter_orders(owner: str, orders: list[tuple]) -> None:
    from zhiguan.lines.vehicles.models import DispatchOrder

    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=SHANGHAI)
    held = []
    for n, (vehicle, start, end, lat, lon) in enumerate(orders):
        held.append(
            DispatchOrder(
                id=n + 1, code=f"PC{n:011d}", state="ended", unit_id=1, scope_pos=1, requester_id=vehicle, purpose="会议",
                origin="本单位", destination=f"会场{n}", destination_lat=lat, destination_lon=lon, vehicle_id=vehicle,
                planned_from=midnight + timedelta(hours=start), planned_to=midnight + timedelta(hours=end),
            )
        )  # fmt: skip
    from django.db import connections

    from zhiguan.kit.actor import system

    with system("bench").transaction():
        units = {key: (unit, pos) for key, unit, pos in connections["default"].cursor().execute(
            "SELECT id, unit_id, scope_pos FROM vehicles_vehicle").fetchall()}  # fmt: skip
        for order in held:
            order.unit_id, order.scope_pos = units[order.vehicle_id]
        DispatchOrder.objects.bulk_create(held, batch_size=2000)


def load(owner: str, rows: np.ndarray) -> float:
    """Copy positions into the day's partition; return seconds."""
    from zhiguan.kernel.telemetry.columns import NAMES, PG_EPOCH_US, POSITION

    wire = np.dtype([("count", ">i2")] + [
        (f, t) for name in NAMES for f, t in ((f"_{name}", ">i4"), (name, f">i{POSITION[name].itemsize}"))
    ] + [("_batch", ">i4"), ("batch", ">i8")])  # fmt: skip
    began = time.perf_counter()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("SELECT telemetry_ensure_day(%s)", [DAY])
        with connection.cursor().copy(
            f"COPY telemetry_position ({', '.join(NAMES)}, batch) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8))
            for at in range(0, len(rows), 200_000):
                part = rows[at : at + 200_000]
                out = np.zeros(len(part), wire)
                out["count"], out["_batch"], out["batch"] = len(NAMES) + 1, 8, 1
                for name in NAMES:
                    out[f"_{name}"] = POSITION[name].itemsize
                    out[name] = part[name] - (PG_EPOCH_US if name in ("at", "received_at") else 0)
                copy.write(out.tobytes())
            copy.write(b"\xff\xff")
        # Rows that come in over a day have been vacuumed when the day is over (autovacuum after inserts); these came at
        # once, and autovacuum would run beside what is timed.
        connection.execute("VACUUM (ANALYZE) telemetry_position")
        # What was copied in past the gateway is marked below; the frontier stands behind it.
        connection.execute("UPDATE telemetry_frontier SET computed_to = now(), marked_to = now()")
    return time.perf_counter() - began


def mark(owner: str, sources: np.ndarray) -> None:
    """Mark the day of these sources dirty, as the gateway's late rows and the frontier do."""
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO telemetry_dirty (source_id, day, reason, first_at, last_at)
               SELECT s, %s, 'late', now(), now() FROM unnest(%s::bigint[]) s
               ON CONFLICT (source_id, day) DO UPDATE SET version = telemetry_dirty.version + 1""",
            [DAY, np.unique(sources).tolist()],
        )


def compute() -> float:
    """Work off the dirty days as the worker does, a second process included; seconds."""
    from zhiguan.lines.vehicles import jobs

    began = time.perf_counter()
    jobs.compute()
    return time.perf_counter() - began


def monthly() -> float:
    """The scheduled rules of the following morning."""
    from zhiguan.kernel.supervision import service as supervision
    from zhiguan.kernel.supervision.declare import ON_DIRTY_DAYS
    from zhiguan.lines.vehicles.rules import RULES

    began = time.perf_counter()
    for rule in RULES:
        if rule.cadence != ON_DIRTY_DAYS:
            supervision.run_scheduled(rule, today=DAY + timedelta(days=1))
    return time.perf_counter() - began


def counts(owner: str) -> dict[str, int]:
    with psycopg.connect(owner) as connection:
        found = {}
        for table in ("vehicles_trip", "vehicles_stop", "vehicles_ordermatch", "supervision_finding"):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            found[table.split("_")[1]] = row[0]
        for rule, n in connection.execute(
            "SELECT rule, count(*) FROM supervision_finding GROUP BY 1 ORDER BY 1"
        ).fetchall():
            found[rule] = n
        for match, n in connection.execute(
            "SELECT match, count(*) FROM vehicles_trip GROUP BY 1 ORDER BY 1"
        ).fetchall():
            found[f"trip.{match}"] = n
        errors = connection.execute("SELECT rule, error FROM supervision_rulerun WHERE error <> ''").fetchall()
        if errors:
            raise SystemExit(f"rules failed: {errors[:5]}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=1000)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    with fresh((options.var or var_dir()) / "bench-fleet-pg", DATABASE, durable=True) as urls:
        homes = register(urls.owner, options.vehicles)
        rows, orders = invent(homes, options.points)
        enter_orders(urls.owner, orders)
        # Two vehicles in a hundred send the second half of their day late: one per cent of the points.
        late_sources = np.arange(1, options.vehicles + 1)[::50]
        noon = np.median(rows["at"])
        late = np.isin(rows["source_id"], late_sources) & (rows["at"] >= noon)
        spent = load(urls.owner, rows[~late])
        figure("points", len(rows), "points")
        figure("loading", len(rows) / spent, "points/s")
        mark(urls.owner, rows["source_id"])
        busy = cpu_spent(urls.data_dir)
        whole = compute()
        whole_cpu = cpu_spent(urls.data_dir) - busy
        wanted = 60.0 * len(rows) / 20e6
        figure("whole_day", whole, "s", wanted, "60 s for 20 million points, in proportion")
        figure("whole_day_cpu", whole_cpu, "s", 2 * wanted, "both cores for that time")
        figure("whole_day_rate", len(rows) / whole, "points/s")
        busy = cpu_spent(urls.data_dir)
        figure("scheduled_rules", monthly(), "s", wanted, "60 s for 20 million points, in proportion")
        figure("scheduled_rules_cpu", cpu_spent(urls.data_dir) - busy, "s")
        for name, count in counts(urls.owner).items():
            figure(f"count.{name}", count, "rows")
        load(urls.owner, rows[late])
        mark(urls.owner, late_sources)
        busy = cpu_spent(urls.data_dir)
        share = compute()
        figure("late_share_of_points", float(late.mean()), "")
        figure("late_batch", share, "s", whole, "the whole day")
        figure("late_batch_cpu", cpu_spent(urls.data_dir) - busy, "s", whole_cpu, "the whole day")
        after = counts(urls.owner)
        figure("count.finding_after_late", after["finding"], "rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
