"""Files and forms made to do harm: nothing but FEEL is ever evaluated, nothing is executed, nothing runs for long.

Every hostile text would, if anybody ran it as Python, append to ``CANARY``; and the library's own Python environment is
replaced by one that fails the test when it is reached.
"""

from __future__ import annotations

import time

import pytest
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.script_engine import python_environment
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow

from zhiguan.kernel.flow import definitions, dmn, engine, feel, plan, service
from zhiguan.kernel.flow.models import Case, Definition, Seat
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound, Refusal

from . import sample
from .conftest import open_nodes

CANARY: list[str] = []
PYTHON = f"__import__('sys').modules['{__name__}'].CANARY.append('ran')"
HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zg="urn:zhiguan:flow" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="d" targetNamespace="urn:t">'
)


@pytest.fixture(autouse=True)
def trap(monkeypatch):
    """Anything that would run Python fails the test."""
    CANARY.clear()

    def reached(*_args, **_values):
        CANARY.append("reached")
        raise AssertionError("the Python environment was reached")

    for kind in (python_environment.BasePythonScriptEngineEnvironment, python_environment.TaskDataEnvironment):
        for name in ("evaluate", "execute", "call_service"):
            monkeypatch.setattr(kind, name, reached)
    yield
    assert CANARY == []


def process(inside: str = "", *, task: str = "", condition: str = "", flow: str = "", before: str = "") -> str:
    """start → u → gateway → grant or refuse, with something hostile put in."""
    return f"""{HEAD}{before}<process id="p" isExecutable="true">{inside}
    <startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="u"/>
    <userTask id="u" name="办理" zg:who="applicant">{task}</userTask>
    <sequenceFlow id="b" sourceRef="u" targetRef="g"/><exclusiveGateway id="g" default="d2"/>
    <sequenceFlow id="d1" sourceRef="g" targetRef="yes" {flow}>
      <conditionExpression>{condition or 'outcomes.u = "agree"'}</conditionExpression></sequenceFlow>
    <sequenceFlow id="d2" sourceRef="g" targetRef="no"/>
    <serviceTask id="yes" zg:do="grant"/><sequenceFlow id="e" sourceRef="yes" targetRef="end"/>
    <serviceTask id="no" zg:do="refuse"/><sequenceFlow id="f" sourceRef="no" targetRef="end2"/>
    <endEvent id="end"/><endEvent id="end2"/></process></definitions>"""


def chained(node: str, more: str = "") -> str:
    """start → the node given (id x) → end."""
    return f"""{HEAD}{more}<process id="p" isExecutable="true"><startEvent id="s"/>
    <sequenceFlow id="a" sourceRef="s" targetRef="x"/>
    {node}<sequenceFlow id="b" sourceRef="x" targetRef="end"/><endEvent id="end"/></process></definitions>"""


REFUSED = {
    "script task": chained(f'<scriptTask id="x" scriptFormat="python"><script>{PYTHON}</script></scriptTask>'),
    "script in a user task": process(task=f"<script>{PYTHON}</script>"),
    "script of another tool outside extensions": process(task=f'<camunda:script scriptFormat="python">{PYTHON}</camunda:script>'),
    "timer": chained(f'<intermediateCatchEvent id="x"><timerEventDefinition><timeDuration>{PYTHON}</timeDuration>'
        f'</timerEventDefinition></intermediateCatchEvent>'),
    "condition event": chained(f'<intermediateCatchEvent id="x"><conditionalEventDefinition>'
        f'<condition>{PYTHON}</condition></conditionalEventDefinition></intermediateCatchEvent>'),
    "message": chained('<sendTask id="x"/>'),
    "message payload": chained(f'<intermediateThrowEvent id="x"><messageEventDefinition><extensionElements>'
        f'<spiff:messagePayload>{PYTHON}</spiff:messagePayload></extensionElements></messageEventDefinition>'
        f'</intermediateThrowEvent>'),
    "start with a condition": process().replace('<startEvent id="s"/>', f'<startEvent id="s">'
        f'<conditionalEventDefinition><condition>{PYTHON}</condition></conditionalEventDefinition></startEvent>'),
    "multiple instances": process(task=f"<multiInstanceLoopCharacteristics>"
        f"<completionCondition>{PYTHON}</completionCondition></multiInstanceLoopCharacteristics>"),
    "loop": process(task=f"<standardLoopCharacteristics><loopCondition>{PYTHON}</loopCondition></standardLoopCharacteristics>"),
    "subprocess": chained('<subProcess id="x"><startEvent id="i"/></subProcess>'),
    "call activity": chained('<callActivity id="x" calledElement="other"/>'),
    "complex gateway": chained(f'<complexGateway id="x"><activationCondition>{PYTHON}</activationCondition></complexGateway>'),
    "data association": process(task=f"<dataInputAssociation><assignment><from>{PYTHON}</from><to>x</to></assignment>"
        f"</dataInputAssociation>"),
    "io specification": process(task="<ioSpecification/>"),
    "service without an act": chained(f'<serviceTask id="x" camunda:expression="{PYTHON}"/>'),
    "service of another tool": chained(f'<serviceTask id="x"><extensionElements>'
        f'<spiff:serviceTaskOperator id="{PYTHON}"/></extensionElements></serviceTask>'),
    "act that is none": chained(f'<serviceTask id="x" zg:do="{PYTHON}"/>'),
    "decision of another tool": chained('<businessRuleTask id="x" camunda:decisionRef="d"/>'),
    "decision table that is not there": chained('<businessRuleTask id="x" zg:decision="a:b"/>'),
    "python condition": process(condition=PYTHON.replace("'", "&#39;")),
    "lambda condition": process(condition="(lambda: 1)()"),
    "comprehension": process(condition="[x for x in (1,)]"),
    "candidates by python": process().replace('zg:who="applicant"', f'zg:who="{PYTHON}"'),
    "two processes": process().replace("</definitions>", '<process id="q"/></definitions>'),
    "duplicate ids": process(inside='<userTask id="u" name="另一个" zg:who="person:1"/>'),
    "duplicate flows": process(inside='<sequenceFlow id="d1" sourceRef="s" targetRef="yes"/>'),
    "flow into nowhere": process(inside='<sequenceFlow id="z" sourceRef="s" targetRef="nowhere"/>'),
    "identifier that is code": process().replace('id="u"', 'id="u);import os"').replace(
        'targetRef="u"', 'targetRef="u);import os"').replace('sourceRef="u"', 'sourceRef="u);import os"'),
    "no way out": chained('<exclusiveGateway id="x"/><sequenceFlow id="l" sourceRef="x" targetRef="y"/>'
        '<userTask id="y" name="y" zg:who="applicant"/><sequenceFlow id="m" sourceRef="y" targetRef="y"/>'),
    "entities": '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
        '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + process(task="<documentation>&b;</documentation>"),
    "file of ours": '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + process(task="<documentation>&a;</documentation>"),
    "document type elsewhere": '<!DOCTYPE d SYSTEM "http://192.0.2.1/x.dtd">' + process(),
    "style sheet": '<?xml-stylesheet href="http://192.0.2.1/x.xsl"?>' + process(),
    "50 MB": process(task=f"<documentation>{'长' * (17 * 1024 * 1024)}</documentation>"),
    "deep": process(task="<extensionElements>" + "<zg:x>" * 5000 + "</zg:x>" * 5000 + "</extensionElements>"),
    "not XML": "import os; os.getpid()",
    "empty": "",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_chinese_and_at_once(name):
    begun = time.process_time()
    with pytest.raises(Invalid) as refusal:
        engine.compiled(REFUSED[name], {})
    assert time.process_time() - begun < 3
    assert any("\u4e00" <= sign <= "\u9fff" for sign in refusal.value.message) and "Traceback" not in refusal.value.message
    assert plan.faults_of(REFUSED[name].encode()) or name == "decision table that is not there"


INERT = {
    "camunda listener": process(task=f'<extensionElements><camunda:executionListener event="start">'
        f'<camunda:script scriptFormat="python">{PYTHON}</camunda:script></camunda:executionListener></extensionElements>'),
    "camunda task listener": process(task=f'<extensionElements>'
        f'<camunda:taskListener event="create" expression="{PYTHON}"/></extensionElements>'),
    "camunda input": process(task=f'<extensionElements><camunda:inputOutput><camunda:inputParameter name="x">'
        f'<camunda:script scriptFormat="python">{PYTHON}</camunda:script></camunda:inputParameter>'
        f'</camunda:inputOutput></extensionElements>'),
    "spiff scripts": process(task=f"<extensionElements><spiff:preScript>{PYTHON}</spiff:preScript>"
        f"<spiff:postScript>{PYTHON}</spiff:postScript></extensionElements>"),
    "spiff instructions": process(task=f"<extensionElements>"
        f"<spiff:instructionsForEndUser>{{{{ {PYTHON} }}}}</spiff:instructionsForEndUser></extensionElements>"),
    "service attributes": process().replace('zg:do="grant"', f'zg:do="grant" camunda:class="os"'
        f' camunda:expression="{PYTHON}" implementation="##WebService"'),
    "language of a condition": process().replace(
        "<conditionExpression>", '<conditionExpression xsi:type="tFormalExpression" language="python">'),
    "documentation": process(task=f"<documentation>{PYTHON}</documentation>"),
    "names": process().replace('name="办理"', f'name="{PYTHON}"'),
    "dunder": process(condition='outcomes.__class__ = null and outcomes.u = "agree"'),
}  # fmt: skip


@pytest.mark.parametrize("name", INERT)
def test_what_other_tools_would_run_is_only_text_here(name):
    made = engine.compiled(INERT[name], {})
    acts: list[str] = []
    run = engine.Run.start(made, {}, lambda node, act, run: acts.append(act))
    run = engine.Run.load(made, run.dump(), {}, lambda node, act, run: acts.append(act))
    run.complete("u", "agree")
    assert run.ended and acts == ["grant"]


def test_a_file_that_came_past_the_checks_still_runs_nothing():
    """The engine refuses again: a script and a service call of the library's own kinds."""
    for node, said in (
        (f'<scriptTask id="x"><script>{PYTHON}</script></scriptTask>', "脚本"),
        (f'<sequenceFlow id="c1" sourceRef="x" targetRef="end"><conditionExpression>{PYTHON}</conditionExpression>'
        f'</sequenceFlow>'
         '<exclusiveGateway id="x" default="b"/>', "无法计算"),
    ):  # fmt: skip
        parser = BpmnParser()
        parser.add_bpmn_xml(etree.fromstring(chained(node)).getroottree())
        made = engine.Process("0", None, parser.get_spec("p"), {})  # type: ignore[arg-type]
        run = engine.Run(made, {}, lambda *_: None)
        run._workflow = BpmnWorkflow(made.spec, script_engine=engine._OnlyFeel(run))
        with pytest.raises(Exception) as fault:
            run._workflow.do_engine_steps()
        chain = [fault.value, fault.value.__cause__, fault.value.__context__]
        assert any(isinstance(each, engine.FlowFault) and said in str(each) for each in chain), chain
        with pytest.raises(engine.FlowFault):
            run._workflow.script_engine.call_service(None)


@pytest.mark.parametrize("text", [
    PYTHON, "__import__('os')", "().__class__.__bases__[0].__subclasses__()", "open('/etc/passwd')", "eval(\"1\")", "exec(\"1\")",
    "globals()", "1;2", "f'{1}'", "`id`", "import os", "a := 1", "print(1)",
])  # fmt: skip
def test_python_is_no_feel(text):
    with pytest.raises(feel.FeelError):
        feel.check(text)
        feel.evaluate(text, {"outcomes": {"u": "agree"}}, strict=True)


@pytest.mark.parametrize("text", [
    "count(for x in 1..1000000000 return x) > 0", "for x in 1..99999 return for y in 1..99999 return x",
    "(" * 5000 + "1" + ")" * 5000,
    "some x in 1..1000000000 satisfies x < 0",
    'string join(for i in 1..5000 return string join(for j in 1..5000 return "xxxxxxxxxx"))',
])  # fmt: skip
def test_what_would_never_end_is_stopped(text):
    begun = time.process_time()
    with pytest.raises(feel.FeelError):
        feel.check(text)
        feel.evaluate(text, {}, strict=True)
    assert time.process_time() - begun < 15


def test_a_power_too_large_is_no_number():
    assert feel.evaluate("10**100000", {}, strict=True) is None


def test_a_table_in_python_is_refused():
    table = f"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="urn:t">
    <decision id="x" name="x">
    <literalExpression expressionLanguage="python"><text>{PYTHON}</text></literalExpression></decision></definitions>"""
    with pytest.raises((Invalid, feel.FeelError)):
        model = dmn.read(table.encode())
        model.decide("x", {})


def big(nodes: int) -> str:
    tasks = "".join(
        f'<userTask id="u{n}" name="{n}" zg:who="applicant"/><sequenceFlow id="f{n}" sourceRef="u{n}" targetRef="u{n + 1}"/>'
        for n in range(nodes)
    )
    return f"""{HEAD}<process id="p" isExecutable="true"><startEvent id="s"/>
    <sequenceFlow id="a" sourceRef="s" targetRef="u0"/>{tasks}
    <userTask id="u{nodes}" name="最后" zg:who="applicant"/><sequenceFlow id="z" sourceRef="u{nodes}" targetRef="end"/>
    <endEvent id="end"/></process></definitions>"""


def test_huge_graphs_are_refused_before_anybody_walks_them():
    engine.compiled(big(250), {})
    begun = time.process_time()
    for nodes in (400, 10_000):
        with pytest.raises(Invalid, match="流程过大"):
            engine.compiled(big(nodes), {})
    assert time.process_time() - begun < 5


def test_an_automatic_loop_is_stopped():
    looping = chained("""<exclusiveGateway id="x" default="b"/><sequenceFlow id="c" sourceRef="x" targetRef="y">
      <conditionExpression>true</conditionExpression></sequenceFlow><serviceTask id="y" zg:do="accept"/>
      <sequenceFlow id="d3" sourceRef="y" targetRef="x"/>""")
    made = engine.compiled(looping, {})
    acts: list[str] = []
    with pytest.raises(engine.FlowFault, match="转圈"):
        engine.Run.start(made, {}, lambda node, act, run: acts.append(act))
    assert len(acts) < engine.LONGEST


@pytest.mark.django_db
class TestForms:
    def test_tampered_fields(self, office, draft):
        case = draft()
        values = {"reason": "修车", "amount": "100", "total": "1", "state": "granted", "unit": 999, "rows": [
            {"name": "轮胎", "count": 1, "price": "5", "sum": "0", "__class__": 1}], "applicant": 7}  # fmt: skip
        try:
            case = office.acts("张申请", service.submit, case, values=values)
        except Refusal:
            return  # refused as a whole: nothing was taken over
        assert case.values["total"] == "5.00" and case.values["rows"][0]["sum"] == "5.00"
        assert not {"state", "unit", "applicant"} & set(case.values) and "__class__" not in case.values["rows"][0]
        assert case.unit == office.units["甲"] and case.applicant == office.people["张申请"]

    @pytest.mark.parametrize("values", [
        {"amount": "NaN"}, {"amount": "1e999"}, {"amount": "-5"}, {"amount": {"$gt": 0}}, {"reason": ["x"]}, {"rows": "x"},
        {"rows": [{"name": "a", "count": 1}] * 4}, {"subject": "1 OR 1=1"}, {"due_on": "2026-02-30"}, {"rows": [1]},
        {"reason": "x" * 1_000_000},
    ])  # fmt: skip
    def test_values_that_are_none(self, office, draft, values):
        case = draft()
        with pytest.raises(Invalid):
            office.acts("张申请", service.submit, case, values={"reason": "修车", "amount": "100", **values})
        case.refresh_from_db()
        assert case.state == "draft" and open_nodes(case) == []

    def test_a_handler_changes_only_what_their_step_may(self, office, case_at):
        case = case_at("review", "one")
        with pytest.raises(Refusal):
            office.does("赵审查", service.decide, case, outcome="agree", values={"note": "可", "amount": "999999"})
        case.refresh_from_db()
        assert case.values["amount"] == "100.00" and open_nodes(case) == ["review"]

    def test_an_outcome_that_is_not_offered(self, office, case_at):
        case = case_at("lead")
        for outcome in ("grant", "", "__class__", "agree "):
            with pytest.raises(Invalid):
                office.does("李领导", service.decide, case, outcome=outcome)

    def test_a_seat_of_another_case(self, office, case_at):
        first, second = case_at("lead"), case_at("lead")
        seat = Seat.objects.get(case=second, step__state="open")
        with pytest.raises(NotFound), office.actor("李领导").acting():
            service.decide(office.actor("李领导"), first, seat=seat, outcome="agree")

    def test_a_submission_replayed(self, office, draft):
        case = draft()
        stale = Case.objects.get(pk=case.pk)
        office.acts("张申请", service.submit, case)
        for again in (case, stale):
            with pytest.raises(Conflict):
                office.acts("张申请", service.submit, again)
        with pytest.raises(Conflict):
            office.acts("张申请", service.save, stale, values={"reason": "换掉"})
        with pytest.raises((Denied, NotFound)):
            office.acts("陈外人", service.submit, stale)
        assert Case.objects.get(pk=case.pk).submissions.count() == 1

    def test_a_definition_changed_behind_our_back(self, office, case_at):
        case = case_at("lead")
        row = Definition.objects.get(pk=case.definition_id)
        Definition.objects.filter(pk=row.pk).update(bpmn=row.bpmn.replace("role:t.accept", "applicant"))
        with pytest.raises(definitions.Unsigned):
            office.agrees("李领导", case)
        case.refresh_from_db()
        assert open_nodes(case) == ["lead"] and sample.DONE == []
