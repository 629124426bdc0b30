"""The gateway over real TCP: who is let in, what is answered when, and what no terminal can do to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.entry import digest
from zhiguan.kernel.telemetry.gateway.server import Gateway
from zhiguan.kernel.telemetry.jt808 import encode, multimedia

from .conftest import ago
from .terminal import Terminal

Act = Callable[[Gateway], Awaitable[None]]


@pytest.fixture
def run(fleet, tmp_path):
    """Run a gateway in this process and do something with it."""

    def go(act: Act, **limits: object) -> Gateway:
        async def whole() -> Gateway:
            config = Config(database_url=fleet.urls.ingest, port=0, var=tmp_path, commit_interval_ms=20, **limits)
            gate = Gateway(config)
            ready = asyncio.Event()
            task = asyncio.create_task(gate.serve(ready))
            await ready.wait()
            try:
                await act(gate)
            finally:
                gate.stop()
                await task
            return gate

        return asyncio.run(asyncio.wait_for(whole(), 60))

    return go


def terminal(fleet, number: int = 0, **more) -> Terminal:
    return Terminal(fleet.sources[number].number, device=f"DEV{number:04}", **more)


def place(seconds: float = 0, **more) -> bytes:
    return encode.location(31.23, 121.47, ago(minutes=5) + timedelta(seconds=seconds), status=3, speed_kmh=36, **more)


def stored(fleet, where: str = "true") -> int:
    return fleet.sql(f"SELECT count(*) FROM telemetry_position WHERE {where}")[0][0]


@pytest.mark.parametrize("version_flag", [0, 1])
def test_register_authenticate_report(fleet, run, version_flag):
    async def act(gate):
        car = terminal(fleet, version_flag=version_flag)
        await car.enter(gate.port)
        serials = [await car.send(0x0200, place(i, items=[encode.item(1, 12345, 4), encode.item(0x30, 17, 1)]))
                   for i in range(30)]  # fmt: skip
        await car.acknowledged(serials)
        assert stored(fleet) == 30, "answered only after the commit"
        assert (await car.ask(0x0002))["result"] == 0
        await car.leave()

    run(act)
    assert fleet.sql("SELECT DISTINCT lat, lon, speed, mileage_m, extra FROM telemetry_position") == [
        (31_230_000, 121_470_000, 360, 1_234_500, b"\x30\x01\x11")
    ]
    assert fleet.sql("SELECT source_id, lat FROM telemetry_latest") == [(fleet.ids[0], 31_230_000)]
    ((found, reported, edition),) = fleet.sql(
        "SELECT auth_digest, reported, edition FROM telemetry_source WHERE id = %s", fleet.ids[0]
    )
    assert len(found) == 64 and reported["plate"] == "沪A12345" and edition == (2019 if version_flag else 2013)
    ((frames, positions, reason, gone),) = fleet.sql(
        "SELECT frames, positions, close_reason, disconnected_at IS NOT NULL FROM telemetry_session"
    )
    assert (positions, gone) == (30, True) and frames == 33 and reason == ""


def test_code_is_stored_as_digest_only(fleet, run):
    codes = []

    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        codes.append(car.code)

    run(act)
    assert fleet.sql("SELECT auth_digest FROM telemetry_source WHERE id = %s", fleet.ids[0]) == [(digest(codes[0]),)]
    assert len(codes[0]) == 16


def test_strangers_and_retired_are_refused(fleet, run):
    fleet.owner("UPDATE telemetry_source SET active = false WHERE id = %s", fleet.ids[1])

    async def act(gate):
        stranger = await Terminal("13999999999").connect(gate.port)
        assert (await stranger.register())["result"] == 4
        retired = await terminal(fleet, 1).connect(gate.port)
        assert (await retired.register())["result"] == 2
        car = await terminal(fleet).enter(gate.port)
        thief = Terminal(car.phone, device="OTHER")
        await thief.connect(gate.port)
        assert (await thief.register())["result"] == 1
        assert await thief.authenticate("guess") == 1
        assert (await car.ask(0x0002))["result"] == 0, "the rightful terminal stays"

    run(act)


def test_nothing_is_taken_before_authentication(fleet, run):
    async def act(gate):
        car = await terminal(fleet).connect(gate.port)
        assert (await car.ask(0x0200, place()))["result"] == 1
        assert (await car.ask(0x0002))["result"] == 1
        await car.register()
        assert (await car.ask(0x0200, place()))["result"] == 1

    run(act)
    assert stored(fleet) == 0


def test_wrong_codes_end_the_connection(fleet, run):
    async def act(gate):
        car = await terminal(fleet).connect(gate.port)
        await car.register()
        for _ in range(4):
            assert await car.authenticate("wrong") == 1
        await car.send(0x0102, encode.authenticate("wrong"))
        assert await car.closed()

    run(act)


def test_reports_sent_right_after_authentication_are_not_lost(fleet, run):
    async def act(gate):
        car = await terminal(fleet).connect(gate.port)
        await car.register()
        gate.control.forget_all()
        burst = car.frame(0x0102, encode.authenticate(car.code)) + b"".join(
            car.frame(0x0200, place(i)) for i in range(100)
        )
        await car.raw(burst)
        await car.acknowledged(range(2, 103))

    run(act)
    assert stored(fleet) == 100


def test_new_session_ends_the_old_one(fleet, run):
    async def act(gate):
        old = await terminal(fleet).enter(gate.port)
        new = terminal(fleet)
        new.code = old.code
        await new.enter(gate.port)
        assert await old.closed()
        assert (await new.ask(0x0200, place()))["result"] == 0
        assert len(gate.live) == 1

    assert run(act).counts["replaced"] == 1
    assert fleet.sql("SELECT positions, disconnected_at IS NULL FROM telemetry_session") == [(1, False)]


def test_session_at_another_gateway_ends_the_old_one(fleet, run, tmp_path):
    async def act(gate):
        old = await terminal(fleet).enter(gate.port)
        config = Config(database_url=fleet.urls.ingest, port=gate.port, var=tmp_path, reuse_port=True, name="second")
        other = Gateway(config)
        ready = asyncio.Event()
        task = asyncio.create_task(other.serve(ready))
        await ready.wait()
        try:
            while True:
                new = terminal(fleet)
                new.code = old.code
                await new.enter(gate.port)
                if other.live:
                    break
                old = new
            assert await old.closed()
        finally:
            other.stop()
            await task

    run(act, reuse_port=True, name="first")


def test_shut_out_source_loses_its_session(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        await asyncio.sleep(0.3)
        fleet.owner("UPDATE telemetry_source SET active = false WHERE id = %s", fleet.ids[0])
        assert await car.closed()
        again = Terminal(car.phone)
        again.code = car.code
        await again.connect(gate.port)
        assert await again.authenticate() == 1

    run(act)


def test_sign_off_forgets_the_code(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        assert (await car.ask(0x0003))["result"] == 0
        assert await car.closed()
        await car.connect(gate.port)
        assert await car.authenticate() == 1

    run(act)


def test_batch_message_and_its_repetition(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        body = encode.location_batch([place(i) for i in range(25)], kind=1)
        assert (await car.ask(0x0704, body))["result"] == 0
        assert (await car.ask(0x0704, body))["result"] == 0
        assert (await car.ask(0x0200, place(3)))["result"] == 0

    run(act)
    assert stored(fleet) == 25


def test_missing_package_is_asked_for_and_nothing_answered_before(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        body = encode.location_batch([place(i) for i in range(60)])
        first = car.serial + 1
        packages = encode.encode_packages(0x0704, body, phone=car.phone, first_serial=first, max_body=700)
        car.serial += len(packages)
        assert len(packages) == 3
        await car.raw(packages[0] + packages[2])
        wanted = (await car.answer()).fields
        assert wanted == {"original_serial": first, "count": 1, "indexes": [2]} | {
            key: wanted[key] for key in wanted if key not in ("original_serial", "count", "indexes")
        }
        assert stored(fleet) == 0
        await car.raw(packages[1])
        await car.acknowledged(range(first, first + 3))

    run(act, resend_after=1)
    assert stored(fleet) == 60


def test_other_messages_are_answered_and_kept(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        assert (await car.ask(0x0900, b"\x41pass-through"))["result"] == 0
        assert (await car.ask(0x0F77, b"vendor"))["result"] == 3
        await car.send(0x0004)
        assert (await car.answer(0x8004)).fields["time_utc"]
        await car.send(0x0801, multimedia.upload(multimedia.Head(7), place(), b"\xff\xd8jpeg"))
        assert (await car.answer(0x8800)).frame.body == b"\x00\x00\x00\x07"

    run(act)
    kept = fleet.sql("SELECT reason, msg_id, source_id FROM telemetry_raw ORDER BY id")
    assert kept == [(r, m, fleet.ids[0]) for r, m in [("message", 0x900), ("unknown", 0xF77), ("message", 0x801)]]


def test_impossible_times_and_places_are_kept_aside(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        fine = bytearray(place())
        no_day, past, future = bytearray(fine), bytearray(fine), bytearray(fine)
        no_day[22:28] = bytes.fromhex("260231000000")
        past[22:28] = bytes.fromhex("000101000000")
        future[22:28] = bytes.fromhex("991231235959")
        nowhere = bytearray(fine)
        nowhere[8:12] = b"\xff\xff\xff\xff"
        zero = encode.location(0, 0, ago(minutes=3), status=3)
        for body in (no_day, past, future, nowhere, zero, fine, past):
            assert (await car.ask(0x0200, bytes(body)))["result"] == 0
        assert (await car.ask(0x0200, b"\x00" * 20))["result"] == 2

    run(act)
    assert stored(fleet) == 2
    assert fleet.sql("SELECT reason, count(*) FROM telemetry_raw GROUP BY 1 ORDER BY 1") == [
        ("body", 1), ("position", 1), ("time", 3)
    ]  # fmt: skip
    assert fleet.sql("SELECT lat FROM telemetry_latest") == [(31_230_000,)], "0/0 is no place"


def test_downlink_is_sent_and_its_answer_kept(fleet, run):
    insert = """INSERT INTO telemetry_command (source_id, kind, payload, state, created_at, expires_at, gateway)
                VALUES (%s, %s, %s, 'waiting', now(), now() + interval '1 h', '') RETURNING id"""

    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        fleet.owner(insert, fleet.ids[0], "text", json.dumps({"text": "请靠边停车"}))
        got = await car.answer(0x8300)
        assert got.fields["text"] == "请靠边停车"
        await car.send(0x0001, encode.general_answer(got.frame.header.serial, 0x8300, 0))
        fleet.owner(insert, fleet.ids[0], "query_location", "{}")
        asked = await car.answer(0x8201)
        assert (await car.ask(0x0201, asked.frame.header.serial.to_bytes(2, "big") + place()))["result"] == 0
        fleet.owner(insert, fleet.ids[0], "raw", json.dumps({"msg_id": "zz"}))
        fleet.owner(insert, fleet.ids[1], "text", json.dumps({"text": "不在线"}))
        await asyncio.sleep(0.5)

    run(act)
    assert fleet.sql("SELECT kind, state, result FROM telemetry_command ORDER BY id") == [
        ("text", "acknowledged", 0), ("query_location", "acknowledged", 0), ("raw", "refused", 2), ("text", "waiting", None)
    ]  # fmt: skip
    assert stored(fleet) == 1


def test_another_number_on_the_same_connection_is_refused(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        other = encode.encode_frame(0x0200, place(), phone=fleet.sources[1].number, serial=9)
        await car.raw(other)
        assert (await car.answer(0x8001)).fields["result"] == 1

    run(act)
    assert stored(fleet) == 0


def test_wrong_checksum_is_not_answered_and_not_stored(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        bad = bytearray(car.frame(0x0200, place()))
        bad[30] ^= 1
        await car.raw(bytes(bad))
        assert (await car.ask(0x0200, place(1)))["result"] == 0
        assert gate.counts["bad_checksum"] == 1

    run(act)
    assert stored(fleet) == 1


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes(fleet, run, seed):
    """Noise, cut and changed frames, before and after authentication: the gateway goes on serving."""
    noise = random.Random(seed)

    async def act(gate):
        async def fuzz(number: int, enter: bool) -> None:
            car = terminal(fleet, number)
            await (car.enter(gate.port) if enter else car.connect(gate.port))
            frames = [car.frame(m, noise.randbytes(noise.randrange(80)))
                      for m in (0x0100, 0x0102, 0x0001, 0x0200, 0x0201, 0x0704, 0x0801, 0x0107, 0x0104, 0x0500,
                                0x0005)]  # fmt: skip
            frames += [car.frame(0x0200, place(i)) for i in range(5)]
            frames += [car.frame(0x0704, noise.randbytes(30), package=(noise.randrange(5), noise.randrange(5)))]
            for _ in range(60):
                data = bytearray(noise.choice(frames))
                for _ in range(noise.randrange(3)):
                    data[noise.randrange(len(data))] = noise.choice((0x7E, 0x7D, noise.randrange(256)))
                if noise.random() < 0.2:
                    data = bytearray(noise.randbytes(noise.randrange(300)))
                try:
                    await car.raw(bytes(data[: noise.randrange(len(data) + 1)] if noise.random() < 0.3 else data))
                except ConnectionError:
                    return
            await car.leave()

        await asyncio.gather(*(fuzz(i, i % 2 == 0) for i in range(4)))
        await asyncio.sleep(0.2)
        car = await terminal(fleet, 4).enter(gate.port)
        assert (await car.ask(0x0200, place()))["result"] == 0
        assert gate.counts["errors"] == gate.counts["batch_failed"] == 0

    run(act)


def test_slow_and_silent_connections_end(fleet, run):
    async def act(gate):
        silent = await Terminal("1").connect(gate.port)
        drip = await terminal(fleet).enter(gate.port)

        async def dripping():
            for byte in drip.frame(0x0200, place())[:-1]:
                await drip.raw(bytes((byte,)))
                await asyncio.sleep(0.15)

        task = asyncio.create_task(dripping())
        assert await silent.closed()
        assert await drip.closed()
        task.cancel()
        idle = await terminal(fleet, 1).enter(gate.port)
        assert await idle.closed()

    gate = run(act, accept_timeout=1, idle_timeout=3, frame_timeout=2)
    for reason in ("not_accepted_in_time", "slow", "idle"):
        assert gate.counts[f"closed_{reason}"] == 1, gate.counts


def test_flood_is_slowed_down_not_lost_and_others_are_served(fleet, run):
    async def act(gate):
        flood, other = await terminal(fleet).enter(gate.port), await terminal(fleet, 1).enter(gate.port)
        data = b"".join(flood.frame(0x0200, place(i / 10, direction_deg=i % 360)) for i in range(3000))
        reading = asyncio.create_task(flood.acknowledged(range(3, 3003), 30))
        await flood.raw(data)
        assert (await other.ask(0x0200, place()))["result"] == 0
        await reading
        assert gate.counts["throttled"]

    run(act, max_frames_per_tick=100)
    assert stored(fleet, f"source_id = {fleet.ids[0]}") == 3000


def test_flood_before_authentication_ends_the_connection(fleet, run):
    async def act(gate):
        stranger = await Terminal("999").connect(gate.port)
        await stranger.raw(b"".join(stranger.frame(0x0200, place(i)) for i in range(200)))
        assert await stranger.closed()

    run(act)


def test_too_many_connections_are_turned_away(fleet, run):
    async def act(gate):
        kept = [await Terminal(str(i)).connect(gate.port) for i in range(3)]
        extra = await Terminal("9").connect(gate.port)
        assert await extra.closed()
        assert len(gate.sessions) == len(kept)

    run(act, max_connections=3)


def test_answers_nobody_reads_end_the_connection(fleet, run):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        car.writer.transport.pause_reading()
        heartbeat = b"".join(car.frame(0x0002) for _ in range(2000))
        for _ in range(300):
            car.writer.write(heartbeat)
            await asyncio.sleep(0)
            if not gate.sessions:
                break
        async with asyncio.timeout(20):
            while gate.sessions:
                car.writer.write(heartbeat)
                await asyncio.sleep(0.05)

    gate = run(act, write_buffer_bytes=65536, max_frames_per_tick=100_000)
    assert gate.counts["closed_answers_unread"] == 1, gate.counts


def test_stopping_writes_and_answers_what_has_come_in(fleet, run):
    cars = []

    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        cars.append(car)
        await car.raw(b"".join(car.frame(0x0200, place(i)) for i in range(50)))
        while gate.intake.waiting + gate.counts["positions"] < 50:
            await asyncio.sleep(0.005)

    run(act, max_frames_per_tick=10_000)
    assert stored(fleet) == 50


def test_status_file(fleet, run, tmp_path):
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        await car.ask(0x0200, place())

    run(act)
    told = json.loads((tmp_path / "run" / "gateway.json").read_text())
    assert told["counts"]["accepted"] == 1 and told["database"]["rows"] == 1 and told["stopped"]
    assert told["pid"] == os.getpid()
