"""No bytes make anything raise; fast paths agree with the plain one on any bytes."""

from __future__ import annotations

import io
import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zhiguan.kernel.telemetry.jt808 import (
    MAX_FRAME,
    Reassembler,
    Splitter,
    as_record,
    decode_body,
    decode_frame,
    decode_location,
    encode,
    escape,
    unescape,
)
from zhiguan.kernel.telemetry.jt808.bulk import NO_TIME, item_numbers, parse_frames, parse_location_bulk
from zhiguan.kernel.telemetry.jt808.cli import decode_lines, split_lines
from zhiguan.kernel.telemetry.jt808.decode import DECODERS
from zhiguan.kernel.telemetry.jt808.items import decode_items

wild = st.binary(max_size=300)
# bytes that matter to the frame level come often
framed = st.lists(
    st.one_of(
        st.sampled_from([b"\x7e", b"\x7d", b"\x7d\x01", b"\x7d\x02", b"\x02\x00", b"\x40"]), st.binary(max_size=20)
    )
).map(b"".join)
numbers = st.one_of(st.sampled_from(sorted(DECODERS)), st.integers(0, 0xFFFF))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Frames right in form with any body, of any message, edition and package."""
    package = draw(st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(0, 5))))
    return encode.encode_frame(
        draw(numbers),
        draw(wild),
        phone=str(draw(st.integers(0, 10**12 - 1))),
        serial=draw(st.integers(0, 0xFFFF)),
        version_flag=draw(st.integers(0, 1)),
        package=package,
    )


@given(st.one_of(wild, framed, framed.map(lambda data: b"\x7e" + data + b"\x7e"), frames()))
def test_decode_never_raises(raw: bytes) -> None:
    record = as_record(decode_frame(raw))
    json.dumps(record, allow_nan=False)
    assert record["ok"] is (record["error"] is None)


@given(numbers, wild, st.integers(0, 1))
def test_bodies_never_raise(number: int, body: bytes, version: int) -> None:
    fields, _ = decode_body(number, body, version)
    json.dumps(fields, allow_nan=False)


@given(wild)
def test_escape_round_trip(data: bytes) -> None:
    wire = escape(data)
    assert 0x7E not in wire
    assert unescape(wire) == (data, True)


@given(st.lists(st.one_of(wild, framed, frames()), max_size=12))
@settings(max_examples=200)
def test_splitter_never_raises_and_pieces_do_not_matter(pieces: list[bytes]) -> None:
    one, other = Splitter(), Splitter()
    cut = [frame for piece in pieces for frame in one.feed(piece)]
    assert other.feed(b"".join(pieces)) == cut
    assert one.pending_bytes == other.pending_bytes <= MAX_FRAME
    assert one.counts == other.counts
    for frame in cut:
        assert frame[0] == frame[-1] == 0x7E
        assert 0x7E not in frame[1:-1]


@given(st.lists(frames(), max_size=20))
def test_splitter_finds_every_frame(sent: list[bytes]) -> None:
    assert Splitter().feed(b"".join(sent)) == sent


@given(st.lists(st.tuples(frames(), st.floats(0, 100)), max_size=40))
def test_reassembler_never_raises(sent: list[tuple[bytes, float]]) -> None:
    reassembler = Reassembler(max_groups=3, max_bytes=1000)
    for raw, now in sent:
        frame = decode_frame(raw).frame
        reassembler.add(frame.header, frame.body, now)
        reassembler.due(now)
        assert reassembler.held_bytes <= 1000
    reassembler.expire(1e6)
    assert reassembler.held_bytes == 0


@given(st.lists(st.one_of(wild, framed, framed.map(lambda data: b"\x7e" + data + b"\x7e"), frames()), max_size=12))
@example([b"", b"\x7d", b"\x01"])
@example([bytes.fromhex("7e000200000123456789017fff0a7e"), b""])
@example([bytes.fromhex("7e000200000123456789017fff0a7e7d"), b"\x01\x7e"])
def test_bulk_agrees_with_single(raws: list[bytes]) -> None:
    columns = parse_frames(raws)
    for row, raw in enumerate(raws):
        frame = decode_frame(raw).frame
        if columns.sound[row]:
            assert frame.ok
            assert columns.body(row) == frame.body
            assert (columns.msg_id[row], columns.serial[row]) == (frame.header.msg_id, frame.header.serial)
        elif frame.ok:
            # only lenient readings may be missed by the fast path
            assert (
                {problem.code for problem in frame.problems} & {"bad_escape"}
                or raw[1:2] == b"\x7e"
                or raw[-2:-1] == b"\x7e"
            )
    for row, place in zip(columns.located, columns.positions, strict=True):
        single = decode_location(columns.body(int(row)))
        assert single is not None
        _same(place, single)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_bulk_positions_agree_with_single(bodies: list[bytes]) -> None:
    found = parse_location_bulk(bodies)
    assert len(found) == len(bodies)
    for body, place in zip(bodies, found, strict=True):
        single = decode_location(body)
        if single is None:
            assert place["time_s"] == NO_TIME
        else:
            _same(place, single)


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.builds(lambda value: encode.item(0x01, value, 4), st.integers(0, 2**32 - 1)),
                st.builds(lambda value: encode.item(0x30, value, 1), st.integers(0, 255)),
                st.sampled_from([b"\x01\x02\x00\x01", b"\x00\x00", b"\x30", b"\x01\x04\x00", b"\xe1\x03\x7e\x7d\x01"]),
            ),
            max_size=6,
        ).map(b"".join),
        max_size=8,
    )
)
def test_bulk_items_agree_with_single(tails: list[bytes]) -> None:
    raws = [encode.encode_frame(0x0200, bytes(28) + tail, phone="1", serial=n) for n, tail in enumerate(tails)]
    raws.append(encode.encode_frame(0x0002, phone="1", serial=0))
    found = item_numbers(parse_frames(raws), [(0x01, 4), (0x30, 1)])
    assert found.shape == (2, len(tails))
    for column, tail in enumerate(tails):
        items, _ = decode_items(tail)
        for row, (number, size) in enumerate((("01", 8), ("30", 2))):
            values = [int(item["hex"], 16) for item in items if item["id"] == number and len(item["hex"]) == size]
            assert found[row, column] == (values[0] if values else -1)


def _same(place: np.void, single: tuple[object, ...]) -> None:
    alarm, status, lat, lon, altitude, speed, direction, time_s = single
    assert (place["alarm"], place["status"], place["lat"], place["lon"]) == (alarm, status, lat, lon)
    assert (place["altitude_m"], place["direction_deg"]) == (altitude, direction)
    assert abs(float(place["speed_kmh"]) - float(str(speed))) < 0.01
    assert place["time_s"] == (NO_TIME if time_s is None else time_s)


@given(st.lists(st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))))
def test_commands_never_raise(lines: list[str]) -> None:
    text = "\n".join(lines)
    for command in (decode_lines, split_lines):
        for source in (io.StringIO(text), io.BytesIO(text.encode("utf-8", "surrogatepass"))):
            target = io.StringIO()
            assert command(source, target) == 0
            for line in target.getvalue().splitlines():
                assert "id" in json.loads(line)
