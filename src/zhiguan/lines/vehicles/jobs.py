"""Periodic work of the line: compute the days that have new positions, then ask the rules about them."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.declare import Shared
from zhiguan.kernel.telemetry import store
from zhiguan.kit.actor import system
from zhiguan.kit.jobs import Periodic

from .domain import driving, dues, months, privacy
from .domain import uplinks as terminal_uplinks
from .models import Terminal, Vehicle, VehicleDay
from .rules import share

BATCH = 2_500
"""Vehicle-days computed at once: at 2,000 reports each five million points, about 1 GB while they are judged."""
HELPER = f"from zhiguan.kit.starting import set_up; set_up(); from {__name__} import drain; drain()"
HELP_FROM = 2
"""From so many batches on a second process helps."""
SETTLE = timedelta(seconds=30)
"""Positions younger than this may still be on their way; the frontier stays behind them."""


JUDGE_EVERY = timedelta(minutes=5)
"""A day still being driven is judged at once for the first time and then at this pace, or every report of a running
drive would change the finding's evidence and fill its story."""
ACTOR = system("vehicles.compute")


def compute(limit: int = BATCH) -> str:
    """Compute dirty vehicle-days anew and let the rules judge them. Late points come the same way as new ones.

    A large backlog (the day's first computing, a night's late data) is worked off by a second process beside this one:
    half of the time goes into waiting for the database.
    """
    store.advance(timezone.now() - SETTLE)
    helper = None
    if store.backlog() >= HELP_FROM * limit:
        helper = subprocess.Popen([sys.executable, "-c", HELPER])  # noqa: S603 - our own words
    total, computed = drain(limit)
    if helper is not None and helper.wait():
        raise RuntimeError("辅助计算进程失败，未算完的车日将在下次运行时重算")
    judge_waiting()
    return f"重算 {total} 个终端日，{computed} 个车日" if total else ""


def drain(limit: int = BATCH) -> tuple[int, int]:
    """Compute and judge dirty days until none is left; several processes may do so at once. Returns (source-days,
    vehicle-days)."""
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
    return total, computed


def compute_sources(sources: list[int], day: date) -> int:
    """Compute the day of the vehicles these sources are in; return how many vehicles."""
    with ACTOR.acting():
        with transaction.atomic():
            keys = Terminal.objects.filter(source__in=sources, vehicle__isnull=False).values("vehicle")
            vehicles = list(Vehicle.objects.filter(pk__in=keys).select_related("place", "unit"))
        if not vehicles:
            return 0
        with transaction.atomic():
            computed = driving.compute_day(vehicles, day)
            recently = VehicleDay.objects.filter(day=day, judged_at__gt=timezone.now() - JUDGE_EVERY)
            waiting = set(recently.values_list("vehicle", flat=True)) if day >= timezone.localdate() else set()
    due = [vehicle for vehicle in vehicles if vehicle.pk not in waiting]
    # Rules look at all vehicles of the columns they share; with a few left out they read their own.
    judge(due, day, share(computed) if len(due) == len(vehicles) else None)
    return len(vehicles)


def judge(vehicles: list[Vehicle], day: date, shared: Shared | None = None) -> None:
    """Let the rules judge the day of the vehicles. Raises ``RuntimeError`` when a rule failed: the day stays due."""
    if not vehicles:
        return
    with ACTOR.acting():
        results = supervision.run_dirty(
            "vehicles", subjects=vehicles, start=day, end=day + timedelta(days=1), shared=shared
        )
        if failed := [code for code, result in results.items() if result.error]:
            raise RuntimeError(f"规则运行失败：{'、'.join(failed)}（{day}）")
        with transaction.atomic():
            VehicleDay.objects.filter(vehicle__in=vehicles, day=day).update(judged_at=timezone.now())


def judge_waiting() -> None:
    """Judge the vehicle-days that were computed since they were last judged, once their pause is over."""
    since = timezone.now() - JUDGE_EVERY
    with ACTOR.transaction():
        due = VehicleDay.objects.filter(day__gte=timezone.localdate() - timedelta(days=1), judged_at__lt=since)
        rows = list(due.filter(computed_at__gt=F("judged_at")).values_list("day", "vehicle"))
        keys = {vehicle for _, vehicle in rows}
        vehicles = {each.pk: each for each in Vehicle.objects.filter(pk__in=keys).select_related("place", "unit")}
    for day in sorted({day for day, _ in rows}):
        judge([vehicles[key] for each, key in rows if each == day and key in vehicles], day)


COMPUTE = Periodic("vehicles.compute", "计算行程与识别违规", "* * * * * */20", compute)


def uplinks() -> str:
    """Enter driver cards and media that terminals have sent."""
    total = 0
    while done := terminal_uplinks.read_messages():
        total += done
    return f"处理 {total} 条终端消息" if total else ""


def health() -> str:
    """Note how well terminals hear."""
    checked = terminal_uplinks.check_health()
    return f"检查 {checked} 台终端" if checked else ""


def refresh_dues() -> str:
    """Compute anew what falls due: odometers, ages and rules have moved on since yesterday."""
    return f"到期事项 {dues.refresh_all()} 件"


def remind() -> str:
    """Tell those in charge what has come nearer."""
    told = dues.remind()
    return f"发出到期提醒 {told} 条" if told else ""


def tell_holders() -> str:
    """Tell holders whose whereabouts were looked at, now that the look is over."""
    told = privacy.tell_holders()
    return f"告知固定使用人 {told} 条" if told else ""


def keep_months() -> str:
    """Bring the kept parts of evaluation up to date."""
    done = months.keep_months()
    return f"更新 {done} 个月的评价数据" if done else ""


def keep_all_months() -> str:
    """Count all kept parts anew: factors, units and what no time of change tells."""
    done = months.keep_months(whole=True)
    return f"重算 {done} 个月的评价数据" if done else ""


UPLINKS = Periodic("vehicles.uplinks", "登记终端刷卡与影像", "* * * * * */10", uplinks)
HEALTH = Periodic("vehicles.terminal_health", "检查终端信号与固件", "*/2 * * * *", health)
DUES = Periodic("vehicles.dues", "计算到期事项", "20 1 * * *", refresh_dues)
REMIND = Periodic("vehicles.remind", "发送到期提醒", "30 8 * * *", remind)
TELL_HOLDERS = Periodic("vehicles.privacy_tell", "告知行踪被查看的固定使用人", "10 * * * *", tell_holders)
MONTHS = Periodic("vehicles.months", "更新效能评价数据", "*/10 * * * *", keep_months)
ALL_MONTHS = Periodic("vehicles.months_all", "重算效能评价数据", "30 2 * * *", keep_all_months)
STUDY = JobKind(
    "vehicles.fleetstudy.finish", "车队测算", "zhiguan.lines.vehicles.domain.studies.run_study",
    permission="vehicles.plan.manage", retries=1,
)  # fmt: skip
COMMAND_MANY = JobKind(
    "vehicles.terminal.command", "批量下发终端指令", "zhiguan.lines.vehicles.domain.terminals.command_each",
    permission="telemetry.command.send", atomic=False,
)  # fmt: skip
