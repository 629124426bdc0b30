"""The verbs of geo."""

from .datum import gcj02_to_bd09, gcj02_to_wgs84, outside_china, wgs84_to_gcj02
from .districts import district_of, district_shape, districts, districts_geojson
from .fences import FenceIndex, fence_geojson, inside, metres_outside, parse_geofence, within_metres
from .measure import EARTH_RADIUS_M, METRES_PER_DEGREE, from_plane, haversine_m, to_plane

__all__ = [
    "EARTH_RADIUS_M",
    "METRES_PER_DEGREE",
    "FenceIndex",
    "district_of",
    "district_shape",
    "districts",
    "districts_geojson",
    "fence_geojson",
    "from_plane",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "haversine_m",
    "inside",
    "metres_outside",
    "outside_china",
    "parse_geofence",
    "to_plane",
    "wgs84_to_gcj02",
    "within_metres",
]
