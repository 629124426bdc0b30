"""Cells of a decision table: tests of one value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compile import compare, compile_node
from .scope import Scope, Types
from .steps import Node
from .values import Range, equal, within

Test = Callable[[Scope, Any], "bool | None"]


def uses_value(node: Any) -> bool:
    """Return whether ``?`` is named anywhere in a tree."""
    if isinstance(node, Node):
        return (node.kind == "name" and node.parts[0] == "?") or any(map(uses_value, node.parts))
    return isinstance(node, tuple) and any(map(uses_value, node))


def test_code(node: Node, types: Types) -> Test:
    """Return what answers one test: true, false, or None where the two cannot be compared."""
    sign, operand = node.parts
    code = compile_node(operand, types)
    if sign:
        return lambda scope, value: compare(scope.run, sign, value, code(scope))
    if uses_value(operand):
        return lambda scope, value: code(scope.inner({"?": value})) is True
    return lambda scope, value: matches(scope, value, code(scope))


def matches(scope: Scope, value: Any, other: Any) -> bool | None:
    """Return whether ``value`` is ``other``, lies in it, is one of its items, or ``other`` says true of it."""
    if type(other) is Range and type(value) is not Range:
        return within(value, other)
    if type(other) is list:
        if type(value) is list and equal(scope.run, value, other) is True:
            return True
        answers = []
        for each in other:
            scope.run.charge()
            answers.append(
                within(value, each) if type(each) is Range and type(value) is not Range
                else equal(scope.run, value, each)
            )  # fmt: skip
            if answers[-1] is True:
                return True
        return False
    if type(other) is bool and type(value) is not bool and value is not None:
        return other
    return equal(scope.run, value, other)


def cell_code(node: Node, types: Types) -> Test:
    """Return what answers a whole cell."""
    if node.kind == "anything":
        return lambda scope, value: True
    tests = [test_code(each, types) for each in node.parts]
    if node.kind == "any of" and len(tests) == 1:
        only = tests[0]
        return lambda scope, value: only(scope, value) is True
    if node.kind == "any of":
        return lambda scope, value: any(test(scope, value) is True for test in tests)

    def none_of(scope: Scope, value: Any) -> bool:
        answers = [test(scope, value) for test in tests]
        return True not in answers and False in answers

    return none_of

