"""Establishment against what is there (编制与实有), as of any day; its changes; the forecast of renewal. SPEC L4.1, L4.5."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Avg, Count, Q, QuerySet
from django.db.models.functions import ExtractYear
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..codes import VehicleKind
from ..models import ON_BOOKS, Vehicle, VehicleQuota
from . import renewal, standards
from .odometers import odometers

AHEAD = 5
"""Years the forecast looks ahead."""


def quotas_on(actor: Actor, day: date) -> QuerySet[VehicleQuota]:
    """Return the quotas in force on a day."""
    rows = VehicleQuota.objects.visible_to(actor, "vehicles.quota.view").filter(state="active", valid_from__lte=day)
    return rows.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day))


def vehicles_on(actor: Actor, day: date) -> QuerySet[Vehicle]:
    """Return the vehicles that were on the books on a day: bought by then and not yet disposed of.

    Under the permission for quotas, because the two are read together. Earlier transfers are not unwound.
    """
    rows = Vehicle.objects.visible_to(actor, "vehicles.quota.view").filter(bought_on__lte=day)
    return rows.filter(Q(disposed_on__gt=day) | Q(disposed_on__isnull=True) & ~Q(state="disposed"))


def picture(actor: Actor, day: date) -> dict[str, Any]:
    """Return quota and actual of every organ and kind on a day: ``rows`` (organ, kinds, sums), ``totals`` by kind.

    A vehicle counts against the quota of its own unit, or of the nearest above that has one for the kind.
    """
    quotas: dict[tuple[int, str], int] = {}
    units: dict[int, tuple[str, int, int]] = {}
    for row in quotas_on(actor, day).select_related("unit").order_by("unit__pos"):
        quotas[row.unit_id, row.kind] = row.quota
        units[row.unit_id] = (row.unit.name, row.unit.pos, row.unit.pos_end)
    held: dict[tuple[int, str], int] = defaultdict(int)
    counts = vehicles_on(actor, day).order_by().values_list(
        "unit_id", "unit__name", "unit__pos", "unit__pos_end", "kind"
    ).annotate(n=Count("pk"))  # fmt: skip
    for unit, name, lo, hi, kind, number in counts:
        owner = unit
        if (unit, kind) not in quotas:
            above = [(pos, key) for key, (_, pos, end) in units.items() if pos <= lo <= end and (key, kind) in quotas]
            owner = max(above)[1] if above else unit
        units.setdefault(owner, (name, lo, hi))
        held[owner, kind] += number
    kinds = [(kind, label) for kind, label in VehicleKind.choices]
    rows = []
    for unit, (name, _, _) in sorted(units.items(), key=lambda each: each[1][1]):
        cells = [_cell(unit, kind, quotas.get((unit, kind)), held[unit, kind]) for kind, _ in kinds]
        total = _cell(unit, "", sum(cell["quota"] or 0 for cell in cells), sum(cell["held"] for cell in cells))
        total["over"] = any(cell["over"] for cell in cells)
        rows.append({"unit": unit, "name": name, "cells": cells, "total": total})
    totals = [
        {
            "label": label, "quota": sum(row["cells"][at]["quota"] or 0 for row in rows),
            "held": sum(row["cells"][at]["held"] for row in rows),
            "over": sum(row["cells"][at]["over"] for row in rows),
        }
        for at, (_, label) in enumerate(kinds)
    ]  # fmt: skip
    return {"rows": rows, "totals": totals, "kinds": [label for _, label in kinds],
            "over": sum(row["total"]["over"] for row in rows)}  # fmt: skip


def _cell(unit: int, kind: str, quota: int | None, held: int) -> dict[str, Any]:
    query = {"unit": str(unit), "held": "1"} | ({"kind": kind} if kind else {})
    return {
        "quota": quota, "held": held, "over": held > (quota or 0), "empty": not quota and not held,
        "url": f"{reverse('vehicles.vehicle')}?{urlencode(query)}",
    }  # fmt: skip


def changes(actor: Actor) -> QuerySet[VehicleQuota]:
    """Return every quota that ever was in force, the newest first: the list of changes."""
    return VehicleQuota.objects.visible_to(actor, "vehicles.quota.view")


def over_standard(actor: Actor) -> QuerySet[Vehicle]:
    """Return the vehicles on the books beyond a limit of their standard."""
    rows = Vehicle.objects.visible_to(actor, "vehicles.vehicle.view")
    return rows.filter(ON_BOOKS, standards.over_standard())


def forecast(actor: Actor) -> dict[str, Any]:
    """Return how many vehicles of each kind reach the age of renewal in each of the next years, and what they cost.

    The cost is what vehicles of the kind cost on average; the first column holds those that are old enough already.
    """
    today = timezone.localdate()
    years = list(range(today.year, today.year + AHEAD))
    rows = renewal.with_renewal(actor)
    prices = {kind: price for kind, price in
              rows.order_by().values_list("kind").annotate(p=Avg("price_yuan"))}  # fmt: skip
    counts: dict[tuple[str, int], int] = defaultdict(int)
    old = rows.filter(renewal_on__lte=today).order_by().values_list("kind").annotate(n=Count("pk"))
    for kind, number in old:
        counts[kind, 0] = number
    ahead = rows.filter(renewal_on__gt=today, renewal_on__year__lte=years[-1])
    for kind, year, number in ahead.annotate(y=ExtractYear("renewal_on")).order_by().values_list("kind", "y").annotate(
        n=Count("pk")
    ):  # fmt: skip
        counts[kind, year] = number
    table = []
    for kind, label in VehicleKind.choices:
        cells = [{"count": counts[kind, year], "url": _renewals(kind, year, today)} for year in (0, *years)]
        number = sum(cell["count"] for cell in cells)
        table.append(
            {"label": label, "cells": cells, "count": number, "cost": number * (prices.get(kind) or Decimal(0))}
        )
    columns = ["已达年限", *(f"{year} 年" for year in years)]
    costs = [
        sum((row["cells"][at]["count"] * (prices.get(kind) or Decimal(0))
             for row, (kind, _) in zip(table, VehicleKind.choices, strict=True)), Decimal(0))
        for at in range(len(columns))
    ]  # fmt: skip
    chart = {
        "type": "bar", "title": "达到更新年限的车辆", "unit": "辆", "stack": True, "x": columns, "height": 300,
        "series": [{"name": row["label"], "data": [cell["count"] for cell in row["cells"]]} for row in table],
        "table": "hidden",
    }  # fmt: skip
    return {"columns": columns, "rows": table, "costs": costs, "cost": sum(costs, Decimal(0)), "chart": chart,
            "clause": renewal.renewal_clause(), "count": sum(row["count"] for row in table)}  # fmt: skip


def _renewals(kind: str, year: int, today: date) -> str:
    query = {"kind": kind}
    if year:
        query["renewal_from"] = max(date(year, 1, 1), date.fromordinal(today.toordinal() + 1)).isoformat()
        query["renewal_to"] = date(year, 12, 31).isoformat()
    else:
        query["renewal_to"] = today.isoformat()
    return f"{reverse('vehicles.renewal')}?{urlencode(query)}"


def standing(vehicle: Vehicle, actor: Actor) -> dict[str, Any]:
    """Return how one vehicle stands to establishment, standard and renewal, with clauses, for its own page."""
    checks = standards.check_vehicle(vehicle)
    meter = odometers([vehicle.pk])[vehicle.pk]
    due = renewal.renewal_on(vehicle)
    guided = reference.fact(renewal.GUIDED_KM)
    return {
        "checks": checks, "over": any(check.ok is False for check in checks),
        "quota": standards.check_quota(vehicle.unit, vehicle.kind), "odometer": meter, "renewal_on": due,
        "renewable": due <= timezone.localdate(), "renewal_clause": renewal.renewal_clause(),
        "guided_km": int(guided.value), "guided_clause": guided.citation, "guided": meter.km >= int(guided.value),
    }  # fmt: skip
