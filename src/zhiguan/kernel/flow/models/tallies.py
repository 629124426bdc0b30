"""What supervision counts, kept as sums that the database adds to itself (migration 0004, docs/flow.md).

A row is a sum for an organ, an item and a month, or for the present (``month`` null). Every write to a case, a step or a
card adds rows with ``gathered`` false: plus what it counts as now, minus what it counted as before. They are gathered
into one row each minute; a figure is the sum over both, so that it is right at every moment.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByArea


class Tally(UnitScoped):
    area = models.CharField("条线", max_length=32)
    item = models.CharField("事项", max_length=64)
    month = models.DateField("月份", null=True)
    gathered = models.BooleanField("已汇总", db_default=False)

    class Meta:
        abstract = True


def _counts(title: str) -> models.BigIntegerField:
    return models.BigIntegerField(title, db_default=0)


class CaseTally(Tally):
    """办件统计: submitted cases. Of the present by state; of a month those submitted, those ended, the cards reached in it.

    ``timed`` are granted and refused cases that had been accepted, ``seconds`` their time from acceptance to the end.
    ``overdue`` and ``corrected`` are of granted and refused cases, too; ``rounds`` their submissions.
    """

    row_rule = ByArea()
    running = _counts("办理中")
    correcting = _counts("待补正")
    returned = _counts("已退回")
    suspended = _counts("已挂起")
    stuck = _counts("无人可办")
    submitted = _counts("提交")
    granted = _counts("已办结")
    refused = _counts("不予批准")
    withdrawn = _counts("已撤回")
    terminated = _counts("已终止")
    overdue = _counts("超期办结")
    corrected = _counts("补正过")
    rounds = _counts("提交次数")
    timed = _counts("受理后办结")
    seconds = _counts("受理至办结用时")
    yellow_cards = _counts("黄牌")
    red_cards = _counts("红牌")

    class Meta:
        verbose_name = verbose_name_plural = "办件统计"
        ordering = ["month", "unit", "item"]
        indexes = [
            models.Index(fields=["month"], name="flow_casetally_month"),
            models.Index(fields=["id"], condition=Q(gathered=False), name="flow_casetally_new"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["unit", "area", "item", "month"], condition=Q(gathered=True),
                                    nulls_distinct=False, name="flow_casetally_once"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.unit_id} {self.item} {self.month}"


class DaysTally(Tally):
    """用时统计: granted and refused cases of a month by the working days they took, from which means and medians come."""

    row_rule = ByArea()
    days = models.PositiveIntegerField("用时（工作日）")
    count = _counts("件数")

    class Meta:
        verbose_name = verbose_name_plural = "用时统计"
        ordering = ["month", "unit", "item", "days"]
        indexes = [
            models.Index(fields=["month"], name="flow_daystally_month"),
            models.Index(fields=["id"], condition=Q(gathered=False), name="flow_daystally_new"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["unit", "area", "item", "month", "days"], condition=Q(gathered=True),
                                    nulls_distinct=False, name="flow_daystally_once"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.unit_id} {self.item} {self.month} {self.days}"


class StepTally(Tally):
    """环节统计: of the present the open steps, of a month those handled or undone that closed in it.

    ``seconds`` is their time from opening to closing, ``long`` how many took more than a week; with cards: those that
    have one of their own.
    """

    row_rule = ByArea()
    stage = models.CharField("环节类型", max_length=16)
    name = models.CharField("环节", max_length=80)
    count = _counts("件数")
    undone = _counts("退回")
    long = _counts("超过一周")
    seconds = _counts("用时")
    yellow_cards = _counts("有黄牌")
    red_cards = _counts("有红牌")

    class Meta:
        verbose_name = verbose_name_plural = "环节统计"
        ordering = ["month", "unit", "item", "name"]
        indexes = [
            models.Index(fields=["month"], name="flow_steptally_month"),
            models.Index(fields=["id"], condition=Q(gathered=False), name="flow_steptally_new"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["unit", "area", "item", "stage", "name", "month"], condition=Q(gathered=True),
                                    nulls_distinct=False, name="flow_steptally_once"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.unit_id} {self.item} {self.name} {self.month}"
