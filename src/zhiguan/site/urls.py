"""Addresses: sign-in, the pages and operations that lines declare, health."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import include, path, re_path

from zhiguan.kernel.documents import checkviews
from zhiguan.kernel.identity import oidc
from zhiguan.kit.api.problems import problem
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages.urls import urlpatterns as pages

from . import api, desk


def health(request: HttpRequest) -> HttpResponse:
    """Answer when the process works and reaches the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: does not exist, or is outside the actor's scope; the two are not told apart."""
    return _error(request, 404, "没有找到这个页面", "页面或记录不存在，或不在您的数据权限范围内。")


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _error(request, 403, "没有权限", "您没有查看此页面的权限，请联系本单位的权限管理人员。")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself is broken, or its session ended while it was on its way."""
    return _error(request, 400, "无法处理这次请求", "请求不完整，或您的登录在此期间已经结束，请返回上一页刷新后重试。")


def failed(request: HttpRequest) -> HttpResponse:
    """500: says the request's number, which the log has too."""
    return _error(
        request, 500, "系统没有完成这次操作", "本次情况已记录，请稍后再试；如反复出现，请把请求编号告知系统管理员。"
    )


def _error(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        refusal = Refusal(detail, code={404: "not_found", 403: "denied", 400: "bad_request"}.get(status, "failed"))
        refusal.status = status
        return problem(refusal, request)
    context = {"status": status, "title": title, "detail": detail, "instance": getattr(request, "request_id", "")}
    try:
        return render(request, "kit/error.html", context, status=status)
    except DatabaseError:  # the frame around the page shows what is in the database, and that is away
        return HttpResponse(render_to_string("kit/error_bare.html", context), status=503)


def not_there(request: HttpRequest) -> HttpResponse:
    """Pages of the sign-in library that this installation does not have."""
    raise Http404


handler400, handler404, handler403, handler500 = bad_request, not_found, denied, failed

urlpatterns = [
    path("healthz", health),
    path("", desk.home, name="home"),
    path("todo/", desk.todo, name="todo"),
    path("me/", desk.me, name="me"),
    # Anybody may ask whether a document is valid; nothing else is open without sign-in.
    path("check/", checkviews.check, name="check"),
    path("check/<str:token>/", checkviews.check, name="check.token"),
    # A forgotten password is reset by the administrator of the unit, never by mail.
    # Accounts are made by administrators, and bound to a provider's identities by their names alone.
    re_path(
        r"^accounts/(?:password/(?:reset|set)|signup|email|confirm-email|login/code|3rdparty/(?:signup/)?$|social/)",
        not_there,
    ),
    path("accounts/oidc/<str:provider_id>/login/", oidc.login),
    path("accounts/oidc/<str:provider_id>/login/callback/", oidc.callback),
    path("accounts/", include("allauth.urls")),
    *api.urlpatterns(),
    *pages(),
]
