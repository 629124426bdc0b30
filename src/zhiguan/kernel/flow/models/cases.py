"""A case and everything that hangs on it. What hangs on a case is seen by whoever sees the case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByArea, Custom

from .. import lifecycle
from .definitions import Definition

OF_CASE = Custom(
    "(SELECT true FROM flow_case c WHERE c.id = case_id) IS NOT NULL",
    "belongs to a case, whose own rule decides (row-level security holds inside the sub-select too)",
)
"""Not EXISTS: for many rows the planner would first gather all cases, and it would expect half of the rows."""


UNREAD = Q(ended_at__isnull=False, accepted_at__isnull=False, working_days__isnull=True)
"""Ended cases whose clock has not been read: ended before it was, or while the calendar did not know the year."""


class Case(LedgerRecord):
    """办件: one application of an organ (``unit``) for a service item, from the draft to its end.

    ``area`` is the line. ``persons`` are the applicant and everybody who ever was asked to act on it: they see it
    wherever they belong. ``engine`` is the tree of tokens, ``outcomes`` and ``decisions`` what was decided. ``clock``
    are the events of its time limit: [moment, what, reason], nothing is counted up. ``look_at`` is an index into time:
    when the next warning may be due; it decides nothing. ``yellow_card`` to ``corrected`` repeat what its cards and
    corrections say; the database sets them (migration 0004).
    """

    row_rule = ByArea(persons_column="persons")
    lifecycle = lifecycle.CASE
    private_fields = ("values", "engine", "clock", "persons", "look_at", "decisions", "outcomes", "policy",
                      "yellow_card", "red_card", "overdue", "corrected")  # fmt: skip
    code = models.CharField("办件编号", max_length=32, unique=True)
    item = models.CharField("事项", max_length=64)
    area = models.CharField("条线", max_length=32)
    definition = models.ForeignKey(Definition, models.PROTECT, related_name="+", verbose_name="流程版本")
    applicant = models.ForeignKey("orgs.Person", models.PROTECT, null=True, related_name="+", verbose_name="申请人")
    title = models.CharField("标题", max_length=200)
    values = models.JSONField("表单", default=dict)
    engine = models.JSONField("流程状态", default=dict)
    outcomes = models.JSONField("步骤结果", default=dict)
    decisions = models.JSONField("决策结果", default=dict)
    clock = models.JSONField("计时事件", default=list)
    policy = models.JSONField("时限规则", default=dict)
    persons = ArrayField(models.BigIntegerField(), default=list, verbose_name="相关人员")
    stage = models.CharField("当前环节", max_length=200, blank=True)
    submitted_at = models.DateTimeField("提交时间", null=True, blank=True)
    accepted_at = models.DateTimeField("受理时间", null=True, blank=True)
    ended_at = models.DateTimeField("办结时间", null=True, blank=True)
    working_days = models.PositiveIntegerField("用时（工作日）", null=True, blank=True)
    received_at = models.DateTimeField("申请人签收时间", null=True, blank=True)
    urged_at = models.DateTimeField("催办时间", null=True, blank=True)
    document_no = models.CharField("批复文号", max_length=80, blank=True)
    result = models.TextField("办理结果", blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name="上级办件")
    rounds = models.PositiveIntegerField("提交次数", default=0)
    remarks = models.PositiveIntegerField("留言数", default=0)
    stuck = models.BooleanField("无人可办", default=False)
    yellow_card = models.BooleanField("有黄牌", default=False)
    red_card = models.BooleanField("有红牌", default=False)
    overdue = models.BooleanField("超期", default=False)
    corrected = models.BooleanField("补正过", default=False)
    look_at = models.DateTimeField("下次检查时限", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "办件"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["look_at", "id"], condition=Q(look_at__isnull=False), name="flow_case_look"),
            models.Index(fields=["area", "state", "-id"], name="flow_case_area"),
            models.Index(fields=["unit", "-id"], name="flow_case_unit"),
            models.Index(fields=["applicant", "-id"], name="flow_case_applicant"),
            models.Index(fields=["item", "-id"], name="flow_case_item"),
            models.Index(fields=["-id"], condition=Q(state__in=lifecycle.OPEN), name="flow_case_open"),
            GinIndex(fields=["persons"], name="flow_case_persons", fastupdate=False),
            models.Index(fields=["-ended_at"], condition=Q(ended_at__isnull=False), name="flow_case_ended_at"),
            models.Index(fields=["-submitted_at"], condition=Q(submitted_at__isnull=False), name="flow_case_submitted_at"),
            models.Index(fields=["-id"], condition=Q(yellow_card=True), name="flow_case_yellow_card"),
            models.Index(fields=["-id"], condition=Q(red_card=True), name="flow_case_red_card"),
            models.Index(fields=["-id"], condition=Q(corrected=True), name="flow_case_corrected"),
            models.Index(fields=["-ended_at"], condition=Q(overdue=True), name="flow_case_overdue"),
            models.Index(fields=["-id"], condition=Q(stuck=True), name="flow_case_stuck"),
            models.Index(fields=["id"], condition=UNREAD, name="flow_case_unread"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=lifecycle.ENDED, ended_at__isnull=False)
                | (~Q(state__in=lifecycle.ENDED) & Q(ended_at__isnull=True)),
                name="flow_case_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    @property
    def ledger_area(self) -> str:
        return self.area

    @property
    def ledger_persons(self) -> list[int]:
        return list(self.persons)


class Submission(models.Model):
    """申报版本: what the form and the materials were at one moment; made by submitting, answering and editing steps."""

    row_rule = Custom(OF_CASE.sql, OF_CASE.reason, append_only=True)
    case = models.ForeignKey(Case, models.PROTECT, related_name="submissions", verbose_name="办件")
    number = models.PositiveIntegerField("版本")
    values = models.JSONField("表单")
    files = models.JSONField("材料", default=list)
    by = models.CharField("填报人", max_length=80)
    why = models.CharField("事由", max_length=40)
    at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "申报版本"
        ordering = ["case", "number"]
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="flow_submission_number")]

    def __str__(self) -> str:
        return f"{self.case_id} 第{self.number}版"


class CaseFile(models.Model):
    """申请材料: one file of the checklist, with what the machine found out about it."""

    row_rule = OF_CASE
    case = models.ForeignKey(Case, models.PROTECT, related_name="files", verbose_name="办件")
    material = models.CharField("材料", max_length=64)
    file = models.ForeignKey("files.StoredFile", models.PROTECT, related_name="+", verbose_name="附件")
    pages = models.PositiveIntegerField("页数", null=True, blank=True)
    dated_on = models.DateField("材料日期", null=True, blank=True)
    faults = models.JSONField("检查结果", default=list)
    added_at = models.DateTimeField("上传时间", default=timezone.now)
    removed_at = models.DateTimeField("移除时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "申请材料"
        ordering = ["case", "material", "id"]

    def __str__(self) -> str:
        return f"{self.case_id} {self.material}"


LONG = Q(GreaterThan(F("closed_at") - F("opened_at"), timedelta(days=7)))
"""A step that took more than a week. Written as a difference: a sum would depend on the session's time zone."""


class Step(models.Model):
    """环节: one time a case stands at a step of its process. A return makes a new row; the old one stays as undone.

    ``submission`` is the version of the form it was opened on: a return brings that one back. The database sets
    ``yellow_card`` and ``red_card`` by the step's own cards.
    """

    row_rule = OF_CASE
    case = models.ForeignKey(Case, models.PROTECT, related_name="steps", verbose_name="办件")
    node = models.CharField("步骤", max_length=64)
    name = models.CharField("环节", max_length=80)
    stage = models.CharField("环节类型", max_length=16)
    round = models.PositiveIntegerField("次序")
    state = models.CharField(
        "状态", max_length=16, default="open",
        choices=[("open", "办理中"), ("done", "已办理"), ("undone", "已退回"), ("cancelled", "已取消")],
    )  # fmt: skip
    outcome = models.CharField("结果", max_length=32, blank=True)
    mode = models.CharField("办理方式", max_length=16)
    ratio = models.FloatField("通过比例", default=1.0)
    opened_at = models.DateTimeField("开始时间")
    closed_at = models.DateTimeField("结束时间", null=True, blank=True)
    clock = models.JSONField("计时事件", default=list)
    policy = models.JSONField("时限规则", default=dict)
    look_at = models.DateTimeField("下次检查时限", null=True, blank=True)
    submission = models.PositiveIntegerField("申报版本", default=0)
    yellow_card = models.BooleanField("有黄牌", default=False)
    red_card = models.BooleanField("有红牌", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "办理环节"
        ordering = ["case", "round"]
        indexes = [
            models.Index(fields=["look_at", "id"], condition=Q(look_at__isnull=False), name="flow_step_look"),
            models.Index(fields=["node", "-opened_at"], name="flow_step_node"),
            models.Index(fields=["-closed_at"], condition=Q(closed_at__isnull=False), name="flow_step_closed_at"),
            models.Index(fields=["stage", "-id"], condition=Q(state="open"), name="flow_step_open"),
            models.Index(fields=["-closed_at"], condition=LONG, name="flow_step_long"),
            models.Index(fields=["-closed_at"], condition=Q(red_card=True), name="flow_step_red_card"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case", "round"], name="flow_step_round"),
            models.UniqueConstraint(fields=["case", "node"], condition=Q(state="open"), name="flow_step_open_once"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.name}"


class Seat(models.Model):
    """办理席位: one person's part in a step.

    offered: may claim it. waiting: its turn has not come (in turn, or somebody signs before). working: to do. The others
    are ends. ``behind`` is the seat that waits for this one (前加签, 委派) or that this one follows (后加签).
    """

    row_rule = Custom(
        "CASE WHEN person_id = NULLIF(current_setting('zg.person', true), '')::bigint THEN true "
        "ELSE (SELECT true FROM flow_case c WHERE c.id = case_id) END IS NOT NULL",
        "one's own, and those of cases one sees",
    )
    case = models.ForeignKey(Case, models.PROTECT, related_name="seats", verbose_name="办件")
    step = models.ForeignKey(Step, models.PROTECT, related_name="seats", verbose_name="环节")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="办理人")
    organ = models.ForeignKey("orgs.Unit", models.PROTECT, related_name="+", verbose_name="办理人单位")
    kind = models.CharField(
        "席位", max_length=16, default="main",
        choices=[("main", "主办"), ("before", "前加签"), ("after", "后加签"), ("delegate", "受委派"), ("copy", "抄送")],
    )  # fmt: skip
    order = models.PositiveIntegerField("顺序", default=0)
    state = models.CharField(
        "状态", max_length=16,
        choices=[
            ("offered", "待签收"), ("waiting", "未到办理顺序"), ("working", "待办理"), ("done", "已办理"), ("lapsed", "已由他人办理"),
            ("moved", "已转出"), ("withdrawn", "已取消"), ("told", "已送达"),
        ],
    )  # fmt: skip
    outcome = models.CharField("意见", max_length=32, blank=True)
    opinion = models.TextField("办理意见", blank=True)
    behind = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="ahead", verbose_name="关联席位")
    acted_by = models.ForeignKey("orgs.Person", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="实际办理人")
    opened_at = models.DateTimeField("送达时间")
    claimed_at = models.DateTimeField("签收时间", null=True, blank=True)
    read_at = models.DateTimeField("首次打开", null=True, blank=True)
    closed_at = models.DateTimeField("办理时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "办理席位"
        ordering = ["step", "order", "id"]
        indexes = [
            models.Index(fields=["person", "-id"], condition=Q(state__in=("offered", "working")), name="flow_seat_todo"),
            models.Index(fields=["person", "-closed_at"], condition=Q(state="done"), name="flow_seat_done"),
            models.Index(fields=["person", "-id"], condition=Q(kind="copy"), name="flow_seat_copy"),
        ]

    def __str__(self) -> str:
        return f"{self.step_id} {self.person_id}"


class Correction(models.Model):
    """补正: an itemised list of what to put right, and when it was answered."""

    row_rule = OF_CASE
    case = models.ForeignKey(Case, models.PROTECT, related_name="corrections", verbose_name="办件")
    step = models.ForeignKey(Step, models.PROTECT, related_name="+", verbose_name="提出环节")
    items = models.JSONField("补正内容")
    by = models.CharField("提出人", max_length=80)
    at = models.DateTimeField("提出时间")
    answered_at = models.DateTimeField("补正时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "补正通知"
        ordering = ["case", "id"]
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(answered_at__isnull=True), name="flow_correction_open"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} 补正"


class Card(UnitScoped):
    """预警: a rung of a case's or a step's clock that was reached, once. It warns; it decides nothing.

    It repeats its case's organ, line and item, so that the cards of an organ are found without looking at everybody's.
    """

    row_rule = Custom(f"{ByArea().using()} OR {OF_CASE.sql}", "of a unit and a line as its case is, or of a case one has part in")
    case = models.ForeignKey(Case, models.PROTECT, related_name="cards", verbose_name="办件")
    step = models.ForeignKey(Step, models.PROTECT, null=True, related_name="cards", verbose_name="环节")
    area = models.CharField("条线", max_length=32)
    item = models.CharField("事项", max_length=64)
    rung = models.CharField("预警", max_length=16, choices=[("yellow", "黄牌"), ("red", "红牌")])
    reached_at = models.DateTimeField("触发时间")
    raised_at = models.DateTimeField("记录时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "时限预警"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-reached_at"], name="flow_card_reached"),
            models.Index(fields=["rung", "-raised_at"], name="flow_card_raised"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case", "step", "rung"], nulls_distinct=False, name="flow_card_once"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.get_rung_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.unit_id is None:
            self.unit, self.area, self.item = self.case.unit, self.case.area, self.case.item
        super().save(*args, **kwargs)


class Effect(models.Model):
    """台账生效: the act of a process that changed the line's ledgers; the constraint lets it happen once."""

    row_rule = Custom(OF_CASE.sql, OF_CASE.reason, append_only=True)
    case = models.ForeignKey(Case, models.PROTECT, related_name="effects", verbose_name="办件")
    act = models.CharField("动作", max_length=32)
    text = models.TextField("结果")
    links = models.JSONField("相关记录", default=list)
    at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "办件生效记录"
        ordering = ["case", "id"]
        constraints = [models.UniqueConstraint(fields=["case", "act"], name="flow_effect_once")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.act}"
