"""The computation of allowances: figures worked by hand, the three regimes, and why somebody gets nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.reference import service as reference
from zhiguan.lines.housing.codes import GRADES, AllowanceKind, HousingKind
from zhiguan.lines.housing.domain.amounts import Situation, decide, decide_all, months_until

SHIPPED, DAY = reference._shipped(), date(2026, 3, 1)


@dataclass
class Shown:
    """A shipped fact, read from the file as the database has it."""

    value: object
    citation: str
    verified: bool


class Facts:
    def __init__(self, **other: object) -> None:
        self.other = other

    def fact(self, name: str) -> Shown:
        code = f"housing.{name}"
        entry = SHIPPED[code]
        return Shown(self.other.get(name, entry.get("value")), reference.cite(code), entry.get("verified", False))


FACTS = Facts()
YOUNG = Situation("division_deputy", date(2001, 7, 1), "none")
OLD = Situation(
    "division_chief", date(1985, 7, 1), "reform", area=Decimal(50), fund_years=6, benefits=frozenset({"reform"}),
    wage_1998=Decimal(600),
)  # fmt: skip


def judged(kind, person, day=DAY, facts=FACTS):
    found = decide(kind, person, day, facts)
    return found.eligible, found.amount


def test_monthly_by_rank_from_2005_and_by_wage_before():
    assert judged("monthly", YOUNG) == (True, Decimal("1100.00"))
    assert judged("monthly", replace(YOUNG, wage=Decimal(1500)), date(2004, 12, 31)) == (True, Decimal("990.00"))
    assert judged("monthly", replace(YOUNG, wage=Decimal(1500)), date(2005, 1, 1)) == (True, Decimal("1100.00"))
    assert "缺少当月标准工资" in decide("monthly", YOUNG, date(2000, 1, 1), FACTS).reasons


@pytest.mark.parametrize(("grade", "sum_"), [("worker", 800), ("staff", 800), ("section_deputy", 900), ("bureau_chief", 1600)])
def test_each_rank_has_its_sum(grade, sum_):
    assert judged("monthly", replace(YOUNG, grade=grade)) == (True, sum_)


def test_nobody_with_housing_benefits_or_a_benefited_spouse_gets_it_by_month():
    for person, word in (
        (replace(YOUNG, housing="market", area=Decimal(90)), "不属于无房职工"),
        (replace(YOUNG, benefits=frozenset({"funded"})), "已享受购房政策"),
        (replace(YOUNG, spouse_benefited=True), "配偶已享受"),
        (replace(YOUNG, grade="ministry_chief"), "没有规定"),
        (replace(YOUNG, grade=""), "没有规定"),
    ):  # fmt: skip
        found = decide("monthly", person, DAY, FACTS)
        assert not found.eligible and found.amount == 0 and any(word in reason for reason in found.reasons), word
    local = Facts(**{"rules.spouse": False})
    assert judged("monthly", replace(YOUNG, spouse_benefited=True), facts=local) == (True, 1100)


def test_lump_sum_worked_by_hand():
    person = replace(OLD, housing="none", area=Decimal(0), benefits=frozenset())
    # 600 × 0.66 × 162 months (1985-07 to 1998-12) + 13 × 6 × 90
    assert judged("lump", person) == (True, Decimal("64152.00") + 7020)
    assert not judged("lump", replace(person, employed_on=date(1999, 1, 1)))[0]
    assert judged("lump", replace(person, employed_on=date(1998, 12, 31)))[0]
    assert "缺少 1998 年月均标准工资" in decide("lump", replace(person, wage_1998=None), DAY, FACTS).reasons


def test_shortfall_worked_by_hand_and_the_spouse_counts_as_the_rule_says():
    # (1265 + 13 × 6) × (90 − 50)
    assert judged("shortfall", OLD) == (True, Decimal(1343) * 40)
    with_spouse = replace(OLD, spouse_benefited=True, spouse_area=Decimal("22.5"))
    assert judged("shortfall", with_spouse) == (True, Decimal("1343") * Decimal("17.5"))
    assert judged("shortfall", with_spouse, facts=Facts(**{"rules.spouse_area": False})) == (True, Decimal(1343) * 40)
    for area in (90, 91):
        assert not judged("shortfall", replace(OLD, area=Decimal(area)))[0]
    assert not judged("shortfall", replace(OLD, benefits=frozenset({"shortfall"})))[0]


def test_promotion_pays_the_difference_of_the_standards_once_above_what_is_held():
    promoted = replace(OLD, former_grade="section_chief", area=Decimal(75))
    assert judged("promotion", promoted) == (True, Decimal(1343) * 15)  # 90 − max(70, 75)
    assert judged("promotion", replace(promoted, area=Decimal(60))) == (True, Decimal(1343) * 20)
    assert not judged("promotion", OLD)[0]
    assert not judged("promotion", replace(promoted, former_grade="bureau_chief"))[0]


def test_what_nobody_read_is_named():
    assert decide("monthly", YOUNG, DAY, FACTS).unverified == ()
    assert "面积标准" in decide("shortfall", OLD, DAY, FACTS).unverified


@pytest.mark.parametrize(("begun", "months"), [((1998, 12, 31), 1), ((1999, 1, 1), 0), ((1997, 12, 1), 13)])
def test_months_of_work(begun, months):
    assert months_until(date(*begun), date(1998, 12, 31)) == months


situations = st.builds(
    Situation, grade=st.sampled_from([*GRADES, ""]), employed_on=st.dates(date(1960, 1, 1), date(2026, 1, 1)),
    housing=st.sampled_from(HousingKind.values), area=st.decimals(0, 300, places=2), fund_years=st.integers(0, 60),
    benefits=st.frozensets(st.sampled_from(["reform", "lump", "shortfall", "other"])), spouse_benefited=st.booleans(),
    spouse_area=st.decimals(0, 200, places=2), wage_1998=st.none() | st.decimals(0, 9999, places=2),
    former_grade=st.sampled_from([*GRADES, ""]),
)  # fmt: skip


@given(situations, st.dates(date(1999, 1, 1), date(2030, 1, 1)))
def test_every_decision_is_an_amount_or_a_reason(person, day):
    for found in decide_all(person, day, FACTS):
        assert found.eligible == (found.amount > 0) == (not found.reasons)
        assert found.amount == found.amount.quantize(Decimal("0.01"))
        assert all(line.basis.startswith("《") for line in found.lines)
    by_kind = {found.kind: found for found in decide_all(person, day, FACTS)}
    assert not (by_kind["lump"].eligible and by_kind["shortfall"].eligible) and list(by_kind) == AllowanceKind.values
