"""What evaluation keeps: studies of a fleet with inputs and results, the year's report in its editions, parts by month."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from ..codes import StudyKind, VehicleKind
from .area import AREA
from .pools import Pool
from .register import Vehicle


class FleetStudy(LedgerRecord):
    """车队测算: one question about a fleet, asked of the orders and trips of a period, with its answer.

    ``unit`` is the nearest unit above everything that was studied: who sees all of that sees the study. ``chosen`` holds
    the units as {id, name, pos, pos_end}; with ``pool`` its orders and vehicles are studied instead. ``inputs`` are the
    parameters as {code, name, value, text, clause, verified}; ``result`` is what ``domain.studies`` computed from them.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.STUDY
    code = models.CharField("编号", max_length=24, unique=True)
    kind = models.CharField("测算类型", max_length=12, choices=StudyKind)
    chosen = models.JSONField("测算单位", default=list)
    pool = models.ForeignKey(Pool, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="用车平台")
    period_from = models.DateField("起始日期")
    period_to = models.DateField("截止日期")
    inputs = models.JSONField("测算参数", default=list)
    result = models.JSONField("测算结果", default=dict, blank=True)
    summary = models.CharField("结论", max_length=200, blank=True)
    asked_by = models.CharField("测算人", max_length=80)
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "车队测算"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["scope_pos", "-created_at"], name="vehicles_study_scope")]
        constraints = [
            models.CheckConstraint(condition=Q(period_to__gte=F("period_from")), name="vehicles_study_period")
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def subject(self) -> str:
        """What was studied, in words."""
        names = [each["name"] for each in self.chosen]
        many = f"等 {len(names)} 个单位" if len(names) > 3 else ""
        return str(self.pool) if self.pool_id else "、".join(names[:3]) + many


class AnnualReport(LedgerRecord):
    """年度统计报表 of one unit and all below it: one edition of one year.

    ``data`` holds the tables as they were drawn up: {tables, cars, notes}. A signed edition never changes; what has to be
    put right is a further edition that says why (``correction``) and which one it replaces (``corrects``).
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.ANNUAL
    year = models.PositiveSmallIntegerField("年度")
    edition = models.PositiveSmallIntegerField("版次", default=1)
    data = models.JSONField("报表内容", default=dict)
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name="更正的版次"
    )
    correction = models.CharField("更正原因", max_length=300, blank=True)
    drawn_by = models.CharField("编制人", max_length=80)
    drawn_at = models.DateTimeField("汇总时间")
    signed_by = models.CharField("锁定人", max_length=80, blank=True)
    signed_at = models.DateTimeField("锁定时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "年度统计报表"
        ordering = ["-year", "scope_pos", "-edition"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "year", "edition"], name="vehicles_annual_edition"),
            models.UniqueConstraint(fields=["unit", "year"], condition=Q(state="draft"), name="vehicles_annual_draft"),
            models.UniqueConstraint(fields=["unit", "year"], condition=Q(state="signed"), name="vehicles_annual_signed"),
        ]

    def __str__(self) -> str:
        return f"{self.year} 年度公务用车统计报表（第 {self.edition} 版）"


class MonthParts(UnitScoped):
    """The parts of evaluation's figures of one month (``queries.parts``); a part without rows is empty.

    Computed from trips, days, orders, costs and energy, and replaced with its whole month.
    """

    row_rule = ByUnit(AREA)
    month = models.DateField("月份")
    days = models.PositiveIntegerField("有定位的车日", null=True)
    days_used = models.PositiveIntegerField("有行程的车日", null=True)
    days_idle = models.PositiveIntegerField("没有行程的车日", null=True)
    km = models.FloatField("里程（公里）", null=True)
    km_boarded = models.FloatField("记有上下车的里程（公里）", null=True)
    km_empty = models.FloatField("空驶里程（公里）", null=True)
    yuan = models.DecimalField("费用（元）", max_digits=14, decimal_places=2, null=True)
    persons = models.PositiveIntegerField("乘车人次", null=True)
    persons_carried = models.PositiveIntegerField("车辆所属单位的乘车人次", null=True)
    orders_timed = models.PositiveIntegerField("有响应时间的派车单", null=True)
    orders_punctual = models.PositiveIntegerField("准点出车的派车单", null=True)
    minutes_waited = models.FloatField("申请到出车用时（分钟）", null=True)
    co2_kg = models.FloatField("二氧化碳排放（千克）", null=True)
    computed_at = models.DateTimeField("计算时间")

    class Meta:
        abstract = True


class VehicleMonth(MonthParts):
    """车月: the parts of one vehicle in one month, counted for one unit.

    ``unit`` is whose part it is: of orders the one that asked, of everything else the vehicle's at the time. Passengers
    who shared another order's car have no ``vehicle``.
    """

    vehicle = models.ForeignKey(Vehicle, models.CASCADE, null=True, related_name="months", verbose_name="车辆")

    class Meta:
        verbose_name = verbose_name_plural = "车月"
        ordering = ["-month", "vehicle"]
        indexes = [
            models.Index(fields=["month", "scope_pos"], name="vehicles_month_scope"),
            models.Index(fields=["computed_at"], name="vehicles_month_computed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["vehicle", "month", "unit"], name="vehicles_month_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.vehicle} {self.month:%Y-%m}"


class UnitMonth(MonthParts):
    """单位月: the sums of a unit's vehicle-months by kind of vehicle (empty: without a vehicle), for figures that name none."""

    kind = models.CharField("车辆种类", max_length=24, choices=VehicleKind, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "单位月"
        ordering = ["-month", "unit", "kind"]
        indexes = [
            models.Index(fields=["month", "scope_pos"], name="vehicles_unitmonth_scope"),
            models.Index(fields=["computed_at"], name="vehicles_unitmonth_computed"),
        ]
        constraints = [models.UniqueConstraint(fields=["unit", "month", "kind"], name="vehicles_unitmonth_once")]

    def __str__(self) -> str:
        return f"{self.unit} {self.month:%Y-%m} {self.get_kind_display()}"
