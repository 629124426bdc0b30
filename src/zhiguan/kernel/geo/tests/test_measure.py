import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.geo import service as geo


def test_a_degree_of_latitude_and_the_antipode():
    assert geo.haversine_m(31.0, 121.0, 32.0, 121.0) == pytest.approx(geo.METRES_PER_DEGREE)
    assert geo.haversine_m(31.0, 121.0, -31.0, -59.0) == pytest.approx(np.pi * geo.EARTH_RADIUS_M)
    assert np.isnan(geo.haversine_m(np.nan, 121.0, 31.0, 121.0))


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_the_plane_agrees_with_the_sphere_and_goes_back(d_lat, d_lon):
    lat, lon = 31.2 + d_lat, 121.5 + d_lon
    east, north = geo.to_plane(lat, lon, 31.2, 121.5)
    assert np.hypot(east, north) == pytest.approx(geo.haversine_m(31.2, 121.5, lat, lon), rel=4e-3, abs=0.01)
    assert geo.from_plane(east, north, 31.2, 121.5) == pytest.approx((lat, lon))


def test_the_plane_crosses_the_antimeridian():
    east, _ = geo.to_plane(0.0, -179.9, 0.0, 179.9)
    assert east == pytest.approx(0.2 * geo.METRES_PER_DEGREE)
