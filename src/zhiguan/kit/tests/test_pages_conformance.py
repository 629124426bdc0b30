"""The sample pages pass the very tests that lines inherit."""

from zhiguan.kit.pages.conformance import (
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
)

from . import sample_pages


class TestList(ListPageConformance):
    page = sample_pages.LIST


class TestDetail(DetailPageConformance):
    page = sample_pages.DETAIL


class TestCreate(FormPageConformance):
    page = sample_pages.CREATE


class TestEdit(FormPageConformance):
    page = sample_pages.EDIT


class TestImport(ImportPageConformance):
    page = sample_pages.IMPORT
