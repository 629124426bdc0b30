"""Every declared page of a vehicle's life, of costs and plans under the inherited tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import EVERYTHING
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.models import CostEntry, EnergyRecord

from .life import LIFE, TODAY, LifeMaker


@pytest.fixture
def boss(world, make_actor):
    """The organ's manager with everything of this part; nothing of the other organ's."""
    return make_actor(LIFE, unit=world.organ, name="甲局车管")


@pytest.fixture
def chief(world, make_actor):
    """The city's manager: what belongs to no organ is asked of the root of the tree."""
    actor = make_actor(LIFE, unit=world.city, name="市级车管")
    return replace(actor, permissions=dict.fromkeys(LIFE, EVERYTHING))


@pytest.fixture
def mine(world):
    return LifeMaker(world.organ, world.people["申请人"])


@pytest.fixture
def others(world):
    return LifeMaker(world.other, world.people["外单位"])


def of(name, text=None):
    """Return the fixture ``case`` for rows that ``LifeMaker.name`` makes."""

    @pytest.fixture
    def case(self, boss, mine, others):
        return Case(boss, getattr(mine, name), getattr(others, name), text=text)

    return case


class TestPolicies(ListPageConformance):
    page = pages.POLICIES
    case = of("policy", lambda row: row.number)


class TestPolicy(DetailPageConformance):
    page = pages.POLICY
    case = of("policy")


class TestPolicyNew(FormPageConformance):
    page = pages.POLICY_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {
            "vehicle": vehicle.pk, "kind": "compulsory", "insurer": "某保险", "number": "A1", "valid_from": "2026-01-01",
            "valid_to": "2026-12-31", "premium_yuan": "950"})  # fmt: skip


class TestClaims(ListPageConformance):
    page = pages.CLAIMS
    case = of("claim", lambda row: row.policy.number)


class TestClaim(DetailPageConformance):
    page = pages.CLAIM
    case = of("claim")


class TestInspections(ListPageConformance):
    page = pages.INSPECTIONS
    case = of("inspection", lambda row: row.vehicle.plate)


class TestInspection(DetailPageConformance):
    page = pages.INSPECTION
    case = of("inspection")


class TestInspectionNew(FormPageConformance):
    page = pages.INSPECTION_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "kind": "test", "inspected_on": "2025-05-01",
                                              "passed": "on", "fee_yuan": "120"})  # fmt: skip


class TestUpkeeps(ListPageConformance):
    page = pages.UPKEEPS
    case = of("upkeep", lambda row: row.code)


class TestUpkeep(DetailPageConformance):
    page = pages.UPKEEP
    case = of("upkeep")


class TestUpkeepNew(FormPageConformance):
    page = pages.UPKEEP_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle, rule = mine.in_service(), mine.rule()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "kind": "maintenance", "rules": [rule.pk],
                                              "items": "更换机油", "planned_on": "2026-12-01"})  # fmt: skip


class TestUpkeepRecord(FormPageConformance):
    page = pages.UPKEEP_RECORD

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.in_service()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "kind": "repair", "items": "补胎", "shop": "某厂",
                                              "done_on": "2026-03-01", "cost_yuan": "80"})  # fmt: skip


class _Fleet(ListPageConformance):
    """Tables of the whole fleet belong to nobody's unit."""

    def test_shows_rows_in_scope_and_no_others(self, case):
        assert case.row().pk in self.keys(case)


class TestUpkeepRules(_Fleet):
    page = pages.UPKEEP_RULES
    case = of("rule", lambda row: row.item)


class _FleetDetail(DetailPageConformance):
    def test_rows_out_of_scope_do_not_exist(self, case):
        pytest.skip("全市通用，不按单位隔离")


class TestUpkeepRule(_FleetDetail):
    page = pages.UPKEEP_RULE
    case = of("rule")


RULE = {"item": "制动液", "every_months": "24"}


class TestUpkeepRuleNew(FormPageConformance):
    page = pages.UPKEEP_RULE_NEW

    @pytest.fixture
    def case(self, chief):
        return Case(chief, values=lambda row: RULE)


class _FleetForm(FormPageConformance):
    def test_rows_out_of_scope_cannot_be_edited(self, case):
        pytest.skip("全市通用，不按单位隔离")


class TestUpkeepRuleEdit(_FleetForm):
    page = pages.UPKEEP_RULE_EDIT

    @pytest.fixture
    def case(self, chief, mine):
        return Case(chief, mine.rule, values=lambda row: RULE | {"active": "on"})


class TestAccidents(ListPageConformance):
    page = pages.ACCIDENTS
    case = of("accident", lambda row: row.code)


class TestAccident(DetailPageConformance):
    page = pages.ACCIDENT
    case = of("accident")


class TestAccidentNew(FormPageConformance):
    page = pages.ACCIDENT_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "at": "2026-03-01 09:00", "place": "某路",
                                              "account": "剐蹭"})  # fmt: skip


class TestViolations(ListPageConformance):
    page = pages.VIOLATIONS
    case = of("violation", lambda row: row.behaviour)


class TestViolation(DetailPageConformance):
    page = pages.VIOLATION
    case = of("violation")


class TestViolationNew(FormPageConformance):
    page = pages.VIOLATION_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {
            "vehicle": vehicle.pk, "at": "2026-03-01 09:00", "place": "某路", "behaviour": "违停", "fine_yuan": "200",
            "points": "0", "noticed_on": "2026-03-05"})  # fmt: skip


class TestCosts(ListPageConformance):
    page = pages.COSTS
    case = of("cost", lambda row: row.item)


class TestCost(DetailPageConformance):
    page = pages.COST

    @pytest.fixture(params=["cost", "energy"])
    def case(self, request, boss, mine, others):
        if request.param == "cost":
            return Case(boss, mine.cost, others.cost)
        return Case(boss, lambda: mine.energy().entry, lambda: others.energy().entry)


class TestCostNew(FormPageConformance):
    page = pages.COST_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "kind": "toll", "spent_on": "2026-03-01",
                                              "amount_yuan": "35"})  # fmt: skip


class TestCostImport(ImportPageConformance):
    page = pages.COST_IMPORTING

    @pytest.fixture
    def case(self, boss, mine, others):
        row = {"车牌号": mine.vehicle().plate, "费用类别": "通行费", "发生日期": "2026-03-01"}
        return Case(
            boss, import_rows=[row | {"金额（元）": 30 + number} for number in range(3)],
            bad_row=row | {"车牌号": others.vehicle().plate, "金额（元）": 1}, count=CostEntry.objects.count,
        )  # fmt: skip


class TestStatementImport(ImportPageConformance):
    page = pages.STATEMENT_IMPORTING

    @pytest.fixture
    def case(self, boss, mine, others):
        row = {"卡号": mine.card().number, "商品名称": "92号汽油", "数量": "40升"}
        rows = [row | {"交易时间": f"2026-03-0{number} 08:30", "金额": 300 + number} for number in range(1, 4)]
        return Case(boss, import_rows=rows, bad_row=rows[0] | {"卡号": others.card().number},
                    count=EnergyRecord.objects.count)  # fmt: skip


class TestEnergy(ListPageConformance):
    page = pages.ENERGY
    case = of("energy", lambda row: row.vehicle.plate)


class TestEnergyRecord(DetailPageConformance):
    page = pages.ENERGY_RECORD
    case = of("energy")


class TestEnergyNew(FormPageConformance):
    page = pages.ENERGY_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "kind": "fuel", "at": "2026-03-01 09:00",
                                              "quantity": "40", "amount_yuan": "300"})  # fmt: skip


class TestCards(ListPageConformance):
    page = pages.CARDS
    case = of("card", lambda row: row.number)


class TestCard(DetailPageConformance):
    page = pages.CARD

    @pytest.fixture
    def case(self, boss, mine, others):
        def used():
            card = mine.card()
            mine.energy(card.vehicle, card=card)
            return card

        return Case(boss, used, others.card)


class TestCardNew(FormPageConformance):
    page = pages.CARD_NEW

    @pytest.fixture
    def case(self, boss, mine):
        vehicle = mine.vehicle()
        return Case(boss, values=lambda row: {"vehicle": vehicle.pk, "number": "9001", "kind": "fuel", "issuer": "某公司",
                                              "opened_on": "2026-01-01"})  # fmt: skip


class TestDoubts(ListPageConformance):
    page = pages.DOUBTS
    case = of("doubt", lambda row: row.vehicle.plate)


class TestDoubt(DetailPageConformance):
    page = pages.DOUBT
    case = of("doubt")


class TestProfiles(_Fleet):
    page = pages.PROFILES
    case = of("profile", lambda row: row.name)


class TestProfile(_FleetDetail):
    page = pages.PROFILE_PAGE
    case = of("profile")


LAYOUT = {"name": "新格式", "company": "某公司", "kind": "fuel", "column_at": "时刻", "column_card": "卡", "column_quantity": "量",
          "column_amount": "钱"}  # fmt: skip


class TestProfileNew(FormPageConformance):
    page = pages.PROFILE_NEW

    @pytest.fixture
    def case(self, chief):
        return Case(chief, values=lambda row: LAYOUT)


class TestProfileEdit(_FleetForm):
    page = pages.PROFILE_EDIT

    @pytest.fixture
    def case(self, chief, mine):
        return Case(chief, mine.profile, values=lambda row: LAYOUT | {"active": "on"})


class TestPlans(ListPageConformance):
    page = pages.PLANS
    case = of("plan", lambda row: row.code)


class TestPlan(DetailPageConformance):
    page = pages.PLAN
    case = of("plan")


def plan_values(unit):
    return {"unit": unit.pk, "year": "2026", "kind": "emergency", "body": "sedan", "energy": "electric",
            "budget_yuan": "150000", "need": "业务需要"}  # fmt: skip


class TestPlanNew(FormPageConformance):
    page = pages.PLAN_NEW

    @pytest.fixture
    def case(self, boss, world):
        return Case(boss, values=lambda row: plan_values(world.organ))


class TestPlanEdit(FormPageConformance):
    page = pages.PLAN_EDIT

    @pytest.fixture
    def case(self, boss, world, mine, others):
        return Case(boss, mine.plan, others.plan, values=lambda row: plan_values(world.organ) | {"need": "另有需要"})


class TestDisposals(ListPageConformance):
    page = pages.DISPOSALS
    case = of("disposal", lambda row: row.code)


class TestDisposal(DetailPageConformance):
    page = pages.DISPOSAL
    case = of("disposal")


class TestDues(ListPageConformance):
    page = pages.DUES
    case = of("due", lambda row: row.vehicle.plate)


class TestRenewals(ListPageConformance):
    page = pages.RENEWALS
    case = of("vehicle", lambda row: row.plate)


class TestWholeFile(DetailPageConformance):
    """The vehicle's own page, with something in every tab."""

    page = pages.VEHICLE
    case = of("whole")


TABS = (
    "基本信息",
    "编制与标准",
    "保险年检",
    "维修保养",
    "能耗",
    "费用",
    "事故违章",
    "处置",
    "派车单",
    "行程",
    "终端",
    "历史",
)


def test_every_tab_of_the_file_is_drawn(boss, mine):
    vehicle = mine.whole()
    mine.disposal(vehicle=vehicle)
    url, visitor = reverse("vehicles.vehicle.detail", args=[vehicle.pk]), Visitor(boss)
    for tab in TABS:
        page = html(visitor.get(url, {"tab": tab}))
        assert f">{tab}</a>" in page, tab
        assert markup.faults(page) == [], tab
    assert "符合标准" in html(visitor.get(url, {"tab": "编制与标准"}))
    assert "生命历程" in html(visitor.get(url))
    assert "保险单" in html(visitor.get(url, {"print": "1"}))


@pytest.mark.parametrize(
    ("page", "query"),
    [("vehicles.establishment", {}), ("vehicles.establishment", {"on": "2023-01-01", "over": "1"}),
     ("vehicles.establishment", {"on": "错"}), ("vehicles.establishment", {"on": "2023-02-31"}),
     ("vehicles.forecast", {}), ("vehicles.costmonth", {}), ("vehicles.costmonth", {"by": "vehicle", "kind": "toll"}),
     ("vehicles.costmonth", {"by": "kind", "year": "x"}), ("vehicles.costmonth", {"by": "unit", "year": "99999999999"})],
)  # fmt: skip
def test_pictures_are_drawn_with_and_without_rows(boss, mine, page, query):
    visitor = Visitor(boss)
    for _ in range(2):
        answer = visitor.get(reverse(page), query)
        assert answer.status_code == 200
        assert markup.faults(html(answer)) == []
        mine.whole()
        mine.quota()
        mine.cost()


def test_drivers_papers_are_in_the_list(boss, mine):
    from zhiguan.lines.vehicles.domain import register

    from .test_pages import BOSS

    person = Person.objects.create(code="L1", name="到期人", unit=mine.unit)
    register.add_driver(BOSS, person=person, licence_expires_on=TODAY() + timedelta(days=5),
                        medical_due_on=TODAY() - timedelta(days=1))  # fmt: skip
    page = html(Visitor(boss).get(reverse("vehicles.due")))
    assert "到期人 驾驶证到期" in page and "7 日内" in page
    assert "到期人 身体条件证明到期" in page and "已逾期" in page
