"""Trips and stops on recorded tracks against trackintel and movingpandas: F1 against labels of others, and speed.

    pip install -e '.[bench]'; python bench/trips_judged.py [--tracks FOLDER]

What is true is told by neither library: a taxi's meter says when it had a passenger, a person when they rode a bicycle.
Besides, how far ours and movingpandas agree with the 22 legs and 22 stays that trackintel's authors assert of two people
(trackintel itself is no judge there). Every library gets the same positions, without speeds, and the
best of four settings; ours its defaults on the taxi, the better of two on people, who walk shorter ways. Prints one JSON line per figure: ``name``, ``value``, ``unit``, ``baseline``,
``ratio`` (ours by theirs). Without the libraries or the tracks it says so and ends.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from zhiguan.lines.vehicles.domain.track_points import TripPolicy
from zhiguan.lines.vehicles.domain.trips import detect, detect_many

SHARED = Path(os.environ.get("ZHIGUAN_SHARED", Path(__file__).resolve().parents[2] / "shared"))
STAY_S = 300.0
DRIVEN, ON_FOOT = TripPolicy(), TripPolicy(min_trip_m=100.0)
Spans = list[tuple[float, float]]
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Seconds, latitude, longitude of one person or car."""
Method = Callable[[Columns], tuple[Spans, Spans]]
"""Positions -> trips, stops."""


def say(name: str, value: float, unit: str, baseline: float, said: str) -> None:
    line = {"name": f"trips_judged.{name}", "value": round(value, 3), "unit": unit, "baseline": said,
            "baseline_value": round(baseline, 3), "ratio": round(value / baseline, 3) if baseline else None}  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def ours(columns: Columns, policy: TripPolicy = DRIVEN) -> tuple[Spans, Spans]:
    track = detect(*columns, policy=policy)
    return tuple(
        [(row.start_at.timestamp(), row.end_at.timestamp()) for row in rows] for rows in (track.trips, track.stops)
    )


def _spans(rows: object, start: str, end: str) -> Spans:
    return [(a.timestamp(), b.timestamp()) for a, b in zip(rows[start], rows[end], strict=True)]


def trackintel(metres: float) -> Method:
    import geopandas
    import pandas
    import trackintel as ti

    def found(columns: Columns) -> tuple[Spans, Spans]:
        at, lat, lon = columns
        table = geopandas.GeoDataFrame(
            {"user_id": 0, "tracked_at": pandas.to_datetime(at, unit="s", utc=True)},
            geometry=geopandas.points_from_xy(lon, lat), crs="EPSG:4326",
        )  # fmt: skip
        fixes = ti.Positionfixes(table)
        fixes, stays = fixes.generate_staypoints(
            method="sliding",
            distance_metric="haversine",
            dist_threshold=metres,
            time_threshold=STAY_S / 60,
            include_last=True,
        )
        if not len(stays):  # the library cannot cut legs without a stay
            return [(float(at[0]), float(at[-1]))], []
        fixes, legs = fixes.generate_triplegs(stays, method="between_staypoints")
        return _spans(legs, "started_at", "finished_at"), _spans(stays, "started_at", "finished_at")

    return found


def movingpandas(metres: float) -> Method:
    import movingpandas as mpd
    import pandas

    def found(columns: Columns) -> tuple[Spans, Spans]:
        at, lat, lon = columns
        table = pandas.DataFrame({"t": pandas.to_datetime(at, unit="s"), "x": lon, "y": lat, "id": 0})
        whole = mpd.TrajectoryCollection(table, traj_id_col="id", t="t", x="x", y="y", crs="EPSG:4326")
        parts = mpd.ObservationGapSplitter(whole).split(gap=timedelta(minutes=30))
        given = {"max_diameter": metres, "min_duration": timedelta(seconds=STAY_S)}
        stops = [(each.t_0, each.t_n) for each in mpd.TrajectoryStopDetector(parts).get_stop_time_ranges(**given)]
        trips = [(each.get_start_time(), each.get_end_time()) for each in mpd.StopSplitter(parts).split(**given)]
        return tuple(
            [(a.replace(tzinfo=UTC).timestamp(), b.replace(tzinfo=UTC).timestamp()) for a, b in rows]
            for rows in (trips, stops)
        )

    return found


def common(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Common time divided by joint time."""
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared / (max(a[1], b[1]) - min(a[0], b[0])) if shared > 0 else 0.0


def f1(found: Spans, true: Spans) -> float:
    """Pairs matched one to one, best first, that share at least half of their joint time."""
    pairs = sorted(((common(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)), reverse=True)
    used_found, used_true = set(), set()
    for share, i, j in pairs:
        if share >= 0.5 and i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
    return 2 * len(used_found) / (len(found) + len(true)) if found or true else 1.0


def covered(found: Spans, true: Spans) -> float:
    """Share of the true time that was found."""
    hit = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in found for b in true)
    return hit / sum(b - a for a, b in true)


def runs(mask: np.ndarray, at: np.ndarray, least: float) -> Spans:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int))).reshape(-1, 2)
    return [(at[a], at[b - 1]) for a, b in edges if at[b - 1] - at[a] >= least]


def taxi(folder: Path) -> tuple[Columns, Spans]:
    """Positions, and rides with a passenger by the meter. (By its speed sensor it never stood for five minutes.)"""
    with (folder / "shanghai_taxi_26834_2015-04-01.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    beijing = timezone(timedelta(hours=8))
    at = np.array([datetime.fromisoformat(r["time_local"]).replace(tzinfo=beijing).timestamp() for r in rows])
    lat, lon = (np.array([float(r[c]) for r in rows]) for c in ("latitude", "longitude"))
    order = np.argsort(at, kind="stable")
    order = order[np.concatenate(([True], np.diff(at[order]) > 0))]
    occupied = np.array([r["vacant"] == "0" for r in rows])[order]
    return (at[order], lat[order], lon[order]), runs(occupied, at[order], 180.0)


def labelled(folder: Path) -> Spans:
    """The labelled trips of user 020 that have enough points to be one: a ride of 13 minutes."""
    with (folder / "geolife_mode_labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["points_inside"]) > 100]
    return [tuple(datetime.fromisoformat(row[name]).timestamp() for name in ("start_utc", "end_utc")) for row in rows]


def walkers(folder: Path) -> dict[str, Columns]:
    table = parquet.read_table(folder / "geolife_points.parquet")
    users = np.array(table["user"].to_pylist())
    at = table["time_utc"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    found = {}
    for user in np.unique(users).tolist():
        own = np.flatnonzero(users == user)
        own = own[np.argsort(at[own], kind="stable")]
        own = own[np.concatenate(([True], np.diff(at[own]) > 0))]
        found[user] = (at[own], lat[own], lon[own])
    return found


def asserted(folder: Path) -> tuple[dict[str, Spans], dict[str, Spans]]:
    """Trip legs and stays that trackintel's authors assert, by user."""
    legs: dict[str, Spans] = {}
    stays: dict[str, Spans] = {}
    with (folder / "trackintel_results/geolife_sp_tpls.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            span = tuple(datetime.fromisoformat(row[name]).timestamp() for name in ("started_at", "finished_at"))
            (legs if row["type"] == "tripleg" else stays).setdefault(f"00{row['user_id']}", []).append(span)
    return legs, stays


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, default=SHARED / "data/trajectories")
    folder = parser.parse_args().tracks
    missing = [name for name in ("trackintel", "movingpandas") if importlib.util.find_spec(name) is None]
    if missing or not folder.exists():
        why = f"{', '.join(missing)} not installed: pip install -e '.[bench]'" if missing else f"no tracks at {folder}"
        print(f"trips_judged: skipped, {why}", file=sys.stderr)
        return 0
    warnings.filterwarnings("ignore")
    settings = (30.0, 60.0, 100.0, 200.0)
    others = {"trackintel": [trackintel(m) for m in settings], "movingpandas": [movingpandas(m) for m in settings]}
    (car, rides), people, labels = taxi(folder), walkers(folder), labelled(folder)

    def judged(method: Method) -> dict[str, float]:
        ridden = method(people["020"])[0]
        return {"taxi_rides_covered": covered(method(car)[0], rides),
                "labelled_ride_overlap": max((common(trip, labels[0]) for trip in ridden), default=0.0)}  # fmt: skip

    mine = judged(ours)
    for name, methods in others.items():
        theirs = [judged(method) for method in methods]
        for figure, value in mine.items():
            say(
                f"{figure}.{name}",
                value,
                "",
                max(each[figure] for each in theirs),
                f"{name}, best of {len(settings)} settings",
            )

    legs, sojourns = asserted(folder)

    def agreement(method: Method) -> dict[str, float]:
        scores = {"trips": [], "stops": []}
        for user in ("000", "001"):
            at, lat, lon = people[user]
            known = [*legs[user], *sojourns[user]]
            inside = (at >= min(a for a, _ in known)) & (at <= max(b for _, b in known))
            trips, stops = method((at[inside], lat[inside], lon[inside]))
            scores["trips"].append(f1(trips, legs[user]))
            scores["stops"].append(f1(stops, sojourns[user]))
        return {name: float(np.mean(values)) for name, values in scores.items()}

    ways = [agreement(ours), agreement(lambda columns: ours(columns, ON_FOOT))]
    mine = {figure: max(each[figure] for each in ways) for figure in ways[0]}
    theirs = [agreement(method) for method in others["movingpandas"]]
    for figure, value in mine.items():
        best = max(each[figure] for each in theirs)
        say(f"agrees_with_trackintel.{figure}_f1", value, "", best, f"movingpandas, best of {len(settings)} settings")

    number = np.concatenate([np.full(columns[0].size, n) for n, columns in enumerate(people.values())])
    at, lat, lon = (np.concatenate(values) for values in zip(*people.values(), strict=True))
    rates = {}
    for name, work in (
        ("ours", lambda: detect_many(number, at, lat, lon)),
        *((name, lambda m=methods[2]: [m(columns) for columns in people.values()]) for name, methods in others.items()),
    ):
        busy = time.process_time()
        work()
        rates[name] = at.size / (time.process_time() - busy)
    for name in others:
        say(f"speed.{name}", rates["ours"], "points/s of CPU time", rates[name], name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
