"""What receivers, clocks and networks do to reports: loss, repetition, wrong order, stray places, impossible moments.

None of it is misuse: no rule may find anything because of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .timeline import Rows

ZERO, OUT_OF_RANGE, YEAR_1970, NO_TIME, ROLLED_OVER, AHEAD, STRAY, WILD = 1, 2, 3, 4, 5, 6, 7, 8
"""Values of ``odd``: 0/0 with a fix; a place beyond the globe; the clock at 1970, at zero, 1,024 weeks behind, hours
ahead; a place kilometres away; a speed out of nowhere. The wire writes the first five, the others are in the columns."""
WEEKS_1024_S = 1024 * 7 * 86_400.0


@dataclass(frozen=True)
class Noise:
    """Shares of reports (``lost``, ``repeated``, ``late``) and of faulty ones."""

    lost: float = 0.01
    repeated: float = 0.01
    late: float = 0.004
    zero: float = 0.0006
    out_of_range: float = 0.0004
    clock: float = 0.0008
    ahead: float = 0.0006
    stray: float = 0.0008
    wild: float = 0.0006


CALM = Noise(*[0.0] * 9)


def disturb(rows: Rows, rng: np.random.Generator, noise: Noise) -> Rows:
    """Return the reports as they reach the platform, by that time: lost ones gone, repeated ones twice."""
    count = rows.size
    dice = rng.random((6, count))
    rows["lost"] |= dice[0] < noise.lost
    kinds = (ZERO, OUT_OF_RANGE, YEAR_1970, NO_TIME, ROLLED_OVER, AHEAD, STRAY, WILD)
    shares = (noise.zero, noise.out_of_range, *[noise.clock / 3] * 3, noise.ahead, noise.stray, noise.wild)
    edges = np.concatenate(([0.0], np.cumsum(shares)))
    for kind, low, high in zip(kinds, edges[:-1], edges[1:], strict=True):
        rows["odd"][(dice[1] >= low) & (dice[1] < high)] = kind
    stray = rows["odd"] == STRAY
    angle, reach = rng.uniform(0, 2 * np.pi, count), rng.uniform(400.0, 20_000.0, count) / 111_195.0
    rows["lat"][stray] += (reach * np.cos(angle))[stray]
    rows["lon"][stray] += (reach * np.sin(angle) / 0.855)[stray]
    rows["kmh"][rows["odd"] == WILD] = rng.uniform(60.0, 220.0, int((rows["odd"] == WILD).sum()))
    late = (dice[2] < noise.late) & ~rows["late"]
    rows["sent"][late] += rng.uniform(30.0, 1200.0, int(late.sum()))
    rows["late"] |= late
    ahead = rows["odd"] == AHEAD
    rows["at"][ahead] += rng.uniform(1800.0, 20 * 3600.0, int(ahead.sum()))
    rows = rows[~rows["lost"]]
    again = rows[rng.random(rows.size) < noise.repeated].copy()
    again["sent"] += rng.choice([0.5, 45.0, 3600.0], again.size)
    both = np.concatenate((rows, again))
    return both[np.argsort(both["sent"], kind="stable")]
