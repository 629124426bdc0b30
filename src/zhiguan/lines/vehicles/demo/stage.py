"""The scene of a simulation entered into the database: units, people, cars, terminals, places; then orders and fuel.

Only into an empty installation or one of invented data: simulated misuse must never stand beside real cars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor, system

from ..codes import CostSource, EnergyKind, Holding
from ..domain import costs, orders, register
from ..models import (
    DispatchOrder,
    Driver,
    EnergyRecord,
    PermittedArea,
    SensitivePlace,
    Terminal,
    Vehicle,
    VehicleHolder,
)
from .month import Filling, Month, Wish
from .scene import Car, Organ, Scene

YUAN_A_LITRE, YUAN_A_KWH = Decimal("7.80"), Decimal("1.10")
NOTE = "模拟数据"


class NotHere(RuntimeError):
    """The simulation must not or cannot be entered here; the text says why, in Chinese."""


@dataclass
class Stage:
    """Rows of a scene, by its indexes; ``sources`` by terminal number."""

    scene: Scene
    boss: Actor
    units: dict[int, Unit] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    drivers: dict[int, Driver] = field(default_factory=dict)
    cars: dict[int, Vehicle] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)


def check(scene: Scene) -> None:
    """Raise :class:`NotHere` where the scene must not be entered."""
    with system("vehicles.simulator").transaction():
        if Unit.objects.exists() and not orgs.is_demo():
            raise NotHere("本系统有真实机构数据，不能注入模拟的违规行为；请在演示环境中运行。")
        if Vehicle.objects.filter(plate__in=[car.plate for car in scene.cars]).exists():
            raise NotHere(f"种子 {scene.seed} 的模拟车队已经存在，请更换种子。")


def build(scene: Scene, start: date) -> Stage:
    """Enter the scene, as if it had been there long before ``start``. Raises :class:`NotHere`."""
    check(scene)
    boss = system("vehicles.simulator")
    with boss.transaction():
        stage = Stage(scene, boss)
        _units(stage, start)
        for organ in scene.organs:
            _people(stage, organ, start)
        long_ago = start - timedelta(days=400)
        _places(stage, long_ago)
        for car in scene.cars:
            _car(stage, car, long_ago)
        _as_of(stage, long_ago)
    return stage


def _units(stage: Stage, start: date) -> None:
    since = start - timedelta(days=1500)
    city = Unit.objects.filter(parent__isnull=True).first()
    if city is None:
        city = orgs.create_unit(
            stage.boss, parent=None, code="310000", name="模拟市", kind="city", on=since, note="演示数据", record=trace.record
        )  # fmt: skip
    for organ in stage.scene.organs:
        number = stage.scene.seed % 1000 * 1000 + organ.index
        stage.units[organ.index] = orgs.create_unit(
            stage.boss, parent=city, code=f"31099{number:07d}", name=f"模拟市第{number + 1}局", kind="organ", level="municipal",
            on=since, record=trace.record, lat=organ.home[0], lon=organ.home[1],
        )  # fmt: skip


def _people(stage: Stage, organ: Organ, start: date) -> None:
    unit = stage.units[organ.index]
    for someone in [*organ.people, *organ.drivers]:
        person = orgs.register_person(
            stage.boss, code=f"M{stage.scene.seed:04d}{someone.index:05d}", name=someone.name, unit=unit,
            post="驾驶员" if someone.licence else "科员", on=start - timedelta(days=1000), record=trace.record,
        )  # fmt: skip
        stage.people[someone.index] = person
        if someone.licence:
            stage.drivers[someone.index] = register.add_driver(
                stage.boss,
                person=person,
                licence_class="C1",
                licence_no=someone.licence,
                licence_expires_on=date(2099, 1, 1),
            )


def _places(stage: Stage, since: date) -> None:
    city = Unit.objects.get(parent__isnull=True)
    for named in stage.scene.sensitive:
        ledger.create(SensitivePlace, stage.boss, {
            "unit": city, "kind": named.kind, "name": f"{named.name}S{stage.scene.seed}", "lat": named.place[0],
            "lon": named.place[1], "radius_m": named.radius_m,
        })  # fmt: skip
    for organ in stage.scene.organs:
        if organ.area:
            ring = [[lon, lat] for lat, lon in [*organ.area, organ.area[0]]]
            ledger.create(PermittedArea, stage.boss, {
                "unit": stage.units[organ.index], "name": "本市城区", "fence": {"type": "Polygon", "coordinates": [ring]},
                "valid_from": since,
            })  # fmt: skip


def _car(stage: Stage, car: Car, since: date) -> None:
    boss, unit = stage.boss, stage.units[car.organ.index]
    place = next((row.place for row in stage.cars.values() if row.unit_id == unit.pk), None) or register.add_place(
        boss, unit=unit, name=f"{unit.name}机关车库", lat=car.organ.home[0], lon=car.organ.home[1], radius_m=60
    )  # fmt: skip
    petrol = car.energy == "petrol"
    vehicle = register.register(
        boss, plate=car.plate, unit=unit, kind=car.kind, body=car.body, brand_model="模拟车型", energy=car.energy,
        displacement_l=Decimal("1.5") if petrol else None, price_yuan=Decimal(110_000), seats=7 if car.body == "small_bus" else 5,
        bought_on=since, registered_on=since, place=place, special_need=car.body == "small_bus", note=NOTE,
    )  # fmt: skip
    vehicle = register.commission(boss, vehicle)
    terminal = register.install_terminal(
        boss, vehicle=vehicle, number=car.number, maker=NOTE, model="ZG-808", installed_on=since
    )
    stage.cars[car.index] = vehicle
    stage.sources[car.number] = terminal.source_id
    if car.role == "assigned_by_rule":
        ledger.create(VehicleHolder, boss, {
            "unit": unit, "vehicle": vehicle, "person": stage.people[car.organ.people[0].index], "holding": Holding.ASSIGNED,
            "document_no": "模拟配备〔2020〕1号", "valid_from": since,
        })  # fmt: skip


def _as_of(stage: Stage, since: date) -> None:
    """The books of an invented past were kept then."""
    moment = datetime(since.year, since.month, since.day, tzinfo=UTC)
    keys = [row.pk for row in stage.cars.values()]
    Vehicle.objects.filter(pk__in=keys).update(created_at=moment)
    Terminal.objects.filter(vehicle__in=keys).update(created_at=moment)


# --- what was ordered and filled up


def enter(stage: Stage, months: Sequence[Month]) -> dict[str, int]:
    """Enter the orders and energy records of the months at once, as rows of an invented past: nobody has acted, so the
    ledger has no story of them. Return counts."""
    wishes = [wish for month in months for wish in month.wishes]
    fillings = [(month.car, each) for month in months for each in month.fillings]
    with stage.boss.transaction():
        rows = [_order(stage, wish) for wish in sorted(wishes, key=lambda wish: (wish.start_s, wish.car.index))]
        DispatchOrder.objects.bulk_create(rows, batch_size=1000)
        records = [_record(stage, car, each) for car, each in fillings]
        EnergyRecord.objects.bulk_create(records, batch_size=1000)
    return {"orders": len(rows), "fillings": len(records)}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), UTC)


def _order(stage: Stage, wish: Wish) -> DispatchOrder:
    car, unit = stage.cars[wish.car.index], stage.units[wish.car.organ.index]
    driver, start = stage.drivers[wish.driver.index], _moment(wish.start_s)
    key, code = orders.next_code(timezone.localdate(start))
    ended = wish.state == "ended"
    return DispatchOrder(
        id=key, code=code, unit=unit, scope_pos=unit.scope_pos, state=wish.state, requester=stage.people[wish.requester.index],
        purpose=wish.purpose, origin=unit.label, origin_lat=unit.lat, origin_lon=unit.lon, destination=wish.goal.name,
        destination_lat=wish.goal.place[0], destination_lon=wish.goal.place[1],
        stops=[{"name": each.name, "lat": each.place[0], "lon": each.place[1]} for each in wish.stops], planned_from=start,
        planned_to=_moment(wish.end_s), vehicle=car, plate=car.plate, driver=driver, driver_person_id=driver.person_id,
        driver_name=wish.driver.name, approved_by=NOTE, dispatched_by=NOTE, started_at=_moment(wish.started_s) if ended else None,
        ended_at=_moment(wish.ended_s) if ended else None, odometer_start_km=wish.odometer[0] if wish.odometer else None,
        odometer_end_km=wish.odometer[1] if wish.odometer else None,
    )  # fmt: skip


def _record(stage: Stage, car: Car, filling: Filling) -> EnergyRecord:
    vehicle, at = stage.cars[car.index], _moment(filling.at_s)
    quantity = Decimal(str(filling.quantity))
    amount = (quantity * (YUAN_A_KWH if filling.electric else YUAN_A_LITRE)).quantize(Decimal("0.01"))
    lat, lon = filling.place or (None, None)
    return EnergyRecord(
        unit_id=vehicle.unit_id, scope_pos=vehicle.scope_pos, vehicle=vehicle, at=at,
        kind=EnergyKind.CHARGE if filling.electric else EnergyKind.FUEL, quantity=quantity, amount_yuan=amount,
        odometer_km=filling.odometer_km, station=filling.station, lat=lat, lon=lon, source=CostSource.MANUAL,
        digest=costs.energy_digest(vehicle, at, quantity, amount, None),
    )  # fmt: skip
