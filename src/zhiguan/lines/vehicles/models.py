"""Tables of official vehicles. Distances in metres, odometers in kilometres, prices in yuan, positions WGS84."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField
from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from . import lifecycle
from .codes import Body, Energy, LicenceClass, Match, OrderKind, VehicleKind

AREA = "vehicles"


class VehicleQuota(LedgerRecord):
    """车辆编制: how many vehicles of a kind an organ may have, between two dates, by which document."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.QUOTA
    kind = models.CharField("车辆种类", max_length=24, choices=VehicleKind)
    quota = models.PositiveIntegerField("编制数")
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)
    document_no = models.CharField("批准文号", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "车辆编制"
        ordering = ["scope_pos", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "kind"], condition=Q(state="active", valid_to__isnull=True), name="vehicles_quota_one"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="vehicles_quota_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.get_kind_display()} {self.quota} 辆"


class ParkingPlace(LedgerRecord):
    """停放地点: where a vehicle has to be when it is not in use. ``radius_m`` is the yard's own extent."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.PLACE
    name = models.CharField("名称", max_length=80)
    address = models.CharField("地址", max_length=200, blank=True)
    lat = models.FloatField("纬度")
    lon = models.FloatField("经度")
    radius_m = models.PositiveIntegerField("场地半径（米）", default=50)

    class Meta:
        verbose_name = verbose_name_plural = "停放地点"
        ordering = ["scope_pos", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180), name="vehicles_place_on_earth"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Vehicle(LedgerRecord):
    """公务用车: one plated vehicle on a unit's books."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.VEHICLE
    plate = models.CharField("车牌号", max_length=12, unique=True)
    kind = models.CharField("车辆种类", max_length=24, choices=VehicleKind)
    body = models.CharField("车型", max_length=16, choices=Body, default=Body.SEDAN)
    brand_model = models.CharField("品牌型号", max_length=80)
    vin = models.CharField("车辆识别代号", max_length=17, unique=True, null=True, blank=True)
    energy = models.CharField("能源类型", max_length=16, choices=Energy, default=Energy.PETROL)
    displacement_l = models.DecimalField("排气量（升）", max_digits=3, decimal_places=1, null=True, blank=True)
    price_yuan = models.DecimalField("购置价格（元）", max_digits=12, decimal_places=2)
    seats = models.PositiveSmallIntegerField("核定载客", default=5)
    bought_on = models.DateField("购置日期")
    registered_on = models.DateField("注册登记日期", null=True, blank=True)
    place = models.ForeignKey(
        ParkingPlace, models.PROTECT, null=True, blank=True, related_name="vehicles", verbose_name="停放地点"
    )
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "公务用车"
        ordering = ["plate"]
        indexes = [
            models.Index(fields=["scope_pos", "state"], name="vehicles_vehicle_scope"),
            models.Index(fields=["-created_at", "-id"], name="vehicles_vehicle_recent"),
            models.Index(fields=["plate"], name="vehicles_vehicle_plate", opclasses=["varchar_pattern_ops"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price_yuan__gte=0), name="vehicles_vehicle_price"),
        ]

    def __str__(self) -> str:
        return self.plate


class Terminal(LedgerRecord):
    """卫星定位终端: a device in one vehicle, from ``installed_at`` (None: ever since) until ``removed_at``.

    A device that moves to another vehicle gets a row of its own there, so that every position belongs to the vehicle
    it was in. ``source`` is the device's registration with the telemetry gateway.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.TERMINAL
    number = models.CharField("终端手机号", max_length=20)
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="terminals", verbose_name="安装车辆"
    )
    source = models.ForeignKey(
        "telemetry.Source", models.PROTECT, related_name="+", verbose_name="数据终端", editable=False
    )
    maker = models.CharField("制造商", max_length=40, blank=True)
    model = models.CharField("型号", max_length=40, blank=True)
    installed_on = models.DateField("安装日期", null=True, blank=True)
    installed_at = models.DateTimeField("定位数据起始时间", null=True, editable=False)
    removed_at = models.DateTimeField("拆除时间", null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "定位终端"
        ordering = ["number"]
        indexes = [models.Index(fields=["number"], name="vehicles_terminal_number")]
        constraints = [
            models.UniqueConstraint(fields=["vehicle"], condition=Q(state="active"), name="vehicles_terminal_one"),
            models.UniqueConstraint(fields=["source"], condition=Q(state="active"), name="vehicles_terminal_source"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(installed_at__isnull=True)
                | Q(removed_at__gte=F("installed_at")),
                name="vehicles_terminal_period",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Driver(LedgerRecord):
    """驾驶员: a person who may drive official vehicles. The licence number stays out of snapshots."""

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.DRIVER
    private_fields = ("licence_no",)
    person = models.OneToOneField("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    licence_no = models.CharField("驾驶证号", max_length=20, blank=True)
    licence_class = models.CharField("准驾车型", max_length=4, choices=LicenceClass, default=LicenceClass.C1)
    licence_expires_on = models.DateField("驾驶证有效期至", null=True, blank=True)
    phone = models.CharField("联系电话", max_length=20, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "驾驶员"
        ordering = ["scope_pos", "id"]

    def __str__(self) -> str:
        return self.person.name


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
            models.Index(fields=["-start_at", "-id"], name="vehicles_trip_recent"),
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
