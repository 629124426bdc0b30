"""Names of asset classes from the dated facts, and which depreciation they take."""

from __future__ import annotations

import re
from datetime import date

from django.utils import timezone

from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.reference.service import Fact

from ..codes import KINDS_OF_CLASS, DepreciationKind

NEW_CODE, OLD_CODE = re.compile(r"A\d{2}(?:\d{2}){0,4}"), re.compile(r"\d{7}")


class ClassNames:
    """The class codes known on a day, read in two queries: for imports of thousands of rows."""

    def __init__(self, on: date | None = None) -> None:
        day = on or timezone.localdate()
        self.known = _named(reference.thresholds("assets.classes", on=day).facts)
        self.old = _named(reference.thresholds("assets.old_classes", on=day).facts)

    def name(self, code: str) -> str:
        """Return the name of the code, or of the nearest class above it that is known."""
        for length in range(len(code), 2, -1):
            if (found := self.known.get(code[:length])) is not None:
                return found
        return ""

    def problem(self, code: str) -> str:
        """Return what is wrong with a class code, in words for people, or ""."""
        if OLD_CODE.fullmatch(code):
            name = self.old.get(f"{code[:3]}0000", "")
            known = f"（{name}）" if name else ""
            return f"“{code}”是 GB/T 14885-2010 的旧代码{known}，请改填 2022 版代码，如 A02。"
        if not NEW_CODE.fullmatch(code):
            return "分类代码应为 A 加 2 至 10 位偶数位数字（GB/T 14885-2022），如 A02010105。"
        return "" if code[:3] in self.known else f"没有“{code[:3]}”这一资产大类。"


def _named(facts: dict[str, Fact]) -> dict[str, str]:
    return {code.rsplit(".", 1)[-1]: fact.name for code, fact in facts.items()}


def kinds_of(class_code: str) -> tuple[DepreciationKind, ...]:
    """Return the kinds of depreciation that cards of the class may have."""
    return KINDS_OF_CLASS.get(class_code[:3], (DepreciationKind.NONE,))


def least_years(kind: str) -> Fact | None:
    """Return the fact with the least years of use of a kind, None where no rule gives one."""
    if kind in (DepreciationKind.NONE, DepreciationKind.INTANGIBLE):
        return None
    return reference.fact(f"assets.depreciation.{kind}")
