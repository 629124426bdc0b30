"""Years of holidays and swap days, and office hours, as dated data that the bureau can load and change."""

from __future__ import annotations

from django.db import models

from zhiguan.kit.rowscope.declare import Shared

from .codes import DayKind


class CalendarYear(models.Model):
    """年度安排: a year is loaded or it is not; questions about one that is not are refused."""

    row_rule = Shared("public facts, needed by every time limit")
    year = models.PositiveSmallIntegerField("年份", unique=True)
    notice = models.CharField("依据", max_length=120)
    number = models.CharField("文号", max_length=60, blank=True)
    verified = models.BooleanField("已核对", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "年度安排"
        ordering = ["-year"]

    def __str__(self) -> str:
        return str(self.year)


class SpecialDay(models.Model):
    """放假或调休上班的一天."""

    row_rule = Shared("public facts, needed by every time limit")
    year = models.ForeignKey(CalendarYear, models.CASCADE, related_name="days", verbose_name="年份")
    day = models.DateField("日期", unique=True)
    kind = models.CharField("类型", max_length=8, choices=DayKind)
    name = models.CharField("节日", max_length=20, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "特殊日期"
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()}"


class OfficeHours(models.Model):
    """作息时间: the office hours of working days from a date on, until the next row."""

    row_rule = Shared("public facts, needed by every time limit")
    valid_from = models.DateField("起始日期", unique=True)
    morning_from = models.TimeField("上午上班")
    morning_to = models.TimeField("上午下班")
    afternoon_from = models.TimeField("下午上班")
    afternoon_to = models.TimeField("下午下班")
    note = models.CharField("说明", max_length=120, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "作息时间"
        ordering = ["-valid_from"]

    def __str__(self) -> str:
        return f"自 {self.valid_from}"
