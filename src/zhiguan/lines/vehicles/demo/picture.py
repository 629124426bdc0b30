"""A picture without a camera: a grey mosaic as a baseline JPEG, one shade for each block of 8 by 8 pixels. 演示数据."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

_SIZES = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
"""How many codes of each length the table for mean values has (ITU-T T.81, table K.3)."""


def _codes() -> list[str]:
    codes, code = [], 0
    for length, count in enumerate(_SIZES, 1):
        for _ in range(count):
            codes.append(format(code, f"0{length}b"))
            code += 1
        code <<= 1
    return codes


_CODES = _codes()


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def mosaic(shades: Sequence[Sequence[int]], note: str = "") -> bytes:
    """JPEG of rows of shades (0 black to 255 white), all rows alike in length; ``note`` goes in as a comment."""
    height, width = len(shades) * 8, len(shades[0]) * 8
    bits, before = [], 0
    for row in shades:
        for shade in row:
            mean = shade - 128  # the mean value of a block times 8, divided by the quantum 8
            step, before = mean - before, mean
            size = abs(step).bit_length()
            bits.append(_CODES[size])
            if size:
                bits.append(format(step if step > 0 else step + (1 << size) - 1, f"0{size}b"))
            bits.append("0")  # nothing but the mean
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
    mean_table = b"\x00" + bytes(_SIZES) + bytes(range(12))
    rest_table = b"\x10" + bytes((1, *[0] * 15)) + b"\x00"
    return (
        b"\xff\xd8" + _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + _segment(0xFE, note.encode()[:60_000]) + _segment(0xDB, b"\x00" + b"\x08" * 64)
        + _segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
        + _segment(0xC4, mean_table) + _segment(0xC4, rest_table) + _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + data + b"\xff\xd9"
    )  # fmt: skip


def scene(seed: str, columns: int = 80, rows: int = 60) -> bytes:
    """An invented view: sky, a road that narrows, blocks of houses. Different for each ``seed``, the same for one."""
    chance = random.Random(seed)
    horizon, middle = rows // 3, columns // 2
    heights = [chance.randrange(2, max(3, horizon)) for _ in range(columns // 4 + 1)]
    shades = []
    for y in range(rows):
        half = (y - horizon) * columns // (2 * rows) + 2
        line = []
        for x in range(columns):
            house = y > horizon - heights[x // 4] and y <= horizon
            road = y > horizon and abs(x - middle) <= half
            mark = road and x == middle and y % 6 < 3
            shade = (
                235
                if mark
                else 70
                if road
                else 120 + heights[x // 4] * 3
                if house
                else 215 - y
                if y <= horizon
                else 150
            )
            line.append(max(0, min(255, shade + chance.randrange(-6, 7))))
        shades.append(line)
    return mosaic(shades, seed)
