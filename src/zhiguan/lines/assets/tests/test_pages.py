"""Every declared page of the line under the inherited tests."""

from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse

from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.lines.assets import pages
from zhiguan.lines.assets.domain import holders
from zhiguan.lines.assets.models import Asset, HolderChange

from .conftest import BOSS, NUMBERS, make_unit

ROW = {
    "分类代码": "A02", "资产名称": "台式计算机", "所属单位": "市甲局", "取得日期": "2024-03-15", "原值（元）": 4980,
    "折旧类别": "计算机设备",
}  # fmt: skip


@pytest.fixture
def change(world, make_asset):
    """Move an asset between two organs: into ``unit`` from a third one."""
    third = make_unit(world.city, 3, "310000003", "市丙局", "organ")

    def make(unit):
        asset = make_asset(third)
        holders.change_holder(
            BOSS,
            asset,
            to_unit=unit,
            cause="merger",
            changed_on=date(2026, 5, 1),
            reason="机构合并",
            document_no="编〔1〕号",
        )
        return HolderChange.objects.get(asset=asset)

    return make


class TestAssets(ListPageConformance):
    page = pages.ASSETS

    @pytest.fixture
    def case(self, world, make_asset):
        return Case(world.manager, make_asset, lambda: make_asset(world.other), text=lambda row: row.code)


class TestAsset(DetailPageConformance):
    page = pages.ASSET

    @pytest.fixture
    def case(self, world, make_asset):
        return Case(world.manager, make_asset, lambda: make_asset(world.other))


class TestNewAsset(FormPageConformance):
    page = pages.ASSET_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: {
            "class_code": "A02", "name": "碎纸机", "unit": world.organ.pk, "origin": "purchase", "acquired_on": "2024-03-15",
            "original_value": "900", "depreciation_kind": "office", "state": "in_use", "user_unit": "办公室",
            "custodian": "保管员",
        })  # fmt: skip


class TestEditAsset(FormPageConformance):
    page = pages.ASSET_EDIT

    @pytest.fixture
    def case(self, world, make_asset):
        return Case(world.manager, make_asset, lambda: make_asset(world.other), values=lambda row: {
            "class_code": "A02010105", "name": f"{row.name}改", "origin": "purchase",
        })  # fmt: skip


class TestImportAssets(ImportPageConformance):
    page = pages.ASSET_IMPORTING

    @pytest.fixture
    def case(self, world):
        return Case(
            world.manager, import_rows=(ROW, {**ROW, "资产名称": "打印机", "折旧类别": "办公设备"}),
            bad_row={**ROW, "分类代码": "2010000"}, count=Asset.objects.count,
        )  # fmt: skip


class TestTitles(ListPageConformance):
    page = pages.TITLES

    @pytest.fixture
    def case(self, world, make_title):
        return Case(
            world.manager, lambda: make_title(_organ(world.organ)), lambda: make_title(world.other),
            text=lambda row: row.certificate_no,
        )  # fmt: skip


def _organ(parent):
    """An organ has one valid title: each row gets an organ of its own below the actor's."""
    number = next(NUMBERS)
    return make_unit(parent, number % 90 + 2, f"310000001-{number:04}", f"下属单位{number}", "organ")


class TestTitle(DetailPageConformance):
    page = pages.TITLE

    @pytest.fixture
    def case(self, world, make_title, make_asset):
        return Case(world.manager, lambda: make_title(assets=[make_asset()]), lambda: make_title(world.other))


class TestNewTitle(FormPageConformance):
    page = pages.TITLE_NEW

    @pytest.fixture
    def case(self, world, make_asset):
        return Case(world.bureau, values=lambda row: {
            "unit": world.organ.pk, "certificate_no": "沪产登〔2026〕1号", "as_of": "2026-06-30", "registered_on": "2026-07-10",
            "assets": make_asset().code,
        })  # fmt: skip


class TestDisposals(ListPageConformance):
    page = pages.DISPOSALS

    @pytest.fixture
    def case(self, world, make_disposal):
        return Case(world.manager, make_disposal, lambda: make_disposal(world.other), text=lambda row: row.code)


class TestDisposal(DetailPageConformance):
    page = pages.DISPOSAL

    @pytest.fixture
    def case(self, world, make_disposal):
        return Case(world.manager, make_disposal, lambda: make_disposal(world.other))


class TestNewDisposal(FormPageConformance):
    page = pages.DISPOSAL_NEW

    @pytest.fixture
    def case(self, world, make_asset):
        return Case(world.bureau, values=lambda row: {
            "unit": world.organ.pk, "kind": "scrap", "assets": f"{make_asset().code}\n{make_asset().code}", "why": "报废",
            "document_no": "批〔2026〕9号", "decided_on": "2026-09-01",
        })  # fmt: skip


class TestHolders(ListPageConformance):
    page = pages.HOLDERS

    @pytest.fixture
    def case(self, world, change):
        return Case(
            world.manager, lambda: change(world.organ), lambda: change(world.other), text=lambda row: row.asset_code
        )


class TestHolder(DetailPageConformance):
    page = pages.HOLDER

    @pytest.fixture
    def case(self, world, change):
        return Case(world.manager, lambda: change(world.organ), lambda: change(world.other))


class TestLabels:
    def test_only_cards_of_the_scope_are_offered_and_printed(self, world, make_asset):
        mine, other = make_asset(name="甲局打印机"), make_asset(world.other, name="乙局打印机")
        text = html(Visitor(world.manager).get(reverse("assets.label")))
        assert mine.code in text and other.code not in text and "共 1 件" in text
        answer = Visitor(world.manager).get(reverse("assets.label"), {"pdf": "1"})
        assert answer["Content-Type"] == "application/pdf" and answer.content.startswith(b"%PDF")
        assert Entry.objects.filter(code="assets.asset.print").count() == 1

    def test_one_label_and_its_square_lead_to_the_card(self, world, make_asset):
        mine, other = make_asset(), make_asset(world.other)
        visitor = Visitor(world.manager)
        assert visitor.get(reverse("assets.asset.label", args=[mine.pk])).content.startswith(b"%PDF")
        assert visitor.get(reverse("assets.asset.label", args=[other.pk])).status_code == 404
        answer = visitor.get(reverse("assets.asset.scan", args=[mine.code]))
        assert (answer.status_code, answer["Location"]) == (302, reverse("assets.asset.detail", args=[mine.pk]))
        assert visitor.get(reverse("assets.asset.scan", args=[other.code])).status_code == 404

    @pytest.mark.parametrize("value", ["\x00", "9" * 400, "'; DROP TABLE x", "𠮷" * 200])
    def test_bad_input_never_breaks_the_page(self, world, make_asset, value):
        make_asset()
        given = dict.fromkeys(("unit", "top_class", "from", "to"), value)
        assert Visitor(world.manager).get(reverse("assets.label"), given).status_code == 200

    def test_nothing_to_print_says_so(self, world):
        text = html(Visitor(world.manager).get(reverse("assets.label")))
        assert "没有符合条件的在账资产" in text
        assert Visitor(world.manager).get(reverse("assets.label"), {"pdf": "1"}).status_code == 404
