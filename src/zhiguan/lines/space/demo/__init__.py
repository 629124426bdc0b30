"""Demo data of office premises: invented buildings, rooms, sizes, repair projects and cases. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the premises and the cases when there are none; return counts."""
    from . import cases, premises

    return premises.build() | cases.build()
