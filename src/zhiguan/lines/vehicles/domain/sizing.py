"""How many vehicles would have served the orders there were: a simulation over real orders. SPEC L4.5.

Nothing is assumed about demand: every order of the period asks for a vehicle at its own time and for its own length, in
the order of starting. A vehicle that is free, turned round and large enough takes it; otherwise it is not served. The
smallest fleet that serves the wanted share of orders is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

Minutes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Demand:
    """Orders of one class of vehicle: starts and ends in minutes, ascending by start."""

    starts: Minutes
    ends: Minutes

    @classmethod
    def of(cls, starts: Sequence[int], ends: Sequence[int]) -> Demand:
        """Sort the orders by start. An order that ends before it starts counts as one minute long."""
        first = np.asarray(starts, dtype=np.int64)
        order = np.argsort(first, kind="stable")
        first = first[order]
        return cls(first, np.maximum(np.asarray(ends, dtype=np.int64)[order], first + 1))

    def __len__(self) -> int:
        return int(self.starts.size)


@dataclass(frozen=True)
class Size:
    """What one class needs. ``curve`` holds (vehicles, share of orders served) up to the fleet that serves all."""

    orders: int
    peak: int
    usual: int
    high: int
    curve: tuple[tuple[int, float], ...]


def peak(demand: Demand, turnaround: int = 0) -> int:
    """Return the most orders under way at one moment, turning round included: the fleet that refuses nobody."""
    if not len(demand):
        return 0
    moments = np.concatenate([demand.starts, demand.ends + turnaround])
    steps = np.concatenate([np.ones(len(demand), np.int64), -np.ones(len(demand), np.int64)])
    # at the same minute a vehicle that comes free is taken by the order that begins
    order = np.lexsort((steps, moments))
    return int(np.cumsum(steps[order]).max())


def served(demand: Demand, vehicles: int, turnaround: int = 0) -> int:
    """Return how many orders ``vehicles`` vehicles would have served."""
    if vehicles <= 0:
        return 0
    busy: list[int] = []
    count = 0
    for start, end in zip(demand.starts.tolist(), demand.ends.tolist(), strict=True):
        while busy and busy[0] <= start:
            heappop(busy)
        if len(busy) < vehicles:
            heappush(busy, end + turnaround)
            count += 1
    return count


def needed(demand: Demand, share: float, turnaround: int = 0) -> int:
    """Return the smallest fleet that serves at least ``share`` of the orders."""
    wanted = -(-round(share * len(demand) * 1_000_000) // 1_000_000)
    low, high = 0, peak(demand, turnaround)
    while low < high:
        middle = (low + high) // 2
        if served(demand, middle, turnaround) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


def parts(starts: Sequence[int], ends: Sequence[int], owners: Sequence[int]) -> list[Demand]:
    """Return the orders of each owner: what every organ would need if it served only itself."""
    first, last, whose = (np.asarray(values, dtype=np.int64) for values in (starts, ends, owners))
    return [Demand.of(first[whose == owner], last[whose == owner]) for owner in np.unique(whose)]


def size(demand: Demand, *, usual: float, high: float, turnaround: int, points: int = 24) -> Size:
    """Return what the class needs, with at most ``points`` points of the curve."""
    most = peak(demand, turnaround)
    fleets = sorted({round(each) for each in np.linspace(1, most, min(points, most))}) if most else []
    curve = tuple((fleet, served(demand, fleet, turnaround) / len(demand)) for fleet in fleets)
    return Size(len(demand), most, needed(demand, usual, turnaround), needed(demand, high, turnaround), curve)
