"""What somebody was told, how they want to be told, and what has left the house."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.orgs.base import PositionQuerySet
from zhiguan.kit.rowscope.declare import ByPerson, ByUnit

from .codes import Channel, Mode, SendState


class Notice(models.Model):
    """通知: one thing one account was told. Only that account reads it; nobody's list shows somebody else's."""

    row_rule = ByPerson()
    account = models.ForeignKey(
        "identity.Account", models.PROTECT, related_name="+", verbose_name="接收人", db_index=False
    )
    kind = models.CharField("类型", max_length=64)
    title = models.CharField("标题", max_length=120)
    body = models.CharField("内容", max_length=1000, blank=True)
    link = models.CharField("办理地址", max_length=300, blank=True)
    subject = models.CharField("对象", max_length=120, blank=True)
    dedupe_key = models.CharField("去重标识", max_length=160, blank=True)
    at = models.DateTimeField("时间", default=timezone.now)
    read_at = models.DateTimeField("阅读时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "通知"
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "dedupe_key"], condition=~Q(dedupe_key=""), name="notices_notice_once"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-at", "-id"], name="notices_notice_inbox"),
            models.Index(fields=["account", "kind"], condition=Q(read_at__isnull=True), name="notices_notice_unread"),
            models.Index(fields=["at"], name="notices_notice_age"),
        ]

    def __str__(self) -> str:
        return self.title


class Preference(models.Model):
    """通知偏好: how an account wants one kind by one channel, where it differs from what the kind declares."""

    row_rule = ByPerson()
    account = models.ForeignKey(
        "identity.Account", models.CASCADE, related_name="+", verbose_name="账号", db_index=False
    )
    kind = models.CharField("类型", max_length=64)
    channel = models.CharField("渠道", max_length=12, choices=Channel)
    mode = models.CharField("方式", max_length=12, choices=Mode)

    class Meta:
        verbose_name = verbose_name_plural = "通知偏好"
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "channel"], name="notices_preference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.channel}"


class Rhythm(models.Model):
    """收取时间: when an account wants what leaves the site. Times are local; the quiet time may pass midnight."""

    row_rule = ByPerson()
    account = models.OneToOneField(
        "identity.Account", models.CASCADE, primary_key=True, related_name="+", verbose_name="账号"
    )
    digest_at = models.TimeField("汇总时间", default=time(8, 30))
    quiet_from = models.TimeField("免打扰开始", null=True, blank=True)
    quiet_to = models.TimeField("免打扰结束", null=True, blank=True)
    workdays_only = models.BooleanField("仅工作日发送", default=False)
    version = models.PositiveIntegerField("版本", default=1)

    class Meta:
        verbose_name = verbose_name_plural = "通知收取时间"

    def __str__(self) -> str:
        return str(self.account_id)


class NoticeDelivery(models.Model):
    """通知发送: one notice on its way out by one channel. Holds no text of the notice."""

    row_rule = ByUnit("notices")
    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries", verbose_name="通知")
    account = models.ForeignKey("identity.Account", models.PROTECT, related_name="+", verbose_name="接收人")
    scope_pos = models.BigIntegerField("数据权限位置")
    kind = models.CharField("类型", max_length=64)
    channel = models.CharField("渠道", max_length=12, choices=Channel)
    digest = models.BooleanField("汇总", default=False)
    state = models.CharField("状态", max_length=12, choices=SendState, default=SendState.PENDING)
    due_at = models.DateTimeField("应发时间")
    attempts = models.PositiveSmallIntegerField("已尝试次数", default=0)
    error = models.CharField("原因", max_length=200, blank=True)
    created_at = models.DateTimeField("生成时间", default=timezone.now)
    sent_at = models.DateTimeField("发送时间", null=True, blank=True)

    objects = PositionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "通知发送"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="notices_delivery_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="notices_delivery_due"),
            models.Index(fields=["scope_pos", "-id"], name="notices_delivery_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.channel}"
