"""Standards of equipment (配备标准) and establishment (编制), asked of the dated facts, answered with their clauses.

A limit whose text was read refuses; one that nobody has read, or that is no rule, only warns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system

from ..codes import Body, Energy, VehicleKind
from ..models import ON_BOOKS, PurchasePlan, Vehicle, VehicleQuota

RULE = "rule"
ROOMY = (Body.SUV, Body.SMALL_BUS, Body.MEDIUM_BUS)
NEW_ENERGY = (Energy.HYBRID, Energy.ELECTRIC)
FIELDS = {"price": "price_yuan", "displacement": "displacement_l"}
NAMES = {"price": "价格", "displacement": "排气量", "body": "车型"}


def limit_codes(kind: str, body: str, energy: str, special_need: bool) -> dict[str, str]:
    """Return the facts that limit such a vehicle: ``price`` and ``displacement`` to the code of a fact.

    Special-purpose vehicles have no fixed limit; a coach has one of price only; a new-energy saloon has its own.
    """
    if kind == VehicleKind.SPECIAL_PURPOSE:
        return {}
    group = kind if kind in (VehicleKind.CONFIDENTIAL_MAIL, VehicleKind.LAW_ENFORCEMENT) else VehicleKind.EMERGENCY
    step = ""
    if group != VehicleKind.CONFIDENTIAL_MAIL:
        if body == Body.LARGE_BUS:
            return {"price": f"vehicles.limits.{group}.coach_price"}
        if body == Body.MEDIUM_BUS or (special_need and body in ROOMY):
            step = "special_"
        elif special_need and group == VehicleKind.LAW_ENFORCEMENT:
            step = "need_"
    found = {name: f"vehicles.limits.{group}.{step}{name}" for name in FIELDS}
    if energy in NEW_ENERGY and body == Body.SEDAN:
        found["price"] = "vehicles.limits.new_energy_sedan.price"
    if energy == Energy.ELECTRIC:
        del found["displacement"]
    return found


@dataclass(frozen=True)
class Check:
    """One comparison with a standard. ``ok`` is None where the standard gives no number; ``refuses``: it is a rule."""

    name: str
    ok: bool | None
    actual: str
    limit: str
    clause: str
    refuses: bool = False
    field: str = ""

    @property
    def verdict(self) -> str:
        return {True: "符合", False: "超出标准", None: "按工作需要确定"}[self.ok]

    @property
    def text(self) -> str:
        """The comparison in a sentence, with the clause."""
        return f"{self.name} {self.actual}，标准为{self.limit}，{self.verdict}（{self.clause}）"


def check_standard(
    *, kind: str, body: str, energy: str, price_yuan: Decimal | None, displacement_l: Decimal | None,
    special_need: bool = False, on: date | None = None,
) -> list[Check]:  # fmt: skip
    """Compare a vehicle with the standard of its kind in force on the day it was or is to be bought (today)."""
    given = {"price": price_yuan, "displacement": displacement_l}
    found = []
    codes = limit_codes(kind, body, energy, special_need)
    if not codes:
        fact = _fact("vehicles.limits.special_purpose", on)
        found.append(Check("配备标准", None, "", fact.value_text, fact.citation))
    for name, code in codes.items():
        if given[name] is None:
            continue
        fact = _fact(code, on)
        unit = "万元" if name == "price" else "升"
        actual = Decimal(given[name]) / 10_000 if name == "price" else Decimal(given[name])
        found.append(
            Check(
                NAMES[name], Decimal(given[name]) <= Decimal(str(fact.value)), f"{actual.normalize():f} {unit}",
                fact.value_text, fact.citation, fact.verified and fact.status == RULE, FIELDS[name],
            )
        )  # fmt: skip
    if body == Body.SUV:
        fact = _fact("vehicles.limits.suv", on)
        found.append(Check("越野车", None, "", fact.value_text, fact.citation))
    return found


def _fact(code: str, on: date | None) -> Any:
    """Return the fact of the day; vehicles older than the standard are compared with its first edition."""
    try:
        return reference.fact(code, on=on)
    except reference.UnknownFact:
        return reference.fact(code)


def check_vehicle(vehicle: Vehicle) -> list[Check]:
    """Return how a vehicle on the books compares with its standard."""
    return check_standard(
        kind=vehicle.kind, body=vehicle.body, energy=vehicle.energy, price_yuan=vehicle.price_yuan,
        displacement_l=vehicle.displacement_l, special_need=vehicle.special_need, on=vehicle.bought_on,
    )  # fmt: skip


def over_standard() -> Q:
    """Return the condition that keeps the vehicles beyond a limit as it stands today."""
    cases: dict[tuple[str, str], Q] = defaultdict(Q)
    for kind, body, energy, special in product(VehicleKind.values, Body.values, Energy.values, (False, True)):
        for name, code in limit_codes(kind, body, energy, special).items():
            cases[name, code] |= Q(kind=kind, body=body, energy=energy, special_need=special)
    found = Q(pk__in=[])
    for (name, code), condition in cases.items():
        found |= condition & Q(**{f"{FIELDS[name]}__gt": Decimal(str(reference.value(code)))})
    return found


@dataclass(frozen=True)
class QuotaState:
    """An establishment against what counts towards it. ``quota`` None: none was set. ``unit`` is whose it is."""

    unit: Unit | None
    quota: int | None
    held: int
    planned: int
    document_no: str
    clause: str

    @property
    def room(self) -> int | None:
        """How many vehicles may still come; negative when over."""
        return None if self.quota is None else self.quota - self.held - self.planned

    @property
    def text(self) -> str:
        if self.quota is None or self.unit is None:
            return f"没有核定编制（{self.clause}）"
        return (
            f"{self.unit.name}编制 {self.quota} 辆，实有 {self.held} 辆，已批准待到位 {self.planned} 辆，"
            f"尚余 {self.room} 辆（{self.clause}）"
        )


def check_quota(
    unit: Unit, kind: str, *, replaces: Vehicle | None = None, besides: PurchasePlan | None = None
) -> QuotaState:
    """Return the establishment that a vehicle of the kind in the unit counts against.

    It is that of the unit itself or of the nearest above. ``replaces`` is a vehicle that leaves and is not counted,
    ``besides`` a plan not to count. Only numbers of other units are read.
    """
    today = timezone.localdate()
    clause = reference.cite("vehicles.quota.law")
    with system("vehicles.quota").acting():
        quota = (
            VehicleQuota.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=today), valid_from__lte=today)
            .filter(unit__pos__lte=unit.pos, unit__pos_end__gte=unit.pos_end, kind=kind, state="active")
            .select_related("unit").order_by("-unit__pos", "unit__pos_end", "-valid_from").first()
        )  # fmt: skip
        whole = quota.unit if quota is not None else unit
        held = Vehicle.objects.within(whole).filter(ON_BOOKS, kind=kind)
        plans = PurchasePlan.objects.within(whole).filter(kind=kind, state__in=("approved", "bought"))
        plans = plans.filter(Q(replaces__isnull=True) | Q(replaces__state="disposed"))
        count = held.exclude(pk=replaces.pk if replaces is not None else None).count()
        planned = plans.exclude(pk=besides.pk if besides is not None else None).count()
    if quota is None:
        return QuotaState(None, None, count, planned, "", clause)
    return QuotaState(quota.unit, quota.quota, count, planned, quota.document_no, clause)
