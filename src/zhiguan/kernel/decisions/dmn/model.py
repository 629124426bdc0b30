"""What a DMN file holds after reading, and what a decision answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..feel import Run, Scope, Type
from ..feel.library import quoted

Code = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One cell of a rule that was met: ``label`` of its column, the value asked about, the text of the cell."""

    label: str
    value: Any
    cell: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was met: its place from 1, its annotations, what it gives and why it was met."""

    table: str
    rule: int
    rule_id: str
    annotation: str
    outputs: Any
    because: tuple[Condition, ...]

    @property
    def explanation(self) -> str:
        """Return in Chinese why the rule was met."""
        met = [f"{each.label} 为 {shown(each.value)}，符合 {each.cell}" for each in self.because if each.cell != "-"]
        return f"规则 {self.rule} 命中：{'；'.join(met) or '无条件'}"


@dataclass(frozen=True, slots=True)
class Step:
    """A decision that was made on the way: its name, value and hits."""

    decision: str
    value: Any
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of a decision (a value of FEEL), the rules of its table that were met, everything decided on the way,
    and notes on what became null and why."""

    value: Any
    hits: tuple[Hit, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def annotation(self) -> str:
        """Return the annotations of the hits, one a line."""
        return "\n".join(each.annotation for each in self.hits if each.annotation)

    @property
    def explanation(self) -> str:
        """Return in Chinese how the value came about, one sentence a line."""
        lines = [each.explanation for each in self.hits] or (["没有规则命中"] if self.value is None else [])
        return "\n".join([*lines, *self.notes])


def shown(value: Any) -> str:
    """Return a value as an expression would write it."""
    return "空" if value is None else quoted(Run(), value)


@dataclass(slots=True, eq=False)
class Column:
    """An input of a table: its expression, type and the values it may have."""

    label: str
    text: str
    code: Code
    type: Type | None
    values_text: str
    values: Callable[[Scope, Any], bool] | None


@dataclass(slots=True, eq=False)
class Result:
    """An output of a table: ``values`` in the order of their priority, ``default`` where no rule is met."""

    name: str
    label: str
    type: Type | None
    values: Code | None
    default: Code | None


@dataclass(slots=True, eq=False)
class Rule:
    """A row: tests of the columns, expressions of the results, and what people wrote about it."""

    place: int
    id: str
    cells: tuple[str, ...]
    tests: tuple[Callable[[Scope, Any], bool], ...]
    texts: tuple[str, ...]
    outputs: tuple[Code, ...]
    annotation: str


@dataclass(slots=True, eq=False)
class Table:
    """A decision table. ``policy``: UNIQUE, ANY, PRIORITY, FIRST, RULE ORDER, OUTPUT ORDER or COLLECT;
    ``aggregation``: SUM, MIN, MAX, COUNT or empty."""

    name: str
    policy: str
    aggregation: str
    columns: tuple[Column, ...]
    results: tuple[Result, ...]
    rules: tuple[Rule, ...]


@dataclass(slots=True, eq=False)
class Element:
    """Something of the requirements graph. ``kind``: decision, input, knowledge or service; ``needs`` are keys of other
    elements, ``logic`` what gives its value in a scope of those. ``outputs``, ``given``: of a service. ``uses``: the names its
    expressions take from outside."""

    kind: str
    key: str
    id: str
    name: str
    namespace: str
    type: Type | None = None
    needs: tuple[str, ...] = ()
    logic: Code | None = None
    table: Table | None = None
    outputs: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Model:
    """A file that was read, with those it imports. Raises nothing but `Invalid` (and `FeelError`, which is one).
    ``elements`` by key; ``imports``: for each file's namespace what it calls the namespaces it imports."""

    name: str
    namespace: str
    elements: dict[str, Element]
    imports: dict[str, dict[str, str]]
    tables: list[Table] = field(default_factory=list)
    types: Mapping[str, Type] = field(default_factory=dict)

    def decisions(self) -> list[Element]:
        """Return the decisions of this file."""
        return [each for each in self.elements.values() if each.kind == "decision" and each.namespace == self.namespace]

    def find(self, wanted: str) -> Element | None:
        """Return the decision, service or knowledge of this name or id."""
        kinds = ("decision", "service", "knowledge")
        mine = [each for each in self.elements.values() if each.kind in kinds and each.namespace == self.namespace]
        for read in (lambda each: each.id, lambda each: each.name):
            for each in mine:
                if read(each) == wanted:
                    return each
        return None

    @property
    def open(self) -> bool:
        """Return whether the file declares no input data (as table editors write it): then a decision sees whatever it
        is given, and every name it uses must be given."""
        return not any(each.kind == "input" for each in self.elements.values())

    def inputs_of(self, wanted: str) -> list[str]:
        """Return the names of what must be given for a decision, needed directly or through others."""
        found: dict[str, None] = {}
        start = self.find(wanted)
        waiting, seen = [start] if start else [], set()
        while waiting:
            element = waiting.pop()
            if element.key in seen:
                continue
            seen.add(element.key)
            if element.kind == "input":
                found[element.name] = None
            elif self.open:
                found |= dict.fromkeys(sorted(element.uses - {each.name for each in self.elements.values()}))
            waiting += [self.elements[key] for key in (*element.needs, *element.outputs) if key in self.elements]
        return list(found)

    def decide(self, wanted: str, inputs: Mapping[Any, Any], *, strict: bool = True, now: Any = None) -> Outcome:
        """Decide ``wanted`` (an id or a name) from ``inputs``, names to values.

        ``strict`` refuses with `FeelError` what the standard lets pass as null: an input that is missing or of another
        type, two rules where one may be met, a result of another type. Null and "no rule is met" are results, not
        errors. ``now`` is what the clock of expressions shows.
        """
        from .deciding import decide

        return decide(self, wanted, inputs, strict=strict, now=now)
