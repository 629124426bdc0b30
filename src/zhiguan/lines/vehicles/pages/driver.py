"""驾驶员的手机页面: my tasks, one task step by step. Every step may be sent twice; it is done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kit.actor import Actor
from zhiguan.kit.api.problems import problem
from zhiguan.kit.errors import Invalid, NotFound, Refusal
from zhiguan.kit.pages import MenuItem, ViewPage

from .. import queries
from ..codes import ExpenseKind, MarkKind
from ..domain import journeys
from ..models import DispatchOrder

DRIVE = "vehicles.order.drive"
Sent = dict[str, Any]


def _drives(actor: Actor) -> Any:
    return queries.my_drives(actor).filter(host__isnull=True).select_related("unit", "requester", "pool__unit")


def tasks(request: HttpRequest) -> HttpResponse:
    """出车任务: what is under way and to come, then what was driven lately."""
    mine = _drives(request.actor)
    now = list(mine.filter(state__in=("started", "dispatched")).order_by("-state", "planned_from")[:50])
    done = list(mine.filter(state="ended").order_by("-ended_at")[:10])
    return render(request, "vehicles/driver_tasks.html", {"now": now, "done": done, "today": timezone.localdate()})


def _order(actor: Actor, pk: int) -> DispatchOrder:
    order = _drives(actor).filter(pk=pk).first() if pk < 2**63 else None
    if order is None:
        raise NotFound("该任务不存在，或已改派给其他驾驶员。")
    return order


def _people(order: DispatchOrder) -> list[dict[str, str]]:
    """Return whom to call: the requester, then the passengers with their offices."""
    return [{"name": order.requester.name, "phone": order.requester.phone, "role": "申请人"}]


def task(request: HttpRequest, pk: int) -> HttpResponse:
    """One task: what to do next is the large button, the rest is below."""
    order = _order(request.actor, pk)
    marks = list(order.ordermarks.all())
    kinds = [mark.kind for mark in marks]
    waiting = kinds.count(MarkKind.WAIT) > kinds.count(MarkKind.GO_ON)
    last_km = None
    if order.vehicle_id:
        known = queries.my_drives(request.actor).filter(vehicle=order.vehicle_id, odometer_end_km__isnull=False)
        last_km = known.order_by("-ended_at").values_list("odometer_end_km", flat=True).first()
    riders = list(order.riders.exclude(state="cancelled").select_related("unit", "requester"))
    request.zg_crumbs = [
        {"title": "出车任务", "url": reverse("vehicles.drive")}, {"title": order.code, "url": ""},
    ]  # fmt: skip
    checked = order.handoverchecks.exists()
    context = {
        "order": order, "marks": marks, "kinds": kinds, "waiting": waiting, "riders": riders, "people": _people(order),
        "checklist": journeys.checklist(), "checked": checked, "last_km": last_km,
        "expenses": list(order.orderexpenses.all()), "expense_kinds": ExpenseKind.choices,
        "issues": list(order.issues.all()), "photos": files.attachments(order).count(),
        "mark_names": dict(MarkKind.choices), "act_url": reverse("vehicles.drive.act", args=[pk]),
        "next": _next(order, checked=checked, kinds=kinds), "config": {"order": order.pk, "version": order.version},
    }  # fmt: skip
    return render(request, "vehicles/driver_task.html", context)


def _next(order: DispatchOrder, *, checked: bool, kinds: list[str]) -> str:
    """Return the step that the task asks for now."""
    if order.state == "dispatched":
        return "accept" if order.accepted_at is None else ("start" if checked else "check")
    if order.state != "started":
        return ""
    for kind in (MarkKind.ARRIVED, MarkKind.ABOARD, MarkKind.THERE):
        if kind not in kinds:
            return str(kind)
    return "end"


def _km(sent: Sent, name: str) -> int:
    text = str(sent.get(name, "")).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        message = "请填写里程表读数（公里，整数）。"
        raise Invalid(message, fields={name: message})
    return int(text)


def _key(sent: Sent) -> str:
    key = str(sent.get("key", ""))
    if not 8 <= len(key) <= 40:
        raise Invalid("页面已过期，请刷新后重试。", code="key")
    return key


def _number(text: Any) -> float | None:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if -180 <= found <= 180 else None


def _money(sent: Sent) -> Decimal:
    try:
        amount = Decimal(str(sent.get("amount_yuan", "")).strip()).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise Invalid("请填写金额。", fields={"amount_yuan": "请填写金额。"}) from error
    return amount


def _moment(sent: Sent) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(sent.get("at", "")) / 1000, timezone.get_current_timezone())
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _check(actor: Actor, order: DispatchOrder, sent: Sent) -> Any:
    items = {name: sent.get(f"item_{n}") == "ok" for n, name in enumerate(journeys.checklist()) if f"item_{n}" in sent}
    return journeys.check_vehicle(
        actor, order, key=_key(sent), items=items, note=str(sent.get("note", ""))[:300], at=_moment(sent),
        photos=sent["photos"],
    )  # fmt: skip


STEPS: dict[str, Callable[[Actor, DispatchOrder, Sent], Any]] = {
    "accept": lambda actor, order, sent: journeys.accept(actor, order),
    "decline": lambda actor, order, sent: journeys.decline(actor, order, reason=str(sent.get("reason", ""))[:200]),
    "check": _check,
    "start": lambda actor, order, sent: journeys.start(
        actor, order, odometer_start_km=_km(sent, "odometer_start_km"), at=_moment(sent), photos=sent["photos"]
    ),
    "end": lambda actor, order, sent: journeys.end(
        actor, order, odometer_end_km=_km(sent, "odometer_end_km"),
        parked_at_place=str(sent.get("parked_at_place", ""))[:120], at=_moment(sent), photos=sent["photos"],
    ),
    "mark": lambda actor, order, sent: journeys.mark(
        actor, order, key=_key(sent), kind=str(sent.get("kind", "")), at=_moment(sent), lat=_number(sent.get("lat")),
        lon=_number(sent.get("lon")), note=str(sent.get("note", "")),
    ),
    "spend": lambda actor, order, sent: journeys.spend(
        actor, order, key=_key(sent), kind=str(sent.get("kind", "")), amount_yuan=_money(sent),
        note=str(sent.get("note", ""))[:200], at=_moment(sent), photos=sent["photos"],
    ),
    "report": lambda actor, order, sent: journeys.report(
        actor, order, key=_key(sent), text=str(sent.get("text", "")), photos=sent["photos"]
    ),
}  # fmt: skip


def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Do one step. Answers JSON to the page's script, and leads back to the task where there is none."""
    sent: Sent = {name: request.POST.get(name, "") for name in request.POST}
    sent["photos"] = tuple(request.FILES.getlist("photo"))[:6]
    wants_page = "text/html" in request.headers.get("Accept", "")
    try:
        with transaction.atomic():
            step = STEPS.get(sent.get("act", ""))
            if step is None:
                raise Invalid("没有这一步。", code="step")
            step(request.actor, _order(request.actor, pk), sent)
    except Refusal as refusal:
        if wants_page:
            raise
        return problem(refusal, request)
    back = reverse("vehicles.drive") if sent["act"] == "decline" else reverse("vehicles.drive.task", args=[pk])
    if wants_page:
        return HttpResponse(status=303, headers={"Location": back})
    return JsonResponse({"url": back})


TASKS = ViewPage(
    code="vehicles.drive", path="vehicles/drive/", title="出车任务", permission=DRIVE, view=tasks,
    menu=MenuItem("vehicles", order=7, icon="steering-wheel"),
)  # fmt: skip
TASK = ViewPage(
    code="vehicles.drive.task", path="vehicles/drive/<int:pk>/", title="出车任务", permission=DRIVE, view=task
)
TASK_ACT = ViewPage(
    code="vehicles.drive.act", path="vehicles/drive/<int:pk>/act/", title="出车办理", permission=DRIVE, view=act,
    methods=("POST",),
)  # fmt: skip
