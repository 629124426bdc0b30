"""Tracks that also tell of engine, alarms, headings and silence, and asking the rules about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kernel.telemetry.columns import LOCATED, POSITION, Block, digests
from zhiguan.lines.vehicles.domain import driving

from .tracks import HOME, WORKDAY, Place, Track, write

Span = tuple[datetime, datetime]


class Told(Track):
    """A track whose reports carry more: ``told(start, end, alarm=…, status=…, heading=…)`` sets it for a span of time."""

    def __init__(self, where: Place = HOME) -> None:
        super().__init__(where)
        self.words: list[tuple[float, float, dict[str, int]]] = []
        self.blind: list[tuple[float, float, float]] = []

    def told(self, start: datetime, end: datetime, **words: int) -> Told:
        """What the reports of ``[start, end]`` carry: columns of POSITION."""
        self.words.append((start.timestamp(), end.timestamp(), words))
        return self

    def silent(self, start: datetime, end: datetime) -> Told:
        """Leave the reports of a span out."""
        self.rows = [row for row in self.rows if not start.timestamp() < row[0] < end.timestamp()]
        return self

    def block(self, source: int) -> Block:
        block = super().block(source)
        rows = block.rows
        rows["status"] = LOCATED | (rows["speed"] > 0)
        seconds = rows["at"] / 1e6
        for start, end, words in self.words:
            which = (seconds >= start) & (seconds <= end)
            for name, value in words.items():
                rows[name][which] = value
        rows["digest"] = digests(rows, [None] * rows.size)
        return Block(rows, [None] * rows.size)


def raw(source: int, rows: Iterable[tuple[datetime, Place, float, dict[str, int]]]) -> Block:
    """Reports one by one: moment, place, km/h, other columns."""
    table = list(rows)
    found = np.zeros(len(table), POSITION)
    for row, (moment, place, kmh, words) in zip(found, table, strict=True):
        row["source_id"], row["at"] = source, round(moment.timestamp() * 1e6)
        row["received_at"] = row["at"] + 2_000_000
        row["lat"], row["lon"] = round(place[0] * 1e6), round(place[1] * 1e6)
        row["speed"], row["status"], row["mileage_m"] = round(kmh * 10), LOCATED | (kmh > 0), -1
        for name, value in words.items():
            row[name] = value
    found["digest"] = digests(found, [None] * found.size)
    return Block(found, [None] * found.size)


class Judge:
    """One car: writes its tracks, computes its days, asks the rules."""

    def __init__(self, make_car: Any) -> None:
        self._make = make_car
        self._car: tuple[Any, int] | None = None

    @property
    def pair(self) -> tuple[Any, int]:
        if self._car is None:
            self._car = self._make()
        return self._car

    @property
    def car(self) -> Any:
        return self.pair[0]

    def write(self, *tracks: Track | Block) -> None:
        write(*(track.block(self.pair[1]) if isinstance(track, Track) else track for track in tracks))

    def day(self, *tracks: Track | Block, day: date = WORKDAY, days: int = 1, now: datetime | None = None) -> set[str]:
        """Return the rules (without ``vehicles.``) that found something on ``day`` and did not withdraw it."""
        self.write(*tracks)
        for number in range(days):
            driving.compute_day([self.car], day + timedelta(days=number))
        return self.again(day=day, days=days, now=now)

    def again(self, *, day: date = WORKDAY, days: int = 1, now: datetime | None = None) -> set[str]:
        """Judge computed days."""
        results = supervision.run_dirty(
            "vehicles", subjects=[self.car], start=day, end=day + timedelta(days=days), now=now
        )
        failed = {code: result.error for code, result in results.items() if result.error}
        assert not failed, failed
        return self.found(day.isoformat())

    def found(self, period: str) -> set[str]:
        rows = Finding.objects.filter(subject_id=self.car.pk, period=period).exclude(state="withdrawn")
        return {rule.removeprefix("vehicles.") for rule in rows.values_list("rule", flat=True)}

    def finding(self, rule: str) -> Finding:
        return Finding.objects.get(rule=f"vehicles.{rule}", subject_id=self.car.pk)

    def figures(self, rule: str) -> dict[str, Any]:
        """Return the finding's figures, having checked what every evidence must hold."""
        evidence = self.finding(rule).evidence
        assert 0.0 < evidence["confidence"] <= 1.0
        assert evidence["vehicle"] == self.car.pk and evidence["timeline"]
        assert all(each["citation"] and each["verified"] is False for each in evidence["thresholds"])
        return {each["name"]: each["value"] for each in evidence["figures"]}
