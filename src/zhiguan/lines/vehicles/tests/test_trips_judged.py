"""Trip detection against recorded tracks with results asserted by others; rule and figures are in docs/trips.md."""

import csv
import itertools
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.lines.vehicles.domain.track_points import TripPolicy
from zhiguan.lines.vehicles.domain.trips import detect

SHARED = Path(os.environ.get("ZHIGUAN_SHARED", Path(__file__).resolve().parents[6] / "shared"))
TRACKS = SHARED / "data/trajectories"
needs_tracks = pytest.mark.skipif(
    not TRACKS.exists(), reason=f"{TRACKS} is not here; set ZHIGUAN_SHARED to the folder with the shared test data"
)
# People on foot take shorter ways than official cars; the reference counts legs of less than 200 m.
ON_FOOT = TripPolicy(min_trip_m=100.0)


def _read(name):
    with (TRACKS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _epoch(text):
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@pytest.fixture(scope="module")
def walkers():
    """user -> columns time, lat, lon of the recorded points."""
    table = parquet.read_table(TRACKS / "geolife_points.parquet")
    users = np.array(table["user"].to_pylist())
    time = table["time_utc"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    return {user: (time[users == user], lat[users == user], lon[users == user]) for user in np.unique(users).tolist()}


def overlap(a, b):
    """Common time divided by joint time of two (start, end)."""
    common = min(a[1], b[1]) - max(a[0], b[0])
    return common / (max(a[1], b[1]) - min(a[0], b[0])) if common > 0 else 0.0


def matched(found, true):
    """How many pairs match one to one: best overlap first, at least half of the joint time in common."""
    pairs = sorted(((overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)), reverse=True)
    used_found, used_true = set(), set()
    for share, i, j in pairs:
        if share >= 0.5 and i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
    return len(used_found)


def scores(walkers, kind, policy, rows):
    """(precision, recall, F1) of `kind` ("trips" or "stops") over users 000 and 001, the days the reference covers."""
    hits = found_count = true_count = 0
    covered = _read("trackintel_results/geolife_sp_tpls.csv")
    for user in ("0", "1"):
        span = [(_epoch(r["started_at"]), _epoch(r["finished_at"])) for r in covered if r["user_id"] == user]
        low, high = min(s for s, _ in span), max(e for _, e in span)
        true = [(_epoch(r["started_at"]), _epoch(r["finished_at"])) for r in rows if r["user_id"] == user]
        time, lat, lon = walkers[f"00{user}"]
        inside = (time >= low) & (time <= high)
        track = detect(time[inside], lat[inside], lon[inside], policy=policy)
        found = [(row.start_at.timestamp(), row.end_at.timestamp()) for row in getattr(track, kind)]
        hits, found_count, true_count = hits + matched(found, true), found_count + len(found), true_count + len(true)
    precision, recall = hits / found_count, hits / true_count
    return precision, recall, 2 * precision * recall / (precision + recall)


@needs_tracks
@pytest.mark.parametrize(
    ("kind", "reference", "policy", "precision", "f1"),
    [
        ("stops", "staypoint", TripPolicy(), 0.80, 0.70),
        ("stops", "staypoint", ON_FOOT, 0.80, 0.75),
        ("trips", "tripleg", TripPolicy(), 0.90, 0.70),
        ("trips", "tripleg", ON_FOOT, 0.80, 0.80),
    ],
)
def test_stays_and_legs_of_trackintel(walkers, kind, reference, policy, precision, f1):
    rows = [r for r in _read("trackintel_results/geolife_sp_tpls.csv") if r["type"] == reference]
    assert len(rows) == 22
    found = scores(walkers, kind, policy, rows)
    assert found[0] >= precision and found[2] >= f1, found


@needs_tracks
def test_trips_of_trackintel_between_stays_of_a_quarter_hour(walkers):
    """trackintel's trips join legs over stays of less than 15 minutes, which is dwell_s = 900 here."""
    rows = _read("trackintel_results/geolife_trips.csv")
    found = scores(walkers, "trips", TripPolicy(min_trip_m=100.0, dwell_s=900.0), rows)
    assert found[2] >= 0.75, found


@needs_tracks
def test_labelled_ride_is_one_trip(walkers):
    """Of the three labelled trips one has its points (583 of 13 minutes); the walk is shorter than a trip's 180 s."""
    labels = [r for r in _read("geolife_mode_labels.csv") if int(r["points_inside"]) > 100]
    assert [r["mode"] for r in labels] == ["bike"]
    trips = [(t.start_at.timestamp(), t.end_at.timestamp()) for t in detect(*walkers["020"]).trips]
    true = (_epoch(labels[0]["start_utc"]), _epoch(labels[0]["end_utc"]))
    assert max(overlap(trip, true) for trip in trips) > 0.95


@needs_tracks
def test_every_walker_is_answered_in_order(walkers):
    for columns in walkers.values():
        track = detect(*columns)
        parts = sorted((r.start_at, r.end_at) for r in [*track.trips, *track.stops, *track.gaps])
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(parts))
        assert sum(track.dropped.values()) < 0.005 * columns[0].size


@needs_tracks
def test_taxi_rides_lie_within_trips():
    """A taxi with a passenger is under way: its occupied rides are neither cut by stops nor outside trips."""
    rows = _read("shanghai_taxi_26834_2015-04-01.csv")
    beijing = timezone(timedelta(hours=8))
    time = np.array([datetime.fromisoformat(r["time_local"]).replace(tzinfo=beijing).timestamp() for r in rows])
    lat, lon, speed = (np.array([float(r[c]) for r in rows]) for c in ("latitude", "longitude", "speed_kmh"))
    track = detect(time, lat, lon, speed)
    occupied = np.array([r["vacant"] == "0" for r in rows])
    edges = np.flatnonzero(np.diff(np.concatenate(([False], occupied, [False])).astype(int))).reshape(-1, 2)
    rides = [(time[a], time[b - 1]) for a, b in edges if time[b - 1] - time[a] >= 180]
    trips = [(t.start_at.timestamp(), t.end_at.timestamp()) for t in track.trips]
    assert len(rides) > 10
    within = sum(any(t[0] <= ride[0] and ride[1] <= t[1] for t in trips) for ride in rides)
    assert within / len(rides) >= 0.95
    assert track.dropped.keys() <= {"duplicate"}
    straight = haversine_m(lat[:-1], lon[:-1], lat[1:], lon[1:]).sum()
    assert 0.95 * straight < sum(t.distance_m for t in track.trips) <= straight
