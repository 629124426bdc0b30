"""Packages of one message: order, loss, repetition, mixture, limits."""

from __future__ import annotations

import random

from zhiguan.kernel.telemetry.jt808 import Reassembler, encode, parse_frame
from zhiguan.kernel.telemetry.jt808.splitter import Missing


def packages(body: bytes, first: int = 65534, phone: str = "13900000001", size: int = 100) -> list[bytes]:
    """Frames of a media upload cut into packages."""
    return encode.encode_packages(0x0801, body, phone=phone, first_serial=first, max_body=size)


def give(reassembler: Reassembler, frame: bytes, now: float) -> tuple[str, bytes | None]:
    """State and body after one frame."""
    parsed = parse_frame(frame)
    assert parsed.ok
    result = reassembler.add(parsed.header, parsed.body, now)
    return result.state, result.body


def test_any_order() -> None:
    body = random.Random(1).randbytes(1234)
    frames = packages(body)
    assert len(frames) == 13
    random.Random(2).shuffle(frames)
    reassembler = Reassembler()
    states = [give(reassembler, frame, 0.0) for frame in frames]
    assert [state for state, _ in states] == ["waiting"] * 12 + ["whole"]
    assert states[-1][1] == body
    assert reassembler.held_bytes == 0


def test_missing_are_asked_for_and_resent_under_new_serials() -> None:
    body = random.Random(3).randbytes(950)
    frames = packages(body)
    reassembler = Reassembler(resend_after_s=5, max_requests=2)
    for number in (1, 2, 4, 9):
        give(reassembler, frames[number], 0.0)
    assert reassembler.due(1.0) == []
    wanted = Missing("013900000001", 0, 0x0801, 65534, (1, 4, 6, 7, 8, 9))
    assert reassembler.due(5.0) == [wanted._replace(attempt=1)]
    assert reassembler.due(6.0) == []
    assert reassembler.due(10.0) == [wanted._replace(attempt=2)]
    assert reassembler.due(30.0) == []
    for number in wanted.indexes[:-1]:
        parsed = parse_frame(frames[number - 1])
        parsed.header.serial = 4000 + number
        assert reassembler.add(parsed.header, parsed.body, 31.0).state == "waiting"
    assert give(reassembler, frames[8], 31.0) == ("whole", body)


def test_repeated_and_two_at_once() -> None:
    one, two = random.Random(4).randbytes(300), random.Random(5).randbytes(300)
    reassembler = Reassembler()
    first, second = packages(one, 10), packages(two, 500)
    assert give(reassembler, first[0], 0.0)[0] == "waiting"
    assert give(reassembler, first[0], 0.0)[0] == "repeated"
    for frame in (second[0], second[1], first[1]):
        assert give(reassembler, frame, 0.0)[0] == "waiting"
    assert give(reassembler, second[2], 0.0) == ("whole", two)
    assert give(reassembler, first[2], 0.0) == ("whole", one)


def test_expiry_and_refusals() -> None:
    reassembler = Reassembler(timeout_s=60)
    give(reassembler, packages(bytes(300))[0], 0.0)
    assert reassembler.expire(60.0) == 0
    assert reassembler.expire(60.1) == 1
    assert reassembler.held_bytes == 0
    plain = parse_frame(encode.encode_frame(2, phone="1", serial=1))
    assert reassembler.add(plain.header, b"", 0.0).reason == "not_package"
    for package, reason in (((3, 0), "bad_index"), ((3, 4), "bad_index"), ((65535, 1), "too_many_packages")):
        parsed = parse_frame(encode.encode_frame(2, phone="1", serial=1, package=package))
        assert reassembler.add(parsed.header, b"", 0.0).reason == reason
    single = parse_frame(encode.encode_frame(2, b"ab", phone="1", serial=1, package=(1, 1)))
    assert reassembler.add(single.header, single.body, 0.0).body == b"ab"


def test_a_terminal_that_never_finishes_holds_little() -> None:
    reassembler = Reassembler(max_groups=4, max_bytes=10_000)
    rng = random.Random(6)
    for number in range(3000):
        frame = packages(rng.randbytes(900), rng.randrange(65536), f"{number % 50}", 300)[number % 2]
        parsed = parse_frame(frame)
        reassembler.add(parsed.header, parsed.body, float(number) / 100)
        assert reassembler.held_bytes <= 10_000
        assert len(reassembler.missing()) <= 4
    assert reassembler.counts["evicted"] > 0
    tiny = Reassembler(max_bytes=100)
    parsed = parse_frame(packages(bytes(900), size=300)[0])
    assert tiny.add(parsed.header, parsed.body, 0.0).reason == "too_large"
    assert tiny.held_bytes == 0
