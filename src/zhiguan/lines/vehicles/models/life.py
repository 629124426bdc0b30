"""The papers, upkeep and mishaps of vehicles. Money in yuan, odometers in kilometres."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit, Shared

from .. import lifecycle
from ..codes import (
    ClaimKind,
    DueKind,
    Energy,
    InspectionKind,
    InsuranceKind,
    Liability,
    UpkeepKind,
    VehicleKind,
)
from .area import AREA
from .orders import DispatchOrder
from .register import Driver, Vehicle


class InsurancePolicy(LedgerRecord):
    """保险单: one policy of one vehicle, in force on the days from ``valid_from`` to ``valid_to``, both included."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.POLICY
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="policies", verbose_name="车辆")
    kind = models.CharField("险种", max_length=12, choices=InsuranceKind)
    insurer = models.CharField("保险公司", max_length=60)
    number = models.CharField("保险单号", max_length=40, unique=True)
    valid_from = models.DateField("起保日期")
    valid_to = models.DateField("到期日期")
    premium_yuan = models.DecimalField("保险费（元）", max_digits=12, decimal_places=2)
    cover = models.CharField("投保项目", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "保险单"
        ordering = ["-valid_to", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "kind", "-valid_to"], name="vehicles_policy_vehicle"),
            models.Index(fields=["scope_pos", "-valid_to"], name="vehicles_policy_scope"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__gt=F("valid_from"), premium_yuan__gte=0), name="vehicles_policy_sound"
            )
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.get_kind_display()} {self.number}"


class Inspection(LedgerRecord):
    """检验记录 (年检): one inspection, and until when the mark it gave is valid."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.INSPECTION
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="inspections", verbose_name="车辆")
    kind = models.CharField("办理方式", max_length=12, choices=InspectionKind)
    inspected_on = models.DateField("检验日期")
    passed = models.BooleanField("检验合格", default=True)
    valid_to = models.DateField("检验有效期至", null=True, blank=True)
    station = models.CharField("检验机构", max_length=80, blank=True)
    fee_yuan = models.DecimalField("检验费（元）", max_digits=12, decimal_places=2, default=0)
    odometer_km = models.PositiveIntegerField("里程表（公里）", null=True, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "检验记录"
        ordering = ["-inspected_on", "-id"]
        indexes = [models.Index(fields=["vehicle", "-inspected_on"], name="vehicles_inspection_vehicle")]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.inspected_on}"


class UpkeepRule(models.Model):
    """保养周期: what vehicles of a kind, an energy or a model need after so many kilometres or months.

    Empty conditions match all; of two rules for one item the one with more conditions holds.
    """

    row_rule = Shared("the maintenance schedule of the whole fleet, the same for every organ")
    item = models.CharField("保养项目", max_length=60)
    kind = models.CharField("车辆种类", max_length=24, choices=VehicleKind, blank=True)
    energy = models.CharField("能源类型", max_length=16, choices=Energy, blank=True)
    brand_model = models.CharField("品牌型号", max_length=80, blank=True)
    every_km = models.PositiveIntegerField("里程间隔（公里）", null=True, blank=True)
    every_months = models.PositiveSmallIntegerField("时间间隔（月）", null=True, blank=True)
    basis = models.CharField("依据", max_length=120, blank=True)
    active = models.BooleanField("启用", default=True)
    version = models.IntegerField("版本", default=1)

    class Meta:
        verbose_name = verbose_name_plural = "保养周期"
        ordering = ["item", "kind", "energy", "brand_model"]
        constraints = [
            models.UniqueConstraint(fields=["item", "kind", "energy", "brand_model"], name="vehicles_upkeep_once"),
            models.CheckConstraint(
                condition=Q(every_km__gt=0) | Q(every_months__gt=0), name="vehicles_upkeep_interval"
            ),
        ]

    def __str__(self) -> str:
        return self.item


class UpkeepOrder(LedgerRecord):
    """维修保养单: one visit to the workshop, from the plan to the bill. ``rule_keys``: the schedule items it fulfils."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.UPKEEP
    code = models.CharField("单号", max_length=20, unique=True)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="upkeeps", verbose_name="车辆")
    kind = models.CharField("类别", max_length=12, choices=UpkeepKind, default=UpkeepKind.MAINTENANCE)
    rule_keys = ArrayField(models.BigIntegerField(), default=list, blank=True, verbose_name="保养周期", editable=False)
    items = models.CharField("维修保养内容", max_length=300)
    shop = models.CharField("承修单位", max_length=80, blank=True)
    planned_on = models.DateField("计划日期")
    estimate_yuan = models.DecimalField("预计费用（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    began_on = models.DateField("进厂日期", null=True, blank=True)
    done_on = models.DateField("完工日期", null=True, blank=True)
    odometer_km = models.PositiveIntegerField("里程表（公里）", null=True, blank=True)
    cost_yuan = models.DecimalField("实际费用（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    invoice_no = models.CharField("票据号码", max_length=40, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "维修保养单"
        ordering = ["-planned_on", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-planned_on"], name="vehicles_upkeep_vehicle"),
            models.Index(fields=["scope_pos", "-planned_on"], name="vehicles_upkeep_scope"),
        ]

    def __str__(self) -> str:
        return self.code


class Accident(LedgerRecord):
    """事故: one accident of a vehicle. ``order`` and ``driver`` are those of the dispatch order that covered it."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.ACCIDENT
    code = models.CharField("编号", max_length=20, unique=True)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="accidents", verbose_name="车辆")
    at = models.DateTimeField("发生时间")
    place = models.CharField("发生地点", max_length=120)
    account = models.CharField("经过", max_length=500)
    injuries = models.BooleanField("有人员伤亡", default=False)
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="accidents", verbose_name="驾驶员"
    )
    order = models.ForeignKey(
        DispatchOrder, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="派车单"
    )
    liability = models.CharField("责任认定", max_length=12, choices=Liability, blank=True)
    document_no = models.CharField("认定书编号", max_length=60, blank=True)
    damage = models.CharField("损失情况", max_length=300, blank=True)
    damage_yuan = models.DecimalField("损失金额（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    upkeep = models.ForeignKey(
        UpkeepOrder, models.PROTECT, null=True, blank=True, related_name="accidents", verbose_name="维修单"
    )
    own_cost_yuan = models.DecimalField("单位自行承担（元）", max_digits=12, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "事故"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-at"], name="vehicles_accident_vehicle"),
            models.Index(fields=["scope_pos", "-at"], name="vehicles_accident_scope"),
        ]

    def __str__(self) -> str:
        return self.code


class InsuranceClaim(LedgerRecord):
    """保险理赔: what was claimed from a policy and what was paid."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.CLAIM
    policy = models.ForeignKey(InsurancePolicy, models.PROTECT, related_name="claims", verbose_name="保险单")
    accident = models.ForeignKey(
        Accident, models.PROTECT, null=True, blank=True, related_name="claims", verbose_name="事故"
    )
    kind = models.CharField("理赔类别", max_length=12, choices=ClaimKind, default=ClaimKind.DAMAGE)
    reported_on = models.DateField("报案日期")
    report_no = models.CharField("报案号", max_length=40, blank=True)
    claimed_yuan = models.DecimalField("索赔金额（元）", max_digits=12, decimal_places=2)
    paid_yuan = models.DecimalField("赔付金额（元）", max_digits=12, decimal_places=2, null=True, blank=True)
    paid_on = models.DateField("赔付日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "保险理赔"
        ordering = ["-reported_on", "-id"]

    def __str__(self) -> str:
        return f"{self.policy.number} {self.reported_on}"


class TrafficViolation(LedgerRecord):
    """交通违法: one violation; ``order`` and ``driver`` are those of the dispatch order that covered the moment."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.VIOLATION
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="violations", verbose_name="车辆")
    at = models.DateTimeField("违法时间")
    place = models.CharField("违法地点", max_length=120)
    behaviour = models.CharField("违法行为", max_length=120)
    behaviour_code = models.CharField("违法代码", max_length=12, blank=True)
    fine_yuan = models.DecimalField("罚款（元）", max_digits=9, decimal_places=2, default=0)
    points = models.PositiveSmallIntegerField("记分", default=0)
    noticed_on = models.DateField("告知日期")
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="violations", verbose_name="驾驶员"
    )
    order = models.ForeignKey(
        DispatchOrder, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="派车单"
    )
    handled_on = models.DateField("处理日期", null=True, blank=True)
    decision_no = models.CharField("决定书编号", max_length=60, blank=True)
    paid_on = models.DateField("缴款日期", null=True, blank=True)
    payer = models.CharField("缴款人", max_length=60, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "交通违法"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-at"], name="vehicles_violation_vehicle"),
            models.Index(fields=["scope_pos", "-at"], name="vehicles_violation_scope"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["vehicle", "at", "behaviour"], name="vehicles_violation_once"),
            models.CheckConstraint(condition=Q(points__lte=12, fine_yuan__gte=0), name="vehicles_violation_sound"),
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.behaviour}"


class DueItem(UnitScoped):
    """到期事项: what falls due when, computed from papers, rules and odometers and replaced when they change.

    ``due_km`` is given where kilometres decide; ``due_on`` is then the day on which they are expected to be driven.
    """

    row_rule = ByUnit(AREA)
    key = models.CharField("标识", max_length=80, unique=True, editable=False)
    kind = models.CharField("事项", max_length=16, choices=DueKind)
    vehicle = models.ForeignKey(
        Vehicle, models.CASCADE, null=True, blank=True, related_name="dues", verbose_name="车辆"
    )
    driver = models.ForeignKey(
        Driver, models.CASCADE, null=True, blank=True, related_name="dues", verbose_name="驾驶员"
    )
    title = models.CharField("内容", max_length=120)
    due_on = models.DateField("到期日期")
    due_km = models.PositiveIntegerField("到期里程（公里）", null=True, blank=True)
    basis = models.CharField("依据", max_length=200, blank=True)
    computed_at = models.DateTimeField("计算时间")

    class Meta:
        verbose_name = verbose_name_plural = "到期事项"
        ordering = ["due_on", "id"]
        indexes = [
            models.Index(fields=["scope_pos", "due_on"], name="vehicles_due_scope"),
            models.Index(fields=["due_on", "id"], name="vehicles_due_on"),
        ]

    def __str__(self) -> str:
        return self.title
