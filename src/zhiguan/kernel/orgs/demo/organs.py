"""The demo city's 122 municipal organs by function, with divisions (``organs.csv``). Plausible only: 演示数据.

Within a function the order of the file gives the codes: append, never insert.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import NamedTuple

from ..codes import OrganFunction


class Organ(NamedTuple):
    """``size`` is 1 (small) to 3 (large); ``head`` the title of its leader; ``street`` a key of ``places.STREETS``."""

    function: OrganFunction
    name: str
    short_name: str
    head: str
    street: str
    size: int
    divisions: tuple[str, ...]


BUREAU = "上海市机关事务管理局"
FIRST = (BUREAU, "上海市财政局", "上海市发展和改革委员会")
"""The organs of the small city."""
RENAMED: dict[str, tuple[str, date]] = {
    "上海市地方金融管理局": ("上海市地方金融监督管理局", date(2024, 6, 1)),
    "上海市国防动员办公室": ("上海市民防办公室", date(2022, 12, 1)),
}
"""Present name: former name, day of renaming (approximate). History to ask about."""
FOUNDED: dict[str, date] = {"上海市数据局": date(2024, 1, 10), "中共上海市委社会工作部": date(2024, 1, 10)}
"""Organs younger than the rest."""
DISTRICT_DIVISIONS = ("办公室", "资产管理科", "办公用房管理科", "公务用车管理科", "节能管理科", "服务保障科")
"""Of each district bureau (区机关事务管理局)."""


def organs() -> list[Organ]:
    """Return the municipal organs in the order of the file."""
    with (Path(__file__).parent / "organs.csv").open(encoding="utf-8", newline="") as file:
        return [
            Organ(
                OrganFunction(row["function"]), row["name"], row["short_name"], row["head"], row["street"],
                int(row["size"]), tuple(row["divisions"].split("、")),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip
