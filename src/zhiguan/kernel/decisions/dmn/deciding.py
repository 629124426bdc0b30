"""Deciding: values of decisions from values of input data, each decision once, seeing only what it requires."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zhiguan.kit.errors import Invalid

from ..feel import FeelError, Function, Run, Scope, coerce, from_python, guarded
from ..feel.values import bounded
from .model import Element, Hit, Model, Outcome, Step


class Deciding(Run):
    """A run over a model: what it was given, what was decided already, and the hits of the decision at hand."""

    def __init__(self, model: Model, given: Mapping[Any, Any], strict: bool, now: datetime | None):
        super().__init__(now=now)
        self.model = model
        self.strict = strict
        self.given = given
        self.values: dict[str, Any] = {}
        self.hits: list[Hit] = []
        self.steps: list[Step] = []


def decide(model: Model, wanted: str, inputs: Mapping[Any, Any], *, strict: bool, now: datetime | None) -> Outcome:
    """See `Model.decide`."""
    element = model.find(wanted)
    if element is None:
        raise Invalid(f"决策模型中没有“{str(wanted)[:80]}”")
    run = Deciding(model, guarded(lambda: {name: from_python(value) for name, value in inputs.items()}), strict, now)

    def work() -> Any:
        if element.kind == "decision":
            return value_of(run, element)
        function = value_of(run, element)
        names = function.parameters
        return function.call(run, [run.given.get(name) for name in names])

    value = guarded(work)
    hits = run.steps[-1].hits if run.steps else ()
    return Outcome(value, hits, tuple(run.steps), tuple(run.notes))


def value_of(run: Deciding, element: Element) -> Any:
    """Return the value of one element; a knowledge model or service is a function."""
    if element.key in run.values:
        return run.values[element.key]
    value = {"input": _input, "decision": _decision, "knowledge": _knowledge, "service": _service}[element.kind](
        run, element
    )
    run.values[element.key] = value
    return value


def _input(run: Deciding, element: Element) -> Any:
    name = element.name
    prefix = run.model.imports[run.model.namespace].get(element.namespace)
    for key in ((element.namespace, name), prefix, name):
        if key and key in run.given:
            value = run.given[key]
            if key == prefix:
                if type(value) is not dict or name not in value:
                    continue
                value = value[name]
            break
    else:
        run.problem(f"缺少输入“{name}”")
        return None
    return coerce(run, value, element.type, f"输入“{name}”")


def _names(run: Deciding, element: Element) -> dict[str, Any]:
    """Return what an element sees: what it requires, that of an imported file under the name of the import."""
    names: dict[str, Any] = dict(run.given) if run.model.open else {}
    for key in element.needs:
        other = run.model.elements[key]
        value = value_of(run, other)
        prefix = run.model.imports[element.namespace].get(other.namespace)
        if prefix:
            names.setdefault(prefix, {})[other.name] = value
        else:
            names[other.name] = value
    return names


def _decision(run: Deciding, element: Element) -> Any:
    if element.logic is None:
        run.problem(f"决策“{element.name}”没有内容")
        return None
    run.charge()
    names = _names(run, element)
    before, run.hits = run.hits, []
    value = bounded(run, element.logic(Scope(run, names)))
    fitting = coerce(run, value, element.type, f"决策“{element.name}”的结果")
    run.steps.append(Step(element.name, fitting, tuple(run.hits)))
    run.hits = before
    return fitting


def _knowledge(run: Deciding, element: Element) -> Any:
    if element.logic is None:
        return None
    names: dict[str, Any] = {}
    function = element.logic(Scope(run, names))
    if type(function) is Function and element.type is not None and element.type.name != "function":
        inner, wanted = function, element.type
        function = Function(
            inner.name, inner.parameters, lambda run, given: coerce(run, inner.call(run, given), wanted),
            inner.types, wanted,
        )  # fmt: skip
    # A function may call itself, and others that call it: it is known before what it requires is made.
    run.values[element.key] = function
    names[element.name] = function
    names.update(_names(run, element))
    return function


def _service(run: Deciding, element: Element) -> Function:
    given = [run.model.elements[key] for key in element.given]
    names = tuple(each.name for each in given)

    def call(outer: Run, values: list) -> Any:
        if len(values) != len(given):
            outer.note(f"决策服务“{element.name}”应有 {len(given)} 个参数，按空值处理")
            return None
        before = run.values
        run.values = {}
        run.calls += 1
        if run.calls > 30:
            raise FeelError("决策服务相互调用过深，已停止")
        try:
            for each, value in zip(given, values, strict=True):
                fitting = coerce(run, value, each.type)
                if fitting is None and value is not None:
                    return None
                run.values[each.key] = fitting
            found = {each.name: value_of(run, each) for each in map(run.model.elements.__getitem__, element.outputs)}
            value = next(iter(found.values())) if len(found) == 1 else found
            return coerce(run, value, element.type)
        finally:
            run.values = before
            run.calls -= 1

    return Function(element.name, names, call, tuple(each.type for each in given), None)
