"""权属划转: which asset went from whom to whom, when and why."""

from __future__ import annotations

from django.db import models

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import HolderCause
from .area import AREA
from .cards import Asset


class HolderChange(LedgerRecord):
    """资产权属划转: one asset's way from ``from_unit`` to ``unit`` on a day, with the values it went over at.

    Both organs see it: the receiving one by ``scope_pos``, the giving one by ``from_pos``.
    """

    row_rule = ByUnit(AREA, also=("from_pos",))
    lifecycle = lifecycle.HOLDER
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="holder_changes", verbose_name="资产")
    asset_code = models.CharField("资产编号", max_length=32)
    asset_name = models.CharField("资产名称", max_length=80)
    from_unit = models.ForeignKey("orgs.Unit", models.PROTECT, related_name="+", verbose_name="划出单位")
    from_pos = models.BigIntegerField("划出单位的数据权限位置", null=True, editable=False)
    changed_on = models.DateField("划转日期")
    cause = models.CharField("划转情形", max_length=16, choices=HolderCause)
    original_value = models.DecimalField("原值（元）", max_digits=16, decimal_places=2)
    net_value = models.DecimalField("净值（元）", max_digits=16, decimal_places=2)
    document_no = models.CharField("批准文号", max_length=80, blank=True)
    case = models.CharField("办件编号", max_length=40, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "资产权属划转"
        ordering = ["-changed_on", "-id"]
        indexes = [
            models.Index(fields=["scope_pos", "-changed_on"], name="assets_holder_scope"),
            models.Index(fields=["from_pos", "-changed_on"], name="assets_holder_from"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_code} {self.asset_name}"
