"""调度台: who drives when, who waits, where the free cars are; every change is one verb."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.geo.maps import base_map
from zhiguan.kit.actor import Actor
from zhiguan.kit.api.problems import problem
from zhiguan.kit.errors import Invalid, NotFound, Refusal, Stale
from zhiguan.kit.pages import MenuItem, ViewPage

from .. import queries
from ..domain import dispatching, orders
from ..models import DispatchOrder, Driver, Vehicle
from ..queries import advice
from ..queries import board as rows
from .parts import unit_options

DISPATCH = "vehicles.order.dispatch"


def board(request: HttpRequest) -> HttpResponse:
    """The page; what it shows comes as data."""
    units = [{"id": key, "name": name} for key, name, *_ in list(unit_options(DISPATCH)(request.actor))[:400]]
    config = {
        "data_url": reverse("vehicles.board.data"), "act_url": reverse("vehicles.board.act"),
        "advice_url": reverse("vehicles.board.advice"), "free_url": reverse("vehicles.board.free"),
        "order_url": reverse("vehicles.order.detail", args=[0]).replace("/0/", "/{id}/"),
        "vehicle_url": reverse("vehicles.vehicle.detail", args=[0]).replace("/0/", "/{id}/"),
        "units": units if len(units) > 1 else [], "day": timezone.localdate().isoformat(), "refresh_seconds": 10,
        "map": base_map(),
    }  # fmt: skip
    return render(request, "vehicles/board.html", {"config": config})


def _window(request: HttpRequest) -> tuple[datetime, datetime]:
    try:
        day = date.fromisoformat(request.GET.get("day") or timezone.localdate().isoformat())
    except ValueError as error:
        raise Invalid("日期应写作 2026-01-31 的形式。", code="day") from error
    if not 2000 <= day.year < 2100:
        raise Invalid("日期超出范围。", code="day")
    start, _ = queries.day_bounds(day)
    return start, start + timedelta(days=7 if request.GET.get("span") == "week" else 1)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def data(request: HttpRequest) -> HttpResponse:
    """The board's picture; 304 while nothing has changed since the one the browser has."""
    start, end = _window(request)
    made = rows.board(request.actor, start, end, _number(request.GET.get("unit")))
    now = made.pop("now")
    mark = hashlib.sha256(orjson.dumps(made)).hexdigest()[:20]
    if request.headers.get("If-None-Match") == f'"{mark}"':
        return HttpResponse(status=304)
    answer = HttpResponse(orjson.dumps(made | {"now": now}), content_type="application/json")
    answer["ETag"] = f'"{mark}"'
    answer["Cache-Control"] = "private, no-cache"
    return answer


def free(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"cars": rows.free_positions(request.actor)})


def _order(actor: Actor, key: Any) -> DispatchOrder:
    found = queries.orders(actor).select_related("unit", "requester", "vehicle", "driver__person", "pool", "host")
    order = found.filter(pk=key).first() if isinstance(key, int) and 0 < key < 2**63 else None
    if order is None:
        raise NotFound("该派车单不存在，或不在您的数据权限范围内。")
    return order


def advise(request: HttpRequest) -> HttpResponse:
    """Which cars and drivers fit an order, the best first."""
    found = advice.advice_for(_order(request.actor, _number(request.GET.get("order"))), request.actor, most=60)

    def told(ranked: Any) -> dict[str, Any]:
        return {
            "id": ranked.key,
            "title": ranked.title,
            "fits": ranked.fits,
            "reasons": [*ranked.reasons, *ranked.warnings],
        }

    return JsonResponse({
        "cars": [told(each) for each in found.cars], "drivers": [told(each) for each in found.drivers],
        "sharing": [{"id": each.key, "code": each.code, "reasons": list(each.reasons)} for each in found.sharing],
        "alternatives": [f"{each.title}约 {each.cost_yuan:.0f} 元（派车约 {each.own_yuan:.0f} 元）" for each in found.alternatives],
    })  # fmt: skip


def _at(given: Any) -> datetime:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 2**31:
        raise Invalid("时间不正确。", fields={"planned_from": "时间不正确。"})
    return datetime.fromtimestamp(given * 60, UTC)


def _bound(actor: Actor, given: dict[str, Any]) -> dict[str, Any]:
    """Return vehicle and driver as named by key; both must be within the dispatcher's reach."""
    found: dict[str, Any] = {}
    for name, model in (("vehicle", Vehicle), ("driver", Driver)):
        key = given.get(name)
        reached = model.objects.visible_to(actor, DISPATCH)
        row = reached.filter(pk=key).first() if isinstance(key, int) and 0 < key < 2**63 else None
        if row is None:
            message = "请选择车辆。" if name == "vehicle" else "请选择驾驶员。"
            raise Invalid(message, fields={name: message})
        found[name] = row
    return found


def _times(actor: Actor, given: dict[str, Any]) -> dict[str, Any]:
    return {"planned_from": _at(given.get("from")), "planned_to": _at(given.get("to"))}


ACTS: dict[str, tuple[Callable[..., DispatchOrder], Callable[[Actor, dict[str, Any]], dict[str, Any]]]] = {
    "dispatch": (orders.dispatch, _bound),
    "dispatch_urgently": (orders.dispatch_urgently, _bound),
    "redispatch": (orders.redispatch, _bound),
    "reschedule": (dispatching.reschedule, _times),
    "extend": (dispatching.extend, lambda actor, given: {"planned_to": _at(given.get("to"))}),
    "withdraw": (dispatching.withdraw, lambda actor, given: {}),
    "share": (dispatching.share, lambda actor, given: {"host": _order(actor, given.get("host"))}),
}
"""What the board can do: the verb, and how its values are read. The verbs ask for the permission themselves."""


def act(request: HttpRequest) -> HttpResponse:
    """Do one act of the board; refusals come back as problem documents in Chinese, and nothing is changed then."""
    try:
        given = json.loads(request.body)
        verb, values = ACTS[given["act"]]
    except (ValueError, KeyError, TypeError):
        return HttpResponseBadRequest("请求内容不正确。")
    actor = request.actor
    try:
        with transaction.atomic():
            order = _order(actor, given.get("order"))
            if given.get("version") not in (None, order.version):
                raise Stale(f"{order.code} 已被他人办理，已为您刷新。")
            reason = str(given.get("reason") or "")[:200]
            order = verb(actor, order, reason=reason, **values(actor, given))
    except Refusal as refusal:
        return problem(refusal, request)
    return JsonResponse({"order": rows.order_row(order)})


BOARD = ViewPage(
    code="vehicles.board", path="vehicles/board/", title="调度台", permission=DISPATCH, view=board,
    menu=MenuItem("vehicles", order=7, icon="layout-dashboard"),
)  # fmt: skip
BOARD_DATA = ViewPage(
    code="vehicles.board.data", path="vehicles/board/data/", title="调度台数据", permission=DISPATCH, view=data
)
BOARD_FREE = ViewPage(
    code="vehicles.board.free", path="vehicles/board/free/", title="空闲车辆位置", permission=DISPATCH, view=free
)
BOARD_ADVICE = ViewPage(
    code="vehicles.board.advice", path="vehicles/board/advice/", title="派车建议", permission=DISPATCH, view=advise
)
BOARD_ACT = ViewPage(
    code="vehicles.board.act", path="vehicles/board/act/", title="调度办理", permission=DISPATCH, view=act,
    methods=("POST",),
)  # fmt: skip
