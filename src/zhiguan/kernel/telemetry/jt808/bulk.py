"""Fast path for many frames at once: whole columns instead of one frame after the other.

`parse_frames` takes frames as they came off the wire (still escaped) of any messages and connections, and does
unescaping,
checksum, header and the 28 bytes of the position for all of them together; `parse_location_bulk` takes bodies. Both
agree with
`decode_frame` and `decode_location`, which tests hold them to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .fields import BCD
from .location import POSITION_SIZE

NO_TIME = np.iinfo(np.int64).min
"""Value of `time_s` where the BCD time is impossible."""

POSITION_DTYPE = np.dtype(
    [
        ("alarm", "u4"),
        ("status", "u4"),
        ("lat", "f8"),
        ("lon", "f8"),
        ("altitude_m", "u2"),
        ("speed_kmh", "f4"),
        ("direction_deg", "u2"),
        ("time_s", "i8"),
    ]
)
"""One position: degrees WGS84 (negative south and west), Unix seconds UTC. Rows of bodies below 28 bytes are zero
with NO_TIME.
"""

Bytes = npt.NDArray[np.uint8]

_BCD = np.array(BCD, dtype=np.uint8)
_WIRE = np.dtype(
    [
        ("alarm", ">u4"),
        ("status", ">u4"),
        ("lat", ">u4"),
        ("lon", ">u4"),
        ("altitude", ">u2"),
        ("speed", ">u2"),
        ("direction", ">u2"),
        ("time", "u1", 6),
    ]
)


@lru_cache(maxsize=1)
def _day_table() -> npt.NDArray[np.int64]:
    """Unix seconds of midnight in GMT+8 by (year of the century, month, day); NO_TIME where there is no such day."""
    table = np.full((256, 256, 32), NO_TIME, dtype=np.int64)
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2100-01-01"))
    months = days.astype("M8[M]")
    year = months.astype("M8[Y]").astype(int) - 30
    month = months.astype(int) % 12 + 1
    day = (days - months.astype("M8[D]")).astype(int) + 1
    table[year, month, day] = days.astype("M8[s]").astype(np.int64) - 8 * 3600
    return table


class Frames(NamedTuple):
    """Columns over the frames given, in their order."""

    sound: npt.NDArray[np.bool_]
    """Escapes clean, header whole, length as declared, checksum right. Look at the others with `decode_frame`."""
    msg_id: npt.NDArray[np.uint16]
    version_flag: npt.NDArray[np.uint8]
    serial: npt.NDArray[np.uint16]
    phone: npt.NDArray[np.void]
    """Ten BCD bytes, zero-padded in front for 2013: equal numbers are equal in both editions;
    `bytes(phone[i]).hex()`.
    """
    located: npt.NDArray[np.intp]
    """Rows that are sound, whole, unencrypted location reports (0x0200) of at least 28 bytes."""
    content: Bytes
    """All frames unescaped, end to end, and 64 zero bytes."""
    body_start: npt.NDArray[np.int64]
    """Where each body begins in `content`."""
    body_size: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]
    """Sound, no package of a longer message, not encrypted."""

    @property
    def positions(self) -> np.ndarray:
        """POSITION_DTYPE, one row for each of `located`."""
        return _positions(self.content, self.body_start[self.located])

    def body(self, row: int) -> bytes:
        """Body of one frame; additional items begin at byte 28 of a location report."""
        start = int(self.body_start[row])
        return self.content[start : start + int(self.body_size[row])].tobytes()


def parse_frames(frames: Sequence[bytes]) -> Frames:
    """Frames with their delimiters -> columns. Never raises on any bytes; memory is about ten times the bytes given."""
    sizes = np.fromiter(map(len, frames), dtype=np.int64, count=len(frames))
    return parse_wire(np.frombuffer(b"".join(frames), dtype=np.uint8), np.cumsum(sizes) - sizes, sizes)


def cut_wire(wire: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts and sizes of the frames in bytes that are nothing but whole frames, one after the other."""
    flags = np.flatnonzero(wire == 0x7E)
    return flags[0::2], flags[1::2] - flags[0::2] + 1


def parse_wire(wire: Bytes, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> Frames:
    """As :func:`parse_frames`, of frames that lie in ``wire`` one directly after the other."""
    count = len(sizes)
    sound = sizes >= 15
    if wire.size:
        # judged before unescaping: no escape can then reach from one frame into the next
        edge = wire.size - 1
        sound &= (wire[np.minimum(starts, edge)] == 0x7E) & (wire[np.maximum(starts + sizes - 1, 0)] == 0x7E)
    content = wire
    escapes = np.flatnonzero(wire == 0x7D)
    if escapes.size:
        content, starts, sizes = _unescape(wire, escapes, starts, sizes, sound)
    # a sentinel tail lets every row be gathered without asking whether it is long enough
    padded = np.concatenate((content, np.zeros(64, dtype=np.uint8)))
    if count:
        # delimiters cancel each other, the checksum cancels the content
        sound &= np.bitwise_xor.reduceat(padded, starts) == 0
    start = starts + 1
    head = gather(padded, start, np.dtype("V17")).view(np.uint8).reshape(count, 17)
    msg_id = head[:, 0].astype(np.uint16) << 8 | head[:, 1]
    properties = head[:, 2].astype(np.uint16) << 8 | head[:, 3]
    newer = (properties & 0x4000) != 0
    parted = (properties & 0x2000) != 0
    header = np.where(newer, 17, 12) + np.where(parted, 4, 0)
    body_start = start + header
    body_size = sizes - 3 - header
    sound &= body_size == (properties & 0x3FF)
    phone = np.zeros((count, 10), dtype=np.uint8)
    phone[:, 4:] = head[:, 4:10]
    phone[newer] = head[newer, 5:15]
    serial = np.where(
        newer, head[:, 15].astype(np.uint16) << 8 | head[:, 16], head[:, 10].astype(np.uint16) << 8 | head[:, 11]
    )
    plain = sound & ((properties & 0x3C00) == 0)
    located = np.flatnonzero(plain & (msg_id == 0x0200) & (body_size >= POSITION_SIZE))
    return Frames(
        sound,
        msg_id,  # pyright: ignore[reportArgumentType]
        newer.astype(np.uint8),
        serial.astype(np.uint16),
        phone.view("V10").reshape(count),
        located,
        padded,
        body_start,
        np.maximum(body_size, 0),
        plain,
    )


def batched(
    frames: Frames, rows: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Reports inside 0x0704 messages, all together.

    ``rows``: frames that are plain 0x0704. Returns for every report the index into ``rows`` of its message, where its
    body begins in ``frames.content`` and its size, in the order sent; and for every message whether it is well formed:
    as many reports as declared, ending where the message ends, each at least 28 bytes.
    """
    content = frames.content
    start, end = frames.body_start[rows], frames.body_start[rows] + frames.body_size[rows]
    declared = content[start].astype(np.int64) << 8 | content[start + 1]
    whole = np.ones(len(rows), bool)
    reached = np.minimum(start + 3, end)
    told = np.zeros(len(rows), np.int64)
    active, at = np.arange(len(rows)), start + 3
    owners, begins, lengths = [], [], []
    while active.size:
        going = at + 2 <= end[active]
        active, at = active[going], at[going]
        size = content[at].astype(np.int64) << 8 | content[at + 1]
        going = at + 2 + size <= end[active]
        active, at, size = active[going], at[going], size[going]
        whole[active[size < POSITION_SIZE]] = False
        owners.append(active)
        begins.append(at + 2)
        lengths.append(size)
        told[active] += 1
        at = at + 2 + size
        reached[active] = at
    whole &= (reached == end) & (told == declared) & (declared > 0)
    owner, begin, length = (np.concatenate(part).astype(np.int64) for part in (owners, begins, lengths))
    order = np.argsort(owner, kind="stable")
    return owner[order], begin[order], length[order], whole


def item_numbers(frames: Frames, wanted: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Numbers out of the additional items of the located frames.

    `wanted`: (item id, length in bytes, 1 to 4), e.g. (0x01, 4) for the mileage in 0.1 km. Returns one row for each
    wanted item
    and one column for each of `frames.located`; -1 where the item is absent or of another length. Of repeated items
    the first
    counts; reading stops where an item runs past the end of its body, as in `items.decode_items`.
    """
    content = frames.content
    found = np.full((len(wanted), frames.located.size), -1, dtype=np.int64)
    column = np.arange(frames.located.size)
    at = frames.body_start[frames.located] + POSITION_SIZE
    end = frames.body_start[frames.located] + frames.body_size[frames.located]
    while column.size:
        going = at + 2 <= end
        column, at, end = column[going], at[going], end[going]
        following = at + 2 + content[at + 1] if column.size else at
        going = following <= end
        column, at, end, following = column[going], at[going], end[going], following[going]
        if not column.size:
            break
        number, size = content[at], content[at + 1]
        for row, (item, width) in enumerate(wanted):
            hits = np.flatnonzero((number == item) & (size == width))
            hits = hits[found[row, column[hits]] < 0]
            if hits.size:
                value = np.zeros(hits.size, dtype=np.int64)
                for byte in range(width):
                    value = value << 8 | content[at[hits] + 2 + byte]
                found[row, column[hits]] = value
        at = following
    return found


def parse_location_bulk(bodies: Sequence[bytes]) -> np.ndarray:
    """Bodies of 0x0200 -> POSITION_DTYPE array of the same length. A body below 28 bytes gives a zero row with
    NO_TIME.
    """
    count = len(bodies)
    sizes = np.fromiter(map(len, bodies), dtype=np.int64, count=count)
    joined = np.frombuffer(b"".join(bodies) + bytes(POSITION_SIZE), dtype=np.uint8)
    found = _positions(joined, np.cumsum(sizes) - sizes)
    short = sizes < POSITION_SIZE
    if short.any():
        found[short] = np.zeros((), dtype=POSITION_DTYPE)
        found["time_s"][short] = NO_TIME
    return found


def _unescape(
    wire: Bytes,
    escapes: npt.NDArray[np.intp],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    sound: npt.NDArray[np.bool_],
) -> tuple[Bytes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Removes escapes everywhere at once; frames with a bad one are marked unsound and left as they are in that
    place.
    """
    content = wire.copy()
    marks = np.append(wire, np.uint8(0))[escapes + 1]
    owners = np.searchsorted(starts, escapes, side="right") - 1
    good = (marks == 1) | (marks == 2)
    sound[owners[~good]] = False
    escapes, marks, owners = escapes[good], marks[good], owners[good]
    content[escapes] = marks + np.uint8(0x7C)
    keep = np.ones(content.size, dtype=bool)
    keep[escapes + 1] = False
    sizes = sizes - np.bincount(owners, minlength=sizes.size)
    return content[keep], np.cumsum(sizes) - sizes, sizes


def gather(data: Bytes, starts: npt.NDArray[np.int64], what: np.dtype) -> np.ndarray:
    """Items of one layout that begin anywhere in ``data``; each must be there whole."""
    if not starts.size:
        return np.zeros(0, what)
    every = np.ndarray((data.size - what.itemsize + 1,), what, data, strides=(1,))
    return every[starts]


def read_positions(data: Bytes, starts: npt.NDArray[np.int64]) -> tuple[np.ndarray, npt.NDArray[np.int64]]:
    """The 28 bytes at each of `starts` as numbers of the wire (fields of 0x0200, unsigned), and Unix seconds UTC
    (NO_TIME where the BCD time is impossible).
    """
    wire = gather(data, starts, _WIRE)
    clock = _BCD[wire["time"]]
    hour, minute, second = clock[:, 3], clock[:, 4], clock[:, 5]
    midnight = _day_table()[clock[:, 0], clock[:, 1], clock[:, 2] & 31]
    time_s = midnight + hour * np.int64(3600) + minute * np.int64(60) + second
    wrong = (hour > 23) | (minute > 59) | (second > 59) | (clock[:, 2] > 31) | (midnight == NO_TIME)
    return wire, np.where(wrong, NO_TIME, time_s)


def _positions(data: Bytes, starts: npt.NDArray[np.int64]) -> np.ndarray:
    """Positions that begin at `starts`; each must have 28 bytes there."""
    wire, time_s = read_positions(data, starts)
    out = np.empty(starts.size, dtype=POSITION_DTYPE)
    status = wire["status"].astype(np.uint32)
    out["alarm"] = wire["alarm"]
    out["status"] = status
    out["lat"] = wire["lat"] / 1e6
    out["lon"] = wire["lon"] / 1e6
    south, west = (status & 4) != 0, (status & 8) != 0
    if south.any():
        out["lat"][south] *= -1
    if west.any():
        out["lon"][west] *= -1
    out["altitude_m"] = wire["altitude"]
    out["speed_kmh"] = wire["speed"] / np.float32(10)
    out["direction_deg"] = wire["direction"]
    out["time_s"] = time_s
    return out
