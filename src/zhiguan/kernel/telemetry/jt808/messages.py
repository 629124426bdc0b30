"""Bodies of the messages that terminals send, each to a plain record. Nothing here raises on any bytes.

A decoder takes a cursor over the whole body and the version flag of the header (0: 2011 or 2013, 1: 2019) and fills
a record;
a field whose bytes are missing is None. Bodies of unknown messages are kept as hex by `decode_body`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import areas, multimedia
from .fields import BCD, Cursor, bcd_time
from .location import describe_location
from .parameters import PARAMETERS, WIDTHS
from .problem import Problem
from .tables import (
    ACK_RESULTS,
    BATCH_TYPES,
    CARD_RESULTS,
    CARD_STATES,
    PASSTHROUGH_TYPES,
    PLATE_COLOURS,
    UPGRADE_KINDS,
    UPGRADE_RESULTS,
)

Record = dict[str, Any]
Decoder = Callable[[Cursor, int], Record]


def hex_id(number: int | None) -> str | None:
    """Message id as four hex digits."""
    return None if number is None else f"{number:04x}"


def _empty(cursor: Cursor, version: int) -> Record:
    return {}


def general_answer(cursor: Cursor, version: int) -> Record:
    """0x0001 and 0x8001 (body.x0001_x8001)."""
    record: Record = {
        "reply_serial": cursor.number(2),
        "reply_id": hex_id(cursor.number(2)),
        "result": cursor.number(1),
    }
    record["result_label"] = ACK_RESULTS.get(record["result"], "未知")
    return record


def resend_request(cursor: Cursor, version: int) -> Record:
    """0x0005 and 0x8003 (body.x8003). The count has one byte in 2013 and two in 2019: told by which one fits the
    length.
    """
    record: Record = {"original_serial": cursor.number(2)}
    left = cursor.left
    width = 2 if version else 1
    for candidate in (width, 3 - width):
        count = int.from_bytes(cursor.data[2 : 2 + candidate], "big")
        if left >= candidate and left == candidate + 2 * count:
            width = candidate
            break
    record["count"] = cursor.number(width)
    record["indexes"] = [cursor.number(2) for _ in range(min(record["count"] or 0, cursor.left // 2))]
    _compare_count(cursor, record["count"], len(record["indexes"]))
    return record


def _register(cursor: Cursor, version: int) -> Record:
    """0x0100 (body.x0100)."""
    edition, maker, model, terminal = _register_layout(cursor.data, version)
    record: Record = {
        "edition": edition,
        "province": cursor.number(2),
        "city": cursor.number(2),
        "maker": cursor.text(maker),
        "model": cursor.text(model),
        "terminal_id": cursor.text(terminal),
        "plate_colour": cursor.number(1),
    }
    record["plate_colour_label"] = PLATE_COLOURS.get(record["plate_colour"], "其他")
    record["plate"] = cursor.text() if not cursor.short else None
    return record


def _register_layout(body: bytes, version: int) -> tuple[str, int, int, int]:
    """Edition and widths of maker, model, terminal id. 2011 and 2013 share the header, so length and colour byte
    decide.
    """
    if version and len(body) >= 76:
        return "2019", 11, 30, 30
    # a 2011 body with a long plate or a VIN is as long as a 2013 one, but then holds a letter where 2013 has the colour
    if len(body) >= 37 and (body[36] <= 9 or body[24] > 9):
        return "2013", 5, 20, 7
    return "2011", 5, 8, 7


def _authenticate(cursor: Cursor, version: int) -> Record:
    """0x0102 (body.x0102_2013, body.x0102_2019). A 2019 frame whose body does not fit the 2019 layout is read as
    2013.
    """
    data = cursor.data
    if version and data and len(data) >= 1 + data[0] + 15:
        count = cursor.number(1)
        record: Record = {"edition": "2019", "auth_code": cursor.text(count), "imei": cursor.text(15)}
        record["software_version"] = cursor.text(min(20, cursor.left))
        return record
    return {"edition": "2013", "auth_code": cursor.text()}


def read_parameters(cursor: Cursor, count: int | None) -> list[Record]:
    """Parameter items of 0x0104 and 0x8103: id 4 bytes, length 1, value; values by the type in `parameters.PARAMETERS`."""
    items: list[Record] = []
    while cursor.left and (count is None or len(items) < count):
        number = cursor.number(4)
        size = cursor.number(1)
        value = None if size is None else cursor.take(size)
        if number is None or value is None:
            break
        known = PARAMETERS.get(number)
        record: Record = {
            "id": f"{number:04x}",
            "name": None,
            "label": None,
            "value": None,
            "unit": "",
            "hex": value.hex(),
        }
        if known is not None:
            record.update(name=known.name, label=known.label, unit=known.unit)
            width = WIDTHS.get(known.type)
            if width == len(value):
                record["value"] = int.from_bytes(value, "big")
            elif known.type == "STRING":
                record["value"] = cursor.decoded(value)
            elif known.type == "STRUCT":
                record["value"] = value.hex()
        items.append(record)
    _compare_count(cursor, count, len(items))
    return items


def _parameters_answer(cursor: Cursor, version: int) -> Record:
    """0x0104 (body.x0104)."""
    record: Record = {"reply_serial": cursor.number(2), "count": cursor.number(1)}
    record["parameters"] = read_parameters(cursor, record["count"])
    return record


def _attributes(cursor: Cursor, version: int) -> Record:
    """0x0107: 2013 with model 20 and id 7, 2019 with 30 and 30; some terminals leave out the last two bytes."""
    widths = (5, 30, 30) if version and cursor.left >= 2 + 65 + 12 else (5, 20, 7)
    record: Record = {
        "kind": cursor.number(2),
        "maker": cursor.text(widths[0]),
        "model": cursor.text(widths[1]),
        "terminal_id": cursor.text(widths[2]),
    }
    iccid = cursor.take(10)
    record["iccid"] = None if iccid is None else iccid.hex()
    record["hardware_version"] = cursor.short_text()
    record["firmware_version"] = cursor.short_text()
    record["gnss"] = cursor.number(1) if cursor.left else None
    record["network"] = cursor.number(1) if cursor.left else None
    return record


def _upgrade_result(cursor: Cursor, version: int) -> Record:
    """0x0108."""
    record: Record = {"kind": cursor.number(1), "result": cursor.number(1)}
    record["kind_label"] = UPGRADE_KINDS.get(record["kind"], "其他")
    record["result_label"] = UPGRADE_RESULTS.get(record["result"], "未知")
    return record


def _location(cursor: Cursor, version: int) -> Record:
    """0x0200 (body.x0200)."""
    record, problems = describe_location(cursor.rest())
    cursor.problems.extend(problems)
    return record


def _location_answer(cursor: Cursor, version: int) -> Record:
    """0x0201 and 0x0500: serial of the question, then a position."""
    return {"reply_serial": cursor.number(2), **_location(cursor, version)}


def _batch(cursor: Cursor, version: int) -> Record:
    """0x0704 (body.x0704)."""
    record: Record = {"count": cursor.number(2), "type": cursor.number(1)}
    record["type_label"] = BATCH_TYPES.get(record["type"], "未知")
    items: list[Record] = []
    while cursor.left:
        size = cursor.number(2)
        piece = None if size is None else cursor.take(size)
        if piece is None:
            break
        place, problems = describe_location(piece)
        cursor.problems.extend(Problem(p.code, f"第 {len(items) + 1} 项 {p.detail}") for p in problems)
        items.append(place)
    record["items"] = items
    _compare_count(cursor, record["count"], len(items))
    return record


def _recorder(cursor: Cursor, version: int) -> Record:
    """0x0700: serial of the question, command word, driving-record block (GB/T 19056) kept as hex with its own
    checksum judged.
    """
    record: Record = {"reply_serial": cursor.number(2), "command": cursor.number(1)}
    block = cursor.rest()
    record["block_hex"] = block.hex()
    if len(block) >= 7 and block[:2] == b"\x55\x7a":
        size = block[3] << 8 | block[4]
        record["block"] = {"command": block[2], "size": size, "data_hex": block[6 : 6 + size].hex()}
        if len(block) == size + 7:
            total = 0
            for byte in block[:-1]:
                total ^= byte
            record["block"]["checksum_ok"] = total == block[-1]
    return record


def _driver(cursor: Cursor, version: int) -> Record:
    """0x0702: 2011 (body begins with the name), 2013, 2019 (body.x0702_2019)."""
    data = cursor.data
    if _is_driver_2011(data):
        return {
            "edition": "2011",
            "name": cursor.short_text(),
            "id_number": cursor.text(20),
            "licence": cursor.text(40),
            "authority": cursor.short_text(),
        }
    record: Record = {"edition": "2019" if version else "2013", "state": cursor.number(1)}
    record["state_label"] = CARD_STATES.get(record["state"], "未知")
    record["time_utc"] = cursor.moment()
    if not cursor.left:
        return record
    record |= {"read_result": cursor.number(1)}
    record["read_label"] = CARD_RESULTS.get(record["read_result"], "未知")
    if not cursor.left:
        return record
    record["name"] = cursor.short_text()
    record["licence"] = cursor.text(20)
    record["authority"] = cursor.short_text()
    record["valid_until"] = cursor.day()
    if cursor.left >= 20:
        record["id_number"] = cursor.text(20)
    return record


def _is_driver_2011(data: bytes) -> bool:
    if len(data) < 62 or (data[0] in (1, 2) and bcd_time(data[1:7]) is not None):
        return False
    at = 1 + data[0] + 60
    return at < len(data) and at + 1 + data[at] == len(data)


def _can(cursor: Cursor, version: int) -> Record:
    """0x0705: count, time of day hhmmss and milliseconds (BCD[5]), then id 4 and data 8 each."""
    record: Record = {"count": cursor.number(2), "time_of_day": None}
    clock = cursor.take(5)
    if clock is not None:
        hour, minute, second, high, low = (BCD[byte] for byte in clock)
        if hour < 24 and minute < 60 and second < 61 and high < 10 and low < 100:
            record["time_of_day"] = f"{hour:02}:{minute:02}:{second:02}.{high * 100 + low:03}"
        elif hour < 24 and minute < 60 and second < 60 and high < 100 and low < 100:
            # seen in use: the four digits as ten-thousandths of a second
            record["time_of_day"] = f"{hour:02}:{minute:02}:{second:02}.{high:02}{low:02}"
        else:
            cursor.problems.append(Problem("bad_time", clock.hex()))
    items: list[Record] = []
    while cursor.left >= 12:
        word = cursor.number(4) or 0
        items.append(
            {
                "channel": word >> 31,
                "extended": bool(word >> 30 & 1),
                "averaged": bool(word >> 29 & 1),
                "can_id": word & 0x1FFFFFFF,
                "data_hex": (cursor.take(8) or b"").hex(),
            }
        )
    record["frames"] = items
    _compare_count(cursor, record["count"], len(items))
    return record


def passthrough(cursor: Cursor, version: int) -> Record:
    """0x0900 and 0x8900: kind, content (vendor's own)."""
    record: Record = {"kind": cursor.number(1)}
    record["kind_label"] = PASSTHROUGH_TYPES.get(record["kind"], "未登记的类型")
    data = cursor.rest()
    record["data_hex"] = data.hex()
    if data and all(32 <= byte < 127 or byte in (9, 10, 13) for byte in data):
        record["text"] = data.decode("ascii")
    return record


def _compare_count(cursor: Cursor, declared: int | None, found: int) -> None:
    if declared is not None and declared != found:
        cursor.problems.append(Problem("count_mismatch", f"声明 {declared}，实际 {found}"))


UPLINK: dict[int, Decoder] = {
    0x0001: general_answer,
    0x0002: _empty,
    0x0003: _empty,
    0x0004: _empty,
    0x0005: resend_request,
    0x0100: _register,
    0x0102: _authenticate,
    0x0104: _parameters_answer,
    0x0107: _attributes,
    0x0108: _upgrade_result,
    0x0200: _location,
    0x0201: _location_answer,
    0x0500: _location_answer,
    0x0608: areas.read_answer,
    0x0700: _recorder,
    0x0702: _driver,
    0x0704: _batch,
    0x0705: _can,
    0x0900: passthrough,
    **multimedia.UPLINK,
}
