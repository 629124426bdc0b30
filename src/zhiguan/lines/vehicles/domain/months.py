"""车月、单位月: the parts of evaluation's figures by month, kept for fleets too large to be counted at every look.

Brought up to date by a job: the months that rows changed in since, every night all of them (facts such as factors of
emission and vehicles' units may have changed). A month is replaced whole, in one transaction, of vehicles and of units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Min, Q, Sum, Value
from django.db.models.functions import Coalesce, TruncMonth
from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kit.actor import system

from ..models import CostEntry, DispatchOrder, EnergyRecord, OrderMark, UnitMonth, Vehicle, VehicleDay, VehicleMonth
from ..queries import parts
from ..queries.evaluation import SHANGHAI

MARGIN = timedelta(minutes=5)
"""Changes so long before the last computing are looked at again: their transaction may have ended after it began."""
ACTOR = system("vehicles.months")


def _changes(since: datetime) -> Iterable[tuple[Any, str, bool]]:
    """Yield the rows that changed since, the path of their day, and whether it is a moment."""
    yield VehicleDay.objects.filter(computed_at__gte=since), "day", False
    yield CostEntry.objects.filter(updated_at__gte=since), "spent_on", False
    yield EnergyRecord.objects.filter(Q(created_at__gte=since) | Q(voided_at__gte=since)), "at", True
    yield DispatchOrder.objects.filter(updated_at__gte=since), "planned_from", True
    yield OrderMark.objects.filter(noted_at__gte=since), "order__planned_from", True


def changed_months(since: datetime) -> set[date]:
    """Return the first days of the months that have rows which changed since."""
    months: set[date] = set()
    for rows, path, moment in _changes(since):
        zone = {"tzinfo": SHANGHAI} if moment else {}
        found = rows.order_by().values_list(TruncMonth(path, **zone)).distinct()
        months |= {_first(each) for (each,) in found if each is not None}
    return months


def all_months() -> set[date]:
    """Return the first days of all months from the first row on."""
    ends: list[date] = []
    for model, day in {(part.rows().model, part.day) for part in parts.PARTS.values()}:
        found = model.objects.aggregate(a=Min(day), b=Max(day))
        ends += [_first(each) for each in found.values() if each is not None]
    if not ends:
        return set()
    first, last = min(ends), max(ends)
    count = (last.year - first.year) * 12 + last.month - first.month
    return {first_of_month(first, each) for each in range(count + 1)}


def _first(moment: date) -> date:
    return first_of_month(timezone.localtime(moment, SHANGHAI).date() if isinstance(moment, datetime) else moment)


@transaction.atomic
def compute_month(month: date) -> int:
    """Count a month's parts anew and replace what is kept of it; return how many rows."""
    until, now = first_of_month(month, 1), timezone.now()
    kept: dict[tuple[int | None, int], dict[str, Any]] = defaultdict(dict)
    for name, part in parts.PARTS.items():
        start, end = (
            (datetime.combine(day, datetime.min.time(), SHANGHAI) for day in (month, until))
            if part.moments else (month, until)
        )  # fmt: skip
        rows = part.rows().filter(**{f"{part.day}__gte": start, f"{part.day}__lt": end})
        found = rows.order_by().values_list("vehicle_id", F(f"{part.owner}unit_id")).annotate(part_value=part.value())
        for vehicle, unit, value in found:
            if unit is not None:  # counted for nobody: a shared ride has no vehicle whose unit it could be
                kept[vehicle, unit][name] = value
    VehicleMonth.objects.filter(month=month).delete()
    VehicleMonth.objects.bulk_create(
        (VehicleMonth(vehicle_id=vehicle, unit_id=unit, month=month, computed_at=now, **values)
         for (vehicle, unit), values in kept.items()),
        batch_size=2_000,
    )  # fmt: skip
    sum_up(month, now)
    return len(kept)


@transaction.atomic
def sum_up(month: date, now: datetime) -> None:
    """Replace the units' sums of a month by those of its vehicles, by the kinds that these are of now."""
    rows = VehicleMonth.objects.filter(month=month).order_by()
    found = rows.values("unit_id", kind=Coalesce("vehicle__kind", Value(""))).annotate(
        **{f"sum_{name}": Sum(name) for name in parts.PARTS}
    )
    UnitMonth.objects.filter(month=month).delete()
    UnitMonth.objects.bulk_create(
        UnitMonth(month=month, computed_at=now, **{name.removeprefix("sum_"): value for name, value in row.items()})
        for row in found
    )


def of_other_kind(since: datetime) -> set[date]:
    """Return the first days of the months whose sums may count a vehicle by another kind than it is of."""
    changed = Vehicle.objects.filter(updated_at__gte=since).values("pk")
    return set(VehicleMonth.objects.filter(vehicle__in=changed).order_by().values_list("month", flat=True).distinct())


def keep_months(*, whole: bool = False) -> int:
    """Bring the kept months up to date; return how many were computed. Small fleets keep none: they are counted live."""
    with ACTOR.acting():
        with transaction.atomic():
            if not parts.large():
                return 0
            last = UnitMonth.objects.aggregate(at=Max("computed_at"))["at"]
            months = all_months() if whole or last is None else changed_months(last - MARGIN)
            others = set() if last is None else of_other_kind(last - MARGIN) - months
        for month in sorted(months, reverse=True):
            compute_month(month)
        for month in others:
            sum_up(month, timezone.now())
    return len(months)
