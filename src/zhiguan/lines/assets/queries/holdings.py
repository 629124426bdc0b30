"""What an organ holds, by class, as of a day: the figures of a title registration."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from zhiguan.kernel.orgs.service import Unit

from ..codes import TopClass
from ..models import Asset
from .values import accumulated, net


def values_by_class(unit: Unit, day: date, *, without: Collection[int] = ()) -> list[dict[str, Any]]:
    """Return counts and sums by top class of what the organ and its divisions held at the end of the day.

    Cards made later count when they were acquired by that day; what has gone to another organ since does not.
    ``without`` are keys of cards that do not count. Sums are text with two decimals, as JSON and documents want them.
    """
    on_books = Q(disposed_on__isnull=True) | Q(disposed_on__gt=day)
    rows = Asset.objects.within(unit).filter(on_books, acquired_on__lte=day).exclude(pk__in=without).order_by()
    found = rows.values("top_class").annotate(
        many=Count("pk"), original=Sum("original_value"), written=Sum(accumulated(day)), left=Sum(net(day))
    )
    names = dict(TopClass.choices)
    return [
        {
            "class_code": row["top_class"], "name": names[row["top_class"]], "count": row["many"],
            "original_value": f"{row['original']:.2f}", "accumulated_depreciation": f"{row['written']:.2f}",
            "net_value": f"{row['left']:.2f}",
        }
        for row in sorted(found, key=lambda each: each["top_class"])
    ]  # fmt: skip


def totals(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all classes."""
    return {
        "count": sum(row["count"] for row in values),
        "original_value": sum((Decimal(row["original_value"]) for row in values), Decimal(0)),
        "net_value": sum((Decimal(row["net_value"]) for row in values), Decimal(0)),
    }
