"""Data types of places. WGS84 degrees; rings are GeoJSON rings: (lon, lat) pairs, first = last."""

from dataclasses import dataclass

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PolygonFence:
    """A closed area with holes; checked by `service.parse_geofence`."""

    shell: Ring
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class CircleFence:
    """All points within `radius_m` metres of the centre."""

    lat: float
    lon: float
    radius_m: float


Geofence = PolygonFence | CircleFence


class GeofenceRefused(ValueError):
    """The fence cannot be used; `str(error)` is the reason in Chinese for the person who drew it."""


@dataclass(frozen=True, slots=True)
class District:
    """One of the 16 districts: six-digit division code, Chinese name, a point inside it for labels."""

    code: str
    name: str
    lat: float
    lon: float
