"""Demo data of office premises: invented buildings, rooms, sizes and repair projects. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the premises when there are none; return counts."""
    from . import premises

    return premises.build()
