"""Units for the small worlds of other parts' tests."""

from __future__ import annotations

from datetime import date

from zhiguan.kernel.orgs import tree
from zhiguan.kernel.orgs.models import Unit, UnitVersion


def make_unit(
    parent: Unit | None, number: int, code: str, name: str, kind: str, *,
    since: date = date(2020, 1, 1), versioned: bool = False,
) -> Unit:  # fmt: skip
    """Make the ``number``-th unit below ``parent`` (None: the root); ``versioned`` for tests that ask as of a day."""
    lo, hi = (tree.ROOT_POS, tree.ROOT_END) if parent is None else tree.child_range(parent.pos, parent.pos_end, number)
    unit = Unit.objects.create(code=code, name=name, kind=kind, parent=parent, pos=lo, pos_end=hi, valid_from=since)
    if versioned:
        UnitVersion.objects.create(unit=unit, name=name, parent=parent, pos=lo, pos_end=hi, valid_from=since)
    return unit
