"""Demo data of the one net: a city pool with lent and rented cars, orders in every state, last month's settlement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import cycle

from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import EVERYTHING, Actor, system

from ..domain import dispatching, dues, journeys, orders, papers, pools, settling, upkeep
from ..models import DispatchOrder, Driver, OrderExpense, Pool, UpkeepRule, Vehicle

BUREAU, ASKING = "机关事务管理局", "发展和改革"
RUNS_THE_POOL = 6
"""Which of the bureau's people runs the pool; the demo account 平台调度员 is the same person."""
LENT = 6
WISHES = (
    ("meeting", "参加全市重点项目协调会", 2, 1.5, "sedan", "ordinary"),
    ("research", "赴区调研产业园区建设", 6, 4, "small_bus", "ordinary"),
    ("errand", "送交重大项目批复文件", 1, 1, "", "ordinary"),
    ("meeting", "参加全市重点项目协调会（第二组）", 1, 1.5, "", "ordinary"),
    ("reception", "陪同国家部委来沪调研", 3, 6, "", "ordinary"),
    ("rescue", "能源保供突发情况现场处置", 3, 3, "", "emergency"),
)


def build() -> dict[str, int]:
    """Make the pool and its work when there is none; return counts."""
    organs = Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos")
    bureau, asking = (next((each for each in organs if word in each.name), None) for word in (BUREAU, ASKING))
    if Pool.objects.exists() or bureau is None or asking is None:
        return {}
    boss = replace(system("demo"), name="演示")
    city = Unit.objects.get(parent__isnull=True)
    people = list(Person.objects.within(bureau).filter(active=True).select_related("unit").order_by("sort", "id")[:9])
    pool = pools.open_pool(
        boss, unit=people[RUNS_THE_POOL].unit, name="市级机关公务用车服务平台", kind="city", members=[city], phone="021-00000000",
        note="演示数据",
    )  # fmt: skip
    cars = _cars(boss, pool, bureau, asking)
    made = _waiting(boss, asking, list(organs), pool)
    settled = _last_month(boss, pool, list(organs)[:6], cars)
    return {"用车平台": 1, "平台车辆": len(cars), "待办派车单": made, "结算单": settled}


def _cars(boss: Actor, pool: Pool, bureau: Unit, asking: Unit) -> list[Vehicle]:
    """Lend the bureau's cars and drivers and one car of some other organs to the pool, and rent three."""
    lent = list(Vehicle.objects.within(bureau).filter(state="in_service", kind__in=("emergency", "other")))
    others = Vehicle.objects.filter(state="in_service", kind="other", unit__level="municipal")
    others = others.exclude(unit__in=(bureau, asking)).order_by("unit_id", "pk")
    lent += list(others.distinct("unit_id")[: LENT - min(len(lent), LENT)])
    found = [pools.pool_vehicle(boss, each, pool=pool) for each in lent]
    for driver in Driver.objects.filter(unit__in=[each.unit_id for each in lent], state="active").order_by("pk")[:8]:
        pools.pool_driver(boss, driver, pool=pool)
    today = timezone.localdate()
    contract = pools.sign_contract(
        boss, pool=pool, number=f"演示租〔{today.year}〕1号", company="演示汽车租赁有限公司", day_rate_yuan=Decimal(380),
        km_rate_yuan=Decimal("0.80"), valid_from=today.replace(month=1, day=1) - timedelta(days=180),
        valid_to=today + timedelta(days=200), note="演示数据",
    )  # fmt: skip
    for number, (body, model, seats) in enumerate(
        (("sedan", "别克 君威", 5), ("small_bus", "别克 GL8", 7), ("medium_bus", "丰田 柯斯达", 19))
    ):
        rented = pools.rent_vehicle(
            boss, contract, plate=f"沪AZ{9000 + number}", body=body, brand_model=model, seats=seats, note="演示数据"
        )
        _insured(boss, rented, number)
        found.append(rented)
    return found


def _insured(boss: Actor, vehicle: Vehicle, number: int) -> None:
    """A rented car comes insured, inspected and serviced."""
    today = timezone.localdate()
    since = today - timedelta(days=60 + 30 * number)
    papers.insure(
        boss, vehicle=vehicle, kind="compulsory", insurer="演示财产保险甲公司", number=f"YSZL{number:06d}", valid_from=since,
        valid_to=since + timedelta(days=364), premium_yuan=Decimal(950), reason="演示数据",
    )  # fmt: skip
    papers.record_inspection(
        boss, vehicle=vehicle, kind="test", inspected_on=max(since, vehicle.bought_on), station="演示机动车检测站",
        fee_yuan=Decimal(130), note="演示数据",
    )  # fmt: skip
    upkeep.record_upkeep(
        boss, vehicle=vehicle, kind="maintenance", items="定期保养（演示）", shop="演示定点维修一厂", cost_yuan=Decimal(620),
        rules=dues.rules_for(vehicle, UpkeepRule.objects.all()), done_on=max(since, vehicle.bought_on),
        odometer_km=9_900, invoice_no=f"YSZB{number:05d}",
    )  # fmt: skip


def _asker(person: Person) -> Actor:
    return Actor(
        name=person.name, person_id=person.pk, unit_id=person.unit_id, unit_pos=person.scope_pos,
        permissions={"vehicles.order.request": EVERYTHING}, via="job",
    )  # fmt: skip


def _next_working_day() -> datetime:
    day = timezone.localdate()
    try:
        day = calendar.add_working_days(day, 1)
    except calendar.YearNotLoaded:
        day += timedelta(days=1)
    return datetime.combine(day, time(8, 30), timezone.get_current_timezone())


def _waiting(boss: Actor, asking: Unit, organs: list[Unit], pool: Pool) -> int:
    """Ask for cars on the next working day: some wait, one is with the pool, one is an emergency,
    one has its car if the organ has one that is not on standing duty."""
    start = _next_working_day()
    people = list(Person.objects.within(asking).filter(active=True).order_by("sort", "id")[2:12])
    places = [each for each in organs if each.lat is not None and each.pk != asking.pk]
    approved: list[DispatchOrder] = []
    for number, (kind, purpose, persons, hours, body, urgency) in enumerate(WISHES):
        person, goal = people[number % len(people)], places[(number // 3 * 7 + 3) % len(places)]
        begin = start + timedelta(minutes=20 * number)
        order = orders.request(
            _asker(person), kind=urgency, purpose=purpose, purpose_class=kind, passenger_count=persons, body_wanted=body,
            passengers=person.name, origin=asking.label, origin_lat=asking.lat, origin_lon=asking.lon,
            destination=goal.label, destination_lat=goal.lat, destination_lon=goal.lon, planned_from=begin,
            planned_to=begin + timedelta(hours=hours),
        )  # fmt: skip
        if urgency == "ordinary" and number != 2:
            approved.append(orders.approve(boss, order))
    dispatching.send(boss, approved[1], pool=pool, reason="本单位没有合适车型")
    free = Vehicle.objects.within(asking).filter(state="in_service").exclude(orders__state="started").first()
    driver = Driver.objects.within(asking).filter(state="active").exclude(orders__state="started").first()
    if free is not None and driver is not None and free.seats > approved[0].passenger_count:
        orders.dispatch(boss, approved[0], vehicle=free, driver=driver)
    return len(WISHES)


def _last_month(boss: Actor, pool: Pool, organs: list[Unit], cars: list[Vehicle]) -> int:
    """Enter what the pool drove last month, as an import from paper would, and settle it."""
    month = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
    drivers = cycle(Driver.objects.filter(pool=pool).select_related("person"))
    if not Driver.objects.filter(pool=pool).exists():
        return 0
    first = datetime.combine(month, time(9), timezone.get_current_timezone())
    for number in range(24):
        organ, car, driver = organs[number % len(organs)], cars[number % len(cars)], next(drivers)
        requester = Person.objects.within(organ).filter(active=True).order_by("sort", "id").first()
        if requester is None or organ.pk == pool.unit_id:
            continue
        start = first + timedelta(days=number, hours=number % 3)
        end = start + timedelta(hours=2 + number % 4)
        key, code = orders.next_code(start.date())
        order = ledger.create(
            DispatchOrder, boss,
            {
                "id": key, "code": code, "unit": organ, "requester": requester, "purpose": "公务出行", "origin": organ.label,
                "destination": "演示地点", "planned_from": start, "planned_to": end, "vehicle": car, "driver": driver,
                "driver_person_id": driver.person_id, "plate": car.plate, "driver_name": driver.person.name,
                "state": "ended", "started_at": start, "ended_at": end, "odometer_start_km": 10_000 + number * 80,
                "odometer_end_km": 10_000 + number * 80 + 24 + number * 3 % 40, "pool": pool, "server_pos": pool.scope_pos,
                "approved_by": "演示", "dispatched_by": "演示", "rating": 5 - number % 2, "confirmed_at": end,
                "confirmed_by": requester.name,
            },
            name="补登",
        )  # fmt: skip
        if number % 3 == 0:
            OrderExpense.objects.create(
                order=order,
                key=f"demo-{key}",
                kind="parking",
                amount_yuan=Decimal(10 + number),
                at=end,
                noted_by="演示",
            )
        if number == 5:
            journeys.complain(_passenger(requester), order, text="车内有异味，请注意清洁。")
    made = settling.draw_up(boss, unit=pool.unit, month=month)
    for settlement in made[1:]:
        settling.issue(boss, settlement)
    return len(made)


def _passenger(person: Person) -> Actor:
    return Actor(name=person.name, person_id=person.pk, unit_id=person.unit_id, via="job")
