"""The size of premises an organ is approved for. Areas in square metres."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord

from .. import lifecycle
from ..codes import HeightClass, OrganLevel
from .area import OF_UNIT

AREA_FIELD = {"max_digits": 12, "decimal_places": 2}


class OrganSize(LedgerRecord):
    """核定规模: how much an organ may have from a day on; ``working`` is the computation, line by line, as JSON.

    ``computed_area`` is what the standard gives, ``approved_area`` what was decided (both gross floor area);
    ``landlord`` is whom premises are leased from where the size was approved for a lease. ``basic_area`` is the usable
    area of offices, service and equipment rooms that follows from the computation.
    """

    row_rule = OF_UNIT
    lifecycle = lifecycle.ORGAN_SIZE
    level = models.CharField("面积标准级别", max_length=12, choices=OrganLevel)
    height_class = models.CharField("层数类别", max_length=12, choices=HeightClass)
    posts = models.PositiveIntegerField("编制定员")
    staffing = models.JSONField("按职务层次的人数", default=dict)
    office_area = models.DecimalField("办公室使用面积（平方米）", **AREA_FIELD)
    service_area = models.DecimalField("服务用房使用面积（平方米）", **AREA_FIELD)
    equipment_area = models.DecimalField("设备用房使用面积（平方米）", **AREA_FIELD)
    ancillary_area = models.DecimalField("附属用房建筑面积（平方米）", **AREA_FIELD)
    computed_area = models.DecimalField("测算总建筑面积（平方米）", **AREA_FIELD)
    approved_area = models.DecimalField("核定总建筑面积（平方米）", **AREA_FIELD)
    working = models.JSONField("测算过程", default=list)
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)
    landlord = models.CharField("出租方", max_length=80, blank=True)
    document_no = models.CharField("核定文号", max_length=80, blank=True)
    case_no = models.CharField("办件编号", max_length=40, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "核定规模"
        ordering = ["scope_pos", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit"], condition=Q(state="active", valid_to__isnull=True), name="space_size_one"
            ),
            models.UniqueConstraint(fields=["case_no"], condition=~Q(case_no=""), name="space_size_case"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="space_size_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.approved_area} 平方米"

    @property
    def basic_area(self) -> object:
        """Usable area of offices, service and equipment rooms."""
        return self.office_area + self.service_area + self.equipment_area
