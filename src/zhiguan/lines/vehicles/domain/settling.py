"""结算: what the journeys of a month cost the organs that were served by pools. Rates are dated facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..codes import Tenure
from ..models import DispatchOrder, OrderExpense, Settlement, SettlementLine, Trip

MANAGE = "vehicles.settlement.manage"
SHANGHAI = ZoneInfo("Asia/Shanghai")
CENT, TENTH = Decimal("0.01"), Decimal("0.1")


@dataclass(frozen=True)
class Charge:
    """What one journey costs: distance, time, their rates, what the driver paid, and the sum in yuan."""

    km: Decimal
    hours: Decimal
    km_rate_yuan: Decimal
    hour_rate_yuan: Decimal
    expenses_yuan: Decimal
    amount_yuan: Decimal


def charge(km: Decimal, hours: Decimal, km_rate: Decimal, hour_rate: Decimal, expenses: Decimal = Decimal(0)) -> Charge:
    """Return km × rate + hours × rate + expenses; distance and time to a tenth, money to the cent, half up."""
    km, hours = (value.quantize(TENTH, ROUND_HALF_UP) for value in (km, hours))
    amount = (km * km_rate + hours * hour_rate).quantize(CENT, ROUND_HALF_UP) + expenses
    return Charge(km, hours, km_rate, hour_rate, expenses, amount)


def bounds(month: date) -> tuple[datetime, datetime]:
    """Return the month's first moment and the next month's, in UTC."""
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    start, end = (datetime.combine(day, time.min, SHANGHAI).astimezone(UTC) for day in (first, following))
    return start, end


def _km(order: DispatchOrder) -> Decimal:
    """Return the distance by odometer, else by the trips that positions gave."""
    if order.odometer_start_km is not None and order.odometer_end_km is not None:
        return Decimal(order.odometer_end_km - order.odometer_start_km)
    metres = Trip.objects.filter(order=order).aggregate(m=Sum("distance_m"))["m"] or 0
    return Decimal(str(round(metres / 1000, 1)))


def _charge(order: DispatchOrder) -> Charge:
    day = timezone.localtime(order.started_at).date()
    vehicle = order.vehicle
    hours = Decimal(str((order.ended_at - order.started_at) / timedelta(hours=1)))
    if vehicle.tenure == Tenure.RENTED and vehicle.contract is not None:
        # A rented day is paid as a day, however short the journey.
        days = (timezone.localtime(order.ended_at).date() - day).days + 1
        km_rate = vehicle.contract.km_rate_yuan
        hour_rate = (vehicle.contract.day_rate_yuan * days / max(hours, TENTH)).quantize(CENT, ROUND_HALF_UP)
    else:
        km_rate, hour_rate = (
            Decimal(str(reference.value(f"dispatch.rate.{what}.{vehicle.body}", on=day))) for what in ("km", "hour")
        )
    spent = OrderExpense.objects.filter(order=order).aggregate(n=Sum("amount_yuan"))["n"] or Decimal(0)
    return charge(_km(order), max(hours, TENTH), km_rate, hour_rate, spent)


def _served(unit: Unit, month: date) -> Iterable[DispatchOrder]:
    """Journeys that the unit's pools drove for others in the month; those sharing a car go with its own order."""
    start, end = bounds(month)
    return (
        DispatchOrder.objects.filter(
            pool__unit=unit, state="ended", host__isnull=True, started_at__gte=start, started_at__lt=end,
            vehicle__isnull=False,
        )
        .exclude(ended_at=None).select_related("unit", "vehicle__contract", "pool").order_by("started_at", "pk")
    )  # fmt: skip


@transaction.atomic
def draw_up(actor: Actor, *, unit: Unit, month: date) -> list[Settlement]:
    """编制结算单: one for each organ that the unit's pools served in the month; those issued already stay untouched."""
    actor.require(MANAGE, unit)
    month = month.replace(day=1)
    if bounds(month)[1] > timezone.now():
        raise Invalid("当月尚未结束，不能编制结算单。", fields={"month": "当月尚未结束。"})
    by_organ: dict[int, tuple[Unit, list[DispatchOrder]]] = {}
    for order in _served(unit, month):
        organ = orgs.organ_of(order.unit) or order.unit
        if organ.pk != unit.pk:
            by_organ.setdefault(organ.pk, (organ, []))[1].append(order)
    made = []
    for organ, found in by_organ.values():
        known = Settlement.objects.filter(unit=unit, payer=organ, month=month).first()
        if known is None:
            known = ledger.create(
                Settlement, actor,
                {
                    "unit": unit, "payer": organ, "payer_pos": organ.pos, "month": month,
                    "code": f"JS{month:%Y%m}-{unit.pk}-{organ.pk}",
                },
                name="编制",
            )  # fmt: skip
        elif known.state not in ("draft", "disputed"):
            continue
        made.append(_compute(actor, known, found))
    return made


@transaction.atomic
def recompute(actor: Actor, settlement: Settlement) -> Settlement:
    """重新计算 a draft or disputed statement from its journeys as they now stand."""
    actor.require(MANAGE, settlement)
    found = [
        order for order in _served(settlement.unit, settlement.month)
        if (orgs.organ_of(order.unit) or order.unit).pk == settlement.payer_id
    ]  # fmt: skip
    settlement = ledger.move(settlement, "recompute", actor)
    return _compute(actor, settlement, found)


def _compute(actor: Actor, settlement: Settlement, found: list[DispatchOrder]) -> Settlement:
    settlement.lines.all().delete()
    lines = []
    for order in found:
        cost = _charge(order)
        lines.append(
            SettlementLine(
                settlement=settlement, order=order, order_code=order.code, plate=order.plate or order.vehicle.plate,
                used_on=timezone.localtime(order.started_at).date(), km=cost.km, hours=cost.hours,
                km_rate_yuan=cost.km_rate_yuan, hour_rate_yuan=cost.hour_rate_yuan, expenses_yuan=cost.expenses_yuan,
                amount_yuan=cost.amount_yuan,
            )
        )  # fmt: skip
    SettlementLine.objects.bulk_create(lines)
    totals = {
        "order_count": len(lines), "km": sum((line.km for line in lines), Decimal(0)),
        "hours": sum((line.hours for line in lines), Decimal(0)),
        "amount_yuan": sum((line.amount_yuan for line in lines), Decimal(0)),
    }  # fmt: skip
    trace.record(actor, "vehicles.settlement.line", settlement, after={key: str(value) for key, value in totals.items()})
    return ledger.change(settlement, actor, totals, name="计算", code="compute")


@transaction.atomic
def issue(actor: Actor, settlement: Settlement) -> Settlement:
    """提交对方确认: the serving side stands by its figures."""
    actor.require(MANAGE, settlement)
    if not settlement.order_count:
        raise Conflict("该结算单没有派车单，无需提交。", code="empty")
    return ledger.move(settlement, "issue", actor, issued_by=actor.name, dispute="")


def _require_payer(actor: Actor, settlement: Settlement) -> None:
    if not actor.can(MANAGE) or not actor.scope(MANAGE).covers(settlement.payer_pos):
        raise Denied("只有用车单位可以确认或提出异议。", code="not_payer")


@transaction.atomic
def confirm(actor: Actor, settlement: Settlement) -> Settlement:
    """确认: the served organ agrees to pay. Nobody confirms what they issued themselves."""
    _require_payer(actor, settlement)
    if settlement.issued_by == actor.name and not actor.system:
        raise Denied("不能确认本人提交的结算单。", code="own_issue")
    return ledger.move(settlement, "confirm", actor, confirmed_by=actor.name)


@transaction.atomic
def dispute(actor: Actor, settlement: Settlement, *, reason: str) -> Settlement:
    """提出异议: the serving side looks again."""
    _require_payer(actor, settlement)
    return ledger.move(settlement, "dispute", actor, reason=reason, dispute=reason)
