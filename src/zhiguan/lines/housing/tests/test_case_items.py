"""G8 from the application to each person's record, in every branch of its process."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from importlib.resources import files

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import Workbook

from zhiguan.functions.governance import workbooks
from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.flow import definitions, service
from zhiguan.kernel.flow.engine import compiled
from zhiguan.kernel.flow.tests.office import Office
from zhiguan.kernel.flow.trying import failures
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.lines.housing.domain import allowances, records
from zhiguan.lines.housing.items import ALLOWANCE
from zhiguan.lines.housing.models import AllowanceRecord

from .conftest import BOSS, _unit, old


@pytest.fixture
def office(world):
    calendar.sync()
    definitions.sync(system("tests"))
    return Office(world, "housing", _unit(world.city, 3, "310000003", "市机关事务管理局", "organ"))


def applies(office, *materials, **values):
    return office.applies(ALLOWANCE, "form", "declaration", *materials, publicity="公示五个工作日，无异议", **values)


def test_the_application_is_filled_with_who_may_have_it_and_each_gets_a_record_once(office, world, make_record):
    plain, senior = make_record(world.me), make_record(world.person("section_chief"))
    make_record(**old(area_m2=Decimal(200)))  # has more than the standard
    had = make_record()
    allowances.approve(BOSS, record=had, kind="monthly", valid_from=date(2026, 1, 1))
    make_record(unit=world.other)
    case = applies(office)
    rows = {row["person"]: (row["kind"], row["amount"]) for row in case.values["rows"]}
    assert rows == {plain.person_id: ("monthly", "1200.00"), senior.person_id: ("monthly", "1000.00")}
    assert (case.values["by_month"], case.values["once"]) == ("2200.00", "0")
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "领导审批" and case.decisions["route"]["second"] is False
    case = office.decides("决定", case)
    made = {row.person_id: row for row in AllowanceRecord.objects.filter(case_no=case.code)}
    assert case.state == "granted" and set(made) == set(rows) and "核定住房补贴 2 人次" in case.result
    for row in made.values():
        assert row.document_no == case.document_no and row.state == "approved" and row.working
        assert [event.case for event in ledger.history(row)] == [case.code]
    assert len(case.effects.get().links) == 2
    assert applies(office).values["rows"] == []


def test_sums_paid_once_that_rest_on_unread_figures_get_a_second_look(office, world, make_record):
    record = make_record(world.me, **old())
    case = applies(office, "seniority")
    assert [(row["person"], row["kind"], row["amount"]) for row in case.values["rows"]] == [
        (record.person_id, "shortfall", "53720.00")
    ]
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "复核" and case.decisions["route"]["why"].startswith("测算用到未核对原文")
    case = office.decides("决定", office.all_decide(case, "check"))
    row = AllowanceRecord.objects.get()
    assert (row.kind, row.amount_yuan, case.state) == ("shortfall", Decimal("53720.00"), "granted")


def test_every_fault_is_named_by_row(office, world, make_record):
    good, housed = make_record(world.me), make_record(**old(area_m2=Decimal(200)))
    had = make_record()
    allowances.approve(BOSS, record=had, kind="monthly", valid_from=date(2026, 1, 1))
    foreign = make_record(unit=world.other)
    case = applies(office)

    def row(record, kind="monthly", amount="1200", **more):
        return {"person": record.person_id, "kind": kind, "amount": amount, **more}

    rows = [
        row(good, amount="9999"), row(good), row(housed), row(had), row(foreign), row(good, "promotion", former_grade="staff"),
    ]  # fmt: skip
    with pytest.raises(Invalid) as refused:
        office.submits(case, rows=rows)
    faults = refused.value.fields
    assert set(faults) == {"rows.1.amount", "rows.2.person", "rows.3.kind", "rows.4.kind", "rows.5.person", "rows.6.kind"}
    assert "测算为 1200.00 元" in faults["rows.1.amount"] and "重复" in faults["rows.2.person"]
    assert "不属于无房职工" in faults["rows.3.kind"] and not AllowanceRecord.objects.filter(case_no=case.code).exists()
    with pytest.raises(Invalid, match="晋升前职务层次"):
        office.submits(case, rows=[row(housed, "promotion")])


def test_housing_bought_meanwhile_stops_the_decision_for_all(office, world, make_record):
    first, second = make_record(world.me), make_record()
    case = office.goes(office.submits(applies(office)), "单位领导", "受理", "审查")
    records.add_benefit(BOSS, second, kind="economic", enjoyed_on=date(2026, 1, 1))
    with pytest.raises(Conflict, match="本人已享受购房政策"):
        office.decides("决定", case)
    case.refresh_from_db()
    assert case.state == "running" and not AllowanceRecord.objects.exists() and not case.document_no
    assert first.state == "active"


def test_a_hundred_people_are_checked_by_a_handful_of_queries(office, world, make_record):
    def asked(count):
        for _ in range(count):
            make_record()
        work, unit = service.work_of(ALLOWANCE.code), world.organ
        values = dict(work.prefill(system("tests"), unit))
        with CaptureQueriesContext(connection) as found:
            assert list(work.check(system("tests"), unit, values)) == []
        return len(values["rows"]), len(found)

    few, many = asked(2), asked(40)
    assert (few[0], many[0]) == (2, 42) and few[1] == many[1] <= 8


def workbook(*rows):
    book = Workbook()
    book.active.title = "补贴对象"
    book.active.append(["人员", "补贴种类", "晋升前职务层次", "当月标准工资（元）", "补贴金额（元）", "说明"])
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return ContentFile(out.getvalue(), name="补贴.xlsx")


def test_people_come_by_workbook_and_every_bad_cell_is_named(office, world, make_record):
    make_record(world.me)
    namesakes = [make_record(world.person(name="王伟")) for _ in range(2)]
    foreign = make_record(unit=world.other)
    case, table = applies(office), next(iter(ALLOWANCE.tables()))

    def read(*rows):
        return office.acts("经办人", lambda actor: workbooks.rows(table, workbook(*rows), case, actor))

    monthly = "购房补贴（按月）"
    rows = read(["本人甲", monthly, "", "", 1200, ""], [namesakes[0].person.code, monthly, "", "", 1200, "年度核定"])
    assert [row["person"] for row in rows] == [world.me.pk, namesakes[0].person_id]
    case = office.submits(case, rows=rows)
    assert len(case.values["rows"]) == 2 and case.state == "running"
    with pytest.raises(Invalid) as refused:
        read(["王伟", monthly, "", "", 1200, ""], [foreign.person.code, monthly, "", "", 1200, ""],
             [str(world.me.pk), monthly, "", "", 1, ""], ["本人甲", "车补", "", "", "一千", ""])  # fmt: skip
    faults = refused.value.fields
    assert "有多人同名" in faults["2.人员"]
    assert all("没有找到" in faults[f"{row}.人员"] for row in (3, 4))
    assert {"5.补贴种类", "5.补贴金额（元）"} <= set(faults)


@pytest.mark.parametrize(
    ("told", "steps"),
    [({}, []), ({"once_reaches": True}, ["check"]), ({"unverified": True}, ["check"]), ({"spouse": True}, ["check"])],
)
def test_every_way_through_the_process(told, steps):
    root = files(ALLOWANCE.package)
    tables = {name: root.joinpath(path).read_text() for name, path in ALLOWANCE.decisions.items()}
    process = compiled(root.joinpath(ALLOWANCE.flow).read_text(), tables)
    context = {"once_reaches": False, "unverified": False, "spouse": False} | told
    acts = [{"step": step} for step in ("lead", "acceptance", "review", *steps)]
    for outcome, result in (("agree", "granted"), ("refuse", "refused")):
        script = {"context": context, "acts": [*acts, {"step": "decision", "outcome": outcome}], "expect": {"result": result}}
        assert failures(process, script) == []


def test_the_guide_has_its_facts(world):
    facts = reference.thresholds(ALLOWANCE.facts, on=timezone.localdate())
    assert {"applicant", "materials", "steps", "outcome"} <= {code.removeprefix(f"{ALLOWANCE.facts}.") for code in facts.facts}
