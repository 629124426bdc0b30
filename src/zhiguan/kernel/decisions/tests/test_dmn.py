"""Decision models: policies, types, what is refused, and what is told about a decision."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.decisions import dmn
from zhiguan.kit.errors import Invalid

from .tables import definitions, table, table_xml

AREA = [["< 9", '"不足"', "甲规定"], ["[9..24]", '"合规"'], ["> 24", '"超标"', "乙规定"]]
COLUMN = (("面积", "number"),)
D = Decimal


def decide(data: bytes, inputs: dict, **more) -> dmn.Outcome:
    return dmn.read(data).decide("D", inputs, **more)


def test_a_table_tells_what_was_met_and_why():
    outcome = decide(table(AREA, COLUMN), {"面积": 30})
    assert outcome.value == "超标" and outcome.annotation == "乙规定"
    (hit,) = outcome.hits
    assert (hit.rule, hit.rule_id, hit.outputs) == (3, "r3", "超标")
    assert outcome.explanation == "规则 3 命中：面积 为 30，符合 > 24"
    nothing = decide(table(AREA[:2], COLUMN), {"面积": 30})
    assert nothing.value is None and nothing.hits == () and nothing.explanation == "没有规则命中"


OVERLAP = [["> 1", '"乙"'], ["> 2", '"甲"'], ["> 3", '"丙"']]
ORDER = (("结果", "string", '"甲","乙","丙"'),)


@pytest.mark.parametrize(("policy", "value"), [
    ("FIRST", "乙"), ("PRIORITY", "甲"), ("RULE ORDER", ["乙", "甲", "丙"]), ("OUTPUT ORDER", ["甲", "乙", "丙"]),
    ("COLLECT", ["乙", "甲", "丙"]), ("COLLECT +COUNT", D(3)),
])  # fmt: skip
def test_policies(policy, value):
    outcome = decide(table(OVERLAP, COLUMN, ORDER, policy), {"面积": 9})
    assert outcome.value == value
    assert len(outcome.hits) == (1 if policy in ("FIRST", "PRIORITY") else 3)


@pytest.mark.parametrize(("policy", "value"), [("SUM", D(60)), ("MIN", D(10)), ("MAX", D(30)), ("COUNT", D(3))])
def test_aggregations(policy, value):
    rows = [["> 1", "10"], ["> 2", "20"], ["> 3", "30"]]
    data = table(rows, COLUMN, (("加分", "number"),), f"COLLECT +{policy}")
    assert decide(data, {"面积": 9}).value == value
    assert decide(data, {"面积": 0}).value == (D(0) if policy == "COUNT" else None)


def test_two_rules_where_one_may_be_met():
    data = table(OVERLAP, COLUMN)
    with pytest.raises(Invalid, match="规则 1、2、3 同时命中"):
        decide(data, {"面积": 9})
    lenient = decide(data, {"面积": 9}, strict=False)
    assert lenient.value is None and [hit.rule for hit in lenient.hits] == [1, 2, 3] and lenient.notes
    same = [["> 1", '"甲"'], ["> 2", '"甲"']]
    assert decide(table(same, COLUMN, policy="ANY"), {"面积": 9}).value == "甲"
    with pytest.raises(Invalid, match="结果不同"):
        decide(table(OVERLAP, COLUMN, policy="ANY"), {"面积": 9})


def test_default_and_several_outputs():
    outputs = (("结论", "string", '"准","不准"', '"不准"'), ("额度", "number", "", "0"))
    data = table([["> 10", '"准"', "面积 * 2"]], COLUMN, outputs)
    assert decide(data, {"面积": 11}).value == {"结论": "准", "额度": D(22)}
    assert decide(data, {"面积": 1}).value == {"结论": "不准", "额度": D(0)}


def test_strict_refuses_what_the_standard_makes_null():
    data = table(AREA, (("面积", "number", "[0..1000]"),))
    for inputs, message in (
        ({}, "没有名为“面积”的数据"), ({"面积": "三十"}, "面积不是要求的类型“数字”"), ({"面积": 2000}, "不在允许范围"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=message):
            decide(data, inputs)
        assert decide(data, inputs, strict=False).value is None
    assert decide(table(AREA, COLUMN), {"面积": None}).value is None


GRAPH = definitions(
    '<itemDefinition name="级别"><typeRef>string</typeRef><allowedValues><text>"厅","处","科"</text></allowedValues>'
    "</itemDefinition>"
    '<inputData id="i1" name="职级"><variable name="职级" typeRef="级别"/></inputData>'
    '<inputData id="i2" name="面积"><variable name="面积" typeRef="number"/></inputData>'
    '<inputData id="i3" name="启用 日期"><variable name="启用 日期" typeRef="date"/></inputData>'
    '<businessKnowledgeModel id="k" name="上限"><variable name="上限"/><encapsulatedLogic>'
    '<formalParameter name="级" typeRef="级别"/>'
    + table_xml([['"厅"', "30"], ['"处"', "18"], ['"科"', "9"]], [("级", "级别")], [("平米", "number")])
    + "</encapsulatedLogic></businessKnowledgeModel>"
    '<decision id="d1" name="超出"><variable name="超出" typeRef="number"/>'
    '<informationRequirement><requiredInput href="#i1"/></informationRequirement>'
    '<informationRequirement><requiredInput href="#i2"/></informationRequirement>'
    '<knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement>'
    "<literalExpression><text>max(面积 - 上限(职级), 0)</text></literalExpression></decision>"
    '<decision id="D" name="处理"><variable name="处理"/>'
    '<informationRequirement><requiredDecision href="#d1"/></informationRequirement>'
    '<informationRequirement><requiredInput href="#i3"/></informationRequirement>'
    "<context><contextEntry><variable name='超'/><literalExpression><text>超出 > 0</text></literalExpression></contextEntry>"
    "<contextEntry><literalExpression><text>if 超 then \"清退\" + string(超出) + \"平方米\" else \"保留\"</text>"
    "</literalExpression></contextEntry></context></decision>"
)  # fmt: skip


def test_a_graph_decides_each_step_once_and_tells_them():
    model = dmn.read(GRAPH)
    assert sorted(model.inputs_of("处理")) == ["启用 日期", "职级", "面积"]
    outcome = model.decide("处理", {"职级": "处", "面积": 20, "启用 日期": date(2026, 1, 1)})
    assert outcome.value == "清退2平方米"
    assert [(step.decision, step.value) for step in outcome.steps] == [("超出", D(2)), ("处理", "清退2平方米")]
    assert outcome.steps[0].hits[0].rule == 2
    with pytest.raises(Invalid, match="输入“职级”不是要求的类型“文本”或不在允许的取值之内"):
        model.decide("处理", {"职级": "局", "面积": 20, "启用 日期": date(2026, 1, 1)})
    with pytest.raises(Invalid, match="缺少输入“面积”"):
        model.decide("处理", {"职级": "处", "启用 日期": date(2026, 1, 1)})
    with pytest.raises(Invalid, match="没有“别的”"):
        model.decide("别的", {})


def one(logic: str, before: str = "", after: str = "") -> bytes:
    return definitions(f'{before}<decision id="D" name="D"><variable name="D"/>{after}{logic}</decision>')


def circle(length: int) -> bytes:
    return definitions("".join(
        f'<decision id="d{n}" name="d{n}"><informationRequirement><requiredDecision href="#d{(n + 1) % length}"/>'
        f"</informationRequirement><literalExpression><text>1</text></literalExpression></decision>"
        for n in range(length)
    ))  # fmt: skip


BOX = "<literalExpression><text>1</text></literalExpression>"
REFUSED = {
    "no DMN": (b"<a/>", "不是 DMN"),
    "BPMN": (b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "不是 DMN"),
    "circle": (circle(3), "依赖成环"),
    "needs itself": (circle(1), "依赖成环"),
    "long circle": (circle(900), "依赖成环"),
    "reference to nothing": (
        one(BOX, after='<informationRequirement><requiredInput href="#x"/></informationRequirement>'), "不存在的元素",
    ),
    "bad expression": (one("<literalExpression><text>1 +</text></literalExpression>"), "决策“D”：表达式第 4 个字符处"),
    "bad cell": (table([["1 2", '"x"']], COLUMN), "规则 1 第 1 列：表达式第 3 个字符处"),
    "row too short": (table([['"x"']], COLUMN), "列数与表头不一致"),
    "policy": (table(AREA, COLUMN, policy="RANDOM"), "命中策略"),
    "aggregation": (table(AREA, COLUMN, policy="UNIQUE +SUM"), "汇总只用于"),
    "no expression": (table(AREA, (("", "number"),)), "没有表达式"),
    "other language": (
        one('<literalExpression expressionLanguage="http://groovy"><text>1</text></literalExpression>'), "表达式语言",
    ),
    "python": (one('<literalExpression expressionLanguage="python"><text>exit()</text></literalExpression>'), "语言"),
    "same id twice": (definitions('<inputData id="a" name="a"/><inputData id="a" name="b"/>'), "重复"),
    "import that is missing": (
        definitions('<import name="x" namespace="urn:x" importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>'),
        "没有一并提供",
    ),
    "boxes in boxes": (one("<list>" * 60 + BOX + "</list>" * 60), "嵌套超过"),
    "many rules": (table([["1", '"x"']] * 6000, COLUMN), "超过 5000 条规则"),
    "uneven relation": (one('<relation><column name="a"/><row/></relation>'), "行列数不一致"),
    "entity": (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>', "文档类型"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_files(data, message):
    with pytest.raises(Invalid, match=message):
        dmn.read(data)


def test_files_that_import_each_other():
    kind = "https://www.omg.org/spec/DMN/20230324/MODEL/"
    files = [
        definitions(f'<import name="{other}" namespace="urn:{other}" importType="{kind}"/>', name)
        for name, other in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(Invalid, match="相互引用成环"):
        dmn.read(*files[:1], files[1:])


def test_functions_of_other_languages_are_never_run():
    inside = (
        '<formalParameter name="x"/><context><contextEntry><variable name="class"/><literalExpression>'
        '<text>"java.lang.Runtime"</text></literalExpression></contextEntry></context>'
    )
    call = "<literalExpression><text>f(1)</text></literalExpression>"
    boxed = one(
        call,
        '<decision id="F" name="f"><variable name="f"/><functionDefinition kind="Java">'
        f"{inside}</functionDefinition></decision>",
        '<informationRequirement><requiredDecision href="#F"/></informationRequirement>',
    )
    knowledge = one(
        call,
        f'<businessKnowledgeModel id="F" name="f"><encapsulatedLogic kind="Java">{inside}</encapsulatedLogic>'
        "</businessKnowledgeModel>",
        '<knowledgeRequirement><requiredKnowledge href="#F"/></knowledgeRequirement>',
    )
    assert decide(boxed, {}).value is None and decide(knowledge, {}).value is None


def test_knowledge_that_calls_itself_without_end_is_stopped():
    data = one(
        "<literalExpression><text>f(1)</text></literalExpression>",
        '<businessKnowledgeModel id="k" name="f"><encapsulatedLogic><formalParameter name="n"/><literalExpression>'
        "<text>f(n + 1)</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>",
        '<knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement>',
    )
    with pytest.raises(Invalid, match=r"函数相互调用超过|嵌套过深"):
        decide(data, {})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["-", "1", "[1..3]", "> 2", '"a"', "not(1)", "? > 面积", "1 +", "(", "null"]),
                         min_size=2, max_size=3), max_size=5),
       st.sampled_from(["UNIQUE", "ANY", "FIRST", "PRIORITY", "COLLECT", "COLLECT +MAX", "OUTPUT ORDER", "X"]),
       st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.booleans(), st.lists(st.integers(), max_size=2)))
def test_any_table_gives_an_outcome_or_a_refusal(rows, policy, value):
    try:
        model = dmn.read(table(rows, COLUMN, policy=policy))
        dmn.lint(model)
        model.decide("D", {"面积": value}, strict=False)
        model.decide("D", {"面积": value})
    except Invalid as refusal:
        assert refusal.message
