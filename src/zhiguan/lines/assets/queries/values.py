"""Accumulated depreciation and net value for a day, once in Python and once in SQL; a test holds them together.

A month is booked when its last day has passed. The month of acquisition is booked (by the fact
``assets.depreciation.starts``, read when the card is made), the month of disposal is not.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Case, DecimalField, ExpressionWrapper, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce, ExtractMonth, ExtractYear, Greatest, Least, NullIf, Round
from django.utils import timezone

from ..codes import Method

CENT = Decimal("0.01")
MONEY = DecimalField(max_digits=18, decimal_places=2)


def month_index(day: date) -> int:
    """Return the number of the day's month, counted so that the next month's is one more."""
    return day.year * 12 + day.month


def _unbooked(day: date) -> int:
    """Return the number of the first month that is not booked yet at the end of the day."""
    return month_index(day + timedelta(days=1))


def months_booked(card: Any, day: date) -> int:
    """Return how many months of the card's present term are booked at the end of the day."""
    until = _unbooked(day)
    if card.disposed_on is not None:
        until = min(until, month_index(card.disposed_on))
    return max(0, min(until - month_index(card.term_from), card.term_months))


def accumulated_on(card: Any, day: date | None = None) -> Decimal:
    """Return the accumulated depreciation at the end of a day (today) of the card's present term, in yuan."""
    if card.method == Method.NONE:
        return Decimal(card.term_before)
    share = Decimal(card.term_base) * months_booked(card, day or timezone.localdate()) / card.term_months
    return card.term_before + share.quantize(CENT, ROUND_HALF_UP)


def net_on(card: Any, day: date | None = None) -> Decimal:
    """Return the net value at the end of a day (today), in yuan."""
    return card.original_value - accumulated_on(card, day)


def accumulated(day: date | None = None) -> Any:
    """Return the SQL expression of the accumulated depreciation at the end of a day (today)."""
    until = Value(_unbooked(day or timezone.localdate()))
    gone = ExtractYear("disposed_on") * 12 + ExtractMonth("disposed_on")
    begun = ExtractYear("term_from") * 12 + ExtractMonth("term_from")
    booked = Greatest(
        Least(Least(until, Coalesce(gone, until)) - begun, F("term_months")), 0, output_field=IntegerField()
    )
    share = ExpressionWrapper(F("term_base") * booked / NullIf(F("term_months"), 0), output_field=MONEY)
    return Case(
        When(method=Method.NONE, then=F("term_before")), default=F("term_before") + Round(share, 2), output_field=MONEY
    )


def net(day: date | None = None) -> Any:
    """Return the SQL expression of the net value at the end of a day (today)."""
    return ExpressionWrapper(F("original_value") - accumulated(day), output_field=MONEY)


def valued(rows: QuerySet, day: date | None = None) -> QuerySet:
    """Return the cards with ``accumulated_depreciation`` and ``net_value`` at the end of a day (today)."""
    return rows.annotate(accumulated_depreciation=accumulated(day), net_value=net(day))
