"""Where vehicles have no business: outside their area, at sensitive places on the way. SPEC L4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from django.db.models import Q

from zhiguan.kernel.geo.service import FenceIndex, haversine_m, inside, metres_outside
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext

from ..domain import matching
from ..models import PermittedArea, SensitivePlace
from . import evidence as ev
from .evidence import clock, figure, step
from .frame import Day, by_slot, days, moment

Point = tuple[float, float]


def _named(order: Any) -> list[Point]:
    """Return the positions an order names: where it begins, the places on the way, where it leads."""
    stops = [(place.get("lat"), place.get("lon")) for place in order.stops or () if isinstance(place, Mapping)]
    every = [(order.origin_lat, order.origin_lon), *stops, (order.destination_lat, order.destination_lon)]
    return [(float(lat), float(lon)) for lat, lon in every if lat is not None and lon is not None]


def _order_link(order: Any) -> dict[str, Any]:
    return {"type": "vehicles.dispatchorder", "id": int(order.pk), "label": f"派车单 {order.code}"}


# --- 驶出允许区域


def _areas_of(day: Day) -> dict[int, list[PermittedArea]]:
    """Return the areas that hold for each slot: the vehicle's own, else those of the nearest organ above it."""
    rows = list(
        PermittedArea.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day.day), state="active", valid_from__lte=day.day)
        .select_related("unit")
    )  # fmt: skip
    own: dict[int, list[PermittedArea]] = defaultdict(list)
    by_unit: dict[tuple[int, int], list[PermittedArea]] = defaultdict(list)
    for row in rows:
        if row.vehicle_id is not None:
            own[row.vehicle_id].append(row)
        else:
            by_unit[row.unit.pos, row.unit.pos_end].append(row)

    @cache
    def organ(pos: int) -> tuple[int, int] | None:
        above = [span for span in by_unit if span[0] <= pos <= span[1]]
        return min(above, key=lambda span: span[1] - span[0]) if above else None

    found = {}
    for slot, vehicle in enumerate(day.frame.vehicles):
        if areas := own.get(vehicle.pk) or by_unit.get(organ(vehicle.scope_pos) or (-1, -1)):
            found[slot] = areas
    return found


def outside_area(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the vehicle was outside all areas that hold for it, for some minutes on end.

    An order in force whose destination (or place on the way) lies outside them too covers it.
    """
    for day in days(context):
        areas = _areas_of(day)
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        known = {area.pk: area for held in areas.values() for area in held}
        for slot, held in areas.items():
            groups[tuple(area.pk for area in held)].append(slot)
        for keys, slots in groups.items():
            yield from _leaving(day, [known[key] for key in keys], np.array(slots))


def _leaving(day: Day, areas: list[PermittedArea], slots: np.ndarray) -> Iterator[Hit]:
    frame, points = day.frame, day.frame.points
    fences = [area.geofence for area in areas]
    rows = np.flatnonzero(np.isin(points.slot, slots) & frame.kept)
    for fence in fences:  # the cheap test first: most rows are inside the first area
        rows = rows[~inside(fence, points.lat[rows], points.lon[rows])]
    if not rows.size:
        return
    away = np.min([metres_outside(fence, points.lat[rows], points.lon[rows]) for fence in fences], axis=0)
    margin = day.limit("area_margin_m")
    rows, away = (values[away > margin[points.slot[rows]]] for values in (rows, away))
    excused = [
        n for n, order in enumerate(day.orders.rows)
        if any(not any(inside(fence, *point) for fence in fences) for point in _named(order))
    ]  # fmt: skip
    orders = day.orders
    flagged = np.zeros(len(points), bool)
    flagged[rows] = True
    if excused:
        flagged &= ~frame.inside(orders.slot[excused], orders.from_s[excused], orders.to_s[excused])
    metres = np.zeros(len(points))
    metres[rows] = away
    first, last = frame.runs(flagged)
    if not first.size:
        return
    long_s = points.time_s[last - 1] - points.time_s[first]
    least = day.limit("area_min") * 60
    good = long_s >= least[points.slot[first]]
    first, last, long_s = first[good], last[good], long_s[good]
    names = "、".join(area.name for area in areas)
    for slot, runs in by_slot(points.slot[first]):
        a, b = first[runs], last[runs]
        vehicle, minutes = frame.vehicles[slot], float(long_s[runs].sum()) / 60
        span = np.concatenate([np.arange(x, y) for x, y in zip(a, b, strict=True)])
        farthest = float(metres[span].max())
        sure = ev.confidence(frame.quality[slot], min(minutes * 60 / least[slot], farthest / max(margin[slot], 1.0)))
        yield Hit(
            subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(points.time_s[a[0]]),
            summary=f"{vehicle.plate} 于 {clock(points.time_s[a[0]])} 驶出允许行驶区域（{names}），"
                    f"最远 {farthest / 1000:.1f} 公里，累计 {minutes:.0f} 分钟。",
            evidence=ev.evidence(
                day, slot, rows=span, limits=("area_margin_m", "area_min"), sure=sure,
                figures=[figure("允许区域", names), figure("最远距离", round(farthest), "米"),
                         figure("区域外时长", round(minutes), "分钟"), figure("次数", int(a.size), "次")],
                timeline=[step("驶出允许区域", points.time_s[x], points.time_s[y - 1], metres=float(metres[x:y].max()),
                               lat=points.lat[x], lon=points.lon[x]) for x, y in zip(a.tolist(), b.tolist(), strict=True)],
            ),
        )  # fmt: skip


# --- 公务途中在敏感场所停留


def private_stop(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with a stop inside an order's time at a sensitive place that the order does not name."""
    places = context.shared.once("vehicles.sensitive", lambda: list(SensitivePlace.objects.filter(state="active")))
    if not places:
        return
    fences = context.shared.once("vehicles.sensitive.index", lambda: FenceIndex([place.geofence for place in places]))
    for day in days(context):
        frame, stops, orders = day.frame, day.frame.tracks.stops, day.orders
        order = matching.belonging(stops["vehicle"], stops["start_at"], stops["end_at"], orders)
        length = stops["end_at"] - stops["start_at"]
        margin = float(day.limit("private_margin_m").max(initial=0.0))
        long = length >= day.limit("private_stop_min")[stops["vehicle"]] * 60
        chosen = np.flatnonzero((order >= 0) & long)
        if not chosen.size:
            continue
        near = _near(fences, stops["lat"][chosen], stops["lon"][chosen], margin)
        found: dict[int, list[tuple[int, SensitivePlace, Any]]] = defaultdict(list)
        for at, which in near:
            n = int(chosen[at])
            row, slot = orders.rows[order[n]], int(stops["vehicle"][n])
            lat, lon = float(stops["lat"][n]), float(stops["lon"][n])
            pos = frame.vehicles[slot].scope_pos
            if float(metres_outside(places[which].geofence, lat, lon)) > day.limits.value("private_margin_m", pos):
                continue
            allowed = float(day.limits.value("destination_near_m", pos))
            if any(float(haversine_m(lat, lon, *point)) <= allowed for point in _named(row)) or _home(
                frame, slot, lat, lon
            ):
                continue
            found[slot].append((n, places[which], row))
        for slot, own in found.items():
            yield _stopped(day, slot, own)


def _near(fences: FenceIndex, lat: np.ndarray, lon: np.ndarray, margin_m: float) -> list[tuple[int, int]]:
    """Return (point, fence) of points in a fence, or near one in eight directions at the margin."""
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    found = set()
    for reach, angles in ((0.0, turn[:1]), (margin_m, turn), (margin_m / 2, turn)):
        for angle in angles:
            north = reach * np.cos(angle) / 111_195.0
            east = reach * np.sin(angle) / (111_195.0 * np.cos(np.radians(lat)))
            points, which = fences.pairs(lat + north, lon + east)
            found |= set(zip(points.tolist(), which.tolist(), strict=True))
    return sorted(found)


def _home(frame: Any, slot: int, lat: float, lon: float) -> bool:
    place = frame.vehicles[slot].place
    return place is not None and float(haversine_m(lat, lon, place.lat, place.lon)) <= place.radius_m + 50


def _stopped(day: Day, slot: int, own: list[tuple[int, SensitivePlace, Any]]) -> Hit:
    frame, stops = day.frame, day.frame.tracks.stops
    vehicle = frame.vehicles[slot]
    once = list({n: (n, place, order) for n, place, order in own}.values())
    minutes = sum(float(stops["end_at"][n] - stops["start_at"][n]) for n, _, _ in once) / 60
    first = once[0]
    least = float(day.limits.value("private_stop_min", vehicle.scope_pos))
    orders = {order.pk: order for _, _, order in once}
    start_s = float(stops["start_at"][first[0]])
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(start_s),
        summary=f"{vehicle.plate} 在派车单 {first[2].code} 期间于{first[1].get_kind_display()}“{first[1].name}”停留，"
                f"共 {len(once)} 次、{minutes:.0f} 分钟，该地点不是派车单所列地点。",
        evidence=ev.evidence(
            day, slot, limits=("private_stop_min", "private_margin_m", "destination_near_m"),
            sure=ev.confidence(frame.quality[slot], minutes / least, 0.9),
            figures=[figure("场所", first[1].name), figure("场所类别", first[1].get_kind_display()),
                     figure("停留时长", round(minutes), "分钟"), figure("次数", len(once), "次"),
                     figure("派车目的地", first[2].destination)],
            timeline=[step(f"停留：{place.name}", stops["start_at"][n], stops["end_at"][n], lat=stops["lat"][n],
                           lon=stops["lon"][n]) for n, place, _ in once],
            related=[_order_link(order) for order in orders.values()],
        ),
    )  # fmt: skip


DISPATCH = reference.cite("vehicles.use.dispatch")
PRIVATE = reference.cite("vehicles.misuse.private_use")
REGISTER = reference.cite("vehicles.use.register")
RULES = (
    Rule(
        code="vehicles.outside_area", area="vehicles", name="驶出允许行驶区域", severity="major",
        clause=f"{DISPATCH}；{PRIVATE}",
        explanation="将卫星定位与本单位（或本车）允许行驶区域比对：在区域之外超过判定距离并达到判定时长，且没有目的地在区域外的派车单。",
        evaluate=outside_area,
    ),
    Rule(
        code="vehicles.private_stop", area="vehicles", name="公务途中在敏感场所停留", severity="major",
        clause=f"{PRIVATE}；{REGISTER}",
        explanation="将派车期间的停留与敏感场所比对：停留达到判定时长，而该场所不是派车单的上车地点、途经地点或目的地。",
        evaluate=private_stop,
    ),
)  # fmt: skip
