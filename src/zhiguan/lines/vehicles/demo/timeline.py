"""What one vehicle does, second by second, and what its terminal says of it: standing, driving, and what goes wrong.

A timeline is written forward (``stand``, ``go``) and then edited (``lose``, ``engine``, ``freeze`` …); ``reports()``
gives the terminal's reports with the edits done. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .roads import Place, RoadNet, Route, drive, park

REPORT = np.dtype(
    [
        ("at", "f8"),  # device time
        ("sent", "f8"),  # when it reaches the platform
        ("lat", "f8"),
        ("lon", "f8"),
        ("kmh", "f4"),
        ("heading", "f4"),
        ("metres", "f8"),  # the terminal's odometer
        ("alarm", "i4"),
        ("on", "?"),  # ignition
        ("fix", "?"),
        ("late", "?"),  # made up in a 0x0704
        ("lost", "?"),
        ("odd", "i1"),  # a fault on the wire, see noise.py
    ]
)
"""One report. ``lat``/``lon`` WGS84 degrees, ``metres`` since the terminal was fitted."""
Rows = NDArray[np.void]
Edit = Callable[[Rows], Rows]
DELAY_S = (1.0, 3.0)


@dataclass(frozen=True)
class Leg:
    """One drive: when and how far."""

    start_s: float
    end_s: float
    metres: float

    def part(self, share: float) -> float:
        """The moment when so much of the time has gone."""
        return self.start_s + (self.end_s - self.start_s) * share


class Timeline:
    """One vehicle from ``start_s`` on, standing at ``where`` at first."""

    def __init__(
        self, net: RoadNet, rng: np.random.Generator, where: Place, start_s: float, *, wired: bool = True,
        every_s: float = 10.0, metres: float = 0.0,
    ) -> None:  # fmt: skip
        self.net, self.rng, self.where, self.clock = net, rng, where, start_s
        self.wired, self.every_s, self.metres = wired, every_s, metres
        self._parts: list[Rows] = []
        self._edits: list[Edit] = []

    # --- forward

    def stand(self, until_s: float, *, every_s: float = 300.0, on: bool = False) -> None:
        """Stand here until then, reporting every so many seconds; ``on``: with the engine running."""
        if until_s <= self.clock:
            return
        told = park(self.where, self.clock, until_s, self.rng, every_s=every_s)
        self._add(
            told.time_s,
            told.lat,
            told.lon,
            told.speed_kmh,
            told.heading_deg,
            on,
            np.full(told.time_s.size, self.metres),
        )
        self.clock = until_s

    def go(
        self, goal: Place, *, every_s: float | None = None, traffic: float = 0.85, limit: float | None = None
    ) -> Leg:
        """Drive to the goal at once; ``limit``: what is driven on ring roads instead of 80 km/h."""
        route = self.net.route(self.where, goal)
        spread = 0.07
        if limit is not None:
            fast = route.limit_kmh >= 80.0
            route = replace(route, limit_kmh=np.where(fast, limit, route.limit_kmh))
            traffic, spread = 1.0, 0.02
        told = drive(route, self.clock, self.rng, every_s or self.every_s, traffic=traffic, spread=spread)
        length = float(route.legs_m.sum())
        share = np.concatenate(([0.0], np.cumsum(np.diff(told.time_s) * (told.speed_kmh[1:] + told.speed_kmh[:-1]))))
        driven = self.metres + length * (share / max(float(share[-1]), 1e-9))
        leg = Leg(self.clock, float(told.time_s[-1]), length)
        self._add(told.time_s, told.lat, told.lon, told.speed_kmh, told.heading_deg, True, driven)
        self.metres += length
        self.clock, self.where = leg.end_s + self.rng.uniform(3.0, 9.0), goal
        return leg

    def _add(self, at, lat, lon, kmh, heading, on, metres) -> None:  # type: ignore[no-untyped-def]
        rows = np.zeros(len(at), REPORT)
        rows["at"], rows["lat"], rows["lon"], rows["kmh"], rows["heading"] = np.round(at), lat, lon, kmh, heading
        rows["on"], rows["fix"], rows["metres"] = on or not self.wired, True, metres
        self._parts.append(rows)

    def route(self, goal: Place) -> Route:
        """The way from here."""
        return self.net.route(self.where, goal)

    # --- afterwards

    def edit(self, change: Edit) -> None:
        """Change the reports when all are made; edits follow each other in the order given."""
        self._edits.append(change)

    def lose(self, from_s: float, to_s: float) -> None:
        """The terminal says nothing in between, and never makes it up."""
        self._set(from_s, to_s, lost=True)

    def blind(self, from_s: float, to_s: float, sent_s: float | None = None) -> None:
        """No network in between: made up in 0x0704 when it is over, or at ``sent_s``."""
        self._set(from_s, to_s, late=True, sent=(sent_s or to_s) + 5.0)

    def engine(self, from_s: float, to_s: float, *, on: bool = True) -> None:
        """The ignition in between."""
        if self.wired:
            self._set(from_s, to_s, on=on)

    def more(self, from_s: float, to_s: float, every_s: float) -> None:
        """More reports of a car that stands, so many seconds apart."""

        def change(rows: Rows) -> Rows:
            at = np.arange(from_s, to_s, every_s)
            before = np.clip(np.searchsorted(rows["at"], at, side="right") - 1, 0, rows.size - 1)
            added = rows[before].copy()
            added["at"], added["sent"], added["kmh"] = np.round(at), 0.0, 0.0
            scatter = self.rng.normal(0.0, 3e-5, (2, at.size))
            added["lat"] += scatter[0]
            added["lon"] += scatter[1]
            both = np.concatenate((rows, added))
            return both[np.argsort(both["at"], kind="stable")]

        self.edit(change)

    def alarm(self, from_s: float, to_s: float, bits: int) -> None:
        """Alarm bits in between."""
        self._set(from_s, to_s, alarm=bits)

    def unfixed(self, from_s: float, to_s: float) -> None:
        """No fix in between: the place told is the last one known."""

        def change(rows: Rows) -> Rows:
            inside = _within(rows, from_s, to_s)
            if inside.any():
                before = max(int(np.argmax(inside)) - 1, 0)
                for name in ("lat", "lon"):
                    rows[name][inside] = rows[name][before]
                rows["fix"][inside], rows["kmh"][inside] = False, 0.0
            return rows

        self.edit(change)

    def freeze(self, from_s: float, to_s: float) -> None:
        """The place stays the same to the last digit; speeds go on."""

        def change(rows: Rows) -> Rows:
            inside = _within(rows, from_s, to_s)
            if inside.any():
                for name in ("lat", "lon"):
                    rows[name][inside] = rows[name][int(np.argmax(inside))]
                rows["kmh"][inside] = np.maximum(rows["kmh"][inside], self.rng.uniform(25, 45, int(inside.sum())))
            return rows

        self.edit(change)

    def shift(self, from_s: float, to_s: float, lat: float, lon: float, most: int) -> None:
        """The first ``most`` places in between are those of elsewhere, so many degrees off."""

        def change(rows: Rows) -> Rows:
            chosen = np.flatnonzero(_within(rows, from_s, to_s))[:most]
            rows["lat"][chosen] += lat
            rows["lon"][chosen] += lon
            return rows

        self.edit(change)

    def double(self, from_s: float, to_s: float, place: Place, every_s: float) -> None:
        """A second terminal with the same number reports from ``place``."""

        def change(rows: Rows) -> Rows:
            told = park(place, from_s + 3.0, to_s, self.rng, every_s=every_s)
            more = np.zeros(told.time_s.size, REPORT)
            more["at"], more["lat"], more["lon"] = np.round(told.time_s), told.lat, told.lon
            more["on"], more["fix"], more["metres"] = True, True, 1e6
            return np.concatenate((rows, more))

        self.edit(change)

    def harsh(self, from_s: float, to_s: float, count: int) -> int:
        """Brake, speed up and turn hard so many times in a drive reported every two seconds; return ``count``."""

        def change(rows: Rows) -> Rows:
            fast = np.flatnonzero(_within(rows, from_s, to_s) & (rows["kmh"] >= 33.0))
            fast = fast[fast + 9 < rows.size]
            spots = [int(fast[0])] if fast.size else []
            for at in fast.tolist():
                spots += [at] if at - spots[-1] >= 10 and len(spots) < count else []
            # held for four seconds, then eased off: a figure for one report alone might be the receiver's
            ramp = np.concatenate(([1.0, 1.0], np.linspace(1.0, 0.0, 7)))
            for number, at in enumerate(spots):
                if number % 3 == 2:
                    rows["heading"][at + 1 : at + 10] += 75.0 * ramp
                else:
                    gone = 31.0 if number % 3 == 0 else -28.0
                    rows["kmh"][at + 1 : at + 10] = np.maximum(rows["kmh"][at] - gone * ramp, 1.0)
            rows["heading"] %= 360.0
            return rows

        self.edit(change)
        return count

    def wander(self, from_s: float, to_s: float, reach_m: float, phantom_kmh: float) -> None:
        """A receiver between high buildings: the place drifts away and back, some speeds are made up."""

        def change(rows: Rows) -> Rows:
            inside = np.flatnonzero(_within(rows, from_s, to_s))
            if inside.size:
                bow = np.sin(np.linspace(0.0, np.pi, inside.size)) * reach_m / 111_195.0
                turn = self.rng.uniform(0.0, 2.0 * np.pi)
                rows["lat"][inside] += bow * np.cos(turn)
                rows["lon"][inside] += bow * np.sin(turn) / 0.855
                told = self.rng.random(inside.size) < 0.4
                rows["kmh"][inside[told]] = self.rng.uniform(0.5, phantom_kmh, int(told.sum()))
            return rows

        self.edit(change)

    def _set(self, from_s: float, to_s: float, **values: object) -> None:
        def change(rows: Rows) -> Rows:
            inside = _within(rows, from_s, to_s)
            for name, value in values.items():
                rows[name][inside] = value
            return rows

        self.edit(change)

    def reports(self) -> Rows:
        """All reports by device time, the edits done; what is ``lost`` is still in."""
        rows = np.concatenate(self._parts) if self._parts else np.zeros(0, REPORT)
        rows["sent"] = rows["at"] + self.rng.uniform(*DELAY_S, rows.size)
        for change in self._edits:
            rows = change(rows)
        missing = rows["sent"] == 0.0
        rows["sent"][missing] = rows["at"][missing] + 2.0
        return rows[np.argsort(rows["at"], kind="stable")]


def _within(rows: Rows, from_s: float, to_s: float) -> NDArray[np.bool_]:
    return (rows["at"] >= from_s) & (rows["at"] <= to_s)
