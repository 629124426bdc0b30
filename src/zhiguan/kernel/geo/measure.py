"""Distances in metres on the sphere, and a flat local plane for work within a city."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8  # IUGG mean radius
METRES_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180.0


def haversine_m(lat_a: ArrayLike, lon_a: ArrayLike, lat_b: ArrayLike, lon_b: ArrayLike) -> NDArray[np.float64]:
    """Great-circle metres between points a and b (degrees; broadcast). Within 0.5 % of the ellipsoid; NaN stays NaN."""
    phi_a, phi_b = np.radians(lat_a), np.radians(lat_b)
    half_lon = np.radians(np.subtract(lon_b, lon_a)) / 2.0
    h = np.sin((phi_b - phi_a) / 2.0) ** 2 + np.cos(phi_a) * np.cos(phi_b) * np.sin(half_lon) ** 2
    return 2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(h, 1.0)))


def to_plane(
    lat: ArrayLike, lon: ArrayLike, lat0: ArrayLike, lon0: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of (lat0, lon0). Good to 0.1 % within 50 km at the latitude of Shanghai."""
    east = np.subtract(lon, lon0)
    east = np.where(np.abs(east) > 180.0, east - np.copysign(360.0, east), east)
    return east * np.cos(np.radians(lat0)) * METRES_PER_DEGREE, np.subtract(lat, lat0) * METRES_PER_DEGREE


def from_plane(
    east_m: ArrayLike, north_m: ArrayLike, lat0: ArrayLike, lon0: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inverse of `to_plane`: (lat, lon) of metres east and north of (lat0, lon0)."""
    lat0, lon0 = np.asarray(lat0, float), np.asarray(lon0, float)
    lat = lat0 + np.asarray(north_m, float) / METRES_PER_DEGREE
    return lat, lon0 + np.asarray(east_m, float) / (METRES_PER_DEGREE * np.cos(np.radians(lat0)))
