"""From the bytes of DMN files to a `Model`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.etree.ElementTree import Element as Node

from zhiguan.kit.errors import Invalid

from ..feel.library import BUILTINS
from ..hardened import parse
from .boxed import Boxes, function_code
from .model import Element, Model, Table
from .table import Build
from .tree import child, children, local, plain
from .typing import Types

NAMED = frozenset(
    "inputData decision businessKnowledgeModel decisionService itemDefinition itemComponent contextEntry "
    "formalParameter parameter parameters variable column output import".split()
)
ITERATING = frozenset(["for", "some", "every"])
MAX_ELEMENTS = 5000


def read(data: bytes, others: Iterable[bytes] = (), *, lenient: bool = False) -> Model:
    """Return the model of a file; ``others`` are the files it imports.

    Refused with `Invalid` (Chinese message): hostile XML (`..hardened`), what is no DMN, tables whose rows do not fit
    their columns, expressions that cannot be read, references to nothing, decisions that need each other in a circle.
    ``lenient`` lets expressions that cannot be read pass: they are null, and strict deciding refuses when it meets them.
    """
    roots = [_root(data), *(_root(other) for other in others)]
    spaces = {root.get("namespace") or root.get("name") or "": root for root in reversed(roots)}
    made: dict[str, Model] = {}
    return _model(roots[0], spaces, made, (), lenient)


def _root(data: bytes) -> Node:
    root = parse(data)
    if local(root) != "definitions" or "/spec/DMN/" not in root.tag:
        raise Invalid("文件不是 DMN 决策模型")
    return plain(root)


def _names(roots: Iterable[Node]) -> frozenset[str]:
    found = set()
    for root in roots:
        for node in root.iter():
            if node.tag in NAMED and node.get("name"):
                found.add(" ".join(node.get("name", "").split()))
            elif node.tag in ITERATING and node.get("iteratorVariable"):
                found.add(node.get("iteratorVariable", ""))
    return frozenset(found)


def _model(root: Node, spaces: dict[str, Node], made: dict[str, Model], within: tuple[str, ...], lenient: bool) -> Model:
    space = root.get("namespace") or root.get("name") or ""
    if space in made:
        return made[space]
    if space in within:
        raise Invalid("决策模型相互引用成环")
    mine: dict[str, str] = {}
    imports = {space: mine}
    elements: dict[str, Element] = {}
    imported_types = {}
    for each in children(root, "import"):
        namespace = each.get("namespace", "")
        if "/spec/DMN/" not in (each.get("importType") or "/spec/DMN/"):
            continue
        if namespace not in spaces:
            raise Invalid(f"引用的决策模型没有一并提供：{each.get('name') or namespace[:80]}")
        other = _model(spaces[namespace], spaces, made, (*within, space), lenient)
        mine[namespace] = each.get("name", "")
        imports |= other.imports
        elements |= other.elements
        imported_types[each.get("name", "")] = other.types
    names = _names(spaces.values())
    types = Types(root, names, imported_types)
    for name in types:
        types[name]
    tables: list[Table] = []
    boxes = Boxes(Build(names, types, lenient), tables)
    for node in root:
        maker = _MAKERS.get(local(node))
        if maker:
            boxes.build.used.clear()
            element = maker(boxes, node, space)
            element.uses = frozenset(boxes.build.used - BUILTINS.keys() - {"?"})
            if element.key in elements:
                raise Invalid(f"编号 {element.id[:80]} 重复")
            elements[element.key] = element
    if len(elements) > MAX_ELEMENTS:
        raise Invalid(f"决策模型的元素超过 {MAX_ELEMENTS} 个")
    model = Model(root.get("name") or "", space, elements, imports, tables, types)
    _check_graph(model)
    made[space] = model
    return model


def _key(space: str, href: str | None) -> str:
    target = (href or "").strip()
    return f"{space}{target}" if target.startswith("#") else target


def _needs(node: Node, space: str) -> tuple[str, ...]:
    found = []
    for requirement in (*children(node, "informationRequirement"), *children(node, "knowledgeRequirement")):
        found += [_key(space, each.get("href")) for each in requirement if local(each).startswith("required")]
    return tuple(found)


def _variable(boxes: Boxes, node: Node, kind: str, space: str) -> Element:
    variable = child(node, "variable")
    name = (variable.get("name") if variable is not None else None) or node.get("name") or ""
    name = " ".join(name.split())
    if not name:
        raise Invalid("决策模型中有元素没有名称")
    wanted = None if variable is None else boxes.build.types.named(variable.get("typeRef"))
    identity = node.get("id") or name
    return Element(kind, f"{space}#{identity}", identity, name, space, wanted, _needs(node, space))


def _input(boxes: Boxes, node: Node, space: str) -> Element:
    return _variable(boxes, node, "input", space)


def _decision(boxes: Boxes, node: Node, space: str) -> Element:
    element = _variable(boxes, node, "decision", space)
    what = f"决策“{element.name}”"
    before = len(boxes.tables)
    element.logic = boxes.logic(node, what)
    if child(node, "decisionTable") is not None:
        element.table = boxes.tables[before]
    return element


def _knowledge(boxes: Boxes, node: Node, space: str) -> Element:
    element = _variable(boxes, node, "knowledge", space)
    logic = child(node, "encapsulatedLogic")
    if logic is not None:
        element.logic = function_code(boxes, logic, element.name, f"业务知识“{element.name}”")
    return element


def _service(boxes: Boxes, node: Node, space: str) -> Element:
    element = _variable(boxes, node, "service", space)
    element.outputs = tuple(_key(space, each.get("href")) for each in children(node, "outputDecision"))
    element.given = tuple(
        _key(space, each.get("href")) for kind in ("inputData", "inputDecision") for each in children(node, kind)
    )
    return element


_MAKERS: dict[str, Callable[[Boxes, Node, str], Element]] = {
    "inputData": _input, "decision": _decision, "businessKnowledgeModel": _knowledge, "decisionService": _service,
}  # fmt: skip


def _check_graph(model: Model) -> None:
    """Refuse references to nothing and decisions that need themselves."""
    for element in model.elements.values():
        for key in (*element.needs, *element.outputs, *element.given):
            if key not in model.elements:
                raise Invalid(f"“{element.name}”引用了不存在的元素：{key.rpartition('#')[2][:80]}")
    done: set[str] = set()
    for start in model.elements:
        path: dict[str, None] = {}
        waiting = [(start, False)]
        while waiting:
            key, leaving = waiting.pop()
            if leaving:
                path.pop(key, None)
                done.add(key)
                continue
            if key in done:
                continue
            if key in path:
                raise Invalid(f"“{model.elements[key].name}”的依赖成环")
            path[key] = None
            waiting.append((key, True))
            element = model.elements[key]
            if element.kind == "decision":
                waiting += [(need, False) for need in element.needs if model.elements[need].kind == "decision"]


