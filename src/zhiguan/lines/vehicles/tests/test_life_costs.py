"""The ledger of costs: booking, doubles, statements with bad rows, decisions, months."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook

from zhiguan.kernel.files import service as files
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.importing import checking
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.lines.vehicles.domain import costs, statements
from zhiguan.lines.vehicles.importers import COST_IMPORT, STATEMENT_IMPORT
from zhiguan.lines.vehicles.models import CostDoubt, CostEntry, EnergyRecord
from zhiguan.lines.vehicles.queries import spending

from .life import LIFE, PROFILE, TODAY, LifeMaker
from .test_pages import BOSS

D = Decimal
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def mine(world):
    return LifeMaker(world.organ, world.people["申请人"])


@pytest.fixture
def others(world):
    return LifeMaker(world.other, world.people["外单位"])


@pytest.fixture
def boss(world, make_actor):
    return make_actor(LIFE, unit=world.organ, name="甲局车管")


def book(rows, header=None):
    sheet_book = Workbook()
    sheet = sheet_book.active
    titles = header or list(rows[0])
    sheet.append(titles)
    for row in rows:
        sheet.append([row.get(title) for title in titles])
    out = io.BytesIO()
    sheet_book.save(out)
    return out.getvalue()


def run(importer, actor, rows):
    """Check a file and apply it when it is clean; return (outcome, rows written)."""
    with actor.acting():
        outcome = checking.dry_run(importer, checking.load(importer, book(rows), "账单.xlsx"), actor)
        written = importer.apply(outcome.rows, actor, lambda done: None) if outcome.ok else 0
    return outcome, written


def test_one_sum_is_booked_once_and_one_alike_asks(mine):
    first = mine.cost()
    again = {"kind": first.kind, "spent_on": first.spent_on, "amount_yuan": first.amount_yuan, "item": first.item}
    with pytest.raises(Conflict, match="不能重复"):
        costs.book(BOSS, vehicle=first.vehicle, **again)
    with pytest.raises(Conflict) as refusal:
        costs.book(BOSS, vehicle=first.vehicle, **again | {"item": "别的"})
    assert "sure" in refusal.value.fields
    costs.book(BOSS, vehicle=first.vehicle, **again | {"item": "别的"}, sure=True)
    costs.book(
        BOSS, vehicle=first.vehicle, **again | {"item": "再别的", "spent_on": first.spent_on - timedelta(days=4)}
    )
    assert CostEntry.objects.count() == 3


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"amount_yuan": D(0)}, "amount_yuan"), ({"amount_yuan": D(-1)}, "amount_yuan"),
     ({"spent_on": TODAY() + timedelta(days=2)}, "spent_on"), ({"kind": "energy"}, "kind")],
)  # fmt: skip
def test_sums_that_cannot_be(mine, changed, field):
    with pytest.raises(Invalid) as refusal:
        mine.cost(**changed)
    assert field in refusal.value.fields
    assert not CostEntry.objects.exists()


def test_energy_and_its_cost_are_one_act(mine):
    record = mine.energy(odometer_km=5_000)
    entry = record.entry
    assert (entry.kind, entry.amount_yuan, entry.spent_on) == (
        "energy",
        record.amount_yuan,
        timezone.localdate(record.at),
    )
    costs.void_entry(BOSS, entry, reason="录错")
    record.refresh_from_db()
    assert record.voided_at is not None
    again = costs.record_energy(BOSS, vehicle=record.vehicle, at=record.at, kind="fuel", quantity=record.quantity,
                                amount_yuan=record.amount_yuan, odometer_km=4_000)  # fmt: skip
    assert again.entry.state == "booked"
    with pytest.raises(Conflict):
        costs.void_entry(BOSS, CostEntry.objects.get(pk=entry.pk), reason="再冲一次")


def test_an_older_record_may_come_late_but_readings_must_fit(mine):
    vehicle, now = mine.vehicle(), timezone.now()
    mine.energy(vehicle, at=now - timedelta(days=10), odometer_km=1_000)
    mine.energy(vehicle, at=now - timedelta(days=2), odometer_km=2_000)
    mine.energy(vehicle, at=now - timedelta(days=6), odometer_km=1_500)
    for reading in (900, 2_100):
        with pytest.raises(Invalid, match="里程表"):
            mine.energy(vehicle, at=now - timedelta(days=5), odometer_km=reading)


def test_a_card_is_for_one_vehicle(mine):
    card = mine.card()
    with pytest.raises(Invalid, match="一车一卡"):
        mine.energy(card=card)
    with pytest.raises(Conflict, match="在用的同类卡"):
        mine.card(card.vehicle)
    card = costs.suspend_card(BOSS, card, reason="丢失")
    mine.card(card.vehicle)
    with pytest.raises(Conflict):
        mine.card(number=card.number)


def test_another_organs_vehicle_is_not_ours_to_book(mine, others, boss):
    with pytest.raises(Denied):
        costs.book(boss, vehicle=others.vehicle(), kind="toll", spent_on=TODAY(), amount_yuan=D(1))
    with pytest.raises(Denied):
        costs.void_entry(boss, others.cost(), reason="x")


def test_an_invoice_is_kept_with_its_entry(mine, boss, django_user_model):
    boss = replace(boss, account_id=django_user_model.objects.create(username="clerk", unit=mine.unit).pk)
    png = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
                        "0000000d49444154789c6360000000020001e221bc330000000049454e44ae426082")  # fmt: skip
    vehicle = mine.vehicle()
    with boss.acting():
        entry = costs.book(boss, vehicle=vehicle, kind="parking", spent_on=TODAY(), amount_yuan=D(10),
                           file=SimpleUploadedFile("票.png", png))  # fmt: skip
        assert [file.name for file in files.attachments(entry)] == ["票.png"]
        page = html(Visitor(boss).get(reverse("vehicles.cost.detail", args=[entry.pk])))
    assert "票.png" in page


def test_costs_that_follow_from_papers_are_corrected_there(mine):
    mine.policy()
    with pytest.raises(Conflict, match="原事项"):
        costs.void_entry(BOSS, CostEntry.objects.get(), reason="x")


# --- imports ----------------------------------------------------------------------------------------------------------


def test_a_sheet_of_costs_twice_is_booked_once(mine, boss):
    plate = mine.vehicle().plate
    rows = [
        {"车牌号": plate, "费用类别": "停车费", "发生日期": "2026-03-01", "金额（元）": 10 + number}
        for number in range(4)
    ]
    assert run(COST_IMPORT, boss, rows)[1] == 4
    outcome, written = run(COST_IMPORT, boss, [*rows, rows[0] | {"金额（元）": 99}])
    assert (written, CostEntry.objects.count()) == (1, 5)
    assert any("4 条已经登记过" in text for text in outcome.warnings)


@pytest.mark.parametrize(
    ("changed", "column", "message"),
    [({"车牌号": "沪A00000"}, "车牌号", "台账中没有"), ({"费用类别": "燃油电费"}, "费用类别", "应为以下之一"),
     ({"金额（元）": 0}, "金额（元）", "不能小于"), ({"金额（元）": "1.234"}, "金额（元）", "两位小数"),
     ({"发生日期": "2999-01-01"}, "发生日期", "不能晚于今天"), ({"发生日期": None}, "发生日期", "必填")],
)  # fmt: skip
def test_a_bad_row_stops_all_and_is_named(mine, boss, changed, column, message):
    row = {"车牌号": mine.vehicle().plate, "费用类别": "通行费", "发生日期": "2026-03-01", "金额（元）": 10}
    outcome, written = run(COST_IMPORT, boss, [row, row | {"金额（元）": 11} | changed])
    assert [(each.row, each.column) for each in outcome.problems] == [(3, column)]
    assert message in outcome.problems[0].message
    assert (written, CostEntry.objects.count()) == (0, 0)


def statement(card, *moments, **more):
    return [{"交易时刻": moment, "卡号": card.number, "升数": "40.00升", "实付金额": "￥305.20", "油品": "92#汽油", "余额": 1, **more}
            for moment in moments]  # fmt: skip


def test_a_statement_is_read_by_its_layout(mine, boss):
    mine.profile()
    card = mine.card()
    outcome, written = run(STATEMENT_IMPORT, boss, statement(card, "2026-03-01 08:30", "2026-03-09 18:00:20"))
    assert (outcome.problems, written) == ([], 2)
    first = EnergyRecord.objects.order_by("at").first()
    assert (first.vehicle, first.card, first.quantity, first.amount_yuan, first.kind, first.source) == (
        card.vehicle, card, D("40.00"), D("305.20"), "fuel", "statement",
    )  # fmt: skip
    assert first.at == datetime(2026, 3, 1, 8, 30, tzinfo=SHANGHAI)
    assert run(STATEMENT_IMPORT, boss, statement(card, "2026-03-01 08:30"))[1] == 0


def test_an_unknown_layout_names_what_is_missing(mine, boss):
    outcome, _ = run(STATEMENT_IMPORT, boss, [{"卡号": "1", "日子": "2026-03-01", "油量": 3}])
    assert {each.column for each in outcome.problems} == {"交易时间", "数量", "金额"}


@pytest.mark.parametrize(
    ("changed", "column", "message"),
    [({"卡号": "404"}, "卡号", "没有登记这张卡"), ({"升数": "-40"}, "升数", "大于零"), ({"升数": "一箱"}, "升数", "应填数字"),
     ({"交易时刻": "2999-01-01"}, "交易时刻", "不能晚于现在"), ({"卡号": None}, "卡号", "至少要有一项")],
)  # fmt: skip
def test_bad_rows_of_a_statement_are_named_by_its_own_headings(mine, boss, changed, column, message):
    mine.profile()
    rows = statement(mine.card(), "2026-03-01 08:30", "2026-03-02 08:30")
    outcome, written = run(STATEMENT_IMPORT, boss, [rows[0], rows[1] | changed])
    assert [(each.row, each.column) for each in outcome.problems] == [(3, column)]
    assert message in outcome.problems[0].message
    assert (written, EnergyRecord.objects.count()) == (0, 0)


def test_cards_of_others_are_unknown(mine, others, boss):
    mine.profile()
    outcome, _ = run(STATEMENT_IMPORT, boss, statement(others.card(), "2026-03-01 08:30"))
    assert "数据权限范围" in outcome.problems[0].message


def test_a_product_that_is_electricity_is_charging(mine, boss):
    mine.profile()
    card = mine.card(kind="charge")
    run(STATEMENT_IMPORT, boss, statement(card, "2026-03-01 08:30", 油品="充电服务"))
    assert EnergyRecord.objects.get().kind == "charge"


def test_what_is_alike_waits_for_a_person(mine, boss):
    mine.profile()
    card = mine.card()
    at = datetime(2026, 3, 1, 8, 30, tzinfo=SHANGHAI)
    mine.energy(card.vehicle, at=at, amount_yuan=D("305.20"), quantity=D("40"))  # by hand, without the card
    rows = statement(card, "2026-03-01 08:45", "2026-03-01 12:00")
    assert run(STATEMENT_IMPORT, boss, rows)[1] == 1
    doubt = CostDoubt.objects.get()
    assert (doubt.state, EnergyRecord.objects.count()) == ("pending", 2)
    run(STATEMENT_IMPORT, boss, rows)
    assert CostDoubt.objects.count() == 1
    assert {pair["title"]: pair["same"] for pair in spending.compared(doubt)}["时间"] is False
    with boss.acting():
        kept = statements.keep_doubt(boss, doubt, reason="两次加油")
        with pytest.raises(Conflict):
            statements.drop_doubt(boss, kept)
    assert (kept.state, EnergyRecord.objects.count()) == ("kept", 3)


def test_a_double_is_dropped_and_stays_dropped(mine, boss):
    doubt = mine.doubt()
    count = EnergyRecord.objects.count()
    statements.drop_doubt(boss, doubt)
    assert EnergyRecord.objects.count() == count


@pytest.mark.parametrize(
    "columns",
    [{}, {"at": "时间"}, {"at": "时间", "quantity": "量", "amount": "钱"},
     {"at": "时间", "quantity": "量", "amount": "量", "card": "卡"}, PROFILE | {"amount": " "}],
)  # fmt: skip
def test_layouts_that_cannot_work_are_refused(mine, columns):
    with pytest.raises(Invalid):
        mine.profile(columns=columns)


# --- months -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["vehicle", "unit", "kind"])
def test_every_sum_of_the_year_is_its_list(mine, others, boss, by):
    year = TODAY().year
    for number in range(1, 4):
        mine.cost(spent_on=TODAY().replace(month=1, day=number), amount_yuan=D(100 * number), kind="toll")
    costs.void_entry(BOSS, mine.cost(spent_on=TODAY().replace(month=1, day=5), amount_yuan=D(7)), reason="录错")
    others.cost(spent_on=TODAY().replace(month=1, day=1), amount_yuan=D(5000))
    with boss.acting():
        found = spending.by_month(boss, year, by)
    assert found["total"] == D(600) and found["totals"][0] == D(600)
    for row in found["rows"]:
        page = html(Visitor(boss).get(row["url"]))
        assert row["total"] == sum(cell["value"] or 0 for cell in row["cells"])
        shown = re.search(r"共\s*(?:<[^>]+>\s*)*([\d,]+)", page)
        assert shown and int(shown[1]) == (1 if by == "vehicle" else 3)
