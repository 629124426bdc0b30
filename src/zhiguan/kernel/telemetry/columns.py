"""Positions as columns: the array every path works on, its content digest, and PostgreSQL's binary COPY format.

One batch is one structured array (``POSITION``) and a list of additional items; nothing is kept per row beyond that.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import overload

import numpy as np
import numpy.typing as npt

POSITION = np.dtype(
    [
        ("source_id", "i8"),
        ("at", "i8"),
        ("received_at", "i8"),
        ("lat", "i4"),
        ("lon", "i4"),
        ("altitude", "i4"),
        ("speed", "i4"),
        ("direction", "i4"),
        ("alarm", "i8"),
        ("status", "i8"),
        ("mileage_m", "i8"),
        ("digest", "i4"),
    ]
)
"""One position. ``at``, ``received_at``: Unix microseconds UTC. ``lat``, ``lon``: 1e-6 degree. ``altitude``: m.
``speed``: 0.1 km/h. ``mileage_m``: m, -1 when not told."""

NAMES: tuple[str, ...] = tuple(POSITION.names or ())
CONTENT: tuple[str, ...] = ("lat", "lon", "altitude", "speed", "direction", "alarm", "status", "mileage_m")
"""Columns that, with the additional items, tell two reports of one source and moment apart."""

Rows = npt.NDArray[np.void]

LOCATED = 0x2
"""Status bit: the report has a fix."""
MICROS = 1_000_000
PG_EPOCH_US = 946_684_800 * MICROS
SHANGHAI_US = 8 * 3600 * MICROS
DAY_US = 86_400 * MICROS

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"


class Pieces(Sequence[bytes | None]):
    """Additional items of many rows as places in one piece of memory; reads like a list of bytes and None."""

    __slots__ = ("content", "sizes", "starts")

    def __init__(
        self, content: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
    ) -> None:
        self.content, self.starts, self.sizes = content, starts, sizes

    @classmethod
    def of(cls, extras: Sequence[bytes | None]) -> Pieces:
        """The same, of a list. A size of -1 is None."""
        if isinstance(extras, Pieces):
            return extras
        sizes = np.fromiter((-1 if extra is None else len(extra) for extra in extras), np.int64, len(extras))
        held = np.maximum(sizes, 0)
        content = np.frombuffer(b"".join(extra for extra in extras if extra), np.uint8)
        return cls(content, np.cumsum(held) - held, sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> Pieces: ...
    def __getitem__(self, index: int | slice) -> bytes | Pieces | None:
        if isinstance(index, slice):
            return Pieces(self.content, self.starts[index], self.sizes[index])
        size = int(self.sizes[index])
        start = int(self.starts[index])
        return None if size < 0 else self.content[start : start + size].tobytes()

    def take(self, places: npt.NDArray[np.integer]) -> Pieces:
        """Those at ``places``, in that order."""
        return Pieces(self.content, self.starts[places], self.sizes[places])

    def alike(self) -> Iterator[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.uint8]]]:
        """Rows with items of one size together: size, which rows, and their bytes (rows × size); shortest first."""
        for size in np.unique(self.sizes).tolist():
            places = np.flatnonzero(self.sizes == size)
            if size <= 0:
                yield size, places, np.zeros((len(places), 0), np.uint8)
                continue
            every = np.ndarray((self.content.size - size + 1,), np.dtype(f"V{size}"), self.content, strides=(1,))
            yield size, places, every[self.starts[places]].view(np.uint8).reshape(len(places), size)


Extras = list[bytes | None] | Pieces


@dataclass
class Block:
    """Positions on their way into the store: ``rows`` (POSITION) and the additional items of each row."""

    rows: Rows
    extras: Extras

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls) -> Block:
        return cls(np.zeros(0, POSITION), [])

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]], extras: Iterable[bytes | None] = ()) -> Block:
        """Make a block from tuples in the order of POSITION without ``digest``; digests are computed."""
        array = np.array([(*row, 0) for row in rows], POSITION)
        given = list(extras) or [None] * len(array)
        array["digest"] = digests(array, given)
        return cls(array, given)

    def take(self, index: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Block:
        """The rows at ``index`` (positions or mask), in that order."""
        places: npt.NDArray[np.integer] = np.flatnonzero(index) if index.dtype == bool else index  # type: ignore[assignment]
        if isinstance(self.extras, Pieces):
            return Block(self.rows[places], self.extras.take(places))
        return Block(self.rows[places], [self.extras[i] for i in places.tolist()])

    def sorted(self) -> Block:
        """In the order of the natural key, so that two batches never wait for each other crosswise."""
        source, at, digest = self.rows["source_id"], self.rows["at"], self.rows["digest"]
        same = source[1:] == source[:-1]
        falls = (source[1:] < source[:-1]) | (same & (at[1:] < at[:-1]))
        if not (falls | (same & (at[1:] == at[:-1]) & (digest[1:] < digest[:-1]))).any():
            return self
        return self.take(np.lexsort((digest, at, source)))

    def days(self) -> list[date]:
        """The days (UTC+8) of the rows, ascending."""
        return [day_of(int(number)) for number in np.unique((self.rows["at"] + SHANGHAI_US) // DAY_US)]


def join(blocks: Sequence[Block]) -> Block:
    """The blocks one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return Block.empty()
    extras = [Pieces.of(block.extras) for block in blocks]
    shifts = np.cumsum([0, *(piece.content.size for piece in extras[:-1])])
    return Block(
        np.concatenate([block.rows for block in blocks]),
        Pieces(
            np.concatenate([piece.content for piece in extras]),
            np.concatenate([piece.starts + shift for piece, shift in zip(extras, shifts, strict=True)]),
            np.concatenate([piece.sizes for piece in extras]),
        ),
    )


def day_of(number: int) -> date:
    """Days since 1970-01-01 -> date."""
    return date(1970, 1, 1) + timedelta(days=number)


def day_number(at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Unix microseconds -> number of the day in UTC+8."""
    return (at_us + SHANGHAI_US) // DAY_US


def day_start_us(day: date) -> int:
    """Unix microseconds of a day's midnight in UTC+8."""
    return (day - date(1970, 1, 1)).days * DAY_US - SHANGHAI_US


_CRC = np.array([zlib.crc32(bytes((value ^ 0xFF,))) ^ 0xFF000000 for value in range(256)], np.uint32)
"""The polynomial's table: the checksum of one byte without its first and last step."""
CRC_COLUMNS_TO = 24
"""Longest items of which the checksum is computed column by column; beyond, one call a row is faster."""


def _checksums(extras: Pieces) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint64]]:
    """CRC-32 of the items that are there: which rows, and the sums."""
    rows, sums = [], []
    for size, places, items in extras.alike():
        if size < 0:
            continue
        if size > CRC_COLUMNS_TO or len(places) < 64:
            found = np.fromiter(map(zlib.crc32, items), np.uint64, len(places))  # pyright: ignore[reportArgumentType]
        else:
            crc = np.full(len(places), 0xFFFFFFFF, np.uint32)
            for column in range(size):
                crc = _CRC[(crc ^ items[:, column]) & 0xFF] ^ (crc >> np.uint32(8))
            found = (crc ^ np.uint32(0xFFFFFFFF)).astype(np.uint64)
        rows.append(places)
        sums.append(found)
    if not rows:
        return np.zeros(0, np.intp), np.zeros(0, np.uint64)
    return np.concatenate(rows), np.concatenate(sums)


def digests(rows: Rows, extras: Extras) -> npt.NDArray[np.int32]:
    """32-bit digest of each row's content. Stored keys depend on it: it must never change."""
    mixed = np.full(len(rows), 0x9E3779B97F4A7C15, np.uint64)
    with np.errstate(over="ignore"):
        for name in CONTENT:
            mixed ^= rows[name].astype(np.int64).view(np.uint64)
            mixed *= np.uint64(0xFF51AFD7ED558CCD)
            mixed ^= mixed >> np.uint64(29)
        odd, sums = _checksums(Pieces.of(extras))
        if len(odd):
            found = mixed[odd] ^ (sums + np.uint64(1))
            found *= np.uint64(0xC4CEB9FE1A85EC53)
            mixed[odd] = found ^ found >> np.uint64(31)
    return (mixed >> np.uint64(16)).astype(np.uint32).view(np.int32)


def plausible(rows: Rows, now_us: int, *, past_days: int, ahead_s: int) -> npt.NDArray[np.bool_]:
    """Rows whose device time can be meant: at most ``past_days`` before and ``ahead_s`` after ``now_us``."""
    return (rows["at"] >= now_us - past_days * DAY_US) & (rows["at"] <= now_us + ahead_s * MICROS)


def fixed(rows: Rows) -> npt.NDArray[np.bool_]:
    """Rows that tell a place: fix bit set, within range, not 0/0."""
    return (
        ((rows["status"] & LOCATED) != 0)
        & (np.abs(rows["lat"]) <= 90 * MICROS)
        & (np.abs(rows["lon"]) <= 180 * MICROS)
        & ((rows["lat"] != 0) | (rows["lon"] != 0))
    )


# --- PostgreSQL's binary COPY


def _wire(names: Sequence[str], extra_fields: int = 0) -> np.dtype:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name in names:
        size = POSITION[name].itemsize if name in NAMES else 8
        fields += [(f"_{name}", ">i4"), (name, f">i{size}")]
    return np.dtype(fields)


_IN = _wire((*NAMES, "batch"))
STAGING_COLUMNS = (*NAMES, "batch", "extra")
MOMENTS = frozenset({"at", "received_at"})


def _empty_row() -> bytearray:
    """One row of _IN with its counts and sizes, all values zero."""
    row = np.zeros(1, _IN)
    row["count"] = len(STAGING_COLUMNS)
    for name in (*NAMES, "batch"):
        row[f"_{name}"] = POSITION[name].itemsize if name in NAMES else 8
    return bytearray(row.tobytes())


_ROW = _empty_row()


def to_copy(block: Block, batch: int) -> bytes:
    """The block as binary COPY data with the columns STAGING_COLUMNS (mileage -1 stands for null).

    Rows with items of one size stand together, the shortest first, within them in the block's order: two batches with
    the same rows have them in the same order.
    """
    rows, extras = block.rows, Pieces.of(block.extras)
    wire = np.frombuffer(_ROW * len(rows), _IN)
    for name in NAMES:
        wire[name] = rows[name] - PG_EPOCH_US if name in MOMENTS else rows[name]
    wire["batch"] = batch
    fixed_size = _IN.itemsize
    pieces = [COPY_HEADER]
    for size, places, items in extras.alike():
        whole = np.empty((len(places), fixed_size + 4 + max(size, 0)), np.uint8)
        chosen = wire if len(places) == len(wire) else wire[places]
        whole[:, :fixed_size] = chosen.view(np.uint8).reshape(-1, fixed_size)
        whole[:, fixed_size : fixed_size + 4] = np.frombuffer(struct.pack(">i", size), np.uint8)
        whole[:, fixed_size + 4 :] = items
        pieces.append(whole.tobytes())
    pieces.append(COPY_TRAILER)
    return b"".join(pieces)


OUT_NAMES = (*NAMES, "extra_size")
OUT_SQL = ", ".join(
    {
        "mileage_m": "COALESCE(mileage_m, -1)",
        "extra_size": "COALESCE(octet_length(extra), -1)::bigint",
    }.get(name, name)
    for name in OUT_NAMES
)
"""Select list whose binary COPY has rows of one length, to be read by :func:`from_copy`."""
_OUT = _wire(OUT_NAMES)


def from_copy(data: bytes | bytearray) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Binary COPY data of ``SELECT OUT_SQL`` -> rows and the sizes of their additional items (-1: none)."""
    count, rest = divmod(len(data) - len(COPY_HEADER) - len(COPY_TRAILER), _OUT.itemsize)
    if rest or count < 0:
        raise ValueError(f"COPY data of {len(data)} bytes is not whole")
    wire = np.frombuffer(data, _OUT, count, len(COPY_HEADER))
    rows = np.empty(count, POSITION)
    for name in NAMES:
        rows[name] = wire[name]
    rows["at"] += PG_EPOCH_US
    rows["received_at"] += PG_EPOCH_US
    return rows, wire["extra_size"].astype(np.int64)


def cut(joined: bytes, sizes: npt.NDArray[np.int64]) -> list[bytes | None]:
    """Additional items that were joined end to end -> one for each row."""
    extras: list[bytes | None] = []
    at = 0
    for size in sizes.tolist():
        if size < 0:
            extras.append(None)
        else:
            extras.append(joined[at : at + size])
            at += size
    return extras
