"""FEEL: what expressions give, and what is said when they cannot be read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.decisions import feel
from zhiguan.kernel.decisions.feel import FeelError, Range, YearsMonths

D = Decimal


@pytest.mark.parametrize(("text", "value"), [
    ("0.1 + 0.2", D("0.3")),
    ("-3 ** 2", D(9)),
    ("2 + 3 * 4 - 10 / 4", D("11.5")),
    ("1 / 0", None),
    ('"办公" + "用房"', "办公用房"),
    ('if 面积 > 24 then "超标" else "合规"', "超标"),
    ("单价 * 数量", D("299.7")),
    ("申请 人.姓名", "张三"),
    ('级别 in ("厅级", "处级")', True),
    ("面积 between 20 and 30 and 面积 in (20..30]", True),
    ("count(清单[金额 > 100])", D(1)),
    ("清单[金额 > 100].名称", ["电脑"]),
    ("sum(清单.金额)", D(5080)),
    ("清单[-1].名称", "纸"),
    ("some x in 清单 satisfies x.金额 > 4000", True),
    ("every x in 清单 satisfies x.金额 > 4000", False),
    ("for x in 清单, i in 1..2 return x.金额 * i", [D(5000), D(10000), D(80), D(160)]),
    ("{底价: 100, 税率: 0.13, 含税: 底价 * (1 + 税率)}.含税", D("113.00")),
    ("(function(a: number, b: number) a * b)(b: 3, a: 4)", D(12)),
    ('date("2024-01-31") + duration("P1M")', date(2024, 2, 29)),
    ('date("2026-11-30") - date("2026-11-01")', timedelta(days=29)),
    ('years and months duration(date("2016-05-01"), @"2026-11-30")', YearsMonths(126)),
    ('购置日期 + @"P8Y" < @"2026-11-30"', True),
    ('@"2026-11-30".weekday', D(1)),
    ('day of week(@"2026-11-30")', "Monday"),
    ("[1..3]", Range(D(1), D(3), True, True)),
    ("(< 5)", Range(None, D(5), False, False, True)),
    ('string length("机关事务")', D(4)),
    ('substring("机关事务", 3)', "事务"),
    ('matches("沪A12345", "^[\\u4e00-\\u9fa5][A-Z][A-Z0-9]{5}$")', True),
    ('replace("2026-11-30", "(\\d+)-(\\d+)-(\\d+)", "$1年$2月$3日")', "2026年11月30日"),
    ("decimal(2.345, 2)", D("2.34")),
    ("round half up(2.345, 2)", D("2.35")),
    ("null and false", False),
    ("null or true", True),
    ('null = null', True),
    ('1 = "1"', None),
    ("sort([3, 1, 2], function(a, b) a < b)", [D(1), D(2), D(3)]),
    ("1 // 注释\n + /* 另一个 */ 1", D(2)),
    ("面积 instance of number", True),
    ('get value(申请 人, "姓名")', "张三"),
])  # fmt: skip
def test_values(text, value):
    context = {
        "面积": 25, "单价": 99.9, "数量": 3, "级别": "处级", "申请 人": {"姓名": "张三"}, "购置日期": date(2016, 5, 1),
        "清单": [{"名称": "电脑", "金额": 5000}, {"名称": "纸", "金额": 80}],
    }  # fmt: skip
    assert feel.evaluate(text, context) == value


@pytest.mark.parametrize(("cell", "value", "met"), [
    ("-", None, True), ("", 1, True), ("5", 5, True), ("5", "5", False), ("< 5", 4, True), ("< 5", None, False),
    ("[1..5), >= 10", 5, False), ("[1..5), >= 10", 10, True), ('"甲","乙"', "乙", True), ('not("甲","乙")', "丙", True),
    ('not("甲")', "甲", False), ("not(> 5)", "x", False), ("? > 3 and ? < 上限", 6, True), ("上限", 7, True),
    ("true", True, True), ("true", False, False), ("null", None, True), ('date("2026-01-01")', date(2026, 1, 1), True),
    ('> @"2026-01-01"', date(2026, 2, 1), True), ("名单", "张三", True), ("名单", "李四", False),
    ("count(?) > 1", [1, 2], True), ("!= 3", 4, True), ("= 3", 3, True),
])  # fmt: skip
def test_cells(cell, value, met):
    context = {"上限": 7, "名单": ["张三", "王五"]}
    assert feel.unary(cell, value, context) is met


@pytest.mark.parametrize(("text", "position", "message"), [
    ("1 +", 3, "此处应为值或名称，表达式已结束"), ("1 2", 2, "表达式应到此结束，遇到“2”"), ("(1", 2, "此处应为“)”"),
    ("面积 ＞ 5", 3, "“＞”是全角符号"), ("大于（5）", 2, "“（”是全角符号，请改用半角符号"), ('"abc', 0, "缺少结束的引号"),
    ("if a then b", 11, "此处应为“else”"), ("for x return 1", 4, "此处应为变量名称和“in”"), ("f(a: 1, 2)", 8, "参数应全部写名称或全部不写"),
    ("{a 1}", 1, "此处应为“名称:”"), ('@"昨天"', 0, "不是日期、时间或时长"), ("a.1", 1, "表达式应到此结束"), ("1e99999", 0, "数字超出范围"),
])  # fmt: skip
def test_what_cannot_be_read_says_where(text, position, message):
    with pytest.raises(FeelError) as refusal:
        feel.evaluate(text, {"面积": 1})
    assert message in refusal.value.message
    assert refusal.value.position == position


def test_names_used():
    assert feel.check("面积 * 单价 + sum(清单[金额 > 下限].金额)") == {"面积", "单价", "清单", "金额", "下限"}
    assert feel.check("for x in 清单 return x + y") == {"清单", "y"}
    assert feel.check("{a: 1, b: a + c}") == {"c"}
    assert feel.check("? > 下限", cell=True) == {"下限"}
    assert feel.check("申请 人.姓名", ["申请 人"]) == {"申请 人"}


def test_what_became_null_is_noted():
    notes: list[str] = []
    assert feel.evaluate('不存在 + abs("x")', {}, notes=notes) is None
    assert any("没有名为“不存在”的数据" in note for note in notes)
    assert any("函数“abs”不能用这些参数" in note for note in notes)


def test_strict_refuses_names_nobody_gave():
    with pytest.raises(FeelError, match="没有名为“面机”的数据"):
        feel.evaluate("面机 > 3", {"面积": 1}, strict=True)
    assert feel.evaluate("面积 > 3", {"面积": None}, strict=True) is None
    with pytest.raises(FeelError, match="上限"):
        feel.unary("< 上限", 3, strict=True)


def test_the_clock_is_given():
    moment = datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert feel.evaluate("today()", now=moment) == date(2026, 11, 30)
    assert feel.evaluate("now() - @\"2026-11-30T07:00:00Z\"", now=moment) == timedelta(hours=1)


def test_names_with_signs():
    assert feel.evaluate("合同-金额 - 10", {"合同-金额": 30}) == 20
    assert feel.evaluate("a-b", {"a": 3, "b": 1}) == 2
    assert feel.evaluate("a-b", {"a": 3, "b": 1, "a-b": 7}) == 7


@settings(max_examples=200, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_numbers_are_written_and_read_again(value):
    assert feel.evaluate(feel.write(feel.Run(), value)) == value


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_text_is_written_and_read_again(value):
    from zhiguan.kernel.decisions.feel.library import quoted

    assert feel.evaluate(quoted(feel.Run(), value)) == value


@settings(max_examples=200, deadline=None)
@given(st.timedeltas(), st.datetimes())
def test_durations_and_moments_are_written_and_read_again(span, moment):
    run = feel.Run()
    assert feel.evaluate(f'duration("{feel.write(run, span)}")') == span
    assert feel.evaluate(f'@"{feel.write(run, moment)}"') == moment
