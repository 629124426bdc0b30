"""Verbs of the one net: pools, whom they serve, what is in them, rented cars."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import Energy, Tenure, VehicleKind
from ..models import DispatchOrder, Driver, Pool, PoolMember, RentalContract, Vehicle
from .register import clean_plate

MANAGE = "vehicles.pool.manage"


@transaction.atomic
def open_pool(actor: Actor, *, unit: Unit, name: str, kind: str, members: Iterable[Unit] = (), **values: Any) -> Pool:
    """设立用车平台, run by ``unit``, for the units ``members`` and all below them."""
    actor.require(MANAGE, unit)
    if Pool.objects.filter(name=name).exists():
        raise Conflict("已有同名平台。", code="name_taken", fields={"name": "已有同名平台。"})
    pool = ledger.create(Pool, actor, {"unit": unit, "name": name, "kind": kind, **values}, name="设立")
    return set_members(actor, pool, members=members)


@transaction.atomic
def edit_pool(actor: Actor, pool: Pool, *, members: Iterable[Unit] | None = None, **values: Any) -> Pool:
    """变更平台. Its operator stays: cars and orders carry the operator's place in their data scope."""
    actor.require(MANAGE, pool)
    pool = ledger.change(pool, actor, values)
    return pool if members is None else set_members(actor, pool, members=members)


@transaction.atomic
def set_members(actor: Actor, pool: Pool, *, members: Iterable[Unit]) -> Pool:
    """设定服务单位: exactly these from now on. Orders already sent stay with the pool."""
    actor.require(MANAGE, pool)
    wanted = {unit.pk: unit for unit in members}
    before = {member.unit_id: member for member in pool.members.select_related("unit")}
    if set(wanted) == set(before):
        return pool
    PoolMember.objects.filter(pk__in=[each.pk for key, each in before.items() if key not in wanted]).delete()
    PoolMember.objects.bulk_create([PoolMember(pool=pool, unit=unit) for key, unit in wanted.items() if key not in before])
    trace.record(
        actor, "vehicles.poolmember.set", pool, before={"units": [each.unit.name for each in before.values()]},
        after={"units": [unit.name for unit in wanted.values()]},
    )  # fmt: skip
    return pool


def _without_orders(pool: Pool) -> None:
    if DispatchOrder.objects.filter(pool=pool, state__in=("approved", "dispatched", "started")).exists():
        raise Conflict("平台还有未完成的派车单，不能停用。", code="open_orders")


@transaction.atomic
def close_pool(actor: Actor, pool: Pool, *, reason: str) -> Pool:
    """停用平台, once nothing is under way in it."""
    actor.require(MANAGE, pool)
    _without_orders(pool)
    return ledger.move(pool, "close", actor, reason=reason)


@transaction.atomic
def reopen_pool(actor: Actor, pool: Pool) -> Pool:
    """恢复平台."""
    actor.require(MANAGE, pool)
    return ledger.move(pool, "reopen", actor)


def _into(actor: Actor, thing: Any, permission: str, pool: Pool | None, name: str, code: str) -> Any:
    actor.require(permission, thing)
    if pool is not None and pool.state != "active":
        raise Conflict("该平台已停用。", code="pool_state", fields={"pool": "该平台已停用。"})
    values = {"pool": pool, "pool_pos": pool.scope_pos if pool else None}
    return ledger.change(thing, actor, values, name=name, code=code)


@transaction.atomic
def pool_vehicle(actor: Actor, vehicle: Vehicle, *, pool: Pool | None) -> Vehicle:
    """入池、出池: the pool's dispatchers may send this car, too, or no longer. It stays on its owner's books."""
    if pool is None and vehicle.tenure == Tenure.RENTED:
        raise Conflict("租赁车辆随合同在平台内使用，不能出池；合同终止后办理处置。", code="rented")
    return _into(actor, vehicle, "vehicles.vehicle.manage", pool, "入池" if pool else "出池", "pool_vehicle")


@transaction.atomic
def pool_driver(actor: Actor, driver: Driver, *, pool: Pool | None) -> Driver:
    """驾驶员入池、出池."""
    return _into(actor, driver, "vehicles.driver.manage", pool, "入池" if pool else "出池", "pool_driver")


@transaction.atomic
def sign_contract(actor: Actor, *, pool: Pool, **values: Any) -> RentalContract:
    """登记租赁合同 for cars that serve the pool."""
    actor.require(MANAGE, pool)
    if values["valid_to"] <= values["valid_from"]:
        raise Invalid("终止日期须晚于起始日期。", fields={"valid_to": "终止日期须晚于起始日期。"})
    if RentalContract.objects.filter(number=values["number"]).exists():
        raise Conflict("该合同编号已登记。", code="number_taken", fields={"number": "该合同编号已登记。"})
    return ledger.create(RentalContract, actor, {"unit": pool.unit, "pool": pool, **values}, name="登记合同")


@transaction.atomic
def close_contract(actor: Actor, contract: RentalContract, *, reason: str) -> RentalContract:
    """终止合同. Its cars take no orders from now on; those under way end as planned."""
    actor.require(MANAGE, contract)
    for vehicle in contract.vehicles.filter(state="in_service"):
        if vehicle.orders.filter(state__in=("dispatched", "started")).exists():
            raise Conflict(f"{vehicle.plate} 还有未完成的派车单，请先改派。", code="open_orders")
        ledger.move(vehicle, "lay_up", actor, reason=f"租赁合同终止：{reason}")
    return ledger.move(contract, "close", actor, reason=reason)


@transaction.atomic
def reopen_contract(actor: Actor, contract: RentalContract) -> RentalContract:
    """恢复合同 that was ended by mistake; its cars are recalled one by one."""
    actor.require(MANAGE, contract)
    if contract.valid_to < timezone.localdate():
        raise Conflict("合同已到期，请登记新合同。", code="expired")
    return ledger.move(contract, "reopen", actor)


@transaction.atomic
def rent_vehicle(
    actor: Actor, contract: RentalContract, *, plate: str, body: str, brand_model: str, seats: int,
    energy: str = Energy.PETROL, note: str = "",
) -> Vehicle:  # fmt: skip
    """租入车辆: a car of the contract's company, in the pool at once. It is nobody's property and counts in no quota."""
    actor.require(MANAGE, contract)
    if contract.state != "active" or contract.valid_to < timezone.localdate():
        raise Conflict("合同已终止或到期，不能租入车辆。", code="expired")
    plate = clean_plate(plate)
    if Vehicle.objects.filter(plate=plate).exists():
        raise Conflict("该车牌号已登记。", code="plate_taken", fields={"plate": "该车牌号已登记。"})
    values = {
        "unit": contract.unit, "plate": plate, "body": body, "brand_model": brand_model, "seats": seats,
        "energy": energy, "kind": VehicleKind.OTHER, "price_yuan": Decimal(0), "bought_on": contract.valid_from,
        "tenure": Tenure.RENTED, "contract": contract, "pool": contract.pool, "pool_pos": contract.pool.scope_pos,
        "note": note, "state": "in_service",
    }  # fmt: skip
    return ledger.create(Vehicle, actor, values, name="租入")
