"""What is computed from positions: trips, stops, vehicle days. Distances in metres, positions WGS84."""

from __future__ import annotations

from django.db import models

from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from ..codes import Match
from .area import AREA
from .orders import DispatchOrder
from .register import Vehicle


class Trip(UnitScoped):
    """行程: one drive of a vehicle, computed from positions and replaced when its day is computed again."""

    row_rule = ByUnit(AREA)
    vehicle = models.ForeignKey(Vehicle, models.CASCADE, related_name="trips", verbose_name="车辆")
    day = models.DateField("日期")
    start_at = models.DateTimeField("出发时间")
    end_at = models.DateTimeField("到达时间")
    start_lat = models.FloatField("起点纬度")
    start_lon = models.FloatField("起点经度")
    end_lat = models.FloatField("终点纬度")
    end_lon = models.FloatField("终点经度")
    distance_m = models.FloatField("里程（米）")
    point_count = models.PositiveIntegerField("定位点数")
    max_speed_kmh = models.FloatField("最高速度（公里/小时）")
    order = models.ForeignKey(
        DispatchOrder, models.SET_NULL, null=True, blank=True, related_name="trips", verbose_name="派车单"
    )
    match = models.CharField("匹配结果", max_length=16, choices=Match, default=Match.NO_ORDER)

    class Meta:
        verbose_name = verbose_name_plural = "行程"
        ordering = ["-start_at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "day"], name="vehicles_trip_day"),
            models.Index(fields=["scope_pos", "-start_at"], name="vehicles_trip_scope"),
            # The list's own order: by moments it would tell when a trip was that is kept private.
            models.Index(fields=["-day", "vehicle", "-start_at", "-id"], name="vehicles_trip_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.start_at:%Y-%m-%d %H:%M}"


class Stop(UnitScoped):
    """停留: one stay of a vehicle, computed from positions."""

    row_rule = ByUnit(AREA)
    vehicle = models.ForeignKey(Vehicle, models.CASCADE, related_name="stops", verbose_name="车辆")
    day = models.DateField("日期")
    start_at = models.DateTimeField("开始时间")
    end_at = models.DateTimeField("结束时间")
    lat = models.FloatField("纬度")
    lon = models.FloatField("经度")
    radius_m = models.FloatField("范围（米）")
    at_place = models.BooleanField("在停放地点", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "停留"
        ordering = ["-start_at", "-id"]
        indexes = [models.Index(fields=["vehicle", "day"], name="vehicles_stop_day")]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.start_at:%Y-%m-%d %H:%M}"


class OrderMatch(UnitScoped):
    """派车核对: what became of one dispatch order, seen from its trips; computed again with them.

    ``outcome`` is the worst of its trips' matches, or ``no_trip``: the order's time is over, the vehicle's terminal
    reported meanwhile, and it was not driven. ``direct_m`` is the straight way from the first trip's start by the
    destination to the last trip's end; empty without a destination's position.
    """

    row_rule = ByUnit(AREA)
    order = models.OneToOneField(DispatchOrder, models.CASCADE, related_name="matched", verbose_name="派车单")
    vehicle = models.ForeignKey(Vehicle, models.CASCADE, related_name="+", verbose_name="车辆")
    day = models.DateField("日期")
    outcome = models.CharField("核对结果", max_length=16, choices=Match)
    trips = models.PositiveIntegerField("行程数")
    distance_m = models.FloatField("里程（米）")
    direct_m = models.FloatField("直线里程（米）", null=True)
    first_at = models.DateTimeField("首次出发", null=True)
    last_at = models.DateTimeField("末次到达", null=True)
    computed_at = models.DateTimeField("计算时间")

    class Meta:
        verbose_name = verbose_name_plural = "派车核对"
        ordering = ["-day", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "day"], name="vehicles_match_day"),
            models.Index(fields=["outcome", "-day"], name="vehicles_match_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.get_outcome_display()}"


class VehicleDay(UnitScoped):
    """车日: what one vehicle did on one day; the base of mileage and use metrics."""

    row_rule = ByUnit(AREA)
    vehicle = models.ForeignKey(Vehicle, models.CASCADE, related_name="days", verbose_name="车辆")
    day = models.DateField("日期")
    points = models.PositiveIntegerField("定位点数")
    dropped = models.PositiveIntegerField("剔除点数", default=0)
    trips = models.PositiveIntegerField("行程数")
    distance_m = models.FloatField("里程（米）")
    driving_s = models.FloatField("行驶时长（秒）")
    first_at = models.DateTimeField("首点时间", null=True)
    last_at = models.DateTimeField("末点时间", null=True)
    computed_at = models.DateTimeField("计算时间")
    judged_at = models.DateTimeField("规则判定时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "车日"
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["vehicle", "day"], name="vehicles_day_once")]
        indexes = [models.Index(fields=["day", "scope_pos"], name="vehicles_day_scope")]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.day}"
