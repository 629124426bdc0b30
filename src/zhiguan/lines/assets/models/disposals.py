"""资产处置: from the decision to the proceeds. Values in yuan."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import DisposalKind
from .area import AREA
from .cards import Asset


class Disposal(LedgerRecord):
    """资产处置: one decision about assets of one organ, its execution and what it brought in.

    ``case`` is the number of the application that was decided, empty where the decision was entered from paper.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.DISPOSAL
    code = models.CharField("处置编号", max_length=20, unique=True)
    kind = models.CharField("处置方式", max_length=16, choices=DisposalKind)
    why = models.CharField("处置理由", max_length=300)
    to_unit = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="接收单位"
    )
    receiver = models.CharField("受让人、受赠人或回收单位", max_length=80, blank=True)
    document_no = models.CharField("批复文号", max_length=80)
    decided_by = models.CharField("批复人", max_length=80, blank=True)
    decided_on = models.DateField("批复日期")
    count = models.PositiveIntegerField("资产数量")
    original_value = models.DecimalField("账面原值（元）", max_digits=18, decimal_places=2)
    net_value = models.DecimalField("账面净值（元）", max_digits=18, decimal_places=2)
    appraised_yuan = models.DecimalField("评估价值（元）", max_digits=18, decimal_places=2, null=True, blank=True)
    appraiser = models.CharField("评估机构", max_length=80, blank=True)
    executed_on = models.DateField("实施日期", null=True, blank=True)
    certificate_no = models.CharField("成交或回收凭证号", max_length=80, blank=True)
    proceeds_yuan = models.DecimalField("处置收入（元）", max_digits=18, decimal_places=2, null=True, blank=True)
    cost_yuan = models.DecimalField("处置税费（元）", max_digits=18, decimal_places=2, null=True, blank=True)
    remitted_on = models.DateField("上缴日期", null=True, blank=True)
    remittance_no = models.CharField("缴款凭证号", max_length=80, blank=True)
    case = models.CharField("办件编号", max_length=40, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "资产处置"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["scope_pos", "-created_at"], name="assets_disposal_scope"),
            models.Index(fields=["-created_at", "-id"], name="assets_disposal_recent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(proceeds_yuan__isnull=True) | Q(proceeds_yuan__gte=0), name="assets_disposal_proceeds"
            ),
            models.UniqueConstraint(fields=["case"], condition=~Q(case=""), name="assets_disposal_case"),
        ]

    def __str__(self) -> str:
        return self.code


class DisposalItem(UnitScoped):
    """处置资产: one asset of a disposal with its values on the day of the decision; ``open`` until it is executed or
    revoked. One asset is in one open disposal at most."""

    row_rule = ByUnit(AREA)
    disposal = models.ForeignKey(Disposal, models.PROTECT, related_name="items", verbose_name="资产处置")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="disposal_items", verbose_name="资产")
    original_value = models.DecimalField("原值（元）", max_digits=16, decimal_places=2)
    net_value = models.DecimalField("净值（元）", max_digits=16, decimal_places=2)
    open = models.BooleanField("办理中", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "处置资产"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["asset"], condition=Q(open=True), name="assets_disposal_item_one"),
            models.UniqueConstraint(fields=["disposal", "asset"], name="assets_disposal_item_once"),
        ]

    def __str__(self) -> str:
        return str(self.asset)
