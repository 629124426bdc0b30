"""Housing records of persons, what they enjoyed before, and their allowances. Areas 建筑面积 in m², money in yuan.

All of it is sensitive: a row is seen by those whose permission reaches the person's unit, and by the person. Addresses
and wages stay out of snapshots, lists and the API; the detail page shows them to those who may, and notes it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from . import lifecycle
from .codes import AllowanceKind, BenefitKind, HousingKind

AREA = "housing"
METRES = {"max_digits": 8, "decimal_places": 2}
YUAN = {"max_digits": 14, "decimal_places": 2}


class HousingRecord(LedgerRecord):
    """住房档案: what a person declared; ``unit`` is where they serve. One a person."""

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.RECORD
    private_fields = ("address", "wage_1998_yuan")
    person = models.OneToOneField("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    employed_on = models.DateField("参加工作日期")
    fund_years = models.PositiveSmallIntegerField("建立住房公积金前工龄（年）", default=0)
    housing = models.CharField("现住房情况", max_length=16, choices=HousingKind)
    area_m2 = models.DecimalField("现住房建筑面积（平方米）", default=0, **METRES)
    address = models.CharField("现住房坐落", max_length=200, blank=True)
    bought_on = models.DateField("取得日期", null=True, blank=True)
    spouse_benefited = models.BooleanField("配偶已享受购房政策", default=False)
    spouse_area_m2 = models.DecimalField("配偶享受政策住房建筑面积（平方米）", default=0, **METRES)
    wage_1998_yuan = models.DecimalField("1998 年月均标准工资（元）", null=True, blank=True, **YUAN)
    declared_on = models.DateField("申报日期")
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "住房档案"
        ordering = ["scope_pos", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(area_m2__gte=0, spouse_area_m2__gte=0), name="housing_record_areas"),
            models.CheckConstraint(
                condition=Q(housing="none", area_m2=0) | ~Q(housing="none"), name="housing_record_none"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} 住房档案"


class HousingBenefit(LedgerRecord):
    """已享受政策: housing bought by policy, or a sum received, before or here."""

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.BENEFIT
    record = models.ForeignKey(HousingRecord, models.PROTECT, related_name="benefits", verbose_name="住房档案")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    kind = models.CharField("政策种类", max_length=12, choices=BenefitKind)
    enjoyed_on = models.DateField("享受日期")
    area_m2 = models.DecimalField("建筑面积（平方米）", null=True, blank=True, **METRES)
    amount_yuan = models.DecimalField("金额（元）", null=True, blank=True, **YUAN)
    document_no = models.CharField("批准文号", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "已享受政策"
        ordering = ["-enjoyed_on", "-id"]

    def __str__(self) -> str:
        return f"{self.person} {self.get_kind_display()}"


class AllowanceRecord(LedgerRecord):
    """住房补贴: one allowance decided for a person; ``working`` is the computation, line by line, as JSON.

    ``amount_yuan`` is a month's for kinds paid by month, else the whole. ``grade`` is the 职务层次 it was decided by.
    """

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.ALLOWANCE
    record = models.ForeignKey(HousingRecord, models.PROTECT, related_name="allowances", verbose_name="住房档案")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    kind = models.CharField("补贴种类", max_length=12, choices=AllowanceKind)
    grade = models.CharField("职务层次", max_length=16)
    amount_yuan = models.DecimalField("补贴金额（元）", **YUAN)
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)
    working = models.JSONField("核定过程", default=list)
    document_no = models.CharField("核定文号", max_length=80, blank=True)
    case_no = models.CharField("办件编号", max_length=40, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "住房补贴"
        ordering = ["-valid_from", "-id"]
        indexes = [models.Index(fields=["kind", "state"], name="housing_allowance_kind")]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "kind"], condition=Q(state__in=["approved", "paying", "suspended"]),
                name="housing_allowance_one",
            ),
            models.UniqueConstraint(
                fields=["case_no", "person", "kind"], condition=~Q(case_no=""), name="housing_allowance_case"
            ),
            models.CheckConstraint(condition=Q(amount_yuan__gt=0), name="housing_allowance_amount"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="housing_allowance_dates"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.person} {self.get_kind_display()}"

    @property
    def by_month(self) -> bool:
        """Whether it is paid each month."""
        return self.kind in ("rent", "monthly")
