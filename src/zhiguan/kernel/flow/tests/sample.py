"""A made-up item with a branch, a parallel part, a countersign and a decision, and the people who handle it.

Its ledger is a list in this module: the effect appends to it, so that a test can count how often it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhiguan.kernel.flow.declare import CaseView, Field, ItemWork, Material, Problem, Section, ServiceItem, Table

ITEM = ServiceItem(
    code="vehicles.sample", number="T1", name="测试事项", summary="只在测试中使用。", facts="approvals.sample",
    flow="", title='"申请" + reason',
    sections=(
        Section("基本", (
            Field("reason", "事由", required=True),
            Field("amount", "金额", "money", required=True, minimum=0, maximum=1_000_000),
            Field("subject", "涉及人员", "person"),
            Field("urgent", "加急", "boolean"),
            Field("why_urgent", "加急理由", required_if="urgent", visible_if="urgent"),
            Field("due_on", "日期", "date"),
            Field("note", "审查备注", "long_text"),
        )),
        Section("明细", (
            Table("rows", "明细", (
                Field("name", "名称", required=True), Field("count", "数量", "integer", minimum=1, maximum=99, required=True),
                Field("price", "单价", "money", minimum=0), Field("sum", "小计", "computed", computed="count * price"),
            ), maximum=3, unique="name"),
            Field("total", "合计", "computed", computed="sum(rows.sum)"),
        )),
    ),
    materials=(Material("proof", "证明", required_if="amount > 10000"),),
)  # fmt: skip

DONE: list[tuple[str, str]] = []
"""(case, reason) of every effect."""
BROKEN: list[str] = []
"""What the ledger says against it now; empty: nothing."""


def _effect(actor: Any, case: CaseView) -> Mapping[str, Any]:
    DONE.append((case.code, case.values["reason"]))
    return {"text": f"已登记{case.values['reason']}", "links": []}


def _check(actor: Any, unit: Any, values: Mapping[str, Any]):
    return [Problem("reason", text) for text in BROKEN]


def _facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"large": float(values.get("amount") or 0) > 100_000}


WORK = ItemWork(code="vehicles.sample", effect=_effect, check=_check, facts=_facts,
                prefill=lambda actor, unit: {"reason": f"{unit.name}申请", "unknown": 1})  # fmt: skip


class Known:
    """A registry with the sample item in it, or with what else is given."""

    def __init__(self, current: Any, *own: Any) -> None:
        self.current, self.own = current, own or (ITEM, WORK)

    def all(self, kind: type) -> list[Any]:
        return [*self.current.all(kind), *(each for each in self.own if isinstance(each, kind))]

    def get(self, kind: type, code: str) -> Any:
        mine = next((each for each in self.own if isinstance(each, kind) and each.code == code), None)
        return self.current.get(kind, code) if mine is None else mine

    def owner(self, declaration: Any) -> str:
        return self.current.owner(declaration)


def bpmn(mode: str = "all", *, parallel: bool = False, **attributes: str) -> str:
    """The process: 审核 → 受理 → 审查 (countersign ``mode``), in parallel with 核查 on request → 决定 → 办结."""
    more = " ".join(f'zg:{name.rstrip("_")}="{value}"' for name, value in attributes.items())
    review = f"""<userTask id="review" name="审查" zg:stage="review" zg:who="role:t.review" zg:mode="{mode}"
      zg:edit="note" zg:days="5" {more}/>"""
    middle = (
        """<sequenceFlow id="p0" sourceRef="clock" targetRef="split"/><parallelGateway id="split"/>
        <sequenceFlow id="p1" sourceRef="split" targetRef="review"/><sequenceFlow id="p2" sourceRef="split" targetRef="visit"/>
        <userTask id="visit" name="核查" zg:stage="site" zg:who="role:t.visit"/>
        <sequenceFlow id="p3" sourceRef="review" targetRef="join"/><sequenceFlow id="p4" sourceRef="visit" targetRef="join"/>
        <parallelGateway id="join"/><sequenceFlow id="p5" sourceRef="join" targetRef="decision"/>"""
        if parallel else
        """<sequenceFlow id="p0" sourceRef="clock" targetRef="review"/>
        <sequenceFlow id="p5" sourceRef="review" targetRef="decision"/>"""
    )  # fmt: skip
    return f"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zg="urn:zhiguan:flow"
    id="d" targetNamespace="urn:t"><process id="sample" name="测试流程" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="a" sourceRef="start" targetRef="lead"/>
    <userTask id="lead" name="审核" zg:stage="lead" zg:who="permission:vehicles.case.endorse@applicant" zg:days="2"/>
    <sequenceFlow id="b" sourceRef="lead" targetRef="accept"/>
    <userTask id="accept" name="受理" zg:stage="accept" zg:who="role:t.accept" zg:outcomes="agree=受理,refuse=不予受理"/>
    <sequenceFlow id="c" sourceRef="accept" targetRef="g"/><exclusiveGateway id="g" default="d2"/>
    <sequenceFlow id="d1" sourceRef="g" targetRef="clock">
      <conditionExpression>outcomes.accept = "agree"</conditionExpression></sequenceFlow>
    <sequenceFlow id="d2" sourceRef="g" targetRef="no"/>
    <serviceTask id="clock" zg:do="accept"/>{review}{middle}
    <userTask id="decision" name="决定" zg:stage="decide" zg:who="role:t.decide" zg:not="accept" zg:bulk="yes"/>
    <sequenceFlow id="e" sourceRef="decision" targetRef="h"/><exclusiveGateway id="h" default="f2"/>
    <sequenceFlow id="f1" sourceRef="h" targetRef="yes">
      <conditionExpression>outcomes.decision = "agree" and outcomes.review = "agree"</conditionExpression></sequenceFlow>
    <sequenceFlow id="f2" sourceRef="h" targetRef="no"/>
    <serviceTask id="yes" zg:do="grant"/><sequenceFlow id="i" sourceRef="yes" targetRef="end"/>
    <serviceTask id="no" zg:do="refuse"/><sequenceFlow id="j" sourceRef="no" targetRef="end2"/>
    <endEvent id="end"/><endEvent id="end2"/></process></definitions>"""
