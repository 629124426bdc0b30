"""Where vehicles were without an order: away from their place, out of hours, overnight. SPEC L4.4.

Thresholds are reference facts ``vehicles.detection.*`` in force on the day judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext, SubjectLink

from .. import queries
from ..codes import Match
from ..domain import driving
from ..models import DispatchOrder, Stop, Trip, Vehicle

SHANGHAI = ZoneInfo("Asia/Shanghai")
TRACK_POINTS = 400
COVERING = ("dispatched", "started", "ended")


def _spans(vehicles: list[Vehicle], start: datetime, end: datetime) -> dict[int, list[tuple[datetime, datetime]]]:
    """Return, per vehicle, the times in which a dispatch order covers it."""
    spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    orders = DispatchOrder.objects.filter(
        vehicle__in=[vehicle.pk for vehicle in vehicles], state__in=COVERING,
        planned_from__lt=end + driving.BEFORE, planned_to__gt=start - driving.BEFORE,
    )  # fmt: skip
    for order in orders:
        spans[order.vehicle_id].append(driving.span(order))
    return spans


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%H:%M")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _figure(name: str, value: Any, unit: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def _track(columns: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, list]:
    """Return the rows as a small track that the finding keeps, so that its evidence outlives the positions."""
    if rows.size > TRACK_POINTS:
        rows = rows[np.linspace(0, rows.size - 1, TRACK_POINTS).astype(np.intp)]
    return {
        "t": columns["time_s"][rows].astype(int).tolist(),
        "lat": np.round(columns["lat"][rows], 6).tolist(),
        "lon": np.round(columns["lon"][rows], 6).tolist(),
        "speed": np.round(columns["speed_kmh"][rows], 1).tolist(),
    }


def moved_without_order(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the vehicle left its place by more than the threshold with no order in force.

    Judged on positions, not trips: a hop too short for a trip counts. Some consecutive reports are asked for, so that
    a drifting receiver accuses nobody.
    """
    vehicles = [vehicle for vehicle in context.subjects if vehicle.place_id is not None]
    for text in context.days:
        day = date.fromisoformat(text)
        away_m = float(reference.value("vehicles.detection.away_m", on=day))
        needed = int(reference.value("vehicles.detection.away_points", on=day))
        start, end = queries.day_bounds(day)
        spans = _spans(vehicles, start, end)
        columns = queries.positions_of([vehicle.pk for vehicle in vehicles], start, end)
        for vehicle in vehicles:
            mine = np.arange(*np.searchsorted(columns["vehicle"], [vehicle.pk, vehicle.pk + 1]))
            hit = _away(vehicle, text, columns, mine, spans[vehicle.pk], away_m, needed)
            if hit is not None:
                yield hit


def _away(
    vehicle: Vehicle, period: str, columns: dict[str, np.ndarray], mine: np.ndarray,
    spans: list[tuple[datetime, datetime]], away_m: float, needed: int,
) -> Hit | None:  # fmt: skip
    if mine.size < needed:
        return None
    seconds = columns["time_s"][mine]
    place = vehicle.place
    metres = haversine_m(columns["lat"][mine], columns["lon"][mine], place.lat, place.lon) - place.radius_m
    away = metres > away_m
    covered = np.zeros(mine.size, dtype=bool)
    for first, last in spans:
        covered |= (seconds >= first.timestamp()) & (seconds <= last.timestamp())
    # A vehicle that stands where an order left it has not moved without one; standing still is the night rule's.
    moving = columns["speed_kmh"][mine] >= 3.0
    flagged = away & ~covered
    runs = np.flatnonzero(np.diff(np.concatenate(([0], flagged.astype(np.int8), [0]))))
    best = [(a, b) for a, b in runs.reshape(-1, 2) if b - a >= needed and moving[a:b].any()]
    if not best:
        return None
    rows = np.concatenate([np.arange(a, b) for a, b in best])
    far = rows[int(np.argmax(metres[rows]))]
    first, last = _moment(seconds[rows[0]]), _moment(seconds[rows[-1]])
    minutes = sum(seconds[b - 1] - seconds[a] for a, b in best) / 60
    farthest = float(metres[far])
    return Hit(
        subject=vehicle, period=period, unit=vehicle.unit, occurred_at=first,
        summary=f"{vehicle.plate} 于 {_local(first)} 至 {_local(last)} 无派车单驶离停放地点，"
                f"最远 {farthest / 1000:.1f} 公里，累计 {minutes:.0f} 分钟。",
        evidence={
            "figures": [_figure("最远距离", round(farthest), "米"), _figure("判定距离", round(away_m), "米"),
                        _figure("在外时长", round(minutes), "分钟"), _figure("次数", len(best), "次")],
            "timeline": [
                {"at": _moment(seconds[a]).isoformat(), "until": _moment(seconds[b - 1]).isoformat(),
                 "title": "驶离停放地点", "metres": round(float(metres[a:b].max())),
                 "lat": round(float(columns["lat"][mine[a]]), 6), "lon": round(float(columns["lon"][mine[a]]), 6)}
                for a, b in best
            ],
            "vehicle": vehicle.pk, "day": period, "track": _track(columns, mine[rows]),
        },
    )  # fmt: skip


def outside_hours(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with driving outside office hours or on days off that no dispatch order covers."""
    known = calendar.snapshot()
    vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
    for text in context.days:
        day = date.fromisoformat(text)
        margin = timedelta(minutes=float(reference.value("vehicles.detection.hours_margin_min", on=day)))
        working = known.is_working_day(day)
        allowed: dict[int, tuple[datetime, datetime] | None] = {}
        for vehicle in vehicles.values():
            if vehicle.scope_pos not in allowed:
                hours = known.office_hours(day, vehicle.scope_pos)
                allowed[vehicle.scope_pos] = (hours[0][0] - margin, hours[-1][1] + margin) if hours else None
        trips: dict[int, list[Trip]] = defaultdict(list)
        rows = Trip.objects.filter(vehicle__in=list(vehicles), day=day).exclude(
            match__in=(Match.MATCHED, Match.DEVIATED)
        )
        for trip in rows.order_by("start_at"):
            permitted = allowed[vehicles[trip.vehicle_id].scope_pos]
            if permitted is None or trip.start_at < permitted[0] or trip.end_at > permitted[1]:
                trips[trip.vehicle_id].append(trip)
        for key, own in trips.items():
            vehicle = vehicles[key]
            kilometres = sum(trip.distance_m for trip in own) / 1000
            permitted = allowed[vehicle.scope_pos]
            what = "工作日非工作时间" if working else known.name_of(day)
            yield Hit(
                subject=vehicle, period=text, unit=vehicle.unit, occurred_at=own[0].start_at,
                summary=f"{vehicle.plate} 在{what}行驶 {len(own)} 次、{kilometres:.1f} 公里，无相应派车单"
                        f"（{_local(own[0].start_at)} 起）。",
                evidence={
                    "figures": [_figure("行驶次数", len(own), "次"), _figure("里程", round(kilometres, 1), "公里"),
                                _figure("日期性质", what),
                                _figure("允许时段", f"{_local(permitted[0])}—{_local(permitted[1])}" if permitted else "无")],
                    "timeline": [
                        {"at": trip.start_at.isoformat(), "until": trip.end_at.isoformat(),
                         "title": trip.get_match_display(), "metres": round(trip.distance_m),
                         "lat": trip.start_lat, "lon": trip.start_lon}
                        for trip in own
                    ],
                    "related": [{"type": "vehicles.trip", "id": trip.pk, "label": f"行程 {_local(trip.start_at)}"}
                                for trip in own],
                    "vehicle": vehicle.pk, "day": text,
                },
            )  # fmt: skip


def _uncovered(start: datetime, end: datetime, spans: list[tuple[datetime, datetime]]) -> timedelta:
    """Return how much of ``[start, end)`` lies in none of the spans."""
    left = timedelta(0)
    for first, last in sorted(spans):
        if first > start:
            left += max(min(first, end) - start, timedelta(0))
        start = max(start, min(last, end))
    return left + max(end - start, timedelta(0))


def overnight_outside(context: RuleContext) -> Iterator[Hit]:
    """Yield the nights (by the day they begin on) that a vehicle stood away from its place with no order in force."""
    vehicles = {vehicle.pk: vehicle for vehicle in context.subjects if vehicle.place_id is not None}
    for text in context.days:
        day = date.fromisoformat(text)
        away_m = float(reference.value("vehicles.detection.away_m", on=day))
        least = timedelta(minutes=float(reference.value("vehicles.detection.night_stay_min", on=day)))
        night_from = datetime.combine(
            day, time(int(reference.value("vehicles.detection.night_from", on=day))), SHANGHAI
        )
        night_to = datetime.combine(
            day + timedelta(days=1), time(int(reference.value("vehicles.detection.night_to", on=day))), SHANGHAI
        )
        spans = _spans(list(vehicles.values()), night_from, night_to)
        stays: dict[int, list[tuple[Stop, float, timedelta]]] = defaultdict(list)
        stops = Stop.objects.filter(vehicle__in=list(vehicles), start_at__lt=night_to, end_at__gt=night_from)
        for stop in stops.order_by("start_at"):
            vehicle = vehicles[stop.vehicle_id]
            metres = (
                float(haversine_m(stop.lat, stop.lon, vehicle.place.lat, vehicle.place.lon)) - vehicle.place.radius_m
            )
            first, last = max(stop.start_at, night_from), min(stop.end_at, night_to)
            outside = _uncovered(first, last, spans[stop.vehicle_id])
            if metres > away_m and outside:
                stays[stop.vehicle_id].append((stop, metres, outside))
        for key, own in stays.items():
            total = sum((length for _, _, length in own), timedelta(0))
            if total < least:
                continue
            vehicle = vehicles[key]
            stop, metres, _ = max(own, key=lambda each: each[2])
            yield Hit(
                subject=vehicle, period=text, unit=vehicle.unit, occurred_at=max(own[0][0].start_at, night_from),
                summary=f"{vehicle.plate} 夜间未回停放地点，在外停放 {total.total_seconds() / 3600:.1f} 小时，"
                        f"距停放地点 {metres / 1000:.1f} 公里。",
                evidence={
                    "figures": [_figure("在外停放", round(total.total_seconds() / 60), "分钟"),
                                _figure("距停放地点", round(metres), "米"),
                                _figure("检查时段", f"{_local(night_from)}—次日 {_local(night_to)}")],
                    "timeline": [
                        {"at": each.start_at.isoformat(), "until": each.end_at.isoformat(), "title": "在外停放",
                         "metres": round(away), "lat": each.lat, "lon": each.lon}
                        for each, away, _ in own
                    ],
                    "vehicle": vehicle.pk, "day": text,
                },
            )  # fmt: skip


RULES = (
    Rule(
        code="vehicles.moved_without_order", area="vehicles", name="无派车单驶离停放地点", severity="major",
        clause=f"{reference.cite('vehicles.use.dispatch')}；{reference.cite('vehicles.misuse.private_use')}",
        explanation="将卫星定位与停放地点、派车单比对：车辆驶离停放场地边缘超过判定距离、连续多点，且该时段没有生效的派车单。",
        evaluate=moved_without_order,
    ),
    Rule(
        code="vehicles.outside_hours", area="vehicles", name="非工作时间用车", severity="major",
        clause=f"{reference.cite('vehicles.misuse.private_use')}；{reference.cite('vehicles.use.register')}",
        explanation="将行程与工作日历、作息时间、派车单比对：在休息日、节假日或上下班宽限时段之外行驶，且没有派车单或超出派车时段。",
        evaluate=outside_hours,
    ),
    Rule(
        code="vehicles.overnight_outside", area="vehicles", name="夜间未回停放地点", severity="minor",
        clause=reference.cite("vehicles.use.dispatch"),
        explanation="将夜间停留位置与停放地点、派车单比对：夜间检查时段内在停放场地之外停放达到判定时长，且没有派车单。",
        evaluate=overnight_outside,
    ),
)  # fmt: skip
LINKS = (
    SubjectLink("vehicles.vehicle", "vehicles.vehicle.detail", replay="vehicles.replay.data"),
    SubjectLink("vehicles.dispatchorder", "vehicles.order.detail"),
)
