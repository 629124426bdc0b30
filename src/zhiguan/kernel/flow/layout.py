"""A drawing for process files that have none: from left to right, by how far a node is from the start.

Process files of lines are written by hand and hold the process alone; a drawing is made when one is looked at. A file
drawn in the modeller keeps its own drawing.
"""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

from . import hardened
from .plan import BPMN

DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
LINES = "http://www.omg.org/spec/DD/20100524/DI"
SIZES = {"startEvent": (36, 36), "endEvent": (36, 36), "exclusiveGateway": (50, 50), "parallelGateway": (50, 50),
         "inclusiveGateway": (50, 50)}  # fmt: skip
TASK = (120, 72)
STEP_X, STEP_Y, LEFT, TOP = 170, 120, 160, 120


@lru_cache(maxsize=200)
def with_drawing(bpmn: str) -> str:
    """Return the file, with a drawing when it has none. Raises Invalid for what is not safe XML."""
    hardened.check(bpmn.encode())
    root = etree.fromstring(bpmn.encode(), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    if root.find(f"{{{DI}}}BPMNDiagram") is not None:
        return bpmn
    process = root.find(f"{{{BPMN}}}process")
    if process is None:
        return bpmn
    nodes = {node.get("id"): etree.QName(node).localname for node in process
             if isinstance(node.tag, str) and node.get("id") and etree.QName(node).localname != "sequenceFlow"
             and etree.QName(node).namespace == BPMN
             and etree.QName(node).localname not in ("laneSet", "documentation")}  # fmt: skip
    flows = [
        (flow.get("id"), flow.get("sourceRef"), flow.get("targetRef"))
        for flow in process.iter(f"{{{BPMN}}}sequenceFlow")
    ]
    places = _places(nodes, [(source, target) for _, source, target in flows if source in nodes and target in nodes])
    diagram = etree.SubElement(root, f"{{{DI}}}BPMNDiagram", id="drawing", nsmap={"bpmndi": DI, "dc": DC, "di": LINES})
    plane = etree.SubElement(diagram, f"{{{DI}}}BPMNPlane", id="drawing_plane", bpmnElement=process.get("id"))
    for node, (x, y, width, height) in places.items():
        shape = etree.SubElement(plane, f"{{{DI}}}BPMNShape", id=f"{node}_shape", bpmnElement=node)
        etree.SubElement(shape, f"{{{DC}}}Bounds", x=str(x), y=str(y), width=str(width), height=str(height))
    for key, source, target in flows:
        if source in places and target in places:
            edge = etree.SubElement(plane, f"{{{DI}}}BPMNEdge", id=f"{key}_edge", bpmnElement=key)
            for x, y in _way(places[source], places[target], max(bottom(place) for place in places.values())):
                etree.SubElement(edge, f"{{{LINES}}}waypoint", x=str(x), y=str(y))
    return etree.tostring(root, encoding="unicode")


Place = tuple[int, int, int, int]


def bottom(place: Place) -> int:
    return place[1] + place[3]


def _places(nodes: dict[str, str], flows: list[tuple[str, str]]) -> dict[str, Place]:
    after: dict[str, list[str]] = {}
    for source, target in flows:
        after.setdefault(source, []).append(target)
    ranks = _ranks(nodes, after)
    rows: dict[str, int] = {}
    taken: set[tuple[int, int]] = set()
    for node in sorted(nodes, key=lambda each: (ranks[each], list(nodes).index(each))):
        before = [
            source for source, target in flows if target == node and ranks[source] < ranks[node] and source in rows
        ]
        wanted = min((rows[source] for source in before), default=0)
        if before:  # the second and further ways out of one node go below
            source = min(before, key=lambda each: rows[each])
            siblings = [each for each in after.get(source, []) if ranks[each] > ranks[source]]
            wanted = max(wanted, rows[source] + siblings.index(node) if node in siblings else wanted)
        while (ranks[node], wanted) in taken:
            wanted += 1
        rows[node] = wanted
        taken.add((ranks[node], wanted))
    found: dict[str, Place] = {}
    for node, kind in nodes.items():
        width, height = SIZES.get(kind, TASK)
        centre_x, centre_y = LEFT + ranks[node] * STEP_X, TOP + rows[node] * STEP_Y
        found[node] = (centre_x - width // 2, centre_y - height // 2, width, height)
    return found


def _ranks(nodes: dict[str, str], after: dict[str, list[str]]) -> dict[str, int]:
    """Longest way from a start, loops not counted."""
    ranks = dict.fromkeys(nodes, 0)
    state: dict[str, int] = {}
    order: list[str] = []
    back: set[tuple[str, str]] = set()

    def visit(first: str) -> None:
        stack = [(first, iter(after.get(first, ())))]
        state[first] = 1
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                order.append(node)
                stack.pop()
            elif state.get(following, 0) == 1:
                back.add((node, following))
            elif state.get(following, 0) == 0 and following in nodes:
                state[following] = 1
                stack.append((following, iter(after.get(following, ()))))

    for node, kind in nodes.items():
        if kind == "startEvent" and not state.get(node):
            visit(node)
    for node in nodes:
        if not state.get(node):
            visit(node)
    for node in reversed(order):
        for following in after.get(node, ()):
            if following in nodes and (node, following) not in back:
                ranks[following] = max(ranks[following], ranks[node] + 1)
    return ranks


def _way(source: Place, target: Place, lowest: int) -> list[tuple[int, int]]:
    """The corners of an arrow: out on the right, in on the left; backwards underneath everything."""
    out = (source[0] + source[2], source[1] + source[3] // 2)
    into = (target[0], target[1] + target[3] // 2)
    if into[0] <= out[0]:
        under = lowest + 30
        down, up = source[0] + source[2] // 2, target[0] + target[2] // 2
        return [(down, bottom(source)), (down, under), (up, under), (up, bottom(target))]
    if out[1] == into[1]:
        return [out, into]
    if source[2] == source[3]:  # gateways and events let an arrow out below or above
        middle = source[0] + source[2] // 2
        return [(middle, bottom(source) if into[1] > out[1] else source[1]), (middle, into[1]), into]
    turn = into[0] - 25
    return [out, (turn, out[1]), (turn, into[1]), into]
