"""The evidence of a finding about a vehicle: figures, timeline, a small track of its own, thresholds, confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.reference.service import Thresholds

from ..domain.fleetday import Columns
from .frame import Day, moment

SHANGHAI = ZoneInfo("Asia/Shanghai")
TRACK_POINTS = 200
TIMELINE_STEPS = 40


def clock(at: datetime | float) -> str:
    """Return the local time of day."""
    return (at if isinstance(at, datetime) else moment(at)).astimezone(SHANGHAI).strftime("%H:%M")


def figure(name: str, value: Any, unit: str = "") -> dict[str, Any]:
    """Return one key number; numpy's become plain."""
    return {"name": name, "value": value.item() if isinstance(value, np.generic) else value, "unit": unit}


def step(
    title: str, start_s: float, end_s: float | None = None, *, metres: float | None = None, lat: float | None = None,
    lon: float | None = None, note: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return one step of the timeline."""
    found: dict[str, Any] = {"at": moment(start_s).isoformat(), "title": title}
    if end_s is not None:
        found["until"] = moment(end_s).isoformat()
    if metres is not None and math.isfinite(metres):
        found["metres"] = round(float(metres))
    if lat is not None and lon is not None:
        found |= {"lat": round(float(lat), 6), "lon": round(float(lon), 6)}
    if note:
        found["note"] = note
    return found


class Sure(float):
    """How sure a rule is, with what it is made of: the data's quality, and value ÷ threshold (None where there is none)."""

    quality: float
    margin: float | None


def confidence(quality: float, margin: float = math.inf, certainty: float = 1.0) -> Sure:
    """Return how sure a rule is, 0 to 1: the data's quality, times how far the value lies beyond its threshold.

    ``margin`` is value ÷ threshold: at the threshold itself half, at twice the threshold nine tenths. ``certainty`` is
    the rule's own: below 1 where what was observed can have another reason.
    """
    beyond = 1.0 if math.isinf(margin) else 1.0 - 0.5 * math.exp(-1.6 * max(0.0, margin - 1.0))
    clear = float(min(1.0, max(0.0, quality)))
    found = Sure(round(clear * beyond * certainty, 2))
    found.quality, found.margin = round(clear, 2), round(float(margin), 2) if math.isfinite(margin) else None
    return found


def track(columns: Columns, rows: NDArray[np.intp]) -> dict[str, list]:
    """Return the rows as a small track that the finding keeps, so that its evidence outlives the positions."""
    if rows.size > TRACK_POINTS:
        rows = rows[np.linspace(0, rows.size - 1, TRACK_POINTS).astype(np.intp)]
    return {
        "t": columns.time_s[rows].astype(int).tolist(),
        "lat": np.round(columns.lat[rows], 6).tolist(),
        "lon": np.round(columns.lon[rows], 6).tolist(),
        "speed": np.round(columns.speed_kmh[rows], 1).tolist(),
    }


def thresholds(limits: Thresholds, names: Iterable[str], pos: int) -> list[dict[str, Any]]:
    """Return the thresholds a hit was judged by, with their source and whether its text was read."""
    found = []
    for name in names:
        fact = limits.fact(name)
        found.append({
            "code": fact.code, "name": fact.name, "value": limits.value(name, pos), "unit": fact.unit,
            "citation": fact.citation, "verified": fact.verified,
        })  # fmt: skip
    return found


def evidence(
    day: Day, slot: int, *, figures: Sequence[Mapping[str, Any]], timeline: Sequence[Mapping[str, Any]],
    limits: Sequence[str], sure: float, rows: NDArray[np.intp] | None = None, related: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Put the evidence of one vehicle-day together. ``limits`` names its thresholds, ``rows`` the points of its track."""
    vehicle = day.frame.vehicles[slot]
    return assemble(
        day.limits, vehicle, day.text, figures=figures, timeline=timeline, limits=limits, sure=sure, related=related,
    ) | ({"track": track(day.frame.points, rows)} if rows is not None and rows.size else {})  # fmt: skip


def assemble(
    known: Thresholds, vehicle: Any, day: str, *, figures: Sequence[Mapping[str, Any]],
    timeline: Sequence[Mapping[str, Any]], limits: Sequence[str], sure: float, related: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    """The same without columns: for rules that read stored trips, stops and records. ``day`` is the one to replay."""
    found: dict[str, Any] = {
        "figures": [*figures, figure("可信度", f"{sure:.0%}")],
        "timeline": list(timeline)[:TIMELINE_STEPS],
        "thresholds": thresholds(known, limits, vehicle.scope_pos),
        "confidence": float(sure),
        "vehicle": vehicle.pk,
        "day": day,
    }
    if isinstance(sure, Sure):
        found["quality"] = sure.quality
        if sure.margin is not None:
            found["margin"] = sure.margin
    if related:
        found["related"] = list(related)[:TIMELINE_STEPS]
    return found
