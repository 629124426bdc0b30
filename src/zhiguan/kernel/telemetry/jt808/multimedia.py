"""Pictures, sound and films: 0x0800 to 0x0805 and 0x8800 to 0x8805, to bytes and back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .fields import Cursor, to_bcd_time
from .location import POSITION_SIZE, describe_location
from .problem import Problem
from .tables import MEDIA_EVENTS, MEDIA_FORMATS, MEDIA_TYPES, RESOLUTIONS

Record = dict[str, Any]
ALL_TIMES = bytes(6)
"""BCD zeros: no bound of time."""
FILM = 0xFFFF
"""Shots of 0x8801 that mean a film."""


class Head(NamedTuple):
    """What 0x0800 says and 0x0801 begins with."""

    media_id: int
    kind: int = 0
    format: int = 0
    event: int = 0
    channel: int = 1


class Stored(NamedTuple):
    """A medium that the terminal keeps, as 0x0802 lists it. ``place`` is a body of 0x0200 without items."""

    media_id: int
    kind: int
    channel: int
    event: int
    place: bytes


def _pack(layout: str, *values: int) -> bytes:
    try:
        return struct.pack(layout, *values)
    except struct.error as error:
        raise ValueError(str(error)) from None


def _bound(moment: datetime | None) -> bytes:
    return ALL_TIMES if moment is None else to_bcd_time(moment)


# --- sent by the platform


def received(media_id: int, missing: Sequence[int] = ()) -> bytes:
    """0x8800: the medium has come whole, or the numbers of its packages that are missing (at most 255)."""
    head = _pack(">I", media_id)
    return head + _pack(f">B{len(missing)}H", len(missing), *missing) if missing else head


def camera(
    channel: int,
    *,
    shots: int = 1,
    interval_s: int = 0,
    keep: bool = False,
    resolution: int = 2,
    quality: int = 3,
    brightness: int = 128,
    contrast: int = 64,
    saturation: int = 64,
    chroma: int = 128,
) -> bytes:
    """0x8801. ``shots``: 0 stops, FILM films for ``interval_s``, otherwise so many pictures. ``keep``: store, not send."""
    return _pack(
        ">BHHBBBBBBB",
        channel,
        shots,
        interval_s,
        int(keep),
        resolution,
        quality,
        brightness,
        contrast,
        saturation,
        chroma,
    )


def search(kind: int, channel: int, event: int, start: datetime | None, end: datetime | None) -> bytes:
    """0x8802. Channel 0 means all; no bound of time is written as zeros."""
    return _pack(">BBB", kind, channel, event) + _bound(start) + _bound(end)


def fetch(kind: int, channel: int, event: int, start: datetime | None, end: datetime | None, *, drop: bool) -> bytes:
    """0x8803: send what is stored, then keep or ``drop`` it."""
    return search(kind, channel, event, start, end) + _pack(">B", int(drop))


def record_sound(command: int, seconds: int, *, keep: bool = False, rate: int = 0) -> bytes:
    """0x8804: 1 starts, 0 stops; ``rate`` 0 8k, 1 11k, 2 23k, 3 32k."""
    return _pack(">BHBB", command, seconds, int(keep), rate)


def fetch_one(media_id: int, *, drop: bool = False) -> bytes:
    """0x8805."""
    return _pack(">IB", media_id, int(drop))


# --- sent by terminals


def event(head: Head) -> bytes:
    """0x0800."""
    return _pack(">IBBBB", *head)


def upload(head: Head, place: bytes, data: bytes) -> bytes:
    """0x0801 (body.x0801): what it is, a body of 0x0200 without items, the file."""
    if len(place) != POSITION_SIZE:
        raise ValueError(f"position must have {POSITION_SIZE} bytes")
    return event(head) + place + data


def stored_answer(reply_serial: int, found: Sequence[Stored]) -> bytes:
    """0x0802."""
    entries = b"".join(_pack(">IBBB", *item[:4]) + item.place for item in found)
    return _pack(">HH", reply_serial, len(found)) + entries


def camera_answer(reply_serial: int, result: int, media_ids: Sequence[int] = ()) -> bytes:
    """0x0805: 0 done, 1 failed, 2 channel not supported; the media come only with 0."""
    head = _pack(">HB", reply_serial, result)
    return head if result else head + _pack(f">H{len(media_ids)}I", len(media_ids), *media_ids)


# --- reading


def _labels(record: Record) -> Record:
    record["type_label"] = MEDIA_TYPES.get(record["type"], "未知")
    if "format" in record:
        record["format_label"] = MEDIA_FORMATS.get(record["format"], "其他")
    record["event_label"] = MEDIA_EVENTS.get(record["event"], "其他")
    return record


def read_head(cursor: Cursor) -> Record:
    """What 0x0800 says and 0x0801 begins with."""
    names = ("type", "format", "event", "channel")
    return _labels({"media_id": cursor.number(4), **{name: cursor.number(1) for name in names}})


def read_event(cursor: Cursor, version: int) -> Record:
    """0x0800."""
    return read_head(cursor)


def read_upload(cursor: Cursor, version: int) -> Record:
    """0x0801. The 2011 edition has no position; it cannot be told apart and is read as the later ones."""
    record = read_head(cursor)
    place = cursor.take(POSITION_SIZE)
    record["location"] = None
    if place is not None:
        record["location"], problems = describe_location(place, with_items=False)
        cursor.problems.extend(problems)
    record["data_size"] = cursor.left
    record["data_hex"] = cursor.rest().hex()
    return record


def data_of(body: bytes) -> bytes:
    """The file inside a body of 0x0801, empty when there is none."""
    return body[8 + POSITION_SIZE :]


def read_stored(cursor: Cursor, version: int) -> Record:
    """0x0802."""
    record: Record = {"reply_serial": cursor.number(2), "count": cursor.number(2), "media": []}
    while cursor.left >= 7 + POSITION_SIZE and len(record["media"]) < (record["count"] or 0):
        names = ("type", "channel", "event")
        item = _labels({"media_id": cursor.number(4), **{name: cursor.number(1) for name in names}})
        item["location"], problems = describe_location(cursor.take(POSITION_SIZE) or b"", with_items=False)
        cursor.problems.extend(problems)
        record["media"].append(item)
    if len(record["media"]) != (record["count"] or 0):
        cursor.problems.append(Problem("count_mismatch", f"声明 {record['count']}，实际 {len(record['media'])}"))
    return record


def read_camera_answer(cursor: Cursor, version: int) -> Record:
    """0x0805."""
    record: Record = {"reply_serial": cursor.number(2), "result": cursor.number(1), "media_ids": []}
    record["result_label"] = {0: "成功", 1: "失败", 2: "通道不支持"}.get(record["result"], "未知")
    if cursor.left:
        count = cursor.number(2)
        record["media_ids"] = [cursor.number(4) for _ in range(min(count or 0, cursor.left // 4))]
        if count is not None and count != len(record["media_ids"]):
            cursor.problems.append(Problem("count_mismatch", f"声明 {count}，实际 {len(record['media_ids'])}"))
    return record


def read_received(cursor: Cursor, version: int) -> Record:
    """0x8800."""
    record: Record = {"media_id": cursor.number(4), "missing": []}
    if cursor.left:
        count = cursor.number(1) or 0
        record["missing"] = [cursor.number(2) for _ in range(min(count, cursor.left // 2))]
        cursor.short = cursor.short or len(record["missing"]) < count
    return record


def read_camera(cursor: Cursor, version: int) -> Record:
    """0x8801."""
    record: Record = {"channel": cursor.number(1), "shots": cursor.number(2), "interval_s": cursor.number(2)}
    for name in ("keep", "resolution", "quality", "brightness", "contrast", "saturation", "chroma"):
        record[name] = cursor.number(1)
    record["resolution_label"] = RESOLUTIONS.get(record["resolution"], "其他")
    return record


def _read_bound(cursor: Cursor) -> str | None:
    """A bound of time; zeros are none."""
    if cursor.data[cursor.at : cursor.at + 6] == ALL_TIMES:
        cursor.take(6)
        return None
    return cursor.moment()


def read_search(cursor: Cursor, version: int) -> Record:
    """0x8802."""
    record: Record = {"type": cursor.number(1), "channel": cursor.number(1), "event": cursor.number(1)}
    record["start_utc"], record["end_utc"] = _read_bound(cursor), _read_bound(cursor)
    return _labels(record)


def read_fetch(cursor: Cursor, version: int) -> Record:
    """0x8803."""
    return {**read_search(cursor, version), "drop": cursor.number(1)}


def read_record(cursor: Cursor, version: int) -> Record:
    """0x8804."""
    return {
        "command": cursor.number(1), "seconds": cursor.number(2), "keep": cursor.number(1), "rate": cursor.number(1),
    }  # fmt: skip


def read_fetch_one(cursor: Cursor, version: int) -> Record:
    """0x8805."""
    return {"media_id": cursor.number(4), "drop": cursor.number(1)}


UPLINK = {0x0800: read_event, 0x0801: read_upload, 0x0802: read_stored, 0x0805: read_camera_answer}
DOWNLINK = {
    0x8800: read_received, 0x8801: read_camera, 0x8802: read_search, 0x8803: read_fetch, 0x8804: read_record,
    0x8805: read_fetch_one,
}  # fmt: skip
