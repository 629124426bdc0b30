"""车辆周边查询: who was within some metres of a place between two moments, asked with a reason, once, and kept."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.geo.declare import CircleFence
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied, Invalid

from ..models import NearbySearch
from ..queries.nearby import SEARCH, passages
from .places import fence_of

LEAST_M, MOST_M = 20, 1_000
"""Positions are good to some metres; beyond a kilometre it is no longer a place that is asked about."""
MOST = 500
"""Passages that one search answers."""


def _refuse(name: str, message: str) -> None:
    raise Invalid(message, fields={name: message})


@transaction.atomic
def search(actor: Actor, *, fence: Any, day: date, start: time, end: time, reason: str) -> NearbySearch:
    """查询车辆周边: which of the vehicles in the actor's scope were within the circle on the day between two local times.

    ``end`` 00:00 means midnight. The reason and that whereabouts were read are in the log before the answer leaves.
    Raises ``Invalid`` for a shape, size or times that cannot be asked about, and for too many passages; ``Denied`` for
    jobs and keys without an account.
    """
    actor.require(SEARCH)
    if actor.account_id is None:
        raise Denied("只有登录账号可以查询车辆周边。", code="no_account")
    circle = fence_of(fence)
    if not isinstance(circle, CircleFence):
        _refuse("fence", "请在地图上画一个圆：先点中心，再点边缘。")
    radius = round(circle.radius_m)
    if not LEAST_M <= radius <= MOST_M:
        _refuse("fence", f"半径应为 {LEAST_M} 至 {MOST_M} 米，所画的圆为 {radius} 米。")
    zone = timezone.get_default_timezone()
    start_at, end_at = datetime.combine(day, start, zone), datetime.combine(day, end, zone)
    if end == time.min:
        end_at += timedelta(days=1)
    if end_at <= start_at:
        _refuse("end", "截止时间应晚于起始时间；到当日 24 时的填 00:00。")
    if start_at > timezone.now():
        _refuse("day", "只能查询已经过去的时间。")
    if not (reason := reason.strip()):
        _refuse("reason", "请填写查询事由。")
    found = passages(actor, lat=circle.lat, lon=circle.lon, radius_m=radius, start=start_at, end=end_at)
    if len(found) > MOST:
        _refuse("fence", f"经过该处的车辆超过 {MOST} 车次，请缩小范围或时间后再查。")
    made = NearbySearch(
        account_id=actor.account_id, account_name=actor.name[:80], lat=circle.lat, lon=circle.lon, radius_m=radius,
        start_at=start_at, end_at=end_at, reason=reason[:200], vehicles=len({each["vehicle"] for each in found}),
        result=found,
    )  # fmt: skip
    made.save(force_insert=True)
    asked = {"lat": circle.lat, "lon": circle.lon, "radius_m": radius, "start_at": start_at.isoformat(),
             "end_at": end_at.isoformat(), "vehicles": made.vehicles}  # fmt: skip
    trace.record(actor, SEARCH, made, after=asked, reason=reason)
    trace.record_read(actor, "vehicles.nearby.read", made, ["plate", "position"], reason=reason)
    return made
