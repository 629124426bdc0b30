import json

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.geo import service as geo
from zhiguan.kernel.geo.districts import DISTRICTS_FILE

from .test_datum import SHARED

LANDMARKS = {  # WGS84, read off by us: well inside each district
    "310101": (31.2303, 121.4737),  # 人民广场
    "310104": (31.1554, 121.4290),  # 上海南站
    "310115": (31.1443, 121.8083),  # 浦东机场
    "310112": (31.0256, 121.4337),  # 东川路
    "310110": (31.2990, 121.5150),  # 五角场
    "310151": (31.6270, 121.3970),  # 崇明城桥
    "310117": (31.0340, 121.2270),  # 松江老城
}


def shared_districts():
    file = SHARED / "data/geo_shanghai/shanghai_districts.geojson"
    if not file.exists():
        pytest.skip(f"{file} is not here; set ZHIGUAN_SHARED to the folder with the shared test data")
    return json.loads(file.read_text(encoding="utf-8"))["features"]


def test_sixteen_valid_polygons_that_share_their_borders():
    names = {d.code: d.name for d in geo.districts()}
    assert len(names) == 16 and list(names) == sorted(names)
    assert names["310101"] == "黄浦区" and names["310151"] == "崇明区"
    shapes = [geo.district_shape(code) for code in names]
    assert all(shape.is_valid for shape in shapes) and shapely.coverage_is_valid(shapes)
    assert DISTRICTS_FILE.stat().st_size < 25_000
    for district in geo.districts():
        assert geo.district_of(district.lat, district.lon) == district.code
    with pytest.raises(KeyError):
        geo.district_shape("310199")


def test_codes_and_names_agree_with_the_shared_list():
    assert {f["properties"]["code"]: f["properties"]["name"] for f in shared_districts()} == {
        d.code: d.name for d in geo.districts()
    }


def test_outlines_overlap_an_independent_map():
    """The other map is coarse (100 m) and in GCJ-02: moved back to WGS84, each district must cover most of ours."""
    scores = {}
    for feature in shared_districts():
        theirs = shapely.make_valid(shapely.geometry.shape(feature["geometry"]))
        theirs = shapely.transform(theirs, lambda p: np.column_stack(geo.gcj02_to_wgs84(p[:, 1], p[:, 0])[::-1]))
        ours = geo.district_shape(feature["properties"]["code"])
        scores[feature["properties"]["name"]] = ours.intersection(theirs).area / ours.union(theirs).area
    assert min(scores.values()) > 0.7, scores
    assert np.median(list(scores.values())) > 0.9, scores


def test_landmarks():
    for code, place in LANDMARKS.items():
        assert geo.district_of(*place) == code


def test_bulk_equals_one_by_one_and_keeps_the_shape():
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(30.6, 31.9, (20, 50)), rng.uniform(120.8, 122.2, (20, 50))
    lat[0, 0] = np.nan
    codes = geo.district_of(lat, lon)
    assert codes.shape == (20, 50) and codes[0, 0] == ""
    for code in {"", *codes.ravel().tolist()} - {""}:
        expected = shapely.intersects_xy(geo.district_shape(code), lon, lat)
        assert (expected == (codes == code)).all()
    assert 0.2 < np.mean(codes == "") < 0.9


@given(st.floats(), st.floats())
def test_any_number_is_answered(lat, lon):
    assert len(str(geo.district_of(lat, lon))) in (0, 6)
