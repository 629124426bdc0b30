"""车辆周边查询: ask who was near a place, read the answer, and see what oneself has asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Column,
    Custom,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    Section,
)

from ..domain import nearby
from ..forms.nearby import NearbyForm
from ..models import NearbySearch
from ..queries.nearby import SEARCH, picture, searches
from .parts import address_of, making, replay_url

PLACE = Column("place", "地点", value=lambda row: f"北纬 {row.lat:.5f}，东经 {row.lon:.5f}", needs=("lat", "lon"))
RADIUS = Number("radius_m", "半径", unit="米")
COUNT = Number("vehicles", "车辆数", unit="辆", sortable=True)


def _period(row: NearbySearch) -> str:
    start, end = timezone.localtime(row.start_at), timezone.localtime(row.end_at)
    until = "24:00" if end - start <= timedelta(days=1) and end.time() == datetime.min.time() else f"{end:%H:%M}"
    return f"{start:%Y-%m-%d %H:%M} 至 {until}"


PERIOD = Column("period", "时间段", value=_period, needs=("start_at", "end_at"))


def answer(row: NearbySearch, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return the map and the passages, each with the way to its vehicle's replay of that day."""
    passages = []
    for each in row.result:
        first, last = (timezone.localtime(datetime.fromisoformat(each[name])) for name in ("first", "last"))
        what = "经过" if each["moved"] else "停留"
        passages.append({**each, "first": first, "last": last, "what": what,
                         "url": replay_url(each["vehicle"], first.date())})  # fmt: skip
    return {"passages": passages, "config": picture(row)}


NEARBY_SEARCHES = ListPage(
    code="vehicles.nearbysearch", path="vehicles/nearby/", title="车辆周边查询",
    menu=MenuItem("vehicles", order=21, icon="map-pin"), permission=SEARCH, rows=searches,
    columns=(DateTime("created_at", "查询时间", sortable=True, link=True), PLACE, RADIUS, PERIOD, COUNT,
             Column("reason", "事由", kind="long")),
    search=("reason",), search_hint="事由",
    filters=(DateRangeFilter("created_at", "查询时间"),),
    default_sort="-created_at", export_name="车辆周边查询",
    page_actions=(PageAction("新建查询", "vehicles.nearbysearch.create", icon="search", style="primary"),),
    note="查询某时段内到过某地附近的车辆。只列出您本人的查询；每次查询的事由和结果都记入痕迹。",
    empty=EmptyState("还没有查询过", "在地图上画出地点，选择时间，查询当时在附近的车辆。",
                     PageAction("新建查询", "vehicles.nearbysearch.create")),
)  # fmt: skip
NEARBY = DetailPage(
    code="vehicles.nearbysearch", path="vehicles/nearby/<int:pk>/", title="车辆周边查询结果", permission=SEARCH,
    rows=searches,
    panels=(
        Panel("查询条件", fields=(PLACE, RADIUS, PERIOD, COUNT, DateTime("created_at", "查询时间"),
                              Column("account_name", "查询人"), Column("reason", "事由", wide=True))),
        Custom("vehicles/nearby.html", context=answer, title="到过附近的车辆"),
    ),
    page_actions=(PageAction("再查一次", "vehicles.nearbysearch.create", icon="search"),),
    version=lambda row: row.pk,
)  # fmt: skip
NEARBY_NEW = FormPage(
    code="vehicles.nearbysearch.create", path="vehicles/nearby/new/", title="查询车辆周边", permission=SEARCH,
    form=NearbyForm, verb=making(nearby.search), success=address_of("vehicles.nearbysearch.detail"),
    sections=(Section("地点", ("fence",)), Section("时间和事由", ("day", "start", "end", "reason"))),
    submit="查询", done="已查询，结果如下",
    help="查询数据权限内的车辆。登记了固定使用人的车辆，非工作时间的位置受隐私保护，不参加查询。",
)  # fmt: skip
