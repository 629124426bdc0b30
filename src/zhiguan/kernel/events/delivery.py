"""Deliver events to their subscriptions: signed HTTP posts, at least once, a subject's events in order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from zhiguan.kit.actor import system

from .codes import DeliveryState
from .models import Delivery, Event, Pending, Subscription

log = logging.getLogger("zhiguan.events")

BACK_OFF_SECONDS = (10, 60, 300, 1800, 7200, 21600, 43200)
"""Waits between attempts; after the last one the delivery is dead and waits for a person."""
LEASE = timedelta(seconds=60)
"""A delivery taken by a worker that died is taken again after this."""
TIMEOUT_SECONDS = 10
BATCH = 200
SIGNATURE = "X-Zhiguan-Signature"

Post = Callable[[str, bytes, dict[str, str]], int]


def secret_of(subscription: Subscription) -> str:
    """Return the subscription's signing secret; it is derived, never stored."""
    text = f"events.subscription:{subscription.key}:{subscription.generation}".encode()
    digest = hmac.digest(settings.SECRET_KEY.encode(), text, hashlib.sha256)
    return "whsec_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the value of the signature header: ``t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">``."""
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


def cloud_event(event: Event) -> bytes:
    """Return the event as CloudEvents 1.0 JSON."""
    attributes = {
        "id": str(event.event_id),
        "source": f"urn:zhiguan:{event.area}",
        "type": event.type,
        "time": event.time,
        "datacontenttype": "application/json",
        "specversion": "1.0",
    }
    if event.subject:
        attributes["subject"] = event.subject
    return JSONFormat().write(CloudEvent(attributes, event.data))


class NotAllowed(Exception):
    """The address may not be posted to."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None  # a redirect could lead where the address itself must not


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def check_address(url: str) -> None:
    """Raise :class:`NotAllowed` for an address that is not http(s) or leads to this machine itself."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise NotAllowed("接收地址须为 http 或 https 地址，且不含账号口令")
    if getattr(settings, "ZHIGUAN_WEBHOOK_LOOPBACK", False):
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise NotAllowed("接收地址的主机名无法解析") from error
    for *_, place in found:
        address = ipaddress.ip_address(place[0].split("%", 1)[0])
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
            raise NotAllowed("接收地址指向本机或保留地址，不允许投递")


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post the body; return the answer's status. Raises ``OSError`` or :class:`NotAllowed`."""
    check_address(url)
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 -- checked above
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(4096)
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def run() -> str:
    """Hand new events to their subscriptions, then post what is due. The worker calls it."""
    with system("events.deliver").acting():
        handed = 0
        while count := fan_out():
            handed += count
        sent = failed = 0
        while taken := _take():
            for delivery in taken:
                good = send(delivery)
                sent, failed = sent + good, failed + (not good)
    return f"投递 {sent} 条事件，{failed} 条未成功" if sent or failed else ""


@transaction.atomic
def fan_out(limit: int = BATCH) -> int:
    """Make the deliveries of the oldest waiting events; return how many events were seen to."""
    waiting = list(Pending.objects.select_for_update(skip_locked=True).order_by("pk")[:limit])
    if not waiting:
        return 0
    events = Event.objects.filter(event_id__in=[row.event_id for row in waiting]).order_by("pk")
    subscriptions = list(Subscription.objects.filter(active=True).select_related("unit"))
    if subscriptions:
        Delivery.objects.bulk_create(
            [
                Delivery(subscription=each, event=event, subject=event.subject, scope_pos=each.scope_pos)
                for event in events
                for each in subscriptions
                if wants(each, event)
            ],
            ignore_conflicts=True,
        )
    Pending.objects.filter(pk__in=[row.pk for row in waiting]).delete()
    return len(waiting)


def wants(subscription: Subscription, event: Event) -> bool:
    """Tell whether the event is of the subscription's types and of its unit or below."""
    unit = subscription.unit
    return unit.pos <= event.scope_pos <= unit.pos_end and any(
        fnmatchcase(event.type, pattern) for pattern in subscription.types
    )


@transaction.atomic
def _take(limit: int = 20) -> list[Delivery]:
    """Take due deliveries, at most one per subscription and subject, and lease them."""
    now = timezone.now()
    earlier = Delivery.objects.filter(
        subscription=OuterRef("subscription"), subject=OuterRef("subject"), state=DeliveryState.PENDING,
        event__lt=OuterRef("event"),
    ).exclude(subject="")  # fmt: skip
    taken = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(~Exists(earlier), state=DeliveryState.PENDING, next_at__lte=now, subscription__active=True)
        .select_related("subscription", "event")
        .order_by("next_at", "pk")[:limit]
    )
    Delivery.objects.filter(pk__in=[each.pk for each in taken]).update(next_at=now + LEASE, attempts=F("attempts") + 1)
    return taken


def send(delivery: Delivery) -> bool:
    """Post one delivery and note what came of it."""
    body = cloud_event(delivery.event)
    moment = int(time.time())
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "zhiguan-events/1",
        "X-Zhiguan-Delivery": str(delivery.pk),
        SIGNATURE: signature(secret_of(delivery.subscription), moment, body),
    }
    status, error = None, ""
    try:
        status = post(delivery.subscription.url, body, headers)
    except NotAllowed as refusal:
        error = str(refusal)
    except (OSError, ValueError) as failure:
        error = f"无法连接：{type(failure).__name__}"
    good = status is not None and 200 <= status < 300
    if not good and not error:
        error = f"接收方应答 {status}"
    attempts = delivery.attempts + 1
    values: dict[str, Any] = {"status": status, "error": "" if good else error[:200]}
    if good:
        values |= {"state": DeliveryState.DELIVERED, "delivered_at": timezone.now()}
    elif attempts > len(BACK_OFF_SECONDS):
        values["state"] = DeliveryState.DEAD
    else:
        values["next_at"] = timezone.now() + timedelta(seconds=BACK_OFF_SECONDS[attempts - 1])
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(**values)
    return good
