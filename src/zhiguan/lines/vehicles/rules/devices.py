"""Terminals that fall silent, and vehicles that moved meanwhile. SPEC L4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import ALWAYS, Hit, Rule, RuleContext
from zhiguan.kernel.telemetry import service as telemetry

from .. import queries
from ..models import Stop, Terminal, Trip, Vehicle, VehicleDay
from . import evidence as ev
from .evidence import SHANGHAI, clock, figure, step
from .frame import Day, by_slot, days, moment

LAST_SEEN_DAYS = 30
STRAY_REPORTS = 1
"""A single report in a long silence is one of another time: its clock was wrong."""
DRIVING_S = 150.0
"""A car that moved so short a time before its last report was driving: it may have stood at a red light."""


# --- 终端离线


def terminal_offline(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which a terminal in use was silent: while driving, through office hours, or all night.

    - while driving: the vehicle moved shortly before a long silence, and went on elsewhere;
    - office hours of a working day: no report for longer than the threshold within them;
    - the night before: last seen away from its place, and not a report until the night ended. Such a night has no stop
      that the night rule could judge.

    Scheduled every morning for vehicles without any report, and whenever a day is computed.
    """
    known = calendar.snapshot()
    for day in days(context):
        frame = day.frame
        if moment(frame.end_s) > context.now + timedelta(days=1):
            continue
        fitted = set(
            Terminal.objects.filter(vehicle__in=frame.keys.tolist(), state="active")
            .filter(Q(installed_at__isnull=True) | Q(installed_at__lte=moment(frame.start_s))).values_list("vehicle", flat=True)
        )  # fmt: skip
        until_s = min(frame.end_s, context.now.timestamp())
        edges = frame.heard_edges.tolist()
        if until_s < frame.end_s:  # of whom nothing was heard yet today is asked in the morning, when the day is over
            fitted &= {vehicle.pk for slot, vehicle in enumerate(frame.vehicles) if edges[slot] < edges[slot + 1]}
        silences = _while_driving(day)
        hours: dict[int, Any] = {}
        for slot, vehicle in enumerate(frame.vehicles):
            if vehicle.state != "in_service" or vehicle.pk not in fitted:
                continue
            if vehicle.scope_pos not in hours:
                hours[vehicle.scope_pos] = known.office_hours(day.day, vehicle.scope_pos, with_break=True)
            heard = frame.heard.time_s[edges[slot] : edges[slot + 1]]
            gap = _longest_gap(heard, hours[vehicle.scope_pos], until_s)
            if gap[1] - gap[0] > float(day.limits.value("offline_hours", vehicle.scope_pos)) * 3600:
                silences[slot].append(
                    ("工作时间无上报", *gap, float(day.limits.value("offline_hours", vehicle.scope_pos)) * 3600)
                )
        for slot, found in _silent_nights(day, fitted).items():
            silences[slot] += found
        for slot in sorted(silences):
            if silences[slot] and frame.vehicles[slot].pk in fitted:
                yield _offline(day, slot, sorted(silences[slot], key=lambda each: each[1]))


Silence = tuple[str, float, float, float]
"""(what, from, until, threshold in seconds)."""


def _while_driving(day: Day) -> dict[int, list[Silence]]:
    frame, points = day.frame, day.frame.points
    found: dict[int, list[Silence]] = defaultdict(list)
    rows = _confirmed(day, np.flatnonzero(frame.kept))
    if rows.size < 2:
        return found
    a, b = rows[:-1], rows[1:]
    gap = points.time_s[b] - points.time_s[a]
    least = day.limit("offline_min")[points.slot[a]] * 60
    drove = np.maximum.accumulate(np.where(frame.moving[a], np.arange(a.size), -1))
    driving = (
        (drove >= 0)
        & (points.slot[a[drove]] == points.slot[a])
        & (points.time_s[a] - points.time_s[a[drove]] <= DRIVING_S)
    )
    long = (points.slot[a] == points.slot[b]) & (gap > least) & driving
    for at, to, threshold in zip(a[long].tolist(), b[long].tolist(), least[long].tolist(), strict=True):
        metres = float(haversine_m(points.lat[at], points.lon[at], points.lat[to], points.lon[to]))
        slot = int(points.slot[at])
        heard = frame.heard.time_s[frame.heard_edges[slot] : frame.heard_edges[slot + 1]]
        between = np.count_nonzero((heard > points.time_s[at]) & (heard < points.time_s[to]))
        if metres > 500.0 and between <= STRAY_REPORTS:
            found[slot].append(("行驶中失联", float(points.time_s[at]), float(points.time_s[to]), threshold))
    return found


def _longest_gap(
    heard: NDArray[np.float64], hours: Sequence[tuple[datetime, datetime]], until_s: float
) -> tuple[float, float]:
    """Return the longest time without a report within office hours, as far as the present goes."""
    best = (0.0, 0.0)
    for start, end in hours:
        first, last = start.timestamp(), min(end.timestamp(), until_s)
        if last <= first:
            continue
        inner = heard[(heard > first) & (heard < last)]
        marks = np.concatenate(([first], inner, [last]))
        at = int(np.argmax(np.diff(marks)))
        if marks[at + 1] - marks[at] > best[1] - best[0]:
            best = (float(marks[at]), float(marks[at + 1]))
    return best


def _silent_nights(day: Day, fitted: set[int]) -> dict[int, list[Silence]]:
    """The night before the day: last seen away from its place, and not heard of, or once, from its beginning to its end."""
    frame = day.frame
    night_from = datetime.combine(day.day - timedelta(days=1), time(int(day.limits.value("night_from"))), SHANGHAI)
    night_to = datetime.combine(day.day, time(int(day.limits.value("night_to"))), SHANGHAI)
    found: dict[int, list[Silence]] = defaultdict(list)
    if night_to > day.context.now:
        return found
    away_m, silence = day.limit("away_m"), ("在外过夜无上报", night_from.timestamp(), night_to.timestamp())
    length = (night_to - night_from).total_seconds()
    late: dict[int, int] = {}
    for slot, (seen, lat, lon) in last_seen(day).items():
        vehicle = frame.vehicles[slot]
        if vehicle.place is None or vehicle.pk not in fitted:
            continue
        heard = frame.heard.time_s[int(frame.heard_edges[slot]) : int(frame.heard_edges[slot + 1])]
        reports = int(np.searchsorted(heard, night_to.timestamp()))
        metres = float(haversine_m(lat, lon, vehicle.place.lat, vehicle.place.lon)) - vehicle.place.radius_m
        if reports > STRAY_REPORTS or metres <= away_m[slot]:
            continue
        if seen >= night_from.timestamp():
            late[slot] = reports
        else:
            found[slot].append((*silence, length / 2))
    for slot, reports in _reports_of(day, late, night_from).items():
        if late[slot] + reports <= STRAY_REPORTS:
            found[slot].append((*silence, length / 2))
    return found


def _reports_of(day: Day, slots: Iterable[int], since: datetime) -> dict[int, int]:
    """Return by slot how many reports the vehicles sent from then until the day began."""
    vehicles = {day.frame.vehicles[slot].pk: slot for slot in slots}
    found = dict.fromkeys(vehicles.values(), 0)
    if vehicles:
        until = moment(day.frame.start_s)
        fittings = queries.fittings_of(list(vehicles), since, until)
        sources = telemetry.reports_of(sorted({each.source_id for each in fittings}), since, until)["source_id"]
        for each in fittings:
            found[vehicles[each.vehicle_id]] += int(np.count_nonzero(sources == each.source_id))
    return found


def _offline(day: Day, slot: int, silences: list[Silence]) -> Hit:
    frame = day.frame
    vehicle = frame.vehicles[slot]
    longest = max(silences, key=lambda each: each[2] - each[1])
    hours = (longest[2] - longest[1]) / 3600
    what = "、".join(dict.fromkeys(each[0] for each in silences))
    heard = int(frame.heard_edges[slot + 1] - frame.heard_edges[slot])
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(silences[0][1]),
        summary=f"{vehicle.plate} 定位终端离线（{what}），最长 {hours:.1f} 小时（{clock(longest[1])} 起）。",
        evidence=ev.evidence(
            day, slot, limits=("offline_min", "offline_hours", "night_from", "night_to"),
            sure=ev.confidence(1.0, (longest[2] - longest[1]) / longest[3], 0.95),
            figures=[figure("最长离线", round(hours, 1), "小时"), figure("次数", len(silences), "次"),
                     figure("当日上报", heard, "条")],
            timeline=[step(name, start, end) for name, start, end, _ in silences],
        ),
    )  # fmt: skip


def silent_vehicles(start: date, end: date) -> list[Vehicle]:
    """Return the vehicles in use with a terminal that sent no position on some day of the range: nothing else would ever
    have their day computed."""
    fitted = Terminal.objects.filter(state="active", vehicle__isnull=False).values("vehicle")
    wanted = (end - start).days
    reported = defaultdict(int)
    for vehicle in VehicleDay.objects.filter(day__gte=start, day__lt=end).values_list("vehicle", flat=True):
        reported[vehicle] += 1
    rows = Vehicle.objects.filter(pk__in=fitted, state="in_service").select_related("place", "unit").order_by("pk")
    return [vehicle for vehicle in rows if reported[vehicle.pk] < wanted]


def last_seen(day: Day) -> dict[int, tuple[float, float, float]]:
    """Return slot → (Unix seconds, latitude, longitude) of where vehicles were last known to be before the day."""
    return day.context.shared.once(("vehicles.seen", day.text), lambda: _last_seen(day))


def _last_seen(day: Day) -> dict[int, tuple[float, float, float]]:
    frame = day.frame
    since = day.day - timedelta(days=LAST_SEEN_DAYS)
    window = {"vehicle__in": frame.keys.tolist(), "day__gte": since, "day__lt": day.day}
    trips = Trip.objects.filter(**window).order_by("vehicle", "-end_at").distinct("vehicle")
    stops = Stop.objects.filter(**window).order_by("vehicle", "-end_at").distinct("vehicle")
    last: dict[int, tuple[float, float, float]] = {}
    for found in (trips.values_list("vehicle", "end_at", "end_lat", "end_lon"),
                  stops.values_list("vehicle", "end_at", "lat", "lon")):  # fmt: skip
        for vehicle, end_at, lat, lon in found:
            slot = frame.slots[vehicle]
            if slot not in last or end_at.timestamp() > last[slot][0]:
                last[slot] = (end_at.timestamp(), lat, lon)
    return last


# --- 静默移动


def silent_move(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the vehicle was elsewhere after a silence, with no order covering it.

    Tunnels are too short for the threshold; a vehicle that drove on through a longer silence is the offline rule's
    unless it had stood before. The first report of a day is compared with where the vehicle was last known to be.
    """
    for day in days(context):
        frame, points = day.frame, day.frame.points
        rows = _confirmed(day, np.flatnonzero(frame.kept))
        if not rows.size:
            continue
        a, b = rows[:-1], rows[1:]
        long = _silent(day, a, b) & (points.slot[a] == points.slot[b]) & ~frame.moving[a]
        a, b = a[long], b[long]
        moves = list(zip(points.slot[b].tolist(), points.time_s[a].tolist(), points.lat[a].tolist(), points.lon[a].tolist(),
                         b.tolist(), strict=True)) + _since_before(day, rows)  # fmt: skip
        if not moves:
            continue
        slot, since, lat, lon, row = (np.array(column) for column in zip(*moves, strict=True))
        metres = haversine_m(lat, lon, points.lat[row], points.lon[row])
        far = metres > day.limit("silent_move_m")[slot]
        # Where an order covers the end of the silence, the journey has its order: only the terminal failed.
        far &= ~day.covered[row]
        hit = np.flatnonzero(far)
        for which, own in by_slot(slot[hit]):
            found = sorted((float(since[n]), int(row[n]), float(metres[n]), float(lat[n]), float(lon[n]))
                           for n in hit[own].tolist())  # fmt: skip
            yield _moved(day, which, found)


def _silent(day: Day, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether nothing was heard between the rows for the time of the threshold; true between two vehicles."""
    points = day.frame.points
    gap = points.time_s[b] - points.time_s[a]
    return (points.slot[a] != points.slot[b]) | (gap >= day.limit("silent_min")[points.slot[a]] * 60)


def _confirmed(day: Day, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Leave out single reports in a long silence that neither the one before nor the one after confirms: they are of
    another time, their clock was wrong."""
    if not rows.size:
        return rows
    points = day.frame.points
    a, b = rows[:-1], rows[1:]
    silent, same = _silent(day, a, b), points.slot[a] == points.slot[b]
    metres = haversine_m(points.lat[a], points.lon[a], points.lat[b], points.lon[b])
    far = silent & (~same | (metres > day.limit("silent_move_m")[points.slot[a]]))
    alone = np.concatenate(([True], far)) & np.concatenate((far, [True]))
    return rows[~alone]


def _since_before(day: Day, rows: NDArray[np.intp]) -> list[tuple[int, float, float, float, int]]:
    """Return (slot, last seen, where, first row of today) of vehicles last seen on an earlier day."""
    points = day.frame.points
    slots, at = np.unique(points.slot[rows], return_index=True)
    seen, least = last_seen(day), day.limit("silent_min") * 60
    moves = []
    for slot, row in zip(slots.tolist(), rows[at].tolist(), strict=True):
        if slot in seen and points.time_s[row] - seen[slot][0] >= least[slot]:
            moves.append((slot, *seen[slot], row))
    return moves


def _moved(day: Day, slot: int, found: list[tuple[float, int, float, float, float]]) -> Hit:
    frame, points = day.frame, day.frame.points
    vehicle = frame.vehicles[slot]
    since, row, metres, _, _ = max(found, key=lambda each: each[2])
    least = float(day.limits.value("silent_move_m", vehicle.scope_pos))
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(points.time_s[found[0][1]]),
        summary=f"{vehicle.plate} 在无上报期间（{clock(since)} 至 {clock(points.time_s[row])}）移动 {metres / 1000:.1f} 公里，"
                f"没有派车单。",
        evidence=ev.evidence(
            day, slot, limits=("silent_min", "silent_move_m"), sure=ev.confidence(frame.quality[slot], metres / least, 0.95),
            figures=[figure("移动距离", round(metres), "米"), figure("无上报时长", round((points.time_s[row] - since) / 60), "分钟"),
                     figure("次数", len(found), "次")],
            timeline=[
                part for start, at, far, lat, lon in found for part in (
                    step("最后一次上报", start, lat=lat, lon=lon),
                    step("恢复上报", points.time_s[at], metres=far, lat=points.lat[at], lon=points.lon[at]),
                )
            ],
        ),
    )  # fmt: skip


POSITIONING = reference.cite("vehicles.use.positioning")
DISPATCH = reference.cite("vehicles.use.dispatch")
RULES = (
    Rule(
        code="vehicles.terminal_offline", area="vehicles", name="定位终端离线", severity="minor",
        clause=f"{DISPATCH}；{POSITIONING}",
        explanation="检查在用车辆的终端上报：行驶中失联、工作时间长时间无上报，或最后位置不在停放地点而整夜无上报。",
        evaluate=terminal_offline, cadence="20 5 * * *", subjects=silent_vehicles, lookback_days=2, on_dirty=ALWAYS,
        looks_behind_days=1,
    ),
    Rule(
        code="vehicles.silent_move", area="vehicles", name="静默移动", severity="major", clause=f"{DISPATCH}；{POSITIONING}",
        explanation="将无上报前后的位置比对：位移超过判定距离，停车后失联，且恢复时没有派车单。",
        evaluate=silent_move, looks_behind_days=1,
    ),
)  # fmt: skip
