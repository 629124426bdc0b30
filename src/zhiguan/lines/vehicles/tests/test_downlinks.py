"""From a person's act through the gateway to a terminal and back: parameters, areas, photos, driver cards, many at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from zhiguan.kernel.files import store as disk
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.server import Gateway
from zhiguan.kernel.telemetry.jt808 import areas as wire
from zhiguan.kernel.telemetry.jt808 import encode
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict
from zhiguan.lines.vehicles.demo.device import Counts, Device, Identity
from zhiguan.lines.vehicles.demo.equipment import Card
from zhiguan.lines.vehicles.domain import register, terminal_areas, terminals, uplinks
from zhiguan.lines.vehicles.models import (
    AreaCarried,
    DriverSignIn,
    Terminal,
    TerminalArea,
    TerminalHealth,
    TerminalMedia,
)
from zhiguan.lines.vehicles.queries import devices

from .conftest import make_world

BOSS = system("tests")
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[121.4, 31.2], [121.5, 31.2], [121.52, 31.3], [121.4, 31.3], [121.4, 31.2]]],
}
Act = Callable[[Gateway, list[Device]], Awaitable[None]]


@pytest.fixture
def fleet(committed_db, make_actor, settings, tmp_path) -> SimpleNamespace:
    """Two cars with terminals, one of each edition, and a driver with a licence."""
    settings.MEDIA_ROOT = str(tmp_path / "files")
    with BOSS.transaction():
        world = make_world(make_actor)
        made = []
        for number in range(2):
            place = register.add_place(BOSS, unit=world.organ, name=f"车库{number}", lat=31.23, lon=121.47)
            car = register.register(
                BOSS, plate=f"沪A1234{number}", unit=world.organ, kind="emergency", brand_model="荣威", price_yuan=150_000,
                bought_on=datetime.now(UTC).date(), place=place,
            )  # fmt: skip
            register.commission(BOSS, car)
            made.append(register.install_terminal(
                BOSS, vehicle=car, number=f"1392222000{number}", maker="甲", model="ZG-808"
            ))  # fmt: skip
        driver = register.add_driver(BOSS, person=world.people["驾驶员"], licence_no="310101199001011234",
                                     licence_expires_on=datetime(2035, 1, 1, tzinfo=UTC).date())  # fmt: skip
    return SimpleNamespace(urls=committed_db, terminals=made, driver=driver, world=world, files=tmp_path / "files")


@pytest.fixture
def run(fleet, tmp_path):
    """Run a gateway and the two terminals, then do something with them."""

    def go(act: Act, **limits: Any) -> None:
        async def whole() -> None:
            config = Config(database_url=fleet.urls.ingest, port=0, var=tmp_path, commit_interval_ms=20, **limits)
            gate, ready = Gateway(config), asyncio.Event()
            serving = asyncio.create_task(gate.serve(ready))
            await ready.wait()
            found = []
            for number, terminal in enumerate(fleet.terminals):
                who = Identity(terminal.number, f"ZG0000{number}", f"沪A1234{number}", version_flag=number)
                device = Device(who, "127.0.0.1", gate.port, Counts(), asyncio.Semaphore(5))
                device.last_body = encode.location(31.23, 121.47, datetime.now(UTC), status=3, items=(
                    encode.item(0x30, 6 + 20 * number, 1), encode.item(0x31, 12, 1),
                ))  # fmt: skip
                found.append(device)
            running = [asyncio.create_task(device.run()) for device in found]
            try:
                await until(lambda: all(device.accepted for device in found))
                await act(gate, found)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                gate.stop()
                await serving

        asyncio.run(asyncio.wait_for(whole(), 60))

    return go


async def until(true: Callable[[], bool], wait: float = 15) -> None:
    async with asyncio.timeout(wait):
        while not true():
            await asyncio.sleep(0.02)


async def do(work: Callable[[], Any]) -> Any:
    """Do something with the database beside the loop, as somebody who may do everything."""

    def inside() -> Any:
        from django.db import connection

        try:
            with BOSS.transaction():
                return work()
        finally:
            connection.close()

    return await asyncio.to_thread(inside)


async def ends(command: Any, state: str = "acknowledged") -> Any:
    """Wait until the command has ended so; return it."""
    async with asyncio.timeout(15):
        while True:
            found = await do(lambda: telemetry.Command.objects.get(pk=command.pk))
            if found.state == state:
                return found
            assert found.state in ("waiting", "sent"), (found.state, found.answer)
            await asyncio.sleep(0.05)


def test_parameters_are_set_confirmed_and_shown(fleet, run):
    async def act(gate, found):
        for terminal, device in zip(fleet.terminals, found, strict=True):
            await ends(await do(lambda t=terminal: terminals.set_parameters(BOSS, t, values={"0029": 10, "0055": 100})))
            assert (device.insides.parameters[0x0029], device.insides.parameters[0x0055]) == (10, 100)
            before = {row["id"]: row for row in await do(lambda t=terminal: devices.parameters(t, BOSS))}
            assert (before["0029"]["actual"], before["0029"]["how"]) == ("10 秒", "设置后确认")
            # somebody changes it at the terminal itself
            device.insides.parameters[0x0055] = 90
            asked = await ends(await do(lambda t=terminal: terminals.query_parameters(BOSS, t)))
            assert "最高速度：90 公里/小时" in devices.answer_text(asked)
            rows = {row["id"]: row for row in await do(lambda t=terminal: devices.parameters(t, BOSS))}
            assert (rows["0055"]["actual"], rows["0055"]["wanted"], rows["0055"]["same"]) == (
                "90 公里/小时", "100 公里/小时", False
            )  # fmt: skip
            assert rows["0083"]["actual"] == device.who.plate and rows["0029"]["same"]

    run(act)


def test_an_area_is_carried_in_the_version_that_was_confirmed(fleet, run):
    old, new = fleet.terminals

    async def act(gate, found):
        area = await do(lambda: terminal_areas.add_area(
            BOSS, name="中心城区", unit=fleet.world.organ, geometry=SQUARE, max_speed_kmh=60
        ))  # fmt: skip
        rows = await do(lambda: terminal_areas.load_area(BOSS, area, terminals=[old, new]))
        for row in rows:
            await ends(row.command)
        for device in found:
            ((kind, number),) = device.insides.carried
            assert (kind, number) == (wire.POLYGON, area.pk)
        asked = await ends(await do(lambda: telemetry.send(BOSS, new.source, "query_area", {"kind": wire.POLYGON})))
        assert asked.answer["fields"]["areas"][0]["name"] == "中心城区"
        assert asked.answer["fields"]["areas"][0]["max_speed_kmh"] == 60

        def state() -> list[int | None]:
            rows = AreaCarried.objects.filter(area=area).select_related("command").order_by("terminal")
            return [terminal_areas.carries(row) for row in rows]

        assert await do(state) == [1, 1]
        changed = await do(
            lambda: terminal_areas.edit_area(BOSS, TerminalArea.objects.get(pk=area.pk), max_speed_kmh=50)
        )
        assert changed.version == 2 and await do(state) == [1, 1]
        with pytest.raises(Conflict, match="形状"):
            await do(lambda: terminal_areas.edit_area(
                BOSS, changed, geometry={"type": "Circle", "center": [121.4, 31.2], "radius_m": 100}
            ))  # fmt: skip
        (row,) = await do(lambda: terminal_areas.load_area(BOSS, changed, terminals=[new]))
        await ends(row.command)
        assert await do(state) == [1, 2]
        with pytest.raises(Conflict):
            await do(lambda: terminal_areas.close_area(BOSS, changed, reason="不再需要"))
        # a terminal that is off keeps what it had until it has been told
        found[0].close()
        await until(lambda: not found[0].accepted)
        gone = await do(lambda: terminal_areas.drop_area(BOSS, changed, terminals=[old, new]))
        assert len(gone) == 2
        await ends(gone[1].command)
        assert not found[1].insides.carried
        assert (await do(state))[1] is None
        await ends(gone[0].command)
        assert await do(state) == [None, None]
        closed = await do(lambda: terminal_areas.close_area(BOSS, changed, reason="不再需要"))
        assert closed.state == "closed"

    run(act)


def test_a_photo_of_30_packages_survives_losses_and_becomes_a_file(fleet, run):
    async def act(gate, found):
        device = found[1]
        size = len(device.insides.upload(device.insides.photograph())[1])
        device.package_size = -(-size // 30)
        lost = {5, 17, 30}
        device.loses = lambda index: index in lost
        command = await do(lambda: terminals.take_photo(BOSS, fleet.terminals[1]))
        done = await ends(command)
        assert done.answer["fields"]["media_ids"] == [2]
        await until(lambda: not device._uploads, 30)
        assert (device.counts.uploads, device.counts.repeated) == (1, 3)
        refused = await ends(await do(lambda: terminals.take_photo(BOSS, fleet.terminals[0], channel=9)), "refused")
        assert refused.answer["fields"]["result_label"] == "通道不支持"
        assert await do(uplinks.read_messages) == 1
        assert await do(uplinks.read_messages) == 0
        medium = await do(lambda: TerminalMedia.objects.select_related("file", "vehicle").get())
        picture = device.insides.pictures[2].data
        assert medium.file.digest == hashlib.sha256(picture).hexdigest() and medium.file.media_type == "image/jpeg"
        assert disk.place(medium.file.digest).read_bytes() == picture
        assert (medium.vehicle.plate, medium.lat, medium.event, medium.size) == ("沪A12341", 31.23, 0, len(picture))
        # what is no picture is not kept as one, and says why
        device.insides.pictures[2].data = b"MZ no picture"
        device.send_long(*device.insides.upload(device.insides.pictures[2]))
        await until(lambda: gate.counts["kept"] >= 2)
        await asyncio.sleep(0.2)
        assert await do(uplinks.read_messages) == 1
        odd = await do(lambda: TerminalMedia.objects.get(file=None))
        assert odd.refusal

    run(act, resend_after=1)


def test_driver_cards_tell_who_drives(fleet, run):
    async def act(gate, found):
        found[1].insert_card(Card("驾驶员", "310101199001011234"))
        found[0].insert_card(Card("不认识的人", "999999199001011234"))
        found[1].remove_card()
        await until(lambda: gate.counts["kept"] >= 3)
        await asyncio.sleep(0.2)
        assert await do(uplinks.read_messages) == 3
        rows = await do(lambda: list(DriverSignIn.objects.order_by("terminal", "raw_id")))
        stranger, arrived, left = rows
        assert (stranger.driver_id, stranger.holder_name, stranger.matched_by) == (None, "不认识的人", "")
        assert (arrived.driver_id, arrived.on, arrived.matched_by) == (fleet.driver.pk, True, "licence")
        assert (left.driver_id, left.on, left.holder_name) == (fleet.driver.pk, False, "驾驶员")
        assert arrived.vehicle_id == fleet.terminals[1].vehicle_id and str(arrived.valid_until) == "2035-12-31"
        asked = await ends(await do(lambda: terminals.query_driver(BOSS, fleet.terminals[0])))
        assert asked.answer["fields"]["name"] == "不认识的人"

    run(act)


def test_many_terminals_are_asked_by_a_job(fleet, run):
    told: list[str] = []

    class Report:
        def __call__(self, percent: float, message: str = "") -> None:
            told.append(message)

        def log(self, line: str) -> None:
            told.append(line)

    async def act(gate, found):
        def work() -> Any:
            keys = [*[terminal.pk for terminal in fleet.terminals], 10**9]
            args = {"terminals": keys, "kind": "set_parameters", "payload": {"values": {"0029": 60}}, "batch": "b1"}
            first = terminals.command_each(BOSS, Report(), **args)
            again = terminals.command_each(BOSS, Report(), **args)
            return first, again

        first, again = await do(work)
        assert (first["sent"], first["refused"]) == (2, 1) and first["message"] == again["message"]
        commands = await do(lambda: list(telemetry.Command.objects.filter(batch="b1")))
        assert len(commands) == 2, "a job that runs again sends nothing twice"
        for command in commands:
            await ends(command)
        assert [device.insides.parameters[0x0029] for device in found] == [60, 60]

    run(act)
    assert told[0] == "已处理 0/3 台"


def test_texts_control_passthrough_and_registering_again(fleet, run):
    async def act(gate, found):
        device, terminal = found[1], fleet.terminals[1]
        await ends(await do(lambda: terminals.send_text(BOSS, terminal, text="请减速慢行")))
        assert device.insides.texts == ["请减速慢行"]
        await ends(await do(lambda: terminals.pass_through(BOSS, terminal, type=0x41, data="0102")))
        attributes = await ends(await do(lambda: terminals.query_attributes(BOSS, terminal)))
        assert "SIM-2.1.0" in devices.answer_text(attributes)
        await ends(await do(lambda: terminals.query_location(BOSS, terminal)))
        device.insides.parameters[0x0029] = 7
        await ends(await do(lambda: terminals.control(BOSS, terminal, command=5)))
        assert device.insides.parameters[0x0029] == 30
        await until(lambda: not device.accepted)
        await until(lambda: device.accepted)
        refused = await ends(await do(lambda: terminals.control(BOSS, terminal, command=7)), "refused")
        assert telemetry.outcome(refused) == "终端未执行：不支持"
        device.forget_code()
        await until(lambda: device.counts.registered == 2 and device.accepted)
        messages = await do(lambda: devices.messages_of(terminal, BOSS))
        assert {"数据上行透传", "查询终端属性应答"} <= {message.name for message in messages}
        device.report(device.last_body)
        found[0].report(found[0].last_body)
        await until(lambda: device.counts.acknowledged + found[0].counts.acknowledged == 2)
        await asyncio.sleep(1.5)
        assert await do(uplinks.check_health) == 2

        def healths() -> list[tuple]:
            return list(TerminalHealth.objects.order_by("terminal").values_list("network", "satellites", "behind"))

        assert await do(healths) == [(6, 12, False), (26, 12, False)]
        assert await do(lambda: Terminal.objects.filter(devices.low_signal()).count()) == 1
        # sessions are written every two seconds
        await asyncio.sleep(2.5)
        assert await do(lambda: Terminal.objects.filter(devices.online()).count()) == 2
        assert await do(lambda: devices.presence(Terminal.objects.get(pk=terminal.pk))) == "在线"
        figures = await do(lambda: devices.figures(BOSS))
        assert figures == {"active": 2, "online": 2, "silent": 0, "low": 1, "behind": 0}

    run(act)
