"""Periodic work of the line: compute the days that have new positions, then ask the rules about them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.telemetry import store
from zhiguan.kit.actor import system
from zhiguan.kit.jobs import Periodic

from .domain import driving
from .models import Terminal, Vehicle

BATCH = 400
SETTLE = timedelta(seconds=30)
"""Positions younger than this may still be on their way; the frontier stays behind them."""


def compute(limit: int = BATCH) -> str:
    """Compute dirty vehicle-days anew and let the rules judge them. Late points come the same way as new ones."""
    store.advance(timezone.now() - SETTLE)
    total = computed = 0
    while items := store.take_dirty(limit):
        total += len(items)
        days: dict[date, list[store.Dirty]] = defaultdict(list)
        for item in items:
            days[item.day].append(item)
        for day, dirty in days.items():
            computed += compute_sources([item.source_id for item in dirty], day)
            store.done_dirty(dirty)
        if len(items) < limit:
            break
    return f"重算 {total} 个终端日，{computed} 个车日" if total else ""


def compute_sources(sources: list[int], day: date) -> int:
    """Compute the day of the vehicles these sources are in; return how many vehicles."""
    actor = system("vehicles.compute")
    with actor.acting():
        with transaction.atomic():
            keys = Terminal.objects.filter(source__in=sources, vehicle__isnull=False).values("vehicle")
            vehicles = list(Vehicle.objects.filter(pk__in=keys).select_related("place", "unit"))
        if not vehicles:
            return 0
        with transaction.atomic():
            driving.compute_day(vehicles, day)
        # A night belongs to the day it begins on, so the day before is judged again, too.
        results = supervision.run_dirty(
            "vehicles", subjects=vehicles, start=day - timedelta(days=1), end=day + timedelta(days=1)
        )
    if failed := [code for code, result in results.items() if result.error]:
        # The days stay on the list and are judged again when their lease ends.
        raise RuntimeError(f"规则运行失败：{'、'.join(failed)}（{day}）")
    return len(vehicles)


COMPUTE = Periodic("vehicles.compute", "计算行程与识别违规", "* * * * * */20", compute)
