"""Demo data of state-owned assets: invented cards of every organ, titles, disposals, cases. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the cards and the cases when there are none; return counts."""
    from . import books, cases

    return books.build(size) | cases.build()
