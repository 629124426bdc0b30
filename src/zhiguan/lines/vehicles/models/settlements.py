"""结算 between organs and pools: one statement a month for each pair. Money in yuan, distances in km, time in hours."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit, Custom

from .. import lifecycle
from .area import AREA
from .orders import DispatchOrder


class Settlement(LedgerRecord):
    """用车结算单: ``unit`` served, ``payer`` was served. Both see it; the server issues it, the payer confirms it."""

    row_rule = ByUnit(AREA, also=("payer_pos",))
    lifecycle = lifecycle.SETTLEMENT
    code = models.CharField("单号", max_length=32, unique=True)
    payer = models.ForeignKey("orgs.Unit", models.PROTECT, related_name="+", verbose_name="用车单位")
    payer_pos = models.BigIntegerField("用车单位的数据权限位置", editable=False)
    month = models.DateField("结算月份")
    order_count = models.PositiveIntegerField("派车单数", default=0)
    km = models.DecimalField("里程（公里）", max_digits=12, decimal_places=1, default=0)
    hours = models.DecimalField("用车时长（小时）", max_digits=12, decimal_places=1, default=0)
    amount_yuan = models.DecimalField("应付金额（元）", max_digits=14, decimal_places=2, default=0)
    issued_by = models.CharField("提交人", max_length=80, blank=True)
    confirmed_by = models.CharField("确认人", max_length=80, blank=True)
    dispute = models.CharField("异议", max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "用车结算单"
        ordering = ["-month", "scope_pos"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "payer", "month"], name="vehicles_settlement_once"),
            models.CheckConstraint(condition=~Q(unit=F("payer")), name="vehicles_settlement_pair"),
        ]

    def __str__(self) -> str:
        return self.code


class SettlementLine(models.Model):
    """结算明细: one journey, with the rates that held on its day."""

    row_rule = Custom(
        "EXISTS (SELECT 1 FROM vehicles_settlement s WHERE s.id = settlement_id)", "follows its settlement"
    )
    settlement = models.ForeignKey(Settlement, models.CASCADE, related_name="lines", verbose_name="结算单")
    order = models.OneToOneField(DispatchOrder, models.PROTECT, related_name="settled", verbose_name="派车单")
    order_code = models.CharField("派车单号", max_length=20)
    used_on = models.DateField("用车日期")
    plate = models.CharField("车牌号", max_length=12)
    km = models.DecimalField("里程（公里）", max_digits=10, decimal_places=1)
    hours = models.DecimalField("时长（小时）", max_digits=8, decimal_places=1)
    km_rate_yuan = models.DecimalField("每公里（元）", max_digits=8, decimal_places=2)
    hour_rate_yuan = models.DecimalField("每小时（元）", max_digits=8, decimal_places=2)
    expenses_yuan = models.DecimalField("随车费用（元）", max_digits=10, decimal_places=2, default=0)
    amount_yuan = models.DecimalField("金额（元）", max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = "用车结算明细"
        ordering = ["used_on", "order_code"]

    def __str__(self) -> str:
        return self.order_code
