"""Decoding of JT/T 808 in bulk against a plain decoder. Prints one JSON line per figure: name, value, unit,
baseline, ratio.

The baseline, `plain_decode`, is what one would write with `struct` for one frame at a time: unescape, checksum,
header, position.
Both sides start from the same escaped frames and must give the same positions before anything is timed.

    python bench/jt808_decode.py [frames] [repeats]
"""

from __future__ import annotations

import json
import random
import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from zhiguan.kernel.telemetry.jt808 import decode_frame, decode_location, encode
from zhiguan.kernel.telemetry.jt808.bulk import item_numbers, parse_frames, parse_location_bulk
from zhiguan.kernel.telemetry.jt808.splitter import Splitter

HEAD_2013 = struct.Struct(">HH6sH")
HEAD_2019 = struct.Struct(">HHB10sH")
POSITION = struct.Struct(">IIIIHHH6s")
START = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)


def plain_decode(frame: bytes) -> tuple[object, ...] | None:
    """One frame: unescape, checksum, header, position with its six time digits. None when something is wrong."""
    content = frame[1:-1]
    if b"\x7d" in content:
        content = content.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    value = int.from_bytes(content, "big")
    bits = 4 << (len(content) - 1).bit_length()
    while bits >= 8:
        value ^= value >> bits
        bits >>= 1
    if value & 0xFF:
        return None
    if content[2] & 0x40:
        msg_id, properties, _, phone, serial = HEAD_2019.unpack_from(content)
        at = 17
    else:
        msg_id, properties, phone, serial = HEAD_2013.unpack_from(content)
        at = 12
    if properties & 0x2000:
        at += 4
    if len(content) - at - 1 != properties & 0x3FF:
        return None
    if msg_id != 0x0200:
        return msg_id, phone, serial
    alarm, status, lat, lon, altitude, speed, direction, bcd = POSITION.unpack_from(content, at)
    return msg_id, phone, serial, alarm, status, lat / 1e6, lon / 1e6, altitude, speed / 10, direction, bcd.hex()


def location_frames(count: int, rng: random.Random) -> list[bytes]:
    """Location reports of 1,000 terminals of both editions with the usual items, over Shanghai."""
    frames = []
    for number in range(count):
        version = number & 1
        items = (
            encode.item(0x01, rng.randrange(10_000_000), 4),
            encode.item(0x02, rng.randrange(800), 2),
            encode.item(0x30, rng.randrange(32), 1),
            encode.item(0x31, rng.randrange(20), 1),
        )
        body = encode.location(
            rng.uniform(30.7, 31.8),
            rng.uniform(120.9, 122.0),
            START + timedelta(seconds=number // 100),
            status=0x40003,
            altitude_m=rng.randrange(60),
            speed_kmh=rng.randrange(1200) / 10,
            direction_deg=rng.randrange(360),
            items=items,
        )
        phone = f"139{number % 1000:08d}"
        frames.append(encode.encode_frame(0x0200, body, phone=phone, serial=number & 0xFFFF, version_flag=version))
    return frames


def mixed_frames(count: int, rng: random.Random) -> list[bytes]:
    """Traffic of a fleet: 80 % positions, 15 % heartbeats, the rest batches, answers and authentications."""
    places = location_frames(count, rng)
    bodies = [encode.location(31.2, 121.5, START + timedelta(seconds=n)) for n in range(5)]
    frames = []
    for number, place in enumerate(places):
        pick = rng.random()
        phone, serial = f"139{number % 1000:08d}", number & 0xFFFF
        if pick < 0.80:
            frames.append(place)
        elif pick < 0.95:
            frames.append(encode.encode_frame(0x0002, phone=phone, serial=serial))
        elif pick < 0.97:
            frames.append(encode.encode_frame(0x0704, encode.location_batch(bodies, 1), phone=phone, serial=serial))
        elif pick < 0.99:
            frames.append(encode.encode_frame(0x0001, encode.general_answer(1, 0x8103), phone=phone, serial=serial))
        else:
            frames.append(encode.encode_frame(0x0102, encode.authenticate("k" * 32), phone=phone, serial=serial))
    return frames


def rates(count: int, repeats: int, *works: Callable[[], object]) -> list[float]:
    """Best rate of each work, items a second; the works take turns so that noise of the machine meets all alike."""
    best = [float("inf")] * len(works)
    for _ in range(repeats):
        for number, work in enumerate(works):
            began = time.perf_counter()
            work()
            best[number] = min(best[number], time.perf_counter() - began)
    return [count / seconds for seconds in best]


def figure(name: str, value: float, unit: str, baseline: float | None) -> None:
    """One line of output."""
    ratio = round(value / baseline, 2) if baseline else None
    line = {
        "name": name,
        "value": round(value),
        "unit": unit,
        "baseline": round(baseline) if baseline else None,
        "ratio": ratio,
    }
    print(json.dumps(line), flush=True)


def check_equal(frames: list[bytes]) -> None:
    """Stops the run when bulk and plain decoding disagree."""
    columns = parse_frames(frames)
    if not columns.sound.all():
        raise SystemExit("bulk decoder rejects sound frames")
    for row, place in zip(columns.located, columns.positions, strict=True):
        plain = plain_decode(frames[row])
        if plain is None or (plain[3], plain[4], plain[5], plain[6]) != (
            place["alarm"],
            place["status"],
            place["lat"],
            place["lon"],
        ):
            raise SystemExit(f"bulk and plain decoder disagree on frame {row}")


def main() -> None:
    """Runs all figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rng = random.Random(808)
    for name, frames in (("location", location_frames(count, rng)), ("mixed", mixed_frames(count, rng))):
        check_equal(frames)
        batches = [frames[at : at + 5000] for at in range(0, count, 5000)]
        bulk, plain = rates(
            count,
            repeats,
            lambda batches=batches: [parse_frames(batch).positions for batch in batches],
            lambda frames=frames: [plain_decode(frame) for frame in frames],
        )
        figure(f"jt808.decode_bulk.{name}", bulk, "frames/s", plain)
        (items,) = rates(
            count,
            repeats,
            lambda batches=batches: [
                item_numbers(parse_frames(batch), ((0x01, 4), (0x02, 2), (0x30, 1), (0x31, 1))) for batch in batches
            ],
        )
        figure(f"jt808.decode_bulk_with_items.{name}", items, "frames/s", plain)
        stream = b"".join(frames)
        chunks = [stream[at : at + 65536] for at in range(0, len(stream), 65536)]

        def cut(chunks: list[bytes] = chunks) -> int:
            splitter = Splitter()
            return sum(len(splitter.feed(chunk)) for chunk in chunks)

        (split,) = rates(count, repeats, cut)
        figure(f"jt808.split.{name}", split, "frames/s", None)
        sample = frames[: min(count, 10_000)]
        (full,) = rates(len(sample), 2, lambda sample=sample: [decode_frame(frame) for frame in sample])
        figure(f"jt808.decode_full_record.{name}", full, "frames/s", plain)
    bodies = [decode_frame(frame).frame.body for frame in location_frames(min(count, 20_000), rng)]
    bulk, one = rates(
        len(bodies), repeats, lambda: parse_location_bulk(bodies), lambda: [decode_location(body) for body in bodies]
    )
    figure("jt808.location_bodies_bulk", bulk, "bodies/s", one)


if __name__ == "__main__":
    main()
