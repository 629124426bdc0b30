"""Tracks of which everything is known: where a vehicle stood, when it drove, how far; written as the gateway would."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.telemetry.columns import LOCATED, POSITION, Block, digests
from zhiguan.kernel.telemetry.ingest import Writer

SHANGHAI = ZoneInfo("Asia/Shanghai")
Place = tuple[float, float]
HOME: Place = (31.23, 121.47)
METRE_LAT = 1 / 111_195.0
"""Degrees of latitude in a metre, on the sphere that distances are measured on."""
WORKDAY, SATURDAY = date(2026, 3, 4), date(2026, 3, 7)
HOLIDAY, SWAP = date(2026, 2, 18), date(2026, 2, 28)
"""春节 on a Wednesday, and a Saturday worked instead."""
DAYS = [date(2026, 2, 17) + timedelta(days=number) for number in range(20)]


def at(day: date, clock: str) -> datetime:
    """The local moment ``08:30`` or ``08:30:15`` of a day; ``24:00`` is the next midnight."""
    if clock.startswith("24:00"):
        return datetime.combine(day + timedelta(days=1), time.min, SHANGHAI)
    return datetime.combine(day, time.fromisoformat(clock), SHANGHAI)


def north(place: Place, metres: float) -> Place:
    return place[0] + metres * METRE_LAT, place[1]


class Track:
    """A vehicle's reports, in the order in which they are told."""

    def __init__(self, where: Place = HOME) -> None:
        self.where = where
        self.rows: list[tuple[float, float, float, float]] = []

    def stand(self, start: datetime, end: datetime, every_s: float = 60) -> Track:
        for second in np.arange(start.timestamp(), end.timestamp(), every_s):
            self.rows.append((float(second), *self.where, 0.0))
        return self

    def drive(self, goal: Place, start: datetime, kmh: float = 36.0, every_s: float = 10) -> datetime:
        """Drive in a straight line at one speed; return the moment of arrival."""
        seconds = float(haversine_m(*self.where, *goal)) / kmh * 3.6
        for second in np.arange(0.0, seconds, every_s):
            part = second / seconds
            lat, lon = (a + (b - a) * part for a, b in zip(self.where, goal, strict=True))
            self.rows.append((start.timestamp() + second, lat, lon, kmh))
        self.where = goal
        return start + timedelta(seconds=seconds)

    def report(self, moment: datetime, place: Place, kmh: float = 0.0) -> Track:
        self.rows.append((moment.timestamp(), *place, kmh))
        return self

    def outing(
        self, day: date, goal: Place, depart: str, back: str, until: str = "24:00", since: str = "00:00"
    ) -> Track:
        """A day from ``since`` on: stand at home, drive to ``goal`` at ``depart`` and home at ``back``, stand ``until``."""
        home = self.where
        self.stand(at(day, since), at(day, depart))
        self.stand(self.drive(goal, at(day, depart)), at(day, back))
        return self.stand(self.drive(home, at(day, back)), at(day, until))

    def block(self, source: int) -> Block:
        rows = np.zeros(len(self.rows), POSITION)
        seconds, lat, lon, speed = np.array(self.rows, dtype=np.float64).reshape(-1, 4).T
        rows["source_id"], rows["at"] = source, np.round(seconds * 1e6)
        rows["received_at"] = rows["at"] + 2_000_000
        rows["lat"], rows["lon"] = np.round(lat * 1e6), np.round(lon * 1e6)
        rows["speed"], rows["status"], rows["mileage_m"] = np.round(speed * 10), LOCATED | 1, -1
        rows["digest"] = digests(rows, [None] * rows.size)
        return Block(rows, [None] * rows.size)


def write(*blocks: Block) -> int:
    """Commit the blocks as the ingest role; return how many rows were new."""
    from django.conf import settings

    async def run() -> int:
        writer = Writer(settings.DATABASE_INGEST_URL, lanes=1)
        try:
            return sum([await writer.commit(block) for block in blocks])
        finally:
            await writer.close()

    return asyncio.run(asyncio.wait_for(run(), 60))
