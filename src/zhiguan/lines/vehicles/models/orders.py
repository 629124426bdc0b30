"""Dispatch orders. Odometers in kilometres, positions WGS84."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField
from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import OrderKind
from .area import AREA
from .register import Driver, Vehicle


class DispatchOrder(LedgerRecord):
    """派车单, from the request on. ``unit`` is the requester's organ.

    ``vehicle_busy`` and ``driver_busy`` put vehicle (or driver) and time into one integer range, key × 2³² + minutes
    since 1970, so that PostgreSQL itself excludes double booking without an extension.
    """

    row_rule = ByUnit(AREA, persons=("requester_id", "driver_person_id"))
    lifecycle = lifecycle.ORDER
    code = models.CharField("单号", max_length=20, unique=True)
    kind = models.CharField("用车类别", max_length=16, choices=OrderKind, default=OrderKind.ORDINARY)
    requester = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="申请人")
    purpose = models.CharField("用车事由", max_length=200)
    passengers = models.CharField("乘车人", max_length=200, blank=True)
    passenger_count = models.PositiveSmallIntegerField("乘车人数", default=1)
    origin = models.CharField("上车地点", max_length=120)
    destination = models.CharField("目的地", max_length=120)
    destination_lat = models.FloatField("目的地纬度", null=True, blank=True)
    destination_lon = models.FloatField("目的地经度", null=True, blank=True)
    planned_from = models.DateTimeField("计划用车时间")
    planned_to = models.DateTimeField("计划结束时间")
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="orders", verbose_name="车辆"
    )
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="orders", verbose_name="驾驶员"
    )
    driver_person_id = models.BigIntegerField("驾驶员人员号", null=True, blank=True, editable=False)
    vehicle_busy = BigIntegerRangeField(null=True, blank=True, editable=False)
    driver_busy = BigIntegerRangeField(null=True, blank=True, editable=False)
    approved_by = models.CharField("审批人", max_length=80, blank=True)
    dispatched_by = models.CharField("派车人", max_length=80, blank=True)
    started_at = models.DateTimeField("出车时间", null=True, blank=True)
    ended_at = models.DateTimeField("收车时间", null=True, blank=True)
    odometer_start_km = models.PositiveIntegerField("出车里程表（公里）", null=True, blank=True)
    odometer_end_km = models.PositiveIntegerField("收车里程表（公里）", null=True, blank=True)
    rating = models.PositiveSmallIntegerField("评价", null=True, blank=True)
    rating_note = models.CharField("评价意见", max_length=200, blank=True)
    trip_count = models.PositiveIntegerField("匹配行程数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "派车单"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="vehicles_order_recent"),
            models.Index(fields=["scope_pos", "-created_at"], name="vehicles_order_scope"),
            models.Index(fields=["state", "-created_at"], name="vehicles_order_state"),
            models.Index(fields=["requester", "-created_at"], name="vehicles_order_requester"),
            models.Index(fields=["driver_person_id", "-created_at"], name="vehicles_order_driver"),
            models.Index(fields=["vehicle", "planned_from"], name="vehicles_order_vehicle"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(planned_to__gt=F("planned_from")), name="vehicles_order_times"),
            models.CheckConstraint(
                condition=Q(odometer_end_km__isnull=True) | Q(odometer_end_km__gte=F("odometer_start_km")),
                name="vehicles_order_odometer",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5), name="vehicles_order_rating"
            ),
            ExclusionConstraint(name="vehicles_order_vehicle_once", expressions=[("vehicle_busy", "&&")]),
            ExclusionConstraint(name="vehicles_order_driver_once", expressions=[("driver_busy", "&&")]),
        ]

    def __str__(self) -> str:
        return self.code
