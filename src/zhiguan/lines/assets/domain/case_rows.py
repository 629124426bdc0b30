"""The tables of assets in applications: looked up, resolved against the ledger, checked row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from zhiguan.kernel.flow.declare import Choice, Problem

from ..models import Asset, DisposalItem
from ..queries.values import net_on

Rows = Sequence[Mapping[str, Any]]
OFFERED = 50
"""Assets offered by one look-up."""


def day_of(text: Any) -> date | None:
    """Return a form's date."""
    return date.fromisoformat(text) if text else None


def number_of(row: Mapping[str, Any]) -> str:
    """Return the asset number of a row; forms make numbers of those that are all digits, without leading zeros."""
    return str(row.get("asset") or "").strip()


def assets_of(unit: Any, rows: Rows) -> dict[str, Asset]:
    """Return the organ's cards by the number in the row, in one query (two where numbers may have lost their zeros)."""
    wanted = {number_of(row) for row in rows}
    found = {asset.code: asset for asset in Asset.objects.within(unit).filter(code__in=wanted)}
    cut = {number for number in wanted - set(found) if number.isdigit()}
    if cut:
        padded = Asset.objects.within(unit).filter(code__regex=r"^0[0-9]+$")
        found |= {number: asset for asset in padded if (number := asset.code.lstrip("0")) in cut}
    return found


def listed(unit: Any, rows: Rows) -> list[Asset]:
    """Return the cards of the rows in their order; those that are not the organ's are left out."""
    found = assets_of(unit, rows)
    return [found[number_of(row)] for row in rows if number_of(row) in found]


def filled(asset: Asset, **more: Any) -> dict[str, Any]:
    """Return what the ledger knows of an asset, as values of a row."""
    return {
        "name": f"{asset.name} {asset.specification}".strip(), "original": str(asset.original_value),
        "net": str(net_on(asset)), **more,
    }  # fmt: skip


def prefilled(assets: Iterable[Asset]) -> list[dict[str, Any]]:
    return [{"asset": asset.code, **filled(asset)} for asset in assets]


def free(unit: Any) -> QuerySet[Asset]:
    """Return the organ's cards that are on the books and in no open disposal."""
    bound = DisposalItem.objects.filter(open=True).values("asset")
    return Asset.objects.within(unit).exclude(state="disposed").exclude(pk__in=bound)


def offered(rows: QuerySet[Asset], text: str) -> list[Choice]:
    """Return the cards whose number begins with the text or whose name holds it."""
    text = text.strip()[:80]
    if text:
        rows = rows.filter(Q(code__startswith=text) | Q(name__contains=text))
    return [
        Choice(
            asset.code, asset.code, f"{asset.name}，{asset.state_name}，{asset.acquired_on:%Y-%m} 取得", filled(asset)
        )
        for asset in rows.order_by("code")[:OFFERED]
    ]


def faults(unit: Any, rows: Rows, *, free_only: bool = True) -> Iterable[Problem]:
    """Yield what is wrong with a table of assets against the ledger of today, row by row.

    Values that people typed must be those of the card; left empty they are taken from it.
    """
    found = assets_of(unit, rows)
    bound: dict[int, str] = {}
    if free_only:
        items = DisposalItem.objects.filter(asset__in=[asset.pk for asset in found.values()], open=True)
        bound = dict(items.values_list("asset_id", "disposal__code"))
    for number, row in enumerate(rows, 1):
        asset, at = found.get(number_of(row)), ("rows", number)
        if asset is None:
            yield Problem("asset", f"没有资产编号“{number_of(row)}”，或不在本单位账上。", *at)
        elif asset.state == "disposed":
            yield Problem("asset", f"资产 {asset.code} 已处置核销。", *at)
        elif asset.pk in bound:
            yield Problem("asset", f"资产 {asset.code} 已在处置 {bound[asset.pk]} 中。", *at)
        elif row.get("original") and Decimal(row["original"]) != asset.original_value:
            yield Problem("original", f"资产 {asset.code} 的台账原值为 {asset.original_value:,.2f} 元。", *at)
