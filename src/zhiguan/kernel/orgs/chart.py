"""The picture of the tree: one unit and what is directly below it, as boxes and lines of an SVG.

The unit stands on the left and those below it in one column, so that a narrow screen shows it without scrolling sideways.
"""

from __future__ import annotations

from dataclasses import dataclass

from .directory import SHOWN_CHILDREN, Node

WIDTH, BOX, GAP, LEFT, RIGHT = 560, 40, 10, 170, 340
LETTERS = {LEFT: 10, RIGHT: 21}
"""Chinese characters that fit into a box of that width."""


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
    def middle(self) -> int:
        return self.y + self.height // 2

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


def shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


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
    height = max(1, len(shown)) * (BOX + GAP) + GAP
    top = GAP if len(shown) > 8 else (height - BOX) // 2
    first = Box(2, top, LEFT, BOX, shortened(root.name, LETTERS[LEFT]), root.name, detail(root), root.url)
    start, bend, x = 2 + LEFT, 2 + LEFT + 22, WIDTH - RIGHT - 2
    boxes = []
    for number, node in enumerate(shown):
        y = GAP + number * (BOX + GAP)
        line = f"M{start} {first.middle}H{bend}V{y + BOX // 2}H{x}"
        boxes.append(
            Box(x, y, RIGHT, BOX, shortened(node.name, LETTERS[RIGHT]), node.name, detail(node), node.url, line)
        )
    return Picture(WIDTH, height, first, boxes, len(children) - len(shown))
