"""Recorded real tracks, made into frames, through the real gateway and back out of the query seam."""

from __future__ import annotations

import asyncio
import csv
from datetime import datetime, timedelta

import numpy as np
import pyarrow.parquet as pq

from zhiguan.kernel.telemetry.engine import Engine
from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.server import Gateway
from zhiguan.kernel.telemetry.jt808 import encode
from zhiguan.kernel.telemetry.store import SHANGHAI
from zhiguan.kit.actor import system

from .terminal import Terminal


def replayed(fleet, tmp_path, tracks: dict[int, list[bytes]], **limits) -> Gateway:
    """Send each track (bodies of 0x0200) from its own terminal, by 0x0704 in thirties; return the stopped gateway."""

    async def whole() -> Gateway:
        gate = Gateway(Config(database_url=fleet.urls.ingest, port=0, var=tmp_path, commit_interval_ms=20, **limits))
        ready = asyncio.Event()
        task = asyncio.create_task(gate.serve(ready))
        await ready.wait()

        async def one(number: int, bodies: list[bytes]) -> None:
            car = await Terminal(fleet.sources[number].number, device=f"D{number}").enter(gate.port)
            serials = []
            for at in range(0, len(bodies), 30):
                if at % 60:
                    serials.append(await car.send(0x0704, encode.location_batch(bodies[at : at + 30], kind=1)))
                else:
                    serials += [await car.send(0x0200, body) for body in bodies[at : at + 30]]
            await car.acknowledged(serials, 60)

        await asyncio.gather(*(one(number, bodies) for number, bodies in tracks.items()))
        gate.stop()
        await task
        return gate

    return asyncio.run(asyncio.wait_for(whole(), 110))


def test_a_taxi_day_in_shanghai(fleet, tmp_path, shared_data, settings):
    settings.ZHIGUAN_LAKE = str(tmp_path / "lake")
    path = shared_data("data/trajectories/shanghai_taxi_26834_2015-04-01.csv")
    with path.open(encoding="utf-8-sig") as lines:
        rows = list(csv.reader(lines))
    header = [name.strip().lower() for name in rows[0]]
    place = {
        name: next(i for i, title in enumerate(header) if name in title) for name in ("time", "lon", "lat", "speed")
    }
    points = []
    for row in rows[1:]:
        moment = datetime.fromisoformat(row[place["time"]].strip().replace("/", "-")).replace(tzinfo=SHANGHAI)
        points.append((moment, float(row[place["lat"]]), float(row[place["lon"]]), float(row[place["speed"]])))
    bodies = [encode.location(lat, lon, at, status=3, speed_kmh=speed) for at, lat, lon, speed in points]
    replayed(fleet, tmp_path, {0: bodies}, past_days=20_000)
    start = datetime(2015, 4, 1, tzinfo=SHANGHAI)
    table = Engine().positions(system("tests"), start - timedelta(days=1), start + timedelta(days=2))
    wanted = sorted({(at, round(lat * 1e6), round(lon * 1e6), round(speed * 10)) for at, lat, lon, speed in points})
    assert table.num_rows == len(wanted)
    np.testing.assert_allclose(sorted(table.column("lat").to_pylist()), sorted(w[1] / 1e6 for w in wanted), atol=1e-9)
    (found,) = (
        Engine().ask("mileage", system("tests"), start - timedelta(days=1), start + timedelta(days=2)).to_pylist()[:1]
    )
    assert 50_000 < found["metres"] < 1_000_000


def test_walks_and_drives_in_beijing(fleet, tmp_path, shared_data, settings):
    settings.ZHIGUAN_LAKE = str(tmp_path / "lake")
    table = pq.read_table(shared_data("data/trajectories/geolife_points.parquet"))
    users = sorted(set(table.column("user").to_pylist()))[:5]
    tracks, wanted = {}, {}
    frame = {
        name: np.array(table.column(name).to_pylist(), dtype=object) for name in ("user", "lat", "lon", "time_utc")
    }
    for number, user in enumerate(users):
        mine = np.flatnonzero(frame["user"] == user)[:3000]
        bodies, distinct = [], set()
        for i in mine.tolist():
            at = frame["time_utc"][i]
            at = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
            at = at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
            bodies.append(encode.location(frame["lat"][i], frame["lon"][i], at, status=3))
            distinct.add(bodies[-1])
        tracks[number], wanted[fleet.ids[number]] = bodies, len(distinct)
    replayed(fleet, tmp_path, tracks, past_days=20_000)
    stored = fleet.sql("SELECT source_id, count(*) FROM telemetry_position GROUP BY 1 ORDER BY 1")
    assert dict(stored) == wanted
