"""Periodic work of supervision: scheduled rules, and forgetting old runs."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kit.actor import system
from zhiguan.kit.jobs import Periodic

from .codes import COMPUTE, TUNE
from .models import RuleRun
from .running import run_due
from .scoring import refresh, score_open
from .trials import compute

KEEP = timedelta(days=60)
"""Rules on dirty days run many times an hour; what older runs did stands in the findings' own histories."""


def scheduled() -> str:
    """Run every scheduled rule whose time has come since its last run, and drop runs older than :data:`KEEP`."""
    found = run_due()
    with system("supervision.scheduled").transaction():
        RuleRun.objects.filter(started_at__lt=timezone.now() - KEEP).delete()
    failed = sum(bool(result.error) for result in found.values())
    return f"运行规则 {len(found)} 条，失败 {failed} 条" if found else ""


def scores() -> str:
    """Give new and changed findings their place in the queue."""
    done = score_open()
    return f"评定 {done} 条线索" if done else ""


LEARN = Periodic("supervision.priority", "学习核查优先度", "50 1 * * *", refresh)
SCORES = Periodic("supervision.scores", "评定核查优先度", "*/10 * * * *", scores)
TRIAL = JobKind(COMPUTE, "试算监督阈值", compute, permission=TUNE, atomic=False)
SCHEDULED = Periodic("supervision.scheduled", "运行定时监督规则", "*/5 * * * *", scheduled)
