"""From location reports to rows: decoding, checking and the keys of thousands at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..columns import MICROS, POSITION, Block, Pieces, digests, plausible
from ..ingest import Raw
from ..jt808 import bulk
from .config import Config

POSITION_SIZE = 28
SOUTH, WEST = 4, 8
TIME, PLACE, SHORT = "time", "position", "body"
"""Why a report is kept aside: impossible device time, position beyond any number we store, fewer than 28 bytes."""

Numbers = npt.NDArray[np.int64]


def positions(
    bodies: Sequence[bytes], sources: Sequence[int], received_us: Sequence[int], config: Config
) -> tuple[Block, list[Raw]]:
    """Bodies of 0x0200 -> rows, and what cannot be a row (impossible time or number) to be kept as it is."""
    sizes = np.fromiter(map(len, bodies), np.int64, len(bodies))
    content = np.frombuffer(b"".join(bodies) + bytes(64), np.uint8)
    who, when = np.array(sources, np.int64), np.array(received_us, np.int64)
    return rows_of(content, np.cumsum(sizes) - sizes, sizes, who, when, config)


def rows_of(
    content: bulk.Bytes, starts: Numbers, sizes: Numbers, sources: Numbers, received: Numbers, config: Config
) -> tuple[Block, list[Raw]]:
    """As :func:`positions`, of bodies that begin at ``starts`` in ``content``, behind which 64 bytes follow."""
    count = len(starts)
    wire, seconds = bulk.read_positions(content, starts)
    rows = np.zeros(count, POSITION)
    rows["source_id"] = sources
    rows["received_at"] = received
    timed = seconds != bulk.NO_TIME
    rows["at"] = np.where(timed, seconds, 0) * MICROS
    status = wire["status"].astype(np.int64)
    placed = np.ones(count, bool)
    for name, beyond in (("lat", SOUTH), ("lon", WEST)):
        value = wire[name].astype(np.int64)
        placed &= value < 2**31
        rows[name] = np.where(value < 2**31, np.where(status & beyond, -value, value), 0)
    for name in ("altitude", "speed", "direction", "alarm"):
        rows[name] = wire[name]
    rows["status"] = status
    rows["mileage_m"], begins = _mileage(content, starts, sizes)
    ends = starts + sizes
    left = ends - begins
    extras = Pieces(content, begins, np.where(left > 0, left, -1))
    whole = sizes >= POSITION_SIZE
    if not whole.all():
        rows[~whole] = np.zeros((), POSITION)
    rows["digest"] = digests(rows, extras)
    now_us = int(received.max()) if count else 0
    good = timed & placed & whole & plausible(rows, now_us, past_days=config.past_days, ahead_s=config.ahead_s)
    block = Block(rows, extras)
    if good.all():
        return block, []
    raws = []
    for i in np.flatnonzero(~good).tolist():
        reason = SHORT if not whole[i] else PLACE if not placed[i] else TIME
        at = int(rows["at"][i]) if timed[i] and whole[i] else None
        kept = content[int(starts[i]) : int(ends[i])].tobytes()
        raws.append(Raw(int(sources[i]), int(received[i]), reason, kept, 0x0200, at=at, once=_key(kept)))
    return block.take(good), raws


def _mileage(content: bulk.Bytes, starts: Numbers, sizes: Numbers) -> tuple[Numbers, Numbers]:
    """Mileage in metres (-1: none) where it is the first additional item, as nearly always; where the others begin."""
    begins = starts + POSITION_SIZE
    head = bulk.gather(content, begins, _MILEAGE)
    told = (sizes >= POSITION_SIZE + 6) & (head["item"] == 0x0104)
    return np.where(told, head["tenths"].astype(np.int64) * 100, -1), begins + np.where(told, 6, 0)


_MILEAGE = np.dtype([("item", ">u2"), ("tenths", ">u4")])


def _key(body: bytes) -> bytes:
    """What makes two reports kept aside the same one; short enough for an index."""
    return body if len(body) <= 64 else hashlib.sha256(body).digest()
