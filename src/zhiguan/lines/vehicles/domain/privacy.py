"""解除隐私保护: one account sees one vehicle's positions outside duty hours, for some days and some hours, with a reason."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied, Invalid

from ..models import PrivacyLift, Vehicle
from ..queries.privacy import LIFT

MOST_DAYS, MOST_HOURS = 31, 72
"""A lift is for one matter: of so many days at most, and over after so many hours at the latest."""


@transaction.atomic
def lift(actor: Actor, vehicle: Vehicle, *, day_from: date, day_to: date, hours: int, reason: str) -> PrivacyLift:
    """解除隐私保护: the actor may see the vehicle's positions of ``[day_from, day_to]`` for ``hours`` from now.

    Only for oneself and never changed afterwards; every look under it is in the log with its reason. Raises ``Invalid``
    for days or hours out of bounds or without a reason, ``Denied`` for jobs and keys without an account.
    """
    actor.require(LIFT, vehicle)
    if actor.account_id is None:
        raise Denied("只有登录账号可以解除隐私保护。", code="no_account")
    if day_to < day_from or (day_to - day_from).days >= MOST_DAYS:
        message = f"截止日期不能早于起始日期，且一次最多 {MOST_DAYS} 天。"
        raise Invalid(message, fields={"day_to": message})
    if day_to > timezone.localdate() + timedelta(days=MOST_HOURS // 24):
        message = f"截止日期不能晚于今天之后 {MOST_HOURS // 24} 天。"
        raise Invalid(message, fields={"day_to": message})
    if not 1 <= hours <= MOST_HOURS:
        message = f"查看时限应为 1 至 {MOST_HOURS} 小时。"
        raise Invalid(message, fields={"hours": message})
    if not (reason := reason.strip()):
        raise Invalid("请填写解除事由。", fields={"reason": "请填写解除事由。"})
    now = timezone.now()
    made = PrivacyLift(
        unit=vehicle.unit, vehicle=vehicle, account_id=actor.account_id, account_name=actor.name[:80], day_from=day_from,
        day_to=day_to, reason=reason[:200], created_at=now, expires_at=now + timedelta(hours=hours),
    )  # fmt: skip
    made.save(force_insert=True)
    after = {"day_from": str(day_from), "day_to": str(day_to), "expires_at": made.expires_at.isoformat()}
    trace.record(actor, LIFT, vehicle, after=after, reason=reason)
    return made
