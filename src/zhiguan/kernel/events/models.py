"""The outbox, who gets what from it, and jobs."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.orgs.base import PositionQuerySet, UnitScoped
from zhiguan.kit.rowscope.declare import ByArea, ByUnit, Custom

from .codes import DeliveryState, JobState

SYSTEM = "current_setting('zg.system', true) = '1'"
OWN = "requested_by_id = NULLIF(current_setting('zg.account', true), '')::bigint"


class Event(models.Model):
    """事件: what happened, for others to know. Written in the transaction in which it happened; never changed."""

    row_rule = Custom(
        f"{ByArea().using()} OR {SYSTEM}",
        "rows of every subject area, and the system delivers those of areas without tables of their own",
        append_only=True,
        open_insert=True,
    )
    event_id = models.UUIDField("事件标识", unique=True, default=uuid.uuid4)
    type = models.CharField("类型", max_length=96)
    subject = models.CharField("对象", max_length=200, blank=True)
    data = models.JSONField("内容", default=dict)
    time = models.DateTimeField("发生时间", default=timezone.now)
    area = models.CharField("条线", max_length=32)
    scope_pos = models.BigIntegerField("数据权限位置")
    account_id = models.BigIntegerField("账号", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "事件"
        ordering = ["id"]
        indexes = [models.Index(fields=["subject", "id"], name="events_event_subject")]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Pending(models.Model):
    """A note that an event has not been handed to its subscriptions yet; gone once it has."""

    row_rule = Custom(SYSTEM, "bookkeeping of delivery", open_insert=True)
    event_id = models.UUIDField()

    class Meta:
        verbose_name = verbose_name_plural = "待分发事件"

    def __str__(self) -> str:
        return str(self.event_id)


class Subscription(UnitScoped):
    """订阅: events of some types, of the unit and all below it, are posted to an address.

    The signing secret is derived from the installation's key, ``key`` and ``generation``, so that none is stored.
    """

    row_rule = ByUnit("events")
    name = models.CharField("名称", max_length=80)
    url = models.URLField("接收地址", max_length=400)
    types = ArrayField(models.CharField(max_length=96), verbose_name="事件类型")
    active = models.BooleanField("启用", default=True)
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    generation = models.PositiveIntegerField("密钥版本", default=1)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "事件订阅"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """投递: one event for one subscription. A subject's events go out one after another, in order."""

    row_rule = ByUnit("events")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries", verbose_name="订阅")
    event = models.ForeignKey(Event, models.CASCADE, related_name="+", verbose_name="事件")
    subject = models.CharField("对象", max_length=200, blank=True)
    scope_pos = models.BigIntegerField("数据权限位置")
    state = models.CharField("状态", max_length=12, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField("已尝试次数", default=0)
    next_at = models.DateTimeField("下次投递", default=timezone.now)
    status = models.PositiveSmallIntegerField("应答状态码", null=True, blank=True)
    error = models.CharField("原因", max_length=200, blank=True)
    created_at = models.DateTimeField("生成时间", default=timezone.now)
    delivered_at = models.DateTimeField("送达时间", null=True, blank=True)

    objects = PositionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "事件投递"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "event"], name="events_delivery_once"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="pending"), name="events_delivery_due"),
            models.Index(
                fields=["subscription", "subject", "event"], condition=Q(state="pending"), name="events_delivery_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.event_id}"


class Job(models.Model):
    """后台任务: work done later by the worker, for an account or for the system, with its progress and its result."""

    row_rule = Custom(
        f"{ByUnit('events').using()} OR {OWN} OR {SYSTEM}",
        "by unit for those who oversee jobs; whoever asked sees their own",
        open_insert=True,
    )
    kind = models.CharField("类型", max_length=64)
    title = models.CharField("任务", max_length=120)
    state = models.CharField("状态", max_length=12, choices=JobState, default=JobState.QUEUED)
    args = models.JSONField("参数", default=dict)
    key = models.CharField("去重标识", max_length=120, blank=True)
    progress = models.PositiveSmallIntegerField("进度", default=0)
    message = models.CharField("说明", max_length=300, blank=True)
    result = models.JSONField("结果", null=True, blank=True)
    error = models.CharField("错误", max_length=500, blank=True)
    lines = models.JSONField("日志", default=list)
    requested_by = models.ForeignKey(
        "identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="提交人"
    )
    allowed = models.JSONField("提交时的权限点", default=list)
    unit = models.ForeignKey("orgs.Unit", models.PROTECT, null=True, related_name="+", verbose_name="单位")
    scope_pos = models.BigIntegerField("数据权限位置")
    attempts = models.PositiveSmallIntegerField("已执行次数", default=0)
    cancel_asked = models.BooleanField("已要求取消", default=False)
    scheduled_for = models.DateTimeField("计划时间", null=True, blank=True)
    created_at = models.DateTimeField("提交时间", default=timezone.now)
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)

    objects = PositionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "后台任务"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "kind"], name="events_job_state"),
            models.Index(fields=["scope_pos", "-created_at"], name="events_job_scope"),
            models.Index(fields=["requested_by", "-created_at"], name="events_job_own"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "scheduled_for"], condition=Q(scheduled_for__isnull=False), name="events_job_scheduled"
            ),
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(state__in=["queued", "running"]) & ~Q(key=""),
                name="events_job_key",
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="events_job_progress"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.title

    @property
    def active(self) -> bool:
        """Whether the job is waiting or running."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)
