"""Holidays by year, office hours by unit and date, and the mark by which processes notice a change."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kit.rowscope.declare import Shared

from .codes import DayKind, Origin

EVERYBODY = Shared("public holidays and office hours; deadlines of every part are counted with them")


class Year(models.Model):
    """年度节假日安排: a year is loaded as a whole, from one notice."""

    row_rule = EVERYBODY
    year = models.PositiveSmallIntegerField("年份", unique=True)
    number = models.CharField("通知文号", max_length=80, blank=True)
    title = models.CharField("通知标题", max_length=200)
    issued_on = models.DateField("印发日期", null=True, blank=True)
    verified = models.BooleanField("已核实", default=False)
    note = models.CharField("备注", max_length=200, blank=True)
    origin = models.CharField("来源", max_length=8, choices=Origin, default=Origin.LOCAL)
    loaded_at = models.DateTimeField("装入时间", default=timezone.now)
    loaded_by = models.CharField("装入人", max_length=64, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "年度节假日安排"
        ordering = ["-year"]
        constraints = [
            models.CheckConstraint(condition=Q(year__gte=2000) & Q(year__lte=2200), name="calendar_year_sane")
        ]

    def __str__(self) -> str:
        return f"{self.year}年"


class Day(models.Model):
    """特殊日期: a day off, or a weekend day worked instead. Every other day follows its weekday."""

    row_rule = EVERYBODY
    year = models.ForeignKey(Year, models.CASCADE, related_name="days", verbose_name="年份")
    day = models.DateField("日期", unique=True)
    kind = models.CharField("安排", max_length=8, choices=DayKind)
    name = models.CharField("节日", max_length=40)

    class Meta:
        verbose_name = verbose_name_plural = "特殊日期"
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.name}"


class OfficeHours(models.Model):
    """工作时间: the hours of a unit and all below it, or of everybody (no unit), from a date on."""

    row_rule = EVERYBODY
    unit = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="适用单位"
    )
    opens_at = models.TimeField("上班")
    break_from = models.TimeField("午休开始", null=True, blank=True)
    break_to = models.TimeField("午休结束", null=True, blank=True)
    closes_at = models.TimeField("下班")
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)
    reason = models.CharField("依据或事由", max_length=200, blank=True)
    origin = models.CharField("来源", max_length=8, choices=Origin, default=Origin.LOCAL)

    class Meta:
        verbose_name = verbose_name_plural = "工作时间"
        ordering = ["unit__pos", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "valid_from"], nulls_distinct=False, name="calendar_hours_from"),
            models.UniqueConstraint(
                fields=["unit"], condition=Q(valid_to__isnull=True), nulls_distinct=False, name="calendar_hours_open"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="calendar_hours_dates"
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at"))
                & (
                    Q(break_from__isnull=True, break_to__isnull=True)
                    | Q(break_from__gt=F("opens_at"), break_to__gt=F("break_from"), closes_at__gt=F("break_to"))
                ),
                name="calendar_hours_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opens_at:%H:%M}—{self.closes_at:%H:%M}"


class Stamp(models.Model):
    """One row whose value changes with every change of the calendar, so that each process knows when to read anew."""

    row_rule = EVERYBODY
    key = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.UUIDField(default=uuid.uuid4)

    class Meta:
        verbose_name = verbose_name_plural = "日历版本"
        constraints = [models.CheckConstraint(condition=Q(key=1), name="calendar_stamp_single")]

    def __str__(self) -> str:
        return str(self.value)
