"""Where vehicles were without an order: away from their place, out of hours, overnight. SPEC L4.4.

Thresholds are reference facts ``vehicles.detection.*`` in force on the day judged, an organ's own where it has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import numpy as np

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext

from ..codes import Match
from ..domain import matching
from ..domain.fleetday import over
from ..models import Stop
from . import evidence as ev
from .evidence import SHANGHAI, clock, figure, step
from .frame import Day, by_slot, days, limits, moment, placed

LEAVING_KMH = 5.0
"""Two reports in a row of so much speed: a single one may be a receiver's, and a standing one makes up slower ones."""


def moved_without_order(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the vehicle left its place by more than the threshold with no order in force.

    Judged on positions, not trips: a hop too short for a trip counts. Some consecutive reports are asked for, so that
    a drifting receiver accuses nobody, and two in a row must move: a vehicle that stands where an order left it has not
    moved without one; standing still is the night rule's.
    """
    for day in days(context):
        frame = day.frame
        away_m = day.limit("away_m")
        flagged = (frame.from_place > away_m[frame.points.slot]) & ~day.covered & frame.kept
        first, last = frame.runs(flagged)
        if not first.size:
            continue
        long = last - first >= np.maximum(day.limit("away_points")[frame.points.slot[first]], 2)
        first, last = first[long], last[long]
        if not first.size:
            continue
        leaving = frame.points.speed_kmh >= LEAVING_KMH
        leaving[1:] &= leaving[:-1]
        leaving[0] = False
        good = over(np.logical_or, leaving, first + 1, last)  # the first one's neighbour lies before the run
        first, last = first[good], last[good]
        for slot, runs in by_slot(frame.points.slot[first]):
            yield _away(day, slot, first[runs], last[runs], float(away_m[slot]))


def _away(day: Day, slot: int, first: np.ndarray, last: np.ndarray, away_m: float) -> Hit:
    frame, points = day.frame, day.frame.points
    vehicle = frame.vehicles[slot]
    rows = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    metres = frame.from_place
    start_s, end_s = float(points.time_s[rows[0]]), float(points.time_s[rows[-1]])
    minutes = float((points.time_s[last - 1] - points.time_s[first]).sum()) / 60
    farthest = float(metres[rows].max())
    sure = ev.confidence(frame.quality[slot], farthest / max(away_m, 1.0))
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(start_s),
        summary=f"{vehicle.plate} 于 {clock(start_s)} 至 {clock(end_s)} 无派车单驶离停放地点，"
                f"最远 {farthest / 1000:.1f} 公里，累计 {minutes:.0f} 分钟。",
        evidence=ev.evidence(
            day, slot, rows=rows, limits=("away_m", "away_points"), sure=sure,
            figures=[figure("最远距离", round(farthest), "米"), figure("判定距离", round(away_m), "米"),
                     figure("在外时长", round(minutes), "分钟"), figure("次数", int(first.size), "次")],
            timeline=[
                step("驶离停放地点", points.time_s[a], points.time_s[b - 1], metres=float(metres[a:b].max()),
                     lat=points.lat[a], lon=points.lon[a])
                for a, b in zip(first.tolist(), last.tolist(), strict=True)
            ],
        ),
    )  # fmt: skip


def outside_hours(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with driving outside office hours or on days off that no dispatch order covers."""
    known = calendar.snapshot()
    for day in days(context):
        frame, trips = day.frame, day.trips
        working = known.is_working_day(day.day)
        margin = day.limit("hours_margin_min") * 60
        opens, closes = np.full(len(frame.vehicles), np.inf), np.full(len(frame.vehicles), -np.inf)
        spans: dict[int, tuple[float, float] | None] = {}
        for slot, vehicle in enumerate(frame.vehicles):
            if vehicle.scope_pos not in spans:
                hours = known.office_hours(day.day, vehicle.scope_pos)
                spans[vehicle.scope_pos] = (hours[0][0].timestamp(), hours[-1][1].timestamp()) if hours else None
            if (span := spans[vehicle.scope_pos]) is not None:
                opens[slot], closes[slot] = span
        opens, closes = opens - margin, closes + margin
        slot = trips["slot"]
        allowed = np.isin(trips["match"], (Match.MATCHED, Match.DEVIATED))
        beyond = np.maximum(opens[slot] - trips["start_s"], trips["end_s"] - closes[slot])
        found = np.flatnonzero(~allowed & (beyond > 0))
        what = "工作日非工作时间" if working else known.name_of(day.day)
        for which, own in by_slot(slot[found]):
            vehicle, rows = frame.vehicles[which], trips[found[own]]
            kilometres = float(rows["distance_m"].sum()) / 1000
            permitted = f"{clock(opens[which])}—{clock(closes[which])}" if np.isfinite(opens[which]) else "无"
            late_s = float(np.nan_to_num(beyond[found[own]], posinf=3600.0).max())
            sure = ev.confidence(frame.quality[which], 1.0 + late_s / 1800)
            yield Hit(
                subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(rows["start_s"][0]),
                summary=f"{vehicle.plate} 在{what}行驶 {rows.size} 次、{kilometres:.1f} 公里，无相应派车单"
                        f"（{clock(rows['start_s'][0])} 起）。",
                evidence=ev.evidence(
                    day, which, limits=("hours_margin_min",), sure=sure,
                    figures=[figure("行驶次数", int(rows.size), "次"), figure("里程", round(kilometres, 1), "公里"),
                             figure("日期性质", what), figure("允许时段", permitted)],
                    timeline=[
                        step(Match(row["match"]).label, row["start_s"], row["end_s"], metres=row["distance_m"],
                             lat=row["start_lat"], lon=row["start_lon"])
                        for row in rows
                    ],
                    related=[{"type": "vehicles.trip", "id": int(row["pk"]), "label": f"行程 {clock(row['start_s'])}"}
                             for row in rows],
                ),
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
    """Yield the nights (by the day they begin on) that a vehicle stood away from its place with no order in force.

    Reads stored stops of both days, so that it needs no positions of the day before.
    """
    vehicles = {vehicle.pk: vehicle for vehicle in placed(context.subjects)}
    for text in context.periods:
        day = date.fromisoformat(text)
        known = limits(context, day)
        night_from = datetime.combine(day, time(int(known.value("night_from"))), SHANGHAI)
        night_to = datetime.combine(day + timedelta(days=1), time(int(known.value("night_to"))), SHANGHAI)
        rows = Stop.objects.filter(
            vehicle__in=list(vehicles), start_at__lt=night_to, end_at__gt=night_from, at_place=False
        ).order_by("start_at").values_list("vehicle", "start_at", "end_at", "lat", "lon")  # fmt: skip
        outside: dict[int, list[tuple[datetime, datetime, float, float, float]]] = defaultdict(list)
        for key, start, end, lat, lon in rows:
            place = vehicles[key].place
            metres = float(haversine_m(lat, lon, place.lat, place.lon)) - place.radius_m
            if metres > float(known.value("away_m", vehicles[key].scope_pos)):
                outside[key].append((max(start, night_from), min(end, night_to), lat, lon, metres))
        if not outside:
            continue
        spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
        orders = matching.orders_of({key: key for key in outside}, night_from, night_to)
        for order in orders.rows:
            spans[order.vehicle_id].append((order.planned_from - matching.BEFORE, order.planned_to + matching.BEFORE))
        for key, stays in outside.items():
            hit = _night(vehicles[key], text, known, stays, spans[key], (night_from, night_to))
            if hit is not None:
                yield hit


def _night(
    vehicle: object, text: str, known: reference.Thresholds,
    stays: list[tuple[datetime, datetime, float, float, float]], spans: list[tuple[datetime, datetime]],
    night: tuple[datetime, datetime],
) -> Hit | None:  # fmt: skip
    lengths = [(stay, _uncovered(stay[0], stay[1], spans)) for stay in stays]
    counted = [(stay, length) for stay, length in lengths if length]
    total = sum((length for _, length in counted), timedelta(0))
    least = timedelta(minutes=float(known.value("night_stay_min", vehicle.scope_pos)))
    if not counted or total < least:
        return None
    longest = max(counted, key=lambda each: each[1])[0]
    metres = longest[4]
    return Hit(
        subject=vehicle, period=text, unit=vehicle.unit, occurred_at=counted[0][0][0],
        summary=f"{vehicle.plate} 夜间未回停放地点，在外停放 {total.total_seconds() / 3600:.1f} 小时，"
                f"距停放地点 {metres / 1000:.1f} 公里。",
        evidence=ev.assemble(
            known, vehicle, text, limits=("away_m", "night_stay_min", "night_from", "night_to"),
            sure=ev.confidence(0.97, total / least),
            figures=[figure("在外停放", round(total.total_seconds() / 60), "分钟"), figure("距停放地点", round(metres), "米"),
                     figure("检查时段", f"{clock(night[0])}—次日 {clock(night[1])}")],
            timeline=[
                step("在外停放", start.timestamp(), end.timestamp(), metres=away, lat=lat, lon=lon)
                for (start, end, lat, lon, away), _ in counted
            ],
        ),
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
        evaluate=overnight_outside, looks_ahead_days=1, looks_behind_days=1,
    ),
)  # fmt: skip
