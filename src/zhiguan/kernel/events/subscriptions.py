"""Verbs of subscriptions: who may have events posted where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .codes import SUBSCRIPTION_MANAGE, DeliveryState
from .delivery import NotAllowed, check_address, secret_of
from .models import Delivery, Subscription

PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}(\.([a-z0-9_]+|\*)){1,4}", re.ASCII)


@transaction.atomic
def subscribe(actor: Actor, *, name: str, unit: Any, url: str, types: Sequence[str]) -> tuple[Subscription, str]:
    """新建事件订阅: return it and its signing secret, which is shown this once.

    ``types`` are event types; ``*`` may stand for parts after the area (``vehicles.*``). The actor must see rows of each
    area over the whole unit: nobody subscribes to what they may not read. Raises ``Invalid``, ``Denied``.
    """
    actor.require(SUBSCRIPTION_MANAGE, unit)
    types = sorted({text.strip() for text in types if text.strip()})
    wrong = [text for text in types if not PATTERN.fullmatch(text)]
    if not types or wrong:
        message = f"事件类型“{wrong[0]}”无法识别，应如 vehicles.order.*。" if wrong else "请至少填写一种事件类型。"
        raise Invalid(message, fields={"types": message})
    if not name.strip():
        raise Invalid("请填写名称。", fields={"name": "请填写名称。"})
    for area in sorted({text.split(".", 1)[0] for text in types}):
        ranges = actor.frame.areas.get(area, ())
        if not actor.system and not any(lo <= unit.pos and unit.pos_end <= hi for lo, hi in ranges):
            raise Denied(f"您没有查看该单位 {area} 数据的权限，不能订阅其事件。", code="area_missing")
    try:
        check_address(url)
    except NotAllowed as refusal:
        raise Invalid(f"{refusal}。", fields={"url": f"{refusal}。"}) from refusal
    made = Subscription.objects.create(name=name.strip()[:80], unit=unit, url=url, types=types)
    trace.record(actor, "events.subscription.create", made, after={"url": url, "types": types})
    return made, secret_of(made)


@transaction.atomic
def set_active(actor: Actor, subscription: Subscription, *, active: bool) -> Subscription:
    """启用、停用: events published while it is inactive are not delivered later; those waiting already are."""
    actor.require(SUBSCRIPTION_MANAGE, subscription)
    if Subscription.objects.filter(pk=subscription.pk).exclude(active=active).update(active=active):
        code = "events.subscription.activate" if active else "events.subscription.deactivate"
        trace.record(actor, code, subscription, before={"active": not active}, after={"active": active})
    subscription.refresh_from_db()
    return subscription


@transaction.atomic
def rotate(actor: Actor, subscription: Subscription) -> str:
    """更换密钥: return the new secret; the old one no longer signs."""
    actor.require(SUBSCRIPTION_MANAGE, subscription)
    Subscription.objects.filter(pk=subscription.pk).update(generation=F("generation") + 1)
    subscription.refresh_from_db()
    trace.record(actor, "events.subscription.rotate", subscription, after={"generation": subscription.generation})
    return secret_of(subscription)


@transaction.atomic
def redeliver(actor: Actor, delivery: Delivery) -> Delivery:
    """重新投递 a dead delivery, with all its attempts before it again. Raises ``Conflict`` for one that is not dead."""
    actor.require(SUBSCRIPTION_MANAGE, delivery)
    done = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD).update(
        state=DeliveryState.PENDING, attempts=0, next_at=timezone.now(), error=""
    )
    if not done:
        raise Conflict("只有投递失败的事件可以重新投递。", code="not_dead")
    trace.record(actor, "events.delivery.redeliver", delivery)
    delivery.refresh_from_db()
    return delivery
