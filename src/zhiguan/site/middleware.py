"""What every request passes: content policy, who acts, and how refusals are answered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from allauth.usersessions.middleware import UserSessionsMiddleware
from django.conf import settings
from django.contrib.sessions import middleware as sessions
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control

from zhiguan.kernel.identity import passwords
from zhiguan.kernel.identity.actors import actor_of, actor_of_key
from zhiguan.kernel.identity.service import KEY_PREFIX
from zhiguan.kit.actor import Actor
from zhiguan.kit.api.problems import Unauthorised, problem
from zhiguan.kit.errors import Denied, Refusal
from zhiguan.kit.pages import recent

Handler = Callable[[HttpRequest], HttpResponse]

# A signed-in account that must change its password can reach these and nothing else.
WITHOUT_NEW_PASSWORD = ("/accounts/password/", "/accounts/logout/", "/static/", "/healthz")


def wants_json(request: HttpRequest) -> bool:
    """Tell whether the answer goes to a program."""
    return request.path.startswith("/api/")


def live_origin(request: HttpRequest) -> str:
    """Return the origin of the live process as this browser reaches it; empty where there is none."""
    if settings.ZHIGUAN_LIVE_URL:
        return "/".join(settings.ZHIGUAN_LIVE_URL.split("/")[:3])
    if not settings.ZHIGUAN_LIVE_PORT:
        return ""
    try:
        host, _ = split_domain_port(request.get_host())
    except DisallowedHost:
        return ""
    return f"{request.scheme}://{host}:{settings.ZHIGUAN_LIVE_PORT}"


class ContentSecurityPolicy:
    """Pages may load nothing from outside their own host; map tiles only from the configured one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        tiles = " ".join(
            sorted({"/".join(url.split("/")[:3]) for url in
                    (settings.ZHIGUAN_MAP_TILES_URL, settings.ZHIGUAN_MAP_STYLE_URL) if url.startswith("http")})
        )  # fmt: skip
        self.policy = (
            f"default-src 'self'; img-src 'self' data: blob: {tiles}; connect-src 'self' {tiles} %s; "
            "style-src 'self' 'unsafe-inline'; script-src 'self'; worker-src 'self' blob:; object-src 'none'; "
            "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy % live_origin(request))
        response.headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(self), microphone=()")
        return response


def _new_minute(request: HttpRequest) -> int | None:
    """Return the minute when the session was not used in it yet."""
    minute = int(time.time() // 60)
    return None if request.session.get("zg_minute") == minute else minute


def _keep_awake(request: HttpRequest) -> None:
    """Let the session's idle time begin anew, by writing it at most once a minute; it would end amid work otherwise."""
    minute = _new_minute(request)
    if minute is not None:
        request.session["zg_minute"] = minute


class SessionMiddleware(sessions.SessionMiddleware):
    """A session that cannot be written because the database went away is a failure of ours, to be tried again. Django
    takes it for one that was deleted meanwhile and answers that the request was bad, although its work may be done."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except SessionInterrupted as interrupted:
            cause = interrupted.__context__ and interrupted.__context__.__context__
            if isinstance(cause, (OperationalError, InterfaceError)):
                raise cause from interrupted
            raise


class SessionTrackMiddleware(UserSessionsMiddleware):
    """Note from where a session is used, once a minute: a durable write with every page would cost more than the page."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME) or _new_minute(request) is None:
            return self.get_response(request)
        return super().__call__(request)


class CompressionMiddleware(GZipMiddleware):
    """Send text compressed. Its length is padded at random, so that it tells nothing about secrets in it (BREACH)."""

    texts = ("text/", "application/json", "application/problem+json", "application/x-ndjson", "image/svg+xml")

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not response.headers.get("Content-Type", "").startswith(self.texts):
            return response
        return super().process_response(request, response)


class ActorMiddleware:
    """Find out who acts, by session or API key, and do the request under that actor's row scope."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex
        address = request.META.get("REMOTE_ADDR", "")
        request.actor = None
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer ") and wants_json(request):
            secret = header.removeprefix("Bearer ").strip()
            good = secret.startswith(KEY_PREFIX) and secret.isascii() and secret.isprintable()
            found = actor_of_key(secret, address=address, request_id=request.request_id) if good else None
            if found is None:
                return problem(Unauthorised("接口密钥无效、已停用或已过期。"), request)
            request.api_key_id, request.actor = found
            request._dont_enforce_csrf_checks = True  # a key is not sent by browsers on their own
        elif request.user.is_authenticated:
            request.password_duty = passwords.duty(request)
            if request.password_duty and not request.path.startswith(WITHOUT_NEW_PASSWORD):
                if wants_json(request):
                    return problem(Denied("请先登录网页修改口令。", code="password_change_required"), request)
                return redirect("account_change_password")
            _keep_awake(request)
            request.actor = actor_of(request.user, address=address, request_id=request.request_id)
        response = self._answer(request, request.actor)
        if request.actor is not None:
            patch_cache_control(response, private=True)
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                recent.forget(request.actor)
        return response

    def _answer(self, request: HttpRequest, actor: Actor | None) -> HttpResponse:
        if actor is None:
            return self.get_response(request)
        with actor.acting():
            return self.get_response(request)


class RefusalMiddleware:
    """Answer a refusal that a verb raised: problem+json to programs, a page in Chinese to people."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        if wants_json(request) or request.headers.get("HX-Request"):
            return problem(exception, request)
        titles = {403: "没有权限", 404: "没有找到", 409: "情况已变化", 412: "内容已被他人修改"}
        context = {
            "status": exception.status, "title": titles.get(exception.status, "没有办理"), "detail": exception.message,
            "code": exception.code, "instance": getattr(request, "request_id", ""),
        }  # fmt: skip
        return render(request, "kit/error.html", context, status=exception.status)
