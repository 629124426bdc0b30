"""The demo fleet: quotas, places, vehicles, terminals, drivers through the ordinary verbs; then some days of driving."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.telemetry.columns import LOCATED, POSITION, Block, digests
from zhiguan.kernel.telemetry.ingest import Writer
from zhiguan.kit.actor import Actor, system

from ..domain import orders, register
from ..models import DispatchOrder, Driver, Terminal, Vehicle
from .days import Outing, make_day
from .roads import Drive, RoadNet

KINDS = (
    ("emergency", "sedan", "荣威 ei6", "hybrid", Decimal("1.0"), 168_000),
    ("confidential_mail", "sedan", "荣威 i5", "petrol", Decimal("1.5"), 98_000),
    ("emergency", "small_bus", "上汽大通 G20", "petrol", Decimal("2.0"), 239_800),
    ("other", "sedan", "比亚迪 秦 PLUS EV", "electric", None, 149_800),
    ("law_enforcement", "sedan", "大众 朗逸", "petrol", Decimal("1.5"), 118_900),
    ("special_purpose", "medium_bus", "依维柯 采样监测车", "diesel", Decimal("2.8"), 395_000),
)
TRACKED = 120
"""Vehicles with days of history."""
DAYS = 3
LETTERS = "ABCDEFGHJK"
AGED = ("财政局", "发展和改革")
"""Organs whose first vehicle is old enough to be renewed: they apply for it (``cases``)."""


def build(size: str) -> dict[str, int]:
    """Make the fleet when there is none; return counts."""
    if Vehicle.objects.exists():
        return {}
    boss = system("demo")
    net = RoadNet()
    today = timezone.localdate()
    rng = np.random.default_rng(20_260)
    municipal = list(Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos"))
    districts = list(Unit.objects.of_kind("organ").filter(level="district").order_by("district_code", "pos"))
    organs = municipal + districts
    vehicles: list[Vehicle] = []
    for number, organ in enumerate(organs):
        vehicles += _of_organ(boss, organ, number, net, rng, today)
    tracked = vehicles[:: max(1, len(vehicles) // TRACKED)][:TRACKED]
    # One of each district drives too, in place of the last ones: the map of districts is not to be empty.
    outer = list({vehicle.unit_id: vehicle for vehicle in vehicles if vehicle.unit.level == "district"}.values())
    inner = [vehicle for vehicle in tracked if vehicle.unit.level != "district"][: len(tracked) - len(outer)]
    made, points = _history(boss, inner + outer, net, today)
    live = _duty(boss, inner[: max(0, len(tracked) // 2 - len(outer))] + outer, today)
    return {"车辆": len(vehicles), "派车单": made + live, "定位点": points}


def _of_organ(
    boss: Actor, organ: Unit, number: int, net: RoadNet, rng: np.random.Generator, today: date
) -> list[Vehicle]:
    lat, lon = organ.lat, organ.lon
    if lat is None or lon is None:
        lat, lon = net.place_in(organ.district_code or "310101", rng)
    place = register.add_place(
        boss, unit=organ, name=f"{organ.label}机关车库", address=organ.address, lat=lat, lon=lon, radius_m=60
    )
    count = int(rng.integers(2, 5))
    chosen = rng.choice(len(KINDS), count)
    wanted: dict[str, int] = {}
    vehicles = []
    for index, kind_index in enumerate(chosen):
        kind, body, model, energy, litres, price = KINDS[int(kind_index)]
        wanted[kind] = wanted.get(kind, 0) + 1
        serial = number * 10 + index
        plate = f"沪{LETTERS[serial % 10]}{'D' if energy == 'electric' else ''}{10_000 + serial * 7 % 90_000:05d}"
        bought = today - timedelta(days=int(rng.integers(200, 3400)))
        if index == 0 and any(word in organ.name for word in AGED):
            bought = today - timedelta(days=3150)
        vehicle = register.register(
            boss, plate=plate, unit=organ, kind=kind, body=body, brand_model=model, energy=energy, displacement_l=litres,
            price_yuan=Decimal(price), seats={"small_bus": 7, "medium_bus": 15}.get(body, 5), bought_on=bought,
            registered_on=bought + timedelta(days=9), place=place, special_need=body == "small_bus", note="演示数据",
        )  # fmt: skip
        vehicle = register.commission(boss, vehicle)
        register.install_terminal(
            boss, vehicle=vehicle, number=f"1390{serial:08d}"[:12], maker="演示", model="ZG-808", installed_on=bought
        )
        vehicles.append(vehicle)
    for kind, held in wanted.items():
        spare = 0 if rng.random() < 0.06 else int(rng.integers(0, 2))
        over = 1 if rng.random() < 0.04 and held > 1 else 0
        register.set_quota(
            boss, unit=organ, kind=kind, quota=held + spare - over, valid_from=date(today.year - 2, 1, 1),
            document_no=f"演示编核〔{today.year - 2}〕{number + 1}号",
        )  # fmt: skip
    people = Person.objects.within(organ).filter(active=True).select_related("unit").order_by("sort", "id")[3:30:5]
    for index, person in enumerate(people):
        register.add_driver(
            boss, person=person, licence_class="B1" if index == 0 else "C1",
            licence_expires_on=today + timedelta(days=int(rng.integers(20, 2000))), phone=person.phone,
        )  # fmt: skip
    return vehicles


def _history(boss: Actor, tracked: list[Vehicle], net: RoadNet, today: date) -> tuple[int, int]:
    """Write the tracks of the days before today, and of today until now, with the orders that belong to them."""
    terminals = dict(
        Terminal.objects.filter(vehicle__in=tracked, state="active").values_list("vehicle_id", "source_id")
    )
    near = tuple(code for code in ("310101", "310104", "310105", "310106", "310107", "310109", "310110", "310115"))
    now = timezone.now()
    blocks, made = [], 0
    for vehicle in tracked:
        drivers = list(Driver.objects.filter(unit__pos__range=_range(vehicle)).select_related("person")[:4])
        for back in range(DAYS, -1, -1):
            day = today - timedelta(days=back)
            home = (vehicle.place.lat, vehicle.place.lon)
            planned = make_day(net, vehicle.plate, home, near, day, working=day.weekday() < 5)
            rows = _rows(terminals[vehicle.pk], planned.drives)
            blocks.append(rows[rows["at"] <= int(now.timestamp() * 1e6)])
            for number, outing in enumerate(planned.outings):
                if outing.ordered and drivers and outing.depart < now:
                    made += _past_order(boss, vehicle, drivers[number % len(drivers)], outing, now)
    rows = np.concatenate(blocks)
    rows["digest"] = digests(rows, [None] * rows.size)
    transaction.on_commit(lambda: _write(rows))
    return made, int(rows.size)


def _range(vehicle: Vehicle) -> tuple[int, int]:
    return vehicle.unit.pos, vehicle.unit.pos_end


def _rows(source: int, drives: list[Drive]) -> np.ndarray:
    count = sum(each.time_s.size for each in drives)
    rows = np.zeros(count, POSITION)
    joined = {name: np.concatenate([getattr(each, name) for each in drives]) for name in
              ("time_s", "lat", "lon", "speed_kmh", "heading_deg")}  # fmt: skip
    rows["source_id"] = source
    rows["at"] = np.round(joined["time_s"]).astype(np.int64) * 1_000_000
    rows["received_at"] = rows["at"] + 2_000_000
    rows["lat"], rows["lon"] = np.round(joined["lat"] * 1e6), np.round(joined["lon"] * 1e6)
    rows["altitude"] = 8
    rows["speed"], rows["direction"] = np.round(joined["speed_kmh"] * 10), np.round(joined["heading_deg"]) % 360
    rows["status"] = LOCATED | 1
    rows["mileage_m"] = -1
    return rows


def _write(rows: np.ndarray) -> None:
    async def run() -> None:
        writer = Writer(settings.DATABASE_INGEST_URL, lanes=1)
        try:
            for first in range(0, rows.size, 50_000):
                part = rows[first : first + 50_000]
                await writer.commit(Block(part, [None] * part.size))
        finally:
            await writer.close()

    asyncio.run(run())


def _past_order(boss: Actor, vehicle: Vehicle, driver: Driver, outing: Outing, now) -> int:
    """Enter an order of the past as the register's first event for it, as an import from paper would."""
    key, code = orders.next_code(outing.depart.date())
    ended = outing.back < now
    planned_to = outing.back + timedelta(minutes=20)
    values = {
        "id": key, "code": code, "unit": vehicle.unit, "requester": driver.person, "purpose": outing.purpose,
        "origin": vehicle.unit.label, "destination": "演示地点", "destination_lat": outing.goal[0],
        "destination_lon": outing.goal[1], "planned_from": outing.depart, "planned_to": planned_to,
        "vehicle": vehicle, "driver": driver, "driver_person_id": driver.person_id, "plate": vehicle.plate,
        "driver_name": driver.person.name, "driver_phone": driver.phone, "approved_by": "演示",
        "dispatched_by": "演示", "started_at": outing.depart, "state": "ended" if ended else "started",
        "ended_at": outing.back if ended else None,
    }  # fmt: skip
    if not ended:
        clash = DispatchOrder.objects.filter(driver=driver, state="started").exists()
        if clash:
            return 0
        values["vehicle_busy"] = orders.busy(vehicle.pk, outing.depart, planned_to)
        values["driver_busy"] = orders.busy(driver.pk, outing.depart, planned_to)
    ledger.create(DispatchOrder, boss, values, name="补登")
    return 1


def _duty(boss: Actor, vehicles: list[Vehicle], today: date) -> int:
    """Put the vehicles that the live simulator drives on standing duty, so that most live trips have an order."""
    made = 0
    now = timezone.now()
    taken = set(DispatchOrder.objects.filter(state="started").values_list("driver_id", flat=True))
    busy = set(DispatchOrder.objects.filter(state="started").values_list("vehicle_id", flat=True))
    for number, vehicle in enumerate(vehicles):
        if number % 8 == 7 or vehicle.pk in busy:
            continue  # these drive without an order and will be found out
        driver = (
            Driver.objects.filter(unit__pos__range=_range(vehicle), state="active").exclude(pk__in=taken)
            .select_related("person").first()
        )  # fmt: skip
        if driver is None:
            continue
        taken.add(driver.pk)
        key, code = orders.next_code(today)
        until = now + timedelta(days=14)
        ledger.create(
            DispatchOrder, boss,
            {
                "id": key, "code": code, "unit": vehicle.unit, "requester": driver.person, "kind": "emergency",
                "purpose": "城市运行保障值班", "origin": vehicle.unit.label, "destination": "全市", "planned_from": now,
                "planned_to": until, "vehicle": vehicle, "driver": driver, "driver_person_id": driver.person_id,
                "plate": vehicle.plate, "driver_name": driver.person.name, "driver_phone": driver.phone,
                "approved_by": "演示", "dispatched_by": "演示", "started_at": now, "state": "started",
                "vehicle_busy": orders.busy(vehicle.pk, now, until), "driver_busy": orders.busy(driver.pk, now, until),
            },
            name="补登",
        )  # fmt: skip
        made += 1
    return made
