"""What every page knows: the actor, the menu, the place."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def zg(request: HttpRequest) -> dict[str, Any]:
    """Return ``zg`` for templates; its keys are listed at the top of ``kit/base.html``."""
    return {
        "zg": {
            "site_name": settings.ZHIGUAN_SITE_NAME,
            "city_name": settings.ZHIGUAN_CITY,
            "actor": getattr(request, "actor", None),
        }
    }
