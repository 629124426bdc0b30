"""What orders and journeys do not agree in: ways, splitting, journeys that never were, drivers. SPEC L4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext

from ..codes import Match
from ..domain import matching
from ..models import DispatchOrder, DriverSignIn, OrderMatch
from . import evidence as ev
from .evidence import clock, figure, step
from .frame import Day, days, limits, moment


def _order_link(order: Any) -> dict[str, Any]:
    return {"type": "vehicles.dispatchorder", "id": int(order.pk), "label": f"派车单 {order.code}"}


# --- 绕行


def detour(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the trips of an order were much longer than the way to its destination and back.

    Expected are the straight ways between start, places named by the order and end, times the road factor. Without a
    position of the destination, or when it was never reached, nothing is expected.
    """
    for text in context.periods:
        day = Day(context, text)
        known = limits(context, day.day)
        vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
        rows = OrderMatch.objects.filter(
            vehicle__in=list(vehicles), day=day.day, direct_m__isnull=False, outcome__in=(Match.MATCHED, Match.OVERRUN)
        ).select_related("order").only(
            "vehicle_id", "distance_m", "direct_m", "first_at", "last_at", "order__code", "order__destination"
        ).order_by("first_at")  # fmt: skip
        found: dict[int, list[tuple[OrderMatch, float]]] = defaultdict(list)
        for row in rows:
            pos = vehicles[row.vehicle_id].scope_pos
            expected = row.direct_m * float(known.value("road_factor", pos))
            excess = row.distance_m - expected
            if row.distance_m > expected * float(known.value("detour_ratio", pos)) and excess >= 1000 * float(
                known.value("detour_min_km", pos)
            ):
                found[row.vehicle_id].append((row, expected))
        for key, own in found.items():
            yield _detoured(day, known, vehicles[key], own)


def _detoured(day: Day, known: reference.Thresholds, vehicle: Any, own: list[tuple[OrderMatch, float]]) -> Hit:
    row, expected = max(own, key=lambda each: each[0].distance_m - each[1])
    ratio = row.distance_m / max(expected, 1.0)
    least = float(known.value("detour_ratio", vehicle.scope_pos))
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=row.first_at,
        summary=f"{vehicle.plate} 派车单 {row.order.code} 实际行驶 {row.distance_m / 1000:.1f} 公里，"
                f"为预计里程 {expected / 1000:.1f} 公里的 {ratio:.1f} 倍。",
        evidence=ev.assemble(
            known, vehicle, day.text, limits=("detour_ratio", "road_factor", "detour_min_km"),
            sure=ev.confidence(0.95, ratio / least, 0.85),
            figures=[figure("实际里程", round(row.distance_m / 1000, 1), "公里"),
                     figure("预计里程", round(expected / 1000, 1), "公里"), figure("倍数", round(ratio, 2)),
                     figure("派车目的地", row.order.destination)],
            timeline=[step(f"派车单 {each.order.code}", each.first_at.timestamp(), each.last_at.timestamp(),
                           metres=each.distance_m) for each, _ in own],
            related=[_order_link(each.order) for each, _ in own],
        ),
    )  # fmt: skip


# --- 有单无行程


def order_without_trip(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with an order that passed without a trip although the terminal reported all the time."""
    for text in context.periods:
        day = date.fromisoformat(text)
        known = limits(context, day)
        vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
        rows = OrderMatch.objects.filter(vehicle__in=list(vehicles), day=day, outcome=Match.NO_TRIP)
        found: dict[int, list[OrderMatch]] = defaultdict(list)
        for row in rows.select_related("order").order_by("order__planned_from"):
            found[row.vehicle_id].append(row)
        for key, own in found.items():
            vehicle, first = vehicles[key], own[0].order
            yield Hit(
                subject=vehicle, period=text, unit=first.unit, occurred_at=first.planned_from,
                summary=f"{vehicle.plate} 派车单 {first.code}（{clock(first.planned_from)} 至 {clock(first.planned_to)}，"
                        f"{first.destination}）已过用车时间，车辆没有行程。",
                evidence=ev.assemble(
                    known, vehicle, text, limits=(), sure=ev.confidence(0.95),
                    figures=[figure("派车单", len(own), "张"), figure("派车目的地", first.destination)],
                    timeline=[step(f"派车单 {row.order.code}", row.order.planned_from.timestamp(),
                                   row.order.planned_to.timestamp(), note=row.order.destination) for row in own],
                    related=[_order_link(row.order) for row in own],
                ),
            )  # fmt: skip


# --- 拆分派车单


def _same_place(a: Any, b: Any, near_m: float) -> bool:
    if None not in (a.destination_lat, a.destination_lon, b.destination_lat, b.destination_lon):
        return float(haversine_m(a.destination_lat, a.destination_lon, b.destination_lat, b.destination_lon)) <= near_m
    return "".join(a.destination.split()) == "".join(b.destination.split())


def order_splitting(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with orders of one person to one destination, one right after the other, each below the length
    that one order would have had: one need split into several."""
    for text in context.periods:
        day = date.fromisoformat(text)
        known = limits(context, day)
        vehicles = {vehicle.pk: vehicle for vehicle in context.subjects}
        start = datetime.combine(day, time.min, ev.SHANGHAI)
        mine = matching.orders_of({key: key for key in vehicles}, start, start + timedelta(days=1))
        people = {row.requester_id for row in mine.rows}
        # The same need may have been given several cars, one after the other.
        every = DispatchOrder.objects.filter(
            requester__in=people, vehicle__isnull=False, state__in=matching.COVERING,
            planned_from__gte=start - timedelta(days=1), planned_from__lt=start + timedelta(days=2),
        ).values_list(*matching.FIELDS, named=True)  # fmt: skip
        wanted: dict[int, list[Any]] = defaultdict(list)
        for row in every:
            wanted[row.requester_id].append(row)
        found: dict[int, list[list[Any]]] = defaultdict(list)
        for rows in wanted.values():
            pos = vehicles[key].scope_pos if (key := rows[0].vehicle_id) in vehicles else rows[0].scope_pos
            for chain in _chains(rows, known, pos):
                first = chain[0]
                if first.vehicle_id in vehicles and first.planned_from.astimezone(ev.SHANGHAI).date() == day:
                    found[first.vehicle_id].append(chain)
        for key, chains in found.items():
            yield _split(text, known, vehicles[key], chains)


def _hours(order: Any) -> float:
    return (order.planned_to - order.planned_from).total_seconds() / 3600


def _chains(rows: list[Any], known: reference.Thresholds, pos: int) -> list[list[Any]]:
    """Return the runs of adjacent orders to one place that together exceed what each of them stays below."""
    gap = timedelta(minutes=float(known.value("split_gap_min", pos)))
    most, near_m = float(known.value("split_hours", pos)), float(known.value("destination_near_m", pos))
    chains: list[list[Any]] = []
    for row in sorted(rows, key=lambda each: (each.planned_from, each.pk)):
        # Cars for many people at one time are no splitting; orders that meet, or overlap by minutes, are. The same
        # person may have asked for other things, or other cars, in between.
        fitting = [
            chain for chain in chains
            if -timedelta(minutes=15) <= row.planned_from - chain[-1].planned_to <= gap
            and _same_place(chain[-1], row, near_m)
        ]  # fmt: skip
        if fitting:
            min(fitting, key=lambda chain: chain[-1].vehicle_id != row.vehicle_id).append(row)
        else:
            chains.append([row])
    return [
        chain for chain in chains
        if len(chain) > 1 and all(_hours(row) <= most for row in chain) and sum(map(_hours, chain)) > most
    ]  # fmt: skip


def _split(text: str, known: reference.Thresholds, vehicle: Any, chains: list[list[Any]]) -> Hit:
    chain = max(chains, key=lambda each: sum(map(_hours, each)))
    total, most = sum(map(_hours, chain)), float(known.value("split_hours", vehicle.scope_pos))
    rows = [row for each in chains for row in each]
    return Hit(
        subject=vehicle, period=text, unit=vehicle.unit, occurred_at=chain[0].planned_from,
        summary=f"{chain[0].requester__name}以 {len(chain)} 张首尾相接的派车单（{chain[0].code} 等）前往“{chain[0].destination}”，"
                f"合计 {total:.1f} 小时，超过单次 {most:g} 小时。",
        evidence=ev.assemble(
            known, vehicle, text, limits=("split_hours", "split_gap_min"),
            sure=ev.confidence(0.95, total / most, 0.9),
            figures=[figure("派车单", len(chain), "张"), figure("合计时长", round(total, 1), "小时"),
                     figure("单次时长上限", most, "小时"), figure("目的地", chain[0].destination)],
            timeline=[step(f"派车单 {row.code}", row.planned_from.timestamp(), row.planned_to.timestamp(),
                           note=row.destination) for row in rows],
            related=[_order_link(row) for row in rows],
        ),
    )  # fmt: skip


# --- 驾驶员与派车单不符


def unauthorised_driver(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which somebody else's card was in the terminal than the driver's whom the order names, or a
    card of nobody who may drive, while the vehicle was driven.

    A sign-in holds until the card is taken out, the next one is put in, or the day ends. Where no card was read nothing
    is said.
    """
    for day in days(context):
        frame = day.frame
        rows = DriverSignIn.objects.filter(
            vehicle__in=frame.keys.tolist(), at__gte=moment(frame.start_s), at__lt=moment(frame.end_s)
        ).select_related("driver__person").order_by("at", "pk")  # fmt: skip
        signed: dict[int, list[DriverSignIn]] = defaultdict(list)
        for row in rows:
            signed[frame.slots[row.vehicle_id]].append(row)
        for slot, own in signed.items():
            found = _wrong_drivers(day, slot, own)
            if found:
                yield _unauthorised(day, slot, found)


Wrong = tuple[DriverSignIn, Any, float, float, float]
"""(sign-in, order or None, from, until, metres)."""


def _wrong_drivers(day: Day, slot: int, signed: list[DriverSignIn]) -> list[Wrong]:
    trips = day.trips[day.trips["slot"] == slot]
    orders = {int(row.pk): row for row in day.orders.rows}
    found: list[Wrong] = []
    for n, row in enumerate(signed):
        if not row.on or row.result not in (None, 0):
            continue
        until = signed[n + 1].at.timestamp() if n + 1 < len(signed) else day.frame.end_s
        for trip in trips:
            first, last = max(float(trip["start_s"]), row.at.timestamp()), min(float(trip["end_s"]), until)
            if last - first < 60.0:
                continue
            order = orders.get(int(trip["order"]))
            person = row.driver.person_id if row.driver is not None else None
            # Without an order there is nobody to compare with; that the vehicle was driven is another rule's.
            if person is None or (order is not None and order.driver_person_id not in (None, person)):
                share = (last - first) / max(float(trip["end_s"] - trip["start_s"]), 1.0)
                found.append((row, order, first, last, float(trip["distance_m"]) * share))
    return found


def _unauthorised(day: Day, slot: int, found: list[Wrong]) -> Hit:
    vehicle = day.frame.vehicles[slot]
    row, order, first, _, _ = found[0]
    name = row.driver.person.name if row.driver is not None else row.holder_name or "身份不明人员"
    kilometres = sum(metres for *_, metres in found) / 1000
    known = row.driver is not None
    why = f"派车单 {order.code} 指定的驾驶员不是该人" if order is not None and known else "该人不是登记的驾驶员"
    orders = {each[1].pk: each[1] for each in found if each[1] is not None}
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(first),
        summary=f"{vehicle.plate} 于 {clock(first)} 起由{name}刷卡驾驶 {kilometres:.1f} 公里，{why}。",
        evidence=ev.evidence(
            day, slot, limits=(), sure=ev.confidence(1.0, certainty=0.95 if known else 0.8),
            figures=[figure("刷卡人", name), figure("行驶里程", round(kilometres, 1), "公里"), figure("行程", len(found), "次")],
            timeline=[step("刷卡", row.at.timestamp(), note=name)]
            + [step("驾驶", start, end, metres=metres) for _, _, start, end, metres in found],
            related=[_order_link(each) for each in orders.values()],
        ),
    )  # fmt: skip


DISPATCH = reference.cite("vehicles.use.dispatch")
PRIVATE = reference.cite("vehicles.misuse.private_use")
REGISTER = reference.cite("vehicles.use.register")
RULES = (
    Rule(
        code="vehicles.detour", area="vehicles", name="绕行", severity="minor", clause=f"{REGISTER}；{PRIVATE}",
        explanation="将派车单的实际里程与经上车、途经、目的地往返的预计里程比对：超过判定倍数和最少多行里程。",
        evaluate=detour,
    ),
    Rule(
        code="vehicles.order_without_trip", area="vehicles", name="有单无行程", severity="minor", clause=f"{DISPATCH}；{REGISTER}",
        explanation="将派车单与行程比对：用车时间已过，定位终端正常上报，而车辆没有行程。",
        evaluate=order_without_trip,
    ),
    Rule(
        code="vehicles.order_splitting", area="vehicles", name="拆分派车单", severity="major", clause=f"{DISPATCH}；{REGISTER}",
        explanation="将同一申请人、同一目的地、首尾相接的派车单合并计算：单张不超过、合计超过单次用车时长。",
        evaluate=order_splitting,
    ),
    Rule(
        code="vehicles.unauthorised_driver", area="vehicles", name="驾驶员与派车单不符", severity="major",
        clause=f"{DISPATCH}；{REGISTER}",
        explanation="将终端上报的驾驶员刷卡记录与派车单比对：行驶时插卡的不是派车单指定的驾驶员，或不是登记的驾驶员。",
        evaluate=unauthorised_driver,
    ),
)  # fmt: skip
