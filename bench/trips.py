"""Speed of trip and stop detection, against a plain per-point loop over the same points in the same run.

`python bench/trips.py [VEHICLES]` prints JSON Lines {"name","value","unit","baseline","ratio"}. The loop is the
textbook stay-point method (an anchor, and all points near it). It does less: no cleaning, ordering, speeds or gaps.
"""

import json
import sys
import time
from math import asin, cos, radians, sin, sqrt

import numpy as np

from zhiguan.kernel.geo.service import from_plane
from zhiguan.lines.vehicles.domain.trips import detect_many

POINTS_PER_VEHICLE = (
    2000  # a day: 4 drives of an hour reporting every 10 s, the rest parked reporting every 130 s or so
)
BASELINE_VEHICLES = 40


def fleet(vehicles: int, seed: int = 7) -> tuple[np.ndarray, ...]:
    """Columns vehicle, time, lat, lon, speed: drives on a square grid between stays, ordered by vehicle and time."""
    rng = np.random.default_rng(seed)
    n = POINTS_PER_VEHICLE
    driving = (np.arange(n) % 500) >= 140
    step_s = np.where(driving, 10.0, 130.0)
    moment = 1_700_000_000.0 + np.cumsum(step_s)
    speed = np.where(driving, rng.uniform(0.0, 70.0, (vehicles, n)), 0.0)
    leg = rng.integers(0, 4, (vehicles, n // 20 + 1)).repeat(20, axis=1)[:, :n] * (np.pi / 2.0)
    east = np.cumsum(speed / 3.6 * 10.0 * np.cos(leg), axis=1) + rng.normal(0.0, 5.0, (vehicles, n))
    north = np.cumsum(speed / 3.6 * 10.0 * np.sin(leg), axis=1) + rng.normal(0.0, 5.0, (vehicles, n))
    lat, lon = from_plane(east, north, 31.2, 121.5)
    return np.arange(vehicles).repeat(n), np.tile(moment, vehicles), lat.ravel(), lon.ravel(), speed.ravel()


def plain_loop(vehicle: list, moment: list, lat: list, lon: list) -> tuple[int, int]:
    """(stops, trips) one point after another: 300 s within 60 m of a stay's first point; 200 m between."""

    def metres(i: int, j: int) -> float:
        a, b = radians(lat[i]), radians(lat[j])
        h = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lon[j] - lon[i]) / 2) ** 2
        return 12_742_017.6 * asin(sqrt(h))

    stops = trips = 0
    i, n, driven = 0, len(moment), 0.0
    while i < n:
        j = i + 1
        while j < n and vehicle[j] == vehicle[i] and metres(i, j) <= 60.0:
            j += 1
        if moment[j - 1] - moment[i] >= 300.0:
            stops += 1
            trips += driven >= 200.0
            driven = 0.0
            i = j
        elif i + 1 < n and vehicle[i + 1] == vehicle[i]:
            driven += metres(i, i + 1)
            i += 1
        else:
            trips += driven >= 200.0
            driven = 0.0
            i += 1
    return stops, trips


def main() -> None:
    vehicles = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    columns = fleet(vehicles)
    detect_many(*(c[: 20 * POINTS_PER_VEHICLE] for c in columns))
    begun = time.perf_counter()
    tracks = detect_many(*columns)
    ours = columns[0].size / (time.perf_counter() - begun)

    few = [c[: BASELINE_VEHICLES * POINTS_PER_VEHICLE].tolist() for c in columns[:4]]
    begun = time.perf_counter()
    stops, trips = plain_loop(*few)
    plain = len(few[0]) / (time.perf_counter() - begun)

    shuffled = np.random.default_rng(1).permutation(columns[0].size)
    mixed = [c[shuffled] for c in columns]
    begun = time.perf_counter()
    detect_many(*mixed)
    unordered = columns[0].size / (time.perf_counter() - begun)

    def figure(name: str, value: float, unit: str, baseline: float) -> None:
        print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3),
                          "ratio": round(value / baseline, 2)}))  # fmt: skip

    figure("trips.detect", ours, "points/s", plain)
    figure("trips.detect_unordered", unordered, "points/s", plain)
    figure("trips.trips_per_vehicle_day", tracks.trips.size / vehicles, "trips", trips / BASELINE_VEHICLES)
    figure("trips.stops_per_vehicle_day", tracks.stops.size / vehicles, "stops", stops / BASELINE_VEHICLES)


if __name__ == "__main__":
    main()
