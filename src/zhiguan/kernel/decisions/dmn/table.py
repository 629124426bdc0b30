"""Decision tables: read from their element, and decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from zhiguan.kit.errors import Invalid

from ..feel import FeelError, Run, Scope, coerce, guarded, parse, parse_cell
from ..feel.compile import compile_node
from ..feel.library_lists import largest, smallest, total
from ..feel.names import free_names
from ..feel.types import allowed
from ..feel.unary import cell_code
from ..feel.values import bounded, equal, number
from .model import Code, Column, Condition, Hit, Result, Rule, Table
from .tree import child, children, label, text_of

if TYPE_CHECKING:
    from .boxed import Boxes
    from .typing import Types

POLICIES = {
    "UNIQUE", "ANY", "PRIORITY", "FIRST", "RULE ORDER", "OUTPUT ORDER", "COLLECT",
}  # fmt: skip
SEVERAL = {"RULE ORDER", "OUTPUT ORDER", "COLLECT"}
AGGREGATIONS = {"", "SUM", "MIN", "MAX", "COUNT"}
MAX_RULES = 5000


@dataclass(slots=True, eq=False)
class Build:
    """What making code of a file needs to know. ``lenient``: what cannot be read is null, noted, instead of refused."""

    names: frozenset[str]
    types: Types
    lenient: bool = False
    used: set[str] = field(default_factory=set)
    """Names that the expressions read since it was last emptied take from outside."""

    def text(self, text: str, what: str) -> Code:
        """Return the code of an expression."""
        return self._made(text, what, compile_node, parse)

    def cell(self, text: str, what: str) -> Callable[[Scope, Any], bool]:
        """Return the code of unary tests."""
        if text in ("", "-"):
            return lambda scope, value: True
        return self._made(text, what, cell_code, parse_cell)

    def _made(self, text: str, what: str, make: Any, read: Any) -> Any:
        try:
            node = read(text, self.names)
            self.used |= free_names(node)
            return guarded(lambda: make(node, self.types))
        except FeelError as error:
            if self.lenient:
                return self.broken(f"{what}：{error.message}")
            raise FeelError(f"{what}：{error.message}") from None

    def broken(self, message: str) -> Code:
        def code(scope: Scope, *value: Any) -> None:
            scope.run.problem(message)

        return code


def _values(boxes: Boxes, node: Element | None, what: str) -> Code | None:
    """Return the list of values an output may have, in their order."""
    text = text_of(child(node, "text"))
    if not text:
        return None
    return boxes.build.text(f"[{text}]", what)


def read_table(node: Element, what: str, boxes: Boxes) -> Table:
    """Return the table of an element. Raises Invalid where it is not well made."""
    policy = (node.get("hitPolicy") or "UNIQUE").upper()
    aggregation = (node.get("aggregation") or "").upper()
    if policy not in POLICIES or aggregation not in AGGREGATIONS:
        raise Invalid(f"{what}的命中策略“{policy} {aggregation}”不受支持")
    types = boxes.build.types
    columns = []
    for at, each in enumerate(children(node, "input"), 1):
        expression = child(each, "inputExpression")
        text = text_of(child(expression, "text"))
        name = f"{what}第 {at} 个输入列"
        if not text and boxes.build.lenient:
            text = each.get("label", "")
        if expression is None or not text:
            raise Invalid(f"{name}没有表达式")
        values = text_of(child(child(each, "inputValues"), "text"))
        columns.append(Column(
            each.get("label") or text, text, boxes.build.text(text, name), types.named(expression.get("typeRef")),
            values, boxes.build.cell(values, name) if values else None,
        ))  # fmt: skip
    results = []
    outputs = children(node, "output")
    for at, each in enumerate(outputs, 1):
        name = f"{what}第 {at} 个输出列"
        default = child(each, "defaultOutputEntry")
        results.append(Result(
            each.get("name") or "", label(each, node.get("outputLabel") or what),
            types.named(each.get("typeRef")),
            _values(boxes, child(each, "outputValues"), name), None if default is None else boxes.text(default, name),
        ))  # fmt: skip
    if not results:
        raise Invalid(f"{what}没有输出列")
    if len(results) > 1 and len({each.name for each in results}) < len(results):
        raise Invalid(f"{what}的输出列名称缺失或重复")
    rows = children(node, "rule")
    if len(rows) > MAX_RULES:
        raise Invalid(f"{what}超过 {MAX_RULES} 条规则")
    rules = tuple(_rule(boxes, row, at, what, len(columns), len(results)) for at, row in enumerate(rows, 1))
    if aggregation and (policy != "COLLECT" or (len(results) > 1 and aggregation != "COUNT")):
        raise Invalid(f"{what}：汇总只用于 COLLECT 且只有一个输出列的表")
    return Table(what, policy, aggregation, tuple(columns), tuple(results), rules)


def _rule(boxes: Boxes, row: Element, at: int, what: str, columns: int, results: int) -> Rule:
    cells = [text_of(child(each, "text")) for each in children(row, "inputEntry")]
    outputs = children(row, "outputEntry")
    name = f"{what}规则 {at}"
    if len(cells) != columns or len(outputs) != results:
        raise Invalid(f"{name}的列数与表头不一致")
    notes = [text_of(child(each, "text")) for each in children(row, "annotationEntry")]
    return Rule(
        at, row.get("id", ""), tuple(each or "-" for each in cells),
        tuple(boxes.build.cell(each, f"{name} 第 {place} 列") for place, each in enumerate(cells, 1)),
        tuple(text_of(child(each, "text")) for each in outputs), tuple(boxes.text(each, name) for each in outputs),
        "\n".join(filter(None, [text_of(child(row, "description")), *notes])),
    )  # fmt: skip


def _shape(table: Table, values: list[Any]) -> Any:
    if len(table.results) == 1:
        return values[0]
    return {result.name: value for result, value in zip(table.results, values, strict=True)}


def table_code(table: Table) -> Code:
    """Return what decides the table in a scope; hits go to ``scope.run.hits`` where the run collects them."""
    columns, rules = table.columns, table.rules
    first_only = table.policy == "FIRST"

    def code(scope: Scope) -> Any:
        run = scope.run
        values = []
        for column in columns:
            value = column.code(scope)
            if column.type is not None:
                value = coerce(run, value, column.type, column.label)
            if column.values is not None and not column.values(scope, value):
                run.problem(f"{table.name}：{column.label}的值不在允许范围“{column.values_text}”内")
                return None
            values.append(value)
        met: list[tuple[Rule, list[Any]]] = []
        for rule in rules:
            run.charge()
            for test, value in zip(rule.tests, values, strict=True):
                if test(scope, value) is not True:
                    break
            else:
                outputs = [
                    coerce(run, bounded(run, output(scope)), result.type, result.label)
                    for output, result in zip(rule.outputs, table.results, strict=True)
                ]
                met.append((rule, outputs))
                if first_only:
                    break
        return _decided(table, scope, values, met)

    return code


def _hits(table: Table, run: Run, values: list[Any], met: list[tuple[Rule, list[Any]]]) -> None:
    hits = getattr(run, "hits", None)
    if hits is None:
        return
    for rule, outputs in met:
        because = tuple(
            Condition(column.label, value, cell)
            for column, value, cell in zip(table.columns, values, rule.cells, strict=True)
        )
        hits.append(Hit(table.name, rule.place, rule.id, rule.annotation, _shape(table, outputs), because))


def _decided(table: Table, scope: Scope, values: list[Any], met: list[tuple[Rule, list[Any]]]) -> Any:
    run, policy = scope.run, table.policy
    if not met:
        return _default(table, scope)
    if policy == "UNIQUE" and len(met) > 1:
        _hits(table, run, values, met)
        run.problem(f"{table.name}的规则 {'、'.join(str(rule.place) for rule, _ in met)} 同时命中，只允许一条命中")
        return None
    if policy == "ANY" and any(equal(run, outputs, met[0][1]) is not True for _, outputs in met[1:]):
        _hits(table, run, values, met)
        run.problem(f"{table.name}的规则 {'、'.join(str(rule.place) for rule, _ in met)} 同时命中但结果不同")
        return None
    if policy in ("PRIORITY", "OUTPUT ORDER"):
        met = _by_priority(table, scope, met)
    if policy not in SEVERAL:
        met = met[:1]
        _hits(table, run, values, met)
        return _shape(table, met[0][1])
    _hits(table, run, values, met)
    found = [_shape(table, outputs) for _, outputs in met]
    if table.aggregation == "COUNT":
        return number(len(found))
    if table.aggregation:
        return {"SUM": total, "MIN": smallest, "MAX": largest}[table.aggregation](run, found)
    return found


def _by_priority(table: Table, scope: Scope, met: list) -> list:
    orders = [result.values(scope) if result.values else None for result in table.results]

    def rank(pair: tuple[Rule, list[Any]]) -> tuple[int, ...]:
        places = []
        for value, order in zip(pair[1], orders, strict=True):
            if order is None:
                continue
            places.append(next((at for at, each in enumerate(order) if allowed(scope.run, value, [each])), len(order)))
        return tuple(places)

    return sorted(met, key=rank)


def _default(table: Table, scope: Scope) -> Any:
    if any(result.default is not None for result in table.results):
        return _shape(table, [result.default(scope) if result.default else None for result in table.results])
    if table.aggregation == "COUNT":
        return number(0)
    return None


