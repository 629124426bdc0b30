"""Areas and routes that a terminal watches by itself: 0x8600 to 0x8607 to bytes and back, 0x8608 and its answer 0x0608.

The bodies are body.x8600 and its kin. With edition 2019 a speed limit has a second value for the night and every area a
name; the header's version flag decides. Positions are WGS84; south and west are bits of the attributes, as in a report.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .fields import Cursor, to_bcd_time

Record = dict[str, Any]
Point = tuple[float, float]
"""Latitude, longitude in degrees."""

CIRCLE, RECTANGLE, POLYGON, ROUTE = 1, 2, 3, 4
"""Kinds in 0x8608 and 0x0608."""
KINDS: dict[int, str] = {CIRCLE: "圆形区域", RECTANGLE: "矩形区域", POLYGON: "多边形区域", ROUTE: "路线"}
UPDATE, APPEND, CHANGE = 0, 1, 2
"""What 0x8600 and 0x8602 do with areas that are there: replace all, add, change those of the same number."""
TIMED, LIMITED = 0x1, 0x2
TELL_DRIVER_IN, TELL_PLATFORM_IN, TELL_DRIVER_OUT, TELL_PLATFORM_OUT = 0x4, 0x8, 0x10, 0x20
SOUTH, WEST = 0x40, 0x80
POINT_TIMED, POINT_LIMITED, POINT_SOUTH, POINT_WEST = 0x1, 0x2, 0x4, 0x8
ATTRIBUTES: dict[int, str] = {
    0: "按时间", 1: "限速", 2: "进入时提示驾驶员", 3: "进入时报告平台", 4: "离开时提示驾驶员", 5: "离开时报告平台",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What holds in an area: when (every day when the dates are alike is up to the terminal), how fast, whom to tell.

    ``tell`` holds the four TELL bits. Speeds in km/h, ``over_s`` how long a driver may be above before an alarm.
    """

    tell: int = TELL_PLATFORM_IN | TELL_PLATFORM_OUT
    start: datetime | None = None
    end: datetime | None = None
    max_speed: int | None = None
    over_s: int = 10
    night_speed: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Turn:
    """A turning point of a route and the segment that begins there. ``width_m`` up to 255."""

    number: int
    segment: int
    at: Point
    width_m: int = 50
    longest_s: int | None = None
    shortest_s: int | None = None
    max_speed: int | None = None
    over_s: int = 10
    night_speed: int | None = None


NO_RULE = Rule()


def _word(rule: Rule, points: Sequence[Point]) -> int:
    word = rule.tell & 0x3C
    if (rule.start is None) != (rule.end is None):
        raise ValueError("起止时间应同时填写")
    word |= TIMED if rule.start is not None else 0
    word |= LIMITED if rule.max_speed is not None else 0
    south = {lat < 0 for lat, _ in points if lat}
    west = {lon < 0 for _, lon in points if lon}
    if len(south) > 1 or len(west) > 1:
        raise ValueError("区域跨越赤道或本初子午线，终端无法表示")
    return word | (SOUTH if True in south else 0) | (WEST if True in west else 0)


def _place(point: Point) -> bytes:
    lat, lon = point
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"坐标超出范围：{lat}, {lon}")
    return struct.pack(">II", round(abs(lat) * 1e6), round(abs(lon) * 1e6))


def _times(rule: Rule) -> bytes:
    return b"" if rule.start is None or rule.end is None else to_bcd_time(rule.start) + to_bcd_time(rule.end)


def _pack(layout: str, *values: int) -> bytes:
    try:
        return struct.pack(layout, *values)
    except struct.error as error:
        raise ValueError(str(error)) from None


def _speed(limit: int | None, over_s: int) -> bytes:
    return b"" if limit is None else _pack(">HB", limit, over_s)


def _night(limit: int | None, night: int | None, version_flag: int) -> bytes:
    if not version_flag or limit is None:
        return b""
    return _pack(">H", limit if night is None else night)


def _name(name: str, version_flag: int) -> bytes:
    if not version_flag:
        return b""
    data = name.encode("gbk")
    return _pack(">H", len(data)) + data


def circle(number: int, centre: Point, radius_m: int, rule: Rule = NO_RULE, version_flag: int = 0) -> bytes:
    """One circle: an entry of 0x8600."""
    return (
        _pack(">IH", number, _word(rule, [centre])) + _place(centre) + _pack(">I", radius_m) + _times(rule)
        + _speed(rule.max_speed, rule.over_s) + _night(rule.max_speed, rule.night_speed, version_flag)
        + _name(rule.name, version_flag)
    )  # fmt: skip


def rectangle(number: int, top_left: Point, bottom_right: Point, rule: Rule = NO_RULE, version_flag: int = 0) -> bytes:
    """One rectangle along the meridians: an entry of 0x8602."""
    return (
        _pack(">IH", number, _word(rule, [top_left, bottom_right])) + _place(top_left) + _place(bottom_right)
        + _times(rule) + _speed(rule.max_speed, rule.over_s)
        + _night(rule.max_speed, rule.night_speed, version_flag) + _name(rule.name, version_flag)
    )  # fmt: skip


def set_areas(entries: Sequence[bytes], action: int = CHANGE) -> bytes:
    """0x8600 or 0x8602 with entries of :func:`circle` or :func:`rectangle`."""
    return _pack(">BB", action, len(entries)) + b"".join(entries)


def polygon(number: int, points: Sequence[Point], rule: Rule = NO_RULE, version_flag: int = 0) -> bytes:
    """0x8604: one polygon; the ring is not closed by repeating its first point."""
    return (
        _pack(">IH", number, _word(rule, points)) + _times(rule) + _speed(rule.max_speed, rule.over_s)
        + _pack(">H", len(points)) + b"".join(map(_place, points))
        + _night(rule.max_speed, rule.night_speed, version_flag) + _name(rule.name, version_flag)
    )  # fmt: skip


def route(number: int, turns: Sequence[Turn], rule: Rule = NO_RULE, version_flag: int = 0) -> bytes:
    """0x8606: one route. Its own speed bit does not exist: limits belong to segments."""
    word = _word(Rule(tell=rule.tell, start=rule.start, end=rule.end), [])
    return (
        _pack(">IH", number, word) + _times(rule) + _pack(">H", len(turns))
        + b"".join(_turn(turn, version_flag) for turn in turns) + _name(rule.name, version_flag)
    )  # fmt: skip


def _turn(turn: Turn, version_flag: int) -> bytes:
    lat, lon = turn.at
    timed = turn.longest_s is not None or turn.shortest_s is not None
    word = (POINT_TIMED if timed else 0) | (POINT_LIMITED if turn.max_speed is not None else 0)
    word |= (POINT_SOUTH if lat < 0 else 0) | (POINT_WEST if lon < 0 else 0)
    return (
        _pack(">II", turn.number, turn.segment) + _place(turn.at) + _pack(">BB", turn.width_m, word)
        + (_pack(">HH", turn.longest_s or 0xFFFF, turn.shortest_s or 0) if timed else b"")
        + _speed(turn.max_speed, turn.over_s) + _night(turn.max_speed, turn.night_speed, version_flag)
    )  # fmt: skip


def delete(numbers: Sequence[int]) -> bytes:
    """0x8601, 0x8603, 0x8605 and 0x8607: the areas of these numbers; none given means all of that kind."""
    return _pack(">B", len(numbers)) + _pack(f">{len(numbers)}I", *numbers)


def query(kind: int, numbers: Sequence[int] = ()) -> bytes:
    """0x8608 (2019): what the terminal carries of a kind; none given means all."""
    return _pack(">BI", kind, len(numbers)) + _pack(f">{len(numbers)}I", *numbers)


def answer(kind: int, entries: Sequence[bytes]) -> bytes:
    """0x0608: entries in the layout of :func:`circle`, :func:`rectangle`, :func:`polygon` or :func:`route`."""
    return _pack(">BI", kind, len(entries)) + b"".join(entries)


# --- reading


@dataclass
class _Head:
    record: Record = field(default_factory=dict)
    word: int = 0

    def point(
        self, cursor: Cursor, south: int = SOUTH, west: int = WEST, word: int | None = None
    ) -> list[float | None]:
        bits = self.word if word is None else word
        lat, lon = cursor.number(4), cursor.number(4)
        return [
            None if lat is None else (-lat if bits & south else lat) / 1e6,
            None if lon is None else (-lon if bits & west else lon) / 1e6,
        ]


def _head(cursor: Cursor) -> _Head:
    record: Record = {"area_id": cursor.number(4), "attributes": cursor.number(2)}
    word = record["attributes"] or 0
    record["attribute_labels"] = [label for bit, label in ATTRIBUTES.items() if word >> bit & 1]
    return _Head(record, word)


def _read_times(cursor: Cursor, head: _Head) -> None:
    timed = head.word & TIMED
    head.record["start_utc"] = cursor.moment() if timed else None
    head.record["end_utc"] = cursor.moment() if timed else None


def _read_speed(cursor: Cursor, record: Record, limited: int) -> None:
    record["max_speed_kmh"] = cursor.number(2) if limited else None
    record["over_s"] = cursor.number(1) if limited else None


def _read_tail(cursor: Cursor, head: _Head, version: int, *, limited: bool = True) -> Record:
    if version:
        if limited:
            head.record["night_speed_kmh"] = cursor.number(2) if head.word & LIMITED else None
        size = cursor.number(2)
        head.record["name"] = None if size is None else cursor.text(size)
    return head.record


def read_circle(cursor: Cursor, version: int) -> Record:
    """One circle."""
    head = _head(cursor)
    head.record["centre"] = head.point(cursor)
    head.record["radius_m"] = cursor.number(4)
    _read_times(cursor, head)
    _read_speed(cursor, head.record, head.word & LIMITED)
    return _read_tail(cursor, head, version)


def read_rectangle(cursor: Cursor, version: int) -> Record:
    """One rectangle."""
    head = _head(cursor)
    head.record["top_left"] = head.point(cursor)
    head.record["bottom_right"] = head.point(cursor)
    _read_times(cursor, head)
    _read_speed(cursor, head.record, head.word & LIMITED)
    return _read_tail(cursor, head, version)


def read_polygon(cursor: Cursor, version: int) -> Record:
    """One polygon."""
    head = _head(cursor)
    _read_times(cursor, head)
    _read_speed(cursor, head.record, head.word & LIMITED)
    count = cursor.number(2) or 0
    head.record["points"] = [head.point(cursor) for _ in range(min(count, cursor.left // 8))]
    cursor.short = cursor.short or len(head.record["points"]) < count
    return _read_tail(cursor, head, version)


def read_route(cursor: Cursor, version: int) -> Record:
    """One route."""
    head = _head(cursor)
    _read_times(cursor, head)
    count = cursor.number(2) or 0
    turns: list[Record] = []
    while len(turns) < count and cursor.left:
        turns.append(_read_turn(cursor, head, version))
    head.record["turns"] = turns
    cursor.short = cursor.short or len(turns) < count
    return _read_tail(cursor, head, version, limited=False)


def _read_turn(cursor: Cursor, head: _Head, version: int) -> Record:
    turn: Record = {"number": cursor.number(4), "segment": cursor.number(4)}
    place = cursor.take(8)
    turn["width_m"] = cursor.number(1)
    word = turn["attributes"] = cursor.number(1) or 0
    turn["at"] = [None, None] if place is None else head.point(Cursor(place), POINT_SOUTH, POINT_WEST, word)
    turn["longest_s"] = cursor.number(2) if word & POINT_TIMED else None
    turn["shortest_s"] = cursor.number(2) if word & POINT_TIMED else None
    _read_speed(cursor, turn, word & POINT_LIMITED)
    if version:
        turn["night_speed_kmh"] = cursor.number(2) if word & POINT_LIMITED else None
    return turn


READERS = {CIRCLE: read_circle, RECTANGLE: read_rectangle, POLYGON: read_polygon, ROUTE: read_route}


def _set_many(kind: int) -> Any:
    def read(cursor: Cursor, version: int) -> Record:
        record: Record = {"action": cursor.number(1), "count": cursor.number(1)}
        record["action_label"] = {UPDATE: "更新", APPEND: "追加", CHANGE: "修改"}.get(record["action"], "未知")
        record["areas"] = []
        while len(record["areas"]) < (record["count"] or 0) and cursor.left:
            record["areas"].append(READERS[kind](cursor, version))
        cursor.short = cursor.short or len(record["areas"]) < (record["count"] or 0)
        return record

    return read


def read_delete(cursor: Cursor, version: int) -> Record:
    """0x8601, 0x8603, 0x8605, 0x8607."""
    count = cursor.number(1)
    ids = [cursor.number(4) for _ in range(min(count or 0, cursor.left // 4))]
    cursor.short = cursor.short or len(ids) < (count or 0)
    return {"count": count, "ids": ids, "all": count == 0}


def read_query(cursor: Cursor, version: int) -> Record:
    """0x8608."""
    record: Record = {"kind": cursor.number(1), "count": cursor.number(4)}
    record["kind_label"] = KINDS.get(record["kind"], "未知")
    record["ids"] = [cursor.number(4) for _ in range(min(record["count"] or 0, cursor.left // 4))]
    cursor.short = cursor.short or len(record["ids"]) < (record["count"] or 0)
    return record


def read_answer(cursor: Cursor, version: int) -> Record:
    """0x0608: the areas when they can be read to the last byte, the bytes in hexadecimal otherwise."""
    record: Record = {"kind": cursor.number(1), "count": cursor.number(4)}
    record["kind_label"] = KINDS.get(record["kind"], "未知")
    reader = READERS.get(record["kind"])
    data = cursor.rest()
    count = record["count"] or 0
    if reader is not None and count <= len(data):
        inner = Cursor(data)
        found = []
        while inner.left and len(found) < count and not inner.short:
            found.append(reader(inner, version))
        if len(found) == count and not inner.short and not inner.left:
            record["areas"] = found
            record["ids"] = [area["area_id"] for area in found]
            cursor.problems.extend(inner.problems)
            return record
    if reader is None and count and len(data) == 4 * count:
        record["ids"] = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]
        return record
    record["data_hex"] = data.hex()
    return record


DOWNLINK = {
    0x8600: _set_many(CIRCLE), 0x8601: read_delete, 0x8602: _set_many(RECTANGLE), 0x8603: read_delete,
    0x8604: read_polygon, 0x8605: read_delete, 0x8606: read_route, 0x8607: read_delete, 0x8608: read_query,
}  # fmt: skip
