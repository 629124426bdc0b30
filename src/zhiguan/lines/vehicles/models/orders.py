"""Dispatch orders. Odometers in kilometres, positions WGS84."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import Body, Level, OrderKind, PurposeClass, Ratified, Shape
from .area import AREA
from .pools import Pool
from .register import Driver, Vehicle


class DispatchOrder(LedgerRecord):
    """派车单, from the request on. ``unit`` is the requester's organ.

    ``vehicle_busy`` and ``driver_busy`` put vehicle (or driver) and time into one integer range, key × 2³² + minutes
    since 1970, so that PostgreSQL itself excludes double booking without an extension.

    ``server_pos`` is the position of the pool an order was sent to: its dispatchers see the order, too. ``plate``,
    ``driver_name`` and ``driver_phone`` are copied at dispatch, for those who see the order but not the vehicle.
    ``party`` holds the passengers as {person, name, unit}; ``stops`` the places on the way as {name, lat, lon}.
    ``host`` is the order whose car this one shares; such an order binds no vehicle of its own.
    """

    row_rule = ByUnit(
        AREA, persons=("requester_id", "driver_person_id"), also=("server_pos",), crowds=("passenger_ids",)
    )
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

    purpose_class = models.CharField("事由类别", max_length=16, choices=PurposeClass, blank=True)
    shape = models.CharField("行程方式", max_length=8, choices=Shape, default=Shape.ROUND)
    outside_city = models.BooleanField("跨市", default=False)
    body_wanted = models.CharField("所需车型", max_length=16, choices=Body, blank=True)
    origin_lat = models.FloatField("上车地点纬度", null=True, blank=True)
    origin_lon = models.FloatField("上车地点经度", null=True, blank=True)
    stops = models.JSONField("途经地点", default=list, blank=True)
    party = models.JSONField("乘车人名单", default=list, blank=True)
    passenger_ids = ArrayField(models.BigIntegerField(), default=list, blank=True, editable=False)
    series = models.CharField("重复用车批次", max_length=32, blank=True, editable=False)

    approval_level = models.CharField("审批层级", max_length=12, choices=Level, default=Level.SECTION)
    approval_reasons = models.JSONField("审批层级依据", default=list, blank=True)
    approved_at = models.DateTimeField("批准时间", null=True, blank=True)
    ratify_by_on = models.DateField("补批期限", null=True, blank=True)
    ratified = models.CharField("补批结果", max_length=8, choices=Ratified, blank=True)
    ratified_at = models.DateTimeField("补批时间", null=True, blank=True)
    ratified_by = models.CharField("补批人", max_length=80, blank=True)

    pool = models.ForeignKey(
        Pool, models.PROTECT, null=True, blank=True, related_name="orders", verbose_name="调派平台"
    )
    server_pos = models.BigIntegerField("调派平台的数据权限位置", null=True, editable=False)
    host = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="riders", verbose_name="拼入的派车单"
    )
    plate = models.CharField("派车车牌号", max_length=12, blank=True)
    driver_name = models.CharField("派车驾驶员", max_length=50, blank=True)
    driver_phone = models.CharField("驾驶员电话", max_length=20, blank=True)
    dispatched_at = models.DateTimeField("派车时间", null=True, blank=True)
    accepted_at = models.DateTimeField("接单时间", null=True, blank=True)
    arrived_at = models.DateTimeField("到达上车点时间", null=True, blank=True)
    parked_at_place = models.CharField("收车停放地点", max_length=120, blank=True)
    confirmed_at = models.DateTimeField("乘车确认时间", null=True, blank=True)
    confirmed_by = models.CharField("确认人", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "派车单"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="vehicles_order_recent"),
            models.Index(fields=["-planned_from", "-id"], name="vehicles_order_planned"),
            models.Index(fields=["scope_pos", "-created_at"], name="vehicles_order_scope"),
            models.Index(fields=["state", "-created_at"], name="vehicles_order_state"),
            models.Index(fields=["requester", "-created_at"], name="vehicles_order_requester"),
            models.Index(fields=["driver_person_id", "-created_at"], name="vehicles_order_driver"),
            models.Index(fields=["vehicle", "planned_from"], name="vehicles_order_vehicle"),
            models.Index(fields=["plate"], name="vehicles_order_plate"),
            models.Index(
                fields=["server_pos", "-created_at"],
                condition=Q(server_pos__isnull=False),
                name="vehicles_order_server",
            ),
            models.Index(
                fields=["ratify_by_on"],
                condition=Q(ratify_by_on__isnull=False, ratified=""),
                name="vehicles_order_ratify",
            ),
            GinIndex(fields=["passenger_ids"], name="vehicles_order_passengers"),
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

    @property
    def settled_in(self) -> bool:
        """Whether a settlement counts this order."""
        return getattr(self, "settled", None) is not None
