"""What was asked about who had been near a place, and what was answered."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kit.rowscope.declare import ByPerson


class NearbySearch(models.Model):
    """车辆周边查询: which vehicles were within some metres of a place between two moments, as one account was told.

    Written once with its reason, seen only by that account: the answer was made under its scope, and holds whereabouts.
    ``result`` lists the passages: vehicle, plate, unit, first, last (UTC), metres, lat, lon, reports, moved.
    """

    row_rule = ByPerson(append_only=True)
    account_id = models.BigIntegerField("账号", editable=False)
    account_name = models.CharField("查询人", max_length=80)
    lat = models.FloatField("纬度")
    lon = models.FloatField("经度")
    radius_m = models.PositiveIntegerField("半径（米）")
    start_at = models.DateTimeField("起始时间")
    end_at = models.DateTimeField("截止时间")
    reason = models.CharField("事由", max_length=200)
    vehicles = models.PositiveIntegerField("车辆数")
    result = models.JSONField("经过情况", default=list)
    created_at = models.DateTimeField("查询时间", default=timezone.now, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "车辆周边查询"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["account_id", "-created_at"], name="vehicles_nearby_account")]
        constraints = [models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="vehicles_nearby_times")]

    def __str__(self) -> str:
        return f"{self.lat:.5f}, {self.lon:.5f} {timezone.localtime(self.start_at):%Y-%m-%d %H:%M}"
