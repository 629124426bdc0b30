"""Read side of the one net: who waits for whom, pools, settlements, issues, places to choose from."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor

from ..codes import OrderKind
from ..models import (
    DispatchOrder,
    HandoverCheck,
    OrderExpense,
    OrderIssue,
    OrderMark,
    Pool,
    RentalContract,
    Settlement,
    SettlementLine,
)

DISPATCH = "vehicles.order.dispatch"
WAITING = Q(state="approved") | Q(state="requested", kind=OrderKind.EMERGENCY)
"""What a dispatcher may send a car for: approved requests, and emergencies that are approved afterwards."""


def served_by(actor: Actor) -> Q:
    """Return the condition for the orders the actor may dispatch: their own units', and those sent to their pools."""
    scope = actor.scope(DISPATCH)
    return (Q(server_pos__isnull=True) & scope.q()) | scope.q("server_pos")


def to_dispatch(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the requests that wait for a car of the actor's."""
    return DispatchOrder.objects.filter(WAITING, served_by(actor))


def to_approve(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the requests that wait for the actor's approval at their level."""
    waiting = DispatchOrder.objects.filter(_approvable(actor), state="requested")
    return waiting.exclude(requester_id=actor.person_id) if actor.person_id else waiting


def to_ratify(actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the emergency journeys that went ahead and wait for the actor's approval afterwards."""
    late = DispatchOrder.objects.filter(_approvable(actor), ratify_by_on__isnull=False, ratified="")
    late = late.exclude(state="cancelled")
    return late.exclude(requester_id=actor.person_id) if actor.person_id else late


def _approvable(actor: Actor) -> Q:
    section, leader = (actor.scope(f"vehicles.order.{code}") for code in ("approve", "endorse"))
    return (Q(approval_level="section") & section.q()) | (Q(approval_level="leader") & leader.q())


def hosts(order: DispatchOrder, actor: Actor) -> QuerySet[DispatchOrder]:
    """Return the orders whose car the order could share: on the same days, with seats left (``seats_left``)."""
    riding = Coalesce(Sum("riders__passenger_count", filter=Q(riders__state="dispatched")), 0)
    return (
        DispatchOrder.objects.filter(served_by(actor), state="dispatched", host__isnull=True, vehicle__isnull=False)
        .filter(planned_from__lt=order.planned_to, planned_to__gt=order.planned_from)
        .exclude(pk=order.pk)
        .annotate(seats_left=F("vehicle__seats") - 1 - F("passenger_count") - riding)
        .filter(seats_left__gte=order.passenger_count)
        .order_by("planned_from")
    )


def pools(actor: Actor) -> QuerySet[Pool]:
    """Return the pools; their names are for everybody."""
    return Pool.objects.filter(state="active")


def run_pools(actor: Actor) -> QuerySet[Pool]:
    """Return the pools of the units that the actor's permission reaches."""
    return Pool.objects.filter(actor.scope("vehicles.pool.view").q())


def pools_for(order: DispatchOrder) -> QuerySet[Pool]:
    """Return the pools that serve the order's unit."""
    return Pool.objects.filter(
        state="active", members__scope_pos__lte=order.scope_pos, members__unit__pos_end__gte=order.scope_pos
    ).distinct()


def contracts(actor: Actor) -> QuerySet[RentalContract]:
    return RentalContract.objects.visible_to(actor, "vehicles.pool.view")


def settlements(actor: Actor) -> QuerySet[Settlement]:
    """Return the statements of the units in scope, on either side."""
    return Settlement.objects.visible_to(actor, "vehicles.settlement.view")


def settlements_to_confirm(actor: Actor) -> QuerySet[Settlement]:
    """Return the statements that wait for the actor's side to confirm."""
    return Settlement.objects.filter(actor.scope("vehicles.settlement.manage").q("payer_pos"), state="issued")


def settlement_lines(settlement: Settlement, actor: Actor) -> QuerySet[SettlementLine]:
    return SettlementLine.objects.filter(settlement=settlement)


def issues(actor: Actor) -> QuerySet[OrderIssue]:
    """Return problems and complaints of the scope, and the actor's own."""
    own = Q(reporter_id=actor.person_id) if actor.person_id is not None else Q(pk__in=[])
    return OrderIssue.objects.filter(actor.scope("vehicles.issue.view").q() | own)


def issues_to_answer(actor: Actor) -> QuerySet[OrderIssue]:
    """Return the open problems and complaints that the actor may answer."""
    return OrderIssue.objects.filter(actor.scope("vehicles.issue.answer").q(), state="open")


def checks_of(order: DispatchOrder, actor: Actor) -> QuerySet[HandoverCheck]:
    return HandoverCheck.objects.filter(order=order)


def marks_of(order: DispatchOrder, actor: Actor) -> QuerySet[OrderMark]:
    return OrderMark.objects.filter(order=order)


def expenses_of(order: DispatchOrder, actor: Actor) -> QuerySet[OrderExpense]:
    return OrderExpense.objects.filter(order=order)


def riders_of(order: DispatchOrder, actor: Actor) -> QuerySet[DispatchOrder]:
    return DispatchOrder.objects.filter(host=order)


def known_places(actor: Actor, text: str, limit: int = 12) -> list[dict[str, Any]]:
    """Return places to choose from: where the actor's organ went before, then organs by name or pinyin."""
    text = text.strip()[:40]
    mine = (
        DispatchOrder.objects.filter(requester_id=actor.person_id) if actor.person_id else DispatchOrder.objects.none()
    )
    if text:
        mine = mine.filter(destination__startswith=text)
    before = (
        mine.filter(destination_lat__isnull=False, destination_lon__isnull=False).order_by()
        .values("destination", "destination_lat", "destination_lon").annotate(last=Max("created_at")).order_by("-last")
    )  # fmt: skip
    found, names = [], set()
    for row in before[:5]:
        if row["destination"] not in names:
            names.add(row["destination"])
            value = f"{row['destination_lat']},{row['destination_lon']}"
            found.append({"title": row["destination"], "subtitle": "曾去过", "group": "常用地点", "value": value})
    units: list[Unit]
    if text:
        units = orgs.search_units(text, limit=limit * 2)
    else:
        units = list(Unit.objects.open().of_kind("organ").filter(lat__isnull=False).order_by("sort", "pos")[:limit])
    for unit in units:
        if unit.lat is not None and unit.lon is not None and len(found) < limit and unit.name not in names:
            found.append(
                {"title": unit.name, "subtitle": unit.address, "group": "机关单位", "value": f"{unit.lat},{unit.lon}"}
            )
    return found


def people_to_take(actor: Actor, text: str) -> list[dict[str, Any]]:
    """Return the people of the actor's own organ whose name or pinyin begins with the text."""
    unit = Unit.objects.filter(pk=actor.unit_id).first()
    if unit is None:
        return []
    people = orgs.search_people(text[:30], limit=10, within=orgs.organ_of(unit) or unit)
    return [
        {"title": each.name, "subtitle": " ".join(filter(None, (each.unit.label, each.duty))), "value": str(each.pk),
         "unit": each.unit.label}
        for each in people
    ]  # fmt: skip
