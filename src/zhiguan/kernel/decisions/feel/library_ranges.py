"""Built-in functions of ranges and points: how two of them lie to each other (Allen's relations)."""

from __future__ import annotations

import re
from typing import Any

from .errors import FeelError, Run
from .registry import builtin
from .values import Range, at_most, equal, less, within

OPEN_ENDED = re.compile(r"\s*[\[(\]]\s*\.\.|.*\.\.\s*[\])\[]\s*$", re.DOTALL)
POINT = "number|string|date|time|datetime|days|months"


def _and(*answers: bool | None) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True


def _or(*answers: bool | None) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def _same(a: Any, b: Any) -> bool | None:
    return _and(at_most(a, b), at_most(b, a))


def _whole(run: Run, span: Range) -> bool:
    return span.low is not None and span.high is not None


@builtin(f"before(point1: {POINT}, point2: {POINT})")
def before_points(run: Run, a: Any, b: Any) -> bool | None:
    return less(a, b)


@builtin(f"before(point: {POINT}, range: range)")
def before_point(run: Run, a: Any, b: Range) -> bool | None:
    return _or(less(a, b.low), _and(_same(a, b.low), not b.low_closed))


@builtin(f"before(range: range, point: {POINT})")
def before_range(run: Run, a: Range, b: Any) -> bool | None:
    return _or(less(a.high, b), _and(_same(a.high, b), not a.high_closed))


@builtin("before(range1: range, range2: range)")
def before_ranges(run: Run, a: Range, b: Range) -> bool | None:
    return _or(less(a.high, b.low), _and(_same(a.high, b.low), not (a.high_closed and b.low_closed)))


@builtin(f"after(point1: {POINT}, point2: {POINT})")
def after_points(run: Run, a: Any, b: Any) -> bool | None:
    return less(b, a)


@builtin(f"after(point: {POINT}, range: range)")
def after_point(run: Run, a: Any, b: Range) -> bool | None:
    return before_range(run, b, a)


@builtin(f"after(range: range, point: {POINT})")
def after_range(run: Run, a: Range, b: Any) -> bool | None:
    return before_point(run, b, a)


@builtin("after(range1: range, range2: range)")
def after_ranges(run: Run, a: Range, b: Range) -> bool | None:
    return before_ranges(run, b, a)


@builtin("meets(range1: range, range2: range)")
def meets(run: Run, a: Range, b: Range) -> bool | None:
    return _and(a.high_closed and b.low_closed, _same(a.high, b.low))


@builtin("met by(range1: range, range2: range)")
def met_by(run: Run, a: Range, b: Range) -> bool | None:
    return meets(run, b, a)


@builtin("overlaps(range1: range, range2: range)")
def overlaps(run: Run, a: Range, b: Range) -> bool | None:
    apart = _or(before_ranges(run, a, b), before_ranges(run, b, a))
    return None if apart is None else not apart


def _starts_before(a: Range, b: Range) -> bool | None:
    return _or(less(a.low, b.low), _and(_same(a.low, b.low), a.low_closed and not b.low_closed))


def _ends_before(a: Range, b: Range) -> bool | None:
    return _or(less(a.high, b.high), _and(_same(a.high, b.high), not a.high_closed or b.high_closed))


@builtin("overlaps before(range1: range, range2: range)")
def overlaps_before(run: Run, a: Range, b: Range) -> bool | None:
    return _and(_starts_before(a, b), _ends_before(a, b), overlaps(run, a, b))


@builtin("overlaps after(range1: range, range2: range)")
def overlaps_after(run: Run, a: Range, b: Range) -> bool | None:
    ends = _or(less(b.high, a.high), _and(_same(a.high, b.high), a.high_closed or not b.high_closed))
    begins = _or(less(b.low, a.low), _and(_same(a.low, b.low), b.low_closed and not a.low_closed))
    return _and(begins, ends, overlaps(run, a, b))


@builtin(f"finishes(point: {POINT}, range: range)")
def finishes_point(run: Run, a: Any, b: Range) -> bool | None:
    return _and(b.high_closed, _same(a, b.high))


@builtin("finishes(range1: range, range2: range)")
def finishes(run: Run, a: Range, b: Range) -> bool | None:
    begins = _or(less(b.low, a.low), _and(_same(a.low, b.low), not a.low_closed or b.low_closed))
    return _and(a.high_closed == b.high_closed, _same(a.high, b.high), begins)


@builtin(f"finished by(range: range, point: {POINT})")
def finished_by_point(run: Run, a: Range, b: Any) -> bool | None:
    return finishes_point(run, b, a)


@builtin("finished by(range1: range, range2: range)")
def finished_by(run: Run, a: Range, b: Range) -> bool | None:
    return finishes(run, b, a)


@builtin(f"includes(range: range, point: {POINT})")
def includes_point(run: Run, a: Range, b: Any) -> bool | None:
    return within(b, a)


@builtin("includes(range1: range, range2: range)")
def includes(run: Run, a: Range, b: Range) -> bool | None:
    begins = _or(less(a.low, b.low), _and(_same(a.low, b.low), a.low_closed or not b.low_closed))
    ends = _or(less(b.high, a.high), _and(_same(a.high, b.high), a.high_closed or not b.high_closed))
    return _and(begins, ends)


@builtin(f"during(point: {POINT}, range: range)")
def during_point(run: Run, a: Any, b: Range) -> bool | None:
    return within(a, b)


@builtin("during(range1: range, range2: range)")
def during(run: Run, a: Range, b: Range) -> bool | None:
    return includes(run, b, a)


@builtin(f"starts(point: {POINT}, range: range)")
def starts_point(run: Run, a: Any, b: Range) -> bool | None:
    return _and(b.low_closed, _same(a, b.low))


@builtin("starts(range1: range, range2: range)")
def starts(run: Run, a: Range, b: Range) -> bool | None:
    ends = _or(less(a.high, b.high), _and(_same(a.high, b.high), not a.high_closed or b.high_closed))
    return _and(a.low_closed == b.low_closed, _same(a.low, b.low), ends)


@builtin(f"started by(range: range, point: {POINT})")
def started_by_point(run: Run, a: Range, b: Any) -> bool | None:
    return starts_point(run, b, a)


@builtin("started by(range1: range, range2: range)")
def started_by(run: Run, a: Range, b: Range) -> bool | None:
    return starts(run, b, a)


@builtin(f"coincides(point1: {POINT}, point2: {POINT})")
def coincides_points(run: Run, a: Any, b: Any) -> bool | None:
    return _same(a, b)


@builtin("coincides(range1: range, range2: range)")
def coincides(run: Run, a: Range, b: Range) -> bool | None:
    return equal(run, a, b)


@builtin("range(from: string)")
def range_(run: Run, text: str) -> Range | None:
    from .compile import compile_node
    from .lexer import Names
    from .parser import Parser
    from .scope import Scope

    try:
        parser = Parser(text, Names(["date and time"]))
        node = parser.whole(parser.open_range if OPEN_ENDED.match(text) else parser.primary)
    except FeelError:
        return None
    if node.kind != "range" or not all(_literal(each) for each in node.parts[:2]):
        return None
    value = compile_node(node, {})(Scope(run, {}))
    if type(value) is not Range or (value.low is None and value.low_closed) or (value.high is None and value.high_closed):
        return None
    return value if not _whole(run, value) or at_most(value.low, value.high) is True else None


def _literal(node: Any) -> bool:
    if node.kind == "call":
        head, names, given = node.parts
        return head.kind == "name" and names is None and all(each.kind == "literal" for each in given)
    return node.kind in ("literal", "at") or (node.kind == "negate" and _literal(node.parts[0]))
