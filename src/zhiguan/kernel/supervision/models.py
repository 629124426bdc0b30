"""Findings of all lines in one table, and the record of every run of a rule."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByArea, Shared

from . import lifecycle
from .codes import Outcome, Severity


class Finding(LedgerRecord):
    """问题线索: what a rule found about one subject in one period. ``unit`` is the responsible one.

    Rows are read under the scope of their own ``area`` (the line), by the people in ``persons`` wherever they belong.
    There is no foreign key to the subject: lines are above this storey.
    """

    row_rule = ByArea(area_column="area", persons_column="persons")
    lifecycle = lifecycle.FINDING
    area = models.CharField("条线", max_length=32)
    rule = models.CharField("规则", max_length=64)
    subject_type = models.CharField("对象类型", max_length=64)
    subject_id = models.BigIntegerField("对象")
    subject_label = models.CharField("对象名称", max_length=120)
    period = models.CharField("时段", max_length=24)
    severity = models.CharField("严重程度", max_length=16, choices=Severity)
    summary = models.CharField("问题摘要", max_length=500)
    evidence = models.JSONField("证据", default=dict)
    clause = models.TextField("依据条款")
    occurred_at = models.DateTimeField("发生时间")
    case = models.CharField("来源办件", max_length=64, blank=True)
    assignee = models.ForeignKey(
        "orgs.Person", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="承办人"
    )
    persons = ArrayField(models.BigIntegerField(), default=list, editable=False, verbose_name="相关人员")
    assigned_at = models.DateTimeField("交办时间", null=True, blank=True)
    due_on = models.DateField("办理期限", null=True, blank=True)
    explanation = models.TextField("情况说明", blank=True)
    rectification = models.TextField("整改情况", blank=True)
    verdict = models.TextField("核查结论", blank=True)
    outcome = models.CharField("认定结果", max_length=16, choices=Outcome, blank=True)
    ended_at = models.DateTimeField("办结时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "问题线索"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject_type", "subject_id", "period"], name="supervision_finding_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=lifecycle.OPEN, ended_at__isnull=True, outcome="")
                | (models.Q(state__in=lifecycle.ENDED, ended_at__isnull=False) & ~models.Q(outcome="")),
                name="supervision_finding_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="supervision_finding_recent"),
            models.Index(fields=["scope_pos", "state"], name="supervision_finding_scope"),
            models.Index(fields=["state", "-created_at"], name="supervision_finding_state"),
            models.Index(fields=["subject_type", "subject_id", "period"], name="supervision_finding_subject"),
            models.Index(fields=["assignee", "state"], name="supervision_finding_assignee"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.subject_label}"

    @property
    def number(self) -> str:
        """线索编号."""
        return f"XS{self.pk:08d}"

    @property
    def ledger_area(self) -> str:
        return self.area

    @property
    def ledger_persons(self) -> list[int]:
        return list(self.persons)


class RuleRun(models.Model):
    """规则运行: one run of a rule, how many findings it changed, or why it failed. Holds no business data."""

    row_rule = Shared("counts and error places of runs; the page asks for its own permission")
    rule = models.CharField("规则", max_length=64)
    started_at = models.DateTimeField("开始时间", default=timezone.now)
    finished_at = models.DateTimeField("结束时间")
    start_on = models.DateField("起始日期")
    end_on = models.DateField("截止日期（不含）")
    subjects = models.PositiveIntegerField("对象数")
    raised = models.PositiveIntegerField("新增", default=0)
    kept = models.PositiveIntegerField("不变", default=0)
    updated = models.PositiveIntegerField("更新", default=0)
    withdrawn = models.PositiveIntegerField("撤回", default=0)
    error = models.CharField("错误", max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "规则运行"
        ordering = ["-started_at", "-id"]
        indexes = [models.Index(fields=["rule", "-started_at"], name="supervision_run_rule")]

    def __str__(self) -> str:
        return f"{self.rule} {self.started_at:%Y-%m-%d %H:%M}"
