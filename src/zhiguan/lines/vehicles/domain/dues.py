"""What falls due when (到期提醒): computed from papers, schedules and licences; told to those in charge, once a rung."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.notices import service as notices
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system

from ..codes import DueKind, Rung
from ..models import (
    Driver,
    DueItem,
    EnergyCard,
    Inspection,
    InsurancePolicy,
    TrafficViolation,
    UpkeepOrder,
    UpkeepRule,
    Vehicle,
)
from ..queries import dues as read
from ..queries.inspections import Intervals, due_after
from ..queries.odometers import odometers
from ..queries.renewal import add_months

BATCH = 500


@dataclass(frozen=True)
class Due:
    """One thing that falls due; ``subject`` tells apart several of a kind."""

    kind: str
    owner: Any
    due_on: date
    title: str
    basis: str = ""
    subject: str = ""
    due_km: int | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{type(self.owner).__name__.lower()}:{self.owner.pk}:{self.subject}"


_waiting: ContextVar[set[int] | None] = ContextVar("vehicles_dues_waiting", default=None)


@contextmanager
def refreshed_once() -> Iterator[None]:
    """Compute what falls due once at the end of the block, not after each of many acts."""
    waiting: set[int] = set()
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    keys = sorted(waiting)
    for first in range(0, len(keys), BATCH):
        refresh_vehicles(keys[first : first + BATCH])


@transaction.atomic
def refresh_vehicles(keys: Iterable[int]) -> int:
    """Compute anew what falls due of these vehicles; return how many items there are."""
    keys = list(keys)
    waiting = _waiting.get()
    if waiting is not None:
        waiting.update(keys)
        return 0
    vehicles = {row.pk: row for row in Vehicle.objects.filter(pk__in=keys).exclude(state="disposed")}
    found: list[Due] = []
    if vehicles:
        found = [*_policies(vehicles), *_inspections(vehicles), *_cards(vehicles), *_violations(vehicles)]
        found += _upkeep(vehicles)
    return _replace(DueItem.objects.filter(vehicle__in=keys), found)


@transaction.atomic
def refresh_drivers(keys: Iterable[int]) -> int:
    """Compute anew what falls due of these drivers; return how many items there are."""
    keys = list(keys)
    found = []
    for driver in Driver.objects.filter(pk__in=keys, state="active").select_related("person"):
        for kind, day in ((DueKind.LICENCE, driver.licence_expires_on), (DueKind.MEDICAL, driver.medical_due_on),
                          (DueKind.REVIEW, driver.review_due_on)):  # fmt: skip
            if day is not None:
                found.append(Due(kind, driver, day, f"{driver.person.name} {DueKind(kind).label}"))
    return _replace(DueItem.objects.filter(driver__in=keys), found)


def _policies(vehicles: dict[int, Vehicle]) -> list[Due]:
    rows = InsurancePolicy.objects.filter(vehicle__in=vehicles, state="active")
    ends = {(key, kind): day for key, kind, day in
            rows.order_by().values("vehicle", "kind").annotate(last=Max("valid_to"))
            .values_list("vehicle", "kind", "last")}  # fmt: skip
    found = []
    for key, vehicle in vehicles.items():
        for kind in (DueKind.COMPULSORY, DueKind.COMMERCIAL):
            if day := ends.get((key, kind.value)):
                found.append(Due(kind, vehicle, day, f"{vehicle.plate} {kind.label}"))
        if (key, DueKind.COMPULSORY.value) not in ends:
            since = vehicle.registered_on or vehicle.bought_on
            found.append(Due(DueKind.COMPULSORY, vehicle, since, f"{vehicle.plate} 没有登记交强险保单"))
    return found


def _inspections(vehicles: dict[int, Vehicle]) -> list[Due]:
    rules = Intervals()
    rows = Inspection.objects.filter(vehicle__in=vehicles, state="booked", passed=True)
    last = {row.vehicle_id: row for row in rows.order_by("vehicle_id", "-inspected_on", "-pk").distinct("vehicle_id")}
    found = []
    for key, vehicle in vehicles.items():
        done = last.get(key)
        day = done.valid_to if done is not None and done.valid_to else due_after(vehicle, None, rules)
        title = f"{vehicle.plate} 检验到期" if done is not None else f"{vehicle.plate} 没有登记检验，首次检验到期"
        found.append(Due(DueKind.INSPECTION, vehicle, day, title, rules.clause_for(vehicle)))
    return found


def _cards(vehicles: dict[int, Vehicle]) -> list[Due]:
    rows = EnergyCard.objects.filter(vehicle__in=vehicles, state="active", expires_on__isnull=False)
    return [
        Due(DueKind.CARD, vehicles[card.vehicle_id], card.expires_on,
            f"{vehicles[card.vehicle_id].plate} {card.get_kind_display()}卡 {card.number} 到期", subject=str(card.pk))
        for card in rows
    ]  # fmt: skip


def _violations(vehicles: dict[int, Vehicle]) -> list[Due]:
    terms = {state: reference.fact(f"vehicles.due.violation_{act}_days") for state, act in
             (("open", "handle"), ("handled", "pay"))}  # fmt: skip
    found = []
    for row in TrafficViolation.objects.filter(vehicle__in=vehicles, state__in=terms):
        if row.state == "handled" and not row.fine_yuan:
            continue
        fact = terms[row.state]
        since = row.noticed_on if row.state == "open" else row.handled_on or row.noticed_on
        act = "待处理" if row.state == "open" else "待缴款"
        plate = vehicles[row.vehicle_id].plate
        found.append(
            Due(DueKind.VIOLATION, vehicles[row.vehicle_id], read.term_end(since, int(fact.value), fact.unit),
                f"{plate} 违法{act}：{row.behaviour}"[:120], fact.citation, str(row.pk))
        )  # fmt: skip
    return found


def _upkeep(vehicles: dict[int, Vehicle]) -> list[Due]:
    rules = list(UpkeepRule.objects.filter(active=True))
    if not rules:
        return []
    done: dict[tuple[int, int], UpkeepOrder] = {}
    visits = UpkeepOrder.objects.filter(vehicle__in=vehicles, state="done").order_by("done_on", "pk")
    for visit in visits.exclude(rule_keys=[]):
        for key in visit.rule_keys:
            done[visit.vehicle_id, key] = visit
    known, today = odometers(vehicles), timezone.localdate()
    found = []
    for vehicle in vehicles.values():
        for rule in rules_for(vehicle, rules):
            visit = done.get((vehicle.pk, rule.pk))
            since = visit.done_on if visit is not None and visit.done_on else vehicle.registered_on or vehicle.bought_on
            days = [add_months(since, rule.every_months)] if rule.every_months else []
            km = None
            if rule.every_km:
                km = (visit.odometer_km if visit is not None and visit.odometer_km else 0) + rule.every_km
                days += [day for day in [known[vehicle.pk].day_of(km, today)] if day is not None]
            if days:
                found.append(Due(DueKind.UPKEEP, vehicle, min(days), f"{vehicle.plate} {rule.item}", rule.basis,
                                 str(rule.pk), km))  # fmt: skip
    return found


def rules_for(vehicle: Vehicle, rules: Iterable[UpkeepRule]) -> list[UpkeepRule]:
    """Return the schedule items that hold for a vehicle: of several for one item the one with most conditions."""
    best: dict[str, tuple[int, UpkeepRule]] = {}
    for rule in rules:
        conditions = ((rule.kind, vehicle.kind), (rule.energy, vehicle.energy), (rule.brand_model, vehicle.brand_model))
        if any(wanted and wanted != given for wanted, given in conditions):
            continue
        weight = sum(bool(wanted) for wanted, _ in conditions)
        if rule.item not in best or weight > best[rule.item][0]:
            best[rule.item] = (weight, rule)
    return [rule for _, rule in best.values()]


def _replace(old: Any, found: list[Due]) -> int:
    now = timezone.now()
    wanted = {due.key: due for due in found}
    have = {item.key: item for item in old}
    old.exclude(key__in=wanted).delete()
    changed = []
    for key, item in have.items():
        due = wanted.get(key)
        if due is None:
            continue
        values = {"due_on": due.due_on, "due_km": due.due_km, "title": due.title[:120], "basis": due.basis[:200],
                  "unit_id": due.owner.unit_id, "scope_pos": due.owner.scope_pos}  # fmt: skip
        if any(getattr(item, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(item, name, value)
            item.computed_at = now
            changed.append(item)
    DueItem.objects.bulk_update(
        changed, ["due_on", "due_km", "title", "basis", "unit", "scope_pos", "computed_at"], batch_size=BATCH
    )
    fresh = [
        DueItem(
            key=key, kind=due.kind, vehicle=due.owner if isinstance(due.owner, Vehicle) else None,
            driver=due.owner if isinstance(due.owner, Driver) else None, title=due.title[:120], due_on=due.due_on,
            due_km=due.due_km, basis=due.basis[:200], computed_at=now, unit_id=due.owner.unit_id,
            scope_pos=due.owner.scope_pos,
        )
        for key, due in wanted.items() if key not in have
    ]  # fmt: skip
    # Two people may enter two papers of one vehicle at one moment; what both compute is the same.
    DueItem.objects.bulk_create(fresh, batch_size=BATCH, ignore_conflicts=True)
    return len(wanted)


def refresh_all() -> int:
    """Compute everything anew, in batches; for the nightly job."""
    total = 0
    with system("vehicles.dues").acting():
        for model, refresh in ((Vehicle, refresh_vehicles), (Driver, refresh_drivers)):
            keys = list(model.objects.order_by("pk").values_list("pk", flat=True))
            for first in range(0, len(keys), BATCH):
                total += refresh(keys[first : first + BATCH])
    return total


def remind() -> int:
    """Tell those in charge in the unit, and the driver concerned, what has come to a new rung; return how many notices.

    A rung of an item is told once: the key of the notice holds what falls due, when, and the rung.
    """
    told = 0
    with system("vehicles.dues").transaction():
        groups: dict[tuple[int, str], list[DueItem]] = defaultdict(list)
        for item in read.all_dues().exclude(rung=Rung.LATER).select_related("unit", "driver__person"):
            groups[item.unit_id, item.rung].append(item)
        people: dict[int, list[Any]] = {}
        for (unit, rung), items in groups.items():
            if unit not in people:
                people[unit] = notices.holders("vehicles.vehicle.manage", items[0], unit=items[0].unit)
            for item in items:
                told += notices.notify(
                    [*people[unit], *([item.driver.person] if item.driver is not None else [])],
                    "vehicles.due.remind", f"{item.title}：{Rung(rung).label}",
                    f"到期日期 {item.due_on:%Y-%m-%d}。" + (f"依据：{item.basis}。" if item.basis else ""),
                    reverse("vehicles.due") if item.vehicle_id is None
                    else reverse("vehicles.vehicle.detail", args=[item.vehicle_id]),
                    subject=item, dedupe_key=f"due:{item.key}:{item.due_on}:{rung}",
                )  # fmt: skip
    return told
