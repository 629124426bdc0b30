"""What the line puts on everybody's desk."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from zhiguan.kit.desk import Figure, Shortcut, Todo

from .. import queries
from ..queries.privacy import DECIDE, to_decide


def _order_line(order: Any) -> str:
    return f"{order.code} · {order.purpose} · {order.destination}"


def _order_detail(order: Any) -> str:
    return f"{order.unit.name} {order.requester.name} · {timezone.localtime(order.planned_from):%m月%d日 %H:%M}"


DESK = (
    Todo("vehicles.approve", "待审批用车", 10, "vehicles.order.approve",
         lambda actor: queries.to_approve(actor).select_related("unit", "requester").order_by("planned_from"),
         "vehicles.order.approving", "vehicles.order.detail", _order_line, _order_detail, icon="checkbox"),
    Todo("vehicles.dispatch", "待派车", 20, "vehicles.order.dispatch",
         lambda actor: queries.to_dispatch(actor).select_related("unit", "requester").order_by("planned_from"),
         "vehicles.order.dispatching", "vehicles.order.detail", _order_line, _order_detail, icon="steering-wheel"),
    Todo("vehicles.drive", "待出车与收车", 30, "vehicles.order.drive",
         lambda actor: queries.my_drives(actor).filter(state__in=("dispatched", "started"), host__isnull=True)
         .select_related("unit", "requester").order_by("planned_from"),
         "vehicles.drive", "vehicles.drive.task", _order_line, _order_detail, icon="car"),
    Todo("vehicles.rate", "待评价", 40, "vehicles.order.request",
         lambda actor: queries.my_requests(actor).filter(state="ended", rating__isnull=True)
         .select_related("unit", "requester").order_by("-ended_at"),
         "vehicles.order.mine", "vehicles.order.detail", _order_line, _order_detail, icon="star", query="state=ended"),
    Shortcut("vehicles.request", "申请用车", 10, "vehicles.order.request", "vehicles.order.create", "car", "提交用车申请"),
    Shortcut("vehicles.mine", "我的申请", 20, "vehicles.order.request", "vehicles.order.mine", "file-text", "查看办理进展"),
    Todo("vehicles.ratify", "应急用车待补批", 12, "vehicles.order.approve",
         lambda actor: queries.to_ratify(actor).select_related("unit", "requester").order_by("ratify_by_on"),
         "vehicles.order.ratifying", "vehicles.order.detail", _order_line,
         lambda order: f"{order.unit.name} · 补批期限 {order.ratify_by_on:%m月%d日}", icon="clock-exclamation"),
    Todo("vehicles.settle", "待确认用车结算", 50, "vehicles.settlement.manage",
         lambda actor: queries.settlements_to_confirm(actor).select_related("unit", "payer").order_by("month"),
         "vehicles.settlement", "vehicles.settlement.detail", lambda row: f"{row.code} · {row.amount_yuan} 元",
         lambda row: f"{row.unit.name} · {row.month:%Y年%m月}", icon="receipt", query="state=issued"),
    Todo("vehicles.lift", "待审批解除隐私保护", 60, DECIDE,
         lambda actor: to_decide(actor).select_related("unit").order_by("created_at"),
         "vehicles.privacylift", "vehicles.privacylift.detail", lambda row: f"{row.plate} · {row.account_name} · {row.reason}",
         lambda row: f"{row.unit.name} · {timezone.localtime(row.created_at):%m月%d日 %H:%M}", icon="eye",
         query="state=applied"),
    Todo("vehicles.issues", "待答复的问题与投诉", 55, "vehicles.issue.answer",
         lambda actor: queries.issues_to_answer(actor).select_related("unit", "reporter").order_by("created_at"),
         "vehicles.issue", "vehicles.issue.detail", lambda row: f"{row.get_kind_display()} · {row.text}",
         lambda row: f"{row.unit.name} · {row.order_code} · {timezone.localtime(row.created_at):%m月%d日}", icon="message",
         query="state=open"),
    Shortcut("vehicles.drives", "出车任务", 30, "vehicles.order.drive", "vehicles.drive", "steering-wheel",
             "出车、收车"),
    Shortcut("vehicles.looked_at", "行踪查看记录", 40, "vehicles.order.drive", "vehicles.privacylift.mine", "eye",
             "本人车辆非工作时间的行踪何时被查看"),
    Figure("vehicles.in_service", "在用车辆", 10, "vehicles.vehicle.view",
           lambda actor: queries.vehicles(actor).filter(queries.ON_BOOKS, state="in_service"), "vehicles.vehicle",
           "state=in_service&held=1",
           icon="car", unit="辆"),
    Figure("vehicles.on_road", "出车中", 20, "vehicles.order.view",
           lambda actor: queries.orders(actor).filter(state="started"), "vehicles.order", "state=started", unit="件"),
    Figure("vehicles.waiting", "待派车", 30, "vehicles.order.dispatch", queries.to_dispatch, "vehicles.order.dispatching",
           unit="件"),
)  # fmt: skip
