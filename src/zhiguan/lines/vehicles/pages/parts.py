"""What the pages of the line share: state badges, columns of orders and trips, filters, verbs of forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import Badge, ChoiceFilter, Column, Date, DateTime, Number, TextFilter

from .. import lifecycle
from ..codes import Match, VehicleKind


def states(life: Any, title: str = "状态") -> Column:
    return Badge("state", title, life.colours, choices=life.choices)


def unit_options(permission: str) -> Callable[[Actor], Iterable[tuple]]:
    """Return the unit filter's options: city, districts and organs that the permission reaches, or reaches into."""

    def options(actor: Actor) -> Iterable[tuple]:
        reached = Q(pk__in=[])
        for lo, hi in actor.scope(permission).ranges:
            reached |= Q(pos__lte=hi, pos_end__gte=lo)
        units = Unit.objects.open().of_kind("city", "district", "organ").filter(reached)
        return units.values_list("pk", "name", "pos", "pos_end")  # metrics name units in addresses by key

    return options


def overdue(name: str, title: str) -> Column:
    """Return a column that says how far a date is, or by how much it is past."""

    def words(row: Any) -> str:
        if getattr(row, name) is None:
            return ""
        days = (getattr(row, name) - timezone.localdate()).days
        return f"逾期 {-days} 天" if days < 0 else "今日到期" if days == 0 else f"剩 {days} 天"

    return Column(f"{name}_left", title, value=words, needs=(name,))


def in_state(*states: str) -> Callable[[Any], bool]:
    return lambda row: row.state in states


def address_of(name: str) -> Callable[[Any, Actor], str]:
    return lambda row, actor: reverse(name, args=[row.pk])


def of_car(path: str = "vehicle.plate") -> TextFilter:
    """Return the filter by plate that addresses of one vehicle's rows use."""
    return TextFilter("car", "车牌号", path=path, lookup="iexact")


def of_kind(path: str = "vehicle.kind") -> ChoiceFilter:
    """Return the filter by the vehicle's kind that addresses of figures use."""
    return ChoiceFilter("vehicle_kind", "车辆种类", path=path, options=VehicleKind.choices, facets=False)


def making(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    """Return a form page's verb that makes something new."""
    return lambda actor, row, values: verb(actor, **values)


def changing(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    return lambda actor, row, values: verb(actor, row, **values)


VEHICLE_STATE = states(lifecycle.VEHICLE)
ORDER_STATE = states(lifecycle.ORDER)
MATCH = Badge("match", "匹配结果", {Match.MATCHED: "green", Match.OVERRUN: "yellow", Match.DEVIATED: "orange",
                                 Match.NO_ORDER: "red"}, choices=Match.choices)  # fmt: skip
MANAGE = "vehicles.vehicle.manage"

PLATE = Column("plate", "车辆", value=lambda order: order.plate or getattr(order.vehicle, "plate", ""),
               needs=("plate", "vehicle.plate"), sort="plate")
DRIVER_NAME = Column("driver_name", "驾驶员", needs=("driver_name", "driver.person.name"),
                     value=lambda order: order.driver_name or (order.driver.person.name if order.driver else ""))  # fmt: skip
"""As copied at dispatch, for readers who may not see the vehicle; orders of older days have only the keys."""

ORDER_COLUMNS = (
    Column("code", "单号", link=True, sortable=True),
    ORDER_STATE,
    Column("unit.name", "用车单位"),
    Column("requester.name", "申请人"),
    Column("purpose", "事由", wide=True),
    Column("destination", "目的地"),
    DateTime("planned_from", "用车时间", sortable=True),
    DateTime("planned_to", "预计结束", shown=False),
    PLATE,
    DRIVER_NAME,
    Column("kind", "类别", shown=False),
    DateTime("created_at", "申请时间", sortable=True, shown=False),
)


def kept(trip: Any) -> bool:
    """Tell whether a trip of a list (``privacy.marked_kept``) is kept from the reader; of an order's, none is."""
    return getattr(trip, "kept", False)


def _open(name: str) -> Callable[[Any], Any]:
    return lambda trip: None if kept(trip) else getattr(trip, name)


def _km(trip: Any) -> float | None:
    metres = trip.kept_m if kept(trip) else trip.distance_m
    return None if metres is None else metres / 1000


def _why_kept(trip: Any) -> str:
    if not kept(trip):
        return ""
    return "非工作时间行程，已并入当日合计" if trip.kept_m is None else "非工作时间行程，里程为当日合计"


TRIP_COLUMNS = (
    Date("day", "日期", link=lambda trip: replay_url(trip.vehicle_id, trip.day, None if kept(trip) else trip.pk)),
    Column("vehicle.plate", "车辆"),
    DateTime("start_at", "出发", value=_open("start_at"), needs=("start_at",)),
    DateTime("end_at", "到达", value=_open("end_at"), needs=("end_at",)),
    Number("distance_km", "里程", value=_km, needs=("distance_m",), digits=1, unit="公里"),
    Number("max_speed_kmh", "最高速度", value=_open("max_speed_kmh"), needs=("max_speed_kmh",), digits=0, unit="公里/小时",
           shown=False),
    MATCH,
    Column("order.code", "派车单", link=lambda trip: reverse("vehicles.order.detail", args=[trip.order_id])
           if trip.order_id else ""),
    Column("unit.name", "单位"),
)  # fmt: skip
TRIP_LIST_COLUMNS = (
    *(replace(column, sort="sort_m") if column.name == "distance_km" else column for column in TRIP_COLUMNS),
    Column("kept", "隐私保护", value=_why_kept, needs=("kept", "kept_m")),
)
"""Of trips with marks of privacy: sorted by what may be known of them, and never by day and key alone."""


def replay_url(vehicle_id: int, day: Any, trip: int | None = None) -> str:
    """Return the address of a vehicle's replay of one day."""
    address = reverse("vehicles.replay", args=[vehicle_id]) + f"?day={day:%Y-%m-%d}"
    return f"{address}&trip={trip}" if trip else address
