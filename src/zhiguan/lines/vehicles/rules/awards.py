"""Whom vehicles are bought from, repaired by and given to: read by the pattern of favourite suppliers (docs/supervision.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from zhiguan.kernel.supervision.declare import Award, Awards

from ..codes import DisposalMethod
from ..models import Disposal, PurchasePlan, UpkeepOrder


def repairs(start: date, end: date) -> Iterator[Award]:
    rows = UpkeepOrder.objects.filter(began_on__gte=start, began_on__lt=end).exclude(shop="").exclude(state="cancelled")
    for row in rows.select_related("unit"):
        assert row.began_on is not None  # asked for above
        link = {"type": "vehicles.upkeeporder", "id": row.pk, "label": row.code}
        yield Award(row.unit, row.shop, row.began_on, link, row.cost_yuan)


def purchases(start: date, end: date) -> Iterator[Award]:
    rows = PurchasePlan.objects.filter(bought_on__gte=start, bought_on__lt=end).exclude(supplier="")
    for row in rows.select_related("unit"):
        assert row.bought_on is not None  # asked for above
        link = {"type": "vehicles.purchaseplan", "id": row.pk, "label": row.code}
        yield Award(row.unit, row.supplier, row.bought_on, link, row.price_yuan, row.document_no)


def takers(start: date, end: date) -> Iterator[Award]:
    rows = Disposal.objects.filter(done_on__gte=start, done_on__lt=end).exclude(receiver="")
    for row in rows.exclude(method=DisposalMethod.TRANSFER).select_related("unit"):
        assert row.done_on is not None  # asked for above
        link = {"type": "vehicles.disposal", "id": row.pk, "label": row.code}
        yield Award(row.unit, row.receiver, row.done_on, link, row.proceeds_yuan)


AWARDS = (
    Awards("vehicles.repairs", "车辆维修保养", "承修单位", repairs),
    Awards("vehicles.purchases", "车辆购置", "供应商", purchases),
    Awards("vehicles.takers", "车辆拍卖和报废回收", "受让人或回收单位", takers),
)
