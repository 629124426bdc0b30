"""What a simulated vehicle does next: it stands a while, drives somewhere, stands again, at any hour of the day."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zhiguan.kernel.geo.service import haversine_m

from .roads import Drive, Place, RoadNet, drive, park

INNER = ("310101", "310104", "310105", "310106", "310107", "310109", "310110", "310115", "310112", "310113")
"""Districts to which invented drives go."""
GOALS = 160
NEAR_M, FAR_M = 2_000.0, 16_000.0
HOME_SHARE = 0.25
BLIND_SHARE = 0.08
"""Share of drives that pass a place without mobile network."""
STAND_S = (120.0, 900.0)


class Clock:
    """Simulated time: real time, or from ``since_s`` on ``speed`` times as fast until it has caught up with it."""

    def __init__(self, speed: float = 1.0, since_s: float | None = None) -> None:
        self.began = time.time()
        self.speed = speed
        self.since_s = self.began if since_s is None else since_s

    def now(self) -> float:
        """Seconds since 1970 (UTC); never ahead of real time, because receivers refuse reports from the future."""
        real = time.time()
        return min(real, self.since_s + (real - self.began) * self.speed)

    def wait(self, until_s: float) -> float:
        """Real seconds until the simulated moment comes; at most 0 when it is over."""
        return max(until_s, self.began + (until_s - self.since_s) / self.speed) - time.time()


@dataclass(frozen=True, slots=True)
class Leg:
    """One stay or one drive. ``blind``: first and last+1 report that cannot be sent at once."""

    reports: Drive
    moving: bool
    blind: tuple[int, int] = (0, 0)


def goals(net: RoadNet, seed: int) -> tuple[Place, ...]:
    """Return the places to which all vehicles drive; few, so that the ways to them are worked out once."""
    rng = np.random.default_rng([seed, 7])
    return tuple(net.place_in(INNER[number % len(INNER)], rng) for number in range(GOALS))


class Itinerary:
    """The legs of one vehicle, one after the other; the same random numbers give the same legs."""

    def __init__(
        self, net: RoadNet, places: Sequence[Place], home: Place, where: Place, rng: np.random.Generator
    ) -> None:
        self.net, self.places, self.home, self.where, self.rng = net, places, home, where, rng
        self.stand_next = bool(rng.random() < 0.35)

    def next_leg(self, start_s: float) -> Leg:
        """Return what the vehicle does from ``start_s`` on. Takes some milliseconds: not for an event loop."""
        stand, self.stand_next = self.stand_next, not self.stand_next
        if stand:
            every = float(self.rng.uniform(30.0, 60.0))
            length = float(self.rng.uniform(*STAND_S))
            return Leg(park(self.where, start_s, start_s + length, self.rng, every_s=every), moving=False)
        goal = self._goal()
        hour = time.gmtime(start_s + 8 * 3600).tm_hour
        pace = 0.65 if hour in (7, 8, 17, 18) else 0.85
        reports = drive(self.net.route(self.where, goal), start_s, self.rng, every_s=10.0, traffic=pace)
        self.where = goal
        return Leg(reports, True, self._blind(reports.time_s.size))

    def _goal(self) -> Place:
        if self.where != self.home and self.rng.random() < HOME_SHARE:
            return self.home
        lat, lon = np.array(self.places).T
        metres = haversine_m(lat, lon, *self.where)
        near = np.flatnonzero((metres > NEAR_M) & (metres < FAR_M))
        chosen = self.rng.choice(near) if near.size else int(np.argmin(np.where(metres > NEAR_M, metres, np.inf)))
        return self.places[int(chosen)]

    def _blind(self, count: int) -> tuple[int, int]:
        if count < 40 or self.rng.random() >= BLIND_SHARE:
            return (0, 0)
        first = int(self.rng.integers(5, count - 25))
        return (first, first + int(self.rng.integers(6, 19)))
