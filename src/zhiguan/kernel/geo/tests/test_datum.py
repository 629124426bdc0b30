import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.geo import service as geo

SHARED = Path(os.environ.get("ZHIGUAN_SHARED", Path(__file__).resolve().parents[6] / "shared"))
CASES = SHARED / "data/geo_shanghai/coordinate_conversion.jsonl"


def asserted_cases(*ops):
    if not CASES.exists():
        pytest.skip(f"{CASES} is not here; set ZHIGUAN_SHARED to the folder with the shared test data")
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    chosen = [case for case in cases if case["op"] in ops]
    assert chosen
    return chosen


def test_asserted_conversions_to_degrees():
    def to_bd09(lat, lon):
        return geo.gcj02_to_bd09(*geo.wgs84_to_gcj02(lat, lon))

    verbs = {"wgs84_to_gcj02": geo.wgs84_to_gcj02, "gcj02_to_bd09": geo.gcj02_to_bd09, "wgs84_to_bd09": to_bd09}
    for case in asserted_cases(*verbs):
        lat, lon = verbs[case["op"]](case["lat"], case["lon"])
        assert lat == pytest.approx(case["expect_lat"], abs=case["tolerance_deg"])
        assert lon == pytest.approx(case["expect_lon"], abs=case["tolerance_deg"])


def test_asserted_inverse_in_metres():
    for case in asserted_cases("gcj02_to_wgs84"):
        lat, lon = geo.gcj02_to_wgs84(case["lat"], case["lon"])
        assert geo.haversine_m(lat, lon, case["expect_lat"], case["expect_lon"]) <= case["tolerance_exact_m"]


def test_asserted_distances():
    """The sources measure on other spheres: googollee on the equatorial radius, transbigdata on 6371 km."""
    radii_m = {"googollee/eviltransform": 6_378_137.0, "ni1o1/transbigdata": 6_371_000.0}
    for case in asserted_cases("distance_m"):
        ours = geo.haversine_m(case["a_lat"], case["a_lon"], case["b_lat"], case["b_lon"])
        theirs = ours * radii_m[case["source"]["repo"]] / geo.EARTH_RADIUS_M
        assert theirs == pytest.approx(case["expect"], abs=case["tolerance_m"])


@given(st.floats(1.0, 55.0), st.floats(73.0, 137.0))
def test_inverse_returns_to_the_start(lat, lon):
    back = geo.gcj02_to_wgs84(*geo.wgs84_to_gcj02(lat, lon))
    if not geo.outside_china(*geo.wgs84_to_gcj02(lat, lon)):
        assert geo.haversine_m(lat, lon, *back) < 1e-3


def test_arrays_equal_scalars_and_shape_is_kept():
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(30.6, 31.9, (4, 25)), rng.uniform(120.8, 122.2, (4, 25))
    g_lat, g_lon = geo.wgs84_to_gcj02(lat, lon)
    assert g_lat.shape == (4, 25)
    assert geo.wgs84_to_gcj02(lat[2, 3], lon[2, 3]) == (g_lat[2, 3], g_lon[2, 3])
    assert isinstance(geo.wgs84_to_gcj02(31.2, 121.5)[0], float)
    shift = geo.haversine_m(lat, lon, g_lat, g_lon)
    assert shift.min() > 300 and shift.max() < 700


@pytest.mark.parametrize("place", [(51.5, -0.12), (0.0, 0.0), (35.7, 139.7), (-33.9, 151.2)])
def test_abroad_passes_through(place):
    assert geo.wgs84_to_gcj02(*place) == place
    assert geo.gcj02_to_wgs84(*place) == place


@given(st.floats(), st.floats())
def test_any_number_is_answered(lat, lon):
    for verb in (geo.wgs84_to_gcj02, geo.gcj02_to_wgs84):
        assert len(verb(lat, lon)) == 2
