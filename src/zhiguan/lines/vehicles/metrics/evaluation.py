"""Indicators that compare vehicles, organs and kinds: what a kilometre costs, who waits, what stands idle. SPEC L4.5."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, QuerySet, Sum

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.reference.service import cite

from ..models import CostEntry, DispatchOrder, Trip, VehicleDay
from ..queries import evaluation
from .fleet import BUREAU, COLUMNS, OF_CAR, ORDERS, TRACKS, car_list, of_car

ACCOUNTING, USE = cite("vehicles.use.single_vehicle_accounting"), cite("vehicles.use.dispatch")
DIMS = ("organ", "district", "kind", "car", "month")
KM = Sum(F("distance_m") / 1000.0)


def _sum(query: MetricQuery, rows: QuerySet, time: str, value: Any, unit: str = "scope_pos") -> Any:
    """Return the aggregate of the rows, or its groups."""
    if query.group_by:
        return breakdown(query, rows, value, time=time, columns=COLUMNS, unit=unit)
    return rows.aggregate(found=value)["found"] or 0


def _quotient(query: MetricQuery, part: Any, whole: Any) -> Value | list[Group]:
    return ratio(part, whole) if query.group_by else share(part, whole)


def _days(query: MetricQuery, model: Any) -> QuerySet:
    return of_car(query, query.on_days(query.narrow(model.objects.all()), "day"))


def _costs(query: MetricQuery) -> Any:
    rows = query.on_days(query.narrow(CostEntry.objects.filter(state="booked")), "spent_on")
    return _sum(query, of_car(query, rows), "spent_on", Sum("amount_yuan"))


def _km_cost(query: MetricQuery) -> Value | list[Group]:
    return _quotient(query, _costs(query), _sum(query, _days(query, Trip), "day", KM))


def _orders(query: MetricQuery, column: str = "scope_pos") -> QuerySet[DispatchOrder]:
    return of_car(query, query.during(query.narrow(DispatchOrder.objects.all(), column), "planned_from"))


def _person_trips(query: MetricQuery) -> Value | list[Group]:
    return _sum(query, _orders(query).filter(state="ended"), "planned_from", Sum("passenger_count"))


def _trip_cost(query: MetricQuery) -> Value | list[Group]:
    # Costs belong to the vehicle's organ: so do the people it carried, whoever asked for it.
    served = _orders(query, "vehicle__scope_pos").filter(state="ended")
    carried = _sum(query, served, "planned_from", Sum("passenger_count"), unit="vehicle__scope_pos")
    return _quotient(query, _costs(query), carried)


def _empty(query: MetricQuery) -> Value | list[Group]:
    rows = _days(query, Trip).filter(evaluation.boarded())
    return _quotient(query, _sum(query, evaluation.empty(rows), "day", KM), _sum(query, rows, "day", KM))


def _response(query: MetricQuery) -> Value | list[Group]:
    rows = _orders(query).filter(evaluation.timed())
    waits = _sum(query, rows, "planned_from", Sum(evaluation.WAIT))
    return _quotient(query, waits, _sum(query, rows, "planned_from", Count("pk")))


def _punctual(query: MetricQuery) -> Value | list[Group]:
    rows = _orders(query).filter(evaluation.timed())
    good = rows.filter(evaluation.punctual(float(reference.value("evaluation.service.punctual_minutes"))))
    return _quotient(query, _sum(query, good, "planned_from", Count("pk")), _sum(query, rows, "planned_from", Count("pk")))


def _emissions(query: MetricQuery) -> Value | list[Group]:
    rows = of_car(query, query.during(query.narrow(evaluation.energy_records()), "at"))
    return _sum(query, rows, "at", Sum(evaluation.co2_kg()))


def _idle(query: MetricQuery) -> Value | list[Group]:
    return _sum(query, _days(query, VehicleDay).filter(trips=0), "day", Count("pk"))


DRIVEN = {"state": ["started", "ended"], "timed": "1"}
EVALUATION_METRICS = (
    Metric(
        code="vehicles.km_cost", name="每公里费用", unit="元/公里", formula="期间内未冲销的车辆费用 ÷ 期间内行程里程",
        permission="vehicles.cost.view", dimensions=DIMS, source="车辆费用、卫星定位行程", clause=ACCOUNTING,
        responsible=BUREAU, direction="lower", additive=False, kind="number", digits=2, compute=_km_cost,
        rows=car_list("vehicles.cost", "spent_on", state="booked"), **OF_CAR,
    ),
    Metric(
        code="vehicles.person_trips", name="乘车人次", unit="人次", formula="计划用车时间在期间内、已收车的派车单乘车人数之和，按用车单位统计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        compute=_person_trips, rows=car_list("vehicles.order", "planned_from", state="ended"), **OF_CAR,
    ),
    Metric(
        code="vehicles.trip_cost", name="每人次费用", unit="元/人次",
        formula="期间内未冲销的车辆费用 ÷ 这些单位的车辆在期间内的乘车人次（权限范围内的派车单）",
        permission="vehicles.cost.view", dimensions=DIMS, source="车辆费用、派车单", clause=ACCOUNTING, responsible=BUREAU,
        direction="lower", additive=False, kind="number", digits=2, compute=_trip_cost,
        rows=car_list("vehicles.cost", "spent_on", state="booked"), **OF_CAR,
    ),
    Metric(
        code="vehicles.empty_share", name="空驶率", unit="",
        formula="乘车人上车前到达、下车后出发的行程里程 ÷ 记有上下车时间的派车单的行程里程",
        permission="vehicles.trip.view", dimensions=DIMS, source=f"{TRACKS}、派车单途中节点", clause=USE, responsible=BUREAU,
        direction="lower", additive=False, kind="percent", compute=_empty, rows=car_list("vehicles.trip", "day", boarded="1"),
        **OF_CAR,
    ),
    Metric(
        code="vehicles.response_minutes", name="申请到出车平均用时", unit="分钟",
        formula="期间内出车的派车单自提出申请到出车的平均时间；事后补登的不计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        direction="lower", additive=False, kind="number", digits=0, compute=_response,
        rows=car_list("vehicles.order", "planned_from", **DRIVEN), **OF_CAR,
    ),
    Metric(
        code="vehicles.punctual_share", name="准点出车率", unit="",
        formula="出车不晚于计划用车时间（含允许的迟延）的派车单数 ÷ 期间内出车的派车单数；事后补登的不计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        direction="higher", additive=False, kind="percent", compute=_punctual,
        rows=car_list("vehicles.order", "planned_from", **DRIVEN), **OF_CAR,
    ),
    Metric(
        code="vehicles.emissions", name="二氧化碳排放", unit="千克",
        formula="期间内加油、充电数量 × 当年适用的排放因子（汽油、柴油、全国电力平均）之和",
        permission="vehicles.cost.view", dimensions=DIMS, source="加油充电记录",
        clause=f"{cite('vehicles.use.single_vehicle_energy')}；{cite('evaluation.co2.grid_2023')}", responsible=BUREAU,
        direction="lower", kind="number", digits=1, compute=_emissions, rows=car_list("vehicles.energy", "at"), **OF_CAR,
    ),
    Metric(
        code="vehicles.idle_days", name="闲置车日", unit="车日", formula="期间内有定位数据而没有行程的车日数",
        permission="vehicles.trip.view", dimensions=DIMS, source=TRACKS, clause=USE, responsible=BUREAU, direction="lower",
        compute=_idle, rows=car_list("vehicles.day", "day", driven="0"), **OF_CAR,
    ),
)  # fmt: skip
