"""A district's outline as a small picture, for pages of parts that lie below the geo part."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpRequest, HttpResponse

from zhiguan.kernel.geo import service as geo
from zhiguan.kit.errors import NotFound
from zhiguan.kit.pages import SIGNED_IN, ViewPage

SIZE, EDGE = 360, 16
PRECISION_DEGREES = 0.002
LONGEST_S = 86_400


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _outlines(code: str) -> list[Any]:
    """Return the outline of a district, of a city (a code ending in 00) those of its districts; [] for unknown ones."""
    within = code.removesuffix("00").removesuffix("00") if code.endswith("00") else code
    found = [each.code for each in geo.districts() if each.code.startswith(within)] if len(within) >= 2 else []
    return [geo.district_shape(each).simplify(PRECISION_DEGREES) for each in found if len(code) == 6]


def district(request: HttpRequest, code: str) -> HttpResponse:
    """Answer the outline of a district or city as SVG, with a dot at ``?lat=&lon=`` (WGS84) when it lies in the picture."""
    shapes = _outlines(code)
    if not shapes:
        raise NotFound("没有这个行政区划的轮廓。")
    bounds = [shape.bounds for shape in shapes]
    west, south = (min(each[side] for each in bounds) for side in (0, 1))
    east, north = (max(each[side] for each in bounds) for side in (2, 3))
    across = math.cos(math.radians((south + north) / 2))
    scale = (SIZE - 2 * EDGE) / max((east - west) * across, north - south)
    width, height = (east - west) * across * scale + 2 * EDGE, (north - south) * scale + 2 * EDGE

    def place(lon: float, lat: float) -> tuple[float, float]:
        return round((lon - west) * across * scale + EDGE, 1), round((north - lat) * scale + EDGE, 1)

    polygons = [polygon for shape in shapes for polygon in getattr(shape, "geoms", [shape])]
    path = "".join(
        "M" + "L".join(f"{x} {y}" for x, y in (place(*point[:2]) for point in ring.coords)) + "Z"
        for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)
    )  # fmt: skip
    dot = ""
    lat, lon = _number(request.GET.get("lat", "")), _number(request.GET.get("lon", ""))
    if lat is not None and lon is not None and south <= lat <= north and west <= lon <= east:
        x, y = place(lon, lat)
        dot = f'<circle cx="{x}" cy="{y}" r="6" fill="#c92a2a" stroke="#fff" stroke-width="2"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">'
        f'<path d="{path}" fill="#dbe4f0" stroke="#5b7aa6" stroke-width="1.5" fill-rule="evenodd"/>{dot}</svg>'
    )
    answer = HttpResponse(svg, content_type="image/svg+xml")
    answer["Cache-Control"] = f"private, max-age={LONGEST_S}"
    return answer


DISTRICT = ViewPage(
    code="geo.district", path="geo/district/<str:code>/", title="行政区划轮廓", permission=SIGNED_IN, view=district
)  # fmt: skip
