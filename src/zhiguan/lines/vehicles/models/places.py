"""Places that rules ask about: sensitive ones, areas within which vehicles may be driven. Metres, WGS84."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.geo.declare import CircleFence, Geofence
from zhiguan.kernel.geo.service import parse_geofence
from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import PlaceKind
from .area import AREA
from .register import Vehicle


class SensitivePlace(LedgerRecord):
    """敏感场所: where an official journey has no business unless it is the order's destination.

    ``fence`` is a GeoJSON polygon as ``geo.parse_geofence`` reads it; without one the place is a circle of
    ``radius_m`` around its point. ``unit`` keeps the row; vehicles of all units are compared with it.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.SENSITIVE
    kind = models.CharField("场所类别", max_length=12, choices=PlaceKind)
    name = models.CharField("名称", max_length=80)
    address = models.CharField("地址", max_length=200, blank=True)
    lat = models.FloatField("纬度")
    lon = models.FloatField("经度")
    radius_m = models.PositiveIntegerField("半径（米）", default=100)
    fence = models.JSONField("范围", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "敏感场所"
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "name", "lat", "lon"], name="vehicles_sensitive_once"),
            models.CheckConstraint(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180), name="vehicles_sensitive_on_earth"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def geofence(self) -> Geofence:
        """The place as an area."""
        return parse_geofence(self.fence) if self.fence else CircleFence(self.lat, self.lon, float(self.radius_m))


class PermittedArea(LedgerRecord):
    """允许行驶区域: where the vehicles of ``unit`` and below, or one ``vehicle``, may be driven without further ado.

    Of several areas that hold for a vehicle, being inside one is enough; a vehicle's own areas replace its organ's, and
    an organ's replace those of the organs above it. Without any area nothing is judged.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.PERMITTED
    name = models.CharField("名称", max_length=80)
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="areas", verbose_name="适用车辆"
    )
    fence = models.JSONField("范围")
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "允许行驶区域"
        ordering = ["scope_pos", "name"]
        indexes = [models.Index(fields=["state", "scope_pos"], name="vehicles_permitted_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="vehicles_permitted_dates"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def geofence(self) -> Geofence:
        """The area as the kernel reads it."""
        return parse_geofence(self.fence)
