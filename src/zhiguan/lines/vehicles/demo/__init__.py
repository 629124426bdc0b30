"""Demo data of official vehicles: an invented fleet, its roads, its days. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the fleet with some days of history when there is none; return how many of each kind were made."""
    from .fleet import build

    return build(size)
