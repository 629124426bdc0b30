"""Repair projects and the year's plan they belong to. Money in yuan, areas in square metres."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord

from .. import lifecycle
from ..codes import RepairKind
from .area import OF_UNIT
from .buildings import Building


class RepairPlan(LedgerRecord):
    """维修项目: one project of major, medium or special repair, proposed for or included in a year's plan.

    ``limit_per_m2`` is the control value that held when it was entered (yuan a square metre).
    """

    row_rule = OF_UNIT
    lifecycle = lifecycle.REPAIR_PLAN
    year = models.PositiveSmallIntegerField("计划年度")
    project = models.CharField("项目名称", max_length=80)
    building = models.ForeignKey(Building, models.PROTECT, related_name="repairs", verbose_name="楼宇")
    kind = models.CharField("维修类别", max_length=8, choices=RepairKind)
    why = models.CharField("维修理由", max_length=500)
    scope = models.CharField("维修内容", max_length=500, blank=True)
    area_m2 = models.DecimalField("维修面积（平方米）", max_digits=12, decimal_places=2)
    estimate_yuan = models.DecimalField("估算投资（元）", max_digits=14, decimal_places=2)
    limit_per_m2 = models.DecimalField("单方造价控制值（元/平方米）", max_digits=10, decimal_places=2, editable=False)
    approved_yuan = models.DecimalField("批准投资（元）", max_digits=14, decimal_places=2, null=True, blank=True)
    final_yuan = models.DecimalField("结算金额（元）", max_digits=14, decimal_places=2, null=True, blank=True)
    contractor = models.CharField("施工单位", max_length=80, blank=True)
    begun_on = models.DateField("开工日期", null=True, blank=True)
    finished_on = models.DateField("竣工验收日期", null=True, blank=True)
    document_no = models.CharField("批复文号", max_length=80, blank=True)
    case_no = models.CharField("办件编号", max_length=40, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "维修项目"
        ordering = ["-year", "-id"]
        indexes = [models.Index(fields=["year", "state"], name="space_repair_year")]
        constraints = [
            models.UniqueConstraint(
                fields=["building", "year", "project"], condition=~Q(state__in=["rejected", "cancelled"]),
                name="space_repair_once",
            ),
            models.CheckConstraint(condition=Q(area_m2__gt=0, estimate_yuan__gte=0), name="space_repair_amounts"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.project

    @property
    def cost_per_m2(self) -> object:
        """Estimated cost a square metre, in yuan."""
        return round(self.estimate_yuan / self.area_m2, 2)

    @property
    def over_limit(self) -> bool:
        """Whether the estimate a square metre is above the control value."""
        return self.estimate_yuan > self.limit_per_m2 * self.area_m2
