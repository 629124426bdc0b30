"""What is suspicious about the tables of a model: rules that overlap, cases nobody thought of, rules never met.

Every column is cut into the pieces between which its cells can tell: for numbers and dates the points that are named and
what lies between them, for text the values that are named and "any other". A rule is then a box of pieces. Cells that
are no plain values, comparisons or ranges cannot be cut: tables with such columns are not searched for gaps, and two
rules are compared there only where they say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .model import Model, Table
from .pieces import Cut, cut_column, describe

MAX_RULES = 400
MAX_STEPS = 20_000
MAX_FINDINGS = 20
"""Findings of one kind of one table."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``code``: overlap, conflict, gap, fraction_gap, unreachable, not_searched or unknown_name; ``rules`` from 1."""

    table: str
    code: str
    message: str
    rules: tuple[int, ...] = ()


class _Cuts:
    """The columns of a table as pieces: for each the bits of the rules that each piece meets."""

    def __init__(self, table: Table):
        self.table = table
        self.cuts: list[Cut | None] = [cut_column(table, at) for at in range(len(table.columns))]
        self.steps = 0

    def pieces_of(self, at: int, rule: int) -> int:
        """Return as bits the pieces of column ``at`` that the rule takes."""
        cut = self.cuts[at]
        return 0 if cut is None else cut.taken[rule]

    def meets(self, a: int, b: int) -> bool:
        """Return whether one case can meet both rules, as far as their cells tell."""
        for at, cut in enumerate(self.cuts):
            if cut is None:
                first, second = self.table.rules[a].cells[at], self.table.rules[b].cells[at]
                if first != second and "-" not in (first, second):
                    return False
            elif not cut.taken[a] & cut.taken[b]:
                return False
        return True

    def uncovered(self, live: int, limits: list[int], at: int = 0) -> Iterator[list[int]]:
        """Yield boxes within ``limits`` (bits of pieces for each column) that none of the rules ``live`` covers."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            return
        if not live:
            yield limits[at:]
            return
        if at == len(self.cuts):
            return
        cut = self.cuts[at]
        assert cut is not None
        groups: dict[int, int] = {}
        for piece in range(len(cut.pieces)):
            if limits[at] >> piece & 1:
                left = live & cut.rules[piece]
                groups[left] = groups.get(left, 0) | 1 << piece
        for left, pieces in groups.items():
            for rest in self.uncovered(left, limits, at + 1):
                yield [pieces, *rest]


def lint(model: Model) -> list[Finding]:
    """Return what is suspicious about the tables of a model, in their order."""
    found = [finding for table in model.tables for finding in lint_table(table)]
    return found + list(_unknown_names(model))


def lint_table(table: Table) -> list[Finding]:
    """Return what is suspicious about one table."""
    if len(table.rules) > MAX_RULES:
        return [Finding(table.name, "not_searched", f"{table.name}超过 {MAX_RULES} 条规则，未检查重叠和缺漏")]
    cuts = _Cuts(table)
    found = _limited(_never(cuts))
    never = {each.rules[0] for each in found}
    found += _limited(_overlaps(cuts, never))
    if table.policy == "FIRST":
        found += _limited(_covered(cuts, never))
    if table.policy not in ("COLLECT", "RULE ORDER", "OUTPUT ORDER") and not any(each.default for each in table.results):
        found += _limited(_gaps(cuts))
    return found


def _limited(findings: Iterator[Finding]) -> list[Finding]:
    return [finding for _, finding in zip(range(MAX_FINDINGS), findings, strict=False)]


def _never(cuts: _Cuts) -> Iterator[Finding]:
    table = cuts.table
    for rule in range(len(table.rules)):
        for at, column in enumerate(table.columns):
            if cuts.cuts[at] is not None and not cuts.pieces_of(at, rule):
                message = f"{table.name}规则 {rule + 1} 永远不会命中：“{column.label}”没有符合 {table.rules[rule].cells[at]} 的取值"
                yield Finding(table.name, "unreachable", message, (rule + 1,))
                break


def _overlaps(cuts: _Cuts, never: set[int]) -> Iterator[Finding]:
    table = cuts.table
    if table.policy not in ("UNIQUE", "ANY"):
        return
    for a in range(len(table.rules)):
        for b in range(a + 1, len(table.rules)):
            if a + 1 in never or b + 1 in never or not cuts.meets(a, b):
                continue
            if table.policy == "UNIQUE":
                message = f"{table.name}规则 {a + 1} 与规则 {b + 1} 重叠，可能同时命中：{_both(cuts, a, b)}"
                yield Finding(table.name, "overlap", message, (a + 1, b + 1))
            elif table.rules[a].texts != table.rules[b].texts:
                message = f"{table.name}规则 {a + 1} 与规则 {b + 1} 可能同时命中但结果不同：{_both(cuts, a, b)}"
                yield Finding(table.name, "conflict", message, (a + 1, b + 1))


def _both(cuts: _Cuts, a: int, b: int) -> str:
    return _case(cuts, [cuts.pieces_of(at, a) & cuts.pieces_of(at, b) for at in range(len(cuts.cuts))])


def _case(cuts: _Cuts, box: list[int]) -> str:
    """Say in Chinese which case a box of pieces is."""
    said = []
    for at, (cut, taken) in enumerate(zip(cuts.cuts, box, strict=False)):
        if cut is None or taken == (1 << len(cut.pieces)) - 1:
            continue
        said.append(f"“{cuts.table.columns[at].label}”{describe(cut, taken)}")
    return "，".join(said) or "任何取值"


def _covered(cuts: _Cuts, never: set[int]) -> Iterator[Finding]:
    table = cuts.table
    for rule in range(1, len(table.rules)):
        if rule + 1 in never:
            continue
        earlier = [each for each in range(rule) if cuts.meets(each, rule)]
        if None in cuts.cuts:
            hidden = any(_includes(cuts, each, rule) for each in earlier)
        else:
            cuts.steps = 0
            limits = [cuts.pieces_of(at, rule) for at in range(len(cuts.cuts))]
            live = sum(1 << each for each in earlier)
            hidden = next(cuts.uncovered(live, limits), None) is None and cuts.steps <= MAX_STEPS
        if hidden:
            before = "、".join(str(each + 1) for each in earlier)
            message = f"{table.name}规则 {rule + 1} 永远不会命中：前面的规则 {before} 已包含它的全部情形"
            yield Finding(table.name, "unreachable", message, (rule + 1,))


def _includes(cuts: _Cuts, outer: int, inner: int) -> bool:
    for at, cut in enumerate(cuts.cuts):
        if cut is None:
            cells = cuts.table.rules[outer].cells[at], cuts.table.rules[inner].cells[at]
            if cells[0] not in ("-", cells[1]):
                return False
        elif cut.taken[inner] & ~cut.taken[outer]:
            return False
    return True


def _gaps(cuts: _Cuts) -> Iterator[Finding]:
    table = cuts.table
    opaque = [table.columns[at].label for at, cut in enumerate(cuts.cuts) if cut is None]
    if opaque:
        names = "、".join(opaque)
        yield Finding(table.name, "not_searched", f"{table.name}的“{names}”列含有算式，未检查是否有缺漏的情形")
        return
    cuts.steps = 0
    limits = [(1 << len(cut.pieces)) - 1 for cut in cuts.cuts if cut]
    for box in cuts.uncovered((1 << len(table.rules)) - 1, limits):
        fractions = any(
            cut and taken and all(cut.pieces[at].fraction for at in range(len(cut.pieces)) if taken >> at & 1)
            for cut, taken in zip(cuts.cuts, box, strict=False)
        )
        code, hint = ("fraction_gap", "（只取整数时可忽略）") if fractions else ("gap", "")
        yield Finding(table.name, code, f"{table.name}没有规则对应：{_case(cuts, box)}{hint}")
    if cuts.steps > MAX_STEPS:
        yield Finding(table.name, "not_searched", f"{table.name}组合过多，缺漏未检查完")


def _unknown_names(model: Model) -> Iterator[Finding]:
    """Names an element uses that it does not require, and nothing in the model is called so."""
    if model.open:
        return
    known = set().union(*({each.name} for each in model.elements.values())) if model.elements else set()
    for element in model.elements.values():
        mine = {model.elements[key].name for key in element.needs} | {element.name}
        if element.namespace != model.namespace or element.kind != "decision":
            continue
        for name in sorted(element.uses & known - mine):
            yield Finding(element.name, "unknown_name", f"决策“{element.name}”用到“{name}”，但没有声明依赖它，取值将为空")
