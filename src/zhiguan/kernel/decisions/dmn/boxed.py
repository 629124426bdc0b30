"""Boxed expressions: from their elements to code over a scope, as `feel` has it for text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

from zhiguan.kit.errors import Invalid

from ..feel import Function, Scope, Type, coerce
from ..feel.access import item_names
from ..feel.compile import invoke, user_function
from ..feel.loops import Iterator, for_code, quantified_code
from .model import Code, Table
from .table import Build, read_table, table_code
from .tree import child, children, label, local, text_of

MAX_BOXES = 40
"""Boxes within each other."""
DETAILS = frozenset(
    ["description", "extensionElements", "variable", "question", "allowedAnswers", "formalParameter", "parameter"]
)


class Boxes:
    """Makes code of the boxes of one file; ``build`` knows its names and types, ``tables`` collects its tables."""

    def __init__(self, build: Build, tables: list[Table]):
        self.build = build
        self.tables = tables
        self.depth = 0

    def text(self, node: Element, what: str) -> Code:
        """Return the code of a literal expression."""
        language = node.get("expressionLanguage") or ""
        if language and "feel" not in language.lower():
            raise Invalid(f"{what}使用了不支持的表达式语言：{language[:80]}")
        written = text_of(child(node, "text"))
        if not written:
            return lambda scope: None
        return self.build.text(written, what)

    def logic(self, parent: Element | None, what: str) -> Code | None:
        """Return the code of the box in ``parent``, None if there is none."""
        for node in parent if parent is not None else ():
            if local(node) in _KINDS:
                return self.box(node, what)
        return None

    def table_of(self, parent: Element, what: str) -> Table | None:
        """Return the decision table that is all of ``parent``."""
        node = child(parent, "decisionTable")
        return None if node is None else self.table(node, what)

    def table(self, node: Element, what: str) -> Table:
        table = read_table(node, what, self)
        self.tables.append(table)
        return table

    def box(self, node: Element, what: str) -> Code:
        """Return the code of one box."""
        kind = local(node)
        if kind not in _KINDS:
            raise Invalid(f"{what}含有不支持的内容：{kind[:40]}")
        self.depth += 1
        if self.depth > MAX_BOXES:
            raise Invalid(f"{what}的表达式嵌套超过 {MAX_BOXES} 层")
        try:
            code = _KINDS[kind](self, node, what)
        finally:
            self.depth -= 1
        wanted = self.build.types.named(node.get("typeRef")) if kind != "functionDefinition" else None
        return code if wanted is None else lambda scope: coerce(scope.run, code(scope), wanted, what)

    def required(self, node: Element, name: str, what: str) -> Code:
        code = self.logic(child(node, name), what)
        if code is None:
            raise Invalid(f"{what}缺少 {name} 部分")
        return code


def _decision_table(boxes: Boxes, node: Element, what: str) -> Code:
    return table_code(boxes.table(node, what))


def _context(boxes: Boxes, node: Element, what: str) -> Code:
    def nothing(scope: Scope) -> Any:
        return None

    entries: list[tuple[str, Type | None, Code]] = []
    for entry in children(node, "contextEntry"):
        variable = child(entry, "variable")
        name = variable.get("name", "") if variable is not None else ""
        part = boxes.logic(entry, f"{what}的“{name or '结果'}”") or nothing
        wanted = None if variable is None else boxes.build.types.named(variable.get("typeRef"))
        entries.append((name, wanted, part))

    def code(scope: Scope) -> Any:
        made: dict = {}
        inner = scope.inner(made)
        for name, wanted, part in entries:
            value = coerce(scope.run, part(inner), wanted, name or what)
            if not name:
                return value
            made[name] = value
        return made

    return code


def _invocation(boxes: Boxes, node: Element, what: str) -> Code:
    target = boxes.logic(node, what) or (lambda scope: None)
    bindings = []
    for each in children(node, "binding"):
        name = label(child(each, "parameter"), "")
        bindings.append((name, boxes.logic(each, f"{what}的参数“{name}”") or (lambda scope: None)))
    names = tuple(name for name, _ in bindings)
    return lambda scope: invoke(scope.run, target(scope), names, [part(scope) for _, part in bindings])


def _list(boxes: Boxes, node: Element, what: str) -> Code:
    parts = [boxes.box(each, what) for each in node if local(each) not in DETAILS]
    return lambda scope: scope.run.items([part(scope) for part in parts])


def _relation(boxes: Boxes, node: Element, what: str) -> Code:
    columns = [each.get("name", "") for each in children(node, "column")]
    types = [boxes.build.types.named(each.get("typeRef")) for each in children(node, "column")]
    rows = [[boxes.box(each, what) for each in row if local(each) in _KINDS] for row in children(node, "row")]
    if any(len(row) != len(columns) for row in rows):
        raise Invalid(f"{what}的关系表有行列数不一致")

    def code(scope: Scope):
        return scope.run.items([
            {
                name: coerce(scope.run, part(scope), wanted)
                for name, wanted, part in zip(columns, types, row, strict=True)
            }
            for row in rows
        ])  # fmt: skip

    return code


def _function(boxes: Boxes, node: Element, what: str) -> Code:
    return function_code(boxes, node, "", what)


def function_code(boxes: Boxes, node: Element, name: str, what: str) -> Callable[[Scope], Function]:
    """Return what makes the function of a functionDefinition in a scope."""
    parameters = children(node, "formalParameter")
    names = tuple(each.get("name", "") for each in parameters)
    types = tuple(boxes.build.types.named(each.get("typeRef")) for each in parameters)
    if (node.get("kind") or "FEEL") != "FEEL":  # Java or PMML: nothing of that is ever run
        return lambda scope: Function(name, names, lambda run, given: None, types)
    body = boxes.logic(node, what) or (lambda scope: None)
    returned = boxes.build.types.named(node.get("typeRef"))
    return lambda scope: user_function(name, names, types, body, scope, returned)


def _conditional(boxes: Boxes, node: Element, what: str) -> Code:
    condition, then, otherwise = (boxes.required(node, name, what) for name in ("if", "then", "else"))

    def code(scope: Scope):
        answer = condition(scope)
        if answer is not None and type(answer) is not bool:
            scope.run.note(f"{what}的条件不是真或假，按空值处理")
            return None
        return then(scope) if answer else otherwise(scope)

    return code


def _for(boxes: Boxes, node: Element, what: str) -> Code:
    source = boxes.required(node, "in", what)
    return for_code([(node.get("iteratorVariable", ""), source, None)], boxes.required(node, "return", what))


def _quantified(boxes: Boxes, node: Element, what: str) -> Code:
    source = boxes.required(node, "in", what)
    iterators: list[Iterator] = [(node.get("iteratorVariable", ""), source, None)]
    return quantified_code(local(node), iterators, boxes.required(node, "satisfies", what))


def _filter(boxes: Boxes, node: Element, what: str) -> Code:
    source, condition = boxes.required(node, "in", what), boxes.required(node, "match", what)

    def code(scope: Scope):
        value = source(scope)
        items = value if type(value) is list else [] if value is None else [value]
        kept = []
        for each in items:
            scope.run.charge()
            if condition(scope.inner(item_names(each))) is True:
                kept.append(each)
        return kept

    return code


_KINDS: dict[str, Callable[[Boxes, Element, str], Code]] = {
    "literalExpression": lambda boxes, node, what: boxes.text(node, what), "decisionTable": _decision_table,
    "context": _context, "invocation": _invocation, "list": _list, "relation": _relation,
    "functionDefinition": _function, "conditional": _conditional, "for": _for, "some": _quantified,
    "every": _quantified, "filter": _filter,
}  # fmt: skip
