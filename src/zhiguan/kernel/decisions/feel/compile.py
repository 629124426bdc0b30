"""From a tree to a chain of closures over a `Scope`. No name of Python can be reached: a scope holds values of FEEL."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from . import temporal
from .access import item_names, property_of
from .errors import MAX_CALLS, FeelError, Run
from .library import BUILTINS
from .loops import Iterator, for_code, quantified_code
from .names import free_names
from .scope import Code, Scope, Types
from .steps import Node
from .types import coerce, conforms, resolve
from .values import (
    Function,
    Range,
    add,
    at_most,
    divide,
    equal,
    kind,
    less,
    multiply,
    negate,
    power,
    subtract,
    within,
)

ARITHMETIC = {"+": add, "-": subtract, "*": multiply, "/": divide, "**": power}


def compile_node(node: Node, types: Types) -> Code:
    """Return what evaluates ``node``."""
    return _MAKERS[node.kind](node, types)


def _literal(node: Node, types: Types) -> Code:
    (value,) = node.parts
    return lambda scope: value


def _at(node: Node, types: Types) -> Code:
    value = temporal.read_any(node.parts[0])
    if value is None:
        raise FeelError(f"“{node.parts[0][:40]}”不是日期、时间或时长", node.at)
    return lambda scope: value


def _name(node: Node, types: Types) -> Code:
    (name,) = node.parts
    builtin = BUILTINS.get(name)

    def code(scope: Scope) -> Any:
        here: Scope | None = scope
        while here is not None:
            if name in here.names:
                return here.names[name]
            here = here.outer
        if builtin is None:
            scope.run.problem(f"没有名为“{name}”的数据")
        return builtin

    return code


def _any_of(node: Node, types: Types) -> Code:
    parts = [compile_node(each, types) for each in node.parts]
    stop = node.kind == "or"

    def code(scope: Scope) -> bool | None:
        unknown = False
        for part in parts:
            value = part(scope)
            if value is stop:
                return stop
            unknown = unknown or value is not (not stop)
        return None if unknown else not stop

    return code


def compare(run: Run, sign: str, a: Any, b: Any) -> bool | None:
    """Return what ``a sign b`` is."""
    if sign == "=":
        return equal(run, a, b)
    if sign == "!=":
        same = equal(run, a, b)
        return None if same is None else not same
    if sign == "<":
        return less(a, b)
    if sign == "<=":
        return at_most(a, b)
    return less(b, a) if sign == ">" else at_most(b, a)


def _compare(node: Node, types: Types) -> Code:
    sign, left, right = node.parts
    a, b = compile_node(left, types), compile_node(right, types)
    return lambda scope: compare(scope.run, sign, a(scope), b(scope))


def _between(node: Node, types: Types) -> Code:
    value, low, high = (compile_node(each, types) for each in node.parts)
    return lambda scope: within(value(scope), Range(low(scope), high(scope), True, True))


def _fold(node: Node, types: Types) -> Code:
    first, rest = node.parts
    begin = compile_node(first, types)
    steps = [(sign, ARITHMETIC[sign], compile_node(each, types)) for sign, each in rest]

    def code(scope: Scope) -> Any:
        value = begin(scope)
        for sign, act, operand in steps:
            other = operand(scope)
            result = act(value, other)
            if type(result) is str:
                scope.run.text(result)
            elif result is None and value is not None and other is not None:
                scope.run.note(f"{kind(value)} {sign} {kind(other)} 无法计算，按空值处理")
            value = result
        return value

    return code


def _negate(node: Node, types: Types) -> Code:
    operand = compile_node(node.parts[0], types)
    return lambda scope: negate(operand(scope))


def _instance(node: Node, types: Types) -> Code:
    operand, wanted = compile_node(node.parts[0], types), resolve(node.parts[1], types)
    if wanted is None:
        return lambda scope: None
    return lambda scope: conforms(scope.run, operand(scope), wanted, narrow=False)


def _range(node: Node, types: Types) -> Code:
    low, high, low_closed, high_closed = node.parts
    a, b = compile_node(low, types), compile_node(high, types)

    def code(scope: Scope) -> Range | None:
        start, end = a(scope), b(scope)
        if start is not None and end is not None and at_most(start, start) is None:
            return None
        return Range(start, end, low_closed, high_closed)

    return code


def half(sign: str, value: Any) -> Range | None:
    """Return the range that ``(sign value)`` means."""
    if sign == "=":
        return Range(value, value, True, True, True)
    if sign == "!=" or value is None:
        return None
    if sign in ("<", "<="):
        return Range(None, value, False, sign == "<=", True)
    return Range(value, None, sign == ">=", False, True)


def _half(node: Node, types: Types) -> Code:
    sign, operand = node.parts
    end = compile_node(operand, types)
    return lambda scope: half(sign, end(scope))


def _list(node: Node, types: Types) -> Code:
    parts = [compile_node(each, types) for each in node.parts]
    return lambda scope: scope.run.items([part(scope) for part in parts])


def _context(node: Node, types: Types) -> Code:
    parts = [(name, compile_node(each, types)) for name, each in node.parts]
    doubled = len({name for name, _ in parts}) < len(parts)

    def code(scope: Scope) -> Any:
        made: dict[str, Any] = {}
        inner = scope.inner(made)
        for name, part in parts:
            made[name] = part(inner)
        return None if doubled else made

    return code


def _path(node: Node, types: Types) -> Code:
    operand, name = compile_node(node.parts[0], types), node.parts[1]
    return lambda scope: property_of(scope.run, operand(scope), name)


def _filter(node: Node, types: Types) -> Code:
    source, condition = (compile_node(each, types) for each in node.parts)
    body = node.parts[1]
    number_at = body.parts[0] if body.kind == "negate" else body
    place = number_at.kind == "literal" and type(number_at.parts[0]) is Decimal

    def code(scope: Scope) -> Any:
        value = source(scope)
        if value is None and not place:
            return []
        items = value if type(value) is list else [] if value is None else [value]
        if place:
            return pick(items, condition(scope))
        if not items:
            wanted = condition(scope)
            return pick(items, wanted) if type(wanted) is Decimal else []
        kept = []
        for index, each in enumerate(items):
            scope.run.charge()
            answer = condition(scope.inner(item_names(each)))
            if index == 0 and type(answer) is Decimal:
                return pick(items, answer)
            if answer is True:
                kept.append(each)
        return kept

    return code


def pick(items: list, at: Any) -> Any:
    """Return the item at place ``at`` from 1, from the end below zero; null if there is none."""
    if type(at) is not Decimal or at != at.to_integral_value() or at.adjusted() > 9:
        return None
    place = int(at)
    if place == 0 or abs(place) > len(items):
        return None
    return items[place - 1 if place > 0 else place]


def _if(node: Node, types: Types) -> Code:
    condition, then, otherwise = (compile_node(each, types) for each in node.parts)
    return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)


def iterators(parts: tuple, types: Types) -> list[Iterator]:
    """Return the iterators of a loop."""
    return [
        (name, compile_node(low, types), compile_node(high, types) if high else None) for name, low, high in parts
    ]


def _for(node: Node, types: Types) -> Code:
    several, body = iterators(node.parts[0], types), node.parts[1]
    return for_code(several, compile_node(body, types), partial="partial" in free_names(node.parts))


def _quantified(node: Node, types: Types) -> Code:
    word, parts, body = node.parts
    return quantified_code(word, iterators(parts, types), compile_node(body, types))


def _function(node: Node, types: Types) -> Code:
    parameters, body, external, result = node.parts
    names = tuple(name for name, _ in parameters)
    wanted = tuple(resolve(each, types) if each else None for _, each in parameters)
    returned = resolve(result, types) if result else None
    code = compile_node(body, types)
    if external:  # written in another language: never called
        return lambda scope: Function("", names, lambda run, given: None, wanted, returned)
    return lambda scope: user_function("", names, wanted, code, scope, returned)


def user_function(name: str, names: tuple[str, ...], wanted: tuple, code: Code, scope: Scope, result=None) -> Function:
    """Return a function with ``code`` as its body that sees ``scope``."""

    def call(run: Run, given: list) -> Any:
        if len(given) != len(names):
            run.note(f"函数应有 {len(names)} 个参数，给出 {len(given)} 个，按空值处理")
            return None
        values = {}
        for parameter, kind_wanted, value in zip(names, wanted, given, strict=True):
            values[parameter] = coerce(run, value, kind_wanted)
            if values[parameter] is None and value is not None:
                return None
        run.charge()
        run.calls += 1
        if run.calls > MAX_CALLS:
            raise FeelError(f"函数相互调用超过 {MAX_CALLS} 层，已停止")
        try:
            return coerce(run, code(Scope(run, values, scope)), result)
        finally:
            run.calls -= 1

    return Function(name, names, call, wanted, result)


def invoke(run: Run, target: Any, names: tuple[str, ...] | None, given: list) -> Any:
    """Call ``target`` with ``given`` by place or by ``names``; null if it cannot be called so."""
    run.charge()
    if type(target) is not Function:
        run.note("调用的不是函数，按空值处理")
        return None
    if names is not None:
        by_name = dict(zip(names, given, strict=True))
        if len(by_name) != len(given):
            return None
        if target.by_name is not None:
            return target.by_name(run, by_name)
        if by_name.keys() != set(target.parameters):
            return None
        given = [by_name[name] for name in target.parameters]
    return target.call(run, given)


def _call(node: Node, types: Types) -> Code:
    target, names, given = node.parts
    head = compile_node(target, types)
    parts = [compile_node(each, types) for each in given]
    return lambda scope: invoke(scope.run, head(scope), names, [part(scope) for part in parts])


def _in(node: Node, types: Types) -> Code:
    from .unary import test_code

    left, tests = node.parts
    value = compile_node(left, types)
    checks = [test_code(each, types) for each in tests]

    def code(scope: Scope) -> bool | None:
        given = value(scope)
        unknown = False
        for check in checks:
            answer = check(scope, given)
            if answer is True:
                return True
            unknown = unknown or answer is None
        return None if unknown else False

    return code


_MAKERS: dict[str, Callable[[Node, Types], Code]] = {
    "literal": _literal, "at": _at, "name": _name, "or": _any_of, "and": _any_of, "compare": _compare,
    "between": _between, "fold": _fold, "negate": _negate, "instance": _instance, "range": _range, "half": _half,
    "list": _list, "context": _context, "path": _path, "filter": _filter, "if": _if, "for": _for,
    "quantified": _quantified, "function": _function, "call": _call, "in": _in,
}  # fmt: skip
