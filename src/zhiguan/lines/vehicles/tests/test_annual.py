"""年度统计报表: figures counted by hand, signed content that stays, corrections with every difference, the workbook."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    bytes_of,
    html,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import annual, costs, register
from zhiguan.lines.vehicles.models import AnnualReport
from zhiguan.lines.vehicles.queries import annual as figures

from .fleet import known_month
from .life import LIFE
from .test_pages import BOSS
from .tracks import WORKDAY

YEAR = WORKDAY.year
ALL = LIFE | dict.fromkeys(
    ("vehicles.statistics.view", "vehicles.statistics.manage", "vehicles.statistics.sign"), "below"
)


@pytest.fixture
def month(world, rulebook):
    found = known_month(world)
    register.set_quota(BOSS, unit=world.organ, kind="emergency", quota=3, valid_from=date(2020, 1, 1))
    return found


@pytest.fixture
def boss(world, make_actor):
    return make_actor(ALL, unit=world.organ, name="甲局车管")


def cells(report, table, row):
    found = next(each for each in report.data["tables"] if each["code"] == table)
    return next(each["cells"] for each in found["rows"] if each["key"] == row)


def test_the_tables_are_those_counted_by_hand(month, world, boss):
    report = annual.draw_up(boss, unit=world.organ, year=YEAR)
    assert (report.state, report.edition, report.data["through"]) == ("draft", 1, timezone.localdate().isoformat())
    # quota, held, new energy, share, bought, disposed of, a year ago, change, rented
    assert cells(report, "fleet", "emergency") == [3, 1, 0, 0.0, 0, 0, 1, 0, 0]
    assert cells(report, "fleet", "other") == [0, 1, 1, 1.0, 0, 0, 1, 0, 0]
    assert cells(report, "fleet", "total") == [3, 2, 1, 0.5, 0, 0, 2, 0, 0]
    # this year, last year, difference, change, by vehicle
    assert cells(report, "costs", "energy") == [138, 0, 138, None, 69]
    assert cells(report, "costs", "toll") == [0, 50, -50, -1, 0]
    assert cells(report, "costs", "total") == [360, 50, 310, 6.2, 180]
    assert cells(report, "mileage", "total") == [60, 0, None, 6]
    assert cells(report, "mileage", "other") == [15, 0, None, 1]
    assert cells(report, "indicators", "vehicles.km_cost") == [6, None, None]
    assert cells(report, "indicators", "vehicles.use_rate") == [0.6667, None, None]
    assert cells(report, "indicators", "vehicles.emissions")[0] == pytest.approx(31.82, abs=0.01)
    cars = {car[0]: car for car in report.data["cars"]}
    assert set(cars) == {month.petrol.plate, month.electric.plate}
    # km, energy, upkeep, insurance, other, sum, a kilometre
    assert cars[month.petrol.plate][6:] == [45, 78, 222, 0, 0, 300, 6.67]
    assert cars[month.electric.plate][6:] == [15, 60, 0, 0, 0, 60, 4]


def test_what_was_signed_stays_and_a_correction_says_what_changed(month, world, boss):
    report = annual.sign(boss, annual.draw_up(boss, unit=world.organ, year=YEAR))
    assert (report.state, report.signed_by) == ("signed", "甲局车管")
    before = report.data
    costs.book(BOSS, vehicle=month.petrol, kind="maintenance", spent_on=WORKDAY, amount_yuan=Decimal(100), item="漏记")
    report.refresh_from_db()
    assert report.data == before
    with pytest.raises(Conflict):
        annual.recompute(boss, report)
    with pytest.raises(Conflict):
        annual.draw_up(boss, unit=world.organ, year=YEAR)
    second = annual.correct(boss, report, reason="漏记一笔保养费")
    assert (second.edition, second.state, second.corrects) == (2, "draft", report)
    changed = {(each["table"], each["row"], each["column"]): (each["before"], each["after"])
               for each in figures.difference(report.data, second.data)}  # fmt: skip
    assert changed["运行费用", "维修保养费", "本年（元）"] == (222, 322)
    assert changed["运行费用", "合计", "本年（元）"] == (360, 460)
    assert changed["单车统计", month.petrol.plate, "费用合计（元）"] == (300, 400)
    assert not any(table == "车辆数量" for table, _, _ in changed)
    with pytest.raises(Conflict):
        annual.correct(boss, report, reason="再来一次")
    second = annual.sign(boss, second)
    report.refresh_from_db()
    assert (second.state, report.state, report.data) == ("signed", "replaced", before)
    told = [(event.code, event.reason) for event in ledger.history(report)]
    assert told[-1] == ("replace", "由第 2 版更正：漏记一笔保养费")
    assert [event.code for event in ledger.history(second)] == ["create", "sign"]


def test_the_year_before_is_as_it_was_reported(month, world, boss):
    first = annual.sign(boss, annual.draw_up(boss, unit=world.organ, year=YEAR - 1))
    assert cells(first, "costs", "total")[0] == 50
    costs.book(
        BOSS, vehicle=month.petrol, kind="toll", spent_on=date(YEAR - 1, 6, 1), amount_yuan=Decimal(7), item="晚到的"
    )
    report = annual.draw_up(boss, unit=world.organ, year=YEAR)
    assert cells(report, "costs", "total")[1] == 50
    assert cells(report, "costs", "toll")[1] == 50
    assert any("第 1 版" in note for note in report.data["notes"])


def test_a_draft_is_computed_again_or_discarded(month, world, boss):
    draft = annual.draw_up(boss, unit=world.organ, year=YEAR)
    costs.book(BOSS, vehicle=month.petrol, kind="toll", spent_on=WORKDAY, amount_yuan=Decimal(40), item="通行")
    draft = annual.recompute(boss, draft)
    assert cells(draft, "costs", "total")[0] == 400
    assert annual.discard(boss, draft, reason="重新编制").state == "discarded"
    assert annual.draw_up(boss, unit=world.organ, year=YEAR).edition == 2


def test_nobody_reports_what_they_see_only_in_part(month, world, boss, make_actor):
    with pytest.raises(Denied):
        annual.draw_up(boss, unit=world.city, year=YEAR)
    with pytest.raises(Denied):
        annual.draw_up(boss, unit=world.other, year=YEAR)
    partly = make_actor({code: scope for code, scope in ALL.items() if code != "vehicles.cost.view"}, unit=world.organ)
    with pytest.raises(Denied, match="汇总会不完整"):
        annual.draw_up(partly, unit=world.organ, year=YEAR)
    with pytest.raises(Invalid):
        annual.draw_up(boss, unit=world.organ, year=YEAR + 1)
    draft = annual.draw_up(boss, unit=world.organ, year=YEAR)
    clerk = make_actor(
        {code: scope for code, scope in ALL.items() if code != "vehicles.statistics.sign"}, unit=world.organ
    )
    with pytest.raises(Denied):
        annual.sign(clerk, draft)


def test_the_city_is_the_sum_of_its_organs(month, world, make_actor):
    chief = make_actor(ALL, unit=world.city, name="市级车管")
    report = annual.draw_up(chief, unit=world.city, year=YEAR)
    assert cells(report, "costs", "total")[0] == 360 + 578
    assert cells(report, "mileage", "total")[0] == 160
    assert len(report.data["cars"]) == 3


def test_the_workbook_holds_the_report(month, world, boss):
    report = annual.sign(boss, annual.draw_up(boss, unit=world.organ, year=YEAR))
    answer = Visitor(boss).get(reverse("vehicles.annual.export", args=[report.pk]))
    book = load_workbook(io.BytesIO(bytes_of(answer)))
    assert book.sheetnames == ["统计报表", "单车统计", "编制说明"]
    rows = [[cell.value for cell in row] for row in book["统计报表"].iter_rows()]
    assert rows[0][0] == f"{YEAR} 年度公务用车统计报表"
    assert "市甲局" in rows[1][0] and "未锁定" not in rows[1][0]
    total = [row for row in rows if row[0] == "合计"]
    assert [row[1:3] for row in total] == [[3, 2], [60, 0], [360, 50]]
    assert any(row[0] and "锁定人" in str(row[3]) for row in rows)
    cars = [[cell.value for cell in row] for row in book["单车统计"].iter_rows(min_row=5)]
    assert {row[0]: row[-2] for row in cars} == {month.petrol.plate: 300, month.electric.plate: 60}
    notes = "\n".join(str(row[0].value) for row in book["编制说明"].iter_rows())
    assert "卫星定位行程" in notes and "《机关事务管理条例》第二十六条" in notes
    draft = annual.correct(boss, report, reason="核对")
    assert "未锁定" in str(load_workbook(io.BytesIO(bytes_of(
        Visitor(boss).get(reverse("vehicles.annual.export", args=[draft.pk])))))["统计报表"]["A2"].value)  # fmt: skip


def test_checking_shows_what_changed_since(month, world, boss, make_actor):
    report = annual.sign(boss, annual.draw_up(boss, unit=world.organ, year=YEAR))
    url = reverse("vehicles.annual.check", args=[report.pk])
    assert "报表与现有数据一致" in html(Visitor(boss).get(url))
    costs.book(
        BOSS,
        vehicle=month.petrol,
        kind="toll",
        spent_on=WORKDAY + timedelta(days=1),
        amount_yuan=Decimal(40),
        item="晚到",
    )
    text = html(Visitor(boss).get(url))
    assert "40.00" in text and markup.faults(text) == []
    reader = make_actor({"vehicles.statistics.view": "below"}, unit=world.organ)
    assert Visitor(reader).get(url).status_code == 403


@pytest.fixture
def case(world, rulebook, boss):
    years = iter(range(2015, 2026))

    def make(unit):
        return lambda: annual.draw_up(BOSS, unit=unit, year=next(years))

    return Case(boss, make(world.organ), make(world.other), text=lambda row: row.unit.name)


class TestAnnuals(ListPageConformance):
    page = pages.ANNUALS


class TestAnnual(DetailPageConformance):
    page = pages.ANNUAL


class TestAnnualNew(FormPageConformance):
    page = pages.ANNUAL_NEW

    @pytest.fixture
    def case(self, world, rulebook, boss):
        return Case(boss, values=lambda row: {"unit": world.organ.pk, "year": "2025"})


def test_a_report_is_drawn_with_all_its_parts(month, world, boss):
    report = annual.sign(boss, annual.draw_up(boss, unit=world.organ, year=YEAR))
    costs.book(BOSS, vehicle=month.petrol, kind="toll", spent_on=WORKDAY, amount_yuan=Decimal(40), item="通行")
    second = annual.correct(boss, report, reason="漏记")
    text = html(Visitor(boss).get(reverse("vehicles.annual.detail", args=[second.pk])))
    assert markup.faults(text) == []
    assert [word for word in ("更正了什么", "第 1 版", "运行费用", "数据来源与口径", "50.0%") if word not in text] == []
    assert AnnualReport.objects.count() == 2
