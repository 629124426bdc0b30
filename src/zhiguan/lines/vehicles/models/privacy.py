"""Whose vehicle it is in practice, and who was let see where it was off duty."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
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


class PrivacyLift(LedgerRecord):
    """解除隐私保护: one account may see one vehicle's positions of ``[day_from, day_to]`` off duty, until ``expires_at``.

    Applied for by one person, decided by another; in force only when ``approved``, for ``hours`` from the decision.
    ``expires_at`` is compared with the clock at every look: nothing has to run for it to end. ``person_ids`` are those
    whose whereabouts these are, the vehicle's holders on the days: they see the row when it is over, and its ``plate``,
    though they may not see the vehicle.
    """

    row_rule = ByUnit(AREA, crowds=("person_ids",))
    lifecycle = lifecycle.LIFT
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="lifts", verbose_name="车辆")
    plate = models.CharField("车牌号", max_length=12)
    account_id = models.BigIntegerField("申请人账号", editable=False)
    account_name = models.CharField("申请人", max_length=80)
    applicant_person_id = models.BigIntegerField("申请人员", null=True, blank=True, editable=False)
    day_from = models.DateField("起始日期")
    day_to = models.DateField("截止日期")
    hours = models.PositiveSmallIntegerField("查看时限（小时）")
    reason = models.CharField("事由", max_length=200)
    decided_by_id = models.BigIntegerField("审批人账号", null=True, blank=True, editable=False)
    decided_by = models.CharField("审批人", max_length=80, blank=True)
    decided_at = models.DateTimeField("审批时间", null=True, blank=True)
    opinion = models.CharField("审批意见", max_length=200, blank=True)
    expires_at = models.DateTimeField("失效时间", null=True, blank=True)
    person_ids = ArrayField(models.BigIntegerField(), default=list, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "解除隐私保护"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account_id", "expires_at"], name="vehicles_lift_account"),
            GinIndex(fields=["person_ids"], name="vehicles_lift_persons"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(day_to__gte=F("day_from")), name="vehicles_lift_days"),
            models.CheckConstraint(
                condition=Q(decided_by_id__isnull=True) | ~Q(decided_by_id=F("account_id")), name="vehicles_lift_two_people"
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | Q(decided_by_id__isnull=False, decided_at__isnull=False, expires_at__isnull=False),
                name="vehicles_lift_decided",
            ),
            models.UniqueConstraint(
                fields=["account_id", "vehicle"], condition=Q(state="applied"), name="vehicles_lift_asked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.day_from} {self.account_name}"
