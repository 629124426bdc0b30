"""What a card must keep to: its class, its kind of depreciation, its years. The facts are read once for many cards."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.errors import Invalid

from ..codes import DepreciationKind, Method
from ..queries.classes import ClassNames, kinds_of
from ..queries.values import CENT

MOST_YEARS = 100
NOMINAL = Decimal(1)
"""名义金额 is one yuan."""
ZERO = Decimal("0.00")


class CardRules:
    """The rules in force today. ``completed`` turns what people give into the card's columns."""

    def __init__(self) -> None:
        today = timezone.localdate()
        self.names = ClassNames(today)
        self.depreciation = reference.thresholds("assets.depreciation", on=today)

    def classified(self, code: str) -> dict[str, str]:
        """Return ``class_code``, ``class_name`` and ``top_class``; raises ``Invalid`` for what is no class code."""
        code = code.strip().upper()
        if problem := self.names.problem(code):
            raise Invalid(problem, code="class_code", fields={"class_code": problem})
        return {"class_code": code, "class_name": self.names.name(code), "top_class": code[:3]}

    def check_kind(self, class_code: str, kind: str) -> None:
        """Raise ``Invalid`` when cards of the class are not depreciated in this way."""
        allowed = kinds_of(class_code)
        if kind not in allowed:
            listed = "、".join(each.label for each in allowed)
            message = f"该资产大类的折旧类别应为：{listed}。"
            raise Invalid(message, code="depreciation_kind", fields={"depreciation_kind": message})

    def least_years(self, kind: str) -> int | None:
        """Return the least years of use of the kind, None where no rule gives one."""
        if kind in (DepreciationKind.NONE, DepreciationKind.INTANGIBLE):
            return None
        return int(self.depreciation.value(kind))

    def months(self, kind: str, years: int | None) -> int:
        """Return the months over which a card is written off; without ``years`` the least that the rule allows."""
        least = self.least_years(kind)
        if years is None and least is None:
            message = "无形资产须填写折旧（摊销）年限。"
            raise Invalid(message, code="years", fields={"useful_years": message})
        years = least if years is None else years
        if least is not None and years < least:
            fact = self.depreciation.fact(kind)
            message = f"折旧年限不得少于 {least} 年（{fact.citation}）。"
            raise Invalid(message, code="years", fields={"useful_years": message})
        if not 0 < years <= MOST_YEARS:
            message = f"折旧年限应为 1 至 {MOST_YEARS} 年。"
            raise Invalid(message, code="years", fields={"useful_years": message})
        return years * 12

    def completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the columns of a new card: class names and the first depreciation term are worked out.

        ``values["useful_years"]`` is whole years, None for the least allowed. Raises ``Invalid``.
        """
        values = dict(values)
        years = values.pop("useful_years", None)
        values |= self.classified(values["class_code"])
        values["original_value"] = Decimal(values["original_value"]).quantize(CENT)
        acquired: date = values["acquired_on"]
        if acquired > timezone.localdate():
            raise Invalid("取得日期不能晚于今天。", fields={"acquired_on": "取得日期不能晚于今天。"})
        if values.get("nominal"):
            if values["original_value"] != NOMINAL:
                message = "以名义金额计量的资产，原值为 1 元。"
                raise Invalid(message, fields={"original_value": message})
            values["depreciation_kind"] = DepreciationKind.NONE
        kind = values["depreciation_kind"]
        if not values.get("nominal"):
            self.check_kind(values["class_code"], kind)
        values["term_from"] = first_of_month(acquired, int(self.depreciation.value("starts")))
        if kind == DepreciationKind.NONE:
            return {**values, "method": Method.NONE, "term_months": 0, "term_base": ZERO, "term_before": ZERO}
        return {
            **values, "method": Method.STRAIGHT, "term_months": self.months(kind, years),
            "term_base": values["original_value"], "term_before": ZERO,
        }  # fmt: skip
