"""住房补贴测算: who may have which allowance, and how much, by the facts of a day. Pure: same person, same facts, same answer.

Three regimes by date: service before 1999 (lump sum, or the shortfall of area), 1999 to 2004 (a share of the standard
wage each month), from 2005 on (a fixed monthly sum by rank). Every step carries the fact it rests on; a refusal says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from ..codes import GRADES, AllowanceKind, HousingKind, rank_of

CENT = Decimal("0.01")


class Facts(Protocol):
    """The dated facts of one day: ``reference.thresholds("housing", on=day)``."""

    def fact(self, name: str) -> Any: ...


@dataclass(frozen=True)
class Situation:
    """What is known of a person on the day; ``former_grade`` is the 职务层次 before a promotion, "" without one.

    ``benefits`` are the kinds of policy enjoyed; ``wage`` is the standard wage of the month, ``wage_1998`` its average of
    1998, in yuan.
    """

    grade: str
    employed_on: date
    housing: str
    area: Decimal = Decimal(0)
    fund_years: int = 0
    benefits: frozenset[str] = frozenset()
    spouse_benefited: bool = False
    spouse_area: Decimal = Decimal(0)
    wage: Decimal | None = None
    wage_1998: Decimal | None = None
    former_grade: str = ""


@dataclass(frozen=True)
class Line:
    """One step: what, how, how much, by which document. ``verified`` is false where nobody read the value there."""

    name: str
    formula: str
    result: str
    basis: str
    verified: bool

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "formula": self.formula, "result": self.result, "basis": self.basis,
                "verified": self.verified}  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """Whether the person may have the allowance; ``reasons`` say why not. ``amount`` in yuan, a month's or the whole."""

    kind: str
    eligible: bool
    reasons: tuple[str, ...]
    lines: tuple[Line, ...]
    amount: Decimal = Decimal(0)

    @property
    def unverified(self) -> tuple[str, ...]:
        """Names of the steps whose value nobody has read in the instrument."""
        return tuple(line.name for line in self.lines if not line.verified)


class _Work:
    """Collects steps and reasons while a kind is judged."""

    def __init__(self, facts: Facts, person: Situation, day: date) -> None:
        self.facts, self.person, self.day = facts, person, day
        self.lines: list[Line] = []
        self.reasons: list[str] = []

    def step(self, name: str, formula: str, result: Any, fact: Any) -> None:
        self.lines.append(Line(name, formula, text(result), fact.citation, fact.verified))

    def number(self, name: str) -> Decimal:
        return Decimal(str(self.facts.fact(name).value))

    def must(self, condition: bool, reason: str) -> None:
        if not condition:
            self.reasons.append(reason)

    def standard(self, grade: str) -> Decimal | None:
        """The area standard of a 职务层次, noted as a step; None when there is none."""
        rank = rank_of("area", grade)
        if not rank:
            self.reasons.append("没有该人员的职务层次，无法确定面积标准")
            return None
        fact = self.facts.fact(f"area.{rank}")
        self.step("面积标准", GRADES[grade], f"{text(fact.value)} 平方米", fact)
        return Decimal(str(fact.value))


def money(value: Decimal) -> Decimal:
    """Return a sum to the cent, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)


def text(value: Any) -> str:
    """Return a number as people write it: 800, 0.66, 12,345.6; texts as they are."""
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        return str(value)
    shown = f"{Decimal(str(value)):,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def months_until(employed_on: date, last: date) -> int:
    """Return the months of work from the first to the last, both counted as whole; 0 for who began later."""
    return max(0, (last.year - employed_on.year) * 12 + last.month - employed_on.month + 1)


def decide(kind: str, person: Situation, day: date, facts: Facts) -> Decision:
    """Return whether the person may have an allowance of the kind from the day on, how much, and why."""
    work = _Work(facts, person, day)
    amount = JUDGES[kind](work)
    eligible = not work.reasons and amount is not None and amount > 0
    if not work.reasons and not eligible:
        work.reasons.append("按标准计算没有应发金额")
    return Decision(kind, eligible, tuple(work.reasons), tuple(work.lines), money(amount) if eligible and amount else Decimal(0))


def decide_all(person: Situation, day: date, facts: Facts) -> list[Decision]:
    """Return the decision for every kind, in their order."""
    return [decide(kind, person, day, facts) for kind in AllowanceKind.values]


def _policy_housing(work: _Work) -> None:
    """Allowances for those without housing: none by policy, neither oneself nor, as the rule says, one's spouse."""
    person = work.person
    work.must(person.housing == HousingKind.NONE, f"现住房情况为“{HousingKind(person.housing).label}”，不属于无房职工")
    bought = person.benefits & {"reform", "funded", "economic", "limited", "lump", "shortfall"}
    work.must(not bought, "本人已享受购房政策")
    if person.spouse_benefited:
        rule = work.facts.fact("rules.spouse")
        work.step("配偶享受购房政策", "配偶已享受", "视同本人享受" if rule.value else "不影响本人", rule)
        work.must(not rule.value, "配偶已享受购房政策，视同本人享受")


def _old_staff(work: _Work) -> None:
    rule = work.facts.fact("lump.employed_until")
    last = date.fromisoformat(str(rule.value))
    work.step("参加工作时间", f"{work.person.employed_on:%Y-%m-%d}", "老职工" if work.person.employed_on <= last else "新职工", rule)
    work.must(work.person.employed_on <= last, f"{last:%Y-%m-%d} 后参加工作，不适用一次性、差额和级差补贴")


def _rent(work: _Work) -> Decimal | None:
    kinds = work.facts.fact("rules.rent_kinds")
    label = HousingKind(work.person.housing).label
    work.step("住房情况", label, "符合" if work.person.housing in kinds.value else "不符合", kinds)
    work.must(work.person.housing in kinds.value, f"现住房情况为“{label}”，不享受提租补贴")
    return _by_rank(work, "rent")


def _by_rank(work: _Work, scale: str) -> Decimal | None:
    rank = rank_of(scale, work.person.grade)
    if not rank:
        work.reasons.append("该职务层次没有规定的补贴标准")
        return None
    fact = work.facts.fact(f"{scale}.{rank}")
    work.step("每月补贴额", GRADES[work.person.grade], f"{text(fact.value)} 元", fact)
    return Decimal(str(fact.value))


def _monthly(work: _Work) -> Decimal | None:
    _policy_housing(work)
    until = date.fromisoformat(str(work.facts.fact("monthly.formula_until").value))
    if work.day > until:
        return _by_rank(work, "monthly.fixed")
    rule = work.facts.fact("monthly.coefficient")
    if work.person.wage is None:
        work.reasons.append("缺少当月标准工资")
        return None
    amount = work.person.wage * Decimal(str(rule.value))
    work.step("每月补贴额", f"标准工资 {text(work.person.wage)}×{text(rule.value)}", f"{text(money(amount))} 元", rule)
    return amount


def _seniority(work: _Work) -> Decimal:
    return work.number("lump.seniority_per_m2") * work.person.fund_years


def _lump(work: _Work) -> Decimal | None:
    _old_staff(work)
    _policy_housing(work)
    standard, person = work.standard(work.person.grade), work.person
    if person.wage_1998 is None:
        work.reasons.append("缺少 1998 年月均标准工资")
    if standard is None or person.wage_1998 is None:
        return None
    coefficient = work.facts.fact("monthly.coefficient")
    months = months_until(person.employed_on, date.fromisoformat(str(work.facts.fact("lump.employed_until").value)))
    wages = person.wage_1998 * Decimal(str(coefficient.value)) * months
    work.step("工资部分", f"{text(person.wage_1998)}×{text(coefficient.value)}×{months} 个月", f"{text(money(wages))} 元", coefficient)
    years = _seniority(work) * standard
    work.step("工龄部分", f"{text(work.number('lump.seniority_per_m2'))}×{person.fund_years} 年×{text(standard)} 平方米",
              f"{text(money(years))} 元", work.facts.fact("lump.seniority_per_m2"))  # fmt: skip
    work.step("一次性补贴", "工资部分＋工龄部分", f"{text(money(wages + years))} 元", work.facts.fact("lump.formula_lump"))
    return wages + years


def _held(work: _Work) -> Decimal:
    """The area that counts as held: one's own and, as the rule says, what the spouse has by policy."""
    person = work.person
    if not person.spouse_area:
        return person.area
    rule = work.facts.fact("rules.spouse_area")
    held = person.area + (person.spouse_area if rule.value else Decimal(0))
    work.step("住房面积", f"本人 {text(person.area)}，配偶 {text(person.spouse_area)}", f"{text(held)} 平方米", rule)
    return held


def _missing(work: _Work, missing: Decimal, name: str, formula: str) -> Decimal:
    base, each = work.facts.fact("lump.base_per_m2"), work.facts.fact("lump.seniority_per_m2")
    rate = Decimal(str(base.value)) + _seniority(work)
    work.step("每平方米补贴额", f"{text(base.value)}＋{text(each.value)}×{work.person.fund_years} 年", f"{text(rate)} 元", base)
    amount = rate * missing
    work.step(name, f"{text(rate)}×{text(missing)} 平方米", f"{text(money(amount))} 元", work.facts.fact(formula))
    return amount


def _shortfall(work: _Work) -> Decimal | None:
    _old_staff(work)
    work.must(work.person.housing != HousingKind.NONE, "无房职工适用一次性或按月补贴，不适用差额补贴")
    work.must(not work.person.benefits & {"shortfall", "lump"}, "已领取一次性或差额补贴")
    standard = work.standard(work.person.grade)
    if standard is None:
        return None
    missing = standard - _held(work)
    work.must(missing > 0, "住房面积已达到或超过面积标准，不发差额补贴")
    return _missing(work, missing, "差额补贴", "lump.formula_shortfall") if missing > 0 else None


def _promotion(work: _Work) -> Decimal | None:
    _old_staff(work)
    person = work.person
    work.must(bool(person.former_grade), "没有晋升前的职务层次")
    work.must(person.housing != HousingKind.NONE or "lump" in person.benefits, "未享受过购房政策，不适用级差补贴")
    if not person.former_grade:
        return None
    before = work.standard(person.former_grade)
    after = work.standard(person.grade)
    if before is None or after is None:
        return None
    missing = after - max(before, _held(work))
    work.must(missing > 0, "晋升后面积标准未高于原标准或现住房面积")
    return _missing(work, missing, "级差补贴", "lump.formula_promotion") if missing > 0 else None


JUDGES = {
    AllowanceKind.RENT.value: _rent, AllowanceKind.MONTHLY.value: _monthly, AllowanceKind.LUMP.value: _lump,
    AllowanceKind.SHORTFALL.value: _shortfall, AllowanceKind.PROMOTION.value: _promotion,
}  # fmt: skip


