"""派车单 on paper: the nineteen usual items, as a page, as PDF, and checked again by its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.documents import service as documents
from zhiguan.kernel.documents.declare import Template
from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.errors import Conflict, NotFound
from zhiguan.kit.pages import ViewPage
from zhiguan.kit.square import square

from .. import queries

SLIP = Template("vehicles.order.slip", "派车单", Path(__file__).parent.parent / "templates" / "vehicles" / "slip.typ")


def _at(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y年%m月%d日 %H:%M}" if moment else ""


def _who(name: str, moment: Any) -> str:
    return f"{name}　{_at(moment)}".strip()


def rows_of(order: Any) -> list[tuple[str, str, bool]]:
    """Return the nineteen items: label, text, whether it takes a whole line."""
    vehicle, driver = order.vehicle, order.driver
    model = f"（{vehicle.get_body_display()} {vehicle.brand_model}）" if vehicle else ""
    plate = order.plate or (vehicle.plate if vehicle else "")
    return [
        ("用车单位", order.unit.name, False), ("用车类别", order.get_kind_display(), False),
        ("申请人", order.requester.name, False), ("联系电话", order.requester.phone or "—", False),
        ("事由类别", order.get_purpose_class_display() or "—", False), ("行程方式", order.get_shape_display(), False),
        ("用车事由", order.purpose, True),
        ("乘车人", order.passengers or order.requester.name, True),
        ("乘车人数", f"{order.passenger_count} 人", False), ("审批层级", order.get_approval_level_display(), False),
        ("用车时间", _at(order.planned_from), False), ("预计返回", _at(order.planned_to), False),
        ("上车地点", order.origin, False), ("目的地", order.destination, False),
        ("途经地点", "、".join(stop["name"] for stop in order.stops or ()) or "无", True),
        ("车辆", f"{plate}{model}", False),
        ("驾驶员", f"{order.driver_name or (driver.person.name if driver else '')}　{order.driver_phone}".strip(), False),
        ("审批人", _who(order.approved_by or ("待补批" if order.ratify_by_on else ""), order.approved_at), False),
        ("派车人", _who(order.dispatched_by, order.dispatched_at), False),
    ]  # fmt: skip


def record_of(order: Any) -> list[tuple[str, str, bool]]:
    """Return what is written in after the journey; empty where it has not taken place."""
    start, end = order.odometer_start_km, order.odometer_end_km
    way = f"{end - start} 公里" if start is not None and end is not None else ""
    return [
        ("出车时间", _at(order.started_at), False), ("收车时间", _at(order.ended_at), False),
        ("出车里程表", f"{start} 公里" if start is not None else "", False),
        ("收车里程表", f"{end} 公里" if end is not None else "", False),
        ("行驶里程", way, False), ("停放地点", order.parked_at_place, False),
    ]  # fmt: skip


def _order(request: HttpRequest, pk: int) -> Any:
    rows = queries.orders(request.actor).select_related("unit", "requester", "vehicle", "driver__person")
    order = rows.filter(pk=pk).first() if pk < 2**63 else None
    if order is None:
        raise NotFound("该派车单不存在，或不在您的数据权限范围内。")
    if order.vehicle_id is None and not order.plate:
        raise Conflict("派车后才有派车单。", code="not_dispatched")
    return order


def _code(order: Any) -> str:
    return documents.verification_code(SLIP.code, order.pk, order.version)


def slip(request: HttpRequest, pk: int) -> HttpResponse:
    """The slip to look at and print; ``?code=`` (from the QR) says whether the paper is still what the system holds."""
    order = _order(request, pk)
    given = request.GET.get("code", "")[:20]
    request.zg_crumbs = [
        {"title": "派车单", "url": reverse("vehicles.order")},
        {"title": order.code, "url": reverse("vehicles.order.detail", args=[pk])}, {"title": "打印", "url": ""},
    ]  # fmt: skip
    code = _code(order)
    address = request.build_absolute_uri(reverse("vehicles.order.slip", args=[pk])) + f"?code={code}"
    context = {
        "order": order, "rows": rows_of(order), "record": record_of(order), "code": code, "given": given,
        "same": documents.matches(given, SLIP.code, order.pk, order.version) if given else None,
        "square": square(address), "organ": _organ(order),
    }  # fmt: skip
    return render(request, "vehicles/slip.html", context)


def _organ(order: Any) -> str:
    organ = orgs.organ_of(order.unit)
    return organ.name if organ else order.unit.name


def slip_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The slip as PDF/A."""
    order = _order(request, pk)
    code = _code(order)
    address = request.build_absolute_uri(reverse("vehicles.order.slip", args=[pk])) + f"?code={code}"
    data = {
        "title": "公务用车派车单", "organ": _organ(order), "no": order.code, "state": order.state_name,
        "rows": rows_of(order), "record": record_of(order),
        "footer": f"打印人：{request.actor.name}　{_at(timezone.now())}",
    }  # fmt: skip
    made = documents.render(SLIP, data, address=address, code=code)
    trace.record_read(request.actor, "vehicles.dispatchorder.print", order, ["slip"])
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{order.code}.pdf"'
    return answer


SLIP_PAGE = ViewPage(
    code="vehicles.order.slip", path="vehicles/order/<int:pk>/slip/", title="派车单", permission="vehicles.order.view",
    view=slip,
)  # fmt: skip
SLIP_PDF = ViewPage(
    code="vehicles.order.slip.pdf", path="vehicles/order/<int:pk>/slip.pdf/", title="派车单 PDF",
    permission="vehicles.order.view", view=slip_pdf,
)  # fmt: skip
