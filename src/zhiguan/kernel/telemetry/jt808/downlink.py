"""Bodies of the messages that the platform sends, as a terminal reads them (simulator, tests, recorded traffic)."""

from __future__ import annotations

from . import areas, multimedia
from .fields import Cursor
from .messages import Decoder, Record, general_answer, passthrough, read_parameters, resend_request
from .tables import ALARM_BITS, CONTROL_COMMANDS, REGISTER_RESULTS, bit_labels


def _empty(cursor: Cursor, version: int) -> Record:
    return {}


def _server_time(cursor: Cursor, version: int) -> Record:
    """0x8004: six BCD bytes, read as GMT+8 like every time of the protocol."""
    return {"time_utc": cursor.moment()}


def _register_answer(cursor: Cursor, version: int) -> Record:
    """0x8100 (body.x8100)."""
    record: Record = {"reply_serial": cursor.number(2), "result": cursor.number(1)}
    record["result_label"] = REGISTER_RESULTS.get(record["result"], "未知")
    record["auth_code"] = cursor.text() if cursor.left else None
    return record


def _set_parameters(cursor: Cursor, version: int) -> Record:
    """0x8103 (body.x8103)."""
    record: Record = {"count": cursor.number(1)}
    record["parameters"] = read_parameters(cursor, record["count"])
    return record


def _control(cursor: Cursor, version: int) -> Record:
    """0x8105: command word, then arguments: text separated by semicolons, binary numbers in some commands."""
    record: Record = {"command": cursor.number(1)}
    record["command_label"] = CONTROL_COMMANDS.get(record["command"], "未知")
    data = cursor.rest()
    try:
        record["arguments"] = data.decode("gbk")
    except UnicodeDecodeError:
        record["arguments"] = None
    record["arguments_hex"] = data.hex()
    return record


def _query_given_parameters(cursor: Cursor, version: int) -> Record:
    """0x8106 (body.x8106)."""
    record: Record = {"count": cursor.number(1)}
    ids = [cursor.number(4) for _ in range(min(record["count"] or 0, cursor.left // 4))]
    record["ids"] = [f"{number:04x}" for number in ids if number is not None]
    cursor.short = cursor.short or len(ids) < (record["count"] or 0)
    return record


def _track(cursor: Cursor, version: int) -> Record:
    """0x8202 (body.x8202); the validity is left out when the interval is 0."""
    record: Record = {"interval_s": cursor.number(2), "validity_s": None}
    if cursor.left:
        record["validity_s"] = cursor.number(4)
    return record


def _confirm_alarm(cursor: Cursor, version: int) -> Record:
    """0x8203 (body.x8203)."""
    record: Record = {"alarm_serial": cursor.number(2), "alarm_types": cursor.number(4)}
    record["alarm_labels"] = bit_labels(record["alarm_types"] or 0, ALARM_BITS)
    return record


def _text(cursor: Cursor, version: int) -> Record:
    """0x8300 (body.x8300_2013, body.x8300_2019)."""
    record: Record = {"flags": cursor.number(1)}
    if version:
        record["type"] = cursor.number(1)
    record["text"] = cursor.text()
    return record


DOWNLINK: dict[int, Decoder] = {
    0x8001: general_answer,
    0x8003: resend_request,
    0x8004: _server_time,
    0x8100: _register_answer,
    0x8103: _set_parameters,
    0x8104: _empty,
    0x8105: _control,
    0x8106: _query_given_parameters,
    0x8107: _empty,
    0x8201: _empty,
    0x8202: _track,
    0x8203: _confirm_alarm,
    0x8204: _empty,
    0x8300: _text,
    0x8702: _empty,
    0x8900: passthrough,
    **areas.DOWNLINK,
    **multimedia.DOWNLINK,
}
