"""The test cases of the DMN Technology Compatibility Kit: read from the shared folder, asked, compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from zhiguan.kernel.decisions import dmn, feel
from zhiguan.kernel.decisions.dmn.tree import child, children, plain
from zhiguan.kernel.decisions.feel import temporal
from zhiguan.kernel.decisions.hardened import parse
from zhiguan.kit.errors import Invalid

FOLDER = Path(__file__).parents[6] / "shared" / "data" / "process_bpmn_dmn" / "dmn_tck"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
TOLERANCE = Decimal("1e-8")


@dataclass(frozen=True)
class Case:
    """One test case: what is asked of which model, and what each result should be."""

    level: str
    folder: str
    id: str
    inputs: dict[Any, Any]
    invocable: str
    results: tuple[tuple[str, bool, Any], ...]

    @property
    def name(self) -> str:
        return f"{self.folder}/{self.id}"


def value_of(node: Element) -> Any:
    """Return the value a test writes."""
    if (several := child(node, "list")) is not None:
        return [value_of(each) for each in children(several, "item")]
    if components := children(node, "component"):
        return {each.get("name"): value_of(each) for each in components}
    value = child(node, "value")
    if value is None or node.get(NIL) == "true" or value.get(NIL) == "true":
        return None
    text, kind = value.text or "", (value.get(TYPE) or "").rpartition(":")[2]
    if kind in ("decimal", "double", "integer", "int", "float"):
        return Decimal(text.strip())
    if kind == "boolean":
        return text.strip() in ("true", "1")
    readers = {
        "date": temporal.read_date, "time": temporal.read_time, "dateTime": temporal.read_moment,
        "duration": temporal.read_duration, "dayTimeDuration": temporal.read_duration,
        "yearMonthDuration": temporal.read_duration,
    }  # fmt: skip
    if kind in readers:
        return readers[kind](text.strip())
    return text


def cases(folder: Path) -> Iterator[Case]:
    """Yield the test cases of one folder."""
    for file in sorted(folder.glob("*.xml")):
        root = plain(parse(file.read_bytes()))
        for case in children(root, "testCase"):
            inputs: dict[Any, Any] = {}
            for each in children(case, "inputNode"):
                name = each.get("name", "")
                inputs[(each.get("namespace"), name) if each.get("namespace") else name] = value_of(each)
            results = tuple(
                (each.get("name", ""), each.get("errorResult") == "true", value_of(child(each, "expected")))
                for each in children(case, "resultNode")
            )  # fmt: skip
            yield Case(folder.parent.name, folder.name, case.get("id", ""), inputs, case.get("invocableName", ""), results)


def model_of(folder: Path) -> dmn.Model:
    """Return the model of one folder, with the others in it as imports."""
    main = folder / f"{folder.name}.dmn"
    others = [each.read_bytes() for each in sorted(folder.glob("*.dmn")) if each != main]
    return dmn.read(main.read_bytes(), others, lenient=True)


def same(got: Any, wanted: Any) -> bool:
    """Return whether a result is the one a test wants; numbers within a hundred millionth."""
    if isinstance(wanted, Decimal) and isinstance(got, Decimal):
        return abs(got - wanted) <= TOLERANCE * max(1, abs(wanted))
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in got)
    if wanted is None or got is None or isinstance(got, bool):
        return got is wanted
    return type(got) is type(wanted) and feel.evaluate("a = b", {"a": got, "b": wanted}) is True


def passes(model: dmn.Model, case: Case) -> str:
    """Return nothing where every result is as wanted, else what differs."""
    for name, error, wanted in case.results:
        try:
            got = model.decide(case.invocable or name, case.inputs, strict=False).value
        except Invalid as refusal:
            if not error:
                return f"{name}: {refusal}"
            continue
        if case.invocable and len(case.results) > 1:
            got = got[name]
        if not same(got, wanted) and not (error and got is None):
            return f"{name}: {got!r} 不是 {wanted!r}"
    return ""
