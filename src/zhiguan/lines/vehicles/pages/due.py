"""到期提醒: one list of all that falls due."""

from __future__ import annotations

from django.urls import reverse

from zhiguan.kit.pages import (
    Badge,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    EmptyState,
    ListPage,
    MenuItem,
    Number,
    UnitFilter,
)

from ..codes import Rung
from ..queries import dues
from .parts import of_car, unit_options

VIEW = "vehicles.vehicle.view"
RUNG = Badge("rung", "提醒级别", {Rung.OVERDUE: "red", Rung.LAST: "orange", Rung.NEAR: "yellow", Rung.FAR: "azure",
                              Rung.LATER: "secondary"}, choices=Rung.choices)  # fmt: skip


def where(row: object) -> str:
    """Return the address where an item is dealt with: of the vehicle or the driver."""
    if getattr(row, "vehicle_id", None):
        return reverse("vehicles.vehicle.detail", args=[row.vehicle_id])  # type: ignore[attr-defined]
    return reverse("vehicles.driver.detail", args=[row.driver_id])  # type: ignore[attr-defined]


DUE_COLUMNS = (
    Column("title", "内容", link=where), RUNG, Column("kind", "事项"), Date("due_on", "到期日期", sortable=True),
    Number("due_km", "到期里程", unit="公里"), Column("basis", "依据", wide=True),
)  # fmt: skip
DUES = ListPage(
    code="vehicles.due", path="vehicles/due/", title="到期提醒", permission=VIEW,
    menu=MenuItem("vehicles", order=40, icon="clock", badge=lambda actor: dues.near(actor).count()), rows=dues.dues,
    columns=(*DUE_COLUMNS[:5], Column("unit.name", "单位"), DUE_COLUMNS[5]),
    search=("=vehicle.plate", "title"), search_hint="车牌号、内容",
    filters=(ChoiceFilter("rung", "提醒级别", options=Rung.choices), ChoiceFilter("kind", "事项"),
             UnitFilter("unit", "单位", options=unit_options(VIEW)), of_car(), DateRangeFilter("due_on", "到期日期")),
    default_sort="due_on", export_name="到期提醒",
    views=(("待办理", "rung=overdue&rung=last&rung=near"), ("已逾期", "rung=overdue"), ("全部", "")),
    note="保险、检验、保养、驾驶证、加油充电卡和违法处理期限；保养按里程的，到期日期是推算值。每晚重新计算，登记后立即更新。",
    empty=EmptyState("没有到期事项", ""),
)  # fmt: skip
