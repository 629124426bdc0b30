"""Demo papers, costs, mishaps, plans and disposals of the invented fleet, through the ordinary verbs. 演示数据."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.utils import timezone

from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal

from ..codes import Energy, Holding
from ..domain import costs, dues, holders, incidents, papers, plans, register, statements, upkeep
from ..models import CostEntry, DispatchOrder, InsurancePolicy, UpkeepOrder, UpkeepRule, Vehicle
from ..queries import inspections
from ..queries.renewal import add_months

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOTE = "演示数据"
SERVICED_AFTER = 335
"""Days after which a vehicle has been to its first maintenance."""
IN_DEPTH = 30
"""Vehicles with a year of costs; the others have their papers."""
INSURERS = ("演示财产保险甲公司", "演示财产保险乙公司", "演示财产保险丙公司")
SHOPS = ("演示定点维修一厂", "演示定点维修二厂", "演示新能源汽车服务站")
STATIONS = ("演示中山西路加油站", "演示沪闵路加油站", "演示世纪大道加油站", "演示共和新路加油站")
RULES = (
    ("机油机滤", {"energy": Energy.PETROL, "every_km": 10_000, "every_months": 12}),
    ("机油机滤", {"energy": Energy.DIESEL, "every_km": 8_000, "every_months": 12}),
    ("机油机滤", {"energy": Energy.HYBRID, "every_km": 10_000, "every_months": 12}),
    ("动力电池检测", {"energy": Energy.ELECTRIC, "every_km": 20_000, "every_months": 12}),
    ("制动液", {"every_months": 24}),
    ("轮胎换位", {"every_km": 15_000}),
)
LAYOUTS = (
    ("演示石油公司加油卡", "演示石油公司", "fuel",
     {"at": "交易时间", "card": "加油卡号", "product": "油品", "quantity": "加油量(升)", "amount": "交易金额(元)",
      "station": "加油站", "serial": "交易流水"}),
    ("演示充电运营商", "演示充电运营商", "charge",
     {"at": "充电开始时间", "plate": "车牌", "quantity": "充电电量(度)", "amount": "实付金额(元)", "station": "充电站"}),
)  # fmt: skip
BEHAVIOURS = (
    ("违反停车规定", 0, 200),
    ("不按导向车道行驶", 1, 100),
    ("违反信号灯指示", 6, 200),
    ("超速百分之二十以下", 0, 200),
)
HELD = 8
SMALL_FEES = (("toll", 15, 60, "高速通行费"), ("parking", 5, 40, "停车费"), ("cleaning", 20, 50, "洗车"))


def build() -> dict[str, int]:
    """Give the fleet its papers and a part of it a year of costs, when there are vehicles without any."""
    vehicles = list(Vehicle.objects.exclude(state="disposed").select_related("unit").order_by("pk"))
    if not vehicles or InsurancePolicy.objects.exists():
        return {}
    boss, rng, today = replace(system("demo"), name="演示"), np.random.default_rng(70_707), timezone.localdate()
    for item, conditions in RULES:
        upkeep.add_rule(boss, item=item, basis="演示用保养手册", **conditions)
    for name, company, kind, columns in LAYOUTS:
        statements.add_profile(boss, name=name, company=company, kind=kind, columns=columns)
    chosen = vehicles[:: max(1, len(vehicles) // IN_DEPTH)][:IN_DEPTH]
    intervals = inspections.Intervals()
    with dues.refreshed_once():
        for number, vehicle in enumerate(vehicles):
            _papers(boss, vehicle, number, rng, today, intervals)
        for number, vehicle in enumerate(chosen):
            _year(boss, vehicle, number, rng, today)
        _serviced(boss, vehicles, today)
        mishaps = _mishaps(boss, chosen, rng, today)
        made = _plans(boss, vehicles, rng, today)
    dues.refresh_all()
    _holders(boss, today)
    return {
        "保险单": InsurancePolicy.objects.count(),
        "车辆费用": CostEntry.objects.count(),
        "事故违法": mishaps,
        "计划处置": made,
    }


def _holders(boss: Actor, today: date) -> None:
    """Some vehicles have a driver of their own: outside duty hours they are shown as moved or not moved."""
    driven = DispatchOrder.objects.filter(vehicle__state="in_service", driver__isnull=False).order_by("vehicle_id", "pk")
    for order in driven.distinct("vehicle_id").select_related("vehicle__unit", "driver__person")[:HELD]:
        holders.add_holder(
            boss, vehicle=order.vehicle, person=order.driver.person, holding=Holding.DRIVER,
            valid_from=today - timedelta(days=200),
        )  # fmt: skip


def _papers(
    boss: Actor, vehicle: Vehicle, number: int, rng: np.random.Generator, today: date, intervals: inspections.Intervals
) -> None:
    """Insurance, the last inspection, marking; some of it late, so that the list of what falls due is not empty."""
    if vehicle.body == "small_bus" and not vehicle.special_need and number % 60:
        vehicle = register.edit(boss, vehicle, special_need=True, reason=NOTE)
    ahead = int(rng.integers(-12, 340)) if number % 9 == 0 else int(rng.integers(20, 360))
    for kind, premium in (("compulsory", 950), ("commercial", int(rng.integers(2200, 4800)))):
        end = today + timedelta(days=ahead)
        if kind == "commercial" and number % 3 == 1:
            continue
        papers.insure(
            boss, vehicle=vehicle, kind=kind, insurer=INSURERS[number % 3],
            number=f"YS{'JQ' if kind == 'compulsory' else 'SY'}{number:06d}",
            valid_from=add_months(end, -12) + timedelta(days=1), valid_to=end, premium_yuan=Decimal(premium), reason=NOTE,
        )  # fmt: skip
    since = vehicle.registered_on or vehicle.bought_on
    due = inspections.due_after(vehicle, None, intervals)
    last = None
    while due <= today - timedelta(days=20 if number % 25 == 0 else -15):
        last, due = due, inspections.due_after(vehicle, due, intervals)
    if last is not None:
        day = max(since, min(last, today) - timedelta(days=int(rng.integers(3, 40))))
        papers.record_inspection(
            boss,
            vehicle=vehicle,
            kind="test",
            inspected_on=day,
            station="演示机动车检测站",
            fee_yuan=Decimal(130),
            note=NOTE,
        )
    if number % 11:
        register.mark(boss, vehicle, marked_on=since + timedelta(days=20))
    elif number % 22 == 0:
        register.exempt_marking(boss, vehicle, reason="演示：执行侦查等特殊任务，经批准免喷涂")


def _year(boss: Actor, vehicle: Vehicle, number: int, rng: np.random.Generator, today: date) -> None:
    """A year of fuel or electricity, tolls, parking, cleaning, one visit to the workshop, a card."""
    electric = vehicle.energy == Energy.ELECTRIC
    kind = "charge" if electric else "fuel"
    card = costs.issue_card(
        boss, vehicle=vehicle, number=f"YS1000{number:08d}", kind=kind, issuer=f"演示{'充电运营商' if electric else '石油公司'}",
        opened_on=vehicle.bought_on, expires_on=today + timedelta(days=int(rng.integers(-5, 700))),
    )  # fmt: skip
    reading = 12_000 * max(1, (today - vehicle.bought_on).days) // 365
    reading = max(0, reading - 12_000)
    for back in range(345, 3, -30):
        day = today - timedelta(days=back + int(rng.integers(0, 3)))
        if day <= vehicle.bought_on:
            continue
        reading += int(rng.integers(350, 620))
        quantity = Decimal(int(rng.integers(3000, 5200))) / 100
        price = Decimal("1.35") if electric else Decimal("7.62")
        costs.record_energy(
            boss, vehicle=vehicle, at=datetime.combine(day, time(int(rng.integers(9, 17)), 12), SHANGHAI), kind=kind,
            quantity=quantity, amount_yuan=round(quantity * price, 2), odometer_km=reading, card=card,
            station=STATIONS[int(rng.integers(0, 4))], source="statement", note=NOTE,
        )  # fmt: skip
    for back in range(330, 5, -40):
        code, low, high, item = SMALL_FEES[back // 40 % 3]
        day = today - timedelta(days=back)
        if day > vehicle.bought_on:
            costs.book(
                boss, vehicle=vehicle, kind=code, spent_on=day, amount_yuan=Decimal(int(rng.integers(low, high))), item=item,
                note=NOTE, source="import", batch="演示费用表", sure=True,
            )  # fmt: skip
    day = today - timedelta(days=int(rng.integers(30, 300)))
    if day > vehicle.bought_on:
        rules = [rule for rule in UpkeepRule.objects.all() if rule in dues.rules_for(vehicle, [rule])]
        upkeep.record_upkeep(
            boss, vehicle=vehicle, kind="maintenance", items="定期保养（演示）", shop=SHOPS[number % 3], rules=rules, done_on=day,
            cost_yuan=Decimal(int(rng.integers(480, 1500))), odometer_km=reading, invoice_no=f"YSFP{number:05d}",
        )  # fmt: skip
    if number % 12 == 5:
        upkeep.plan_upkeep(
            boss, vehicle=vehicle, kind="repair", items="更换前制动片（演示）", planned_on=today + timedelta(days=3)
        )


def _serviced(boss: Actor, vehicles: list[Vehicle], today: date) -> None:
    """The last maintenance of all others that are old enough for one: due again in the months to come, a few late."""
    schedule = list(UpkeepRule.objects.all())
    known = set(UpkeepOrder.objects.filter(state="done").values_list("vehicle_id", flat=True))
    for number, vehicle in enumerate(vehicles):
        age = (today - vehicle.bought_on).days
        if age < SERVICED_AFTER or vehicle.pk in known:
            continue
        back = 372 + number % 9 if number % 70 == 3 else 6 + number * 37 % 350
        upkeep.record_upkeep(
            boss, vehicle=vehicle, kind="maintenance", items="定期保养（演示）", shop=SHOPS[number % 3],
            rules=dues.rules_for(vehicle, schedule), done_on=max(vehicle.bought_on, today - timedelta(days=back)),
            cost_yuan=Decimal(480 + number * 53 % 900), odometer_km=(age - back) * 25 if age > back else None,
            invoice_no=f"YSBY{number:05d}",
        )  # fmt: skip


def _mishaps(boss: Actor, vehicles: list[Vehicle], rng: np.random.Generator, today: date) -> int:
    """Some violations within orders and without, one accident from the report to its settlement, one still open."""
    made = 0
    driven = DispatchOrder.objects.filter(state="ended", started_at__isnull=False, vehicle__in=vehicles)
    for number, order in enumerate(driven.select_related("vehicle__unit", "driver").order_by("pk")[:12]):
        behaviour, points, fine = BEHAVIOURS[number % 4]
        row = incidents.record_violation(
            boss, vehicle=order.vehicle, at=order.started_at + timedelta(minutes=8), place="演示路口", behaviour=behaviour,
            points=points, fine_yuan=Decimal(fine), noticed_on=today,
        )  # fmt: skip
        made += 1
        if number % 3 and row.driver is not None:
            row = incidents.handle_violation(
                boss, row, driver=row.driver, handled_on=today, fine_yuan=Decimal(fine), points=points,
                decision_no=f"演示决〔{today.year}〕{number + 1}号",
            )  # fmt: skip
            if number % 3 == 2:
                incidents.pay_violation(boss, row, paid_on=today, payer="驾驶员本人")
    for number, vehicle in enumerate(vehicles[1:4]):
        at = timezone.now() - timedelta(days=20 + 30 * number)
        accident = incidents.report_accident(
            boss, vehicle=vehicle, at=at, place="演示高架入口", account="与前车追尾，车头受损（演示数据）"
        )
        made += 1
        if number == 0:
            continue
        accident = incidents.assess_accident(
            boss,
            accident,
            liability="full" if number == 1 else "minor",
            damage="前保险杠、散热器",
            damage_yuan=Decimal(6800),
        )
        policy = vehicle.policies.filter(kind="commercial", state="active").order_by("-valid_to").first()
        day = timezone.localdate(at)
        if number == 1 and policy is not None and policy.valid_from <= day <= policy.valid_to:
            claim = papers.open_claim(
                boss,
                policy,
                kind="damage",
                reported_on=day,
                claimed_yuan=Decimal(6800),
                accident=accident,
                report_no="YSBA1",
            )
            papers.settle_claim(boss, claim, paid_yuan=Decimal(6400), paid_on=min(today, day + timedelta(days=12)))
            incidents.close_accident(boss, accident, reason="已修复赔付（演示）", own_cost_yuan=Decimal(400))
    return made


def _plans(boss: Actor, vehicles: list[Vehicle], rng: np.random.Generator, today: date) -> int:
    """Plans and disposals in every state; what establishment or age refuse is left out, as in life."""
    made = 0
    old = sorted(vehicles, key=lambda vehicle: vehicle.registered_on or vehicle.bought_on)
    for number, vehicle in enumerate(old[:10]):
        values = {
            "unit": vehicle.unit, "year": today.year, "kind": vehicle.kind, "body": "sedan", "energy": "electric",
            "budget_yuan": Decimal(150_000), "need": "车辆使用年限较长，故障增多（演示数据）",
        }  # fmt: skip
        try:
            plan = plans.draft_plan(boss, **values, replaces=vehicle)
            made += 1
            if number > 1:
                plan = plans.submit_plan(boss, plan)
            if number > 4:
                plan = plans.approve_plan(boss, plan, document_no=f"演示批〔{today.year}〕{number}号")
            if number == 4:
                plans.refuse_plan(boss, plan, reason="车况尚可，继续使用（演示）")
        except Refusal:
            continue
    for number, vehicle in enumerate(old[10:14]):
        if vehicle.state != "in_service" or number == 3:
            continue
        disposal = plans.apply_disposal(boss, vehicle, method="auction", why="达到年限，维修费用较高（演示数据）",
                                        estimate_yuan=Decimal(18_000))  # fmt: skip
        made += 1
        if number:
            plans.approve_disposal(boss, disposal, document_no=f"演示处〔{today.year}〕{number}号")
    return made
