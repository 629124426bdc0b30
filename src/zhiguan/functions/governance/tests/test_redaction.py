"""Sensitive parts of a form: fields and columns alike are kept from those who have no part in the case."""

from __future__ import annotations

from types import SimpleNamespace

from zhiguan.functions.governance import forms
from zhiguan.functions.governance.pages import case
from zhiguan.kernel.flow.declare import Field, Section, Table

WAGE = Field("wage", "当月标准工资", "money", unit="元", sensitive=True)
TABLE = Table("people", "人员", fields=(Field("name", "姓名"), WAGE), totals=("wage",))
ITEM = SimpleNamespace(sections=(Section("人员", (Field("why", "事由"), Field("account", "账号", sensitive=True), TABLE)),))
VALUES = {"why": "新增", "account": "6222", "people": [{"name": "张三", "wage": "8000.00"}]}


def test_what_is_sensitive_is_left_out_of_fields_and_tables():
    assert forms.redacted(ITEM, VALUES) == {"why": "新增", "people": [{"name": "张三"}]}
    assert forms.redacted(ITEM, VALUES, sensitive=False) == VALUES


def test_what_a_step_hides_is_left_out():
    assert forms.redacted(ITEM, VALUES, ("people", "why")) == {}


def test_a_table_is_masked_in_its_cells_and_its_foot():
    shown = case._table(TABLE, VALUES["people"], {}, mask=True)
    assert shown["rows"] == [[("张三", False, "姓名"), (case.MASKED, True, "当月标准工资")]]
    assert [text for text, *_ in shown["totals"]] == ["", case.MASKED]
    assert case._table(TABLE, VALUES["people"], {}, mask=False)["rows"][0][1][:2] == ("8,000.00 元", True)
