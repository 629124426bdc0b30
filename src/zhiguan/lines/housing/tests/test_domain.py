"""The verbs: records and allowances, who sees what, what is noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.models import Appointment, Rank
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.kit.pages.guard import working
from zhiguan.lines.housing import queries
from zhiguan.lines.housing.domain import allowances, records
from zhiguan.lines.housing.models import AllowanceRecord, HousingRecord

from .conftest import old

NEW_YEAR = date(2026, 1, 1)


def test_one_record_a_person_and_only_by_those_in_charge(world, make_record):
    record = make_record(world.me)
    with pytest.raises(Conflict):
        make_record(world.me)
    with pytest.raises(Denied):
        records.edit(world.stranger, record, note="外单位")
    with pytest.raises(Denied):
        records.edit(world.self, record, note="自己改")
    assert records.edit(world.manager, record, note="改").note == "改"


@pytest.mark.parametrize(
    ("values", "field"),
    [({"housing": "none", "area_m2": Decimal(9)}, "area_m2"), ({"housing": "reform", "area_m2": Decimal(0)}, "area_m2"),
     ({"employed_on": date(2999, 1, 1)}, "employed_on"), ({"spouse_area_m2": Decimal(9)}, "spouse_benefited")],
)  # fmt: skip
def test_declarations_that_cannot_be_are_refused(make_record, values, field):
    with pytest.raises(Invalid) as refused:
        make_record(**values)
    assert field in refused.value.fields and not HousingRecord.objects.exists()


def test_a_person_sees_their_own_and_nobody_elses(world, make_record):
    mine, _ = make_record(world.me), make_record()
    allowance = allowances.approve(world.bureau, record=mine, kind="monthly", valid_from=NEW_YEAR)
    with working(world.self):
        assert list(HousingRecord.objects.all()) == [mine] == list(queries.records(world.self))
        assert list(AllowanceRecord.objects.all()) == [allowance] == list(queries.allowances(world.self))
    with working(world.stranger):
        assert not HousingRecord.objects.exists() and not AllowanceRecord.objects.exists()


def test_address_and_wage_are_masked_by_the_reader_and_every_reading_is_noted(world, make_record):
    record = make_record(world.me, **old())
    url = reverse("housing.record.detail", args=[record.pk])
    blind = replace(world.manager, permissions={
        code: scope for code, scope in world.manager.permissions.items() if code != "housing.record.reveal"
    })  # fmt: skip
    for number, (actor, sees) in enumerate(((world.manager, True), (world.self, True), (blind, False)), 1):
        text = html(Visitor(actor).get(url))
        assert ("某路 1 弄" in text) == sees and ("600.00" in text) == sees and (queries.MASK in text) != sees
        assert Entry.objects.filter(code="housing.record.reveal").count() == number
    snapshot = ledger.history(record).first().snapshot
    assert "address" not in snapshot and "wage_1998_yuan" not in snapshot
    edit = html(Visitor(blind).get(reverse("housing.record.edit", args=[record.pk])))
    assert "某路 1 弄" not in edit and 'value="600' not in edit
    records.edit(blind, record, address="", wage_1998_yuan=None, note="未见地址")
    record = HousingRecord.objects.get(pk=record.pk)
    assert (record.address, record.note) == ("某路 1 弄", "未见地址")


def test_no_answer_of_the_api_holds_what_is_masked(world, make_record):
    from zhiguan.lines.housing import api

    columns = {column.name for panel in api.RECORD.detail.panels for column in getattr(panel, "fields", ())}
    columns |= {column.name for column in api.RECORD.list.columns}
    assert not columns & {"address", "wage_1998_yuan"}


def test_the_amount_follows_the_rank_of_the_day(world, make_record):
    person = world.person("section_chief", since=date(2010, 1, 1))
    Appointment.objects.filter(person=person).update(valid_to=date(2026, 6, 1))
    chief = Rank.objects.get(code="division_deputy")
    Appointment.objects.create(person=person, unit=person.unit, post="副处长", rank=chief, kind="main", valid_from=date(2026, 6, 1))
    record = make_record(person)
    before = allowances.approve(world.bureau, record=record, kind="monthly", valid_from=date(2026, 5, 31))
    assert (before.amount_yuan, before.grade) == (1000, "section_chief")
    allowances.end(world.bureau, before, valid_to=date(2026, 5, 31), reason="职务变动")
    after = allowances.approve(world.bureau, record=record, kind="monthly", valid_from=date(2026, 6, 1))
    assert (after.amount_yuan, after.grade) == (1100, "division_deputy")
    assert after.working[0]["basis"].startswith("《")


def test_who_may_not_have_it_is_told_why(world, make_record):
    record = make_record(world.me, **old())
    with pytest.raises(Invalid, match="不属于无房职工"):
        allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR)
    with pytest.raises(Denied):
        allowances.approve(world.stranger, record=record, kind="shortfall", valid_from=NEW_YEAR)
    assert not AllowanceRecord.objects.exists()


def test_an_allowance_goes_its_way_and_there_is_one_of_a_kind(world, make_record):
    record = make_record(world.me)
    row = allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR, document_no="核〔2026〕1号")
    with pytest.raises(Conflict, match="同类补贴"):
        allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR)
    with pytest.raises(Conflict, match="开始发放"):
        allowances.pay(world.bureau, row, paid_on=timezone.localdate())
    row = allowances.start(world.bureau, row)
    row = allowances.resume(world.bureau, allowances.suspend(world.bureau, row, reason="调查"), reason="结案")
    with pytest.raises(Invalid):
        allowances.end(world.bureau, row, valid_to=NEW_YEAR - timedelta(days=1), reason="退休")
    row = allowances.end(world.bureau, row, valid_to=timezone.localdate(), reason="退休")
    assert [event.code for event in ledger.history(row)] == ["create", "start", "suspend", "resume", "end"]
    with pytest.raises(Conflict):
        allowances.revoke(world.bureau, row, reason="错误")


def test_what_is_paid_once_is_paid_once(world, make_record):
    record = make_record(world.me, **old())
    row = allowances.approve(world.bureau, record=record, kind="shortfall", valid_from=NEW_YEAR)
    with pytest.raises(Conflict, match="一次发放"):
        allowances.start(world.bureau, row)
    with pytest.raises(Invalid):
        allowances.pay(world.bureau, row, paid_on=date(2025, 1, 1))
    row = allowances.pay(world.bureau, row, paid_on=date(2026, 2, 1))
    assert (row.state, row.valid_to) == ("paid", date(2026, 2, 1))
    with pytest.raises(Conflict, match="已发放过"):
        allowances.approve(world.bureau, record=record, kind="shortfall", valid_from=NEW_YEAR)


def test_benefits_count_until_they_are_voided(world, make_record):
    record = make_record(world.me)
    benefit = records.add_benefit(world.manager, record, kind="funded", enjoyed_on=date(1997, 1, 1))
    with pytest.raises(Invalid, match="已享受购房政策"):
        allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR)
    records.void(world.manager, benefit, reason="登记错误")
    assert allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR).amount_yuan == 1200


def test_a_closed_record_gets_nothing(world, make_record):
    record = records.close(world.manager, make_record(world.me), reason="调出")
    with pytest.raises(Conflict, match="封存"):
        allowances.approve(world.bureau, record=record, kind="monthly", valid_from=NEW_YEAR)
    assert records.reopen(world.manager, record, reason="调回").state == "active"
