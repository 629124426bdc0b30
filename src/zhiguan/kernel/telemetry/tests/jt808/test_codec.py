"""Frames, header, builders and bodies: what is built reads back the same; what is wrong is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from zhiguan.kernel.telemetry.jt808 import (
    MAX_BODY,
    MAX_FRAME,
    Splitter,
    as_record,
    checksum,
    decode_body,
    decode_frame,
    decode_location,
    encode,
    multimedia,
    parse_frame,
)
from zhiguan.kernel.telemetry.jt808.tables import ALARM_BITS, STATUS_BITS

MOMENT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
# example of the standard (frame.test_vector of the standards file)
VECTOR = (
    "7E02000026123456789012007D02000000010000000200BA7F0E07E4F11C0028003C00001810151010100104000000640202007D01137E"
)


def codes(raw: bytes) -> set[str]:
    """Problem codes of one frame."""
    return {problem.code for problem in decode_frame(raw).problems}


def test_example_of_the_standard() -> None:
    record = as_record(decode_frame(bytes.fromhex(VECTOR)))
    assert record["ok"] is True
    assert record["error"] is None
    assert (record["msg_id"], record["phone"], record["serial"]) == ("0200", "123456789012", 126)
    assert (record["lat"], record["lon"], record["altitude_m"], record["speed_kmh"]) == (12.222222, 132.444444, 40, 6.0)
    assert record["time_utc"] == "2018-10-15T02:10:10Z"
    assert [(item["name"], item["value"], item["unit"]) for item in record["items"]] == [
        ("mileage", 10.0, "km"),
        ("fuel", 12.5, "L"),
    ]
    assert record["body"]["alarm_labels"] == ["紧急报警"]
    assert record["body"]["status_labels"] == ["定位"]


def test_example_is_rebuilt_byte_for_byte() -> None:
    body = encode.location(
        12.222222,
        132.444444,
        datetime(2018, 10, 15, 10, 10, 10, tzinfo=timezone(timedelta(hours=8))),
        alarm=1,
        status=2,
        altitude_m=40,
        speed_kmh=6.0,
        items=(encode.item(1, 100, 4), encode.item(2, 125, 2)),
    )
    assert encode.encode_frame(0x0200, body, phone="123456789012", serial=126).hex() == VECTOR.lower()


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x02", b"\xff" * 3, bytes(range(256)), bytes(range(7)) * 301])
def test_checksum_is_the_byte_loop(data: bytes) -> None:
    total = 0
    for byte in data:
        total ^= byte
    assert checksum(data) == total


def test_faults_are_named_and_the_rest_is_read() -> None:
    good = bytes.fromhex(VECTOR)
    assert codes(good) == set()
    assert codes(b"") == {"empty"}
    assert codes(good[1:]) == {"missing_delimiter"}
    assert as_record(decode_frame(good[1:]))["msg_id"] == "0200"
    assert "unterminated" in codes(good[:-1])
    assert codes(good[:-2] + b"\x00\x7e") == {"bad_checksum"}
    assert as_record(decode_frame(good[:-2] + b"\x00\x7e"))["lat"] == 12.222222
    assert "inner_delimiter" in codes(good + good)
    assert as_record(decode_frame(good + good))["serial"] == 126
    assert "frame_too_short" in codes(b"\x7e\x02\x00\x7e")
    assert as_record(decode_frame(b"\x7e\x02\x00\x00\x7e"))["msg_id"] == "0200"
    assert "frame_too_long" in codes(b"\x7e" + bytes(MAX_FRAME) + b"\x7e")
    for size in range(1, len(good)):
        assert decode_frame(good[:size]).ok is False


def test_truncated_header_gives_what_is_there() -> None:
    whole = encode.encode_frame(0x0200, b"", phone="13900000001", serial=7, version_flag=1)
    head = parse_frame(whole[:16]).header
    assert (head.msg_id, head.version_flag, head.protocol_version) == (0x0200, 1, 1)
    assert head.phone == "00000000013900000001"
    assert head.serial is None
    assert head.complete is False


def test_short_body_and_impossible_time() -> None:
    short = encode.encode_frame(0x0200, bytes(20), phone="1", serial=1)
    assert codes(short) == {"body_too_short"}
    assert decode_frame(short).ok is False
    body = encode.location(31.2, 121.5, MOMENT)
    for bad in ("261301000000", "260230000000", "26010125000a", "ffffffffffff", "000000000000"):
        raw = encode.encode_frame(0x0200, body[:22] + bytes.fromhex(bad), phone="1", serial=1)
        record = as_record(decode_frame(raw))
        assert record["time_utc"] is None
        assert record["ok"] is True
        assert [entry["code"] for entry in record["errors"]] == ["bad_time"]


def test_hemispheres_and_ranges() -> None:
    place = decode_location(encode.location(-33.9, -70.6, MOMENT, status=3))
    assert place is not None
    assert (place.lat, place.lon, place.status) == (-33.9, -70.6, 3 | 4 | 8)
    assert place.time_s == int(MOMENT.timestamp())
    wild = b"\0" * 8 + (91_000_000).to_bytes(4, "big") + (181_000_000).to_bytes(4, "big") + bytes(6) + bytes(6)
    fields, problems = decode_body(0x0200, wild)
    assert fields is not None and fields["lat"] == 91.0
    assert {"lat_out_of_range", "lon_out_of_range"} <= {problem.code for problem in problems}


def test_tables_are_whole() -> None:
    assert [entry.bit for entry in ALARM_BITS] == list(range(32))
    assert [entry.bit for entry in STATUS_BITS] == [bit for bit in range(23) if bit not in (8, 9)]


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("number", "build", "expected"),
    [
        (0x8001, lambda v: encode.general_answer(5, 0x0200, 4), {"reply_serial": 5, "reply_id": "0200", "result": 4}),
        (0x0001, lambda v: encode.general_answer(6, 0x8103), {"reply_serial": 6, "reply_id": "8103", "result": 0}),
        (0x8003, lambda v: encode.resend_request(9, [2, 300], v), {"original_serial": 9, "indexes": [2, 300]}),
        (0x0005, lambda v: encode.resend_request(9, [1], v), {"original_serial": 9, "indexes": [1], "count": 1}),
        (0x8004, lambda v: encode.server_time(MOMENT), {"time_utc": "2026-03-01T12:30:15Z"}),
        (0x8100, lambda v: encode.register_answer(1, 0, "鉴权码1"), {"result": 0, "auth_code": "鉴权码1"}),
        (0x8100, lambda v: encode.register_answer(1, 3, "secret"), {"result": 3, "auth_code": None}),
        (0x8104, lambda v: b"", {}),
        (0x8201, lambda v: b"", {}),
        (0x8106, lambda v: encode.query_given_parameters([1, 0xF364]), {"count": 2, "ids": ["0001", "f364"]}),
        (0x8105, lambda v: encode.control(4), {"command": 4, "arguments": ""}),
        (0x8105, lambda v: encode.control(2, "1;a;中"), {"command": 2, "arguments": "1;a;中"}),
        (0x8202, lambda v: encode.track(10, 600), {"interval_s": 10, "validity_s": 600}),
        (0x8202, lambda v: encode.track(0), {"interval_s": 0, "validity_s": None}),
        (0x8203, lambda v: encode.confirm_alarm(0, 1), {"alarm_types": 1, "alarm_labels": ["紧急报警"]}),
        (0x8300, lambda v: encode.text_message("请回场", flags=8, version_flag=v), {"flags": 8, "text": "请回场"}),
        (0x0002, lambda v: b"", {}),
        (0x0003, lambda v: b"", {}),
        (0x0004, lambda v: b"", {}),
        (
            0x0102,
            lambda v: encode.authenticate("abc", imei="123456789012345", software="1.0", version_flag=v),
            {"auth_code": "abc"},
        ),
    ],
)
def test_builders_read_back(number: int, build: Any, expected: dict[str, Any], version: int) -> None:
    raw = encode.encode_frame(number, build(version), phone="13912345678", serial=0x7D7E, version_flag=version)
    decoded = decode_frame(raw)
    assert decoded.problems == []
    assert decoded.frame.header.serial == 0x7D7E
    assert decoded.frame.header.version_flag == version
    assert decoded.fields is not None
    assert {name: decoded.fields[name] for name in expected} == expected


def test_parameters_read_back() -> None:
    body = encode.set_parameters({0x0001: 30, 0x0013: "服务器", 0x0031: 500, 0x0084: 9, 0xF001: b"\x01\x02"})
    fields, problems = decode_body(0x8103, body)
    assert problems == []
    assert fields is not None
    assert [entry["value"] for entry in fields["parameters"]] == [30, "服务器", 500, 9, None]
    assert fields["parameters"][0]["label"] == "终端心跳发送间隔"
    answer, problems = decode_body(0x0104, b"\x00\x07" + body)
    assert problems == []
    assert answer is not None and answer["reply_serial"] == 7
    cut, problems = decode_body(0x0104, b"\x00\x07" + body[:-1])
    assert cut is not None and len(cut["parameters"]) == 4
    assert {problem.code for problem in problems} == {"count_mismatch", "body_too_short"}


@pytest.mark.parametrize(
    ("edition", "plate", "colour"),
    [(e, p, c) for e in ("2011", "2013", "2019") for p, c in (("沪A12345", 1), ("LSVAA4182E2123456", 0), ("", 2))],
)
def test_registration_reads_back(edition: str, plate: str, colour: int) -> None:
    wanted = {"province": 31, "city": 101, "maker": "ABCDE", "model": "T-1", "terminal_id": "1234567"}
    body = encode.register(**wanted, plate_colour=colour, plate=plate, edition=edition)  # type: ignore[arg-type]
    fields, problems = decode_body(0x0100, body, int(edition == "2019"))
    assert problems == []
    assert fields == {**fields, **wanted, "edition": edition, "plate": plate, "plate_colour": colour}


def test_batch_reads_back() -> None:
    bodies = [encode.location(31 + n, 121, MOMENT + timedelta(minutes=n)) for n in range(3)]
    record = as_record(decode_frame(encode.encode_frame(0x0704, encode.location_batch(bodies, 1), phone="1", serial=1)))
    assert record["ok"] is True
    assert [place["lat"] for place in record["items"]] == [31.0, 32.0, 33.0]
    assert record["items"][2]["time_utc"] == "2026-03-01T12:32:15Z"
    assert record["body"]["type_label"] == "盲区补报"
    broken = encode.location_batch(bodies, 1)[:-3]
    fields, problems = decode_body(0x0704, broken)
    assert fields is not None and len(fields["items"]) == 2
    assert {problem.code for problem in problems} == {"body_too_short", "count_mismatch"}


def test_media_reads_back() -> None:
    place = encode.location(31.2, 121.5, MOMENT)
    fields, problems = decode_body(0x0801, multimedia.upload(multimedia.Head(7, 0, 0, 1, 2), place, b"\xff\xd8jpeg"))
    assert problems == []
    assert fields is not None
    assert (fields["media_id"], fields["location"]["lat"], fields["data_size"]) == (7, 31.2, 6)


def test_known_items() -> None:
    data = b"".join(
        (
            encode.item(0x03, 655, 2),
            encode.item(0x05, bytes(30)),
            encode.item(0x06, 0x8005, 2),
            encode.item(0x11, b"\x01\x00\x00\x00\x09"),
            encode.item(0x12, b"\x02\x00\x00\x00\x09\x01"),
            encode.item(0x13, b"\x00\x00\x00\x09\x00\x3c\x01"),
            encode.item(0x25, 0x11, 4),
            encode.item(0x2A, 2, 2),
            encode.item(0x2B, 0x00020001, 4),
            encode.item(0xE1, b"\xaa"),
            encode.item(0x01, b"\x01"),
        )
    )
    fields, problems = decode_body(0x0200, encode.location(31, 121, MOMENT) + data + b"\x31\x05\x00")
    assert fields is not None
    assert [problem.code for problem in problems] == ["bad_item"]
    items = fields["items"]
    assert items[0]["value"] == 65.5
    assert items[2]["value"] == -5
    assert items[3]["value"]["area_id"] == 9
    assert items[4]["value"]["direction_label"] == "出"
    assert items[5]["value"]["duration_s"] == 60
    assert items[6]["value"]["labels"] == ["近光灯", "制动"]
    assert items[7]["value"] == {"bits": 2, "deep_sleep": False, "sleep": True}
    assert items[8]["value"] == {"ad0": 1, "ad1": 2}
    assert (items[9]["label"], items[9]["hex"]) == ("自定义信息", "aa")
    assert (items[10]["name"], items[10]["value"]) == ("mileage", None)


def test_builders_refuse_what_does_not_fit() -> None:
    for wrong in (
        lambda: encode.encode_frame(1, bytes(MAX_BODY + 1), phone="1", serial=0),
        lambda: encode.encode_frame(1, phone="1" * 13, serial=0),
        lambda: encode.encode_frame(1, phone="1", serial=65536),
        lambda: encode.encode_frame(1, phone="x", serial=0),
        lambda: encode.location(91, 0, MOMENT),
        lambda: encode.location(31, 121, MOMENT.replace(tzinfo=None)),
        lambda: encode.location(31, 121, MOMENT.replace(year=1970)),
        lambda: encode.location(31, 121, MOMENT, speed_kmh=7000),
        lambda: encode.item(1, 5),
        lambda: encode.item(1, bytes(256)),
        lambda: encode.resend_request(1, range(256), 0),
        lambda: encode.register(
            province=1, city=1, maker="longer", model="", terminal_id="", plate_colour=1, plate="", edition="2013"
        ),
    ):
        with pytest.raises(ValueError, match=r"."):
            wrong()


def test_splitter_keeps_pieces_together() -> None:
    raw = b"\x01\x02" + bytes.fromhex(VECTOR) * 3
    for step in (1, 2, 7, 64, len(raw)):
        splitter = Splitter()
        frames = [frame for at in range(0, len(raw), step) for frame in splitter.feed(raw[at : at + step])]
        assert frames == [bytes.fromhex(VECTOR)] * 3
        assert splitter.pending_bytes == 0
        assert dict(splitter.counts) == {"garbage": 1, "discarded_bytes": 2}


def test_splitter_finds_its_feet_again() -> None:
    good = bytes.fromhex(VECTOR)
    shared = good[:-1] * 3 + b"\x7e"
    splitter = Splitter()
    assert splitter.feed(shared) == [good] * 3
    assert splitter.counts["missing_start"] == 2
    splitter = Splitter()
    # a frame that lost its end, an overlong one, then sound ones
    assert splitter.feed(good[:20] + good + good)[1:] == [good, good]
    assert splitter.feed(b"\x7e" + bytes(5000) + b"\x7e" + good) == [good]
    assert splitter.counts["overlong"] == 1


def test_splitter_memory_is_bounded() -> None:
    splitter = Splitter()
    for _ in range(200):
        assert splitter.feed(bytes(100_000)) == []
        assert splitter.pending_bytes <= MAX_FRAME
    assert splitter.feed(b"\x7e" + b"\x55" * 1_000_000) == []
    assert splitter.pending_bytes <= MAX_FRAME
    for _ in range(5000):
        splitter.feed(b"\x55\x7e\x7e\x01\x7e")
    assert len(splitter.problems) <= 100
