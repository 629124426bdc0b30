"""Whom assets were bought from, who appraised them, who got what was disposed of: read by the pattern of favourite
suppliers (docs/supervision.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.db.models import Count, Min, Sum

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.supervision.declare import Award, Awards, SubjectLink

from .codes import DisposalKind, Origin
from .models import Asset, Disposal


def _link(disposal: Disposal) -> dict[str, object]:
    return {"type": "assets.disposal", "id": disposal.pk, "label": disposal.code}


def purchases(start: date, end: date) -> Iterator[Award]:
    """Cards that an organ bought of one supplier on one day are one purchase: a hundred chairs are one choice."""
    rows = Asset.objects.filter(origin=Origin.PURCHASE, acquired_on__gte=start, acquired_on__lt=end).exclude(supplier="")
    bought = rows.order_by().values_list("unit", "supplier", "acquired_on").annotate(
        count=Count("pk"), first=Min("pk"), total=Sum("original_value"), code=Min("code")
    )  # fmt: skip
    units = Unit.objects.in_bulk({unit for unit, *_ in bought})
    for unit, supplier, day, count, first, total, code in bought:
        label = code if count == 1 else f"{code} 等 {count} 件资产"
        yield Award(units[unit], supplier, day, {"type": "assets.asset", "id": first, "label": label}, total)


def appraisals(start: date, end: date) -> Iterator[Award]:
    rows = Disposal.objects.filter(decided_on__gte=start, decided_on__lt=end).exclude(appraiser="")
    for row in rows.exclude(state="revoked").select_related("unit"):
        yield Award(row.unit, row.appraiser, row.decided_on, _link(row), row.appraised_yuan, row.case)


def takers(start: date, end: date) -> Iterator[Award]:
    """Whom scrapped and sold assets went to; organs that were given some, and receivers of gifts, are no suppliers."""
    rows = Disposal.objects.filter(
        kind__in=(DisposalKind.SCRAP, DisposalKind.TRANSFER), executed_on__gte=start, executed_on__lt=end
    ).exclude(receiver="")
    for row in rows.select_related("unit"):
        assert row.executed_on is not None  # asked for above
        yield Award(row.unit, row.receiver, row.executed_on, _link(row), row.proceeds_yuan, row.case)


AWARDS = (
    Awards("assets.purchases", "资产购置", "供应商", purchases),
    Awards("assets.appraisals", "资产评估", "评估机构", appraisals),
    Awards("assets.takers", "资产报废回收和转让", "回收单位或受让人", takers),
)
LINKS = (SubjectLink("assets.asset", "assets.asset.detail"), SubjectLink("assets.disposal", "assets.disposal.detail"))
