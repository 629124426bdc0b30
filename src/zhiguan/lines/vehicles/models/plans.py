"""Plans before a vehicle's life and the decision at its end. Money in yuan."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import Body, DisposalMethod, Energy, VehicleKind
from .area import AREA
from .register import Vehicle


class PurchasePlan(LedgerRecord):
    """配备更新计划: one vehicle to be bought, from the plan to its registration.

    ``quota_check`` and ``standard_check`` are what the checks said when the plan was submitted, in words with clauses.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.PLAN
    code = models.CharField("编号", max_length=20, unique=True)
    year = models.PositiveSmallIntegerField("计划年度")
    kind = models.CharField("车辆种类", max_length=24, choices=VehicleKind)
    body = models.CharField("车型", max_length=16, choices=Body, default=Body.SEDAN)
    energy = models.CharField("能源类型", max_length=16, choices=Energy, default=Energy.ELECTRIC)
    displacement_l = models.DecimalField("排气量（升）", max_digits=3, decimal_places=1, null=True, blank=True)
    budget_yuan = models.DecimalField("预算价格（元）", max_digits=12, decimal_places=2)
    special_need = models.BooleanField("确因工作需要", default=False)
    replaces = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="replacements", verbose_name="更新车辆"
    )
    need = models.CharField("配备更新理由", max_length=300)
    quota_check = models.CharField("编制核对", max_length=500, blank=True)
    standard_check = models.CharField("标准核对", max_length=500, blank=True)
    submitted_by_id = models.BigIntegerField("提交账号", null=True, editable=False)
    approved_by = models.CharField("审批人", max_length=80, blank=True)
    document_no = models.CharField("批准文号", max_length=80, blank=True)
    supplier = models.CharField("供应商", max_length=80, blank=True)
    contract_no = models.CharField("合同编号", max_length=60, blank=True)
    brand_model = models.CharField("品牌型号", max_length=80, blank=True)
    price_yuan = models.DecimalField("成交价格（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    bought_on = models.DateField("购置日期", null=True, blank=True)
    vehicle = models.OneToOneField(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="plan", verbose_name="登记车辆"
    )

    class Meta:
        verbose_name = verbose_name_plural = "配备更新计划"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["scope_pos", "-created_at"], name="vehicles_plan_scope"),
            models.Index(fields=["-created_at", "-id"], name="vehicles_plan_recent"),
        ]
        constraints = [models.CheckConstraint(condition=Q(budget_yuan__gte=0), name="vehicles_plan_budget")]

    def __str__(self) -> str:
        return self.code


class Disposal(LedgerRecord):
    """车辆处置: from the application to the proceeds; done, the vehicle leaves the books or goes to another organ."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.DISPOSAL
    code = models.CharField("编号", max_length=20, unique=True)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="disposals", verbose_name="车辆")
    method = models.CharField("处置方式", max_length=12, choices=DisposalMethod)
    why = models.CharField("处置理由", max_length=300)
    to_unit = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="调入单位"
    )
    estimate_yuan = models.DecimalField("评估价值（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    submitted_by_id = models.BigIntegerField("提交账号", null=True, editable=False)
    approved_by = models.CharField("审批人", max_length=80, blank=True)
    document_no = models.CharField("批准文号", max_length=80, blank=True)
    done_on = models.DateField("处置完成日期", null=True, blank=True)
    receiver = models.CharField("受让人或回收单位", max_length=80, blank=True)
    certificate_no = models.CharField("成交或回收凭证号", max_length=60, blank=True)
    proceeds_yuan = models.DecimalField("处置收入（元）", max_digits=12, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "车辆处置"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["scope_pos", "-created_at"], name="vehicles_disposal_scope")]
        constraints = [
            models.UniqueConstraint(
                fields=["vehicle"], condition=Q(state__in=("applied", "approved")), name="vehicles_disposal_one"
            ),
            models.CheckConstraint(
                condition=Q(proceeds_yuan__isnull=True) | Q(proceeds_yuan__gte=0), name="vehicles_disposal_proceeds"
            ),
        ]

    def __str__(self) -> str:
        return self.code
