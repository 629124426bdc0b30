"""Over which units somebody acts: an order sent to a pool is the pool's, a pooled car is also the pool's; whole units."""

from __future__ import annotations

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor

from ..models import DispatchOrder, Driver, Vehicle

DISPATCH = "vehicles.order.dispatch"


def whole(unit: Unit, actor: Actor, permission: str) -> bool:
    """Tell whether the permission reaches the unit and every unit below it."""
    return any(lo <= unit.pos and unit.pos_end <= hi for lo, hi in actor.scope(permission).ranges)


def require_order(order: DispatchOrder, actor: Actor) -> None:
    """Refuse who may not dispatch the order: while it is with a pool, only the pool's dispatchers may."""
    actor.require(DISPATCH, order.scope_pos if order.server_pos is None else order.server_pos)


def require_served(thing: Vehicle | Driver, actor: Actor) -> None:
    """Refuse who may not dispatch this vehicle or driver: neither theirs nor in their pool."""
    if thing.pool_pos is not None and actor.scope(DISPATCH).covers(thing.pool_pos):
        return
    actor.require(DISPATCH, thing)
