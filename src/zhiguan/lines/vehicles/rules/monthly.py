"""What only a month shows: a car that became somebody's own, a car nobody needs. SPEC L4.4."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import OVER, Hit, Rule, RuleContext, months

from ..codes import Holding, VehicleKind
from ..domain.matching import COVERING
from ..models import DispatchOrder, Terminal, Trip, Vehicle, VehicleDay, VehicleHolder
from . import evidence as ev
from .energy import FAR_BACK_DAYS, fleet, month_bounds
from .evidence import SHANGHAI, figure, step
from .frame import limits

MORNING, EVENING = (5.5, 10.0), (16.5, 23.0)
"""Local hours in which a commute begins in the morning, and ends in the evening."""
SAME_TIME_MIN = 30

Move = tuple[date, float, float, float, float, float, float]
"""(day, local hour of start, of end, start lat, lon, end lat, lon)."""


def _hour(moment: datetime) -> float:
    local = moment.astimezone(SHANGHAI)
    return local.hour + local.minute / 60


def de_facto_assigned(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-months in which a vehicle served one person like a car of their own (违规配备专车).

    Two patterns, each on at least so many days of the month:

    - commute: the first trip of the morning begins, and the last trip of the evening ends, at one place that is not the
      vehicle's own; and if the days have orders, one person has most of them;
    - orders: one person's orders go at the same time of day to the same destination, and make up most of the days on
      which the vehicle was ordered.

    Vehicles assigned to a person by rule (固定使用人, 按规定配备) are left out. A month is judged from the day on which it
    has enough days.
    """
    for month in context.periods:
        first, end = month_bounds(month)
        known = limits(context, first)
        assigned = set(
            VehicleHolder.objects.filter(holding=Holding.ASSIGNED, state="active", valid_from__lt=end)
            .exclude(valid_to__lte=first).values_list("vehicle", flat=True)
        )  # fmt: skip
        vehicles = {vehicle.pk: vehicle for vehicle in context.subjects if vehicle.pk not in assigned}
        orders = _orders(list(vehicles), first, end)
        moves: dict[int, list[Move]] = defaultdict(list)
        rows = Trip.objects.filter(vehicle__in=list(vehicles), day__gte=first, day__lt=end).order_by("start_at").values_list(
            "vehicle", "day", "start_at", "end_at", "start_lat", "start_lon", "end_lat", "end_lon"
        )  # fmt: skip
        for key, day, start, until, *places in rows:
            moves[key].append((day, _hour(start), _hour(until), *places))
        for key in sorted(set(moves) | set(orders)):
            hit = _assigned(month, known, vehicles[key], moves[key], orders[key])
            if hit is not None:
                yield hit


def _orders(vehicles: Sequence[int], first: date, end: date) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    start, until = (datetime.combine(day, datetime.min.time(), SHANGHAI) for day in (first, end))
    rows = DispatchOrder.objects.filter(
        vehicle__in=vehicles, state__in=COVERING, planned_from__gte=start, planned_from__lt=until
    ).order_by("planned_from").values_list(
        "pk", "code", "vehicle_id", "requester_id", "passenger_ids", "destination", "planned_from", named=True
    )  # fmt: skip
    for row in rows:
        found[row.vehicle_id].append(row)
    return found


def _people(order: Any) -> list[int]:
    """Return whom an order serves: its passengers, or whoever asked for it."""
    return list(order.passenger_ids) or [order.requester_id]


def _commute(vehicle: Vehicle, moves: list[Move], near_m: float) -> tuple[tuple[float, float] | None, list[date]]:
    """Return the place a commute starts from and comes back to most often, and on which days."""
    ends: dict[date, tuple[Move, Move]] = {}
    for move in moves:
        day = move[0]
        ends[day] = (ends[day][0], move) if day in ends else (move, move)
    days, homes = [], []
    for day, (morning, evening) in sorted(ends.items()):
        if (
            morning is evening
            or not MORNING[0] <= morning[1] <= MORNING[1]
            or not EVENING[0] <= evening[2] <= EVENING[1]
        ):
            continue
        if float(haversine_m(morning[3], morning[4], evening[5], evening[6])) > near_m:
            continue
        days.append(day)
        homes.append((morning[3], morning[4]))
    if not homes:
        return None, []
    lat, lon = np.array(homes).T
    apart = haversine_m(lat[:, None], lon[:, None], lat[None, :], lon[None, :]) <= near_m
    best = int(np.argmax(apart.sum(axis=1)))
    home = (float(np.median(lat[apart[best]])), float(np.median(lon[apart[best]])))
    place = vehicle.place
    if place is not None and float(haversine_m(*home, place.lat, place.lon)) <= place.radius_m + near_m:
        return None, []
    return home, [day for day, good in zip(days, apart[best].tolist(), strict=True) if good]


def _regular(orders: list[Any]) -> tuple[int | None, str, list[date]]:
    """Return (person, destination, days) of the most regular orders: one person, one destination, one time of day."""
    groups: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for order in orders:
        for person in _people(order):
            groups[person, "".join(order.destination.split())].append(order)
    best: tuple[int | None, str, list[date]] = (None, "", [])
    for (person, _), own in groups.items():
        hours = np.array([_hour(order.planned_from) for order in own])
        close = np.abs(hours[:, None] - hours[None, :]) <= SAME_TIME_MIN / 60
        at = int(np.argmax(close.sum(axis=1)))
        days = sorted({order.planned_from.astimezone(SHANGHAI).date()
                       for order, good in zip(own, close[at].tolist(), strict=True) if good})  # fmt: skip
        if len(days) > len(best[2]):
            best = (person, own[0].destination, days)
    return best


def _assigned(
    month: str, known: reference.Thresholds, vehicle: Vehicle, moves: list[Move], orders: list[Any]
) -> Hit | None:
    pos = vehicle.scope_pos
    least, share = float(known.value("assigned_days", pos)), float(known.value("assigned_share", pos))
    home, days = _commute(vehicle, moves, float(known.value("assigned_near_m", pos)))
    by_day: dict[date, set[int]] = defaultdict(set)
    for order in orders:
        by_day[order.planned_from.astimezone(SHANGHAI).date()] |= set(_people(order))
    person: int | None = None
    certainty, what = 0.85, ""
    if len(days) >= least:
        ordered = [day for day in days if by_day[day]]
        counts = Counter(each for day in ordered for each in by_day[day])
        person, most = counts.most_common(1)[0] if counts else (None, 0)
        if not ordered or most >= share * len(ordered):
            what = "早晚在同一地点出发和返回"
            certainty = 0.95 if ordered and len(ordered) >= 0.5 * len(days) else 0.8
    destination = ""
    if not what:
        home, (person, destination, days) = None, _regular(orders)
        used = [day for day, people in by_day.items() if people]
        if len(days) >= least and len(days) >= share * len(used):
            what = f"固定时间前往“{destination}”"
    if not what:
        return None
    name = Person.objects.filter(pk=person).values_list("name", flat=True).first() if person is not None else None
    first, _ = month_bounds(month)
    used_days = len({move[0] for move in moves}) or len(by_day)
    day = days[0]
    at = datetime.combine(day, datetime.min.time(), SHANGHAI)
    related = [order for order in orders if order.planned_from.astimezone(SHANGHAI).date() in set(days)]
    return Hit(
        subject=vehicle, period=month, unit=vehicle.unit, occurred_at=at,
        summary=f"{vehicle.plate} {first.year} 年 {first.month} 月有 {len(days)} 天{what}"
                + (f"，乘车人均为{name}" if name else "") + "，疑似固定给个人使用。",
        evidence=ev.assemble(
            known, vehicle, day.isoformat(), limits=("assigned_days", "assigned_share", "assigned_near_m"),
            sure=ev.confidence(0.95, len(days) / least, certainty),
            figures=[figure("符合规律的天数", len(days), "天"), figure("用车天数", used_days, "天"), figure("情形", what),
                     *([figure("人员", name)] if name else [])],
            timeline=[step(what, datetime.combine(each, datetime.min.time(), SHANGHAI).timestamp(),
                           lat=home[0] if home else None, lon=home[1] if home else None) for each in days],
            related=[{"type": "vehicles.dispatchorder", "id": order.pk, "label": f"派车单 {order.code}"} for order in related],
        ),
    )  # fmt: skip


def under_use(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-months, once over, in which a vehicle in use all month was hardly driven.

    Judged where the terminal was fitted all month; special-purpose vehicles wait for their purpose and are left out.
    """
    for month in context.periods:
        first, end = month_bounds(month)
        if datetime.combine(end, datetime.min.time(), SHANGHAI) > context.now:
            continue
        known = limits(context, first)
        start = datetime.combine(first, datetime.min.time(), SHANGHAI)
        vehicles = {
            vehicle.pk: vehicle for vehicle in context.subjects
            if vehicle.state == "in_service" and vehicle.kind != VehicleKind.SPECIAL_PURPOSE and vehicle.created_at < start
        }  # fmt: skip
        fitted = set(
            Terminal.objects.filter(vehicle__in=list(vehicles), state="active", installed_at__lt=start)
            .values_list("vehicle", flat=True)
        ) | set(
            Terminal.objects.filter(vehicle__in=list(vehicles), state="active", installed_at__isnull=True)
            .values_list("vehicle", flat=True)
        )  # fmt: skip
        used: dict[int, list[tuple[date, float, int]]] = defaultdict(list)
        for key, day, metres, trips in VehicleDay.objects.filter(
            vehicle__in=list(vehicles), day__gte=first, day__lt=end
        ).order_by("day").values_list("vehicle", "day", "distance_m", "trips"):  # fmt: skip
            used[key].append((day, metres, trips))
        for key, vehicle in vehicles.items():
            # A vehicle whose terminal was silent most of the month is the offline rule's: nobody knows what it drove.
            if key not in fitted or len(used[key]) < 0.6 * (end - first).days:
                continue
            driven = [(day, metres) for day, metres, trips in used[key] if trips]
            kilometres = sum(metres for _, metres in driven) / 1000
            most, far = (float(known.value(name, vehicle.scope_pos)) for name in ("under_use_days", "under_use_km"))
            if len(driven) > most or kilometres > far:
                continue
            yield Hit(
                subject=vehicle, period=month, unit=vehicle.unit, occurred_at=start,
                summary=f"{vehicle.plate} {first.year} 年 {first.month} 月仅 {len(driven)} 天有行程，"
                        f"共 {kilometres:.0f} 公里，车辆闲置。",
                evidence=ev.assemble(
                    known, vehicle, first.isoformat(), limits=("under_use_days", "under_use_km"),
                    sure=ev.confidence(len(used[key]) / (end - first).days, 2.0 - kilometres / max(far, 1.0)),
                    figures=[figure("有行程天数", len(driven), "天"), figure("里程", round(kilometres, 1), "公里"),
                             figure("有定位天数", len(used[key]), "天")],
                    timeline=[step("有行程", datetime.combine(day, datetime.min.time(), SHANGHAI).timestamp(), metres=metres)
                              for day, metres in driven],
                ),
            )  # fmt: skip


RULES = (
    Rule(
        code="vehicles.de_facto_assigned", area="vehicles", name="疑似固定给个人使用", severity="serious",
        clause=f"{reference.cite('vehicles.misuse.fixed_to_person')}；{reference.cite('vehicles.misuse.private_use')}",
        explanation="按月分析行程和派车单：多日早晚在同一处非停放地点出发和返回，或同一人多日在固定时间前往同一目的地，占用车天数的多数。",
        evaluate=de_facto_assigned, cadence="30 3 * * *", subjects=fleet, lookback_days=FAR_BACK_DAYS, periods=months,
        on_dirty=OVER,
    ),
    Rule(
        code="vehicles.under_use", area="vehicles", name="车辆闲置", severity="minor",
        clause=f"{reference.cite('vehicles.use.dispatch')}；{reference.cite('vehicles.use.register')}",
        explanation="按月统计行程：整月在用、定位正常的车辆，有行程的天数和里程均不超过判定值。",
        evaluate=under_use, cadence="50 3 * * *", subjects=fleet, lookback_days=FAR_BACK_DAYS, periods=months, on_dirty=OVER,
    ),
)  # fmt: skip
