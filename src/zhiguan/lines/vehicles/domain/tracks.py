"""What comes out of trip detection: rows for people and rules (Trip, Stop, Gap), tables for whole fleets (Tracks)."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Trip:
    """A drive from one standing place to another. `open_*`: the track begins or ends on the way."""

    start_at: datetime
    end_at: datetime
    start_lat: float
    start_lon: float
    end_lat: float
    end_lon: float
    distance_m: float
    point_count: int
    max_speed_kmh: float
    moving_s: float
    silent_s: (
        float  # part of the time in silences of at least dwell_s (tunnels, lost signal), driven in a straight line here
    )
    open_start: bool
    open_end: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """A stay at one place. `open_*`: it may have begun before, or go on after, the points given."""

    start_at: datetime
    end_at: datetime
    lat: float
    lon: float
    radius_m: float
    point_count: int
    displaced_m: float  # > 0: the stay ended in silence, and the vehicle was next seen this far away
    open_start: bool
    open_end: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence during which the vehicle went so far that it neither stood nor can be said to have made one trip."""

    start_at: datetime
    end_at: datetime
    start_lat: float
    start_lon: float
    end_lat: float
    end_lon: float
    distance_m: float


@dataclass(frozen=True, slots=True)
class Track:
    """What one vehicle did, each list in order of time; `dropped` counts the points left out by reason."""

    trips: list[Trip]
    stops: list[Stop]
    gaps: list[Gap]
    dropped: dict[str, int]


def _dtype(row: type) -> np.dtype[Any]:
    kinds = {datetime: "f8", float: "f8", int: "i8", bool: "?"}
    return np.dtype([("vehicle", "i8"), *((f.name, kinds[f.type]) for f in fields(row))])  # type: ignore[index]


TABLES: dict[str, tuple[type, np.dtype[Any]]] = {
    name: (row, _dtype(row)) for name, row in (("trips", Trip), ("stops", Stop), ("gaps", Gap))
}


@dataclass(frozen=True, slots=True)
class Tracks:
    """What many vehicles did: structured arrays of `vehicle` (integer) and the fields of Trip, Stop, Gap.

    Moments are epoch seconds; rows are ordered by vehicle, then start. `dropped` counts points by (vehicle, reason);
    `drop` says of each point given, in order of vehicle, why it was left out (`track_points.Drop`, 0: it was not).
    """

    vehicles: NDArray[np.int64]
    trips: NDArray[Any]
    stops: NDArray[Any]
    gaps: NDArray[Any]
    dropped: dict[tuple[int, str], int]
    drop: NDArray[np.int8]

    def by_vehicle(self) -> Iterator[tuple[int, Track]]:
        """(vehicle, Track) in order of vehicle, vehicles without any trip or stop included."""
        edges = {
            name: np.searchsorted(getattr(self, name)["vehicle"], np.append(self.vehicles, np.iinfo(np.int64).max))
            for name in TABLES
        }
        reasons: dict[int, dict[str, int]] = {}
        for (vehicle, reason), count in self.dropped.items():
            reasons.setdefault(vehicle, {})[reason] = count
        for n, vehicle in enumerate(self.vehicles.tolist()):
            lists = [
                _rows(row, getattr(self, name)[edges[name][n] : edges[name][n + 1]])
                for name, (row, _) in TABLES.items()
            ]
            yield vehicle, Track(*lists, dropped=reasons.get(vehicle, {}))


def _rows(row: type, table: NDArray[Any]) -> list[Any]:
    made = []
    for _, start_s, end_s, *rest in table.tolist():
        made.append(row(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC), *rest))
    return made
