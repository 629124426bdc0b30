"""A column of a table cut into pieces between which its cells can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ..feel import FeelError, Node, Run, Scope, YearsMonths, parse_cell
from ..feel.compile import compile_node
from ..feel.library import quoted
from ..feel.unary import cell_code
from .model import Table

OTHER = "\u0000其他"
"""Stands for any text that no cell names."""
LITERAL_CALLS = frozenset(["date", "time", "date and time", "duration"])
ORDERED = (Decimal, date, datetime, time, timedelta, YearsMonths)


@dataclass(frozen=True, slots=True)
class Piece:
    """Values that no cell tells apart: one value (``low`` is ``high``), or all between two, None: no end."""

    low: Any
    high: Any
    sample: Any
    fraction: bool = False


@dataclass(slots=True, eq=False)
class Cut:
    """``taken``: for each rule the pieces it takes, ``rules``: for each piece the rules that take it; as bits."""

    pieces: list[Piece]
    taken: list[int]
    rules: list[int]


def _constant(node: Node) -> tuple[bool, Any]:
    """Return whether a node is a plain value, and the value."""
    plain = node.kind in ("literal", "at")
    if node.kind == "negate":
        plain = node.parts[0].kind == "literal"
    elif node.kind == "call":
        head, _, given = node.parts
        plain = head.kind == "name" and head.parts[0] in LITERAL_CALLS and all(each.kind == "literal" for each in given)
    return (True, compile_node(node, {})(Scope(Run(), {}))) if plain else (False, None)


def _values(node: Node) -> list[Any] | None:
    """Return the values a cell names, None if it holds more than values, comparisons and ranges."""
    if node.kind == "anything":
        return []
    if node.kind in ("any of", "none of"):
        several = list(node.parts)
    elif node.kind == "test":
        several = [node.parts[1]]
    elif node.kind == "range":
        several = list(node.parts[:2])
    elif node.kind == "list":
        several = list(node.parts)
    elif node.kind == "half":
        several = [node.parts[1]]
    else:
        known, value = _constant(node)
        return [value] if known else None
    found: list[Any] = []
    for each in several:
        inner = _values(each)
        if inner is None:
            return None
        found += inner
    return found


def _sides(values: list[Any]) -> list[Piece] | None:
    """Return the pieces of ordered values."""
    points = sorted(set(values))
    one = type(points[0])
    step = {Decimal: Decimal(1), date: timedelta(days=1), datetime: timedelta(days=1), timedelta: timedelta(days=1)}
    pieces: list[Piece] = []
    try:
        for at, point in enumerate(points):
            if at:
                before = points[at - 1]
                middle = _middle(before, point)
                whole = one is Decimal and before == before.to_integral_value() and point - before == 1
                if middle is not None:
                    pieces.append(Piece(before, point, middle, fraction=whole))
            elif one in step:
                pieces.append(Piece(None, point, point - step[one]))
            pieces.append(Piece(point, point, point))
        if one in step:
            pieces.append(Piece(points[-1], None, points[-1] + step[one]))
    except (OverflowError, TypeError):
        return None
    return pieces


def _middle(low: Any, high: Any) -> Any:
    """Return a value between two, None if there is none."""
    if isinstance(low, Decimal | timedelta):
        return (low + high) / 2
    if isinstance(low, date):
        between = low + (high - low) / 2
        return between if low < between < high else None
    if isinstance(low, YearsMonths):
        return YearsMonths((low.months + high.months) // 2) if high.months - low.months > 1 else None
    seconds = [each.hour * 3600 + each.minute * 60 + each.second for each in (low, high)]
    middle = sum(seconds) // 2
    return time(middle // 3600, middle // 60 % 60, middle % 60) if seconds[0] < middle < seconds[1] else None


def cut_column(table: Table, at: int) -> Cut | None:
    """Return the pieces of a column, None if its cells hold more than plain tests."""
    column = table.columns[at]
    allowed = column.values_text or (column.type.cell if column.type else "")
    try:
        nodes = [parse_cell(rule.cells[at]) for rule in table.rules]
        limit = parse_cell(allowed) if allowed else None
        named = [_values(node) for node in nodes]
        limited = _values(limit) if limit else []
        if limited is None or None in named:
            return None
        values = [value for each in (*named, limited) for value in each or () if value is not None]
        kinds = {type(value) for value in values}
        pieces = _pieces(kinds, values, column.type.name if column.type else "")
        if pieces is None:
            return None
        run = Run()
        if limit is not None:
            test = cell_code(limit, {})
            pieces = [piece for piece in pieces if test(Scope(run, {}), piece.sample)]
        tests = [cell_code(node, {}) for node in nodes]
        taken = [
            sum(1 << place for place, piece in enumerate(pieces) if test(Scope(run, {}), piece.sample)) for test in tests
        ]
    except (FeelError, TypeError):
        return None
    rules = [sum(1 << rule for rule, bits in enumerate(taken) if bits >> place & 1) for place in range(len(pieces))]
    return Cut(pieces, taken, rules)


def _pieces(kinds: set[type], values: list[Any], declared: str) -> list[Piece] | None:
    if kinds == {bool} or (not kinds and declared == "boolean"):
        return [Piece(each, each, each) for each in (True, False)]
    if kinds == {str}:
        return [Piece(each, each, each) for each in dict.fromkeys(values)] + [Piece(None, None, OTHER)]
    if not kinds:
        return [Piece(None, None, OTHER)]
    if len(kinds) == 1 and next(iter(kinds)) in ORDERED:
        return _sides(values)
    return None


def describe(cut: Cut, taken: int) -> str:
    """Say in Chinese which values the pieces are."""
    pieces = [piece for place, piece in enumerate(cut.pieces) if taken >> place & 1]
    if not pieces:
        return "无法判断"
    if any(piece.low is None and piece.high is None for piece in pieces):
        named = [piece for piece in cut.pieces if piece.low is not None and piece not in pieces]
        return f"不是 {'、'.join(_say(piece.low) for piece in named[:5])}" if named else "为任何值"
    if isinstance(pieces[0].sample, str | bool):
        return f"为 {'、'.join(_say(piece.low) for piece in pieces[:5])}{' 等' if len(pieces) > 5 else ''}"
    return "或".join(_stretches(cut, taken))


def _stretches(cut: Cut, taken: int) -> list[str]:
    """Say neighbouring pieces as one stretch each."""
    said: list[str] = []
    place = 0
    while place < len(cut.pieces):
        if not taken >> place & 1:
            place += 1
            continue
        first = cut.pieces[place]
        while place + 1 < len(cut.pieces) and taken >> (place + 1) & 1:
            place += 1
        last = cut.pieces[place]
        place += 1
        if first is last and first.low == first.high:
            said.append(f"等于 {_say(first.low)}")
            continue
        low = "" if first.low is None else f"{'不小于' if first.low == first.high else '大于'} {_say(first.low)}"
        high = "" if last.high is None else f"{'不大于' if last.low == last.high else '小于'} {_say(last.high)}"
        said.append(" 且".join(filter(None, (low, high))) or "为任何值")
    return said


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return quoted(Run(), value)
