"""Secrets shown once: in the answer to the form itself, never stored, never in an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kit.pages import PageForm
from zhiguan.kit.pages.formview import Job, initial_of, run


def form_with_secret(
    request: HttpRequest, form: type[PageForm], work: Callable[[dict[str, Any]], tuple[Any, str, str]], *, page: str,
    title: str, submit: str, cancel: str, help_text: str = "", obj: Any = None,
) -> HttpResponseBase:  # fmt: skip
    """Show and take ``form``; ``work(values)`` returns (row, secret, what it is), and the secret is shown this once.

    ``page`` is the URL name of the row's detail page. Sending the form again leads there, without the secret.
    """
    shown: list[tuple[Any, str, str]] = []

    def done(values: dict[str, Any]) -> str:
        shown.append(work(values))
        return reverse(page, args=[shown[0][0].pk])

    job = Job(
        form, request.actor, obj, initial_of(form, None, request.GET), "", done, "已办理。",  # type: ignore[attr-defined]
        submit, cancel, help=help_text, extra={"title": title},
    )  # fmt: skip
    answer = run(request, job)
    if answer.status_code != 302 or not shown:
        return answer
    list(messages.get_messages(request))  # said on this page instead
    row, secret, what = shown[0]
    drawn = render(request, "site/secret.html", {"row": row, "secret": secret, "what": what, "title": title,
                                                 "url": answer["Location"]})  # fmt: skip
    drawn["Cache-Control"] = "no-store"
    return drawn
