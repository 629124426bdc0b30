"""Many terminals and odd moments: segments of many frames, storms, backlogs beside live traffic, a full disk."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from datetime import timedelta

import pytest

from zhiguan.kernel.telemetry.jt808 import encode

from .conftest import ago
from .terminal import Terminal
from .test_gateway import place, run, stored, terminal  # noqa: F401 -- run is a fixture


@pytest.fixture
def crowd(fleet):
    """120 more sources whose code is known."""
    fleet.owner(
        """INSERT INTO telemetry_source (protocol, number, key, device_id, auth_digest, active, firmware, reported,
               created_at, unit_id, scope_pos)
           SELECT 'jt808', '1' || lpad(i::text, 10, '0'), 'N' || i, '', %s, true, '', '{}', now(), unit_id, scope_pos
           FROM generate_series(1, 120) i, (SELECT unit_id, scope_pos FROM telemetry_source LIMIT 1) u""",
        hashlib.sha256(b"crowd").hexdigest(),
    )

    def car(number: int) -> Terminal:
        made = Terminal(f"1{number:010d}", device=f"N{number}")
        made.code = "crowd"
        return made

    return car


@pytest.mark.parametrize("version_flag", [0, 1])
def test_every_report_of_a_long_segment_is_answered_by_its_own_serial(fleet, run, version_flag):  # noqa: F811
    """Serials that need escapes (0x7D, 0x7E), the turn of both serials at 65,535, other messages in between."""

    async def act(gate):
        car = await terminal(fleet, version_flag=version_flag).enter(gate.port)
        next(iter(gate.live.values()))._serial = 0xFFF0
        car.serial = 0x7D00
        reports, segment = set(), b""
        for i in range(600):
            segment += car.frame(0x0200, place(i / 10, direction_deg=i % 360))
            reports.add(car.serial)
            if i % 50 == 0:
                segment += car.frame(0x0002)
            if i % 70 == 0:
                segment += car.frame(0x0704, encode.location_batch([place(i + 3600 + k) for k in range(3)]))
                reports.add(car.serial)
        await car.raw(segment)
        found = {}
        while len(found) < len(reports) + 12:
            got = await car.answer(0x8001)
            fields = got.fields
            assert fields["result"] == 0 and fields["reply_serial"] not in found
            found[fields["reply_serial"]] = fields["reply_id"]
        assert reports < set(found)

    run(act)
    assert stored(fleet) == 600 + 9 * 3


@pytest.mark.parametrize("seed", range(3))
def test_segments_cut_anywhere_give_the_same(fleet, run, seed):  # noqa: F811
    noise = random.Random(seed)

    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        first = car.serial + 1
        data = b"".join(car.frame(0x0200, place(i)) for i in range(200))
        at = 0
        while at < len(data):
            size = noise.choice([1, 2, 30, 59, 60, 61, 120, 500])
            await car.raw(data[at : at + size])
            at += size
            await asyncio.sleep(0)
        await car.acknowledged(range(first, first + 200))

    run(act)
    assert stored(fleet) == 200


def test_a_batch_that_is_not_well_formed_is_kept_and_what_is_whole_in_it_stored(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        whole = encode.location_batch([place(i) for i in range(5)])
        assert (await car.ask(0x0704, whole[:-3]))["result"] == 0
        assert (await car.ask(0x0704, b"\x00\x09" + whole[2:]))["result"] == 0
        assert (await car.ask(0x0704, b""))["result"] == 0

    run(act)
    assert stored(fleet) == 5
    assert fleet.sql("SELECT count(*) FROM telemetry_raw WHERE reason = 'body'") == [(3,)]


def test_storm_of_reconnects(fleet, run, crowd):  # noqa: F811
    """All connections break at once and come back at once, twice: all are let in, with few statements."""

    async def act(gate):
        for turn in range(3):
            cars = [crowd(number) for number in range(1, 121)]
            began = time.monotonic()
            await asyncio.gather(*(car.enter(gate.port) for car in cars))
            assert time.monotonic() - began < 20
            answers = await asyncio.gather(*(car.ask(0x0200, place(turn)) for car in cars))
            assert all(answer["result"] == 0 for answer in answers)
            await asyncio.gather(*(car.leave() for car in cars))
        assert gate.counts["accepted"] == 360

    run(act)
    assert stored(fleet) == 360


def test_a_backlog_does_not_hold_up_live_traffic(fleet, run, crowd):  # noqa: F811
    """Ten terminals deliver 6,000 late reports in all while twenty report live, each answer awaited."""
    waits: list[float] = []

    async def late(car: Terminal, port: int) -> None:
        await car.enter(port)
        first = car.serial + 1
        start = ago(days=1)
        for part in range(30):
            bodies = [
                encode.location(31.2, 121.4, start + timedelta(seconds=part * 20 + k), status=3) for k in range(20)
            ]
            await car.send(0x0704, encode.location_batch(bodies, kind=1))
        await car.acknowledged(range(first, first + 30), 50)

    async def live(car: Terminal, port: int, done: asyncio.Event) -> None:
        await car.enter(port)
        number = 0
        while not done.is_set():
            began = time.monotonic()
            assert (await car.ask(0x0200, place(number)))["result"] == 0
            waits.append(time.monotonic() - began)
            number += 1
            await asyncio.sleep(0.02)

    async def act(gate):
        done = asyncio.Event()
        lives = [asyncio.create_task(live(crowd(n), gate.port, done)) for n in range(1, 21)]
        await asyncio.gather(*(late(crowd(n), gate.port) for n in range(21, 31)))
        done.set()
        await asyncio.gather(*lives)
        assert gate.counts["throttled"], "the backlog was to be slowed down"

    run(act, late_rows=200, late_pending_rows=400)
    assert stored(fleet, f"at < '{ago(hours=12):%Y-%m-%d %H:%M:%S}+00'") == 6000
    assert sorted(waits)[int(len(waits) * 0.99)] < 1.0


def test_two_terminals_with_one_number(fleet, run):  # noqa: F811
    """A second device that registers is refused; one that knows the code takes the place, and neither loses a report
    that was acknowledged.
    """

    async def act(gate):
        mine = await terminal(fleet).enter(gate.port)
        clone = await Terminal(mine.phone, device="OTHER").connect(gate.port)
        assert (await clone.register())["result"] == 1
        await clone.leave()
        assert (await mine.ask(0x0200, place(0)))["result"] == 0
        for turn in range(1, 6):
            twin = terminal(fleet)
            twin.code = mine.code
            await twin.enter(gate.port)
            assert await mine.closed()
            assert (await twin.ask(0x0200, place(turn)))["result"] == 0
            mine = twin
        assert gate.counts["replaced"] == 5

    run(act)
    assert stored(fleet) == 6


def test_full_disk(fleet, run):  # noqa: F811
    """The database refuses rows for want of space: nothing is answered, the state says why; then all is answered."""

    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        fleet.owner("""CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$""")
        fleet.owner(
            "CREATE TRIGGER no_space BEFORE INSERT ON telemetry_position FOR EACH ROW EXECUTE FUNCTION no_space()"
        )
        first = car.serial + 1
        await car.raw(b"".join(car.frame(0x0200, place(i)) for i in range(40)))
        with pytest.raises(TimeoutError):
            await car.answer(0x8001, 1.5)
        told = gate.status()
        assert not told["database"]["connected"] and "No space left" in told["database"]["last_error"]
        assert told["waiting_rows"] == 40 and told["counts"].get("positions", 0) == 0
        assert (await car.ask(0x0002))["result"] == 0, "the connection lives on"
        fleet.owner("DROP TRIGGER no_space ON telemetry_position")
        await car.acknowledged(range(first, first + 40))
        assert gate.status()["database"]["connected"]

    run(act)
    assert stored(fleet) == 40
