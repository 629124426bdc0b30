"""Every declared page goes through here: signed in, permitted, acting as the actor, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied

from .declare import Page

Handler = Callable[..., HttpResponseBase]


@contextmanager
def working(actor: Actor) -> Iterator[None]:
    """Act as ``actor`` in a transaction: the request's own when there is one."""
    acting = nullcontext() if actors.current() is actor else actor.acting()
    with acting, nullcontext() if connection.in_atomic_block else transaction.atomic():
        yield


def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Send somebody who has not signed in to do so, and back here afterwards."""
    answer = redirect_to_login(request.get_full_path() if request.method == "GET" else request.path)
    if not request.headers.get("HX-Request"):
        return answer
    return HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})


def guarded(page: Page, handler: Handler, methods: tuple[str, ...] = ("GET", "POST")) -> Handler:
    """Return the view of ``page``: ``handler(request, page, actor, **path_values)`` behind the page's own rules."""

    def view(request: HttpRequest, **values: Any) -> HttpResponseBase:
        actor = getattr(request, "actor", None)
        if actor is None:
            return sign_in(request)
        if request.method not in (*methods, "HEAD"):
            return HttpResponseNotAllowed(methods)
        if not page.allows(actor):
            raise Denied("您没有打开该页面的权限，如有需要请联系本单位的权限管理人员。", code="permission_missing")
        with working(actor):
            return handler(request, page, actor, **values)

    view.page = page  # type: ignore[attr-defined] -- for tests and the permission matrix
    return view
