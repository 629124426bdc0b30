"""What vehicles cost: energy records, energy cards, the ledger of costs and doubtful imports. Money in yuan, WGS84."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit, Shared

from .. import lifecycle
from ..codes import CostKind, CostSource, EnergyKind
from .area import AREA
from .register import Driver, Vehicle


class EnergyCard(LedgerRecord):
    """加油卡、充电卡: one card, bound to one vehicle (一车一卡)."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.CARD
    number = models.CharField("卡号", max_length=32, unique=True)
    kind = models.CharField("类别", max_length=8, choices=EnergyKind, default=EnergyKind.FUEL)
    issuer = models.CharField("发卡单位", max_length=60)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="cards", verbose_name="绑定车辆")
    opened_on = models.DateField("启用日期")
    expires_on = models.DateField("有效期至", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "加油充电卡"
        ordering = ["number"]
        indexes = [models.Index(fields=["vehicle", "state"], name="vehicles_card_vehicle")]

    def __str__(self) -> str:
        return self.number


class EnergyRecord(UnitScoped):
    """加油充电记录: fuel or electricity taken once. ``quantity`` in litres or kilowatt-hours.

    Its money is a :class:`CostEntry` of its own (``entry``), booked in the same act. ``voided_at`` is set when that
    entry is voided: whoever counts leaves voided records out. ``digest`` is that of the natural key.
    """

    row_rule = ByUnit(AREA)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="energy_records", verbose_name="车辆")
    at = models.DateTimeField("加油充电时间")
    kind = models.CharField("类别", max_length=8, choices=EnergyKind, default=EnergyKind.FUEL)
    quantity = models.DecimalField("数量（升或千瓦时）", max_digits=9, decimal_places=2)
    amount_yuan = models.DecimalField("金额（元）", max_digits=12, decimal_places=2)
    odometer_km = models.PositiveIntegerField("里程表（公里）", null=True, blank=True)
    station = models.CharField("站点", max_length=80, blank=True)
    lat = models.FloatField("纬度", null=True, blank=True)
    lon = models.FloatField("经度", null=True, blank=True)
    card = models.ForeignKey(
        EnergyCard, models.PROTECT, null=True, blank=True, related_name="records", verbose_name="加油充电卡"
    )
    invoice_no = models.CharField("票据号码", max_length=40, blank=True)
    source = models.CharField("来源", max_length=12, choices=CostSource, default=CostSource.MANUAL)
    digest = models.CharField("去重摘要", max_length=64, unique=True, editable=False)
    voided_at = models.DateTimeField("冲销时间", null=True, blank=True, editable=False)
    created_at = models.DateTimeField("登记时间", default=timezone.now, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "加油充电记录"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-at"], name="vehicles_energy_vehicle"),
            models.Index(fields=["scope_pos", "-at"], name="vehicles_energy_scope"),
            models.Index(fields=["-at", "-id"], name="vehicles_energy_recent"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0, amount_yuan__gte=0), name="vehicles_energy_amounts"),
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {timezone.localtime(self.at):%Y-%m-%d %H:%M}"


class CostEntry(LedgerRecord):
    """车辆费用: one sum spent on one vehicle. ``unit`` is the vehicle's when it was booked.

    ``origin_type`` and ``origin_id`` name the row it follows from (a policy, a repair); such entries are booked and
    voided with that row. ``digest`` is that of the natural key; a voided entry gives it free, so that the right sum can
    be booked.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.COST
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="costs", verbose_name="车辆")
    kind = models.CharField("费用类别", max_length=16, choices=CostKind)
    spent_on = models.DateField("发生日期")
    amount_yuan = models.DecimalField("金额（元）", max_digits=12, decimal_places=2)
    payee = models.CharField("收款单位", max_length=80, blank=True)
    item = models.CharField("费用事项", max_length=120, blank=True)
    invoice_no = models.CharField("票据号码", max_length=40, blank=True)
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="costs", verbose_name="驾驶员"
    )
    energy = models.OneToOneField(
        EnergyRecord, models.PROTECT, null=True, blank=True, related_name="entry", verbose_name="加油充电记录"
    )
    source = models.CharField("来源", max_length=12, choices=CostSource, default=CostSource.MANUAL)
    batch = models.CharField("导入批次", max_length=40, blank=True)
    origin_type = models.CharField("来源事项类别", max_length=60, blank=True, editable=False)
    origin_id = models.BigIntegerField("来源事项编号", null=True, blank=True, editable=False)
    digest = models.CharField("去重摘要", max_length=64, unique=True, editable=False)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "车辆费用"
        ordering = ["-spent_on", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-spent_on"], name="vehicles_cost_vehicle"),
            models.Index(fields=["scope_pos", "-spent_on"], name="vehicles_cost_scope"),
            models.Index(fields=["-spent_on", "-id"], name="vehicles_cost_recent"),
            models.Index(fields=["origin_type", "origin_id"], name="vehicles_cost_origin"),
        ]
        constraints = [models.CheckConstraint(condition=Q(amount_yuan__gte=0), name="vehicles_cost_amount")]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.get_kind_display()} {self.spent_on} {self.amount_yuan} 元"


class CostDoubt(LedgerRecord):
    """疑似重复费用: an imported row so like a booked entry that a person has to say whether it is the same.

    ``values`` are the row as JSON, ready to be booked; ``alike`` is the entry it resembles. Nothing is counted before
    it was decided.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.DOUBT
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="+", verbose_name="车辆")
    kind = models.CharField("费用类别", max_length=16, choices=CostKind)
    spent_on = models.DateField("发生日期")
    amount_yuan = models.DecimalField("金额（元）", max_digits=12, decimal_places=2)
    alike = models.ForeignKey(CostEntry, models.PROTECT, related_name="+", verbose_name="相似的已登记费用")
    why = models.CharField("疑点", max_length=120)
    values = models.JSONField("导入内容", editable=False)
    batch = models.CharField("导入批次", max_length=40, blank=True)
    digest = models.CharField("去重摘要", max_length=64, unique=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "疑似重复费用"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["state", "scope_pos"], name="vehicles_doubt_state")]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.get_kind_display()} {self.amount_yuan} 元"


class StatementProfile(models.Model):
    """对账单格式: which column of a card company's statement means what. ``columns`` maps field names to headings."""

    row_rule = Shared("the layout of a company's statement file, the same for whoever imports one")
    name = models.CharField("名称", max_length=60, unique=True)
    company = models.CharField("发卡单位", max_length=60)
    kind = models.CharField("类别", max_length=8, choices=EnergyKind, default=EnergyKind.FUEL)
    columns = models.JSONField("列对应")
    active = models.BooleanField("启用", default=True)
    version = models.IntegerField("版本", default=1)
    updated_at = models.DateTimeField("更新时间", default=timezone.now, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "对账单格式"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
