"""Indicators of official vehicles, each defined once. SPEC D10, L4.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share

from ..codes import Match, VehicleKind
from ..models import ON_BOOKS, DispatchOrder, Terminal, Trip, Vehicle
from ..queries import devices, tracks
from ..queries.parts import COLUMNS, figure, of_car

KIND = {"choices": {"kind": dict(VehicleKind.choices)}, "dimension_names": {"kind": "车辆种类"}}
OF_CAR = {"choices": {"kind": dict(VehicleKind.choices)}, "dimension_names": {"kind": "车辆种类", "car": "车辆"}}
BUREAU = "机关事务管理局车辆管理部门"
REGISTER, ORDERS, TRACKS = "公务用车台账", "派车单", "卫星定位行程"


def of_kind(query: MetricQuery, rows: QuerySet, path: str = "kind") -> QuerySet:
    return rows.filter(**{path: query.dims["kind"]}) if "kind" in query.dims else rows


def on_books(query: MetricQuery) -> QuerySet[Vehicle]:
    return of_kind(query, query.narrow(Vehicle.objects.filter(ON_BOOKS)))


def _held(query: MetricQuery) -> Value | list[Group]:
    rows = on_books(query)
    return breakdown(query, rows, columns={"kind": "kind"}) if query.group_by else rows.count()


def _in_service(query: MetricQuery) -> Value | list[Group]:
    rows = on_books(query).filter(state="in_service")
    return breakdown(query, rows, columns={"kind": "kind"}) if query.group_by else rows.count()


def _on_road(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(DispatchOrder.objects.filter(state="started"))
    return breakdown(query, rows) if query.group_by else rows.count()


def _moving(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(tracks.moving_terminals(query.actor))
    return breakdown(query, rows) if query.group_by else rows.count()


def _terminals(condition: Callable[[], Q] | None = None) -> Callable[[MetricQuery], Value | list[Group]]:
    """Return the count of the terminals in use that meet the condition."""

    def compute(query: MetricQuery) -> Value | list[Group]:
        rows = query.narrow(Terminal.objects.filter(state="active"))
        rows = rows if condition is None else rows.filter(condition())
        return breakdown(query, rows) if query.group_by else rows.count()

    return compute


def _orders(query: MetricQuery) -> Value | list[Group]:
    rows = query.during(query.narrow(DispatchOrder.objects.all()), "planned_from")
    return breakdown(query, rows, time="planned_from") if query.group_by else rows.count()


def _trips(query: MetricQuery) -> QuerySet[Trip]:
    return of_car(query, query.on_days(query.narrow(Trip.objects.all()), "day"))


def _unordered(query: MetricQuery) -> Value | list[Group]:
    rows = _trips(query)
    without = rows.filter(match=Match.NO_ORDER)
    if not query.group_by:
        return share(without.count(), rows.count())
    parts = breakdown(query, without, time="day", columns=COLUMNS)
    return ratio(parts, breakdown(query, rows, time="day", columns=COLUMNS))


def _list(page: str, period: str = "", **fixed: str) -> Any:
    def rows(query: MetricQuery) -> str:
        return query.address(reverse(page), period=period, kind=query.dims.get("kind", ""), **fixed)

    return rows


def car_list(page: str, period: str, **fixed: Any) -> Any:
    """Return the address of a list of what belongs to vehicles, which filters by their kind and plate."""

    def rows(query: MetricQuery) -> str:
        narrowed = {"vehicle_kind": query.dims.get("kind", ""), "car": query.dims.get("car", "")}
        return query.address(reverse(page), period=period, **narrowed, **fixed)

    return rows


METRICS = (
    Metric(
        code="vehicles.held", name="车辆实有数", unit="辆", formula="台账中未处置的公务用车数量", permission="vehicles.vehicle.view",
        dimensions=("organ", "district", "kind"), source=REGISTER, clause="《机关事务管理条例》第二十五条",
        responsible=BUREAU, compute=_held, rows=_list("vehicles.vehicle", held="1"), **KIND,
    ),
    Metric(
        code="vehicles.in_service", name="在用车辆", unit="辆", formula="状态为在用的公务用车数量",
        permission="vehicles.vehicle.view", dimensions=("organ", "district", "kind"), source=REGISTER,
        clause="《机关事务管理条例》第二十五条", responsible=BUREAU, compute=_in_service,
        rows=_list("vehicles.vehicle", state="in_service", held="1"), **KIND,
    ),
    Metric(
        code="vehicles.moving", name="行驶中车辆", unit="辆", formula="十分钟内有定位且速度达到 3 公里/小时的车辆数",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="卫星定位实时数据",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, compute=_moving, rows=_list("vehicles.terminal", moving="1"),
    ),
    Metric(
        code="vehicles.terminals", name="在用定位终端", unit="台", formula="状态为启用的定位终端数量",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="定位终端台账",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, compute=_terminals(),
        rows=_list("vehicles.terminal", state="active"),
    ),
    Metric(
        code="vehicles.terminals_online", name="在线定位终端", unit="台", formula="与网关保持连接且十分钟内有数据的在用终端数量",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="终端接入网关",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="higher", compute=_terminals(devices.online),
        rows=_list("vehicles.terminal", state="active", online="1"),
    ),
    Metric(
        code="vehicles.terminals_silent", name="离线超过三天的终端", unit="台", formula="三天以上没有任何数据或从未上线的在用终端数量",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="终端接入网关",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="lower",
        compute=_terminals(lambda: devices.offline_for(3)), rows=_list("vehicles.terminal", state="active", silent="3"),
    ),
    Metric(
        code="vehicles.terminals_low", name="信号弱的终端", unit="台", formula="最近汇报网络信号低于 10 或卫星少于 5 颗的在用终端数量",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="卫星定位实时数据",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="lower", compute=_terminals(devices.low_signal),
        rows=_list("vehicles.terminal", state="active", low="1"),
    ),
    Metric(
        code="vehicles.terminals_behind", name="固件落后的终端", unit="台", formula="固件低于同制造商同型号最新版本的在用终端数量",
        permission="vehicles.terminal.view", dimensions=("organ", "district"), source="终端上报固件版本",
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="lower",
        compute=_terminals(lambda: Q(health__behind=True)), rows=_list("vehicles.terminal", state="active", behind="1"),
    ),
    Metric(
        code="vehicles.on_road", name="出车中", unit="件", formula="状态为出车中的派车单数量", permission="vehicles.order.view",
        dimensions=("organ", "district"), source=ORDERS, clause="《机关事务管理条例》第二十六条", responsible=BUREAU,
        compute=_on_road, rows=_list("vehicles.order", state="started"),
    ),
    Metric(
        code="vehicles.orders", name="派车单数", unit="件", formula="计划用车时间在期间内的派车单数量",
        permission="vehicles.order.view", dimensions=("organ", "district", "day", "month"), source=ORDERS,
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, compute=_orders,
        rows=_list("vehicles.order", "planned_from"),
    ),
    Metric(
        code="vehicles.mileage", name="行驶里程", unit="公里", formula="期间内行程里程之和（受隐私保护的行程计入，明细中按车辆按日合计）",
        permission="vehicles.trip.view",
        dimensions=("organ", "district", "kind", "car", "day", "month"), source=TRACKS,
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, compute=figure("vehicles.mileage"), rows=car_list("vehicles.trip", "day"),
        kind="number", digits=1, **OF_CAR,
    ),
    Metric(
        code="vehicles.unordered_share", name="无派车单行程占比", unit="", formula="期间内无派车单的行程数 ÷ 行程总数",
        permission="vehicles.trip.view", dimensions=("organ", "district", "kind", "car", "day", "month"), source=TRACKS,
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="lower", additive=False, kind="percent",
        compute=_unordered, rows=car_list("vehicles.trip", "day"), **OF_CAR,
    ),
    Metric(
        code="vehicles.use_rate", name="车辆使用率", unit="", formula="期间内有行程的车日数 ÷ 有定位数据的车日数",
        permission="vehicles.trip.view", dimensions=("organ", "district", "kind", "car", "day", "month"), source=TRACKS,
        clause="《机关事务管理条例》第二十六条", responsible=BUREAU, direction="higher", additive=False, kind="percent",
        compute=figure("vehicles.use_rate"), rows=car_list("vehicles.day", "day"), **OF_CAR,
    ),
)  # fmt: skip
