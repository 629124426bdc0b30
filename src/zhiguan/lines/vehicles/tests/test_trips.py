import io
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.geo.service import from_plane, haversine_m
from zhiguan.lines.vehicles.domain.track_points import Drop, TripPolicy, clean, gather
from zhiguan.lines.vehicles.domain.trip_lines import trips_lines
from zhiguan.lines.vehicles.domain.trips import detect, detect_many

MORNING = 1_700_000_000.0
HOME = (31.23, 121.47)


class Day:
    """A day made of parts; positions in metres east and north of HOME, one point each `every_s`."""

    def __init__(self, every_s=10.0, seed=1, noise_m=4.0, start=MORNING):
        self.rng, self.every_s, self.noise_m = np.random.default_rng(seed), every_s, noise_m
        self.now, self.east, self.north = start, 0.0, 0.0
        self.rows = []

    def stay(self, seconds, noise_m=None, speed=0.0):
        for _ in range(int(seconds / self.every_s)):
            self._report(speed, self.noise_m if noise_m is None else noise_m)
        return self

    def drive(self, metres, kmh=36.0):
        for _ in range(round(metres / (kmh / 3.6 * self.every_s))):
            self.east += kmh / 3.6 * self.every_s
            self._report(kmh, self.noise_m)
        return self

    def silence(self, seconds, east_m=0.0):
        self.now += seconds
        self.east += east_m
        return self

    def _report(self, speed, noise_m):
        self.now += self.every_s
        self.rows.append((self.now, self.east + self.rng.normal(0, noise_m), self.rng.normal(0, noise_m), speed))

    def columns(self, speeds=True):
        time, east, north, speed = np.array(self.rows).T
        lat, lon = from_plane(east, north, *HOME)
        return time, lat, lon, speed if speeds else np.full(time.size, np.nan)


@pytest.mark.parametrize("speeds", [True, False])
@pytest.mark.parametrize("every_s", [1.0, 10.0, 30.0])
def test_a_plain_day(every_s, speeds):
    day = Day(every_s).stay(3600).drive(10_000).stay(120).drive(5_000).stay(1800).drive(8_000, 72).stay(3600)
    track = detect(*day.columns(speeds))
    assert [round(t.distance_m, -3) for t in track.trips] == [15_000, 8_000] or not speeds
    assert len(track.trips) == 2 and len(track.stops) == 3 and not track.gaps and not track.dropped
    first, second = track.trips
    assert (first.end_at - first.start_at).total_seconds() == pytest.approx(1620, abs=60)
    assert first.moving_s == pytest.approx(1500, abs=120) or not speeds
    assert second.max_speed_kmh == pytest.approx(72, rel=0.05 if speeds else 0.5)
    assert [s.open_start for s in track.stops] == [True, False, False]
    assert [s.open_end for s in track.stops] == [False, False, True]
    assert all(s.radius_m < 40 for s in track.stops)
    assert haversine_m(track.stops[1].lat, track.stops[1].lon, *from_plane(15_000, 0, *HOME)) < 20


def test_drift_at_rest_is_no_trip():
    wander = Day(30, noise_m=45).stay(8 * 3600)
    assert detect(*wander.columns()).trips == []
    assert len(detect(*wander.columns()).stops) == 1
    spike = Day(30).stay(3600)
    spike.east += 900
    spike.stay(30)
    spike.east -= 900
    assert detect(*spike.stay(3600).columns(speeds=False)).trips == []


def test_engine_off_says_standing():
    time, lat, lon, _ = Day(30, noise_m=40).stay(3600).columns()
    off = detect(time, lat, lon, ignition=np.zeros(time.size))
    assert off.trips == [] and [s.open_start and s.open_end for s in off.stops] == [True]


def test_tunnel_does_not_cut_a_trip():
    track = detect(*Day().stay(600).drive(5000).silence(200, 2500).drive(5000).stay(600).columns())
    assert [round(t.distance_m, -2) for t in track.trips] == [12_500]
    longer = detect(*Day().stay(600).drive(5000).silence(900, 12_000).drive(5000).stay(600).columns())
    assert len(longer.trips) == 1 and longer.trips[0].silent_s == pytest.approx(910)


def test_silence_while_standing_is_a_stop_and_while_far_away_a_gap():
    asleep = detect(*Day().drive(5000).silence(7200).drive(5000).columns())
    assert len(asleep.trips) == 2 and asleep.stops[0].displaced_m == 0 and asleep.stops[0].point_count == 2
    moved = detect(*Day().drive(5000).silence(7200, 900).drive(5000).columns())
    assert len(moved.trips) == 2 and moved.stops[0].displaced_m == pytest.approx(1000, abs=20)
    lost = detect(*Day().drive(5000).silence(7200, 90_000).drive(5000).columns())
    assert len(lost.trips) == 2 and not lost.stops
    assert lost.gaps[0].distance_m == pytest.approx(90_100, rel=0.01)


def test_short_moves_and_round_trips():
    assert detect(*Day().stay(900).drive(100).stay(900).columns()).trips == []
    hop = detect(*Day().stay(900).drive(150, 20).stay(900).columns())
    assert len(hop.stops) == 2 and not hop.trips
    errand = Day().stay(900).drive(1500)
    for _ in range(15):
        errand.east -= 100
        errand._report(36.0, 4.0)
    assert len(detect(*errand.stay(900).columns()).trips) == 1


def test_jumps_are_dropped_and_counted():
    time, lat, lon, speed = Day().stay(900).drive(9000).stay(900).columns()
    before = detect(time, lat, lon, speed).trips[0]
    lat, lon = lat.copy(), lon.copy()
    lat[120] += 0.5
    lon[130:133] -= 0.3
    lat[5] = lon[5] = 0.0
    after = detect(time, lat, lon, speed)
    assert after.dropped == {"jump": 4, "null_island": 1}
    assert after.trips[0].distance_m == pytest.approx(before.distance_m, rel=0.01)


def test_two_long_halves_that_do_not_meet_are_both_kept():
    day = Day().stay(900).silence(0, 1_000_000).stay(900)
    track = detect(*day.columns())
    assert len(track.stops) == 2 and not track.trips and not track.dropped
    assert track.gaps[0].distance_m == pytest.approx(1_000_000, rel=0.01)


def test_clean_says_why_for_each_row():
    good = (MORNING, 31.2, 121.4, 10.0)
    rows = [
        (good, Drop.KEPT),
        (good, Drop.DUPLICATE),
        ((MORNING + 1, math.nan, 121.4, 0), Drop.NOT_A_NUMBER),
        ((math.inf, 31.2, 121.4, 0), Drop.NOT_A_NUMBER),
        ((MORNING + 2, 91.0, 121.4, 0), Drop.OUT_OF_RANGE),
        ((MORNING + 3, 0.0, 0.0, 0), Drop.NULL_ISLAND),
        ((315_964_800.0, 31.2, 121.4, 0), Drop.TOO_EARLY),
        ((5e9, 31.2, 121.4, 0), Drop.TOO_LATE),
        (((MORNING + 60) * 1000, 31.2, 121.4, 900.0), Drop.KEPT),
    ]
    columns = np.array([row for row, _ in rows]).T
    cleaned = clean(gather(np.zeros(len(rows)), *columns), TripPolicy())
    assert [Drop(d) for d in cleaned.drop] == [reason for _, reason in rows]
    assert cleaned.points.time_s.tolist() == [MORNING, MORNING + 60]
    assert np.isnan(cleaned.points.speed_kmh[1])
    assert cleaned.counts["duplicate"] == 1 and "kept" not in cleaned.counts


def test_policy_and_lengths_are_checked():
    with pytest.raises(ValueError, match="dwell_s"):
        TripPolicy(dwell_s=0)
    with pytest.raises(ValueError, match="latest_s"):
        TripPolicy(latest_s=1e12)
    with pytest.raises(ValueError, match="one length"):
        detect([1.0, 2.0], [31.0, 31.0], [121.0, 121.0, 121.0])
    assert detect([], [], []).trips == []


def test_datetime64_equals_seconds():
    time, lat, lon, speed = Day().stay(900).drive(5000).stay(900).columns()
    assert detect((time * 1000).astype("datetime64[ms]"), lat, lon, speed) == detect(time, lat, lon, speed)


def test_many_vehicles_equal_one_by_one(monkeypatch):
    """Small chunks and interleaved rows: the same answer as one call per vehicle."""
    monkeypatch.setattr("zhiguan.lines.vehicles.domain.trips._CHUNK_POINTS", 700)
    days = [Day(10, seed=s).stay(600 + 60 * s).drive(2000 + 500 * s).stay(900).drive(3000).columns() for s in range(12)]
    vehicle = np.repeat(np.arange(12) * 7, [d[0].size for d in days])
    columns = [np.concatenate(c) for c in zip(*days, strict=True)]
    mixed = np.random.default_rng(2).permutation(vehicle.size)
    found = dict(detect_many(vehicle[mixed], *(c[mixed] for c in columns)).by_vehicle())
    assert found == {n * 7: detect(*day) for n, day in enumerate(days)}
    assert all(len(track.trips) == 2 for track in found.values())


_any_float = st.floats() | st.floats(31.0, 31.3) | st.sampled_from([0.0, 121.4, 1e300, -0.0])
_any_time = _any_float | st.floats(1.6e9, 1.6e9 + 9e4)
_wild = st.lists(st.tuples(_any_time, _any_float, _any_float, _any_float, _any_float), max_size=60)
_near = st.tuples(
    st.integers(0, 20_000).map(lambda s: MORNING + s),
    st.floats(31.20, 31.23),
    st.floats(121.40, 121.43),
    st.floats(0, 120) | st.just(math.nan),
    st.sampled_from([0.0, 1.0, math.nan]),
)


def _check(track):
    for trip in track.trips:
        assert trip.distance_m >= 0 and trip.moving_s >= 0 and trip.start_at < trip.end_at and trip.max_speed_kmh >= 0
    for stop in track.stops:
        assert stop.radius_m >= 0 and stop.start_at < stop.end_at and -180 <= stop.lon <= 180
    everything = sorted((r.start_at, r.end_at) for r in [*track.trips, *track.stops, *track.gaps])
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(everything)), "parts of a day overlap"


def _detect(rows):
    *columns, ignition = np.array(rows, float).reshape(-1, 5).T
    return detect(*columns, ignition=ignition)


@settings(max_examples=150, deadline=None)
@given(_wild | st.lists(_near, max_size=60))
def test_any_input_is_answered(rows):
    with np.errstate(over="ignore", invalid="ignore"):
        _check(_detect(rows))


@settings(max_examples=150, deadline=None)
@given(st.lists(_near, min_size=1, max_size=80), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(rows, random):
    expected = _detect(rows)
    again = rows + random.choices(rows, k=len(rows) // 2)
    random.shuffle(again)
    found = _detect(again)
    assert (found.trips, found.stops, found.gaps) == (expected.trips, expected.stops, expected.gaps)


def _lines(day, vehicle="沪A·00001"):
    for time, lat, lon, speed in zip(*day.columns(), strict=True):
        utc = str(np.datetime64(round(time), "s")) + "Z"
        yield json.dumps({"vehicle": vehicle, "time_utc": utc, "lat": lat, "lon": lon, "speed_kmh": speed})


def _run(lines):
    out = io.StringIO()
    trips_lines(lines, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_lines_in_any_order_give_trips_and_stops():
    day = Day(start=1_700_000_000).stay(900).drive(5000).stay(900)
    lines = [*_lines(day), *_lines(Day(seed=3).stay(900), 42)]
    expected = _run(lines)
    assert [(row["kind"], row["vehicle"]) for row in expected] == [
        ("stop", "沪A·00001"), ("trip", "沪A·00001"), ("stop", "沪A·00001"), ("stop", 42)]  # fmt: skip
    trip = expected[1]
    assert trip["metres"] == pytest.approx(5000, rel=0.05) and trip["start_utc"].endswith("Z")
    np.random.default_rng(1).shuffle(lines)
    assert sorted(map(str, _run(lines))) == sorted(map(str, expected))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("not json", "不是有效的 JSON"),
        (b"\xff\xfe", "不是有效的 JSON"),
        ("[1]", "JSON 对象"),
        ("{}", "vehicle"),
        ('{"vehicle": true}', "vehicle"),
        ('{"vehicle": 1, "time_utc": "yesterday"}', "time_utc"),
        ('{"vehicle": 1, "time_utc": "2024-01-01T00:00:00Z", "lat": "31", "lon": 121}', "lat"),
        ('{"vehicle": 1, "time_utc": "2024-01-01T00:00:00Z", "lat": 31, "lon": null}', "lon"),
        ('{"vehicle": 1, "time_utc": 1700000000, "lat": 31, "lon": 121, "speed_kmh": "fast"}', "speed_kmh"),
    ],
)
def test_bad_lines_are_named_and_passed_over(line, error):
    day = Day(start=1_700_000_000).stay(900)
    first, *rest = _run(["", line, *_lines(day)])
    assert first["kind"] == "error" and first["line"] == 2 and error in first["error"]
    assert [row["kind"] for row in rest] == ["stop"]


def test_impossible_points_are_counted_in_the_output():
    day = Day(start=1_700_000_000).stay(900)
    broken = '{"vehicle": "沪A·00001", "time_utc": "1980-01-06T00:00:00Z", "lat": 31, "lon": 121}'
    assert _run([broken, *_lines(day)])[-1] == {"kind": "dropped", "vehicle": "沪A·00001", "points": {"too_early": 1}}


@given(st.lists(st.text() | st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps)))
def test_any_lines_are_answered(lines):
    assert all(row["kind"] == "error" for row in _run(lines))


# --- stray points that no impossible speed gives away


def strayed(every_s, points, speeds=True, kmh=0.0):
    """A car that stands for hours, some reports of which are kilometres away; ``points``: (report, metres)."""
    day = Day(every_s).stay(4 * 3600)
    for number, metres in points:
        time, east, north, _ = day.rows[number]
        day.rows[number] = (time, east + metres, north, kmh)
    return detect(*day.columns(speeds))


@pytest.mark.parametrize("kmh", [0.0, 40.0])
@pytest.mark.parametrize("points", [[(20, 5_000)], [(20, 250)], [(20, 5_000), (30, -7_000)], [(20, 5_000), (21, -6_000)],
                                    [(0, 3_000)], [(47, 3_000)]])  # fmt: skip
def test_a_parked_car_with_a_stray_report_made_no_trip(points, kmh):
    """Reports five minutes apart: there and back at a possible speed."""
    track = strayed(300.0, points, kmh=kmh)
    assert not track.trips and len(track.stops) == 1
    assert track.dropped == {"jump": len(points)}


def test_where_no_speed_is_told_and_where_two_reports_agree_nothing_is_left_out():
    assert strayed(300.0, [(20, 5_000)], speeds=False).dropped == {}
    assert strayed(300.0, [(20, 5_000), (21, 5_010)]).dropped == {}


def test_a_stray_report_between_standing_and_driving_off_is_left_out():
    """It could be reached since the last report, but the next one could not be reached from it."""
    day = Day(20.0).stay(1200)
    day.silence(150)
    day.rows.append((day.now, 3_500.0, 0.0, 0.0))
    track = detect(*day.drive(6_000).stay(1200).columns())
    assert track.dropped == {"jump": 1}
    assert [round(trip.distance_m, -2) for trip in track.trips] == [6_000]


def test_a_car_that_moved_in_a_silence_did_not_stand_all_the_time():
    """Also when the speed told next is out of nowhere: the stay ends where the silence began."""
    day = Day(300.0).stay(7200).silence(1500, east_m=6_500)
    day.stay(300).stay(300, speed=170.0).stay(3000)
    track = detect(*day.columns())
    assert len(track.stops) == 2 and len(track.trips) == 1
    assert abs(haversine_m(track.stops[0].lat, track.stops[0].lon, *HOME)) < 30
