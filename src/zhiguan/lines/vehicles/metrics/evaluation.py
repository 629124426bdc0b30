"""Indicators that compare vehicles, organs and kinds: what a kilometre costs, who waits, what stands idle. SPEC L4.5.

What they count is defined in ``queries.parts``.
"""

from __future__ import annotations

from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kernel.reference.service import cite

from ..queries.parts import figure
from .fleet import BUREAU, OF_CAR, ORDERS, TRACKS, car_list

ACCOUNTING, USE = cite("vehicles.use.single_vehicle_accounting"), cite("vehicles.use.dispatch")
DIMS = ("organ", "district", "kind", "car", "month")


DRIVEN = {"state": ["started", "ended"], "timed": "1"}
EVALUATION_METRICS = (
    Metric(
        code="vehicles.km_cost", name="每公里费用", unit="元/公里", formula="期间内未冲销的车辆费用 ÷ 期间内行程里程",
        permission="vehicles.cost.view", dimensions=DIMS, source="车辆费用、卫星定位行程", clause=ACCOUNTING,
        responsible=BUREAU, direction="lower", additive=False, kind="number", digits=2, compute=figure("vehicles.km_cost"),
        rows=car_list("vehicles.cost", "spent_on", state="booked"), **OF_CAR,
    ),
    Metric(
        code="vehicles.person_trips", name="乘车人次", unit="人次", formula="计划用车时间在期间内、已收车的派车单乘车人数之和，按用车单位统计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        compute=figure("vehicles.person_trips"), rows=car_list("vehicles.order", "planned_from", state="ended"), **OF_CAR,
    ),
    Metric(
        code="vehicles.trip_cost", name="每人次费用", unit="元/人次",
        formula="期间内未冲销的车辆费用 ÷ 这些单位的车辆在期间内的乘车人次（权限范围内的派车单）",
        permission="vehicles.cost.view", dimensions=DIMS, source="车辆费用、派车单", clause=ACCOUNTING, responsible=BUREAU,
        direction="lower", additive=False, kind="number", digits=2, compute=figure("vehicles.trip_cost"),
        rows=car_list("vehicles.cost", "spent_on", state="booked"), **OF_CAR,
    ),
    Metric(
        code="vehicles.empty_share", name="空驶率", unit="",
        formula="乘车人上车前到达、下车后出发的行程里程 ÷ 记有上下车时间的派车单的行程里程",
        permission="vehicles.trip.view", dimensions=DIMS, source=f"{TRACKS}、派车单途中节点", clause=USE, responsible=BUREAU,
        direction="lower", additive=False, kind="percent", compute=figure("vehicles.empty_share"),
        rows=car_list("vehicles.trip", "day", boarded="1"), **OF_CAR,
    ),
    Metric(
        code="vehicles.response_minutes", name="申请到出车平均用时", unit="分钟",
        formula="期间内出车的派车单自提出申请到出车的平均时间；事后补登的不计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        direction="lower", additive=False, kind="number", digits=0, compute=figure("vehicles.response_minutes"),
        rows=car_list("vehicles.order", "planned_from", **DRIVEN), **OF_CAR,
    ),
    Metric(
        code="vehicles.punctual_share", name="准点出车率", unit="",
        formula="出车不晚于计划用车时间（含允许的迟延）的派车单数 ÷ 期间内出车的派车单数；事后补登的不计",
        permission="vehicles.order.view", dimensions=DIMS, source=ORDERS, clause=USE, responsible=BUREAU,
        direction="higher", additive=False, kind="percent", compute=figure("vehicles.punctual_share"),
        rows=car_list("vehicles.order", "planned_from", **DRIVEN), **OF_CAR,
    ),
    Metric(
        code="vehicles.emissions", name="二氧化碳排放", unit="千克",
        formula="期间内加油、充电数量 × 当年适用的排放因子（汽油、柴油、全国电力平均）之和",
        permission="vehicles.cost.view", dimensions=DIMS, source="加油充电记录",
        clause=f"{cite('vehicles.use.single_vehicle_energy')}；{cite('evaluation.co2.grid_2023')}", responsible=BUREAU,
        direction="lower", kind="number", digits=1, compute=figure("vehicles.emissions"),
        rows=car_list("vehicles.energy", "at"), **OF_CAR,
    ),
    Metric(
        code="vehicles.idle_days", name="闲置车日", unit="车日", formula="期间内有定位数据而没有行程的车日数",
        permission="vehicles.trip.view", dimensions=DIMS, source=TRACKS, clause=USE, responsible=BUREAU, direction="lower",
        compute=figure("vehicles.idle_days"), rows=car_list("vehicles.day", "day", driven="0"), **OF_CAR,
    ),
)  # fmt: skip
