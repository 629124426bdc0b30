"""Who is told what becomes of a dispatch order: its requester and its driver, never the one who acted."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.notices import service as notices
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import Actor

from ..models import DispatchOrder, OrderIssue


def _when(order: DispatchOrder) -> str:
    start, end = timezone.localtime(order.planned_from), timezone.localtime(order.planned_to)
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%m月%d日 %H:%M}"
    return f"{start:%m月%d日 %H:%M} 至 {last}，{order.origin} → {order.destination}"


def _tell(order: DispatchOrder, actor: Actor, act: str, people: Iterable[int | None], title: str, *lines: str) -> None:
    wanted = {key for key in people if key is not None and key != actor.person_id}
    if wanted:
        notices.notify(
            Person.objects.filter(pk__in=wanted), f"vehicles.order.{act}", title,
            "。".join(line for line in (*lines, _when(order)) if line), reverse("vehicles.order.detail", args=[order.pk]),
            subject=order, dedupe_key=f"vehicles.order/{order.pk}/{act}/{order.version}",
        )  # fmt: skip


def decided(order: DispatchOrder, actor: Actor, *, agreed: bool, reason: str) -> None:
    """Tell the requester that the request was approved or refused."""
    act, words = ("approve", "已批准，等待派车") if agreed else ("refuse", "未获批准")
    _tell(order, actor, act, [order.requester_id], f"用车申请 {order.code} {words}", reason and f"审批意见：{reason}")


def dispatched(order: DispatchOrder, actor: Actor, *, again: bool, former_driver: int | None, reason: str) -> None:
    """Tell requester and driver which car and driver; on 改派 also the driver who is free again."""
    words = "已改派" if again else "已派车"
    car = f"车辆 {order.vehicle.plate}，驾驶员 {order.driver.person.name}"
    reason = reason and f"原因：{reason}"
    _tell(order, actor, "dispatch", [order.requester_id], f"派车单 {order.code} {words}", car, reason)
    _tell(order, actor, "dispatch", [order.driver_person_id], f"您有出车任务：{order.code}", car, order.purpose)
    if former_driver not in (None, order.driver_person_id):
        _tell(order, actor, "dispatch", [former_driver], f"派车单 {order.code} 已改派给其他驾驶员", reason)


def cancelled(order: DispatchOrder, actor: Actor, *, reason: str) -> None:
    """Tell requester and driver that the order is off."""
    people = [order.requester_id, order.driver_person_id]
    _tell(order, actor, "cancel", people, f"派车单 {order.code} 已取消", f"原因：{reason}")


def rescheduled(order: DispatchOrder, actor: Actor, *, reason: str) -> None:
    """Tell requester and driver the new times."""
    people = [order.requester_id, order.driver_person_id]
    _tell(order, actor, "reschedule", people, f"派车单 {order.code} 时间有调整", reason and f"原因：{reason}")


def withdrawn(order: DispatchOrder, actor: Actor, driver_person: int | None, *, reason: str) -> None:
    """Tell the driver who is free again, and the requester that another car is looked for."""
    _tell(order, actor, "reschedule", [driver_person], f"派车单 {order.code} 已撤回派车", f"原因：{reason}")
    _tell(order, actor, "reschedule", [order.requester_id], f"派车单 {order.code} 正在重新派车", f"原因：{reason}")


def declined(order: DispatchOrder, actor: Actor, *, reason: str) -> None:
    """Tell the requester that another driver is looked for."""
    _tell(order, actor, "reschedule", [order.requester_id], f"派车单 {order.code} 正在重新派车", f"驾驶员不能出车：{reason}")


def answered(issue: OrderIssue, actor: Actor) -> None:
    """Tell whoever reported a problem or complained what the answer is."""
    if issue.reporter_id != actor.person_id:
        notices.notify(
            Person.objects.filter(pk=issue.reporter_id), "vehicles.issue.answer",
            f"您反映的{issue.get_kind_display()}已答复（{issue.order_code}）", issue.answer,
            reverse("vehicles.issue.detail", args=[issue.pk]), subject=issue, dedupe_key=f"vehicles.issue/{issue.pk}",
        )  # fmt: skip
