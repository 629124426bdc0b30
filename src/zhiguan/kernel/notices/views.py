"""Opening a notice, and the bell."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kit import actor as actors
from zhiguan.kit.errors import NotFound

from . import queries, service


def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that the notice has been read and go to what it is about; one about nothing is shown itself."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    notice = queries.inbox(actor).filter(pk=pk).first() if pk < 2**63 else None
    if notice is None:
        raise NotFound("该通知不存在，或不是发给您的。")
    service.mark_read(actor, notice)
    return HttpResponseRedirect(notice.link or reverse("notices.notice.detail", args=[notice.pk]))


def bell(request: HttpRequest) -> HttpResponse:
    """Answer the bell alone, with its count; asked for when somebody comes back to the page."""
    return render(request, "kit/_bell.html")
