"""Positions: every unit owns a fixed range of integers that contains the ranges of all units below it.

A position is a bigint read as a path: the root's mark, then 12 bits for each of five levels. A child is number 1 … 4094
of its parent, so the range ``pos … pos_end`` of a unit is known when it is made, inserting a sibling renumbers nobody,
and a subtree is one ``BETWEEN``. Positions exceed 2**53: never hand them to JavaScript.
"""

from __future__ import annotations

BITS = 12
DEPTHS = 5
"""Levels below the root."""
CHILDREN = 2**BITS - 2
"""Most children a unit can ever have had: 0 is the unit itself, the last number stays free."""
ROOT_POS = 1 << (BITS * DEPTHS)
"""Not zero, so that a position is always true in Python."""
ROOT_END = 2 * ROOT_POS - 1


class Full(Exception):
    """The tree has no place there: too deep, or the parent's numbers are used up."""


def span(depth: int) -> int:
    """Return how many positions a unit at ``depth`` (the root: 0) owns."""
    return 1 << (BITS * (DEPTHS - depth))


def depth_of(pos: int, pos_end: int) -> int:
    """Return the depth of the unit that owns the range."""
    return DEPTHS - ((pos_end - pos + 1).bit_length() - 1) // BITS


def child_range(pos: int, pos_end: int, number: int) -> tuple[int, int]:
    """Return the range of child ``number`` (from 1) of the unit that owns ``pos … pos_end``; raises :class:`Full`."""
    depth = depth_of(pos, pos_end) + 1
    if depth > DEPTHS:
        raise Full(f"no level below {DEPTHS}")
    if not 1 <= number <= CHILDREN:
        raise Full(f"no child number {number}")
    lo = pos + number * span(depth)
    return lo, lo + span(depth) - 1


def number_of(pos: int, pos_end: int) -> int:
    """Return which child of its parent the unit is; of the root, 0."""
    depth = depth_of(pos, pos_end)
    return 0 if depth == 0 else (pos // span(depth)) % (1 << BITS)


def path_positions(pos: int) -> list[int]:
    """Return the positions of the unit at ``pos`` and of all units above it, from the root down."""
    positions: list[int] = []
    for depth in range(DEPTHS + 1):
        ancestor = pos - pos % span(depth)
        if not positions or positions[-1] != ancestor:
            positions.append(ancestor)
    return positions


def moved(pos: int, old: tuple[int, int], new: tuple[int, int]) -> int:
    """Return the position, under a subtree moved from ``old`` to ``new``, of the unit that was at ``pos``.

    Works between depths: the path below the moved unit stays; raises :class:`Full` when it no longer fits.
    """
    shift = BITS * (depth_of(*new) - depth_of(*old))
    offset = pos - old[0]
    if shift > 0 and offset & ((1 << shift) - 1):
        raise Full("the subtree would be too deep")
    return new[0] + (offset >> shift if shift >= 0 else offset << -shift)
