"""Findings of all lines in one table, and the record of every run of a rule."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByArea, Custom, Shared

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


class ThresholdTrial(LedgerRecord):
    """阈值试算: what another value of a rule's threshold would have found over past days, and what became of the idea.

    ``unit`` is the organ the value would hold for, with what is below it; the root for all (``general``). ``result`` is
    written by the job (:mod:`.trials`); findings are counted and named there, never changed.
    """

    row_rule = ByArea(area_column="area")
    lifecycle = lifecycle.TRIAL
    private_fields = ("result",)
    area = models.CharField("条线", max_length=32)
    rule = models.CharField("规则", max_length=64)
    fact = models.CharField("阈值代码", max_length=80)
    name = models.CharField("阈值", max_length=120)
    measure = models.CharField("计量单位", max_length=24, blank=True)
    general = models.BooleanField("适用全部单位", default=True)
    before = models.JSONField("现行取值")
    value = models.JSONField("拟调取值")
    start_on = models.DateField("试算起始日期")
    end_on = models.DateField("试算截止日期（不含）")
    why = models.CharField("提出理由", max_length=200)
    proposer = models.CharField("提出人", max_length=80)
    result = models.JSONField("试算结果", default=dict)
    problem = models.CharField("未完成原因", max_length=300, blank=True)
    computed_at = models.DateTimeField("试算时间", null=True, blank=True)
    valid_from = models.DateField("执行日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "阈值试算"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["rule", "-created_at"], name="supervision_trial_rule")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end_on__gt=models.F("start_on")), name="supervision_trial_days"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"

    @property
    def ledger_area(self) -> str:
        return self.area


class PriorityModel(models.Model):
    """核查优先度模型: what was learned on one day from the outcomes of findings. Ranks open ones; decides nothing.

    ``weights`` are those of a logistic regression over standardised features (:mod:`.scoring`), shown to everybody who
    sees findings. ``usable`` is False where there were too few outcomes, or the order was no better than the plain one.
    """

    row_rule = Shared("weights and sample sizes of a model; the page asks for its own permission")
    trained_at = models.DateTimeField("学习时间", default=timezone.now)
    outcomes = models.PositiveIntegerField("样本数")
    confirmed = models.PositiveIntegerField("属实")
    dismissed = models.PositiveIntegerField("不属实")
    usable = models.BooleanField("已采用", default=False)
    note = models.CharField("说明", max_length=200, blank=True)
    weights = models.JSONField("权重", default=dict)
    order = models.FloatField("排序正确率", null=True, blank=True)
    plain_order = models.FloatField("默认排序正确率", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "核查优先度模型"
        ordering = ["-trained_at", "-id"]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.trained_at):%Y-%m-%d} 学习结果"


class FindingScore(models.Model):
    """核查优先度 of one finding: a place in the queue, with its reasons, beside the finding and never in it."""

    row_rule = Custom(
        "EXISTS (SELECT 1 FROM supervision_finding f WHERE f.id = finding_id)", "follows its finding, which has its own rule"
    )
    finding = models.OneToOneField(Finding, models.CASCADE, primary_key=True, related_name="score", verbose_name="问题线索")
    value = models.FloatField("核查优先度")
    chance = models.FloatField("属实可能", null=True, blank=True)
    reasons = models.JSONField("主要因素", default=list)
    model = models.ForeignKey(PriorityModel, models.PROTECT, related_name="+", verbose_name="核查优先度模型")
    scored_at = models.DateTimeField("评定时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "核查优先度"

    def __str__(self) -> str:
        return f"{self.finding_id} {self.value:.0f}"
