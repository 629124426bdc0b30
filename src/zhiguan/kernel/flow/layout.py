"""A drawing for process files that have none: from left to right by how far a node is from the start, and on in a new
band below where the page ends.

Process files of lines are written by hand and hold the process alone; a drawing is made when one is looked at. A file
drawn in the modeller keeps its own drawing.

No arrow runs through a box, because arrows have places of their own: boxes stand in the cells of a grid, and between its
columns are gutters, below each band a channel. An arrow leaves its box on the right into a gutter, enters the other on the
left out of one, and between the two follows a row whose cells are empty or a channel; backwards always a channel, below.
Gutters run through all bands, so every gutter can be reached from every channel. Arrows to one node share a line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

from lxml import etree

from . import hardened
from .plan import BPMN

DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
LINES = "http://www.omg.org/spec/DD/20100524/DI"
SIZES = {"startEvent": (36, 36), "endEvent": (36, 36), "exclusiveGateway": (50, 50), "parallelGateway": (50, 50),
         "inclusiveGateway": (50, 50)}  # fmt: skip
TASK = (120, 72)
CELL_X, CELL_Y = 120, 116
WIDE, EDITED, NARROW = 7, 5, 2
"""Columns of a drawing for a desktop's page, for the modeller beside its panel, and for a phone's page."""
TRACK, STOREY, MARGIN, LETTER, LINE = 14, 20, 18, 12, 14
"""Pixels between lines of one gutter, of one channel (labels stand there), beside them, of one letter, of its height."""
BELOW = 5
"""How far below its shape a name stands."""
ASIDE = 11
"""How far above or below the middle an arrow that comes from there enters."""

Place = tuple[int, int, int, int]
Point = tuple[int, int]
Span = tuple[int, int]


@lru_cache(maxsize=400)
def with_drawing(bpmn: str, across: int = WIDE) -> str:
    """Return the file, with a drawing of so many columns when it has none. Raises Invalid for what is not safe XML."""
    hardened.check(bpmn.encode())
    root = etree.fromstring(bpmn.encode(), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    process = root.find(f"{{{BPMN}}}process")
    if is_drawn(root) or process is None:
        return bpmn
    nodes = {node.get("id"): etree.QName(node).localname for node in process
             if isinstance(node.tag, str) and node.get("id") and etree.QName(node).localname != "sequenceFlow"
             and etree.QName(node).namespace == BPMN
             and etree.QName(node).localname not in ("laneSet", "documentation")}  # fmt: skip
    flows = [
        Flow(flow.get("id"), flow.get("sourceRef"), flow.get("targetRef"), flow.get("name") or "")
        for flow in process.iter(f"{{{BPMN}}}sequenceFlow")
    ]
    drawing = Drawing(nodes, [flow for flow in flows if flow.source in nodes and flow.target in nodes], across)
    diagram = etree.SubElement(root, f"{{{DI}}}BPMNDiagram", id="drawing", nsmap={"bpmndi": DI, "dc": DC, "di": LINES})
    plane = etree.SubElement(diagram, f"{{{DI}}}BPMNPlane", id="drawing_plane", bpmnElement=process.get("id"))
    names = {node.get("id"): node.get("name") or "" for node in process if isinstance(node.tag, str)}
    for node, place in drawing.places.items():
        shape = etree.SubElement(plane, f"{{{DI}}}BPMNShape", id=f"{node}_shape", bpmnElement=node)
        _bounds(shape, place)
        if nodes[node] in SIZES and names[node]:  # events and gateways are named below, not within
            (x, y, width, height), letters = place, LETTER * len(names[node]) + 6
            under = (x + width // 2 - letters // 2, y + height + BELOW, letters, LINE)
            _bounds(etree.SubElement(shape, f"{{{DI}}}BPMNLabel"), under)
    for flow in drawing.flows:
        edge = etree.SubElement(plane, f"{{{DI}}}BPMNEdge", id=f"{flow.id}_edge", bpmnElement=flow.id)
        for x, y in drawing.ways[flow.id]:
            etree.SubElement(edge, f"{{{LINES}}}waypoint", x=str(x), y=str(y))
        if flow.name:
            _bounds(etree.SubElement(edge, f"{{{DI}}}BPMNLabel"), drawing.label(flow))
    return etree.tostring(root, encoding="unicode")


def is_drawn(root: Any) -> bool:
    """Tell whether a file has a drawing of its own."""
    return root.find(f"{{{DI}}}BPMNDiagram") is not None


def _bounds(parent: Any, place: Place) -> None:
    x, y, width, height = place
    etree.SubElement(parent, f"{{{DC}}}Bounds", x=str(x), y=str(y), width=str(width), height=str(height))


@dataclass(frozen=True)
class Flow:
    id: str
    source: str
    target: str
    name: str = ""

    @property
    def label_width(self) -> int:
        return LETTER * len(self.name) + 6 if self.name else 0


@dataclass(frozen=True)
class Cell:
    band: int
    column: int
    row: int


@dataclass
class Route:
    """Where an arrow goes, before there are coordinates: out into gutter ``out``, along a ``row`` of the band (empty cells)
    or the ``channel`` below a band, into gutter ``into``. With neither, ``out`` is ``into`` and one line across does."""

    flow: Flow
    start: Cell
    end: Cell
    out: int
    into: int
    row: int | None = None
    channel: int | None = None


@dataclass
class Lanes:
    """Lines side by side in one gutter or channel: who shares one, and which stretches of it are taken."""

    taken: list[list[Span]] = field(default_factory=list)
    of: dict[Hashable, int] = field(default_factory=dict)

    def put(self, key: Hashable, spans: list[Span]) -> None:
        """Give ``key`` the first line on which all of its stretches are free."""
        free = (
            number for number, line in enumerate(self.taken)
            if all(hi < first or last < lo for lo, hi in spans for first, last in line)
        )  # fmt: skip
        self.of[key] = next(free, len(self.taken))
        if self.of[key] == len(self.taken):
            self.taken.append([])
        self.taken[self.of[key]] += spans


class Drawing:
    """Places of the nodes and ways of the flows. ``nodes``: id → BPMN kind, in the order of the file."""

    def __init__(self, nodes: dict[str, str], flows: list[Flow], across: int = WIDE) -> None:
        self.nodes, self.flows = nodes, flows
        ranks = _ranks(nodes, flows)
        depth = max(ranks.values(), default=0) + 1
        self.columns = ceil(depth / ceil(depth / across))
        self.cells = self._cells(ranks)
        self.bands = max((cell.band for cell in self.cells.values()), default=0) + 1
        self.rows = [1 + max(cell.row for cell in self.cells.values() if cell.band == band) for band in range(self.bands)]
        ordered = [(band, row) for band in range(self.bands) for row in range(self.rows[band] + 1)]
        self.levels = {place: number for number, place in enumerate(ordered)}
        """Rows of the bands from top to bottom, the channel below each as its last row."""
        self.fans = Counter(flow.source for flow in flows)
        self.used: dict[Cell | tuple[int, int, int], str] = {}
        """What is taken by arrows into which node: empty cells, and turns into a row (band, row, gutter)."""
        boxes = set(self.cells.values())
        self.routes = {flow.id: self._route(flow, boxes) for flow in self._shortest_first()}
        self.gutters: dict[int, Lanes] = defaultdict(Lanes)
        self.channels: dict[int, Lanes] = defaultdict(Lanes)
        self._lanes()
        self._measure()
        self.places = {node: self._place(node) for node in nodes}
        self.ways = {flow.id: self._way(self.routes[flow.id]) for flow in flows}

    # --- cells --------------------------------------------------------------------------------------------------------

    def _cells(self, ranks: dict[str, int]) -> dict[str, Cell]:
        """Give every node a cell: its rank's column, the row of the first node before it, or the next free one."""
        before: dict[str, list[str]] = defaultdict(list)
        for flow in self.flows:
            if ranks[flow.source] < ranks[flow.target]:
                before[flow.target].append(flow.source)
        order = {node: number for number, node in enumerate(self.nodes)}
        cells: dict[str, Cell] = {}
        taken: set[Cell] = set()
        for rank in range(max(ranks.values(), default=0) + 1):
            band, column = divmod(rank, self.columns)
            mine = [node for node in self.nodes if ranks[node] == rank]
            wanted = {
                node: min((cells[each].row for each in before[node] if cells[each].band == band), default=0) for node in mine
            }
            for node in sorted(mine, key=lambda node: (wanted[node], order[node])):
                row = wanted[node]
                while Cell(band, column, row) in taken:
                    row += 1
                cells[node] = Cell(band, column, row)
                taken.add(cells[node])
        return cells

    # --- routes -------------------------------------------------------------------------------------------------------

    def _shortest_first(self) -> list[Flow]:
        def length(flow: Flow) -> tuple[int, int]:
            start, end = self.cells[flow.source], self.cells[flow.target]
            return abs(end.band - start.band), abs(end.column - start.column)

        return sorted(self.flows, key=length)

    def _route(self, flow: Flow, boxes: set[Cell]) -> Route:
        start, end = self.cells[flow.source], self.cells[flow.target]
        route = Route(flow, start, end, start.column + 1, end.column)
        if start.band == end.band and start.column < end.column:
            if route.out == route.into:
                return route
            between = range(route.out, route.into)
            for row in sorted(range(self.rows[start.band]), key=lambda row: (abs(row - end.row) + abs(row - start.row), -row)):
                places: list[Any] = [Cell(start.band, column, row) for column in between]
                if row not in (start.row, end.row):
                    places += [(start.band, row, gutter) for gutter in (route.out, route.into)]
                if all(place not in boxes and self.used.get(place, flow.target) == flow.target for place in places):
                    self.used |= dict.fromkeys(places, flow.target)
                    route.row = row
                    return route
        route.channel = start.band
        return route

    # --- lanes --------------------------------------------------------------------------------------------------------

    def _verticals(self, route: Route) -> list[tuple[int, Span, Hashable]]:
        """Return the arrow's vertical lines: gutter, from–to in levels, and who shares it.

        Arrows into one node share the line before it, arrows out of one node the line behind it.
        """
        start, end = self.levels[route.start.band, route.start.row], self.levels[route.end.band, route.end.row]
        out, into = ("out", route.flow.source), ("in", route.flow.target)
        if route.channel is None and route.row is None:
            lines = [(route.out, start, end, out if self.fans[route.flow.source] > 1 else into)]
        else:
            level = self.levels[route.start.band, self.rows[route.start.band] if route.row is None else route.row]
            lines = [(route.out, start, level, out), (route.into, level, end, into)]
        return [(gutter, (min(a, b), max(a, b)), key) for gutter, a, b, key in lines if a != b]

    def _lanes(self) -> None:
        """Give every arrow its line in each gutter and channel it goes through."""
        down: dict[int, dict[Hashable, list[Span]]] = defaultdict(lambda: defaultdict(list))
        across: dict[int, dict[Hashable, list[Span]]] = defaultdict(lambda: defaultdict(list))
        for route in self.routes.values():
            for gutter, span, key in self._verticals(route):
                down[gutter][key].append(span)
            if route.channel is not None:
                across[route.channel]["in", route.flow.target].append(
                    (min(route.out, route.into), max(route.out, route.into))
                )
        for wanted, lanes in ((down, self.gutters), (across, self.channels)):
            for place, keys in wanted.items():
                for key, spans in sorted(keys.items(), key=lambda pair: (min(pair[1]), str(pair[0]))):
                    lanes[place].put(key, spans)

    # --- coordinates --------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Work out the pixels of columns, gutters, rows and channels."""
        labels: dict[int, int] = defaultdict(int)
        for route in self.routes.values():
            gutter = route.into if route.channel is None else route.out
            labels[gutter] = max(labels[gutter], route.flow.label_width)
        self.gutter_x, self.column_x, x = [], [], MARGIN
        for gutter in range(self.columns + 1):
            self.gutter_x.append(x + MARGIN)
            x += 2 * MARGIN + TRACK * max(len(self.gutters[gutter].taken) - 1, 0) + labels[gutter]
            self.column_x.append(x)
            x += CELL_X
        self.row_y: dict[tuple[int, int], int] = {}
        self.channel_y: list[int] = []
        y = MARGIN
        for band in range(self.bands):
            for row in range(self.rows[band]):
                self.row_y[band, row] = y + CELL_Y // 2
                y += CELL_Y
            self.channel_y.append(y + LINE)
            lines = len(self.channels[band].taken)
            y += (LINE + STOREY * lines if lines else 0) + MARGIN

    def _place(self, node: str) -> Place:
        cell = self.cells[node]
        width, height = SIZES.get(self.nodes[node], TASK)
        middle = self.row_y[cell.band, cell.row]
        return self.column_x[cell.column] + (CELL_X - width) // 2, middle - height // 2, width, height

    def _way(self, route: Route) -> list[Point]:
        """The corners of an arrow."""
        source, target = self.places[route.flow.source], self.places[route.flow.target]
        x, y = source[0] + source[2], source[1] + source[3] // 2
        verticals = [self.gutter_x[gutter] + TRACK * self.gutters[gutter].of[key] for gutter, _, key in self._verticals(route)]
        if not verticals:
            return [(x, y), (target[0], target[1] + target[3] // 2)]
        into = self._entry(route, target)
        if len(verticals) == 1:
            return [(x, y), (verticals[0], y), (verticals[0], into[1]), into]
        if route.channel is not None:
            level = self.channel_y[route.channel] + STOREY * self.channels[route.channel].of["in", route.flow.target]
        else:  # beside the middle of the row, where boxes further on have their arrows
            level = self.row_y[route.start.band, route.row] + 2 * ASIDE
        first, second = verticals
        return [(x, y), (first, y), (first, level), (second, level), (second, into[1]), into]

    def _entry(self, route: Route, target: Place) -> Point:
        """Where an arrow that bends meets its box: on the outline of the shape, above or below the middle."""
        if route.channel is not None:
            below = route.channel >= route.end.band
        else:
            levels = (route.row, route.start.row)
            below = next((row > route.end.row for row in levels if row is not None and row != route.end.row), True)
        kind, half, inside = self.nodes[route.flow.target], target[3] / 2, 0.0
        if kind.endswith("Gateway"):
            inside = ASIDE
        elif kind.endswith("Event"):
            inside = half - sqrt(half**2 - ASIDE**2)
        return target[0] + round(inside), target[1] + target[3] // 2 + (ASIDE if below else -ASIDE)

    def label(self, flow: Flow) -> Place:
        """Where the name of a flow is written: above the first stretch of its line that is its own."""
        way, route = self.ways[flow.id], self.routes[flow.id]
        if route.channel is not None:
            (x, y), (after, _) = way[2], way[3]
            left = x + 4 if after >= x else x - 4 - flow.label_width
            return left, y - LINE - 3, flow.label_width, LINE
        x, y = way[-1]
        if len(way) > 2:
            below = way[-3][1] > y
        else:
            below = any(other[-1][1] < y for key, other in self.ways.items() if self.routes[key].flow.target == flow.target)
        return x - 6 - flow.label_width, y + 3 if below else y - LINE - 3, flow.label_width, LINE


def _ranks(nodes: dict[str, str], flows: Iterable[Flow]) -> dict[str, int]:
    """Longest way from a start, loops not counted."""
    after: dict[str, list[str]] = defaultdict(list)
    for flow in flows:
        after[flow.source].append(flow.target)
    ranks = dict.fromkeys(nodes, 0)
    state: dict[str, int] = {}
    order: list[str] = []
    back: set[tuple[str, str]] = set()

    def visit(first: str) -> None:
        stack = [(first, iter(after[first]))]
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
            elif state.get(following, 0) == 0:
                state[following] = 1
                stack.append((following, iter(after[following])))

    for node in sorted(nodes, key=lambda each: nodes[each] != "startEvent"):
        if not state.get(node):
            visit(node)
    for node in reversed(order):
        for following in after[node]:
            if (node, following) not in back:
                ranks[following] = max(ranks[following], ranks[node] + 1)
    return ranks
