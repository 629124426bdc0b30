"""Reports as JT/T 808 frames, and frames appended to the store the way the gateway does it: decoded, checked, committed.

Used where no network is wanted: days of a whole fleet in minutes. The moment of receipt is the simulated one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.telemetry.columns import MICROS, Block
from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.rows import rows_of
from zhiguan.kernel.telemetry.ingest import Raw, Writer
from zhiguan.kernel.telemetry.jt808 import bulk, decode_frame, encode

from . import noise
from .equipment import DRIVER_CARD
from .month import Swipe
from .timeline import Rows

REPORT, BATCH = 0x0200, 0x0704
IN_A_BATCH = 15
ITEMS = 12
"""Bytes of the additional items: mileage, signal, satellites."""
SIZE = 28 + ITEMS
AUTHORITY = "演示市道路运输管理局"
AT_ONCE = 60_000
"""Reports in one transaction."""


def bodies(rows: Rows) -> NDArray[np.uint8]:
    """Return bodies of 0x0200, a row each, with the faults that only the wire can have."""
    count = rows.size
    body = np.zeros((count, SIZE), np.uint8)
    odd = rows["odd"]
    status = (rows["on"] | (rows["fix"].astype(np.uint8) << 1)).astype(">u4")
    lat, lon = np.round(rows["lat"] * 1e6), np.round(rows["lon"] * 1e6)
    for kind, value in ((noise.ZERO, (0.0, 0.0)), (noise.OUT_OF_RANGE, (95e6, 250e6))):
        lat[odd == kind], lon[odd == kind] = value
    columns = (
        (0, rows["alarm"].astype(">u4"), 4), (4, status, 4), (8, lat.astype(">u4"), 4), (12, lon.astype(">u4"), 4),
        (16, np.full(count, 8, ">u2"), 2), (18, np.round(rows["kmh"] * 10).astype(">u2"), 2),
        (20, (np.round(rows["heading"]).astype(int) % 360).astype(">u2"), 2),
        (30, np.round(rows["metres"] / 100).astype(">u4"), 4),
    )  # fmt: skip
    for at, values, size in columns:
        body[:, at : at + size] = values.view(np.uint8).reshape(count, size)
    body[:, 22:28] = _clock(rows["at"] - np.where(odd == noise.ROLLED_OVER, noise.WEEKS_1024_S, 0.0))
    body[odd == noise.YEAR_1970, 22:28] = np.frombuffer(bytes.fromhex("700101080000"), np.uint8)
    body[odd == noise.NO_TIME, 22:28] = 0
    body[:, 28:30] = (0x01, 4)
    body[:, 34:37] = (0x30, 1, 22)
    body[:, 37:40] = (0x31, 1, 14)
    return body


def _clock(seconds: NDArray[np.float64]) -> NDArray[np.uint8]:
    """BCD of local time, six bytes a row."""
    local = (np.round(seconds).astype("i8") + 8 * 3600).astype("M8[s]")
    months, days = local.astype("M8[M]"), local.astype("M8[D]")
    clock = (local - days).astype("i8")
    parts = (
        months.astype("M8[Y]").astype(int) % 100 - 30, months.astype(int) % 12 + 1, (days - months).astype(int) + 1,
        clock // 3600, clock // 60 % 60, clock % 60,
    )  # fmt: skip
    out = np.zeros((seconds.size, 6), np.uint8)
    for column, values in enumerate(parts):
        number = np.asarray(values) % 100
        out[:, column] = number // 10 << 4 | number % 10
    return out


@dataclass
class Frames:
    """Frames in the order in which they are sent, and when each reaches the platform (Unix seconds)."""

    frames: list[bytes] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)


@dataclass
class Speaker:
    """Writes the frames of one terminal; ``serial`` runs on from message to message."""

    number: str
    newer: bool = False
    serial: int = 0

    def frame(self, msg_id: int, body: bytes) -> bytes:
        """One frame."""
        self.serial = self.serial + 1 & 0xFFFF
        return encode.encode_frame(msg_id, body, phone=self.number, serial=self.serial, version_flag=int(self.newer))

    def reports(self, rows: Rows) -> Frames:
        """Frames of the reports, which are in order of ``sent``: one each, but ``late`` ones sent together in 0x0704."""
        out = Frames()
        body = bodies(rows)
        for first, last, late in runs(rows):
            if late:
                for at in range(first, last, IN_A_BATCH):
                    batch = [body[n].tobytes() for n in range(at, min(at + IN_A_BATCH, last))]
                    out.frames.append(self.frame(BATCH, encode.location_batch(batch, kind=1)))
                    out.sent.append(float(rows["sent"][first]))
            else:
                out.frames += [self.frame(REPORT, body[n].tobytes()) for n in range(first, last)]
                out.sent += rows["sent"][first:last].tolist()
        return out

    def swipe(self, swipe: Swipe) -> bytes:
        """A driver's card in or out (0x0702)."""
        moment = datetime.fromtimestamp(round(swipe.at_s), UTC)
        if not swipe.on:
            return self.frame(DRIVER_CARD, encode.driver_card(2, moment, version_flag=int(self.newer)))
        return self.frame(
            DRIVER_CARD,
            encode.driver_card(
                1, moment, name=swipe.who.name, licence=swipe.who.licence, authority=AUTHORITY, valid_until=date(2035, 12, 31),
                id_number=swipe.who.licence, version_flag=int(self.newer),
            ),
        )  # fmt: skip


def runs(rows: Rows) -> Iterator[tuple[int, int, bool]]:
    """Yield (first, after last, late): reports sent one by one, or those made up that go together."""
    if not rows.size:
        return
    late, sent = rows["late"], rows["sent"]
    cut = (late[1:] != late[:-1]) | (late[1:] & (sent[1:] != sent[:-1]))
    edges = np.concatenate(([0], np.flatnonzero(cut) + 1, [rows.size])).tolist()
    for first, last in itertools.pairwise(edges):
        yield first, last, bool(late[first])


@dataclass
class Appended:
    """What was appended: frames, positions that were new, messages kept aside (impossible moments or places, cards)."""

    frames: int = 0
    positions: int = 0
    kept: int = 0


class Appender:
    """Appends frames of many terminals through the gateway's decoder, checks and writer."""

    def __init__(self, url: str, sources: dict[str, int]) -> None:
        self.sources = {bytes.fromhex(number.rjust(20, "0")): key for number, key in sources.items()}
        self.writer, self.config = Writer(url, lanes=1), Config()
        self.done = Appended()

    async def append(self, frames: Sequence[bytes], sent: Sequence[float]) -> None:
        """Decode, check and commit; returns once all is durable. Raises ValueError for a terminal nobody knows."""
        for at in range(0, len(frames), AT_ONCE):
            block, raws = self._decode(frames[at : at + AT_ONCE], np.array(sent[at : at + AT_ONCE]))
            self.done.positions += await self.writer.commit(block, raws)
            self.done.frames += len(frames[at : at + AT_ONCE])
            self.done.kept += len(raws)

    def _decode(self, frames: Sequence[bytes], sent: NDArray[np.float64]) -> tuple[Block, list[Raw]]:
        wire = np.frombuffer(b"".join(frames), np.uint8)
        cut = bulk.parse_wire(wire, *bulk.cut_wire(wire))
        try:
            source = np.array([self.sources[bytes(phone)] for phone in cut.phone], np.int64)
        except KeyError as error:
            raise ValueError(f"no terminal has the number {error.args[0].hex().lstrip('0')}") from None
        frame = cut.located
        begin, size = cut.body_start[frame], cut.body_size[frame]
        batches = np.flatnonzero(cut.plain & (cut.msg_id == BATCH))
        if batches.size:
            within, inner, length, whole = bulk.batched(cut, batches)
            if not whole.all():
                raise ValueError("a batch of reports was not well formed")
            frame = np.concatenate((frame, batches[within]))
            begin, size = np.concatenate((begin, inner)), np.concatenate((size, length))
        received = (sent[frame] * MICROS).astype(np.int64)
        block, raws = rows_of(cut.content, begin, size, source[frame], received, self.config)
        told = np.zeros(len(frames), bool)
        told[frame] = True
        for n in np.flatnonzero(~told).tolist():
            head = decode_frame(frames[n]).frame
            raws.append(
                Raw(
                    int(source[n]),
                    round(sent[n] * MICROS),
                    "message",
                    head.body,
                    head.header.msg_id,
                    head.header.serial,
                )
            )
        return block, raws

    async def close(self) -> None:
        """Write the latest positions and close the connection."""
        await self.writer.close()
