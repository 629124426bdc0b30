"""``zhiguan simulate fleet``: vehicles that drive invented roads and report over JT/T 808 to a real gateway.

The terminals come from the database (read only) or from a file; what they say reaches the product through the
gateway alone. Authentication codes and last places are kept in ``var/run/simulated-fleet.json`` (mode 0600), so that
a restart continues where the vehicles were.
"""
# ruff: noqa: T201 -- this is a command: printing is its work

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import sys
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from zhiguan.kernel.telemetry.jt808 import encode
from zhiguan.kit.starting import set_up

from .device import Counts, Device, Identity
from .equipment import Card
from .motion import Clock, Itinerary, Leg, goals
from .roads import Place, RoadNet

SMALL = 60
STATUS_S = 10.0
STARTS_PER_S = 150
CONNECTING = 100
"""Devices that may be connecting or authenticating at once."""
SHARE_2019 = 4
"""One terminal in so many speaks the edition of 2019."""
WITHOUT_ORDER = 8
"""One vehicle for so many on duty drives without an order, for supervision to find."""
ACC_ON, LOCATED = 1, 2
RETRY_LIST_S = 30.0


@dataclass(frozen=True)
class Wanted:
    """A terminal to simulate: number, device id as registered (or ""), plate, home, where it was last, who drives."""

    number: str
    device_id: str = ""
    plate: str = ""
    home: Place | None = None
    last: Place | None = None
    edition: str = ""
    driver: str = ""
    licence: str = ""


class CannotSimulate(RuntimeError):
    """The terminals cannot be read; the text says why, in Chinese."""


def terminals_on_duty(limit: int | None) -> list[Wanted]:
    """Return the terminals of vehicles on standing duty, and a few of vehicles without any order, from the database.

    With ``limit`` so many, filled with vehicles in use that have no order now when too few are on duty.
    """
    from django.db import connection, transaction
    from django.db.models import Exists, OuterRef, Subquery

    from zhiguan.kit.actor import system

    from ..models import DispatchOrder, Terminal

    def read(rows: Any) -> list[Wanted]:
        return [_wanted(row) for row in rows]

    with transaction.atomic(), system("vehicles.simulator").acting():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        now = datetime.now(UTC)
        orders = DispatchOrder.objects.filter(vehicle=OuterRef("vehicle"), state__in=("dispatched", "started"))
        standing = orders.filter(state="started", kind="emergency", planned_to__gt=now)
        known = (
            Terminal.objects.filter(state="active", vehicle__state="in_service", source__active=True)
            .select_related("source__latest", "vehicle__place").order_by("number")
        )  # fmt: skip
        drivers = {
            "driver": standing.values("driver__person__name")[:1],
            "licence": standing.values("driver__licence_no")[:1],
        }
        duty = read(known.filter(Exists(standing)).annotate(**{k: Subquery(v) for k, v in drivers.items()})[:limit])
        more = len(duty) // WITHOUT_ORDER if limit is None else limit - len(duty)
        # Where they have been before, they are found again; where never, there may be no device.
        free = known.filter(~Exists(orders)).order_by("source__latest__fix_at", "number") if more > 0 else None
        return duty + (read(free[:more]) if free is not None else [])


def _wanted(row: Any) -> Wanted:
    latest, place = getattr(row.source, "latest", None), row.vehicle.place
    return Wanted(
        row.source.number, row.source.device_id, row.vehicle.plate,
        (place.lat, place.lon) if place else None,
        (latest.lat / 1e6, latest.lon / 1e6) if latest is not None and latest.lat is not None else None,
        {2013: "2013", 2019: "2019"}.get(row.source.edition or 0, ""), getattr(row, "driver", None) or "",
        getattr(row, "licence", None) or "",
    )  # fmt: skip


def terminals_in_file(path: Path) -> list[Wanted]:
    """Read JSON lines ``{"number", "device_id", "plate", "lat", "lon", "edition"}``; all but the number may be absent.

    Raises CannotSimulate naming the line that cannot be read.
    """
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSimulate(f"无法读取 {path}：{error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            home = (float(row["lat"]), float(row["lon"])) if "lat" in row else None
            digits = str(row["number"]).lstrip("0")
            if not digits.isascii() or not digits.isdigit():
                raise ValueError("number")
            found.append(
                Wanted(digits, str(row.get("device_id", "")), str(row.get("plate", "")), home,
                       edition=str(row.get("edition", "")))
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CannotSimulate(f"{path} 第 {number} 行无法识别：{error}") from error
    return found


class Memory:
    """What devices remember between runs: code, last place, mileage. One private file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.rows: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.rows = {}

    def write(self) -> None:
        """Replace the file, mode 0600, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(self.rows, out, ensure_ascii=False)
        scratch.replace(self.path)


class Vehicle:
    """A device that moves."""

    def __init__(self, device: Device, itinerary: Itinerary, clock: Clock, mileage_m: float) -> None:
        self.device, self.itinerary, self.clock, self.mileage_m = device, itinerary, clock, mileage_m
        self.moving = False
        self.card: Card | None = None
        self.place = itinerary.where

    async def live(self, planner: ThreadPoolExecutor) -> None:
        """Report leg after leg until cancelled."""
        loop = asyncio.get_running_loop()
        start = self.clock.now()
        while True:
            leg: Leg = await loop.run_in_executor(planner, self.itinerary.next_leg, start)
            await self._report(leg)
            start = max(float(leg.reports.time_s[-1]) + 10.0, self.clock.now())

    async def _report(self, leg: Leg) -> None:
        reports, rng = leg.reports, self.itinerary.rng
        if leg.moving != self.moving:
            self._sign(leg.moving)
        self.moving = leg.moving
        before = float(reports.time_s[0])
        for number in range(reports.time_s.size):
            moment = float(reports.time_s[number])
            delay = self.clock.wait(moment)
            if delay > 0:
                await asyncio.sleep(delay)
            speed = float(reports.speed_kmh[number])
            self.mileage_m += speed / 3.6 * (moment - before)
            before = moment
            self.place = (float(reports.lat[number]), float(reports.lon[number]))
            body = encode.location(
                *self.place, datetime.fromtimestamp(round(moment), UTC), altitude_m=4, speed_kmh=speed,
                direction_deg=int(reports.heading_deg[number]) % 360, status=LOCATED | (ACC_ON if leg.moving else 0),
                items=(
                    encode.item(0x01, round(self.mileage_m / 100), 4),
                    encode.item(0x30, int(rng.integers(14, 31)), 1),
                    encode.item(0x31, int(rng.integers(8, 23)), 1),
                ),
            )  # fmt: skip
            if leg.blind[0] <= number < leg.blind[1]:
                self.device.keep(body)
            else:
                self.device.report(body)

    def _sign(self, leaving: bool) -> None:
        """The driver's card goes in before a drive and out after it."""
        if leaving and self.card is not None:
            self.device.insert_card(self.card)
        elif not leaving and self.device.insides.card is not None:
            self.device.remove_card()


class Fleet:
    """All simulated vehicles against one gateway. ``run`` works until ``stop`` is called."""

    def __init__(
        self, wanted: Sequence[Wanted], *, host: str, port: int, clock: Clock, memory: Memory, seed: int = 1,
        reset_every_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.counts = Counts()
        self.reset_every_s = reset_every_s
        self.memory, self.stopping = memory, asyncio.Event()
        self.planner = ThreadPoolExecutor(1, "planner")
        net = RoadNet()
        places = goals(net, seed)
        gate = asyncio.Semaphore(CONNECTING)
        self.vehicles = []
        for each in wanted:
            rng = np.random.default_rng([seed, zlib.crc32(each.number.encode()), int(time.time())])
            kept = memory.rows.get(each.number, {})
            home = each.home or places[int(rng.integers(len(places)))]
            where = (kept["lat"], kept["lon"]) if "lat" in kept else each.last or home
            who = Identity(
                each.number, each.device_id or f"ZG{each.number[-5:]:0>5}", each.plate or "测试车",
                int(each.edition == "2019" or (not each.edition and zlib.crc32(each.number.encode()) % SHARE_2019 == 0)),
                kept.get("code", ""),
            )  # fmt: skip
            device = Device(who, host, port, self.counts, gate)
            itinerary = Itinerary(net, places, home, where, rng)
            vehicle = Vehicle(device, itinerary, clock, float(kept.get("mileage_m", rng.uniform(2e7, 9e7))))
            vehicle.card = Card(each.driver, each.licence) if each.driver else None
            self.vehicles.append(vehicle)

    async def run(self) -> None:
        """Start one vehicle after the other, print a status line every ten seconds, stop cleanly."""
        tasks: list[asyncio.Task] = []
        try:
            status = asyncio.create_task(self._tell())
            tasks.append(status)
            if self.reset_every_s:
                tasks.append(asyncio.create_task(self._reset()))
            for number, vehicle in enumerate(self.vehicles):
                tasks += [
                    asyncio.create_task(vehicle.device.run()),
                    asyncio.create_task(vehicle.live(self.planner)),
                ]
                if number % 10 == 9:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.stopping.wait(), 10 / STARTS_PER_S)
                        break
            stop = asyncio.create_task(self.stopping.wait())
            done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                task.result()  # none of them ends by itself: this raises what went wrong
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.planner.shutdown(wait=False, cancel_futures=True)
            self.remember()
            print(json.dumps(self.status() | {"stopped": True}), flush=True)

    def status(self) -> dict[str, Any]:
        """Return what the fleet does now and has done."""
        online = sum(vehicle.device.accepted for vehicle in self.vehicles)
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"), "vehicles": len(self.vehicles), "online": online,
            "driving": sum(vehicle.moving for vehicle in self.vehicles),
            "kept": sum(len(vehicle.device.waiting) for vehicle in self.vehicles), **vars(self.counts),
        }  # fmt: skip

    def remember(self) -> None:
        """Write codes, places and mileages down."""
        for vehicle in self.vehicles:
            self.memory.rows[vehicle.device.who.number] = {
                "code": vehicle.device.who.code, "lat": round(vehicle.place[0], 6), "lon": round(vehicle.place[1], 6),
                "mileage_m": round(vehicle.mileage_m),
            }  # fmt: skip
        self.memory.write()

    async def _reset(self) -> None:
        """Every so often one device forgets its code, as after a repair, and registers anew."""
        while True:
            await asyncio.sleep(self.reset_every_s)
            online = [vehicle.device for vehicle in self.vehicles if vehicle.device.accepted]
            if online:
                random.choice(online).forget_code()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(STATUS_S)
            self.remember()
            print(json.dumps(self.status()), flush=True)


def add_options(fleet: argparse.ArgumentParser) -> None:
    """The options of ``simulate fleet``."""
    fleet.add_argument("--host", default="127.0.0.1", help="网关地址（默认本机）")
    fleet.add_argument("--port", type=int, default=8808, help="网关端口（默认 %(default)s）")
    fleet.add_argument("--vehicles", type=int, default=None, metavar="N", help="车辆数（默认为全部值班车辆）")
    fleet.add_argument("--small", action="store_true", help=f"小车队，最多 {SMALL} 辆")
    fleet.add_argument("--terminals", type=Path, metavar="FILE", help="从文件读取终端清单（每行一个 JSON）")
    fleet.add_argument("--speed", type=float, default=1.0, help="时间倍速；大于 1 时从一小时前开始，追上现在后恢复原速")
    fleet.add_argument(
        "--reset-every", type=float, default=0.0, metavar="秒", help="每隔多少秒使一台在线终端重新注册（默认不）"
    )
    fleet.add_argument("--seed", type=int, default=1, help="随机数种子")


async def _run(args: argparse.Namespace) -> None:
    from django.conf import settings

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    limit = SMALL if args.small else args.vehicles
    while True:
        if args.terminals:
            wanted = terminals_in_file(args.terminals)[:limit]
        else:
            wanted = await loop.run_in_executor(None, terminals_on_duty, limit)
        if wanted or args.terminals:
            break
        print(json.dumps({"vehicles": 0, "waiting_s": RETRY_LIST_S}), flush=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), RETRY_LIST_S)
            return
    if not wanted:
        raise CannotSimulate("终端清单为空。")
    clock = Clock(args.speed, time.time() - 3600 if args.speed > 1 else None)
    memory = Memory(Path(settings.VAR) / "run" / "simulated-fleet.json")
    fleet = Fleet(
        wanted,
        host=args.host,
        port=args.port,
        clock=clock,
        memory=memory,
        seed=args.seed,
        reset_every_s=args.reset_every,
    )
    fleet.stopping = stopping
    await fleet.run()


def drive_on(args: argparse.Namespace) -> int:
    """``zhiguan simulate fleet``: drive until SIGTERM or Ctrl-C; returns the exit code."""
    if args.speed <= 0 or (args.vehicles is not None and args.vehicles < 1):
        print("倍速和车辆数应大于 0。", file=sys.stderr)
        return 2
    random.seed(args.seed)
    set_up()
    more_files()
    try:
        import uvloop

        uvloop.run(_run(args))
    except CannotSimulate as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def more_files() -> None:
    """Thousands of connections need as many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
