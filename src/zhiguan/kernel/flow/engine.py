"""One process at work: a thin service over SpiffWorkflow.

SpiffWorkflow keeps the tokens; everything that asks or changes data is ours. Its own script engine would run Python from
the file: here a condition is FEEL, a business rule task is a decision table, a service task is one of the named acts, and
a script cannot be reached at all (the file was refused before, and the engine refuses again).

The specification is compiled once for each file and kept; an instance's state is the small tree of its tokens, without
data: what is decided on lies in the case.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser, full_tag
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.script_engine.python_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from zhiguan.kit.errors import Conflict, Invalid

from . import dmn, feel
from . import plan as plans

Perform = Callable[[str, str, "Run"], None]
"""``perform(node, act, run)``: what the case does when the process reaches a service task."""
LONGEST = 500
"""Automatic steps one act may cause. A graph that loops without a person is stopped there."""
KEPT = 200
logging.getLogger("spiff").setLevel(logging.WARNING)  # it tells every change of every token


class FlowFault(Invalid):
    """流程无法继续: the process itself is at fault (no condition holds, a table has no answer), not the user's input."""

    code = "flow_fault"


class _ByUs(BpmnSpecMixin, BpmnTaskSpec):
    """A service or business rule task: handed to the run."""

    def _run_hook(self, task: Task) -> bool:
        task.workflow.script_engine.run.reach(self.name)
        return True


class _Parser(BpmnParser):
    OVERRIDE_PARSER_CLASSES = {
        full_tag("serviceTask"): (TaskParser, _ByUs),
        full_tag("businessRuleTask"): (TaskParser, _ByUs),
    }


class _OnlyFeel(PythonScriptEngine):
    """Conditions are FEEL over the run's context. Nothing else is evaluated, nothing at all is executed."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def validate(self, expression: str) -> None:
        feel.check(expression)

    def evaluate(self, task: Task, expression: str, external_context: Any = None) -> bool:
        try:
            return feel.evaluate(expression, self.run.context, strict=True) is True
        except feel.FeelError as error:
            raise FlowFault(f"流程条件“{expression}”无法计算：{error}") from error

    def execute(self, task: Task, script: str, external_context: Any = None) -> Any:
        raise FlowFault("流程文件中不允许脚本。")

    def call_service(self, task: Task, **_: Any) -> Any:
        raise FlowFault("流程文件中不允许调用外部服务。")


@dataclass(frozen=True)
class Process:
    """A compiled process: SpiffWorkflow's specification, our plan, its decision tables."""

    digest: str
    plan: plans.Plan
    spec: Any
    tables: Mapping[str, Any]


_kept: OrderedDict[str, Process] = OrderedDict()
_lock = Lock()


def digest_of(bpmn: str, tables: Mapping[str, str]) -> str:
    """Return the digest under which a definition is signed: over the process file and its tables by name."""
    whole = hashlib.sha256(bpmn.encode())
    for name in sorted(tables):
        whole.update(b"\0" + name.encode() + b"\0" + tables[name].encode())
    return whole.hexdigest()


def compiled(bpmn: str, tables: Mapping[str, str]) -> Process:
    """Return the process of these files, compiled once; raises ``Invalid`` naming what is wrong with them."""
    digest = digest_of(bpmn, tables)
    with _lock:
        found = _kept.get(digest)
        if found is not None:
            _kept.move_to_end(digest)
            return found
    made = _compile(bpmn, tables, digest)
    with _lock:
        _kept[digest] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def _compile(bpmn: str, tables: Mapping[str, str], digest: str) -> Process:
    root, plan = plans.read(bpmn.encode())
    models = {name: dmn.read(text.encode()) for name, text in tables.items()}
    for node, (table, decision) in plan.decisions.items():
        if table not in models:
            raise Invalid(f"决策步骤“{plan.names[node]}”需要的决策表“{table}”不存在。", code="flow_file")
        if models[table].find(decision) is None:
            raise Invalid(f"决策表“{table}”中没有决策“{decision}”。", code="flow_file")
    parser = _Parser()
    try:
        parser.add_bpmn_xml(root.getroottree())
        spec = parser.get_spec(plan.process)
    except (ValidationException, SpiffWorkflowException) as error:
        raise Invalid(f"流程文件不能使用：{error}", code="flow_file") from error
    return Process(digest, plan, spec, models)


class Run:
    """One instance at work. ``context`` is what conditions and tables see; see ``docs/flow.md``."""

    def __init__(self, process: Process, context: dict[str, Any], perform: Perform) -> None:
        self.process, self.context, self.perform = process, context, perform
        self.context.setdefault("outcomes", {})
        self.context.setdefault("decisions", {})
        self.made: list[tuple[str, Any]] = []
        """Decision tables run during this act: (node, outcome with the rules that hit)."""
        self._steps = 0
        self._workflow: BpmnWorkflow

    # --- beginning ----------------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, process: Process, context: dict[str, Any], perform: Perform) -> Run:
        """Begin at the start event and go to the first steps for people."""
        run = cls(process, context, perform)
        run._workflow = BpmnWorkflow(process.spec, script_engine=_OnlyFeel(run))
        run._forward()
        return run

    @classmethod
    def load(cls, process: Process, state: Mapping[str, Any], context: dict[str, Any], perform: Perform) -> Run:
        """Take up an instance where :meth:`dump` left it."""
        run = cls(process, context, perform)
        workflow = BpmnWorkflow(process.spec, script_engine=_OnlyFeel(run), deserializing=True)
        for key, parent, children, spec, code, triggered, internal, changed in state["tasks"]:
            task = Task(workflow, process.spec.task_specs[spec], state=code, id=UUID(key))
            task._parent = UUID(parent) if parent else None
            task._children = [UUID(child) for child in children]
            task.triggered, task.internal_data, task.last_state_change = triggered, internal, changed
        workflow.task_tree = workflow.tasks[UUID(state["root"])]
        workflow.last_task = workflow.tasks.get(UUID(state["last"])) if state["last"] else None
        workflow.success, workflow.completed = state["success"], state["completed"]
        run._workflow = workflow
        return run

    @classmethod
    def replay(
        cls, process: Process, kept: Iterable[tuple[str, str]], context: dict[str, Any], perform: Perform
    ) -> Run:
        """Build an instance anew from what was decided and still stands: (step, outcome) in the order of deciding.

        This is how a return works: the tokens come out where they would be had the undone steps never been done, on
        every branch, whatever the gateways. Decision tables answer anew.
        """
        run = cls.start(process, context | {"outcomes": {}, "decisions": {}}, perform)
        left = list(kept)
        while left:
            at = next((number for number, (step, _) in enumerate(left) if step in run.open), None)
            if at is None:
                break
            run.complete(*left.pop(at))
        return run

    # --- going on -----------------------------------------------------------------------------------------------------

    @property
    def open(self) -> list[str]:
        """The steps that wait for people."""
        return [task.task_spec.name for task in self._waiting()]

    @property
    def ended(self) -> bool:
        return bool(self._workflow.completed)

    def complete(self, step: str, outcome: str) -> None:
        """Close one open step with its outcome and go on to the next ones."""
        task = next((each for each in self._waiting() if each.task_spec.name == step), None)
        if task is None:
            raise Conflict("该步骤已经办理，请刷新后再试。", code="step_done")
        self.context["outcomes"][step] = outcome
        self._steps = 0  # the limit is on what one decision may cause; a replay makes many
        self._run(task)
        self._forward()

    def reach(self, node: str) -> None:
        """A service or business rule task was reached (called by the engine)."""
        plan = self.process.plan
        if node in plan.acts:
            self.perform(node, plan.acts[node], self)
            return
        table, decision = plan.decisions[node]
        try:
            answer = self.process.tables[table].decide(decision, self.context)
        except feel.FeelError as error:
            raise FlowFault(f"决策表“{plan.names[node]}”无法得出结果：{error}") from error
        self.context["decisions"][node] = answer.value
        self.made.append((node, answer))

    def _waiting(self) -> list[Task]:
        return [task for task in self._workflow.get_tasks(state=TaskState.READY) if task.task_spec.manual]

    def _forward(self) -> None:
        while True:
            ready = [task for task in self._workflow.get_tasks(state=TaskState.READY) if not task.task_spec.manual]
            if not ready:
                return
            for task in ready:
                self._run(task)

    def _run(self, task: Task) -> None:
        self._steps += 1
        if self._steps > LONGEST:
            raise FlowFault("流程在没有人工步骤的环路上转圈，已停止。")
        try:
            task.run()
        except SpiffWorkflowException as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, (FlowFault, Conflict, Invalid)):
                raise cause from error
            name = self.process.plan.names.get(task.task_spec.name, task.task_spec.name)
            raise FlowFault(f"流程在“{name}”处无法继续：没有一条去向的条件成立。") from error

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON: the tree of tokens, nothing else."""
        workflow = self._workflow
        return {
            "root": workflow.task_tree.id.hex,
            "last": workflow.last_task.id.hex if workflow.last_task is not None else "",
            "success": workflow.success,
            "completed": workflow.completed,
            "tasks": [
                [task.id.hex, task._parent.hex if task._parent else "", [child.hex for child in task._children],
                 task.task_spec.name, task._state, task.triggered, task.internal_data, round(task.last_state_change, 3)]
                for task in workflow.tasks.values()
            ],
        }  # fmt: skip


def plain(value: Any) -> Any:
    """Return an answer of a decision table as JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (str, int, bool, type(None))):
        return value
    return str(value)
