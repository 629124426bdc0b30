"""The simulated fleet against a real gateway: what it reports is stored, also across restarts of either side."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.rows import positions
from zhiguan.kernel.telemetry.gateway.server import Gateway
from zhiguan.kernel.telemetry.models import Source
from zhiguan.kit.actor import system
from zhiguan.lines.vehicles.demo import motion, roles, simulation, simulator
from zhiguan.lines.vehicles.demo.device import Counts
from zhiguan.lines.vehicles.demo.roads import RoadNet
from zhiguan.lines.vehicles.domain import orders, register
from zhiguan.lines.vehicles.models import DispatchOrder

from .conftest import make_world

HOME = (31.2304, 121.4737)


@pytest.fixture
def terminals(committed_db, make_actor) -> SimpleNamespace:
    """Four cars with terminals, the first on standing duty."""
    with system("tests").transaction() as boss:
        world = make_world(make_actor)
        numbers = []
        for number in range(4):
            place = register.add_place(boss, unit=world.organ, name=f"车库{number}", lat=HOME[0], lon=HOME[1])
            car = register.register(
                boss, plate=f"沪A1234{number}", unit=world.organ, kind="emergency", brand_model="荣威",
                price_yuan=150_000, bought_on=timezone.localdate(), place=place,
            )  # fmt: skip
            register.commission(boss, car)
            numbers.append(register.install_terminal(boss, vehicle=car, number=f"1392222000{number}").number)
            if number == 0:
                driver = register.add_driver(
                    boss, person=world.people["驾驶员"], licence_expires_on=timezone.localdate() + timedelta(days=900)
                )
                key, code = orders.next_code(timezone.localdate())
                now = timezone.now()
                ledger.create(
                    DispatchOrder, boss,
                    {"id": key, "code": code, "unit": world.organ, "requester": driver.person, "kind": "emergency",
                     "purpose": "值班", "origin": "甲局", "destination": "全市", "planned_from": now,
                     "planned_to": now + timedelta(days=2), "vehicle": car, "driver": driver, "state": "started"},
                    name="补登",
                )  # fmt: skip
    return SimpleNamespace(urls=committed_db, numbers=numbers)


def sources(urls) -> dict[str, str]:
    with system("tests").transaction():
        return dict(Source.objects.values_list("number", "auth_digest"))


def stored(urls) -> int:
    import psycopg

    with psycopg.connect(urls.superuser) as connection:
        return connection.execute("SELECT count(*) FROM telemetry_position").fetchone()[0]


def rows_of_bodies(bodies: list[bytes], car: int):
    """What the gateway makes of them."""
    now_us = int(time.time() * 1e6)
    return positions(bodies, [car] * len(bodies), [now_us] * len(bodies), Config())


async def until(done, wait: float = 25.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + wait
    while not done():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.05)


class Serving:
    """A gateway that can be stopped and started again on the same port."""

    def __init__(self, urls, folder) -> None:
        self.urls, self.folder, self.port = urls, folder, 0

    async def __aenter__(self) -> Serving:
        config = Config(database_url=self.urls.ingest, port=self.port, var=self.folder, commit_interval_ms=20)
        self.gate, ready = Gateway(config), asyncio.Event()
        self.task = asyncio.create_task(self.gate.serve(ready))
        await ready.wait()
        self.port = self.gate.port
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.stop()
        await self.task


def make_fleet(terminals, port: int, memory: simulator.Memory, *, speed: float = 100.0) -> simulator.Fleet:
    wanted = simulator.terminals_on_duty(4)
    clock = motion.Clock(speed, time.time() - 3600)
    return simulator.Fleet(wanted, host="127.0.0.1", port=port, clock=clock, memory=memory)


def test_reports_survive_a_restart_of_the_gateway_and_codes_one_of_the_fleet(terminals, tmp_path, monkeypatch):
    from zhiguan.lines.vehicles.demo import device

    monkeypatch.setattr(device, "BACK_OFF_S", (0.2, 1.0))
    path = tmp_path / "run" / "fleet.json"

    async def first(fleet: simulator.Fleet, serving: Serving) -> None:
        running = asyncio.create_task(fleet.run())
        async with serving:
            await until(lambda: fleet.counts.acknowledged > 20)
            assert fleet.counts.registered == 4
        await until(lambda: sum(len(each.device.waiting) for each in fleet.vehicles) > 5)
        assert fleet.status()["online"] == 0
        async with serving:
            await until(lambda: fleet.status()["online"] == 4 and not fleet.status()["kept"])
            assert fleet.counts.registered == 4, "a kept code is used again"
            assert fleet.counts.batches > 0
            await until(lambda: not any(each.device._sent for each in fleet.vehicles))
            fleet.stopping.set()
            await running

    serving = Serving(terminals.urls, tmp_path)
    serving.port = 0

    async def whole() -> simulator.Fleet:
        async with serving:
            pass  # learns a free port
        made = await asyncio.to_thread(make_fleet, terminals, serving.port, simulator.Memory(path))
        await first(made, serving)
        return made

    fleet = asyncio.run(asyncio.wait_for(whole(), 90))
    assert fleet.counts.dropped == 0
    assert stored(terminals.urls) >= fleet.counts.acknowledged * 0.99  # a moment reported twice is stored once
    assert path.stat().st_mode & 0o777 == 0o600
    known = json.loads(path.read_text())
    assert set(known) == {number.lstrip("0") for number in terminals.numbers}
    before = sources(terminals.urls)

    # The platform forgets one code: that terminal registers anew, the others do not.
    with system("tests").transaction():
        Source.objects.filter(number=terminals.numbers[1]).update(auth_digest="")

    async def again() -> simulator.Counts:
        async with serving:
            made = await asyncio.to_thread(make_fleet, terminals, serving.port, simulator.Memory(path), speed=1.0)
            where = {each.device.who.number: each.itinerary.where for each in made.vehicles}
            assert where == {number: (row["lat"], row["lon"]) for number, row in known.items()}
            running = asyncio.create_task(made.run())
            await until(lambda: made.status()["online"] == 4)
            made.stopping.set()
            await running
            return made.counts

    assert asyncio.run(asyncio.wait_for(again(), 60)).registered == 1
    after = sources(terminals.urls)
    assert {number for number in after if after[number] != before[number]} == {terminals.numbers[1]}


def test_a_terminal_that_is_shut_out_asks_seldom(terminals, tmp_path):
    with system("tests").transaction():
        wanted = [simulator.Wanted("13922229999", home=HOME)]

    async def whole() -> simulator.Counts:
        async with Serving(terminals.urls, tmp_path) as serving:
            fleet = simulator.Fleet(
                wanted,
                host="127.0.0.1",
                port=serving.port,
                clock=motion.Clock(),
                memory=simulator.Memory(tmp_path / "f"),
            )
            running = asyncio.create_task(fleet.run())
            await until(lambda: fleet.counts.refused == 1)
            await asyncio.sleep(1.5)
            fleet.stopping.set()
            await running
            return fleet.counts

    counts = asyncio.run(asyncio.wait_for(whole(), 60))
    assert (counts.refused, counts.connects, counts.acknowledged) == (1, 1, 0)


def test_cars_on_duty_come_first_and_others_fill_up(terminals):
    assert [each.plate for each in simulator.terminals_on_duty(1)] == ["沪A12340"]
    assert [each.plate for each in simulator.terminals_on_duty(None)] == ["沪A12340"]
    assert {each.plate for each in simulator.terminals_on_duty(3)} == {"沪A12340", "沪A12341", "沪A12342"}
    assert simulator.terminals_on_duty(1)[0].home == HOME


def test_a_file_that_cannot_be_read_names_the_line(tmp_path):
    path = tmp_path / "terminals.jsonl"
    path.write_text('{"number": "013900000001", "lat": 31.2, "lon": 121.4}\n\n{"number": "x"}\n', encoding="utf-8")
    with pytest.raises(simulator.CannotSimulate, match="第 3 行"):
        simulator.terminals_in_file(path)
    path.write_text('{"number": "013900000001", "lat": 31.2, "lon": 121.4}\n', encoding="utf-8")
    assert simulator.terminals_in_file(path) == [simulator.Wanted("13900000001", home=(31.2, 121.4))]


def test_at_any_hour_a_good_part_of_the_cars_is_on_the_road():
    net = RoadNet()
    places = motion.goals(net, 1)
    midnight = 1_795_000_000 // 86_400 * 86_400
    driving, cars = Counter(), 12
    for car in range(cars):
        way = motion.Itinerary(net, places, HOME, HOME, np.random.default_rng(car))
        clock, end = float(midnight), midnight + 86_400
        last = None
        while clock < end:
            leg = way.next_leg(clock)
            first = (float(leg.reports.lat[0]), float(leg.reports.lon[0]))
            if last is not None:
                assert np.hypot(first[0] - last[0], first[1] - last[1]) < 0.002, "a car must not jump"
            last = (float(leg.reports.lat[-1]), float(leg.reports.lon[-1]))
            assert 0 <= leg.blind[0] <= leg.blind[1] <= leg.reports.time_s.size
            if leg.moving:
                for hour in ((leg.reports.time_s - midnight) // 3600).astype(int):
                    driving[int(hour)] += 1
            clock = float(leg.reports.time_s[-1]) + 10
    share = [driving[hour] / (cars * 360) for hour in range(24)]
    assert min(share) > 0.3, share
    assert max(share) < 0.95, share


def test_simulated_time_catches_up_and_never_runs_ahead():
    clock = motion.Clock(1000.0, time.time() - 100)
    assert clock.now() < time.time() - 50
    time.sleep(0.15)
    assert abs(clock.now() - time.time()) < 0.01
    assert 4.5 < clock.wait(time.time() + 5) <= 5


def test_a_simulation_with_truth_over_the_network_stores_every_report_once(committed_db, tmp_path):
    """A day of three cars in some seconds: registered, authenticated, reported with noise, batches and repeats; cards
    read too long ago are left out with their truth, the others arrive."""
    from zhiguan.kernel.calendar import service as calendar

    with system("tests").transaction():
        calendar.sync()
    day = timezone.localdate() - timedelta(days=1)
    played = simulation.play(2, 3, day, 1, shares=roles.Shares(0.9, 0.1, 0.9, 0.1), parts=["ordinary"] * 3)
    midnight = datetime.combine(day, datetime.min.time(), timezone.get_current_timezone()).timestamp()
    played = simulation.as_heard_live(played, time.time() - 20 * 3600)

    async def whole() -> tuple[Counts, int]:
        counts = Counts()
        async with Serving(committed_db, tmp_path) as serving:
            lines = simulation.lines(
                played, host="127.0.0.1", port=serving.port, clock=motion.Clock(20_000.0, midnight), counts=counts,
                gate=asyncio.Semaphore(10),
            )  # fmt: skip
            wanted = set()
            for line in lines:
                block, _ = rows_of_bodies([bytes(body) for body in line.bodies], line.month.car.index)
                wanted |= {row.tobytes() for row in block.rows[["source_id", "at", "digest"]]}
            await asyncio.wait_for(simulation.report(lines, asyncio.Event()), 60)
            assert not any(line.device.unsaid for line in lines)
        return counts, len(wanted)

    counts, wanted = asyncio.run(asyncio.wait_for(whole(), 90))
    assert (counts.registered, counts.refused, counts.dropped) == (3, 0, 0)
    assert counts.batches > 0
    assert stored(committed_db) == wanted
