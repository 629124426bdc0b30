"""Titles, disposals and changes of holder: what they do to the cards, once, and what they refuse."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.notices import service as notices
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.lines.assets.domain import cards, disposals, holders, titles
from zhiguan.lines.assets.forms import DisposalForm
from zhiguan.lines.assets.models import Asset, Disposal, DisposalItem, HolderChange, TitleRegistration
from zhiguan.lines.assets.rules import appraisals, purchases, takers

from .conftest import BOSS


def anew(row):
    return type(row).objects.get(pk=row.pk)


def test_a_title_sums_up_what_the_organ_held_on_the_day(world, make_asset, make_title):
    make_asset(original_value=Decimal(7200))
    make_asset(unit=world.office, class_code="A05", depreciation_kind="furniture", original_value=Decimal(1800))
    make_asset(acquired_on=date(2026, 7, 1))  # after the day
    make_asset(world.other)
    house = make_asset(class_code="A01", depreciation_kind="steel", original_value=Decimal(600_000), name="办公楼")
    title = make_title(assets=[house], as_of=date(2026, 6, 30))
    assert [(row["class_code"], row["count"], row["original_value"]) for row in title.values] == [
        ("A01", 1, "600000.00"), ("A02", 1, "7200.00"), ("A05", 1, "1800.00"),
    ]  # fmt: skip
    assert title.values[1]["accumulated_depreciation"] == "2800.00"  # 28 months of 100 yuan
    assert (title.count, title.original_value) == (3, Decimal(609_000))
    assert anew(house).title == title


def test_an_organ_has_one_valid_title(make_title):
    make_title()
    with pytest.raises(Conflict, match="变动登记"):
        make_title()


def test_a_certificate_number_is_used_once(world, make_title):
    make_title(certificate_no="沪登1号")
    with pytest.raises(Conflict, match="已使用"):
        make_title(world.other, certificate_no="沪登1号")


def test_a_change_closes_the_old_title_and_opens_the_new_one(world, make_asset, make_title):
    kept, gone = make_asset(), make_asset()
    old = make_title(assets=[kept, gone])
    gone = anew(gone)
    holders.change_holder(
        world.bureau, gone, to_unit=world.other, cause="functions", changed_on=date(2026, 8, 1), reason="职能划转"
    )
    new = titles.replace_title(
        world.bureau, old, certificate_no="沪登2号", as_of=date(2026, 8, 31), registered_on=date(2026, 9, 1), reason="职能划转",
        document_no="编〔2〕号",
    )  # fmt: skip
    assert (anew(old).state, new.state, new.previous, new.count) == ("replaced", "valid", old, 1)
    assert anew(kept).title == new and anew(gone).title is None
    with pytest.raises(Conflict):
        titles.replace_title(
            world.bureau, anew(old), certificate_no="沪登3号", as_of=date(2026, 8, 31), registered_on=date(2026, 9, 1),
            reason="再次",
        )  # fmt: skip
    assert TitleRegistration.objects.count() == 2


def test_a_cancelled_title_has_no_successor(world, make_asset, make_title):
    house = make_asset()
    title = make_title(assets=[house])
    record = titles.cancel_title(
        world.bureau, title, certificate_no="沪销1号", registered_on=date(2026, 9, 1), reason="单位撤销"
    )
    assert (anew(title).state, record.state, record.kind) == ("cancelled", "cancelled", "cancellation")
    assert anew(house).title is None
    make_title()  # the organ may register again


def test_an_asset_of_others_is_not_put_under_the_title(world, make_asset, make_title):
    with pytest.raises(Invalid, match="不在该单位账上"):
        make_title(assets=[make_asset(world.other)])
    assert not TitleRegistration.objects.exists()


def test_an_asset_goes_over_with_its_history_and_both_sides_see_it(world, make_asset):
    card = cards.hand_over(BOSS, make_asset(), user_unit=world.office, custodian=world.keeper, place="301 室")
    holders.change_holder(
        world.bureau,
        card,
        to_unit=world.other,
        cause="merger",
        changed_on=date(2026, 8, 1),
        reason="合并",
        document_no="编1号",
    )
    card = anew(card)
    assert (card.unit, card.state, card.user_unit, card.custodian, card.place) == (world.other, "idle", None, None, "")
    change = HolderChange.objects.get()
    assert (change.from_unit, change.unit, change.original_value) == (world.organ, world.other, card.original_value)
    for actor in (world.manager, world.stranger):
        with actor.acting():
            assert HolderChange.objects.visible_to(actor, "assets.asset.view").count() == 1
    with world.manager.acting():
        assert not Asset.objects.exists()
    with world.stranger.acting():
        assert cards.take_up(world.stranger, Asset.objects.get()).state == "in_use"


def test_an_asset_goes_to_another_organ_only(world, make_asset):
    card = make_asset()
    for unit in (world.organ, world.office):
        with pytest.raises(Invalid):
            holders.change_holder(
                world.bureau, card, to_unit=unit, cause="split", changed_on=date(2026, 8, 1), reason="误填"
            )
    with pytest.raises(Denied):
        holders.change_holder(
            world.stranger, card, to_unit=world.other, cause="split", changed_on=date(2026, 8, 1), reason="越权"
        )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "transfer"}, "appraised_yuan"),
        ({"kind": "exchange"}, "appraised_yuan"),
        ({"kind": "donation"}, "receiver"),
        ({"kind": "free_transfer"}, "to_unit"),
        ({"decided_on": date(2999, 1, 1)}, "decided_on"),
        ({"assets": []}, "assets"),
    ],
)
def test_terms_that_a_kind_needs(make_disposal, values, field):
    with pytest.raises(Invalid) as refused:
        make_disposal(**values)
    assert field in refused.value.fields and not Disposal.objects.exists()


def test_one_asset_is_in_one_open_disposal(make_asset, make_disposal):
    card = make_asset()
    first = make_disposal(assets=[card])
    with pytest.raises(Conflict, match=first.code):
        make_disposal(assets=[anew(card)])
    disposals.revoke_disposal(BOSS, first, reason="批复有误")
    assert anew(card).state == "idle"
    make_disposal(assets=[anew(card)])


def test_a_sale_needs_its_proceeds_and_is_settled_with_the_treasury(world, make_disposal):
    sale = make_disposal(kind="transfer", appraised_yuan=Decimal(1000))
    with pytest.raises(Invalid, match="处置收入"):
        disposals.execute_disposal(world.manager, sale, executed_on=date(2026, 9, 10))
    sale = disposals.execute_disposal(
        world.manager, sale, executed_on=date(2026, 9, 10), proceeds_yuan=Decimal(1200), certificate_no="成交1"
    )
    assert (sale.state, anew(sale.items.get().asset).state) == ("executed", "disposed")
    sale = disposals.settle_disposal(world.manager, sale, remitted_on=date(2026, 9, 12), remittance_no="缴1")
    assert sale.state == "settled"
    with pytest.raises(Conflict):
        disposals.execute_disposal(
            world.manager, sale, executed_on=date(2026, 9, 10), proceeds_yuan=Decimal(1), certificate_no="再次"
        )


def test_who_appraised_and_who_took_is_known_to_supervision(world, make_disposal):
    first, after = date(2026, 9, 1), date(2026, 10, 1)
    sale = make_disposal(kind="transfer", appraised_yuan=Decimal(1000), appraiser="甲评估", case="BJ1")
    scrap = make_disposal()
    disposals.execute_disposal(world.manager, scrap, executed_on=date(2026, 9, 10), receiver="乙回收")
    disposals.execute_disposal(
        world.manager, make_disposal(kind="donation", receiver="希望小学"), executed_on=date(2026, 9, 10)
    )
    (appraisal,), (taker,) = appraisals(first, after), takers(first, after)
    assert (appraisal.firm, appraisal.source, appraisal.amount_yuan, appraisal.unit) == ("甲评估", "BJ1", 1000, sale.unit)
    assert (taker.firm, taker.link["id"]) == ("乙回收", scrap.pk)
    assert list(appraisals(after, date(2026, 11, 1))) == [] == list(takers(after, date(2026, 11, 1)))
    disposals.revoke_disposal(BOSS, sale, reason="批复有误")
    assert list(appraisals(first, after)) == []


def test_what_was_bought_together_is_one_purchase(world, make_asset):
    day = date(2026, 9, 3)
    for supplier in ("甲公司", "甲公司", "乙公司", ""):
        make_asset(world.organ, supplier=supplier, acquired_on=day, original_value=Decimal(100))
    found = {award.firm: award for award in purchases(day, date(2026, 9, 4))}
    assert set(found) == {"甲公司", "乙公司"} and found["甲公司"].amount_yuan == 200
    assert found["甲公司"].unit == world.organ and found["甲公司"].link["label"].endswith("等 2 件资产")
    assert list(purchases(date(2026, 9, 4), date(2026, 9, 5))) == []


def test_a_sale_entered_from_paper_names_its_appraiser(world):
    data = {"kind": "transfer", "unit": world.organ.pk, "appraised_yuan": "1000"}
    assert "appraiser" in DisposalForm(data, actor=world.bureau).errors
    assert "appraiser" not in DisposalForm({**data, "appraiser": "甲评估"}, actor=world.bureau).errors


def test_a_free_transfer_moves_the_assets_to_the_receiving_organ(world, make_disposal):
    given = make_disposal(kind="free_transfer", to_unit=world.other)
    disposals.execute_disposal(world.manager, given, executed_on=date(2026, 9, 10))
    card = anew(DisposalItem.objects.get().asset)
    assert (card.unit, card.state, HolderChange.objects.get().document_no) == (world.other, "idle", given.document_no)


def test_keepers_are_told_once_of_decisions_and_of_what_they_receive(world, make_asset, make_disposal):
    keepers = {}
    role = Role.objects.create(
        code="t.keeper", name="保管", permissions=["assets.asset.manage", "assets.disposal.execute"]
    )
    for name, unit in (("甲", world.organ), ("乙", world.other)):
        keepers[name] = Account.objects.create(username=name, unit=unit)
        Grant.objects.create(account=keepers[name], role=role, scope="organ", unit=unit, state="active",
                             valid_from=date(2020, 1, 1))  # fmt: skip
    given = make_disposal(kind="free_transfer", to_unit=world.other, assets=[make_asset(), make_asset()])
    disposals.execute_disposal(world.manager, given, executed_on=date(2026, 9, 10))
    titles_of = {name: [notice.title for notice in notices.told(account.pk)] for name, account in keepers.items()}
    assert titles_of == {"甲": ["资产无偿划转已批复，待实施"], "乙": ["市甲局划入资产 2 件"]}


def test_a_loss_leaves_the_books_with_the_decision(make_disposal):
    loss = make_disposal(kind="loss_write_off")
    assert (loss.state, loss.executed_on, loss.items.get().open) == ("settled", date(2026, 9, 1), False)
    assert loss.items.get().asset.state == "disposed"


def test_what_was_decided_about_many_is_executed_once(world, make_asset, make_disposal):
    many = [make_asset() for _ in range(30)]
    disposal = make_disposal(assets=many)
    stale = anew(disposal)
    disposals.execute_disposal(world.manager, disposal, executed_on=date(2026, 9, 10))
    with pytest.raises(Conflict):
        disposals.execute_disposal(world.manager, stale, executed_on=date(2026, 9, 10))
    events = LedgerEvent.objects.filter(subject_type="assets.asset", code="dispose")
    assert events.count() == 30 == Asset.objects.filter(state="disposed").count()


def test_a_reply_cannot_be_revoked_after_execution(make_disposal):
    done = disposals.execute_disposal(BOSS, make_disposal(), executed_on=date(2026, 9, 10))
    with pytest.raises(Conflict):
        disposals.revoke_disposal(BOSS, done, reason="后悔")
