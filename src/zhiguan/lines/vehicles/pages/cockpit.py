"""驾驶舱: one screen from the city down to the vehicle; every number opens its list."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.geo.maps import base_map
from zhiguan.kit.manifest import MenuGroup
from zhiguan.kit.pages import MenuItem, ViewPage

from ..queries import cockpit as figures
from ..queries import tracks

VIEW = "vehicles.trip.view"
GROUP = MenuGroup("cockpit", "驾驶舱", 10, "dashboard")


def cockpit(request: HttpRequest) -> HttpResponse:
    """The cockpit of the place ``?code=``."""
    code = request.GET.get("code", "")[:40]
    base = base_map()
    config = {
        "data": figures.picture(request.actor, code),
        "data_url": reverse("vehicles.cockpit.data"),
        "stream_url": tracks.stream_url(request, "/live/cockpit"),
        "poll_url": reverse("vehicles.cockpit.update"),
        "poll_seconds": 2,
        "districts_url": base["districts_url"],
        "source_note": base["source_note"],
        "approval_number": base["approval_number"],
    }
    return render(request, "vehicles/cockpit.html", {"config": config})


def data(request: HttpRequest) -> HttpResponse:
    """The whole picture as JSON, for drilling in place."""
    return JsonResponse(figures.picture(request.actor, request.GET.get("code", "")[:40]))


def update(request: HttpRequest) -> HttpResponse:
    """What changed since the picture was drawn."""
    return JsonResponse(figures.update(request.actor, request.GET.get("code", "")[:40]))


COCKPIT = ViewPage(
    code="vehicles.cockpit", path="cockpit/", title="公务用车驾驶舱", permission=VIEW, view=cockpit,
    menu=MenuItem("cockpit", order=10, icon="dashboard", title="公务用车"),
)  # fmt: skip
COCKPIT_DATA = ViewPage(code="vehicles.cockpit.data", path="cockpit/data/", title="驾驶舱数据", permission=VIEW, view=data)
COCKPIT_UPDATE = ViewPage(
    code="vehicles.cockpit.update", path="cockpit/update/", title="驾驶舱更新", permission=VIEW, view=update
)
