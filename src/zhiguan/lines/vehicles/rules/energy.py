"""Fuel and odometers against what was driven: month by month, and each record against where the vehicle was. SPEC L4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

import numpy as np
from django.db.models import Sum

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import ALWAYS, OVER, Hit, Rule, RuleContext, months

from ..codes import Energy, EnergyKind
from ..models import DispatchOrder, EnergyRecord, Trip, Vehicle, VehicleDay
from . import evidence as ev
from .evidence import SHANGHAI, figure, step
from .frame import Day, days, limits

FAR_BACK_DAYS = 35
FILLED_BEFORE_DAYS = 62
"""A tank filled longer ago than this before the month says nothing about it."""
NORMS = {body: f"norm_{body}_l" for body in ("sedan", "suv", "small_bus", "medium_bus", "large_bus")}


def month_bounds(month: str) -> tuple[date, date]:
    """Return the first day of ``YYYY-MM`` and that of the month after it."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=32)).replace(day=1)


def _record(row: EnergyRecord) -> str:
    unit = "升" if row.kind == EnergyKind.FUEL else "千瓦时"
    return f"{row.station or '站点不详'} {row.quantity:g} {unit}"


# --- 里程油耗不符


def fuel_mismatch(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-months in which odometer and positions, or fuel and way, do not agree.

    - odometers noted at refuelling, and at start and end of orders, against the trips between the two moments;
    - litres of the month per 100 km driven against the norm of the kind of body (the vehicle's own history is not asked:
      one that always drinks too much would never be found).

    A month is judged once it is over: a full tank on its last days would look like waste.
    """
    for month in context.periods:
        first, end = month_bounds(month)
        if datetime.combine(end, datetime.min.time(), SHANGHAI) > context.now:
            continue
        known = limits(context, first)
        vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
        metres = dict(
            VehicleDay.objects.filter(vehicle__in=list(vehicles), day__gte=first, day__lt=end)
            .values_list("vehicle").annotate(total=Sum("distance_m"))
        )  # fmt: skip
        records: dict[int, list[EnergyRecord]] = defaultdict(list)
        rows = EnergyRecord.objects.filter(
            vehicle__in=list(vehicles), at__gte=_start(first), at__lt=_start(end), voided_at__isnull=True
        )
        for row in rows.order_by("at", "pk"):
            records[row.vehicle_id].append(row)
        noted = _odometers(list(vehicles), first, end, records)
        before = _since_filled(list(records), first)
        for key in sorted(set(records) | set(noted)):
            burnt = _Burnt(metres.get(key, 0.0) / 1000, before.get(key))
            hit = _mismatch(month, known, vehicles[key], records[key], noted[key], burnt)
            if hit is not None:
                yield hit


@dataclass(frozen=True)
class _Burnt:
    """Kilometres of the month, and those driven between the filling before it and its first day (None: not known)."""

    month_km: float
    before_km: float | None


def _since_filled(vehicles: Sequence[int], first: date) -> dict[int, float]:
    """Return the kilometres between the last filling before the month and the month: its first filling replaces them
    as well."""
    since = first - timedelta(days=FILLED_BEFORE_DAYS)
    rows = EnergyRecord.objects.filter(
        vehicle__in=vehicles, kind=EnergyKind.FUEL, at__gte=_start(since), at__lt=_start(first), voided_at__isnull=True
    )
    last = dict(rows.order_by("at").values_list("vehicle", "at"))
    found = dict.fromkeys(last, 0.0)
    driven = VehicleDay.objects.filter(vehicle__in=list(last), day__gte=since, day__lt=first)
    for key, day, metres in driven.values_list("vehicle", "day", "distance_m"):
        if day >= last[key].astimezone(SHANGHAI).date():
            found[key] += metres / 1000
    return found


def _start(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), SHANGHAI)


Span = tuple[str, datetime, datetime, float, float]
"""(what, from, until, kilometres by odometer, kilometres by positions)."""


def _odometers(
    vehicles: Sequence[int], first: date, end: date, records: dict[int, list[EnergyRecord]]
) -> dict[int, list[Span]]:
    wanted: dict[int, list[tuple[str, datetime, datetime, float]]] = defaultdict(list)
    for key, rows in records.items():
        read = [row for row in rows if row.odometer_km is not None]
        for a, b in pairwise(read):
            if a.at < b.at and a.odometer_km <= b.odometer_km:
                wanted[key].append(("两次加油充电之间", a.at, b.at, float(b.odometer_km - a.odometer_km)))
    orders = DispatchOrder.objects.filter(
        vehicle__in=vehicles, started_at__gte=_start(first), ended_at__lt=_start(end), odometer_start_km__isnull=False,
        odometer_end_km__isnull=False,
    ).order_by("started_at")  # fmt: skip
    for order in orders.only("vehicle_id", "code", "started_at", "ended_at", "odometer_start_km", "odometer_end_km"):
        gone = float(order.odometer_end_km - order.odometer_start_km)
        wanted[order.vehicle_id].append((f"派车单 {order.code}", order.started_at, order.ended_at, gone))
    trips: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for vehicle, start, until, distance in Trip.objects.filter(
        vehicle__in=list(wanted), day__gte=first, day__lt=end
    ).values_list("vehicle", "start_at", "end_at", "distance_m"):
        trips[vehicle].append((start.timestamp(), until.timestamp(), distance))
    found: dict[int, list[Span]] = defaultdict(list)
    for key, spans in wanted.items():
        driven = np.array(trips[key], np.float64).reshape(-1, 3)
        for name, start, until, by_odometer in spans:
            a, b = start.timestamp(), until.timestamp()
            share = np.clip(np.minimum(driven[:, 1], b) - np.maximum(driven[:, 0], a), 0.0, None)
            share /= np.maximum(driven[:, 1] - driven[:, 0], 1.0)
            found[key].append((name, start, until, by_odometer, float((share * driven[:, 2]).sum()) / 1000))
    return found


def _mismatch(
    month: str,
    known: reference.Thresholds,
    vehicle: Vehicle,
    records: list[EnergyRecord],
    spans: list[Span],
    burnt: _Burnt,
) -> Hit | None:
    pos = vehicle.scope_pos
    driven = burnt.month_km + (burnt.before_km or 0.0)
    gap, least_km = float(known.value("odometer_gap", pos)), float(known.value("odometer_min_km", pos))
    wrong = []
    for span in spans:
        _, _, _, odometer, positions = span
        if abs(odometer - positions) >= least_km and abs(odometer - positions) > gap * max(odometer, positions):
            wrong.append((span, abs(odometer - positions) / (gap * max(odometer, positions))))
    filled = [float(row.quantity) for row in records if row.kind == EnergyKind.FUEL]
    # What the first filling replaced was burnt before the month; when that is not known it cannot be counted.
    litres = sum(filled if burnt.before_km is not None or len(filled) < 2 else filled[1:])
    norm = float(known.value(NORMS[vehicle.body], pos)) if vehicle.body in NORMS else 0.0
    fuel_gap = float(known.value("fuel_gap", pos))
    # Hybrids fill tank and battery: litres alone say nothing of them unless there are too many.
    expected = driven * norm / 100
    thirsty = (
        vehicle.energy in (Energy.PETROL, Energy.DIESEL, Energy.HYBRID) and norm > 0
        and litres >= float(known.value("fuel_min_l", pos)) and litres > expected * (1 + fuel_gap)
    )  # fmt: skip
    if not wrong and not thirsty:
        return None
    margins = [margin for _, margin in wrong]
    if thirsty:
        margins.append(litres / max(expected * (1 + fuel_gap), 1.0))
    told, figures = [], []
    if thirsty:
        told.append(f"加油 {litres:.0f} 升，行驶 {driven:.0f} 公里，按基准应耗 {expected:.0f} 升")
        figures += [figure("加油量", round(litres, 1), "升"), figure("行驶里程", round(driven, 1), "公里"),
                    figure("基准油耗", round(expected, 1), "升")]  # fmt: skip
    if wrong:
        span, _ = max(wrong, key=lambda each: each[1])
        told.append(f"{span[0]}里程表 {span[3]:.0f} 公里，定位 {span[4]:.0f} 公里")
        figures += [figure("里程表里程", round(span[3]), "公里"), figure("定位里程", round(span[4], 1), "公里"),
                    figure("里程不符", len(wrong), "段")]  # fmt: skip
    first, _ = month_bounds(month)
    at = wrong[0][0][1] if wrong else records[0].at
    return Hit(
        subject=vehicle, period=month, unit=vehicle.unit, occurred_at=at,
        summary=f"{vehicle.plate} {first.year} 年 {first.month} 月里程油耗不符：{'；'.join(told)}。",
        evidence=ev.assemble(
            known, vehicle, timezone_day(at), limits=("odometer_gap", "odometer_min_km", "fuel_gap", "fuel_min_l",
                                                      *([NORMS[vehicle.body]] if vehicle.body in NORMS else [])),
            sure=ev.confidence(0.9, max(margins)), figures=figures,
            timeline=[step(f"{name}：里程表 {odometer:.0f} 公里，定位 {positions:.0f} 公里", a.timestamp(), b.timestamp())
                      for (name, a, b, odometer, positions), _ in wrong]
            + [step(f"加油充电：{_record(row)}", row.at.timestamp(), lat=row.lat, lon=row.lon) for row in records],
            related=[{"type": "vehicles.energyrecord", "id": row.pk, "label": _record(row)} for row in records],
        ),
    )  # fmt: skip


def timezone_day(at: datetime) -> str:
    """Return the local day of a moment as ISO text."""
    return at.astimezone(SHANGHAI).date().isoformat()


# --- 异地加油


def refuel_elsewhere(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with an energy record at a moment and place at which the vehicle was not.

    The place is the record's, or that of the station as other records name it; without either, a vehicle that drove
    without a halt, or stood in its own yard, all through the time of the record cannot have been at a station. Asked
    every night as well: records come from statements weeks later.
    """
    vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
    texts = sorted(context.periods)
    if not texts:
        return
    first, end = date.fromisoformat(texts[0]), date.fromisoformat(texts[-1]) + timedelta(days=1)
    rows = EnergyRecord.objects.filter(
        vehicle__in=list(vehicles), at__gte=_start(first), at__lt=_start(end), voided_at__isnull=True
    )
    by_day: dict[str, list[EnergyRecord]] = defaultdict(list)
    for row in rows.order_by("at", "pk"):
        by_day[timezone_day(row.at)].append(row)
    stations = context.shared.once("vehicles.stations", _stations) if by_day else {}
    for day in days(context):
        records = by_day.get(day.text)
        if not records:
            continue
        if not day.loaded:
            day = day.narrowed({row.vehicle_id for row in records})  # noqa: PLW2901
        found: dict[int, list[tuple[EnergyRecord, str, float, float]]] = defaultdict(list)
        for row in records:
            judged = _elsewhere(day, row, stations)
            if judged is not None:
                found[row.vehicle_id].append((row, *judged))
        for key, own in found.items():
            yield _refuelled(day, vehicles[key], own)


def _stations() -> dict[str, tuple[float, float]]:
    """Return the position of each station that records name with one."""
    places: dict[str, list[tuple[float, float]]] = defaultdict(list)
    rows = EnergyRecord.objects.exclude(station="").filter(lat__isnull=False, lon__isnull=False, voided_at__isnull=True)
    for station, lat, lon in rows.values_list("station", "lat", "lon"):
        places[station].append((lat, lon))
    return {name: (median(lat for lat, _ in at), median(lon for _, lon in at)) for name, at in places.items()}


def _elsewhere(
    day: Day, row: EnergyRecord, stations: dict[str, tuple[float, float]]
) -> tuple[str, float, float] | None:
    """Return (why, least metres from the station, certainty), None when the vehicle may have been there."""
    frame, points = day.frame, day.frame.points
    slot = frame.slots[row.vehicle_id]
    pos = frame.vehicles[slot].scope_pos
    window = float(day.limits.value("refuel_window_min", pos)) * 60
    own = np.arange(int(frame.edges[slot]), int(frame.edges[slot + 1]))
    own = own[frame.kept[own]]
    seconds = row.at.timestamp()
    own = own[np.abs(points.time_s[own] - seconds) <= window]
    if own.size < 2:
        return None
    place = (row.lat, row.lon) if row.lat is not None and row.lon is not None else stations.get(row.station)
    if place is not None:
        metres = float(haversine_m(points.lat[own], points.lon[own], *place).min())
        if metres > float(day.limits.value("refuel_m", pos)):
            return "车辆不在加油充电站点附近", metres, 1.0
        return None
    spanned = points.time_s[own[-1]] - points.time_s[own[0]] >= window
    if spanned and frame.moving[own].all():
        return "车辆一直在行驶", float("nan"), 0.8
    home = frame.from_place[own]
    if spanned and np.isfinite(home).all() and (home <= 50.0).all():
        return "车辆一直停在停放地点", float("nan"), 0.8
    return None


def _refuelled(day: Day, vehicle: Vehicle, own: list[tuple[EnergyRecord, str, float, float]]) -> Hit:
    row, why, metres, certainty = own[0]
    slot = day.frame.slots[vehicle.pk]
    least = float(day.limits.value("refuel_m", vehicle.scope_pos))
    seconds = row.at.timestamp()
    mine = np.arange(int(day.frame.edges[slot]), int(day.frame.edges[slot + 1]))
    near = mine[np.abs(day.frame.points.time_s[mine] - seconds) <= 3600]
    margin = metres / least if np.isfinite(metres) else 1.5
    local = row.at.astimezone(SHANGHAI)
    distance = [figure("最近距离", round(metres), "米")] if np.isfinite(metres) else []
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=row.at,
        summary=f"{vehicle.plate} 于 {local:%H:%M} 的加油充电记录（{_record(row)}，{row.amount_yuan} 元）与车辆位置不符：{why}"
                + (f"，最近相距 {metres / 1000:.1f} 公里。" if np.isfinite(metres) else "。"),
        evidence=ev.evidence(
            day, slot, rows=near, limits=("refuel_m", "refuel_window_min"),
            sure=ev.confidence(day.frame.quality[slot], margin, certainty),
            figures=[*distance, figure("金额", float(row.amount_yuan), "元"), figure("记录", len(own), "条"), figure("情形", why)],
            timeline=[step(f"加油充电：{_record(each)}", each.at.timestamp(), metres=far, lat=each.lat, lon=each.lon, note=said)
                      for each, said, far, _ in own],
            related=[{"type": "vehicles.energyrecord", "id": each.pk, "label": _record(each)} for each, *_ in own],
        ),
    )  # fmt: skip


def refuelled_vehicles(start: date, end: date) -> list[Vehicle]:
    """Return the vehicles with an energy record in the range."""
    keys = EnergyRecord.objects.filter(at__gte=_start(start), at__lt=_start(end)).values("vehicle")
    return list(Vehicle.objects.filter(pk__in=keys).select_related("place", "unit").order_by("pk"))


def fleet(start: date, end: date) -> list[Vehicle]:
    """Return every vehicle that is not disposed of."""
    return list(Vehicle.objects.exclude(state="disposed").select_related("place", "unit").order_by("pk"))


ACCOUNTING = (
    f"{reference.cite('vehicles.use.single_vehicle_accounting')}；{reference.cite('vehicles.misuse.false_cost')}"
)
RULES = (
    Rule(
        code="vehicles.fuel_mismatch", area="vehicles", name="里程油耗不符", severity="major", clause=ACCOUNTING,
        explanation="按月将里程表与定位里程、加油量与该车型百公里油耗基准比对：偏差超过判定比例和最少里程、最少加油量。",
        evaluate=fuel_mismatch, cadence="10 4 * * *", subjects=fleet, lookback_days=FAR_BACK_DAYS, periods=months,
        on_dirty=OVER,
    ),
    Rule(
        code="vehicles.refuel_elsewhere", area="vehicles", name="异地加油", severity="serious", clause=ACCOUNTING,
        explanation="将加油充电记录的时间、站点与车辆位置比对：车辆当时不在站点附近，或一直在行驶、一直停在停放地点。",
        evaluate=refuel_elsewhere, cadence="40 4 * * *", subjects=refuelled_vehicles, lookback_days=FAR_BACK_DAYS,
        on_dirty=ALWAYS,
    ),
)  # fmt: skip
