"""G1, G2 and G3 from the application to the ledger: each its whole way, refused, returned, and its effect once."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from zhiguan.kernel.documents.service import OutcomeDocument
from zhiguan.kernel.flow import definitions, service
from zhiguan.kernel.flow.tests.office import Office
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.lines.assets.domain import cards, disposals
from zhiguan.lines.assets.items import CHANGE, DISPOSAL, TITLE
from zhiguan.lines.assets.models import Asset, Disposal, HolderChange, TitleRegistration

from .conftest import BOSS, make_unit

LEGAL_NO = "11310000MB2F12345X"
G1 = "application declaration founding_proof deeds report"
G2 = "application decision certificate handover"
G3 = "application proof opinion"
WHO = (
    ("申请人", "organ", "case_applicant"), ("单位领导", "organ", "case_endorser"), ("受理", "bureau", "case_handler"),
    ("审查", "bureau", "case_handler"), ("专家", "bureau", "case_handler"), ("处长", "bureau", "case_chief"),
    ("局长", "bureau", "case_decider"), ("副局长", "bureau", "case_decider"), ("监督", "bureau", "case_supervisor"),
)  # fmt: skip


@pytest.fixture
def office(world):
    from zhiguan.kernel.calendar import service as calendar

    calendar.sync()
    definitions.sync(system("tests"))
    return Office(world, "assets", make_unit(world.city, 9, "310000009", "市机关事务管理局", "organ"), WHO)


def anew(row):
    return type(row).objects.get(pk=row.pk)


# --- G1 ---------------------------------------------------------------------------------------------------------------


def registers(office, **values):
    return office.applies(TITLE, G1, legal_no=LEGAL_NO, founding="编〔2020〕1号", **values)


def test_a_title_is_registered_with_its_certificate_once(office, make_asset):
    house = make_asset(class_code="A01", depreciation_kind="steel", name="办公楼", original_value=Decimal(600_000))
    make_asset()
    case = registers(office)
    assert [row["class_code"] for row in case.values["sums"]] == ["A01", "A02"]  # filled in from the ledger
    assert [row["asset"] for row in case.values["rows"]] == [house.code]
    case = office.goes(office.submits(case), "单位领导", "受理")
    assert case.accepted_at and case.stage == "登记审查" and case.decisions["route"]["visit"] is False
    case = office.goes(case, "审查", "局长")
    title = TitleRegistration.objects.get()
    assert case.state == "granted" and title.certificate_no == case.document_no in case.result
    assert (title.state, title.count, title.case, anew(house).title) == ("valid", 2, case.code, title)
    assert case.effects.get().links[0]["id"] == title.pk
    assert OutcomeDocument.objects.get(number=case.document_no).kind == "assets.title_certificate"
    with pytest.raises(Invalid, match="已有有效的产权登记"):
        office.submits(registers(office))


def test_figures_that_are_not_the_ledgers_are_named(office, make_asset):
    make_asset(original_value=Decimal(6000))
    case = registers(office)
    row = {**case.values["sums"][0], "count": 2}
    with pytest.raises(Invalid, match=r"应为 1 件、原值 6,000\.00 元"):
        office.submits(case, sums=[row])
    with pytest.raises(Invalid, match=r"分类价值第 2 行：台账中截至 .* 没有家具和用具"):
        office.submits(case, sums=[*case.values["sums"], {**row, "class_code": "A05"}])
    with pytest.raises(Invalid, match="统一社会信用代码应为 18 位"):
        office.submits(case, legal_no="123456789012345678"[:17])
    assert office.submits(case, legal_no=LEGAL_NO).state == "running"


def test_buildings_of_great_value_are_visited(office, make_asset):
    make_asset(class_code="A01", depreciation_kind="steel", name="办公楼", original_value=Decimal(20_000_000))
    case = office.goes(office.submits(registers(office)), "单位领导", "受理", "审查")
    assert case.stage == "现场核查"
    assert office.goes(case, "专家", "局长").state == "granted"


def test_a_correction_stops_and_goes_on_and_a_refusal_leaves_no_title(office, make_asset):
    make_asset()
    case = office.goes(office.submits(registers(office)), "单位领导", "受理")
    case = office.acts("审查", service.correct, case, seat=office.seat("审查", case),
                       items=[{"path": "founding", "text": "文号不完整"}])  # fmt: skip
    assert case.state == "correcting"
    case = office.acts("申请人", service.resubmit, case, values={"founding": "编委〔2020〕1号"})
    case = office.goes(case, "审查")
    case = office.decides("局长", case, "refuse", "权属证明不齐")
    assert (case.state, case.result) == ("refused", "权属证明不齐")
    assert not TitleRegistration.objects.exists() and not OutcomeDocument.objects.exists() and not case.effects.exists()


# --- G2 ---------------------------------------------------------------------------------------------------------------


def changes(office, assets=(), materials=G2, **values):
    given = {"change_kind": "holder", "cause": "merger", "to_unit": office.world.other.pk, "changed_on": "2026-09-01",
             "document_no": "编〔2026〕2号", "reason": "机构改革", "rows": [{"asset": each.code} for each in assets]}  # fmt: skip
    return office.applies(CHANGE, materials, **{**given, **values})


def test_assets_go_over_the_old_title_is_closed_and_the_new_one_opened_once(office, world, make_asset, make_title):
    kept, gone, more = make_asset(), make_asset(), make_asset()
    old = make_title(assets=[kept, gone])
    case = changes(office, [gone, more])
    assert case.values["certificate_no"] == old.certificate_no
    case = office.goes(office.submits(case), "单位领导", "受理", "审查", "副局长")
    assert case.state == "granted" and "划转 2 件资产至市乙局（合并）" in case.result
    new = TitleRegistration.objects.get(unit=world.organ, state="valid")
    assert (anew(old).state, new.previous, new.kind, new.count) == ("replaced", old, "change", 1)
    assert new.certificate_no == case.document_no and anew(kept).title == new
    for asset in (gone, more):
        assert (anew(asset).unit, anew(asset).state, anew(asset).title) == (world.other, "idle", None)
    assert "市乙局尚未办理产权登记" in case.result and not TitleRegistration.objects.filter(unit=world.other).exists()
    assert HolderChange.objects.filter(case=case.code, changed_on=date(2026, 9, 1)).count() == 2
    values = OutcomeDocument.objects.get(number=case.document_no).values
    assert values["table"] == [
        ["A02 设备", "1", "6,000.00", f"{new.net_value:,.2f}"]
    ]  # what is left, as the new title says


def test_a_transfer_leaves_both_titles_right_once(office, world, make_asset, make_title):
    kept, gone, loose, theirs = make_asset(), make_asset(), make_asset(), make_asset(world.other)
    old, other = make_title(assets=[kept, gone]), make_title(world.other, assets=[theirs])
    case = office.goes(office.submits(changes(office, [gone, loose])), "单位领导", "受理", "审查", "副局长")
    new, received = (TitleRegistration.objects.get(unit=unit, state="valid") for unit in (world.organ, world.other))
    assert (anew(old).state, new.previous, new.count) == ("replaced", old, 1)
    assert (anew(other).state, received.previous, received.count, received.case) == ("replaced", other, 3, case.code)
    assert received.original_value == Decimal(18_000) and received.certificate_no in case.result
    assert [anew(each).title for each in (kept, gone, loose, theirs)] == [new, received, None, received]
    papers = {each.unit_id: each for each in OutcomeDocument.objects.filter(case=case.code)}
    assert {unit: each.number for unit, each in papers.items()} == {
        world.organ.pk: new.certificate_no, world.other.pk: received.certificate_no
    }  # fmt: skip
    assert papers[world.other.pk].values["table"][0][1] == "3"
    assert ["划入资产", "2 件，划出单位：市甲局"] in papers[world.other.pk].values["rows"]
    events = LedgerEvent.objects.filter(case=case.code, subject_type="assets.titleregistration")
    assert sorted(events.values_list("subject_id", "code")) == sorted(
        [(old.pk, "replace"), (other.pk, "replace"), (new.pk, "create"), (received.pk, "create")]
    )
    assert [each["id"] for each in case.effects.get().links] == [old.pk, new.pk, other.pk, received.pk]


def test_a_change_needs_a_title_a_receiver_and_ones_own_assets(office, world, make_asset, make_title):
    mine, other = make_asset(), make_asset(world.other)
    with pytest.raises(Invalid, match="请先办理产权登记"):
        office.submits(changes(office, [mine], certificate_no="无"))
    make_title()
    for values, text in (
        ({"rows": []}, "请列出划转的资产"),
        ({"rows": [{"asset": other.code}]}, f"资产清单第 1 行：没有资产编号“{other.code}”"),
        ({"to_unit": world.organ.pk}, "接收单位须为本单位以外"),
        ({"changed_on": "2020-01-01"}, "取得日期晚于变动日期"),
        ({"changed_on": "2999-01-01"}, "不能晚于今天"),
        ({"change_kind": "value"}, "只有资产划转须列出资产清单"),
    ):
        with pytest.raises(Invalid, match=text):
            office.submits(changes(office, [mine], **values))


def test_what_was_disposed_of_meanwhile_stops_the_closing(office, make_asset, make_title, make_disposal):
    gone = make_asset()
    old = make_title()
    case = office.goes(office.submits(changes(office, [gone])), "单位领导", "受理", "审查")
    make_disposal(assets=[gone])
    with pytest.raises(Conflict, match="台账情况已经变化"):
        office.decides("局长", case)
    assert anew(case).state == "running" and anew(old).state == "valid" and not HolderChange.objects.exists()


def test_great_transfers_are_decided_together_and_a_majority_is_needed(office, make_asset, make_title):
    dear = make_asset(original_value=Decimal(8_000_000))
    make_title()
    case = office.goes(office.submits(changes(office, [dear])), "单位领导", "受理", "审查")
    assert case.stage == "局务会议集体决定"
    case = office.goes(case, "局长")
    assert case.state == "running" and anew(dear).unit == office.world.organ
    assert office.goes(case, "副局长").state == "granted"


def test_a_title_is_cancelled_when_nothing_is_left(office, make_asset, make_title):
    last = make_asset()
    old = make_title()
    case = changes(office, change_kind="cancel", materials="application decision certificate")
    with pytest.raises(Invalid, match="仍有 1 件资产在账"):
        office.submits(case)
    cards.dispose(BOSS, last, kind="scrap", on=date(2026, 9, 1), reason="报废")
    case = office.goes(office.submits(case), "单位领导", "受理", "审查", "专家", "局长")
    assert case.state == "granted" and anew(old).state == "cancelled"
    assert not TitleRegistration.objects.filter(state="valid").exists()


# --- G3 ---------------------------------------------------------------------------------------------------------------


def disposes(office, assets=(), materials=G3, **values):
    rows = [{"asset": each.code} for each in assets]
    given = {"kind": "scrap", "reason": "超过使用年限", "meeting": "2026年9月1日局务会议"}
    return office.applies(DISPOSAL, materials, **{**given, **({"rows": rows} if rows else {}), **values})


def old_asset(make_asset, **values):
    return make_asset(acquired_on=date(2016, 3, 1), **values)


def test_what_is_lined_up_is_applied_for_decided_and_written_off_once(office, world, make_asset):
    old = cards.await_disposal(BOSS, old_asset(make_asset), reason="拟报废")
    make_asset()
    case = disposes(office)
    assert [(row["asset"], row["original"]) for row in case.values["rows"]] == [
        (old.code, "6000.00")
    ]  # never asked for
    assert case.title == "市甲局国有资产报废1件"
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "处室负责人审批" and case.decisions["level"]["who"] == "处室负责人"
    case = office.goes(case, "处长")
    disposal = Disposal.objects.get()
    assert case.state == "granted" and (disposal.case, disposal.document_no) == (case.code, case.document_no)
    assert (disposal.state, disposal.decided_by, anew(old).state) == ("approved", "处长", "awaiting_disposal")
    assert "请及时实施" in case.result
    disposals.execute_disposal(world.manager, disposal, executed_on=disposal.decided_on)
    assert anew(old).state == "disposed"
    with pytest.raises(Invalid, match="已处置核销"):
        office.submits(disposes(office, [old]))


def test_a_loss_leaves_the_books_in_the_transaction_that_closes_the_case(office, make_asset):
    lost = old_asset(make_asset)
    case = disposes(office, [lost], "application proof liability", kind="loss_write_off")
    case = office.goes(office.submits(case), "单位领导", "受理", "审查", "处长")
    assert case.state == "granted" and anew(lost).state == "disposed" and Disposal.objects.get().state == "settled"
    assert LedgerEvent.objects.filter(subject_type="assets.asset", code="dispose", case=case.code).count() == 1


def test_rows_that_are_wrong_are_named_one_by_one(office, world, make_asset, make_disposal):
    young, bound, other = make_asset(), make_asset(), make_asset(world.other)
    disposal = make_disposal(assets=[bound])
    rows = [{"asset": "不存在"}, {"asset": other.code}, {"asset": bound.code}, {"asset": young.code},
            {"asset": old_asset(make_asset).code, "original": "1.00"}]  # fmt: skip
    case = disposes(office, rows=rows)
    with pytest.raises(Invalid) as refused:
        office.submits(case)
    found = refused.value.fields
    assert "没有资产编号“不存在”" in found["rows.1.asset"] and other.code in found["rows.2.asset"]
    assert disposal.code in found["rows.3.asset"] and "未达到折旧年限" in found["rows.4.why"]
    assert "台账原值为 6,000.00 元" in found["rows.5.original"]
    with pytest.raises(Invalid, match="重复"):
        office.submits(case, rows=[{"asset": young.code, "why": "火灾损毁"}] * 2)


def test_assets_are_offered_by_number_and_name_and_numbers_may_lose_their_zeros(
    office, world, make_asset, make_disposal
):
    mine, zeros = make_asset(name="复印机"), old_asset(make_asset, code="000123")
    bound, other = make_asset(name="复印机"), make_asset(world.other, name="复印机")
    make_disposal(assets=[bound])
    look_up = service.work_of(DISPOSAL.code).lookups["disposable_assets"]
    for text in (mine.code, "复印"):
        (choice,) = look_up(office.actor("申请人"), world.organ, text)
        assert (choice.value, choice.label, choice.fills["original"]) == (mine.code, mine.code, "6000.00")
    assert other.code not in {choice.value for choice in look_up(office.actor("申请人"), world.organ, "")}
    case = office.goes(office.submits(disposes(office, rows=[{"asset": "000123"}])), "单位领导", "受理", "审查", "处长")
    assert case.state == "granted" and anew(zeros).state == "awaiting_disposal"


def test_terms_and_materials_that_a_kind_needs(office, make_asset):
    old = old_asset(make_asset)
    for kind, materials, text in (
        ("transfer", "application proof appraisal", "评估价值"), ("donation", "application proof consent", "接收方"),
        ("free_transfer", "application proof consent", "接收单位"), ("scrap", "application proof", "报废技术鉴定意见"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=text):
            office.submits(disposes(office, [old], materials, kind=kind))


def test_what_can_still_be_used_is_offered_to_others_first(office, make_asset):
    useful = old_asset(make_asset, depreciation_kind="furniture", class_code="A05", original_value=Decimal(15_000))
    rows = [{"asset": useful.code, "why": "搬迁后无处存放"}]
    with pytest.raises(Invalid, match="公物仓调剂情况"):
        office.submits(disposes(office, rows=rows))
    case = office.goes(office.submits(disposes(office, rows=rows, reuse="unfit")), "单位领导", "受理")
    assert case.stage == "公物仓调剂匹配"
    taken = office.decides("审查", case, "taken", "市乙局需要，转公物仓调剂")
    assert (taken.state, taken.result) == ("refused", "市乙局需要，转公物仓调剂") and anew(useful).state == "in_use"
    case = office.goes(office.submits(disposes(office, rows=rows, reuse="none")), "单位领导", "受理")
    assert case.stage == "处置审查"


def test_who_decides_follows_value_and_kind_and_limits_set_here(office, make_asset):
    dear = old_asset(make_asset, original_value=Decimal(600_000))
    case = office.goes(office.submits(disposes(office, [dear])), "单位领导", "受理", "审查")
    assert case.stage == "专家鉴定" and case.decisions["expertise"]["needed"] is True
    case = office.goes(case, "专家")
    assert case.stage == "分管领导审批"
    reference.override(system("tests"), "assets.decision.director_yuan", 500_000, date(2026, 1, 1), "从严审批")
    case = office.acts("局长", service.return_, case, seat=office.seat("局长", case),
                       to=case.steps.get(node="review", state="done"), reason="重新审查")  # fmt: skip
    case = office.goes(case, "审查", "专家")
    assert case.stage == "局务会议集体决定"  # asked anew of the limits of the day
    cheap = old_asset(make_asset)
    case = disposes(office, [cheap], "application proof consent", kind="donation", receiver="希望小学")
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "分管领导审批"


def test_returned_to_the_applicant_changed_and_submitted_anew(office, make_asset):
    one, two = old_asset(make_asset), old_asset(make_asset)
    case = office.goes(office.submits(disposes(office, [one, two])), "单位领导", "受理")
    case = office.acts("审查", service.send_back, case, seat=office.seat("审查", case), reason="第二项仍可使用")
    assert case.state == "returned"
    case = office.acts("申请人", service.resubmit, case, values={"rows": [{"asset": one.code}]})
    case = office.goes(case, "单位领导", "受理", "审查", "处长")
    assert case.state == "granted" and Disposal.objects.get().count == 1 and anew(two).state == "in_use"


def test_two_applications_for_one_asset_are_granted_once(office, make_asset):
    old = old_asset(make_asset)
    first, second = (office.goes(office.submits(disposes(office, [old])), "单位领导", "受理", "审查") for _ in range(2))
    office.goes(first, "处长")
    with pytest.raises(Conflict, match="已在处置"):
        office.decides("处长", second)
    assert Disposal.objects.count() == 1 and anew(second).state == "running"


def test_nobody_decides_what_they_reviewed_and_supervisors_only_look(office, make_asset):
    case = office.goes(office.submits(disposes(office, [old_asset(make_asset)])), "单位领导", "受理", "审查")
    seats = {seat.person.name for seat in case.seats.filter(step__node="chief").select_related("person")}
    assert seats == {"处长"}
    with pytest.raises(Denied):
        office.acts("监督", service.decide, case, seat=office.seat("处长", case), outcome="agree")


def test_five_hundred_assets_in_one_application(office, make_asset):
    first = old_asset(make_asset, original_value=Decimal(100))
    copied = {
        field.attname: getattr(first, field.attname) for field in Asset._meta.concrete_fields if field.attname != "id"
    }
    more = Asset.objects.bulk_create(Asset(**{**copied, "code": f"批-{number:03}"}) for number in range(499))
    many = [first, *more]  # by one statement: what is measured here is the case, not the register
    case = office.goes(office.submits(disposes(office, many)), "单位领导", "受理", "审查", "处长")
    disposal = Disposal.objects.get()
    assert case.state == "granted" and disposal.count == 500 == Asset.objects.filter(state="awaiting_disposal").count()
    values = OutcomeDocument.objects.get(number=case.document_no).values
    assert values["table"] == [["A02 设备", "500", "50,000.00", "0.00"]]  # summed up; the list stays with the case


def workbook(rows):
    """Return a filled workbook as an applicant sends it: numbers and reasons alone."""
    book = Workbook()
    sheet = book.active
    sheet.title = "资产清单"
    sheet.append(["资产编号", "说明"])
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return SimpleUploadedFile("资产清单.xlsx", out.getvalue())


def test_a_workbook_names_every_row_that_is_wrong_or_becomes_the_list(office, world, make_asset):
    from zhiguan.functions.governance import workbooks

    good, other = [old_asset(make_asset) for _ in range(20)], make_asset(world.other)
    case, applicant = disposes(office), office.actor("申请人")
    table = next(DISPOSAL.tables())

    def read(*rows):
        with applicant.acting():
            return workbooks.rows(table, workbook(rows), case, applicant)

    with pytest.raises(Invalid) as refused:
        read([good[0].code, None], [other.code, None], ["没有这件", None], [good[1].code, "长" * 201])
    assert set(refused.value.fields) == {"3.资产编号", "4.资产编号", "5.说明"}
    rows = read(*([asset.code, "已损坏"] for asset in good))
    assert rows[0]["name"].startswith(good[0].name)  # what the page fills in beside the number is filled in here, too
    case = office.goes(office.submits(case, rows=rows), "单位领导", "受理", "审查", "处长")
    assert case.state == "granted" and Disposal.objects.get().count == 20
