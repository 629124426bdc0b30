"""产权登记: what an organ holds by certificate. Values in yuan."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import TitleKind
from .area import AREA


class TitleRegistration(LedgerRecord):
    """产权登记: one registration with its certificate; ``values`` are counts and sums by class as of ``as_of``.

    ``values``: list of {class_code, name, count, original_value, accumulated_depreciation, net_value}, sums as text.
    An organ has at most one valid title. ``previous`` is the one it took the place of. ``case`` is the number of the
    application it was registered by, empty where it was entered from paper.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.TITLE
    certificate_no = models.CharField("登记证号", max_length=60, unique=True)
    kind = models.CharField("登记种类", max_length=16, choices=TitleKind)
    as_of = models.DateField("登记基准日")
    registered_on = models.DateField("登记日期")
    values = models.JSONField("分类价值", default=list)
    count = models.PositiveIntegerField("资产数量", default=0)
    original_value = models.DecimalField("账面原值（元）", max_digits=18, decimal_places=2, default=0)
    net_value = models.DecimalField("账面净值（元）", max_digits=18, decimal_places=2, default=0)
    previous = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="following", verbose_name="原登记"
    )
    document_no = models.CharField("批准文号", max_length=80, blank=True)
    case = models.CharField("办件编号", max_length=40, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "产权登记"
        ordering = ["-registered_on", "-id"]
        indexes = [models.Index(fields=["scope_pos", "-registered_on"], name="assets_title_scope")]
        constraints = [
            models.UniqueConstraint(fields=["unit"], condition=Q(state="valid"), name="assets_title_one"),
            models.CheckConstraint(condition=Q(original_value__gte=0, net_value__gte=0), name="assets_title_values"),
        ]

    def __str__(self) -> str:
        return self.certificate_no
