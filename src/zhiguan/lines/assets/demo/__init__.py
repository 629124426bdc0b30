"""Demo data of state-owned assets: invented cards of every organ, titles, disposals. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the cards when there are none; return counts."""
    from . import books

    return books.build(size)
