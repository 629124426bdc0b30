"""What the linter finds in tables, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.decisions import dmn
from zhiguan.kit.errors import Invalid

from .tables import definitions, table

COLUMNS = (("年龄", "number"), ("类别", "string", '"甲","乙"'))


def found(rows, columns=COLUMNS, policy="UNIQUE", outputs=(("结果", "string"),)) -> list[tuple]:
    model = dmn.read(table(rows, columns, outputs, policy))
    return [(each.code, each.rules, each.message.removeprefix("决策“判定”")) for each in dmn.lint(model)]


def test_a_whole_table_is_left_alone():
    assert found([["< 18", "-", "1"], [">= 18", '"甲"', "2"], [">= 18", 'not("甲")', "3"]]) == []
    assert found([["true", "1"], ["false", "2"]], (("合格", "boolean"),)) == []


def test_overlaps():
    assert found([["<= 18", "-", "1"], [">= 18", "-", "2"]]) == [
        ("overlap", (1, 2), "规则 1 与规则 2 重叠，可能同时命中：“年龄”等于 18"),
    ]
    assert found([["-", '"甲"', "1"], ["-", '"乙"', "2"], ["[5..6]", "-", "3"]])[0][1:] == (
        (1, 3), "规则 1 与规则 3 重叠，可能同时命中：“年龄”不小于 5 且不大于 6，“类别”为 \"甲\"",
    )  # fmt: skip
    assert found([["<= 18", "-", "1"], [">= 18", "-", "2"]], policy="ANY")[0][0] == "conflict"
    assert found([["<= 18", "-", "1"], [">= 18", "-", "1"]], policy="ANY") == []
    assert found([["<= 18", "-", "1"], [">= 18", "-", "2"]], policy="FIRST") == []


def test_gaps():
    assert found([["< 18", "-", "1"], ["> 20", '"甲"', "2"]]) == [
        ("gap", (), "没有规则对应：“年龄”不小于 18 且不大于 20"),
        ("gap", (), "没有规则对应：“年龄”大于 20，“类别”为 \"乙\""),
    ]
    assert found([["<= 18", "-", "1"], [">= 19", "-", "2"]]) == [
        ("fraction_gap", (), "没有规则对应：“年龄”大于 18 且小于 19（只取整数时可忽略）"),
    ]
    assert found([['"甲"', "1"], ['"乙"', "2"]], (("类别", "string"),)) == [
        ("gap", (), "没有规则对应：“类别”不是 \"甲\"、\"乙\""),
    ]
    assert found([['< @"2026-01-01"', "1"]], (("日期", "date"),)) == [
        ("gap", (), "没有规则对应：“日期”不小于 2026-01-01"),
    ]
    assert found([["< 18", "-", "1"]], outputs=(("结果", "string", "", '"无"'),)) == []
    assert found([["< 18", "-", "1"]], policy="COLLECT") == []


def test_rules_never_met():
    assert ("unreachable", (2,), "规则 2 永远不会命中：“年龄”没有符合 [3..2] 的取值") in found(
        [["-", '"甲"', "1"], ["[3..2]", '"乙"', "2"], ["-", '"乙"', "2"]]
    )
    assert ("unreachable", (1,), "规则 1 永远不会命中：“类别”没有符合 \"丙\" 的取值") in found(
        [["-", '"丙"', "1"], ["-", "-", "2"]]
    )
    rows = [["< 10", "-", "1"], [">= 10", '"甲"', "2"], ["[5..20]", '"甲"', "3"], ["-", "-", "4"]]
    assert found(rows, policy="FIRST") == [
        ("unreachable", (3,), "规则 3 永远不会命中：前面的规则 1、2 已包含它的全部情形"),
    ]


def test_columns_that_cannot_be_cut_are_said():
    assert found([["> 上限", "-", "1"], ["> 上限", "-", "2"], ["< 5", "-", "2"]]) == [
        ("overlap", (1, 2), "规则 1 与规则 2 重叠，可能同时命中：任何取值"),
        ("not_searched", (), "的“年龄”列含有算式，未检查是否有缺漏的情形"),
    ]


def test_names_that_are_not_required():
    data = definitions(
        '<inputData id="i" name="面积"/><decision id="D" name="D"><literalExpression><text>面积 + 1</text>'
        "</literalExpression></decision>"
    )
    (finding,) = dmn.lint(dmn.read(data))
    assert finding.code == "unknown_name" and "没有声明依赖" in finding.message


CELLS = st.sampled_from(["-", "< 2", "<= 2", "2", "> 2", ">= 3", "[2..4]", "(2..4)", "not(3)", "1,3", "[5..9]"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, st.sampled_from(["-", '"甲"', '"乙"', 'not("甲")'])), min_size=1, max_size=5))
def test_findings_agree_with_deciding(rows):
    """No overlap found: no case meets two rules. No gap found: every case meets one. Tried on the cases that matter."""
    model = dmn.read(table([[*row, f'"{at}"'] for at, row in enumerate(rows)], COLUMNS))
    codes = {each.code for each in dmn.lint(model)}
    several = nothing = False
    for halves in range(24):
        for kind in ("甲", "乙"):
            outcome = model.decide("D", {"年龄": Decimal(halves) / 2, "类别": kind}, strict=False)
            several = several or len(outcome.hits) > 1
            nothing = nothing or not outcome.hits
    assert several == ("overlap" in codes)
    assert nothing == bool(codes & {"gap", "fraction_gap"})


def test_large_tables_end_soon():
    rows = [[f"[{n}..{n + 1})", "-", f'"{n}"'] for n in range(300)]
    assert {code for code, *_ in found(rows)} == {"gap"}
    wide = tuple((f"列{n}", "number") for n in range(12))
    rows = [[f"> {n + at}" for at in range(12)] + ["1"] for n in range(60)] + [["-"] * 12 + ["2"]]
    assert "not_searched" in {code for code, *_ in found(rows, wide)}
    with pytest.raises(Invalid):
        found([["-"] * 3], wide)
