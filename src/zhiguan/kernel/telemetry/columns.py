"""Positions as columns: the array every path works on, its content digest, and PostgreSQL's binary COPY format.

One batch is one structured array (``POSITION``) and a list of additional items; nothing is kept per row beyond that.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

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
Extras = list[bytes | None]

LOCATED = 0x2
"""Status bit: the report has a fix."""
MICROS = 1_000_000
PG_EPOCH_US = 946_684_800 * MICROS
SHANGHAI_US = 8 * 3600 * MICROS
DAY_US = 86_400 * MICROS

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"


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
        places = np.flatnonzero(index) if index.dtype == bool else index
        return Block(self.rows[places], [self.extras[i] for i in places.tolist()])

    def sorted(self) -> Block:
        """In the order of the natural key, so that two batches never wait for each other crosswise."""
        order = np.lexsort((self.rows["digest"], self.rows["at"], self.rows["source_id"]))
        if np.array_equal(order, np.arange(len(order))):
            return self
        return self.take(order)

    def days(self) -> list[date]:
        """The days (UTC+8) of the rows, ascending."""
        return [day_of(int(number)) for number in np.unique((self.rows["at"] + SHANGHAI_US) // DAY_US)]


def join(blocks: Sequence[Block]) -> Block:
    """The blocks one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return Block.empty()
    return Block(np.concatenate([block.rows for block in blocks]), [e for block in blocks for e in block.extras])


def day_of(number: int) -> date:
    """Days since 1970-01-01 -> date."""
    return date(1970, 1, 1) + timedelta(days=number)


def day_number(at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Unix microseconds -> number of the day in UTC+8."""
    return (at_us + SHANGHAI_US) // DAY_US


def day_start_us(day: date) -> int:
    """Unix microseconds of a day's midnight in UTC+8."""
    return (day - date(1970, 1, 1)).days * DAY_US - SHANGHAI_US


def digests(rows: Rows, extras: Extras) -> npt.NDArray[np.int32]:
    """32-bit digest of each row's content. Stored keys depend on it: it must never change."""
    mixed = np.full(len(rows), 0x9E3779B97F4A7C15, np.uint64)
    with np.errstate(over="ignore"):
        for name in CONTENT:
            mixed ^= rows[name].astype(np.int64).view(np.uint64)
            mixed *= np.uint64(0xFF51AFD7ED558CCD)
            mixed ^= mixed >> np.uint64(29)
        given = [extra for extra in extras if extra is not None]
        if given:
            odd: slice | list[int] = slice(None)
            if len(given) < len(extras):
                odd = [i for i, extra in enumerate(extras) if extra is not None]
            sums = np.fromiter(map(zlib.crc32, given), np.uint64, len(given)) + np.uint64(1)
            mixed[odd] ^= sums
            mixed[odd] *= np.uint64(0xC4CEB9FE1A85EC53)
            mixed[odd] ^= mixed[odd] >> np.uint64(31)
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


def to_copy(block: Block, batch: int) -> bytes:
    """The block as binary COPY data with the columns STAGING_COLUMNS (mileage -1 stands for null)."""
    rows = block.rows
    wire = np.empty(len(rows), _IN)
    wire["count"] = len(STAGING_COLUMNS)
    for name in NAMES:
        wire[f"_{name}"] = POSITION[name].itemsize
        wire[name] = rows[name]
    wire["at"] -= PG_EPOCH_US
    wire["received_at"] -= PG_EPOCH_US
    wire["_batch"], wire["batch"] = 8, batch
    data = wire.tobytes()
    size = _IN.itemsize
    pieces = [COPY_HEADER]
    pack = struct.Struct(">i").pack
    at = 0
    for extra in block.extras:
        pieces.append(data[at : at + size])
        at += size
        pieces.append(_NULL if extra is None else pack(len(extra)) + extra)
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


def cut(joined: bytes, sizes: npt.NDArray[np.int64]) -> Extras:
    """Additional items that were joined end to end -> one for each row."""
    extras: Extras = []
    at = 0
    for size in sizes.tolist():
        if size < 0:
            extras.append(None)
        else:
            extras.append(joined[at : at + size])
            at += size
    return extras
