"""What the pages of jobs and subscriptions show."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from zhiguan.kernel.orgs.service import units
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor

from .codes import JOB_VIEW, SUBSCRIPTION_VIEW
from .declare import JobKind
from .models import Delivery, Job, Subscription


def jobs(actor: Actor) -> QuerySet[Job]:
    """Return the actor's own jobs and, with the permission, those of the units in its scope."""
    own = Q(pk__in=[]) if actor.account_id is None else Q(requested_by=actor.account_id)
    return Job.objects.filter(own | actor.scope(JOB_VIEW).q())


def kind_name(code: str) -> str:
    for kind in registry.current().all(JobKind):
        if kind.code == code:
            return kind.name
    return code


def kind_options(actor: Actor) -> Iterable[tuple[str, str]]:
    return [(kind.code, kind.name) for kind in registry.current().all(JobKind)]


def duration(job: Job) -> str:
    """Return how long the job has run, in words."""
    if job.started_at is None:
        return ""
    seconds = int(((job.finished_at or timezone.now()) - job.started_at) / timedelta(seconds=1))
    return f"{seconds} 秒" if seconds < 60 else f"{seconds // 60} 分 {seconds % 60} 秒"


def result_text(job: Job) -> str:
    """Return the result for reading, without the message shown elsewhere."""
    rest = {name: value for name, value in (job.result or {}).items() if name != "message"}
    return json.dumps(rest, ensure_ascii=False) if rest else ""


def subscriptions(actor: Actor) -> QuerySet[Subscription]:
    return Subscription.objects.visible_to(actor, SUBSCRIPTION_VIEW)


def deliveries(actor: Actor) -> QuerySet[Delivery]:
    return Delivery.objects.visible_to(actor, SUBSCRIPTION_VIEW)


def deliveries_of(subscription: Subscription, actor: Actor) -> QuerySet[Delivery]:
    return deliveries(actor).filter(subscription=subscription).order_by("-pk")


def own_unit(actor: Actor) -> Any:
    """Return the unit the actor belongs to, or None."""
    return units().filter(pk=actor.unit_id).first() if actor.unit_id is not None else None
