import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.geo import service as geo
from zhiguan.kernel.geo.declare import CircleFence, GeofenceRefused, PolygonFence

SQUARE = [[121.40, 31.20], [121.50, 31.20], [121.50, 31.30], [121.40, 31.30], [121.40, 31.20]]
HOLE = [[121.44, 31.24], [121.46, 31.24], [121.46, 31.26], [121.44, 31.26], [121.44, 31.24]]
YARD = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}


def test_polygon_with_hole():
    fence = geo.parse_geofence({"type": "Feature", "properties": {}, "geometry": YARD})
    assert isinstance(fence, PolygonFence) and len(fence.holes) == 1
    lat, lon = np.array([31.21, 31.25, 31.35, np.nan]), np.array([121.41, 121.45, 121.45, 121.45])
    assert geo.inside(fence, lat, lon).tolist() == [True, False, False, False]
    assert geo.parse_geofence(geo.fence_geojson(fence)) == fence


def test_circle_in_metres():
    fence = geo.parse_geofence({"type": "Circle", "center": [121.47, 31.23], "radius_m": 50})
    assert fence == CircleFence(31.23, 121.47, 50.0)
    lat, lon = geo.from_plane(np.array([0.0, 49.5, 50.5]), np.array([0.0, 0.0, 0.0]), 31.23, 121.47)
    assert geo.inside(fence, lat, lon).tolist() == [True, True, False]
    assert geo.metres_outside(fence, lat, lon)[2] == pytest.approx(0.5, abs=0.01)
    assert geo.parse_geofence(geo.fence_geojson(fence)) == fence


def test_buffer_in_metres_to_edge_and_hole():
    fence = geo.parse_geofence(YARD)
    west = 100 / (geo.METRES_PER_DEGREE * math.cos(math.radians(31.25)))
    lat, lon = (
        np.array([31.25, 31.30 + 80 / geo.METRES_PER_DEGREE, 31.25, np.nan]),
        np.array([121.40 - west, 121.45, 121.45, 0]),
    )
    metres = geo.metres_outside(fence, lat, lon)
    assert metres[:2] == pytest.approx([100, 80], rel=2e-3)
    assert metres[2] == pytest.approx(0.01 * geo.METRES_PER_DEGREE * math.cos(math.radians(31.25)), rel=2e-3)
    assert geo.within_metres(fence, lat, lon, 90).tolist() == [False, True, False, False]


def test_drawn_on_a_domestic_map():
    g_lat, g_lon = geo.wgs84_to_gcj02(31.23, 121.47)
    fence = geo.parse_geofence({"type": "Circle", "center": [g_lon, g_lat], "radius_m": 50}, datum="gcj02")
    assert geo.haversine_m(fence.lat, fence.lon, 31.23, 121.47) < 0.01
    with pytest.raises(ValueError, match="unknown datum"):
        geo.parse_geofence(YARD, datum="bd09")


BOW_TIE = [[121.4, 31.2], [121.5, 31.3], [121.5, 31.2], [121.4, 31.3], [121.4, 31.2]]
FAR_HOLE = [[122.4, 31.2], [122.5, 31.2], [122.5, 31.3], [122.4, 31.2]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"type": "Polygon", "coordinates": [BOW_TIE]}, "自相交（约在经度 121.45000、纬度 31.25000）"),
        ({"type": "Polygon", "coordinates": [SQUARE, FAR_HOLE]}, "内孔在外边界之外"),
        ({"type": "Polygon", "coordinates": [[[179, 1], [-179, 1], [-179, 2], [179, 2], [179, 1]]]}, "180° 经线"),
        ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "没有闭合"),
        ({"type": "Polygon", "coordinates": [SQUARE[:2] + SQUARE[:1]]}, "点太少"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "面积为零"),
        ({"type": "Polygon", "coordinates": [[[31.2, 121.4], [31.2, 121.5], [31.3, 121.5], [31.2, 121.4]]]}, "写反"),
        ({"type": "Polygon", "coordinates": [[[1, float("nan")]] * 4]}, "不是有效的数字"),
        ({"type": "Polygon", "coordinates": [[["1", "2"]] * 4]}, "不是有效的数字"),
        ({"type": "Polygon", "coordinates": [[[200, 100]] * 4]}, "超出范围"),
        ({"type": "Polygon", "coordinates": [[[10**400, 1]] * 4]}, "不是有效的数字"),
        ({"type": "Polygon", "coordinates": [[1, 2, 3, 4]]}, "每个点应为"),
        ({"type": "Polygon", "coordinates": [[[1, 2]] * 10_001]}, "超过上限"),
        ({"type": "Polygon", "coordinates": []}, "没有坐标"),
        ({"type": "Polygon"}, "没有坐标"),
        ({"type": "Circle", "center": [121.4, 31.2], "radius_m": 0}, "半径不对"),
        ({"type": "Circle", "center": [121.4, 31.2], "radius_m": True}, "半径不对"),
        ({"type": "Circle", "center": [179.9999, 31.2], "radius_m": 500}, "180° 经线"),
        ({"type": "Circle", "radius_m": 500}, "每个点应为"),
        ({"type": "MultiPolygon", "coordinates": []}, "不支持的围栏类型"),
        ({"type": "Feature"}, "格式不对"),
        ("Polygon", "格式不对"),
        (None, "格式不对"),
    ],
)
def test_refusals_say_why(data, reason):
    with pytest.raises(GeofenceRefused) as refused:
        geo.parse_geofence(data)
    assert reason in str(refused.value)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["type", "coordinates", "center", "radius_m", "geometry"]), inner)
    ),
    max_leaves=30,
)
_rings = st.lists(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list), min_size=3, max_size=6).map(
        lambda r: [*r, r[0]]
    ),
    min_size=1,
    max_size=3,
)


@given(_json | _rings.map(lambda rings: {"type": "Polygon", "coordinates": rings}))
def test_any_input_is_a_fence_or_a_reason(data):
    try:
        fence = geo.parse_geofence(data)
    except GeofenceRefused as refused:
        assert str(refused).endswith("。")
    else:
        assert geo.inside(fence, 31.2, 121.4) in (True, False)


def test_index_equals_one_by_one():
    rng = np.random.default_rng(7)
    fences = [CircleFence(31.2 + d, 121.4 + d, 2000.0) for d in np.linspace(0, 0.2, 20)] + [geo.parse_geofence(YARD)]
    lat, lon = rng.uniform(31.1, 31.5, 3000), rng.uniform(121.3, 121.7, 3000)
    lat[5] = np.nan
    points, hit = geo.FenceIndex(fences).pairs(lat, lon)
    expected = np.array([geo.inside(fence, lat, lon) for fence in fences])
    found = np.zeros_like(expected)
    found[hit, points] = True
    assert points.size == expected.sum() > 100 and (found == expected).all()
    assert [part.size for part in geo.FenceIndex([]).pairs([31.2], [121.4])] == [0, 0]
