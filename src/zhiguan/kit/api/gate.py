"""Who may knock: signed in, not forged by another site, not too often, speaking JSON."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from ninja.utils import check_csrf

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied

from .problems import TooMany, Unauthorised, WrongMedia

UNSAFE = ("POST", "PATCH", "PUT", "DELETE")
DEFAULT_PER_MINUTE = 600
KEPT = 10_000


@dataclass
class Standing:
    """What is left of a bucket after a request: whole requests, and seconds until the bucket is full."""

    limit: int
    remaining: int
    reset_s: int
    allowed: bool
    wait_s: int = 0


class Buckets:
    """Token buckets by caller, in this process: ``per_minute`` refills steadily, as much again may come at once."""

    def __init__(self, per_minute: int) -> None:
        self.capacity = float(per_minute)
        self.per_second = per_minute / 60
        self._kept: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: object, now: float | None = None) -> Standing:
        """Take one request out of the caller's bucket, if there is one."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            left, since = self._kept.pop(caller, (self.capacity, moment))
            left = min(self.capacity, left + (moment - since) * self.per_second)
            allowed = left >= 1
            left -= 1 if allowed else 0
            self._kept[caller] = (left, moment)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        wait = 0 if allowed else int((1 - left) / self.per_second) + 1
        full = int((self.capacity - left) / self.per_second) + 1
        return Standing(int(self.capacity), int(left), full, allowed, wait)


_buckets: Buckets | None = None


def buckets() -> Buckets:
    """Return the process's buckets, of the size the setting ZHIGUAN_API_PER_MINUTE says."""
    global _buckets  # noqa: PLW0603 -- one per process
    wanted = int(getattr(settings, "ZHIGUAN_API_PER_MINUTE", DEFAULT_PER_MINUTE))
    if _buckets is None or _buckets.capacity != wanted:
        _buckets = Buckets(wanted)
    return _buckets


def caller_of(request: HttpRequest, actor: Actor) -> object:
    """Return whose bucket the request is taken from: the key's, else the account's."""
    return getattr(request, "api_key_id", None) or ("account", actor.account_id, actor.name)


def gate(request: HttpRequest) -> Actor:
    """Let the request in, or raise the refusal that says why not."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        raise Unauthorised("请先登录，或在 Authorization 请求头中提供有效的接口密钥。")
    standing = buckets().take(caller_of(request, actor))
    request.zg_rate = standing  # type: ignore[attr-defined]
    if not standing.allowed:
        raise TooMany(f"请求过于频繁，请在 {standing.wait_s} 秒后重试。", standing.wait_s)
    if request.method in UNSAFE:
        if not getattr(request, "_dont_enforce_csrf_checks", False) and check_csrf(request) is not None:
            raise Denied("请求缺少防伪造令牌（X-CSRFToken），未办理。", code="csrf")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length != "0" and request.content_type != "application/json":
            raise WrongMedia("请求内容须为 JSON，内容类型应为 application/json。")
    return actor
