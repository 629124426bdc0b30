"""Process definitions, and who stands in for whom."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import Shared

from .. import lifecycle


class Definition(LedgerRecord):
    """流程定义: one version of an item's process: BPMN, decision tables, test cases. Kept for ever once published.

    What a case runs on is exactly this text: ``digest`` is over both files, ``signature`` (Ed25519, by this installation)
    over the digest, item and version. A published row whose signature does not fit is not run.
    """

    row_rule = Shared(
        "how the bureau decides is public inside the platform; changing it asks a permission and two people", area="flow"
    )
    lifecycle = lifecycle.DEFINITION
    private_fields = ("bpmn", "tables")
    item = models.CharField("事项", max_length=64)
    number = models.PositiveIntegerField("版本号")
    bpmn = models.TextField("流程文件")
    tables = models.JSONField("决策表", default=dict)
    checks = models.JSONField("测试用例", default=list)
    digest = models.CharField("内容摘要", max_length=64, blank=True)
    signature = models.CharField("签名", max_length=200, blank=True)
    note = models.CharField("修改说明", max_length=300, blank=True)
    shipped = models.BooleanField("随系统提供", default=False)
    author = models.ForeignKey("identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="编制人")
    reviewer = models.ForeignKey("identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="复核人")
    published_at = models.DateTimeField("发布时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "流程定义"
        ordering = ["item", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="flow_definition_number"),
            models.CheckConstraint(
                condition=Q(reviewer__isnull=True) | Q(author__isnull=True) | ~Q(reviewer=F("author")),
                name="flow_definition_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | ~Q(signature=""), name="flow_definition_signed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item} 第{self.number}版"


class Delegation(models.Model):
    """授权代办: somebody's steps may be handled by another person between two dates. Revoked, it ends at once."""

    row_rule = Shared("who stands in for whom is asked before every step; names and dates only")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="授权人")
    delegate = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="代办人")
    item = models.CharField("事项", max_length=64, blank=True)
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("截止日期")
    reason = models.CharField("事由", max_length=200)
    revoked_at = models.DateTimeField("收回时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "授权代办"
        ordering = ["-valid_from", "-id"]
        indexes = [models.Index(fields=["delegate", "valid_to"], name="flow_delegation_delegate")]
        constraints = [
            models.CheckConstraint(condition=Q(valid_to__gte=F("valid_from")), name="flow_delegation_dates"),
            models.CheckConstraint(condition=~Q(person=F("delegate")), name="flow_delegation_other"),
        ]

    def __str__(self) -> str:
        return f"{self.person} → {self.delegate}"


class Group(models.Model):
    """工作组: people a step may call upon by the group's code (专家组, 联审组)."""

    row_rule = Shared("names of groups, asked when a step looks for its people")
    code = models.SlugField("代码", max_length=40, unique=True)
    name = models.CharField("名称", max_length=60)
    duty = models.BooleanField("值班表", default=False)
    active = models.BooleanField("启用", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "办理工作组"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """组员: a person of a group between two dates."""

    row_rule = Shared("asked when a step looks for its people")
    group = models.ForeignKey(Group, models.PROTECT, related_name="members", verbose_name="工作组")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("截止日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "工作组成员"
        ordering = ["group", "person"]

    def __str__(self) -> str:
        return f"{self.group} {self.person}"


class Duty(models.Model):
    """值班: who is on duty on a day in a roster (a group with ``duty``)."""

    row_rule = Shared("asked when a step looks for its people")
    group = models.ForeignKey(Group, models.PROTECT, related_name="duties", verbose_name="值班表")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="值班人")
    on = models.DateField("日期")

    class Meta:
        verbose_name = verbose_name_plural = "流程值班"
        ordering = ["on"]
        constraints = [models.UniqueConstraint(fields=["group", "on", "person"], name="flow_duty_once")]

    def __str__(self) -> str:
        return f"{self.on} {self.person}"
