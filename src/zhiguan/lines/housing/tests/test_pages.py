"""Every declared page of the line under the inherited tests, and the indicators against their lists."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.urls import resolve, reverse

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.housing import pages
from zhiguan.lines.housing.domain import allowances, records
from zhiguan.lines.housing.metrics import METRICS
from zhiguan.lines.housing.models import HousingRecord

from .conftest import BOSS, old

NEW_YEAR = date(2026, 1, 1)


@pytest.fixture
def make_benefit(world, make_record):
    def make(unit=None):
        return records.add_benefit(BOSS, make_record(unit=unit), kind="reform", enjoyed_on=date(1996, 1, 1))

    return make


@pytest.fixture
def make_allowance(world, make_record):
    def make(unit=None, kind="monthly", **values):
        return allowances.approve(BOSS, record=make_record(unit=unit, **values), kind=kind, valid_from=NEW_YEAR)

    return make


def in_(world, make):
    return Case(world.manager, make, lambda: make(unit=world.other), text=lambda row: row.person.name)


class TestRecords(ListPageConformance):
    page = pages.RECORDS

    @pytest.fixture
    def case(self, world, make_record):
        return in_(world, make_record)


class TestRecord(DetailPageConformance):
    page = pages.RECORD

    @pytest.fixture
    def case(self, world, make_record):
        return in_(world, make_record)


class TestRecordOfOldStaff(DetailPageConformance):
    page = pages.RECORD

    @pytest.fixture
    def case(self, world, make_record):
        return in_(world, lambda unit=None: make_record(unit=unit, **old()))


VALUES = {"employed_on": "1990-07-01", "fund_years": "1", "housing": "reform", "area_m2": "60", "declared_on": "2026-01-01"}


class TestRecordNew(FormPageConformance):
    page = pages.RECORD_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: {**VALUES, "person": "本人甲"})


class TestRecordEdit(FormPageConformance):
    page = pages.RECORD_EDIT

    @pytest.fixture
    def case(self, world, make_record):
        return Case(world.manager, make_record, lambda: make_record(unit=world.other), values=lambda row: VALUES)


class TestRecordImport(ImportPageConformance):
    page = pages.RECORD_IMPORT_PAGE

    @pytest.fixture
    def case(self, world):
        def row(person, **more):
            return {"人员编号": person.code, "姓名": person.name, "参加工作日期": "1990-07-01", "现住房情况": "房改房",
                    "现住房建筑面积（平方米）": 60, "申报日期": "2026-01-01", **more}  # fmt: skip

        return Case(
            world.manager, import_rows=[row(world.person()), row(world.person(), 现住房情况="无房", **{"现住房建筑面积（平方米）": 0})],
            bad_row=row(world.person(unit=world.other)), count=HousingRecord.objects.count,
        )  # fmt: skip

    def test_every_fault_is_named(self, world, case, url, make_record):
        good, had = dict(case.import_rows[0]), make_record()
        rows = [
            good, {**good, "人员编号": had.person.code, "姓名": ""}, {**good, "人员编号": world.person().code, "姓名": "李四"},
            {**good, "人员编号": world.person().code, "姓名": "", "现住房情况": "无房"},
        ]  # fmt: skip
        visitor = Visitor(world.manager)
        text = html(visitor.get(self.send(visitor, url, self.workbook(rows))))
        assert "该人员已有住房档案" in text and "与人员编号不符" in text and "应为 0" in text and "第 5 行" in text


class TestBenefit(DetailPageConformance):
    page = pages.BENEFIT

    @pytest.fixture
    def case(self, world, make_benefit):
        return in_(world, make_benefit)


class TestAllowances(ListPageConformance):
    page = pages.ALLOWANCES

    @pytest.fixture
    def case(self, world, make_allowance):
        return in_(world, make_allowance)


class TestAllowance(DetailPageConformance):
    page = pages.ALLOWANCE

    @pytest.fixture
    def case(self, world, make_allowance):
        return in_(world, make_allowance)


class TestAllowanceNew(FormPageConformance):
    page = pages.ALLOWANCE_NEW

    @pytest.fixture
    def case(self, world, make_record):
        record = make_record()
        return Case(world.manager, values=lambda row: {
            "record": record.person.code, "kind": "monthly", "valid_from": "2026-01-01",
        })  # fmt: skip


def test_a_refusal_stands_in_the_form_with_its_reasons(world, make_record):
    record = make_record(**old())
    visitor, url = Visitor(world.manager), reverse("housing.allowance.create")
    answer = visitor.post(url, {"record": record.person.code, "kind": "monthly", "valid_from": "2026-01-01"})
    assert answer.status_code == 422 and "不属于无房职工" in html(answer)
    answer = visitor.post(url, {"record": world.me.code, "kind": "monthly", "valid_from": "2026-01-01"})
    assert "还没有住房档案" in html(answer)


def test_the_record_shows_what_each_kind_would_come_to(world, make_record):
    url = reverse("housing.record.detail", args=[make_record(world.me, **old()).pk])
    text = html(Visitor(world.self).get(url, {"tab": "补贴测算"}))
    assert "53,720.00 元" in text and "不符合条件" in text and "未核对原文" in text


@pytest.fixture
def filled(world, make_allowance):
    for unit in (world.organ, world.other):
        allowances.start(BOSS, make_allowance(unit))
        allowances.start(BOSS, make_allowance(unit, "rent"))
        make_allowance(unit)
        allowances.pay(BOSS, make_allowance(unit, "shortfall", **old()), paid_on=date(2026, 2, 1))
        allowances.pay(BOSS, make_allowance(unit, "shortfall", **old(area_m2=Decimal(70))), paid_on=date(2026, 4, 1))
    return world


@pytest.mark.parametrize("who", ["manager", "bureau", "stranger"])
@pytest.mark.parametrize("code", [metric.code for metric in METRICS])
def test_the_number_is_that_of_its_rows(filled, code, who):
    actor = getattr(filled, who)
    with working(actor):
        reading = metrics.read(code, actor)
        parts = urlsplit(reading.url)
        rows = list(Listing(resolve(parts.path).func.page, actor, QueryDict(parts.query)).rows)
        groups = metrics.series(code, actor, "organ")
    wanted = sum(row.amount_yuan for row in rows) if code in ("housing.monthly", "housing.paid_once") else len(rows)
    assert reading.value == wanted > 0 and sum(group.value for group in groups) == wanted


def test_what_was_paid_once_can_be_asked_by_month(filled):
    with working(filled.manager):
        months = {group.key: group.value for group in metrics.series("housing.paid_once", filled.manager, "month")}
    assert months == {"2026-02": Decimal(1343) * 40, "2026-04": Decimal(1343) * 20}
