"""The asset card. Values in yuan; years of use in months, because depreciation is booked by the month."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import DepreciationKind, DisposalKind, Method, Origin, TopClass
from .area import AREA
from .titles import TitleRegistration


class Asset(LedgerRecord):
    """资产卡片: one asset on an organ's books; the row is the card.

    ``top_class`` and ``class_name`` follow from ``class_code``. Depreciation is a term: from ``term_from`` (the first
    of a month) ``term_base`` yuan are written off over ``term_months`` months, after ``term_before`` yuan of earlier
    terms. Accumulated depreciation and net value are computed for a day (``queries.values``), never stored.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.ASSET
    code = models.CharField("资产编号", max_length=32, unique=True)
    class_code = models.CharField("分类代码", max_length=12)
    class_name = models.CharField("分类名称", max_length=60, blank=True)
    top_class = models.CharField("资产大类", max_length=3, choices=TopClass)
    name = models.CharField("资产名称", max_length=80)
    specification = models.CharField("规格型号", max_length=80, blank=True)
    serial_no = models.CharField("出厂编号", max_length=60, blank=True)
    origin = models.CharField("取得方式", max_length=16, choices=Origin, default=Origin.PURCHASE)
    acquired_on = models.DateField("取得日期")
    original_value = models.DecimalField("原值（元）", max_digits=16, decimal_places=2)
    nominal = models.BooleanField("名义金额", default=False)
    depreciation_kind = models.CharField("折旧类别", max_length=24, choices=DepreciationKind)
    method = models.CharField("折旧方法", max_length=12, choices=Method, default=Method.STRAIGHT)
    term_from = models.DateField("折旧起始月")
    term_months = models.PositiveIntegerField("折旧月数", default=0)
    term_base = models.DecimalField("应计折旧额（元）", max_digits=16, decimal_places=2, default=0)
    term_before = models.DecimalField("以前累计折旧（元）", max_digits=16, decimal_places=2, default=0)
    user_unit = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="使用处室"
    )
    custodian = models.ForeignKey(
        "orgs.Person", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="保管人"
    )
    place = models.CharField("存放地点", max_length=100, blank=True)
    supplier = models.CharField("供应商", max_length=80, blank=True)
    voucher_no = models.CharField("会计凭证号", max_length=40, blank=True)
    title = models.ForeignKey(
        TitleRegistration, models.PROTECT, null=True, blank=True, related_name="assets", verbose_name="产权登记"
    )
    disposed_on = models.DateField("处置日期", null=True, blank=True, editable=False)
    disposal_kind = models.CharField("处置方式", max_length=16, choices=DisposalKind, blank=True, editable=False)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "资产"
        ordering = ["code"]
        indexes = [
            models.Index(fields=["scope_pos", "state"], name="assets_asset_scope"),
            models.Index(fields=["-created_at", "-id"], name="assets_asset_recent"),
            models.Index(fields=["scope_pos", "top_class"], name="assets_asset_class"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(original_value__gte=0, term_base__gte=0, term_before__gte=0), name="assets_asset_values"
            ),
            models.CheckConstraint(
                condition=Q(original_value__gte=F("term_base") + F("term_before")), name="assets_asset_written_off"
            ),
            models.CheckConstraint(condition=~Q(method="straight") | Q(term_months__gt=0), name="assets_asset_term"),
            models.CheckConstraint(
                condition=Q(state="disposed", disposed_on__isnull=False) | (~Q(state="disposed") & Q(disposed_on=None)),
                name="assets_asset_disposed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
