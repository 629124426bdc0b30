"""The position: 28 bytes shared by 0x0200, 0x0201, 0x0500, 0x0704, 0x0801 (body.x0200). Scalar fast path and full
record.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from .fields import bcd_time, iso_utc
from .items import decode_items
from .problem import Problem
from .tables import ALARM_BITS, bit_labels, status_labels

POSITION = struct.Struct(">IIIIHHH6s")
POSITION_SIZE = 28
SOUTH = 0x4
WEST = 0x8


class Location(NamedTuple):
    """Plain values of one position."""

    alarm: int
    status: int
    lat: float
    """Degrees, negative south."""
    lon: float
    """Degrees, negative west."""
    altitude_m: int
    speed_kmh: float
    direction_deg: int
    time_s: int | None
    """Unix seconds, UTC; None when the BCD time is impossible."""


def decode_location(body: bytes) -> Location | None:
    """Fast path for one body of 0x0200: the fixed 28 bytes only. None when it is shorter. Ranges are not judged."""
    if len(body) < POSITION_SIZE:
        return None
    alarm, status, lat, lon, altitude, speed, direction, bcd = POSITION.unpack_from(body)
    return Location(
        alarm,
        status,
        -lat / 1e6 if status & SOUTH else lat / 1e6,
        -lon / 1e6 if status & WEST else lon / 1e6,
        altitude,
        speed / 10,
        direction,
        bcd_time(bcd),
    )


def describe_location(body: bytes, *, with_items: bool = True) -> tuple[dict[str, Any], list[Problem]]:
    """Position as a record in the names of the command line contract, labels included, and what is wrong with it.

    `items` holds the additional items. A body below 28 bytes gives an empty record and `body_too_short`.
    """
    place = decode_location(body)
    if place is None:
        return {}, [Problem("body_too_short", f"位置信息 {len(body)} 字节，至少 {POSITION_SIZE}")]
    problems: list[Problem] = []
    if place.time_s is None:
        problems.append(Problem("bad_time", body[22:28].hex()))
    if abs(place.lat) > 90:
        problems.append(Problem("lat_out_of_range", str(place.lat)))
    if abs(place.lon) > 180:
        problems.append(Problem("lon_out_of_range", str(place.lon)))
    record: dict[str, Any] = {
        "alarm": place.alarm,
        "status": place.status,
        "lat": place.lat,
        "lon": place.lon,
        "altitude_m": place.altitude_m,
        "speed_kmh": place.speed_kmh,
        "direction_deg": place.direction_deg,
        "time_utc": iso_utc(place.time_s),
        "alarm_labels": bit_labels(place.alarm, ALARM_BITS),
        "status_labels": list(status_labels(place.status)),
        "items": [],
    }
    if with_items:
        record["items"], found = decode_items(body[POSITION_SIZE:])
        problems.extend(found)
    return record, problems
