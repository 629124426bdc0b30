"""Facts of law and standard, dated, each with its clause and whether the text was seen."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kit.rowscope.declare import Shared

from .codes import Bound, Evidence, Status


class Fact(models.Model):
    """标准依据: one value of a law, standard or proposal from a date on. ``code`` is topic.group.name.

    Several rows of one code follow each other in time; a local adjustment is a further row (``local``), never an edit
    of what we ship. ``place`` is set where the adjustment holds for one organ and what is below it; ``least`` and ``most``
    are the limits that an adjustment may not leave. ``verified`` is False where nobody has read the value in the
    instrument itself. ``valid_to`` is the first day after a rule was repealed without a successor.
    """

    row_rule = Shared("public facts, read by rules and shown to everybody")
    code = models.CharField("代码", max_length=80)
    topic = models.CharField("主题", max_length=24)
    group = models.CharField("类别", max_length=40, blank=True)
    name = models.CharField("名称", max_length=120)
    value = models.JSONField("取值", null=True)
    unit = models.CharField("单位", max_length=24, blank=True)
    bound = models.CharField("限定", max_length=8, choices=Bound, blank=True)
    source = models.CharField("依据", max_length=120)
    number = models.CharField("文号", max_length=60, blank=True)
    issuer = models.CharField("制定机关", max_length=120, blank=True)
    status = models.CharField("依据性质", max_length=12, choices=Status, default=Status.RULE)
    clause = models.CharField("条款", max_length=60, blank=True)
    verified = models.BooleanField("已核对原文", default=False)
    evidence = models.CharField("核对情况", max_length=12, choices=Evidence, default=Evidence.NONE)
    note = models.CharField("说明", max_length=300, blank=True)
    least = models.FloatField("调整下限", null=True, blank=True)
    most = models.FloatField("调整上限", null=True, blank=True)
    local = models.BooleanField("本地调整", default=False)
    place = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="适用单位"
    )
    valid_from = models.DateField("生效日期")
    valid_to = models.DateField("失效日期", null=True, blank=True)
    reason = models.CharField("调整事由", max_length=200, blank=True)
    changed_by = models.CharField("调整人", max_length=80, blank=True)
    created_at = models.DateTimeField("录入时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "标准依据"
        ordering = ["topic", "code", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "valid_from"], condition=Q(local=False), name="reference_fact_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="reference_fact_dates"
            ),
        ]
        indexes = [models.Index(fields=["code", "-valid_from"], name="reference_fact_code")]

    def __str__(self) -> str:
        return self.name

    @property
    def unverified(self) -> bool:
        """Whether the value may not be cited as a rule; pages show it."""
        return not self.verified

    @property
    def adjustable(self) -> bool:
        """Whether people may set another value here: not where a rule was read."""
        return not self.verified and self.value is not None

    @property
    def limits_text(self) -> str:
        """Between which values an adjustment has to stay, as people read it."""
        if self.least is None or self.most is None:
            return ""
        return f"{text_of(self.least)} 至 {text_of(self.most, self.unit)}"

    @property
    def citation(self) -> str:
        """The source and clause as people cite them, saying so when the text was not seen."""
        return cited(self.source, self.clause, self.verified)

    @property
    def value_text(self) -> str:
        """The value as people read it: 不超过 12 万元, 超过 8 年, 是."""
        return text_of(self.value, self.unit, self.bound)


def cited(title: str, clause: str, verified: bool) -> str:
    """Return a citation: 《title》clause."""
    text = f"{title if title.startswith('《') else f'《{title}》'}{clause}"
    return text if verified else f"{text}（未核对原文，可配置）"


def text_of(value: Any, unit: str = "", bound: str = "") -> str:
    """Return a value in words; sums of whole ten thousands of yuan are read in 万元."""
    if value is None:
        return "尚未录入"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, (int, float)):
        if unit == "元" and value >= 10_000 and value % 1_000 == 0:
            value, unit = value / 10_000, "万元"
        number = f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
        words = Bound(bound).label if bound else ""
        return " ".join(part for part in (words, number, unit) if part)
    if isinstance(value, list):
        return "、".join(str(item) for item in value)
    if isinstance(value, dict):
        return "；".join(f"{key} {item}" for key, item in value.items())
    return f"{value} {unit}".strip()
