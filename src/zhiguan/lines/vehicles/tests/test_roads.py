import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.geo.service import district_of, districts, haversine_m
from zhiguan.lines.vehicles.demo.roads import RoadNet, drive, park
from zhiguan.lines.vehicles.domain.trips import detect

PEOPLES_SQUARE, AIRPORT, CHONGMING = (31.2303, 121.4737), (31.1443, 121.8083), (31.627, 121.397)


@pytest.fixture(scope="module")
def net():
    return RoadNet(seed=5)


def test_routes_follow_streets_between_the_doors(net):
    route = net.route(PEOPLES_SQUARE, AIRPORT)
    assert route.polyline[0] == PEOPLES_SQUARE and route.polyline[-1] == AIRPORT
    metres = haversine_m(route.lat[:-1], route.lon[:-1], route.lat[1:], route.lon[1:])
    straight = haversine_m(*PEOPLES_SQUARE, *AIRPORT)
    assert straight < metres.sum() < 1.6 * straight
    assert np.mean(district_of(route.lat, route.lon) != "") > 0.95
    assert route.limit_kmh.size == metres.size and not route.light[[0, -1]].any()


def test_every_crossing_is_in_the_city(net):
    assert (district_of(net.lat, net.lon) != "").all() and net.lat.size > 3000


def test_islands_are_reached_and_short_ways_are_short(net):
    assert net.route(PEOPLES_SQUARE, CHONGMING).lat[-1] == CHONGMING[0]
    near = (PEOPLES_SQUARE[0] + 0.002, PEOPLES_SQUARE[1])
    assert net.route(PEOPLES_SQUARE, near).lat.size <= 5


def test_every_district_has_places(net):
    rng = np.random.default_rng(1)
    for district in districts():
        assert all(district_of(*net.place_in(district.code, rng)) == district.code for _ in range(5))
    with pytest.raises(ValueError, match="310199"):
        net.place_in("310199", rng)


def test_same_seed_same_drive():
    a, b = (drive(RoadNet(seed=2).route(PEOPLES_SQUARE, AIRPORT), 1.7e9, np.random.default_rng(9)) for _ in range(2))
    assert all((getattr(a, name) == getattr(b, name)).all() for name in a.__slots__)
    other = RoadNet(seed=3).route(PEOPLES_SQUARE, AIRPORT)
    assert other.polyline != RoadNet(seed=2).route(PEOPLES_SQUARE, AIRPORT).polyline


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 5.0, 10.0, 30.0]), st.floats(0.3, 1.2))
def test_drives_are_physical(net, seed, every_s, traffic):
    rng = np.random.default_rng(seed)
    codes = [d.code for d in districts()]
    a, b = (net.place_in(code, rng) for code in rng.choice(codes, 2))
    way = drive(net.route(a, b), 1.7e9, rng, every_s, traffic=traffic, noise_m=0.0)
    assert (np.diff(way.time_s) > 0).all() and way.time_s[0] == 1.7e9
    assert way.speed_kmh[0] == 0 and way.speed_kmh[-1] == 0 and way.speed_kmh.max() < 130
    assert ((way.heading_deg >= 0) & (way.heading_deg < 360)).all()
    step = haversine_m(way.lat[:-1], way.lon[:-1], way.lat[1:], way.lon[1:]) / np.diff(way.time_s)
    assert step.max(initial=0) < 130 / 3.6
    assert np.abs(np.diff(way.speed_kmh)).max(initial=0) / 3.6 <= 1.8 * every_s + 1.0
    assert haversine_m(way.lat[-1], way.lon[-1], *b) < 1.0


def test_the_detector_finds_the_drives(net):
    """Park, drive, park, drive, park: two trips with the driven metres, three stops at the right places."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        a, b = net.place_in("310101", rng), net.place_in("310115", rng)
        now, parts, driven = 1.7e9, [], []
        for here, there in ((a, b), (b, a)):
            parts.append(park(here, now, now + 2400, rng))
            route = net.route(here, there)
            parts.append(drive(route, now + 2400, rng))
            now = parts[-1].time_s[-1] + 1
            driven.append(haversine_m(route.lat[:-1], route.lon[:-1], route.lat[1:], route.lon[1:]).sum())
        parts.append(park(a, now, now + 2400, rng))
        columns = [np.concatenate([getattr(p, name) for p in parts]) for name in ("time_s", "lat", "lon", "speed_kmh")]
        track = detect(*columns)
        assert [t.distance_m for t in track.trips] == pytest.approx(driven, rel=0.05, abs=150)
        assert [haversine_m(s.lat, s.lon, *p) < 50 for s, p in zip(track.stops, (a, b, a), strict=True)] == [True] * 3


def test_bad_settings_are_refused(net):
    with pytest.raises(ValueError, match="every_s"):
        drive(net.route(PEOPLES_SQUARE, AIRPORT), 0.0, np.random.default_rng(1), 0.0)
