"""A job's progress, asked for again and again by the job's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from zhiguan.kernel.trace import service as trace
from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import NotFound

from . import queries
from .delivery import SIGNATURE, secret_of
from .models import Job, Subscription


def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the part of the page that shows progress; when the job has ended, the whole page is asked for anew."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    job = queries.jobs(actor).filter(pk=pk).first() if pk < 2**63 else None
    if job is None:
        raise NotFound("该任务不存在，或不在您的数据权限范围内。")
    answer = render(request, "events/job_progress.html", {"job": job, "duration": queries.duration(job)})
    if not job.active:
        answer["HX-Refresh"] = "true"
    return answer


def progress_context(job: Job, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return {"job": job, "duration": queries.duration(job)}


def secret_context(subscription: Subscription, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Show the signing secret; the read is traced."""
    trace.record_read(actor, "events.subscription.secret", subscription, ["secret"])
    return {"secret": secret_of(subscription), "header": SIGNATURE}
