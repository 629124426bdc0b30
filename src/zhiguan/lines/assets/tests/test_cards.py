"""The card's life: registering, depreciation, keeping, value, states."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.lines.assets.domain import cards, disposals
from zhiguan.lines.assets.models import Asset
from zhiguan.lines.assets.queries import values as worth

from .conftest import BOSS, card_values


def net(asset, day):
    return worth.net_on(asset, day)


def test_depreciation_begins_with_the_month_of_acquisition_and_ends_after_the_years(make_asset):
    card = make_asset(acquired_on=date(2024, 3, 15), original_value=Decimal(7200))  # 6 years: 100 yuan a month
    assert card.term_months == 72 and card.term_from == date(2024, 3, 1)
    assert net(card, date(2024, 3, 30)) == 7200  # a month is booked when its last day has passed
    assert net(card, date(2024, 3, 31)) == 7100
    assert net(card, date(2025, 2, 28)) == 7200 - 1200
    assert net(card, date(2030, 1, 31)) == 100
    assert net(card, date(2030, 2, 28)) == net(card, date(2050, 1, 1)) == 0


def test_the_month_of_disposal_is_not_booked(world, make_asset, make_disposal):
    card = make_asset(original_value=Decimal(7200))
    done = disposals.execute_disposal(BOSS, make_disposal(assets=[card]), executed_on=date(2026, 9, 20))
    card.refresh_from_db()
    assert (card.state, card.disposed_on, card.disposal_kind) == ("disposed", date(2026, 9, 20), "scrap")
    assert worth.accumulated_on(card, date(2026, 11, 30)) == 30 * 100  # March 2024 to August 2026
    assert done.state == "settled"  # nothing came in, nothing is due


def test_what_is_not_depreciated_keeps_its_value(make_asset):
    book = make_asset(class_code="A04", name="图书", depreciation_kind="none", original_value=Decimal("99.90"))
    nominal = make_asset(nominal=True, original_value=Decimal(1))
    assert net(book, date(2040, 1, 1)) == Decimal("99.90") and net(nominal, date(2040, 1, 1)) == 1
    assert nominal.method == "none"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.decimals("0.01", "9999999", places=2), years=st.integers(6, 40), back=st.integers(0, 9000),
    ahead=st.integers(-4000, 9000), gone=st.none() | st.integers(0, 3000),
)  # fmt: skip
def test_sql_and_python_agree_and_value_never_grows(make_asset, value, years, back, ahead, gone):
    today = timezone.localdate()
    acquired, day = today - timedelta(days=back), today + timedelta(days=ahead)
    card = make_asset(original_value=value, useful_years=years, acquired_on=acquired)
    if gone is not None:
        Asset.objects.filter(pk=card.pk).update(
            state="disposed", disposed_on=min(today, acquired + timedelta(days=gone)), disposal_kind="scrap"
        )
        card.refresh_from_db()
    row = worth.valued(Asset.objects.filter(pk=card.pk), day).get()
    assert row.accumulated_depreciation == worth.accumulated_on(card, day)
    assert row.net_value == net(card, day) and 0 <= row.net_value <= value
    assert net(card, day + timedelta(days=31)) <= net(card, day)


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"class_code": "2010000"}, "class_code", "旧代码（计算机设备及软件）"),
        ({"class_code": "A99"}, "class_code", "没有“A99”"),
        ({"class_code": "计算机"}, "class_code", "分类代码应为"),
        ({"depreciation_kind": "furniture"}, "depreciation_kind", "折旧类别应为"),
        ({"useful_years": 5}, "useful_years", "不得少于 6 年（《政府会计准则第3号——固定资产》应用指南）"),
        ({"useful_years": 101}, "useful_years", "1 至 100 年"),
        ({"class_code": "A08", "depreciation_kind": "intangible"}, "useful_years", "无形资产须填写"),
        ({"acquired_on": date(2999, 1, 1)}, "acquired_on", "不能晚于今天"),
        ({"nominal": True}, "original_value", "原值为 1 元"),
    ],
)
def test_a_card_that_breaks_a_rule_is_refused_at_its_field(make_asset, changed, field, text):
    with pytest.raises(Invalid) as refused:
        make_asset(**changed)
    assert text in refused.value.fields[field]
    assert not Asset.objects.exists()


def test_numbers_are_ours_or_the_organs_and_never_twice(make_asset):
    assert make_asset().code.startswith("ZC2026") and make_asset(code=" 甲-001 ").code == "甲-001"
    with pytest.raises(Conflict, match="已在台账"):
        make_asset(code="甲-001")


def test_a_name_comes_from_the_nearest_known_class(make_asset):
    assert make_asset(class_code="a02010105").class_name == "台式计算机"
    assert make_asset(class_code="A02019900").class_name == "设备"


def test_handing_over_stays_within_the_organ(world, make_asset):
    card = make_asset()
    card = cards.hand_over(
        world.manager, card, user_unit=world.office, custodian=world.keeper, place="301 室", reason="调岗"
    )
    assert (card.user_unit, card.custodian, card.place) == (world.office, world.keeper, "301 室")
    event = LedgerEvent.objects.get(subject_type="assets.asset", subject_id=card.pk, code="hand_over")
    assert event.reason == "调岗" and set(event.changes) == {"user_unit_id", "custodian_id", "place", "version"}
    with pytest.raises(Invalid, match="该单位人员"):
        cards.hand_over(world.manager, card, user_unit=None, custodian=world.outsider)
    with pytest.raises(Invalid, match="内设机构"):
        cards.hand_over(world.manager, card, user_unit=world.other, custodian=None)


def test_idle_and_back_and_only_from_the_right_state(world, make_asset):
    card = cards.lay_idle(world.manager, make_asset(), reason="人员减少")
    with pytest.raises(Conflict):
        cards.lay_idle(world.manager, card, reason="再次")
    assert cards.take_up(world.manager, card).state == "in_use"


def test_what_a_decision_covers_cannot_be_put_back(world, make_asset, make_disposal):
    card = make_asset()
    disposal = make_disposal(assets=[card])
    card.refresh_from_db()
    assert card.state == "awaiting_disposal"
    with pytest.raises(Conflict, match=disposal.code):
        cards.put_back(world.manager, card, reason="还要用")
    lined_up = cards.await_disposal(world.manager, make_asset(), reason="拟报废")
    assert cards.put_back(world.manager, lined_up, reason="还要用").state == "idle"


def test_another_value_is_written_off_over_the_months_left(make_asset):
    today = timezone.localdate()
    card = make_asset(acquired_on=first_of_month(today, -35), original_value=Decimal(7200))
    before = worth.accumulated_on(card)
    card = cards.revalue(BOSS, card, original_value=Decimal(9000), reason="加装部件")
    assert worth.accumulated_on(card) == before
    assert net(card, first_of_month(today, 72)) == 0
    with pytest.raises(Invalid, match="不能低于"):
        cards.revalue(BOSS, card, original_value=Decimal(1), reason="误填")


def test_a_card_written_off_needs_months_for_a_new_value(make_asset):
    card = make_asset(acquired_on=date(2015, 1, 1))
    with pytest.raises(Invalid, match="已提足折旧"):
        cards.revalue(BOSS, card, original_value=Decimal(9000), reason="大修")
    card = cards.revalue(BOSS, card, original_value=Decimal(9000), reason="大修", left_months=12)
    assert net(card, timezone.localdate()) == 3000


def test_other_years_count_from_the_beginning_of_use(make_asset):
    today = timezone.localdate()
    card = make_asset(acquired_on=first_of_month(today, -24), original_value=Decimal(7200))
    before = worth.accumulated_on(card)
    card = cards.change_terms(BOSS, card, depreciation_kind="computer", useful_years=8, reason="实际可用年限更长")
    assert card.term_months == 72 and worth.accumulated_on(card) == before
    assert net(card, first_of_month(today, 72)) == 0 < net(card, first_of_month(today, 60))
    with pytest.raises(Invalid, match="不得少于 6 年"):
        cards.change_terms(BOSS, card, depreciation_kind="computer", useful_years=3, reason="加速")
    old = make_asset(acquired_on=date(2015, 1, 1))
    with pytest.raises(Invalid, match="已使用"):
        cards.change_terms(BOSS, old, depreciation_kind="computer", useful_years=6, reason="延长")


def test_strangers_are_refused_and_nothing_is_written(world, make_asset):
    card = make_asset()
    for act in (
        lambda: cards.register(world.stranger, **card_values(world.organ)),
        lambda: cards.edit(world.stranger, card, name="改"),
        lambda: cards.lay_idle(world.stranger, card, reason="x"),
        lambda: cards.dispose(world.stranger, card, kind="scrap", on=date(2026, 1, 1), reason="x"),
    ):
        with pytest.raises(Denied):
            act()
    assert Asset.objects.get().version == 1


def test_nothing_precedes_the_acquisition(make_asset):
    with pytest.raises(Invalid, match="不能早于取得日期"):
        cards.dispose(BOSS, make_asset(), kind="scrap", on=date(2020, 1, 1), reason="误填")
