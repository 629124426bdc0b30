"""Whose vehicle it is in practice, and who was let see where it was off duty."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import Holding
from .area import AREA
from .register import Vehicle


class VehicleHolder(LedgerRecord):
    """固定使用人: the person a vehicle is assigned to, or whose duty it is to drive it, between two dates.

    Where such a vehicle is outside duty hours says where that person is: it is shown as moved or not moved only.
    """

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.HOLDER
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="holders", verbose_name="车辆")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    holding = models.CharField("使用方式", max_length=12, choices=Holding)
    document_no = models.CharField("批准文号", max_length=80, blank=True)
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "固定使用人"
        ordering = ["-valid_from", "-id"]
        indexes = [models.Index(fields=["vehicle", "state"], name="vehicles_holder_vehicle")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="vehicles_holder_dates"
            )
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.person.name}"


class PrivacyLift(UnitScoped):
    """解除隐私保护: one account may see one vehicle's positions of ``[day_from, day_to]`` off duty, until ``expires_at``.

    Written with its reason and never changed.
    """

    row_rule = ByUnit(AREA, append_only=True)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="lifts", verbose_name="车辆")
    account_id = models.BigIntegerField("账号", editable=False)
    account_name = models.CharField("查看人", max_length=80)
    day_from = models.DateField("起始日期")
    day_to = models.DateField("截止日期")
    reason = models.CharField("事由", max_length=200)
    created_at = models.DateTimeField("解除时间", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("失效时间")

    class Meta:
        verbose_name = verbose_name_plural = "解除隐私保护"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["account_id", "expires_at"], name="vehicles_lift_account")]
        constraints = [
            models.CheckConstraint(condition=Q(day_to__gte=F("day_from")), name="vehicles_lift_days"),
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.day_from} {self.account_name}"
