"""Parameters, areas, media, driver cards: what is built reads back the same in every edition."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.telemetry.jt808 import areas, decode_body, encode, multimedia
from zhiguan.kernel.telemetry.jt808.parameters import PARAMETERS, WIDTHS, checked, shown

MOMENT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
versions = st.integers(0, 1)
words, bytes_1, dwords = st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 2**32 - 1)
chinese = st.text("终端市区高架路ABC123", max_size=20)
north = st.tuples(st.integers(1, 90_000_000), st.integers(1, 180_000_000)).map(lambda p: (p[0] / 1e6, p[1] / 1e6))
anywhere = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000)).map(
    lambda p: (p[0] / 1e6, p[1] / 1e6)
)
moments = st.datetimes(datetime(2000, 1, 2), datetime(2098, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))
rules = st.builds(
    areas.Rule,
    tell=st.integers(0, 15).map(lambda bits: bits << 2),
    start=st.none(), end=st.none(),
    max_speed=st.one_of(st.none(), words), over_s=bytes_1, night_speed=st.one_of(st.none(), words), name=chinese,
) | st.builds(areas.Rule, start=moments, end=moments, max_speed=st.one_of(st.none(), words), name=chinese)  # fmt: skip


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read(msg_id: int, body: bytes, version: int) -> dict[str, Any]:
    """Fields of a body that must be read without a problem."""
    fields, problems = decode_body(msg_id, body, version)
    assert fields is not None and problems == [], problems
    return fields


def same_rule(record: dict[str, Any], rule: areas.Rule, version: int) -> None:
    assert (record["start_utc"], record["end_utc"]) == (iso(rule.start), iso(rule.end))
    assert record["max_speed_kmh"] == rule.max_speed
    assert record["over_s"] == (None if rule.max_speed is None else rule.over_s)
    assert record["attributes"] & 0x3C == rule.tell
    if version:
        night = rule.max_speed if rule.night_speed is None else rule.night_speed
        assert record["night_speed_kmh"] == (None if rule.max_speed is None else night)
        assert record["name"] == rule.name
    else:
        assert "name" not in record


@given(dwords, anywhere, dwords, rules, versions)
def test_circles(number: int, centre: areas.Point, radius: int, rule: areas.Rule, version: int) -> None:
    entries = [areas.circle(number, centre, radius, rule, version)] * 2
    fields = read(0x8600, areas.set_areas(entries, areas.APPEND), version)
    assert (fields["action"], fields["count"], len(fields["areas"])) == (1, 2, 2)
    for record in fields["areas"]:
        assert (record["area_id"], tuple(record["centre"]), record["radius_m"]) == (number, centre, radius)
        same_rule(record, rule, version)


@given(dwords, north, north, rules, versions)
def test_rectangles(number: int, one: areas.Point, other: areas.Point, rule: areas.Rule, version: int) -> None:
    fields = read(0x8602, areas.set_areas([areas.rectangle(number, one, other, rule, version)]), version)
    (record,) = fields["areas"]
    assert (tuple(record["top_left"]), tuple(record["bottom_right"])) == (one, other)
    same_rule(record, rule, version)


@given(dwords, st.lists(north, min_size=3, max_size=60), rules, versions)
def test_polygons(number: int, points: list[areas.Point], rule: areas.Rule, version: int) -> None:
    record = read(0x8604, areas.polygon(number, points, rule, version), version)
    assert [tuple(point) for point in record["points"]] == points
    same_rule(record, rule, version)
    answer = read(0x0608, areas.answer(areas.POLYGON, [areas.polygon(number, points, rule, version)]), version)
    assert answer["ids"] == [number] and answer["areas"] == [record]


@given(
    dwords,
    st.lists(
        st.builds(
            areas.Turn, number=dwords, segment=dwords, at=anywhere, width_m=bytes_1,
            longest_s=st.one_of(st.none(), st.integers(1, 0xFFFF)), shortest_s=st.none(),
            max_speed=st.one_of(st.none(), words), over_s=bytes_1,
        ),
        min_size=2, max_size=20,
    ),
    versions,
)  # fmt: skip
def test_routes(number: int, turns: list[areas.Turn], version: int) -> None:
    record = read(0x8606, areas.route(number, turns, areas.Rule(name="上班路线"), version), version)
    assert record["area_id"] == number
    for got, turn in zip(record["turns"], turns, strict=True):
        assert (got["number"], got["segment"], got["width_m"]) == (turn.number, turn.segment, turn.width_m)
        assert tuple(got["at"]) == turn.at
        assert (got["longest_s"], got["max_speed_kmh"]) == (turn.longest_s, turn.max_speed)


@given(st.lists(dwords, max_size=100), st.sampled_from([0x8601, 0x8603, 0x8605, 0x8607]), versions)
def test_deletion_and_question(numbers: list[int], msg_id: int, version: int) -> None:
    fields = read(msg_id, areas.delete(numbers), version)
    assert fields == {"count": len(numbers), "ids": numbers, "all": not numbers}
    assert read(0x8608, areas.query(areas.ROUTE, numbers), version)["ids"] == numbers


def test_an_area_a_terminal_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="赤道"):
        areas.polygon(1, [(1.0, 2.0), (-1.0, 2.0), (0.5, 3.0)])
    with pytest.raises(ValueError, match="同时"):
        areas.circle(1, (31.0, 121.0), 100, areas.Rule(start=MOMENT))
    with pytest.raises(ValueError, match="超出范围"):
        areas.circle(1, (91.0, 121.0), 100)
    with pytest.raises(ValueError):
        areas.circle(1, (31.0, 121.0), 2**32)


def test_an_answer_of_an_unknown_layout_keeps_its_bytes() -> None:
    fields, _ = decode_body(0x0608, bytes([1]) + (2).to_bytes(4, "big") + bytes(9), 1)
    assert fields is not None and fields["data_hex"] == bytes(9).hex()
    fields, _ = decode_body(0x0608, bytes([9]) + (2).to_bytes(4, "big") + bytes(8), 1)
    assert fields is not None and fields["ids"] == [0, 0]


@given(st.data(), versions)
def test_every_parameter_survives_the_way(data: st.DataObject, version: int) -> None:
    numbers = data.draw(st.lists(st.sampled_from(sorted(PARAMETERS)), unique=True, max_size=20))
    values: dict[int, Any] = {}
    for number in numbers:
        known = PARAMETERS[number]
        if known.choices is not None:
            value: Any = data.draw(st.sampled_from(sorted(known.choices)))
        elif known.type in WIDTHS:
            value = data.draw(st.integers(known.low, known.most))
        elif known.type == "STRUCT":
            value = data.draw(st.binary(min_size=known.high, max_size=known.high)).hex()
        else:
            value = data.draw(chinese)
        values[number] = value
    wire = {number: checked(number, value) for number, value in values.items()}
    for fields in (
        read(0x8103, encode.set_parameters(wire), version),
        read(0x0104, encode.parameters_answer(7, wire), version),
    ):
        assert {int(item["id"], 16): item["value"] for item in fields["parameters"]} == values
        assert all(item["label"] == PARAMETERS[int(item["id"], 16)].label for item in fields["parameters"])


@pytest.mark.parametrize(
    ("number", "value", "reason"),
    [
        (0x0001, 0, "1 至 3600"), (0x0001, "abc", "应为整数"), (0x0001, True, "应为整数"), (0x0020, 3, "只能是"),
        (0x0030, 180, "0 至 179"), (0x0031, 70000, "0 至 65535"), (0x0083, "沪" * 200, "最多 255 字节"),
        (0x0083, "😀", "不能显示"), (0x0083, "沪A\n", "控制字符"), (0x0083, 5, "应为文字"), (0x0032, "0102", "4 字节"),
        (0x0032, "xx", "十六进制"), (0x7777, 1, "0x7777"),
    ],
)  # fmt: skip
def test_a_parameter_out_of_bounds_is_refused_by_name(number: int, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        checked(number, value)


def test_parameters_for_people() -> None:
    assert shown(0x0029, 30) == "30 秒"
    assert shown(0x0020, 1) == "定距汇报"
    assert shown(0x0012, "hidden") == "••••••"
    assert shown(0x0083, None) == ""
    assert len({known.name for known in PARAMETERS.values()}) == len(PARAMETERS)
    for known in PARAMETERS.values():
        assert known.low <= known.most


@given(dwords, bytes_1, bytes_1, st.binary(max_size=300), st.lists(words, max_size=255), versions)
def test_media(media_id: int, kind: int, event: int, data: bytes, missing: list[int], version: int) -> None:
    head = multimedia.Head(media_id, kind, 0, event, 3)
    place = encode.location(31.2, 121.5, MOMENT, status=3)
    fields = read(0x0801, multimedia.upload(head, place, data), version)
    assert (fields["media_id"], fields["type"], fields["event"], fields["channel"]) == (media_id, kind, event, 3)
    assert bytes.fromhex(fields["data_hex"]) == multimedia.data_of(multimedia.upload(head, place, data)) == data
    assert fields["location"]["lat"] == 31.2
    assert read(0x0800, multimedia.event(head), version)["media_id"] == media_id
    assert read(0x8800, multimedia.received(media_id, missing), version) == {"media_id": media_id, "missing": missing}
    found = read(0x0802, multimedia.stored_answer(5, [multimedia.Stored(media_id, kind, 1, event, place)] * 2), version)
    assert [item["media_id"] for item in found["media"]] == [media_id] * 2


@given(bytes_1, words, words, st.booleans(), versions)
def test_media_orders(channel: int, shots: int, seconds: int, flag: bool, version: int) -> None:
    fields = read(0x8801, multimedia.camera(channel, shots=shots, interval_s=seconds, keep=flag), version)
    assert (fields["channel"], fields["shots"], fields["interval_s"], fields["keep"]) == (channel, shots, seconds, flag)
    end = MOMENT + timedelta(hours=1)
    fields = read(0x8803, multimedia.fetch(0, channel, 1, MOMENT, end, drop=flag), version)
    assert (fields["start_utc"], fields["end_utc"], fields["drop"]) == (iso(MOMENT), iso(end), flag)
    assert read(0x8802, multimedia.search(0, channel, 1, None, end), version)["start_utc"] is None
    assert read(0x8804, multimedia.record_sound(1, seconds), version)["seconds"] == seconds
    assert read(0x8805, multimedia.fetch_one(shots, drop=flag), version) == {"media_id": shots, "drop": flag}
    assert read(0x0805, multimedia.camera_answer(shots, 0, [1, 2]), version)["media_ids"] == [1, 2]
    assert read(0x0805, multimedia.camera_answer(shots, 2), version)["result_label"] == "通道不支持"


@given(st.sampled_from([1, 2]), st.integers(0, 4), chinese, chinese, versions)
def test_driver_cards(state: int, result: int, name: str, authority: str, version: int) -> None:
    body = encode.driver_card(
        state, MOMENT, result=result, name=name, licence="310101199001011234", authority=authority,
        valid_until=date(2030, 12, 31), id_number="310101199001011234", version_flag=version,
    )  # fmt: skip
    fields = read(0x0702, body, version)
    assert (fields["state"], fields["time_utc"]) == (state, iso(MOMENT))
    if state == 2:
        assert "read_result" not in fields
    elif result:
        assert fields["read_result"] == result and "name" not in fields
    else:
        assert (fields["name"], fields["authority"], fields["valid_until"]) == (name, authority, "2030-12-31")
        assert fields["licence"] == "310101199001011234"
        assert fields.get("id_number") == ("310101199001011234" if version else None)


@pytest.mark.parametrize("version", [0, 1])
def test_others(version: int) -> None:
    fields = read(0x0107, encode.attributes(
        kind=3, maker="70999", model="ZG-808", terminal_id="ZG00001", iccid="89860012345678901234", hardware="H1",
        firmware="V2.1", version_flag=version,
    ), version)  # fmt: skip
    assert (fields["model"], fields["iccid"], fields["firmware_version"]) == ("ZG-808", "89860012345678901234", "V2.1")
    assert read(0x0108, encode.upgrade_result(0, 1), version)["result_label"] == "失败"
    fields = read(0x0900, encode.passthrough(0x41, b"\x01\x02"), version)
    assert (fields["kind_label"], fields["data_hex"]) == ("串口1透传", "0102")
    assert read(0x8900, encode.passthrough(0xF0, b"AT+X"), version)["text"] == "AT+X"
    assert read(0x8105, encode.control(4), version)["command_label"] == "终端复位"
    place = encode.location(31.2, 121.5, MOMENT)
    assert read(0x0201, encode.location_answer(9, place), version)["reply_serial"] == 9
