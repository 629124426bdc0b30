"""Additional information items of the location report (extra.*): id 1 byte, length 1 byte, value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .fields import bcd_time, iso_utc
from .problem import Problem
from .tables import AREA_TYPES, SIGNAL_BITS, bit_labels

Value = Any


class Item(NamedTuple):
    """Kind of an item: name, Chinese label, unit of `value`, lengths it can have, reader from bytes."""

    name: str
    label: str
    unit: str
    lengths: tuple[int, ...]
    read: Callable[[bytes], Value]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _tenth(data: bytes) -> float:
    return int.from_bytes(data, "big") / 10


def _sign_magnitude(data: bytes) -> int:
    word = int.from_bytes(data, "big")
    return -(word & 0x7FFF) if word & 0x8000 else word


def _overspeed(data: bytes) -> dict[str, Value]:
    out: dict[str, Value] = {"place_type": data[0], "place_label": AREA_TYPES.get(data[0], "未知")}
    if len(data) == 5:
        out["area_id"] = _number(data[1:])
    return out


def _area(data: bytes) -> dict[str, Value]:
    return {
        "place_type": data[0],
        "place_label": AREA_TYPES.get(data[0], "未知"),
        "area_id": _number(data[1:5]),
        "direction": data[5],
        "direction_label": {0: "进", 1: "出"}.get(data[5], "未知"),
    }


def _segment(data: bytes) -> dict[str, Value]:
    return {
        "segment_id": _number(data[:4]),
        "duration_s": _number(data[4:6]),
        "result": data[6],
        "result_label": {0: "不足", 1: "过长"}.get(data[6], "未知"),
    }


def _signals(data: bytes) -> dict[str, Value]:
    word = _number(data)
    return {"bits": word, "labels": bit_labels(word, SIGNAL_BITS)}


def _io(data: bytes) -> dict[str, Value]:
    word = _number(data)
    return {"bits": word, "deep_sleep": bool(word & 1), "sleep": bool(word & 2)}


def _analogue(data: bytes) -> dict[str, Value]:
    return {"ad0": _number(data[2:]), "ad1": _number(data[:2])}


def _place(data: bytes) -> dict[str, Value]:
    """Speed to alarm identifier: the common tail of the active-safety items (T/JSATL 12-2017)."""
    return {
        "speed_kmh": data[0],
        "altitude_m": _number(data[1:3]),
        "lat": _number(data[3:7]) / 1e6,
        "lon": _number(data[7:11]) / 1e6,
        "time_utc": iso_utc(bcd_time(data[11:17])),
        "vehicle_state": _number(data[17:19]),
        "identifier": {
            "terminal_id": data[19:26].rstrip(b"\x00").decode("ascii", "replace"),
            "time_utc": iso_utc(bcd_time(data[26:32])),
            "number": data[32],
            "attachments": data[33],
        },
    }


def _adas(data: bytes) -> dict[str, Value]:
    return {
        "alarm_id": _number(data[:4]),
        "state": data[4],
        "type": data[5],
        "level": data[6],
        "front_speed_kmh": data[7],
        "front_distance": data[8],
        "deviation": data[9],
        "sign_type": data[10],
        "sign_value": data[11],
        **_place(data[12:]),
    }


def _dsm(data: bytes) -> dict[str, Value]:
    return {
        "alarm_id": _number(data[:4]),
        "state": data[4],
        "type": data[5],
        "level": data[6],
        "fatigue": data[7],
        **_place(data[12:]),
    }


def _tpms(data: bytes) -> dict[str, Value]:
    return {"alarm_id": _number(data[:4]), "state": data[4], **_place(data[5:40]), "wheels_hex": data[41:].hex()}


def _bsd(data: bytes) -> dict[str, Value]:
    return {"alarm_id": _number(data[:4]), "state": data[4], "type": data[5], **_place(data[6:])}


# an item of a length not listed is kept as hex only
ITEMS: dict[int, Item] = {
    0x01: Item("mileage", "里程", "km", (4,), _tenth),
    0x02: Item("fuel", "油量", "L", (2,), _tenth),
    0x03: Item("recorder_speed", "行驶记录功能获取的速度", "km/h", (2,), _tenth),
    0x04: Item("alarm_event", "需要人工确认报警事件的ID", "", (2,), _number),
    0x05: Item("tyre_pressure", "胎压", "Pa", (30,), list),
    0x06: Item("cabin_temperature", "车厢温度", "℃", (2,), _sign_magnitude),
    0x11: Item("overspeed", "超速报警附加信息", "", (1, 5), _overspeed),
    0x12: Item("area", "进出区域/路线报警附加信息", "", (6,), _area),
    0x13: Item("segment", "路段行驶时间不足/过长报警附加信息", "", (7,), _segment),
    0x14: Item("video_alarm", "视频相关报警", "", (4,), _number),
    0x15: Item("video_signal_lost", "视频信号丢失报警状态", "", (4,), _number),
    0x16: Item("video_signal_covered", "视频信号遮挡报警状态", "", (4,), _number),
    0x17: Item("storage_fault", "存储器故障报警状态", "", (2,), _number),
    0x18: Item("abnormal_driving", "异常驾驶行为报警详细描述", "", (2, 3), _number),
    0x25: Item("vehicle_signal", "扩展车辆信号状态位", "", (4,), _signals),
    0x2A: Item("io", "IO状态位", "", (2,), _io),
    0x2B: Item("analogue", "模拟量", "", (4,), _analogue),
    0x30: Item("signal_strength", "无线通信网络信号强度", "", (1,), _number),
    0x31: Item("satellites", "GNSS定位卫星数", "颗", (1,), _number),
    0x64: Item("adas", "高级驾驶辅助系统报警", "", (47,), _adas),
    0x65: Item("dsm", "驾驶员状态监测系统报警", "", (47,), _dsm),
    0x66: Item("tpms", "胎压监测系统报警", "", tuple(range(41, 256)), _tpms),
    0x67: Item("bsd", "盲区监测系统报警", "", (41,), _bsd),
}


def decode_items(data: bytes) -> tuple[list[dict[str, Value]], list[Problem]]:
    """Bytes after the 28 of a position -> items in order, and what is wrong.

    Each item: id (2 hex digits), name and label (None when unknown), value in the unit named by `unit` (None when
    unknown or of
    unusual length), hex. A length that runs past the end stops the reading; what was read before stays.
    """
    items: list[dict[str, Value]] = []
    problems: list[Problem] = []
    at, end = 0, len(data)
    while at < end:
        if at + 2 > end or at + 2 + data[at + 1] > end:
            problems.append(Problem("bad_item", f"第 {at} 字节起 {data[at : at + 16].hex()}"))
            break
        value = data[at + 2 : at + 2 + data[at + 1]]
        items.append(describe_item(data[at], value))
        at += 2 + len(value)
    return items, problems


def describe_item(number: int, value: bytes) -> dict[str, Value]:
    """One item as a record."""
    kind = ITEMS.get(number)
    record: dict[str, Value] = {"id": f"{number:02x}", "name": None, "label": None, "value": None, "unit": ""}
    if kind is not None:
        record.update(name=kind.name, label=kind.label, unit=kind.unit)
        if len(value) in kind.lengths:
            record["value"] = kind.read(value)
    elif number >= 0xE0:
        record["label"] = "自定义信息"
    record["hex"] = value.hex()
    return record
