"""WGS84, GCJ-02 and BD-09. GCJ-02 is what domestic base maps use; it is WGS84 moved by a few hundred metres.

The functions take and return degrees, latitude first, scalars or arrays of any one shape. Outside the rectangle where
the shift is defined the coordinates pass through unchanged, and NaN stays NaN.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Degrees = NDArray[np.float64]

_SEMI_MAJOR_M = 6378245.0  # Krasovsky 1940, on which the published formula is built
_ECCENTRICITY2 = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0
_SHIFT_ROUNDS = 8  # each round shrinks the error about a hundredfold or more; 5 already reach rounding noise


def outside_china(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.bool_]:
    """True where the GCJ-02 shift is not defined (a rectangle around the country, as in the public formula)."""
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    return ~((lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271))


def _wave(x: Degrees, *terms: tuple[float, float]) -> Degrees:
    return sum(amount * np.sin(x * np.pi * frequency) for amount, frequency in terms) * 2.0 / 3.0  # type: ignore[return-value]


def _shift(lat: Degrees, lon: Degrees) -> tuple[Degrees, Degrees]:
    """What has to be added to WGS84 to get GCJ-02, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    ripple = _wave(x, (20.0, 6.0), (20.0, 2.0))
    root = np.sqrt(np.abs(x))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north = north + _wave(y, (20.0, 1.0), (40.0, 1 / 3)) + _wave(y, (160.0, 1 / 12), (320.0, 1 / 30))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east = east + _wave(x, (20.0, 1.0), (40.0, 1 / 3)) + _wave(x, (150.0, 1 / 12), (300.0, 1 / 30))
    phi = np.radians(lat)
    w2 = 1.0 - _ECCENTRICITY2 * np.sin(phi) ** 2
    meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY2) / (w2 * np.sqrt(w2))
    parallel = _SEMI_MAJOR_M / np.sqrt(w2) * np.cos(phi)
    return np.degrees(north / meridian), np.degrees(east / parallel)


def _pair(lat: ArrayLike, lon: ArrayLike) -> tuple[Degrees, Degrees]:
    lat, lon = np.broadcast_arrays(np.asarray(lat, float), np.asarray(lon, float))
    return lat, lon


def _out(lat: Degrees, lon: Degrees) -> tuple[Degrees, Degrees]:
    """Scalars in, scalars out."""
    return (float(lat), float(lon)) if np.ndim(lat) == 0 else (lat, lon)  # type: ignore[return-value]


def wgs84_to_gcj02(lat: ArrayLike, lon: ArrayLike) -> tuple[Degrees, Degrees]:
    """(lat, lon) on a domestic base map for a WGS84 position."""
    lat, lon = _pair(lat, lon)
    outside = outside_china(lat, lon)
    d_lat, d_lon = _shift(np.where(outside, 35.0, lat), np.where(outside, 105.0, lon))
    return _out(np.where(outside, lat, lat + d_lat), np.where(outside, lon, lon + d_lon))


def gcj02_to_wgs84(lat: ArrayLike, lon: ArrayLike) -> tuple[Degrees, Degrees]:
    """The WGS84 position shown at (lat, lon) on a domestic base map, to rounding noise (found by iteration)."""
    lat, lon = _pair(lat, lon)
    outside = outside_china(lat, lon)
    g_lat, g_lon = np.where(outside, 35.0, lat), np.where(outside, 105.0, lon)
    w_lat, w_lon = g_lat, g_lon
    for _ in range(_SHIFT_ROUNDS):
        d_lat, d_lon = _shift(w_lat, w_lon)
        w_lat, w_lon = g_lat - d_lat, g_lon - d_lon
    return _out(np.where(outside, lat, w_lat), np.where(outside, lon, w_lon))


def gcj02_to_bd09(lat: ArrayLike, lon: ArrayLike) -> tuple[Degrees, Degrees]:
    """(lat, lon) on a Baidu base map for a GCJ-02 position."""
    lat, lon = _pair(lat, lon)
    reach = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_PI)
    return _out(reach * np.sin(angle) + 0.006, reach * np.cos(angle) + 0.0065)
