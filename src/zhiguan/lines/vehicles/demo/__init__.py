"""Demo data of official vehicles: an invented fleet, its roads, its days. 演示数据."""

from __future__ import annotations


def seed(size: str) -> dict[str, int]:
    """Make the fleet with some days of history, and its papers and costs, when there are none; return counts."""
    from . import cases, evaluation, fleet, life, net

    return fleet.build(size) | life.build() | net.build() | evaluation.build() | cases.build()
