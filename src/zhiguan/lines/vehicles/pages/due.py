"""到期提醒: one list of all that falls due."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.desk import Figure, Todo
from zhiguan.kit.errors import NotFound
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
    ViewPage,
)

from ..codes import Rung
from ..queries import dues, life
from .parts import of_car, unit_options

VIEW = "vehicles.vehicle.view"
RUNG = Badge("rung", "提醒级别", {Rung.OVERDUE: "red", Rung.LAST: "orange", Rung.NEAR: "yellow", Rung.FAR: "azure",
                              Rung.LATER: "secondary"}, choices=Rung.choices)  # fmt: skip


def where(row: Any) -> str:
    """Return the address where an item is dealt with: of the vehicle or the driver."""
    if row.vehicle_id is not None:
        return reverse("vehicles.vehicle.detail", args=[row.vehicle_id])
    return reverse("vehicles.driver.detail", args=[row.driver_id])


DUE_COLUMNS = (
    Column("title", "内容", link=where), RUNG, Column("kind", "事项"), Date("due_on", "到期日期", sortable=True),
    Number("due_km", "到期里程", unit="公里"), Column("basis", "依据", wide=True),
)  # fmt: skip
DUES = ListPage(
    code="vehicles.due", path="vehicles/due/", title="到期提醒", permission=VIEW,
    menu=MenuItem("vehicles", order=40, icon="clock", badge="vehicles.dues"), rows=dues.dues,
    columns=(*DUE_COLUMNS[:5], Column("unit.name", "单位"), DUE_COLUMNS[5]),
    search=("=vehicle.plate", "title"), search_hint="车牌号、内容",
    filters=(ChoiceFilter("rung", "提醒级别", options=Rung.choices), ChoiceFilter("kind", "事项"),
             UnitFilter("unit", "单位", options=unit_options(VIEW)), of_car(), DateRangeFilter("due_on", "到期日期")),
    default_sort="due_on", export_name="到期提醒",
    views=(("待办理", "rung=overdue&rung=last&rung=near"), ("已逾期", "rung=overdue"), ("全部", "")),
    note="保险、检验、保养、驾驶证、加油充电卡和违法处理期限；保养按里程的，到期日期是推算值。每晚重新计算，登记后立即更新。",
    empty=EmptyState("没有到期事项", ""),
)  # fmt: skip


def go(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Lead from an item to where it is dealt with."""
    row = dues.dues(request.actor).filter(pk=pk).first()  # type: ignore[attr-defined]
    if row is None:
        raise NotFound("该事项已办理，或不在您的数据权限范围内。")
    return HttpResponseRedirect(where(row))


DUE_GO = ViewPage(
    code="vehicles.due.go", path="vehicles/due/<int:pk>/", title="到期事项", permission=VIEW, view=go,
    parent="vehicles.due",
)  # fmt: skip


def _day(row: Any) -> str:
    return f"{row.unit.name} · {row.due_on:%Y-%m-%d} · {Rung(row.rung).label}"


LIFE_DESK = (
    Todo("vehicles.dues", "到期待办理", 60, "vehicles.vehicle.manage",
         lambda actor: dues.near(actor).select_related("unit").order_by("due_on"), "vehicles.due", "vehicles.due.go",
         lambda row: row.title, _day, icon="clock", query="rung=overdue&rung=last&rung=near"),
    Todo("vehicles.violations", "待处理交通违法", 62, "vehicles.vehicle.manage",
         lambda actor: life.open_violations(actor).select_related("vehicle", "unit").order_by("at"),
         "vehicles.violation", "vehicles.violation.detail", lambda row: f"{row.vehicle.plate} · {row.behaviour}",
         lambda row: f"{row.unit.name} · {timezone.localtime(row.at):%Y-%m-%d %H:%M}", icon="ban", query="state=open"),
    Todo("vehicles.plans", "待审批配备更新计划", 64, "vehicles.plan.approve",
         lambda actor: life.plans_to_approve(actor).select_related("unit").order_by("created_at"), "vehicles.plan",
         "vehicles.plan.detail", lambda row: f"{row.code} · {row.get_kind_display()}",
         lambda row: f"{row.unit.name} · 预算 {row.budget_yuan:,.0f} 元", icon="file-text", query="state=submitted"),
    Todo("vehicles.disposals", "待审批车辆处置", 66, "vehicles.plan.approve",
         lambda actor: life.disposals_to_approve(actor).select_related("unit", "vehicle").order_by("created_at"),
         "vehicles.disposal", "vehicles.disposal.detail",
         lambda row: f"{row.code} · {row.vehicle.plate} · {row.get_method_display()}", lambda row: row.unit.name,
         icon="trash", query="state=applied"),
    Todo("vehicles.doubts", "待判定的疑似重复费用", 68, "vehicles.cost.manage",
         lambda actor: life.open_doubts(actor).select_related("vehicle", "unit").order_by("created_at"),
         "vehicles.doubt", "vehicles.doubt.detail", lambda row: f"{row.vehicle.plate} · {row.amount_yuan:,.2f} 元",
         lambda row: f"{row.unit.name} · {row.why}", icon="copy", query="state=pending"),
    Figure("vehicles.dues", "到期待办理", 40, "vehicles.vehicle.view", dues.near, "vehicles.due",
           "rung=overdue&rung=last&rung=near", icon="clock", unit="件"),
)  # fmt: skip
