"""The command `zhiguan trips`: positions in, trips and stops out, as JSON Lines (the format is in docs/trips.md)."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import numpy as np
import orjson

from .track_points import TripPolicy
from .trips import Gap, Stop, Track, Trip, detect


@dataclass(slots=True)
class _Columns:
    time: array = field(default_factory=lambda: array("d"))
    lat: array = field(default_factory=lambda: array("d"))
    lon: array = field(default_factory=lambda: array("d"))
    speed_kmh: array = field(default_factory=lambda: array("d"))


class _BadLine(ValueError):
    """What is wrong with a line, in Chinese."""


def trips_lines(source: Iterable[str | bytes], out: TextIO, policy: TripPolicy | None = None) -> None:
    """Read points `{"vehicle","time_utc","lat","lon","speed_kmh"}` in any order; write a line per trip, stop and gap.

    Ordered by vehicle (as they first appear), then by start. A line that cannot be read gives an error line at once and
    is passed over; points left out as impossible are counted at the end of each vehicle.
    """
    vehicles: dict[str | int, _Columns] = {}
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            vehicle, *values = _point(line)
        except _BadLine as wrong:
            _write(out, {"kind": "error", "line": number, "error": str(wrong)})
            continue
        columns = vehicles.setdefault(vehicle, _Columns())
        for name, value in zip(_Columns.__slots__, values, strict=True):
            getattr(columns, name).append(value)
    for vehicle, columns in vehicles.items():
        arrays = (np.frombuffer(getattr(columns, name)) for name in _Columns.__slots__)
        _report(out, vehicle, detect(*arrays, policy=policy))


def _point(line: str | bytes) -> tuple[str | int, float, float, float, float]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _BadLine("不是有效的 JSON") from None
    if not isinstance(row, dict):
        raise _BadLine("每行应为一个 JSON 对象")
    vehicle = row.get("vehicle")
    if isinstance(vehicle, bool) or not isinstance(vehicle, str | int) or vehicle == "":
        raise _BadLine("缺少 vehicle，或不是文字、整数")
    speed = row.get("speed_kmh")
    return (
        vehicle,
        _moment(row.get("time_utc")),
        _number(row, "lat"),
        _number(row, "lon"),
        float("nan") if speed is None else _number(row, "speed_kmh"),
    )


def _number(row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadLine(f"缺少 {name}，或不是数字")
    return float(value)


def _moment(value: Any) -> float:
    """Epoch seconds from ISO 8601 (UTC unless it has an offset), or the number of seconds or milliseconds given."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise _BadLine("缺少 time_utc，或不是 ISO 8601 时间") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _report(out: TextIO, vehicle: str | int, track: Track) -> None:
    rows = sorted([*track.trips, *track.stops, *track.gaps], key=lambda row: (row.start_at, row.end_at))
    for row in rows:
        times = {"vehicle": vehicle, "start_utc": _utc(row.start_at), "end_utc": _utc(row.end_at)}
        _write(out, {"kind": type(row).__name__.lower(), **times, **_values(row)})
    if track.dropped:
        _write(out, {"kind": "dropped", "vehicle": vehicle, "points": track.dropped})


def _values(row: Trip | Stop | Gap) -> dict[str, Any]:
    if isinstance(row, Stop):
        return {
            "lat": round(row.lat, 6),
            "lon": round(row.lon, 6),
            "radius_m": round(row.radius_m, 1),
            "points": row.point_count,
            "displaced_m": round(row.displaced_m, 1),
            "open_start": row.open_start,
            "open_end": row.open_end,
        }
    ends = {
        "start_lat": round(row.start_lat, 6),
        "start_lon": round(row.start_lon, 6),
        "end_lat": round(row.end_lat, 6),
        "end_lon": round(row.end_lon, 6),
        "metres": round(row.distance_m, 1),
    }
    if isinstance(row, Gap):
        return ends
    return ends | {
        "points": row.point_count,
        "max_speed_kmh": round(row.max_speed_kmh, 1),
        "moving_s": round(row.moving_s, 3),
        "silent_s": round(row.silent_s, 3),
        "open_start": row.open_start,
        "open_end": row.open_end,
    }


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def _write(out: TextIO, row: dict[str, Any]) -> None:
    out.write(orjson.dumps(row).decode() + "\n")
