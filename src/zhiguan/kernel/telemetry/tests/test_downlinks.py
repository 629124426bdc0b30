"""Downlinks end to end: checked, sent over TCP, answered; what terminals send by themselves is read exactly once."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from zhiguan.kernel.telemetry import downlinks, service
from zhiguan.kernel.telemetry.jt808 import areas, decode_body, encode, multimedia
from zhiguan.kernel.telemetry.models import Command, Connection, RawReader, RawTaken, Source
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .test_gateway import place, run, terminal  # noqa: F401 -- fixture
from .test_service import manager

READER = system("telemetry.tests")


def ask(fleet, kind: str, payload: dict, number: int = 0) -> int:
    actor = manager(fleet.units[0], "telemetry.command.send")
    with actor.transaction():
        return service.send(actor, Source.objects.get(pk=fleet.ids[number]), kind, payload).pk


async def asked(fleet, kind: str, payload: dict) -> int:
    return await asyncio.to_thread(ask, fleet, kind, payload)


async def state(fleet, command: int, wanted: str) -> dict:
    """Wait until the command has come into the state; return its answer."""
    for _ in range(200):
        ((found, answer),) = fleet.sql("SELECT state, answer FROM telemetry_command WHERE id = %s", command)
        if found == wanted:
            return answer or {}
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found}, not {wanted}")


@pytest.mark.parametrize("version_flag", [0, 1])
def test_parameters_are_set_and_read_back(fleet, run, version_flag):  # noqa: F811
    values: dict[int, bytes] = {0x0012: b"secret"}

    async def act(gate):
        car = await terminal(fleet, version_flag=version_flag).enter(gate.port)
        wanted = await asked(fleet, "set_parameters", {"values": {"0029": 15, "0083": "沪A12345", "0084": 1}})
        got = await car.answer(0x8103)
        for item in got.fields["parameters"]:
            values[int(item["id"], 16)] = bytes.fromhex(item["hex"])
        await car.send(0x0001, encode.general_answer(got.frame.header.serial, 0x8103))
        await state(fleet, wanted, "acknowledged")
        query = await asked(fleet, "query_parameters", {})
        got = await car.answer(0x8104)
        serial = got.frame.header.serial
        # a general "success" before the answer must not close the question
        await car.send(0x0001, encode.general_answer(serial, 0x8104))
        await car.send(0x0104, encode.parameters_answer(serial, values))
        answer = await state(fleet, query, "acknowledged")
        found = {item["id"]: item["value"] for item in answer["fields"]["parameters"]}
        assert found == {"0012": None, "0029": 15, "0083": "沪A12345", "0084": 1}
        assert "secret" not in str(answer) and b"secret".hex() not in str(answer)
        some = await asked(fleet, "query_parameters", {"ids": ["0029"]})
        got = await car.answer(0x8106)
        assert got.fields["ids"] == ["0029"]
        await car.send(0x0001, encode.general_answer(got.frame.header.serial, 0x8106, 3))
        await state(fleet, some, "refused")

    run(act)
    with READER.transaction():
        refused = Command.objects.get(kind="query_parameters", state="refused")
        assert service.outcome(refused) == "终端未执行：不支持"


def test_areas_are_carried_and_told(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet, version_flag=1).enter(gate.port)
        points = [[31.2, 121.4], [31.3, 121.4], [31.3, 121.5]]
        command = await asked(
            fleet, "set_polygon", {"number": 7, "points": points, "max_speed": 60, "name": "外环以内"}
        )
        got = await car.answer(0x8604)
        assert got.fields["points"] == points and got.fields["name"] == "外环以内"
        await car.send(0x0001, encode.general_answer(got.frame.header.serial, 0x8604))
        await state(fleet, command, "acknowledged")
        query = await asked(fleet, "query_area", {"kind": 3})
        await car.answer(0x8608)
        await car.send(0x0608, areas.answer(areas.POLYGON, [got.frame.body]))
        assert (await state(fleet, query, "acknowledged"))["fields"]["ids"] == [7]
        gone = await asked(fleet, "delete_polygon", {"numbers": [7]})
        got = await car.answer(0x8605)
        assert got.fields["ids"] == [7]
        await car.send(0x0001, encode.general_answer(got.frame.header.serial, 0x8605))
        await state(fleet, gone, "acknowledged")

    run(act)


def test_a_2013_terminal_is_not_asked_what_it_cannot(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        command = await asked(fleet, "query_location", {})
        await state(fleet, command, "sent")
        assert (await car.answer(0x8201)).fields == {}
        with pytest.raises(Invalid, match="2019"):
            await asked(fleet, "query_area", {"kind": 1})

    run(act)


def test_a_photo_in_30_packages_of_which_3_are_lost_arrives_whole(fleet, run):  # noqa: F811
    photo = b"\xff\xd8\xff\xe0" + random.Random(5).randbytes(27_000) + b"\xff\xd9"
    body = multimedia.upload(multimedia.Head(77, event=0, channel=1), place(), photo)

    async def act(gate):
        car = await terminal(fleet, version_flag=1).enter(gate.port)
        first = car.serial + 1
        packages = encode.encode_packages(
            0x0801, body, phone=car.phone, first_serial=first, version_flag=1, max_body=-(-len(body) // 30)
        )
        assert len(packages) == 30
        car.serial += 30
        for number, package in enumerate(packages, 1):
            if number not in (5, 17, 30):
                await car.raw(package)
        wanted = await car.answer(0x8800)
        assert wanted.fields == {"media_id": 77, "missing": [5, 17, 30]}
        for number in (30, 17):
            await car.raw(packages[number - 1])
        wanted = await car.answer(0x8003)
        assert (wanted.fields["original_serial"], wanted.fields["indexes"]) == (first, [5])
        await car.raw(packages[4])
        assert (await car.answer(0x8800)).fields == {"media_id": 77, "missing": []}

    run(act, resend_after=1)
    ((kept,),) = fleet.sql("SELECT body FROM telemetry_raw WHERE msg_id = %s", 0x0801)
    assert multimedia.data_of(bytes(kept)) == photo


def test_kept_messages_are_read_exactly_once(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet, version_flag=1).enter(gate.port)
        card = encode.driver_card(1, datetime.now(UTC), name="张三", licence="310101", version_flag=1)
        assert (await car.ask(0x0702, card))["result"] == 0
        assert (await car.ask(0x0900, encode.passthrough(0x41, b"\x01\x02")))["result"] == 0

    run(act)
    found: list[service.Kept] = []

    def fails(message: service.Kept) -> None:
        found.append(message)
        raise OSError("no")

    with READER.acting():
        with pytest.raises(OSError, match="no"):
            service.consume("tests", [0x0702, 0x0900], fails)
        found.clear()
        assert service.consume("tests", [0x0702, 0x0900], found.append) == 2
        assert service.consume("tests", [0x0702, 0x0900], found.append) == 0
        assert service.consume("others", [0x0702], found.append, limit=1) == 1
    card, through, again = found
    assert (card.fields()["name"], card.edition, again.id) == ("张三", 2019, card.id)
    assert through.fields()["kind_label"] == "串口1透传"
    # ten minutes later the floor has moved up and the notes are gone; a message that was committed late still comes
    with READER.transaction():
        RawReader.objects.update(seen_at=datetime.now(UTC) - timedelta(minutes=11))
    fleet.sql(
        "INSERT INTO telemetry_raw (source_id, received_at, reason, msg_id, body) VALUES (%s, now(), 'message', %s, '')",
        fleet.ids[0], 0x0702,
    )  # fmt: skip
    with READER.transaction():
        assert service.consume("tests", [0x0702, 0x0900], found.append) == 1
        progress = RawReader.objects.get(name="tests")
        assert progress.floor_id == again.id + 1 and not RawTaken.objects.filter(
            reader="tests", raw_id__lte=progress.floor_id
        )
        assert service.consume("tests", [0x0702, 0x0900], found.append) == 0
    stranger = manager(fleet.units[1], "telemetry.position.view")
    with stranger.transaction():
        assert service.kept_of(Source(pk=fleet.ids[0])) == [], "another organ's messages are not seen"


def test_connections_are_remembered(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        await asyncio.sleep(2.5)
        again = terminal(fleet)
        again.code = car.code
        await again.enter(gate.port)
        await asyncio.sleep(2.5)
        await again.leave()

    run(act)
    with READER.transaction():
        reasons = list(Connection.objects.order_by("connected_at").values_list("close_reason", flat=True))
    assert reasons == ["replaced", ""]


def test_signals_of_the_latest_report(fleet, run):  # noqa: F811
    async def act(gate):
        car = await terminal(fleet).enter(gate.port)
        items = [encode.item(1, 5, 4), encode.item(0x30, 9, 1), encode.item(0x31, 14, 1)]
        await car.acknowledged([await car.send(0x0200, place(items=items))])

    run(act)
    with READER.transaction():
        found = service.signals(fleet.ids)
    assert {source: (signal.network, signal.satellites) for source, signal in found.items()} == {fleet.ids[0]: (9, 14)}


def test_resending_and_taking_back(fleet):
    actor = manager(fleet.units[0], "telemetry.command.send")
    with actor.transaction():
        source = Source.objects.get(pk=fleet.ids[0])
        command = service.send(actor, source, "control", {"command": 4}, batch="B1")
        assert (command.sender, command.payload) == ("管理员", {"command": 4, "arguments": ""})
        with pytest.raises(Conflict):
            service.resend(actor, command)
        command = service.withdraw(actor, command)
        assert (command.state, service.outcome(command)) == ("withdrawn", "已撤回")
        with pytest.raises(Conflict):
            service.withdraw(actor, command)
        again = service.resend(actor, command)
        assert (again.origin_id, again.state, again.kind) == (command.pk, "waiting", "control")
    stranger = manager(fleet.units[0], "telemetry.position.view")
    with stranger.transaction(), pytest.raises(Denied):
        service.withdraw(stranger, again)


@pytest.mark.parametrize(
    ("kind", "payload", "field", "reason"),
    [
        ("set_parameters", {"values": {"0029": 0}}, "values", "缺省时间汇报间隔"),
        ("set_parameters", {"values": {"0012": "x"}}, "values", "不能经平台设置"),
        ("set_parameters", {"values": {}}, "values", "至少"),
        ("set_parameters", {}, "values", "请填写"),
        ("control", {"command": 9}, "command", "只能是"),
        ("set_circle", {"number": 1, "centre": [91, 0], "radius_m": 5}, "centre", "超出范围"),
        ("set_circle", {"number": 1, "centre": [31, 121], "radius_m": 0}, "radius_m", "1 至 200000"),
        ("set_polygon", {"number": 1, "points": [[31, 121]] * 200}, "points", "3 至 110"),
        ("set_polygon", {"number": 1, "points": [[1, 121], [-1, 121], [2, 120]]}, "number", "赤道"),
        ("text", {"text": "😀"}, "text", "不能显示"),
        ("text", {"text": "字" * 600}, "text", "过长"),
        ("camera", {"channel": 1, "shots": 1, "lens": 5}, "lens", "没有这一项"),
        ("media_fetch", {"start": "昨天"}, "start", "日期时间"),
        ("passthrough", {"type": 1, "data": "zz"}, "data", "十六进制"),
        ("raw", {"msg_id": "0200"}, "msg_id", "8000"),
        ("track", {"interval_s": "x"}, "interval_s", "整数"),
        ("nothing", {}, "kind", "不认识"),
    ],
)
def test_a_wrong_payload_is_refused_by_field(kind, payload, field, reason):
    with pytest.raises(downlinks.Refused) as caught:
        downlinks.check(kind, payload)
    assert reason in caught.value.fields[field]


def test_every_downlink_is_built_and_read_back():
    payloads = {
        "text": {"text": "停车"}, "track": {"interval_s": 5}, "confirm_alarm": {"types": 1},
        "set_parameters": {"values": {"0001": 60}}, "control": {"command": 4},
        "set_circle": {"number": 1, "centre": [31, 121], "radius_m": 500},
        "set_rectangle": {"number": 1, "top_left": [32, 121], "bottom_right": [31, 122]},
        "set_polygon": {"number": 1, "points": [[31, 121], [32, 121], [32, 122]]},
        "set_route": {"number": 1, "points": [[31, 121], [32, 121]]}, "query_area": {"kind": 1},
        "record_sound": {"command": 1}, "media_fetch_one": {"media_id": 5}, "passthrough": {"type": 65, "data": "01"},
        "raw": {"msg_id": "8f01", "body": "00"},
    }  # fmt: skip
    for kind, known in downlinks.DOWNLINKS.items():
        payload = downlinks.check(kind, payloads.get(kind, {}))
        assert downlinks.check(kind, payload) == payload, "a checked payload is checked again by the gateway"
        assert downlinks.describe(kind, payload).startswith(known.name)
        for version in (0, 1):
            if known.since == 2019 and not version:
                with pytest.raises(downlinks.Refused):
                    downlinks.message_of(kind, payload, version)
                continue
            msg_id, body = downlinks.message_of(kind, payload, version)
            fields, problems = decode_body(msg_id, body, version)
            assert problems == [] and (fields is not None or kind == "raw"), kind
