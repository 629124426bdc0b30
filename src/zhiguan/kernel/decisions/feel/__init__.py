"""FEEL, the expression language of DMN 1.5: reading, checking and evaluating, and nothing else.

- `evaluate(text, context)` returns the value: Decimal, str, bool, None, date, time, datetime, timedelta, `YearsMonths`,
  list, dict, `Range` or `Function`. As the standard says, what cannot be computed is null; `notes` collects why.
- `unary(text, value, context)` asks a cell of a decision table about a value.
- `check(text)` returns the names an expression takes from outside. `compile_text` and `compile_cell` do the work once.

Only FEEL can be said: a scope holds plain values, copied on the way in; there are no attributes of Python, no imports
and no calls but to FEEL's functions. Every evaluation is bounded in steps, time, list and text size, and depth. What
breaks a bound or the syntax raises `FeelError` (an `Invalid`) with position and a Chinese message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from .access import PROPERTIES
from .compile import compile_node
from .errors import FeelError, Run
from .lexer import Names, is_plain
from .library import BUILTINS, write
from .names import free_names
from .parser import Parser
from .scope import Code, Scope, Types
from .steps import TYPE_NAMES, Node
from .temporal import YearsMonths
from .types import ANY, Type, coerce, conforms
from .unary import Test, cell_code
from .values import Function, Range, bounded, from_python

__all__ = [
    "ANY", "FeelError", "Function", "Node", "Range", "Run", "Scope", "Type", "YearsMonths", "check", "coerce",
    "compile_cell", "compile_text", "conforms", "evaluate", "from_python", "guarded", "parse", "parse_cell", "unary", "write",
]  # fmt: skip
BASE = Names([*BUILTINS, *TYPE_NAMES, *PROPERTIES])


def _long_names(value: Any, found: set[str], depth: int = 0) -> set[str]:
    """Collect the keys of more than one word in ``value``."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not is_plain(key):
                found.add(key)
            _long_names(each, found, depth + 1)
    elif isinstance(value, list):
        for each in value[:3]:
            _long_names(each, found, depth + 1)
    return found


def guarded(work: Callable[[], Any]) -> Any:
    """Do ``work``; what is nested too deep for this process is an error of the expression."""
    try:
        return work()
    except RecursionError:
        raise FeelError("嵌套过深，已停止") from None
    except ArithmeticError:
        raise FeelError("数值或日期超出范围，已停止") from None
    except MemoryError:
        raise FeelError("占用内存超过上限，已停止") from None


def _parser(text: str, names: Iterable[str]) -> Parser:
    if not isinstance(text, str):
        raise FeelError("表达式应为文本")
    known = BASE.copy()
    for name in names:
        known.add(name)
    return Parser(text, known)


def parse(text: str, names: Iterable[str] = ()) -> Node:
    """Return the tree of an expression; ``names`` of more than one word must be told."""

    def work() -> Node:
        parser = _parser(text, names)
        return parser.whole(parser.expression)

    return guarded(work)


def parse_cell(text: str, names: Iterable[str] = ()) -> Node:
    """Return the tree of unary tests."""

    def work() -> Node:
        parser = _parser(text, names)
        return parser.whole(parser.unary_tests)

    return guarded(work)


def compile_text(text: str, names: Iterable[str] = (), types: Types | None = None) -> Code:
    """Return what evaluates ``text`` in a `Scope`."""
    return guarded(lambda: compile_node(parse(text, names), types or {}))


def compile_cell(text: str, names: Iterable[str] = (), types: Types | None = None) -> Test:
    """Return what asks unary tests about a value in a `Scope`."""
    return guarded(lambda: cell_code(parse_cell(text, names), types or {}))


_cached_text = lru_cache(maxsize=2000)(compile_text)
_cached_cell = lru_cache(maxsize=2000)(compile_cell)


def _scope(context: Mapping[str, Any] | None, now: datetime | None, strict: bool) -> Scope:
    run = Run(now=now)
    run.strict = strict
    return Scope(run, guarded(lambda: from_python(context or {})))


def evaluate(
    text: str, context: Mapping[str, Any] | None = None, *, now: datetime | None = None,
    notes: list[str] | None = None, strict: bool = False,
) -> Any:
    """Return the value of ``text``; ``context`` names what it may use, ``now`` is what its clock shows. ``strict``
    refuses names that are not in the context, which the standard makes null."""
    scope = _scope(context, now, strict)
    code = _cached_text(text, frozenset(_long_names(scope.names, set())))
    value = guarded(lambda: bounded(scope.run, code(scope)))
    if notes is not None:
        notes += scope.run.notes
    return value


def unary(
    text: str, value: Any, context: Mapping[str, Any] | None = None, *, now: datetime | None = None, strict: bool = False
) -> bool:
    """Return whether ``value`` passes the unary tests ``text``."""
    scope = _scope(context, now, strict)
    cell = _cached_cell(text, frozenset(_long_names(scope.names, set())))
    return guarded(lambda: cell(scope, from_python(value)))


def check(text: str, names: Iterable[str] = (), *, cell: bool = False) -> frozenset[str]:
    """Return the names ``text`` takes from outside. Raises FeelError where it cannot be read."""
    return frozenset(guarded(lambda: free_names((parse_cell if cell else parse)(text, names))) - BUILTINS.keys() - {"?"})
