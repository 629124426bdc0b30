"""The picture of the tree: one unit and what is directly below it, as boxes and lines of an SVG.

The unit stands above, those below it stand under it, set in: a narrow screen shows it without scrolling sideways.
"""

from __future__ import annotations

from dataclasses import dataclass

from .directory import SHOWN_CHILDREN, Node

WIDTH, BOX, GAP, EDGE, INSET, TRUNK = 400, 40, 10, 2, 40, 20
LETTERS = 24
"""Chinese characters that fit into a box."""


@dataclass(frozen=True)
class Box:
    """One unit on the picture: its place in units of the drawing, its two lines of text."""

    x: int
    y: int
    width: int
    height: int
    title: str
    whole: str
    detail: str
    url: str
    path: str = ""

    @property
    def text_x(self) -> int:
        return self.x + 10

    @property
    def upper(self) -> int:
        return self.y + 17

    @property
    def lower(self) -> int:
        return self.y + 33


@dataclass(frozen=True)
class Picture:
    """The whole drawing."""

    width: int
    height: int
    root: Box
    boxes: list[Box]
    left_out: int


def shortened(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def detail(node: Node) -> str:
    """Return the second line of a box."""
    parts = [node.kind]
    if node.below:
        parts.append(f"下级 {node.below} 个")
    if node.people is not None:
        parts.append(f"在职 {node.people} 人")
    return " · ".join(parts)


def picture(root: Node, children: list[Node]) -> Picture:
    """Return where everything stands. With more than can be shown, the rest is counted."""
    shown = children[:SHOWN_CHILDREN]
    width = WIDTH - 2 * EDGE
    first = Box(EDGE, EDGE, width, BOX, shortened(root.name), root.name, detail(root), root.url)
    boxes, bottom = [], EDGE + BOX
    for number, node in enumerate(shown):
        y = bottom + GAP + number * (BOX + GAP)
        line = f"M{TRUNK} {bottom}V{y + BOX // 2}H{INSET}"
        boxes.append(
            Box(INSET, y, WIDTH - INSET - EDGE, BOX, shortened(node.name), node.name, detail(node), node.url, line)
        )
    height = bottom + len(shown) * (BOX + GAP) + EDGE
    return Picture(WIDTH, height, first, boxes, len(children) - len(shown))
