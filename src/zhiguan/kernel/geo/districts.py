"""The 16 districts of Shanghai: outlines for maps, and which district a position is in."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from .declare import District

DISTRICTS_FILE = Path(__file__).parent / "data" / "districts.geojson"


@cache
def districts() -> tuple[District, ...]:
    """The districts, ordered by code (310101 … 310151)."""
    return tuple(
        District(p["code"], p["name"], p["centre"][1], p["centre"][0])
        for p in (feature["properties"] for feature in districts_geojson()["features"])
    )


@cache
def _text() -> str:
    return DISTRICTS_FILE.read_text(encoding="utf-8")


def districts_geojson() -> dict[str, Any]:
    """The FeatureCollection as a map needs it (properties `code`, `name`, `centre`); a fresh object each time."""
    return json.loads(_text())


@cache
def _shapes() -> tuple[shapely.Geometry, ...]:
    shapes = tuple(shapely.geometry.shape(feature["geometry"]) for feature in districts_geojson()["features"])
    shapely.prepare(np.array(shapes, dtype=object))
    return shapes


def district_shape(code: str) -> shapely.Geometry:
    """The outline of a district in degrees (lon, lat). Raises KeyError for an unknown code."""
    return dict(zip((d.code for d in districts()), _shapes(), strict=True))[code]


def district_of(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.str_]:
    """The district code of each WGS84 position, "" outside the city or for NaN; same shape as the input.

    A point on a shared border goes to the lower code. The outlines are coarse (a few hundred metres): good for counting
    cars by district, not for deciding which side of a street belongs to whom.
    """
    lat, lon = np.broadcast_arrays(np.asarray(lat, float), np.asarray(lon, float))
    flat_lat, flat_lon = lat.ravel(), lon.ravel()
    codes = np.zeros(flat_lat.size, dtype="<U6")
    unknown = np.isfinite(flat_lat) & np.isfinite(flat_lon)
    for district, shape in zip(districts(), _shapes(), strict=True):
        west, south, east, north = shape.bounds  # pyright: ignore[reportAttributeAccessIssue]
        near = np.flatnonzero(
            unknown & (flat_lon >= west) & (flat_lon <= east) & (flat_lat >= south) & (flat_lat <= north)
        )
        found = near[shapely.intersects_xy(shape, flat_lon[near], flat_lat[near])]
        codes[found] = district.code
        unknown[found] = False
    return codes.reshape(lat.shape)
