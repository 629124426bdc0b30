"""Ledger events: the only way a ledger changes, and its history."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from zhiguan.kit.rowscope.declare import ByArea


class LedgerEvent(models.Model):
    """台账变动: one act on one thing, with the whole record as it stood afterwards."""

    row_rule = ByArea(persons_column="persons", append_only=True, also=("also_pos",))
    area = models.CharField("条线", max_length=32)
    scope_pos = models.BigIntegerField("数据权限位置")
    also_pos = models.BigIntegerField("另一单位的数据权限位置", null=True)
    persons = ArrayField(models.BigIntegerField(), default=list, verbose_name="相关人员")
    subject_type = models.CharField("对象类型", max_length=64)
    subject_id = models.BigIntegerField("对象")
    subject_version = models.IntegerField("版本")
    code = models.CharField("动作", max_length=64)
    name = models.CharField("动作名称", max_length=40)
    state_before = models.CharField("原状态", max_length=32, blank=True)
    state_after = models.CharField("现状态", max_length=32, blank=True)
    changes = models.JSONField("变动内容", default=dict)
    snapshot = models.JSONField("变动后快照", default=dict)
    reason = models.TextField("事由", blank=True)
    case = models.CharField("来源办件", max_length=64, blank=True)
    actor_id = models.BigIntegerField("经办账号", null=True)
    actor_name = models.CharField("经办人", max_length=80)
    at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "台账变动"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["subject_type", "subject_id", "at"], name="ledger_event_subject")]
        constraints = [
            # One event per version: two writers cannot both have made the same version.
            models.UniqueConstraint(
                fields=["subject_type", "subject_id", "subject_version"], name="ledger_event_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_type}#{self.subject_id}"
