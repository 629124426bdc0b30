"""The register: quotas, parking places, vehicles, terminals, drivers. Distances in metres, prices in yuan."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import Body, Energy, LicenceClass, Marking, Tenure, VehicleKind
from .area import AREA
from .pools import Pool, RentalContract


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


ON_BOOKS = Q(tenure=Tenure.OWN) & ~Q(state="disposed")
"""在账: the vehicles that count against establishments and are renewed. Rented ones serve a pool and do neither."""


class Vehicle(LedgerRecord):
    """公务用车: one plated vehicle on a unit's books."""

    row_rule = ByUnit(AREA, also=("pool_pos",))
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
    engine_no = models.CharField("发动机号", max_length=30, blank=True)
    certificate_no = models.CharField("登记证书编号", max_length=30, blank=True)
    special_need = models.BooleanField("确因工作需要", default=False)
    over_standard_note = models.CharField("超标准情况说明", max_length=200, blank=True)
    marking = models.CharField("标识喷涂", max_length=8, choices=Marking, default=Marking.PENDING)
    marked_on = models.DateField("喷涂日期", null=True, blank=True)
    marking_note = models.CharField("免喷涂理由", max_length=200, blank=True)
    disposed_on = models.DateField("处置日期", null=True, blank=True, editable=False)
    tenure = models.CharField("权属", max_length=8, choices=Tenure, default=Tenure.OWN)
    contract = models.ForeignKey(
        RentalContract, models.PROTECT, null=True, blank=True, related_name="vehicles", verbose_name="租赁合同"
    )
    pool = models.ForeignKey(
        Pool, models.PROTECT, null=True, blank=True, related_name="vehicles", verbose_name="用车平台"
    )
    pool_pos = models.BigIntegerField("平台的数据权限位置", null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "公务用车"
        ordering = ["plate"]
        indexes = [
            models.Index(fields=["scope_pos", "state"], name="vehicles_vehicle_scope"),
            models.Index(fields=["-created_at", "-id"], name="vehicles_vehicle_recent"),
            models.Index(fields=["pool_pos"], condition=Q(pool_pos__isnull=False), name="vehicles_vehicle_pool"),
            models.Index(fields=["plate"], name="vehicles_vehicle_plate", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["brand_model"], name="vehicles_vehicle_brand"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price_yuan__gte=0), name="vehicles_vehicle_price"),
            models.CheckConstraint(
                condition=Q(tenure=Tenure.OWN, contract__isnull=True) | Q(tenure=Tenure.RENTED, contract__isnull=False),
                name="vehicles_vehicle_tenure",
            ),
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
                condition=Q(removed_at__isnull=True)
                | Q(installed_at__isnull=True)
                | Q(removed_at__gte=F("installed_at")),
                name="vehicles_terminal_period",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Driver(LedgerRecord):
    """驾驶员: a person who may drive official vehicles. The licence number stays out of snapshots."""

    row_rule = ByUnit(AREA, persons=("person_id",), also=("pool_pos",))
    lifecycle = lifecycle.DRIVER
    private_fields = ("licence_no",)
    person = models.OneToOneField("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    licence_no = models.CharField("驾驶证号", max_length=20, blank=True)
    licence_class = models.CharField("准驾车型", max_length=4, choices=LicenceClass, default=LicenceClass.C1)
    licence_expires_on = models.DateField("驾驶证有效期至", null=True, blank=True)
    phone = models.CharField("联系电话", max_length=20, blank=True)
    licence_issued_on = models.DateField("初次领证日期", null=True, blank=True)
    medical_due_on = models.DateField("身体条件证明到期", null=True, blank=True)
    review_due_on = models.DateField("年度审验到期", null=True, blank=True)
    pool = models.ForeignKey(
        Pool, models.PROTECT, null=True, blank=True, related_name="drivers", verbose_name="用车平台"
    )
    pool_pos = models.BigIntegerField("平台的数据权限位置", null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "驾驶员"
        ordering = ["scope_pos", "id"]

    def __str__(self) -> str:
        return self.person.name
