"""What a process file says beyond its graph: who does each step, how, for how long, and what may be edited there.

Read from the attributes of our namespace (``docs/flow.md``), together with the check that the file uses only what the
engine runs: everything else is refused by name, so that nothing in a file is silently ignored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from zhiguan.kit.errors import Invalid

from . import feel, hardened, terms
from .declare import NAMESPACE

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DRAWING = ("http://www.omg.org/spec/BPMN/20100524/DI", "http://www.omg.org/spec/DD/20100524/DC",
           "http://www.omg.org/spec/DD/20100524/DI")  # fmt: skip

NODES = {
    "startEvent": "开始", "endEvent": "结束", "userTask": "人工步骤", "serviceTask": "系统动作",
    "businessRuleTask": "决策表", "exclusiveGateway": "排他网关", "inclusiveGateway": "包容网关",
    "parallelGateway": "并行网关",
}  # fmt: skip
PLAIN = {"definitions", "process", "sequenceFlow", "conditionExpression", "incoming", "outgoing", "documentation",
         "extensionElements", "laneSet", "lane", "flowNodeRef", "textAnnotation", "text", "association", "group",
         "collaboration", "participant", "category", "categoryValue"}  # fmt: skip
WHY_NOT = {
    "scriptTask": "流程文件中不允许脚本", "script": "流程文件中不允许脚本",
    "timerEventDefinition": "时限由工作日时钟计算并只作预警，流程文件中不允许定时事件",
    "subProcess": "子流程请用子办件", "adHocSubProcess": "子流程请用子办件", "transaction": "子流程请用子办件",
    "callActivity": "子流程请用子办件", "multiInstanceLoopCharacteristics": "会签请在步骤的办理方式中设置",
    "standardLoopCharacteristics": "循环请用连线和网关表示", "ioSpecification": "不支持数据输入输出定义",
}  # fmt: skip

STAGES = {
    "draft": "申请", "organ": "单位经办", "lead": "单位审核", "accept": "受理", "review": "审查", "site": "现场核查",
    "expert": "专家评审", "decide": "决定", "deliver": "送达",
}  # fmt: skip
MODES = {"one": "一人办理", "all": "全部同意", "any": "任一同意", "turn": "依次会签", "ratio": "按比例通过"}
ACTS = {"accept": "受理", "effect": "台账生效", "document": "制发文书", "grant": "办结生效", "refuse": "不予批准"}
OUTCOMES = {"agree": "同意", "refuse": "不同意"}
MOST_NODES, MOST_FLOWS = 300, 900
"""A process that people follow is far smaller; the library reads a graph by recursion, and ours looks along every way."""


@dataclass(frozen=True)
class StepPlan:
    """One user task. ``who`` is in the words of :mod:`candidates`; ``days`` a number of working days or a fact's code."""

    id: str
    name: str
    stage: str
    who: str
    mode: str = "one"
    ratio: float = 1.0
    days: str = ""
    outcomes: Mapping[str, str] = field(default_factory=lambda: dict(OUTCOMES))
    edit: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    never_same: tuple[str, ...] = ()
    ops: tuple[str, ...] | None = None
    opinion: bool = False
    bulk: bool = False
    help: str = ""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, and the id of the element it is wrong at (empty: the file as a whole)."""

    text: str
    at: str = ""


class _Faults(list[Fault]):
    def add(self, text: str, node: Any = None) -> None:
        self.append(Fault(text, "" if node is None else node if isinstance(node, str) else node.get("id") or ""))


@dataclass(frozen=True)
class Plan:
    """A process file, read and checked. ``next`` is its graph: node → nodes behind it."""

    process: str
    name: str
    steps: Mapping[str, StepPlan]
    acts: Mapping[str, str]
    decisions: Mapping[str, tuple[str, str]]
    """Business rule task → (name of the table's file, id of the decision)."""
    next: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    names: Mapping[str, str]

    def behind(self, node: str) -> frozenset[str]:
        """Every node that can be reached from ``node``, itself included only through a loop."""
        reached: set[str] = set()
        waiting = list(self.next.get(node, ()))
        while waiting:
            found = waiting.pop()
            if found not in reached:
                reached.add(found)
                waiting += self.next.get(found, ())
        return frozenset(reached)

    def before(self, node: str) -> list[str]:
        """Steps that may have been done before ``node``, in the order of the file."""
        return [step for step in self.steps if step != node and node in self.behind(step)]


def _local(tag: Any) -> tuple[str, str]:
    """Return (namespace, local name) of a tag."""
    if not isinstance(tag, str):
        return "", ""
    space, _, name = tag.rpartition("}")
    return space.lstrip("{"), name


def read(data: bytes) -> tuple[Any, Plan]:
    """Return (element tree, plan) of a process file; raises ``Invalid`` with everything that is wrong with it."""
    hardened.check(data)
    # Checked by our own reader first; the library's tree needs lxml, which is told to resolve nothing either.
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    faults = _Faults()
    plan = _examined(root, faults)
    if faults or plan is None:
        raise _refused(faults)
    return root, plan


def faults_of(data: bytes) -> list[Fault]:
    """Return everything :func:`read` would refuse a file for, each at its element; for the modeller."""
    try:
        hardened.check(data)
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except Invalid as refusal:
        return [Fault(refusal.message)]
    faults = _Faults()
    _examined(root, faults)
    return faults


def _examined(root: Any, faults: _Faults) -> Plan | None:
    _only_what_runs(root, faults)
    processes = [node for node in root.iter(f"{{{BPMN}}}process")]
    if len(processes) != 1:
        faults.add(f"流程文件须恰好包含一个流程，实际有 {len(processes)} 个。")
        return None
    unknown = bool(faults)
    kinds = Counter(_local(node.tag)[1] for node in processes[0])
    if sum(kinds[kind] for kind in NODES) > MOST_NODES or kinds["sequenceFlow"] > MOST_FLOWS:
        faults.add(f"流程过大：最多 {MOST_NODES} 个节点、{MOST_FLOWS} 条连线")
        return None
    plan = _plan_of(processes[0], faults)
    if not unknown:  # around elements we do not run, everything would look cut off
        _check_graph(plan, faults)
    return plan


def _refused(faults: _Faults) -> Invalid:
    shown = [fault.text for fault in faults[:20]] + ([f"……共 {len(faults)} 处问题"] if len(faults) > 20 else [])
    return Invalid("流程文件不能使用：" + "；".join(text.rstrip("。") for text in shown) + "。", code="flow_file",
                   fields={"bpmn": "；".join(shown)})  # fmt: skip


def _only_what_runs(root: Any, faults: _Faults) -> None:
    seen: set[str] = set()
    for node in root.iter():
        code = node.get("id") if isinstance(node.tag, str) else None
        if code and code in seen:
            faults.add(f"元素标识 {code} 重复", code)
        seen.add(code or "")
        space, name = _local(node.tag)
        if not name or space in DRAWING:
            continue
        if space == BPMN:
            if name in NODES or name in PLAIN:
                if name in ("startEvent", "endEvent") and any(
                    _local(child.tag)[1].endswith("Definition") for child in node
                ):
                    faults.add(f"{_called(node)}：开始和结束事件不能带触发条件", node)
                continue
            why = WHY_NOT.get(name, "本系统的流程引擎不执行这种元素")
            faults.add(f"{_called(node)}（{name}）：{why}", node)
        elif space != NAMESPACE:
            # Other tools' extensions mean nothing to us; letting them stand would look as if they did.
            parents = {_local(parent.tag)[1] for parent in node.iterancestors()}
            if "extensionElements" not in parents:
                faults.add(f"第 {node.sourceline} 行：不认识的元素 {name}")


def _called(node: Any) -> str:
    return node.get("name") or node.get("id") or f"第 {node.sourceline} 行"


def _ours(node: Any, name: str) -> str:
    return (node.get(f"{{{NAMESPACE}}}{name}") or "").strip()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _plan_of(process: Any, faults: _Faults) -> Plan:
    steps: dict[str, StepPlan] = {}
    acts: dict[str, str] = {}
    decisions: dict[str, tuple[str, str]] = {}
    kinds: dict[str, str] = {}
    names: dict[str, str] = {}
    following: dict[str, list[str]] = {}
    for node in process:
        space, kind = _local(node.tag)
        if space != BPMN:
            continue
        if kind == "sequenceFlow":
            following.setdefault(node.get("sourceRef", ""), []).append(node.get("targetRef", ""))
            _check_condition(node, faults)
        if kind not in NODES:
            continue
        code = node.get("id") or ""
        if not re.fullmatch(r"[A-Za-z_][\w.-]{0,63}", code):
            faults.add(f"{_called(node)}：元素标识须为英文字母开头的 64 个字符以内", node)
        kinds[code], names[code] = kind, node.get("name") or code
        if kind == "userTask":
            steps[code] = _step_of(node, code, faults)
        elif kind == "serviceTask":
            acts[code] = _ours(node, "do")
            if acts[code] not in ACTS:
                faults.add(f"{_called(node)}：系统动作 zg:do 须为 {'、'.join(ACTS)} 之一", node)
        elif kind == "businessRuleTask":
            table, _, decision = _ours(node, "decision").partition(":")
            decisions[code] = (table, decision)
            if not table or not decision:
                faults.add(f"{_called(node)}：须用 zg:decision=“决策表名:决策标识”指明决策表", node)
    following = {code: tuple(targets) for code, targets in following.items()}  # type: ignore[misc]
    code, name = process.get("id") or "", process.get("name") or ""
    return Plan(code, name, steps, acts, decisions, following, kinds, names)  # type: ignore[arg-type]


def _step_of(node: Any, code: str, faults: _Faults) -> StepPlan:
    name = node.get("name") or ""
    if not name:
        faults.add(f"{code}：人工步骤须有名称", code)
    stage = _ours(node, "stage") or "review"
    if stage not in STAGES:
        faults.add(f"{name}：环节类型 zg:stage 须为 {'、'.join(STAGES)} 之一", node)
    mode, _, share = (_ours(node, "mode") or "one").partition(":")
    ratio = 1.0
    if mode not in MODES:
        faults.add(f"{name}：办理方式 zg:mode 须为 {'、'.join(MODES)} 之一", node)
    if mode == "ratio":
        try:
            ratio = float(share)
        except ValueError:
            ratio = 0.0
        if not 0 < ratio <= 1:
            faults.add(f"{name}：按比例通过须写明 0 至 1 之间的比例，例如 ratio:0.6", node)
    who = _ours(node, "who")
    if not who:
        faults.add(f"{name}：未指定办理人 zg:who", node)
    else:
        for fault in terms.faults(who):
            faults.add(f"{name}：{fault}", node)
    outcomes = dict(OUTCOMES)
    if given := _ours(node, "outcomes"):
        outcomes = dict(word.split("=", 1) if "=" in word else (word, word) for word in _words(given))
    documentation = node.find(f"{{{BPMN}}}documentation")
    return StepPlan(
        id=code, name=name, stage=stage, who=who, mode=mode, ratio=ratio, days=_ours(node, "days"), outcomes=outcomes,
        edit=_words(_ours(node, "edit")), hide=_words(_ours(node, "hide")), never_same=_words(_ours(node, "not")),
        ops=_words(_ours(node, "ops")) or None, opinion=_ours(node, "opinion") == "required",
        bulk=_ours(node, "bulk") == "yes",
        help="" if documentation is None else "".join(documentation.itertext()).strip(),
    )  # fmt: skip


def _check_condition(flow: Any, faults: _Faults) -> None:
    condition = flow.find(f"{{{BPMN}}}conditionExpression")
    if condition is None:
        return
    try:
        feel.check((condition.text or "").strip())
    except feel.FeelError as error:
        faults.add(f"连线 {_called(flow)} 的条件写法有误：{error}", flow)


def _check_graph(plan: Plan, faults: _Faults) -> None:
    """Every node is reached from the one start, and every node leads to an end."""
    count = Counter(plan.kinds.values())
    if count["startEvent"] != 1 or count["endEvent"] < 1:
        faults.add("流程须恰好有一个开始事件，并至少有一个结束事件")
        return
    start = next(code for code, kind in plan.kinds.items() if kind == "startEvent")
    for source, targets in plan.next.items():
        for target in (source, *targets):
            if target not in plan.kinds:
                faults.add(f"连线指向不存在的元素 {target}", source)
    reached = plan.behind(start) | {start}
    ends = {code for code, kind in plan.kinds.items() if kind == "endEvent"}
    for code, kind in plan.kinds.items():
        name = f"{NODES[kind]}“{plan.names[code]}”"
        if code not in reached:
            faults.add(f"{name}从开始事件走不到", code)
        elif code not in ends and not plan.behind(code) & ends:
            faults.add(f"{name}走不到任何结束事件", code)
        if len(plan.next.get(code, ())) > 1 and kind not in ("exclusiveGateway", "inclusiveGateway", "parallelGateway"):
            faults.add(f"{name}有多条去向，须经网关分流", code)
    for step in plan.steps.values():
        for other in step.never_same:
            if other not in plan.steps:
                faults.add(f"步骤“{step.name}”的 zg:not 指向不存在的步骤 {other}", step.id)


def elements(data: bytes) -> Counter[str]:
    """Count the BPMN elements of a file by their local names, whether or not we run them. Raises Invalid."""
    hardened.check(data)
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    found: Counter[str] = Counter()
    for node in root.iter():
        space, name = _local(node.tag)
        if space == BPMN:
            found[name] += 1
    return found
