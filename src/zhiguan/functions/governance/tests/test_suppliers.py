"""Favourite suppliers: found where somebody's awards lean to one firm, and nowhere else."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.utils import timezone

from zhiguan.functions.governance import rules, suppliers
from zhiguan.functions.governance.suppliers import Limits, firm_key, leanings
from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.flow.models import Seat
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Award, Awards, quarters
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kernel.supervision.running import run_scheduled
from zhiguan.kit import registry
from zhiguan.kit.actor import system

FIRMS = ("甲修理厂", "乙修理厂", "丙修理厂", "丁修理厂", "戊修理厂")
LIMITS = Limits(count=5, share=0.6, times=3, others=10, chance=0.01)
KIND = Awards("tests.repairs", "车辆维修保养", "承修单位", lambda start, end: ())


def award(firm: str, unit: Any = None, on: date = date(2026, 5, 1), number: int = 1, **more: Any) -> Award:
    return Award(unit, firm, on, {"type": "flow.case", "id": number, "label": f"单{number}"}, **more)


def drawn(random: Random, many: int, favourite: str = "", share: float = 0.0) -> list[Award]:
    return [award(favourite if random.random() < share else random.choice(FIRMS)) for _ in range(many)]


def found(held: dict[int, list[Award]], limits: Limits = LIMITS) -> dict[int, suppliers.Leaning]:
    return dict(leanings(KIND, held, dict.fromkeys(held, limits)))


def test_the_planted_favourite_is_found_and_no_honest_organ_is():
    wrong, missed = 0, 0
    for seed in range(60):
        random = Random(seed)
        held = {organ: drawn(random, random.randint(5, 25)) for organ in range(1, 30)}
        held[0] = drawn(random, 20, favourite="甲修理厂", share=0.85)
        named = found(held)
        missed += 0 not in named or named[0].firm != "甲修理厂"
        wrong += len(set(named) - {0})
    assert missed == 0 and wrong <= 8, (missed, wrong)  # of 1,740 honest ones; the limit of chance allows 17


def test_the_numbers_are_the_counts():
    held = {1: [award(firm) for firm in ("甲", "甲 ", "甲", "甲", "甲", "乙")], 2: [award(firm) for firm in "乙丙丁戊己乙丙丁戊甲"]}
    (leaning,) = found(held).values()
    assert (leaning.own, leaning.own_there, leaning.others, leaning.others_there) == (6, 5, 10, 1)
    assert leaning.share == pytest.approx(5 / 6) and leaning.elsewhere == 0.1 and leaning.times == pytest.approx(50 / 6)
    assert leaning.chance == pytest.approx(6 * (6 * (1 / 6) ** 5 * (5 / 6) + (1 / 6) ** 6)) and len(leaning.awards) == 5


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ("甲甲甲甲", "乙丙丁戊己乙丙丁戊己"),  # too few of one's own
        ("甲甲甲甲甲", "乙丙丁戊己"),  # too few to compare with
        ("甲甲甲乙丙丁", "乙丙丁戊己乙丙丁戊己"),  # no majority
        ("甲甲甲甲甲甲", "甲甲甲甲甲甲甲甲甲乙"),  # a framework contract: everybody takes it
        ("甲甲甲乙丙", "甲乙丙丁戊己庚辛壬癸"),  # may well be chance
    ],
)
def test_what_is_no_favourite(mine, others):
    held = {1: list(map(award, mine)), 2: list(map(award, others[::2])), 3: list(map(award, others[1::2]))}
    assert found(held) == {}


def test_an_award_that_two_handled_counts_once_among_the_others():
    shared = [award("甲") for _ in range(6)]
    rest = [award(firm) for firm in "乙丙丁戊己庚辛壬癸子"]
    named = found({1: shared, 2: [*shared, *rest], 3: rest})
    assert set(named) == {1} and named[1].others == 10 and named[1].others_there == 0


def test_one_firm_written_in_several_ways_is_one():
    ways = ("上海甲汽车维修有限公司", "上海甲汽车维修 有限公司", "上海甲汽车维修有限公司（浦东分公司）", "上海甲汽车维修有限公司(浦东分公司)")
    assert len({firm_key(name) for name in ways}) == 1
    assert firm_key("甲（上海）评估") != firm_key("乙（上海）评估") and firm_key("（）") and firm_key("A厂") == firm_key("ａ 厂")


def test_quarters():
    assert quarters(date(2026, 11, 20), date(2027, 1, 2)) == ["2026-Q4", "2027-Q1"]
    assert rules._quarter("2026-Q4") == (date(2026, 10, 1), date(2027, 1, 1))
    assert rules._quarter("2026-Q1") == (date(2026, 1, 1), date(2026, 4, 1))
    assert first_of_month(date(2027, 1, 1), -12) == date(2026, 1, 1)
    assert first_of_month(date(2026, 4, 1), -6) == date(2025, 10, 1)


# --- the rules --------------------------------------------------------------------------------------------------------


class Ledger:
    """The registry with one ledger of awards in place of the lines' own."""

    def __init__(self, known: Any, rows: list[Award]) -> None:
        self.known, self.rows = known, rows
        self.kind = Awards("tests.repairs", "车辆维修保养", "承修单位",
                           lambda start, end: [row for row in self.rows if start <= row.on < end])  # fmt: skip

    def all(self, kind: type) -> list[Any]:
        return [self.kind] if kind is Awards else self.known.all(kind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.known, name)


@pytest.fixture
def given(office: Any, monkeypatch: pytest.MonkeyPatch) -> list[Award]:
    """Awards of the ledger: to be filled by the test."""
    rows: list[Award] = []
    monkeypatch.setattr(registry, "_current", Ledger(registry.current(), rows))
    return rows


def judged(code: str) -> list[Finding]:
    rule = next(rule for rule in rules.RULES if rule.code == f"flow.{code}")
    assert run_scheduled(rule, today=timezone.localdate() + timedelta(days=1)).error == ""
    return list(Finding.objects.filter(rule=rule.code).exclude(state="withdrawn"))


def plant(office: Any, given: list[Award]) -> None:
    """Organ 甲 takes one firm in nine cases of ten; ten others take what comes."""
    today = timezone.localdate()
    organs = [make_unit(office.city, number, f"3100001{number:02d}", f"市{number}办", "organ") for number in range(20, 30)]
    for number, organ in enumerate(organs * 3):
        given.append(award(FIRMS[number % 5], organ, today - timedelta(days=number), 100 + number, amount_yuan=500))
    for number in range(10):
        firm = "丁修理厂" if number == 5 else "甲修理厂"
        given.append(award(firm, office.units["甲"], today - timedelta(days=number), number + 1, amount_yuan=1000))


@pytest.mark.django_db
def test_an_organs_favourite_is_raised_with_numbers_and_rows(office, given):
    plant(office, given)
    (finding,) = judged("favourite_supplier")
    assert finding.subject_id == office.units["甲"].pk and "甲修理厂 9 件（90%）" in finding.summary
    figures = [(each["name"], each["value"]) for each in finding.evidence["figures"]]
    assert ("件数", 10) in figures and ("其他单位同类件数", 30) in figures and ("该家金额合计", "9,000.00") in figures
    related = {each["id"] for each in finding.evidence["related"]}
    assert len(finding.evidence["timeline"]) == 9 and related == {1, 2, 3, 4, 5, 7, 8, 9, 10}
    given[:] = [row for row in given if firm_key(row.firm) != "甲修理厂" or row.unit.pk != office.units["甲"].pk]
    assert judged("favourite_supplier") == []


@pytest.mark.django_db
def test_an_organ_may_have_limits_of_its_own(office, given):
    plant(office, given)
    boss, since = system("tests"), timezone.localdate().replace(month=1, day=1)
    reference.override(boss, "approvals.supervision.supplier_count", 11, since, "件数少", place=office.units["甲"])
    assert judged("favourite_supplier") == []
    reference.override(boss, "approvals.supervision.supplier_count", 10, since, "恢复", place=office.units["甲"])
    assert len(judged("favourite_supplier")) == 1


@pytest.mark.django_db
def test_what_went_to_one_firm_at_once_is_one_award(office, given):
    day, unit = timezone.localdate(), office.units["甲"]
    given += [award("甲厂", unit, day, number, amount_yuan=10, source="批1号") for number in range(3)]
    given += [award("甲 厂", unit, day, 7, source="批2号"), award("乙厂", unit, day, 8)]
    ((_, rows),) = suppliers.awards(day, day + timedelta(days=1))
    assert [(row.firm, row.amount_yuan, row.link["label"]) for row in rows] == [
        ("甲厂", 30, "单0 等 3 件"), ("甲 厂", None, "单7"), ("乙厂", None, "单8"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_handlers_favourite_is_raised_with_its_cases(office, case_at, given):
    case_at("accept", "one")
    day = timezone.localdate()
    for number in range(17):
        who, firm = ("赵审查", "甲评估") if number < 6 else ("钱审查", "乙丙丁戊"[number % 4] + "评估")
        case = case_at("review")
        office.agrees(who, case)
        given.append(award(firm, office.units["甲"], day, case.pk, source=case.code))
    assert Seat.objects.filter(person=office.people["王受理"], state="done").count() == 17
    (finding,) = judged("handler_supplier")  # who accepted every case has nobody to be compared with
    assert finding.subject_id == office.people["赵审查"].pk and "甲评估 6 件（100%）" in finding.summary
    assert len({each["id"] for each in finding.evidence["related"]}) == 6
