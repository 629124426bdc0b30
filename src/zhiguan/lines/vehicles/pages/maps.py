"""Where vehicles are and were: the live map, the replay of a day, the trips."""

from __future__ import annotations

from datetime import date

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.geo.maps import base_map
from zhiguan.kit.pages import (
    BoolFilter,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    EmptyState,
    ListPage,
    MenuItem,
    Number,
    NumberRangeFilter,
    UnitFilter,
    ViewPage,
)

from .. import queries
from ..queries import tracks
from ..queries.evaluation import boarded
from .parts import TRIP_LIST_COLUMNS, of_car, of_kind, replay_url, unit_options

VIEW = "vehicles.trip.view"
POSITIONS = "telemetry.position.view"
"""Where a vehicle is at this moment is more sensitive than its trips: a permission of its own."""


def live_map(request: HttpRequest) -> HttpResponse:
    """实时地图."""
    config = base_map() | {
        "stream_url": tracks.stream_url(request),
        "poll_url": reverse("vehicles.live.data"),
        "poll_seconds": 2,
        "organs": [{"id": unit.pk, "name": unit.label} for unit in queries.fleet_units(request.actor)],
        "vehicle_url": reverse("vehicles.vehicle.detail", args=[0]).replace("/0/", "/{id}/"),
        "replay_url": reverse("vehicles.replay", args=[0]).replace("/0/", "/{id}/"),
    }
    return render(request, "vehicles/live.html", {"config": config})


def live_data(request: HttpRequest) -> HttpResponse:
    """The present place of every vehicle in scope, for the map's first picture and for polling."""
    return JsonResponse(tracks.snapshot(request.actor))


def _day(request: HttpRequest) -> date | None:
    text = request.GET.get("day", "")
    if not text:
        return timezone.localdate()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def replay(request: HttpRequest, pk: int) -> HttpResponse:
    """轨迹回放: one vehicle, one day."""
    vehicle = get_object_or_404(queries.vehicles(request.actor).select_related("unit"), pk=pk)
    day = _day(request)
    if day is None:
        return HttpResponseBadRequest("日期应写作 2026-01-31 的形式。")
    request.zg_crumbs = [
        {"title": "公务用车", "url": reverse("vehicles.vehicle")},
        {"title": vehicle.plate, "url": reverse("vehicles.vehicle.detail", args=[pk])},
        {"title": "轨迹回放", "url": ""},
    ]
    config = base_map() | {"data_url": reverse("vehicles.replay.data", args=[pk]) + f"?day={day}"}
    days = queries.days_of(vehicle, request.actor)
    return render(
        request, "vehicles/replay.html", {"vehicle": vehicle, "day": day, "config": config, "days": days}
    )


def replay_data(request: HttpRequest, pk: int) -> HttpResponse:
    """The day's track, trips, stops, orders and findings of one vehicle."""
    vehicle = get_object_or_404(queries.vehicles(request.actor).select_related("unit"), pk=pk)
    day = _day(request)
    if day is None:
        return HttpResponseBadRequest("日期应写作 2026-01-31 的形式。")
    finding = request.GET.get("finding", "")
    key = int(finding) if finding.isascii() and finding.isdigit() and len(finding) < 19 else None
    return JsonResponse(tracks.replay(vehicle, day, request.actor, key))


LIVE = ViewPage(
    code="vehicles.live", path="vehicles/live/", title="实时地图", permission=POSITIONS, view=live_map,
    menu=MenuItem("vehicles", order=20, icon="map-2"),
)  # fmt: skip
LIVE_DATA = ViewPage(
    code="vehicles.live.data", path="vehicles/live/data/", title="实时位置", permission=POSITIONS, view=live_data
)
REPLAY = ViewPage(
    code="vehicles.replay", path="vehicles/vehicle/<int:pk>/replay/", title="轨迹回放", permission=VIEW, view=replay
)
REPLAY_DATA = ViewPage(
    code="vehicles.replay.data", path="vehicles/vehicle/<int:pk>/replay/data/", title="轨迹数据", permission=VIEW,
    view=replay_data,
)  # fmt: skip

TRIPS = ListPage(
    code="vehicles.trip",
    path="vehicles/trip/",
    title="行程",
    menu=MenuItem("vehicles", order=22, icon="route"),
    permission="vehicles.trip.view",
    rows=queries.trip_rows,
    columns=TRIP_LIST_COLUMNS,
    search=("^vehicle.plate", "=order.code"),
    search_hint="车牌号、派车单号",
    filters=(ChoiceFilter("match", "匹配结果", facets=False),
             UnitFilter("unit", "单位", options=unit_options("vehicles.trip.view")),
             DateRangeFilter("day", "日期"), NumberRangeFilter("distance_m", "里程（米）", path="open_m"), of_kind(), of_car(),
             BoolFilter("boarded", "记有上下车时间", condition=boarded)),
    default_sort=("-day", "vehicle_id", "-start_at"),
    views=(("全部", ""), ("无派车单", "match=no_order"), ("超出时段", "match=overrun")),
    export_name="行程",
    note="行程由卫星定位数据计算得出；补传数据到达后自动重算。登记了固定使用人的车辆，非工作时间且没有派车单的行程受隐私保护：逐次列出，不显示时间、速度，里程按车辆按日合计。",
    empty=EmptyState("还没有行程", "车辆安装定位终端并行驶后，行程会自动出现。"),
)  # fmt: skip
DAYS = ListPage(
    code="vehicles.day",
    path="vehicles/day/",
    title="车日",
    menu=MenuItem("vehicles", order=23, icon="calendar-stats"),
    permission="vehicles.trip.view",
    rows=queries.days,
    columns=(
        Date("day", "日期", sortable=True, link=lambda row: replay_url(row.vehicle_id, row.day)),
        Column("vehicle.plate", "车辆"), Column("unit.name", "单位"),
        Number("trips", "行程数", unit="次", sortable=True),
        Number("distance_km", "里程", value=lambda row: row.distance_m / 1000, needs=("distance_m",), sort="distance_m",
               digits=1, unit="公里"),
        Number("driving_min", "行驶时长", value=lambda row: row.driving_s / 60, needs=("driving_s",), sort="driving_s",
               digits=0, unit="分钟"),
        Number("points", "定位点数", shown=False),
    ),
    search=("^vehicle.plate",),
    search_hint="车牌号",
    filters=(DateRangeFilter("day", "日期"), UnitFilter("unit", "单位", options=unit_options("vehicles.trip.view")),
             BoolFilter("driven", "有行程", condition=Q(trips__gt=0)), of_kind(), of_car()),
    default_sort="-day",
    export_name="车日",
    note="每辆车有定位数据的每一天为一个车日；补传数据到达后自动重算。",
    empty=EmptyState("还没有车日", "车辆安装定位终端并上线后，车日会自动出现。"),
)  # fmt: skip
