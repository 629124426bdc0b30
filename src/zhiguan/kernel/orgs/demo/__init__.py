"""The demo city: a bureau, 16 district bureaus, 122 municipal organs, invented people with a history. 演示数据."""

from __future__ import annotations

from datetime import date

SIZES = ("small", "demo")


def seed(size: str = "demo", *, today: date | None = None) -> dict[str, int]:
    """Make the city; return how many rows of each kind were made, nothing when there is a city already.

    ``small``: one city, two districts, three organs, for tests. ``demo``: everything. The same day gives the same city.
    Needs the system's frame and a transaction.
    """
    from .city import build

    if size not in SIZES:
        raise ValueError(f"size is one of {SIZES}")
    return build(size, today)
