"""Facts of law and standard, dated, each with its clause and whether the text was seen."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kit.rowscope.declare import Shared


class Fact(models.Model):
    """标准依据: one value of a law, standard or proposal from a date on. ``code`` is topic.group.name.

    Several rows of one code follow each other in time; a local adjustment is a further row (``local``), never an edit
    of what we ship. ``verified`` is False where nobody has read the value in the instrument itself.
    """

    row_rule = Shared("public facts, read by rules and shown to everybody")
    code = models.CharField("代码", max_length=80)
    topic = models.CharField("主题", max_length=24)
    name = models.CharField("名称", max_length=120)
    value = models.JSONField("取值", null=True)
    unit = models.CharField("单位", max_length=24, blank=True)
    source = models.CharField("依据", max_length=120)
    number = models.CharField("文号", max_length=60, blank=True)
    clause = models.CharField("条款", max_length=60, blank=True)
    verified = models.BooleanField("已核对原文", default=False)
    note = models.CharField("说明", max_length=300, blank=True)
    local = models.BooleanField("本地调整", default=False)
    valid_from = models.DateField("生效日期")
    reason = models.CharField("调整事由", max_length=200, blank=True)
    changed_by = models.CharField("调整人", max_length=80, blank=True)
    created_at = models.DateTimeField("录入时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "标准依据"
        ordering = ["topic", "code", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], condition=Q(local=False), name="reference_fact_once")
        ]
        indexes = [models.Index(fields=["code", "-valid_from"], name="reference_fact_code")]

    def __str__(self) -> str:
        return self.name

    @property
    def citation(self) -> str:
        """The source and clause as people cite them, saying so when the text was not seen."""
        cited = f"{self.source if self.source.startswith('《') else f'《{self.source}》'}{self.clause}"
        return cited if self.verified else f"{cited}（未核对原文，可配置）"
