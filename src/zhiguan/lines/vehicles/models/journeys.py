"""What happens on a journey: checks before the start, moments on the way, money spent, problems and complaints."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit, Custom

from .. import lifecycle
from ..codes import ExpenseKind, IssueKind, MarkKind
from .area import AREA
from .orders import DispatchOrder

OF_ORDER = "EXISTS (SELECT 1 FROM vehicles_dispatchorder o WHERE o.id = order_id)"
"""Whoever sees the order sees what belongs to it: the sub-select is under the order's own row rule."""


class OfOrder(models.Model):
    """A note of a journey. ``key`` is made on the device: sent twice, it is kept once. ``at`` is the device's time."""

    row_rule = Custom(OF_ORDER, "follows its order")
    order = models.ForeignKey(DispatchOrder, models.CASCADE, related_name="%(class)ss", verbose_name="派车单")
    key = models.CharField("设备端编号", max_length=40)
    at = models.DateTimeField("时间", default=timezone.now)
    noted_at = models.DateTimeField("收到时间", default=timezone.now)
    noted_by = models.CharField("记录人", max_length=80)

    class Meta:
        abstract = True


class HandoverCheck(OfOrder):
    """车况检查: each item of the checklist in force (reference fact) with whether it is in order."""

    items = models.JSONField("检查项目", default=dict)
    note = models.CharField("说明", max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "出车前车况检查"
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["order", "key"], name="vehicles_check_once")]

    def __str__(self) -> str:
        return f"{self.order_id} {self.at:%Y-%m-%d %H:%M}"

    @property
    def faults(self) -> list[str]:
        """The items that were not in order."""
        return [name for name, good in self.items.items() if not good]


class OrderMark(OfOrder):
    """途中节点."""

    kind = models.CharField("节点", max_length=12, choices=MarkKind)
    lat = models.FloatField("纬度", null=True, blank=True)
    lon = models.FloatField("经度", null=True, blank=True)
    note = models.CharField("说明", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "途中节点"
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["order", "key"], name="vehicles_mark_once")]

    def __str__(self) -> str:
        return f"{self.order_id} {self.get_kind_display()}"


class OrderExpense(OfOrder):
    """随车费用: what the driver paid on the way."""

    kind = models.CharField("类别", max_length=12, choices=ExpenseKind)
    amount_yuan = models.DecimalField("金额（元）", max_digits=10, decimal_places=2)
    note = models.CharField("说明", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "随车费用"
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "key"], name="vehicles_expense_once"),
            models.CheckConstraint(condition=Q(amount_yuan__gt=0), name="vehicles_expense_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount_yuan} 元"


class OrderIssue(LedgerRecord):
    """行车问题 of the driver, 投诉 of a passenger. ``unit`` is whose fleet manager answers."""

    row_rule = ByUnit(AREA, persons=("reporter_id",))
    lifecycle = lifecycle.ISSUE
    order = models.ForeignKey(DispatchOrder, models.PROTECT, related_name="issues", verbose_name="派车单")
    order_code = models.CharField("派车单号", max_length=20)
    key = models.CharField("设备端编号", max_length=40, unique=True)
    kind = models.CharField("类别", max_length=12, choices=IssueKind)
    reporter = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="反映人")
    text = models.CharField("情况", max_length=500)
    answer = models.CharField("答复", max_length=500, blank=True)
    answered_by = models.CharField("答复人", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "行车问题与投诉"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["scope_pos", "-created_at"], name="vehicles_issue_scope")]

    def __str__(self) -> str:
        return f"{self.order_code} {self.get_kind_display()}"
