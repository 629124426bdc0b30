"""Building of frames and bodies, for the gateway (answers, orders) and for terminals (simulator, replay, tests).

Body builders give bytes; `encode_frame` and `encode_packages` put them on the wire. Values that the layout cannot
hold raise
ValueError: here the caller is our own code, not the network.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from .fields import to_bcd_time
from .frames import FLAG, MAX_BODY, checksum, escape
from .location import POSITION, SOUTH, WEST
from .parameters import PARAMETERS, ParameterValue


def encode_frame(
    msg_id: int,
    body: bytes = b"",
    *,
    phone: str,
    serial: int,
    version_flag: int = 0,
    protocol_version: int = 1,
    package: tuple[int, int] | None = None,
) -> bytes:
    """One frame with delimiters. `phone`: digits as received or fewer (padded in front to 12, or 20 in 2019).

    `package` is (total, number from 1) for one package of a longer message. Raises ValueError for a body above 1,023
    bytes, a
    phone that does not fit, or numbers out of range.
    """
    if len(body) > MAX_BODY:
        raise ValueError(f"body of {len(body)} bytes does not fit one package of {MAX_BODY}")
    digits = 20 if version_flag else 12
    if len(phone) > digits:
        raise ValueError(f"phone has {len(phone)} digits, at most {digits}")
    properties = len(body) | (0x2000 if package else 0) | (0x4000 if version_flag else 0)
    try:
        head = struct.pack(">HH", msg_id, properties)
        if version_flag:
            head += struct.pack(">B", protocol_version)
        head += bytes.fromhex(phone.rjust(digits, "0")) + struct.pack(">H", serial)
        if package:
            head += struct.pack(">HH", *package)
    except struct.error as error:
        raise ValueError(str(error)) from None
    content = head + body
    return FLAG + escape(content + bytes((checksum(content),))) + FLAG


def encode_packages(
    msg_id: int,
    body: bytes,
    *,
    phone: str,
    first_serial: int,
    version_flag: int = 0,
    protocol_version: int = 1,
    max_body: int = MAX_BODY,
) -> list[bytes]:
    """A message as one frame, or as packages with consecutive serials when the body is longer than `max_body` bytes."""
    if not 1 <= max_body <= MAX_BODY:
        raise ValueError(f"max_body must be 1 to {MAX_BODY}")
    pieces = [body[at : at + max_body] for at in range(0, len(body), max_body)] or [b""]
    return [
        encode_frame(
            msg_id,
            piece,
            phone=phone,
            serial=(first_serial + number) & 0xFFFF,
            version_flag=version_flag,
            protocol_version=protocol_version,
            package=(len(pieces), number + 1) if len(pieces) > 1 else None,
        )
        for number, piece in enumerate(pieces)
    ]


def _pack(layout: str, *values: int) -> bytes:
    try:
        return struct.pack(layout, *values)
    except struct.error as error:
        raise ValueError(str(error)) from None


def _fixed(text: str, size: int) -> bytes:
    data = text.encode("gbk")
    if len(data) > size:
        raise ValueError(f"text of {len(data)} bytes does not fit {size}")
    return data.ljust(size, b"\x00")


# --- sent by the platform


def general_answer(reply_serial: int, reply_id: int, result: int = 0) -> bytes:
    """0x8001 and 0x0001 (body.x0001_x8001). Results: tables.ACK_RESULTS."""
    return _pack(">HHB", reply_serial, reply_id, result)


def resend_request(original_serial: int, indexes: Sequence[int], version_flag: int = 0) -> bytes:
    """0x8003 and 0x0005 (body.x8003): numbers of the missing packages; the count has one byte before 2019 (at most
    255).
    """
    count = _pack(">H" if version_flag else ">B", len(indexes))
    return _pack(">H", original_serial) + count + _pack(f">{len(indexes)}H", *indexes)


def server_time(now: datetime) -> bytes:
    """0x8004: aware datetime, sent in GMT+8."""
    return to_bcd_time(now)


def register_answer(reply_serial: int, result: int, auth_code: str = "") -> bytes:
    """0x8100 (body.x8100). The code goes out only with result 0."""
    return _pack(">HB", reply_serial, result) + (auth_code.encode("gbk") if result == 0 else b"")


def parameter(number: int, value: ParameterValue) -> bytes:
    """One parameter item: id 4 bytes, length 1, value. A number takes the width of its type in parameters.PARAMETERS
    (else DWORD).
    """
    if isinstance(value, int):
        known = PARAMETERS.get(number)
        data = _pack({"BYTE": ">B", "WORD": ">H"}.get(known.type if known else "", ">I"), value)
    else:
        data = value.encode("gbk") if isinstance(value, str) else value
    return _pack(">IB", number, len(data)) + data


def set_parameters(values: Mapping[int, ParameterValue]) -> bytes:
    """0x8103 (body.x8103)."""
    return _pack(">B", len(values)) + b"".join(parameter(number, value) for number, value in values.items())


def query_given_parameters(numbers: Sequence[int]) -> bytes:
    """0x8106 (body.x8106)."""
    return _pack(">B", len(numbers)) + _pack(f">{len(numbers)}I", *numbers)


def control(command: int, arguments: str = "") -> bytes:
    """0x8105: command word (1 upgrade, 2 connect to a server, 3 off, 4 restart, 5 factory reset, 6 stop data, 7 stop
    all).
    """
    return _pack(">B", command) + arguments.encode("gbk")


def track(interval_s: int, validity_s: int = 0) -> bytes:
    """0x8202 (body.x8202); interval 0 stops the tracking and has no validity."""
    return _pack(">HI", interval_s, validity_s) if interval_s else _pack(">H", 0)


def confirm_alarm(alarm_serial: int, alarm_types: int) -> bytes:
    """0x8203 (body.x8203)."""
    return _pack(">HI", alarm_serial, alarm_types)


def text_message(text: str, *, flags: int = 0, version_flag: int = 0, kind: int = 1) -> bytes:
    """0x8300 (body.x8300_2013, body.x8300_2019). `kind` (2019): 1 notice, 2 service."""
    return _pack(">B", flags) + (_pack(">B", kind) if version_flag else b"") + text.encode("gbk")


def passthrough(kind: int, data: bytes) -> bytes:
    """0x8900 and 0x0900: kind (tables.PASSTHROUGH_TYPES), content."""
    return _pack(">B", kind) + data


# --- sent by terminals


def register(
    *,
    province: int,
    city: int,
    maker: str,
    model: str,
    terminal_id: str,
    plate_colour: int,
    plate: str,
    edition: str = "2019",
) -> bytes:
    """0x0100 in the edition 2011, 2013 or 2019 (body.x0100)."""
    widths = {"2011": (5, 8, 7), "2013": (5, 20, 7), "2019": (11, 30, 30)}
    if edition not in widths:
        raise ValueError(f"unknown edition {edition}")
    sizes = widths[edition]
    fixed = b"".join(_fixed(text, size) for text, size in zip((maker, model, terminal_id), sizes, strict=True))
    return _pack(">HH", province, city) + fixed + _pack(">B", plate_colour) + plate.encode("gbk")


def authenticate(auth_code: str, *, imei: str = "", software: str = "", version_flag: int = 0) -> bytes:
    """0x0102 (body.x0102_2013, body.x0102_2019)."""
    code = auth_code.encode("gbk")
    if not version_flag:
        return code
    return _pack(">B", len(code)) + code + _fixed(imei, 15) + _fixed(software, 20)


def item(number: int, value: int | bytes, size: int | None = None) -> bytes:
    """One additional item. A number needs `size` in bytes and is in wire units (e.g. 0x01 mileage in 0.1 km, 4
    bytes).
    """
    if isinstance(value, int):
        if size is None:
            raise ValueError("a number needs its size")
        try:
            value = value.to_bytes(size, "big")
        except OverflowError as error:
            raise ValueError(str(error)) from None
    return _pack(">BB", number, len(value)) + value


def location(
    lat: float,
    lon: float,
    moment: datetime,
    *,
    alarm: int = 0,
    status: int = 0,
    altitude_m: int = 0,
    speed_kmh: float = 0.0,
    direction_deg: int = 0,
    items: Iterable[bytes] = (),
) -> bytes:
    """0x0200 (body.x0200). WGS84 degrees; the hemisphere bits of `status` are set from the signs. `items`: results
    of `item`.
    """
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"no such place: {lat}, {lon}")
    status = status & ~(SOUTH | WEST) | (SOUTH if lat < 0 else 0) | (WEST if lon < 0 else 0)
    try:
        fixed = POSITION.pack(
            alarm,
            status,
            round(abs(lat) * 1e6),
            round(abs(lon) * 1e6),
            altitude_m,
            round(speed_kmh * 10),
            direction_deg,
            to_bcd_time(moment),
        )
    except struct.error as error:
        raise ValueError(str(error)) from None
    return fixed + b"".join(items)


def location_batch(bodies: Sequence[bytes], kind: int = 0) -> bytes:
    """0x0704 (body.x0704): bodies of 0x0200. `kind`: 0 normal, 1 made up after a blind area."""
    return _pack(">HB", len(bodies), kind) + b"".join(_pack(">H", len(body)) + body for body in bodies)


def location_answer(reply_serial: int, body: bytes) -> bytes:
    """0x0201: a body of 0x0200 behind the serial of the question."""
    return _pack(">H", reply_serial) + body


def parameters_answer(reply_serial: int, values: Mapping[int, ParameterValue]) -> bytes:
    """0x0104 (body.x0104)."""
    return _pack(">H", reply_serial) + set_parameters(values)


def attributes(
    *,
    kind: int,
    maker: str,
    model: str,
    terminal_id: str,
    iccid: str,
    hardware: str,
    firmware: str,
    gnss: int = 3,
    network: int = 8,
    version_flag: int = 0,
) -> bytes:
    """0x0107. ``iccid``: 20 digits; ``gnss``: bit 0 GPS, bit 1 BeiDou; ``network``: bit 3 LTE."""
    sizes = (5, 30, 30) if version_flag else (5, 20, 7)
    fixed = b"".join(_fixed(text, size) for text, size in zip((maker, model, terminal_id), sizes, strict=True))
    card = bytes.fromhex(iccid.rjust(20, "0"))
    versions = b"".join(_pack(">B", len(data)) + data for data in (hardware.encode("gbk"), firmware.encode("gbk")))
    return _pack(">H", kind) + fixed + card + versions + _pack(">BB", gnss, network)


def upgrade_result(kind: int, result: int) -> bytes:
    """0x0108: tables.UPGRADE_KINDS and UPGRADE_RESULTS."""
    return _pack(">BB", kind, result)


def driver_card(
    state: int,
    moment: datetime,
    *,
    result: int = 0,
    name: str = "",
    licence: str = "",
    authority: str = "",
    valid_until: date | None = None,
    id_number: str = "",
    version_flag: int = 0,
) -> bytes:
    """0x0702 of 2013 and 2019 (body.x0702_2019): the card goes in (1) or out (2); the rest only when it could be read."""
    head = _pack(">B", state) + to_bcd_time(moment)
    if state != 1:
        return head
    head += _pack(">B", result)
    if result:
        return head
    who, issued = name.encode("gbk"), authority.encode("gbk")
    until = valid_until.strftime("%Y%m%d") if valid_until else "00000000"
    body = head + _pack(">B", len(who)) + who + _fixed(licence, 20) + _pack(">B", len(issued)) + issued
    return body + bytes.fromhex(until) + (_fixed(id_number, 20) if version_flag else b"")
