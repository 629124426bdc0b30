"""Units, their history, people, and what posts they held. Dates are half-open: ``valid_to`` is the first day after."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q

from zhiguan.kit.rowscope.declare import ByUnit, Shared

from . import tree
from .base import PositionQuerySet, UnitScoped, UnitScopedQuerySet
from .codes import AppointmentKind, EndReason, Grade, OrganFunction, QuotaKind, UnitKind, UnitLevel


def valid_on(day: date) -> Q:
    """Return the condition that a dated row held on ``day``."""
    return Q(valid_from__lte=day) & (Q(valid_to__isnull=True) | Q(valid_to__gt=day))


class UnitQuerySet(PositionQuerySet):
    position_column = "pos"

    def open(self) -> UnitQuerySet:
        """Keep the units that have not been closed."""
        return self.filter(valid_to__isnull=True)

    def of_kind(self, *kinds: str) -> UnitQuerySet:
        return self.filter(kind__in=kinds)


class DatedQuerySet(PositionQuerySet):
    position_column = "pos"

    def on(self, day: date) -> DatedQuerySet:
        return self.filter(valid_on(day))


class ScopedDatedQuerySet(UnitScopedQuerySet):
    def on(self, day: date) -> ScopedDatedQuerySet:
        return self.filter(valid_on(day))


class Unit(models.Model):
    """机构: a city, a district, an organ, or a division of one. The public, stable name is ``code``."""

    row_rule = Shared("address book: every account may know which units there are; names are read before sign-in")

    code = models.CharField("机构代码", max_length=32, unique=True)
    name = models.CharField("机构名称", max_length=100)
    short_name = models.CharField("简称", max_length=50, blank=True)
    kind = models.CharField("机构类型", max_length=16, choices=UnitKind.choices)
    level = models.CharField("层级", max_length=16, choices=UnitLevel.choices, default=UnitLevel.MUNICIPAL)
    function = models.CharField("职能类别", max_length=16, choices=OrganFunction.choices, blank=True)
    district_code = models.CharField("行政区划代码", max_length=6, blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="children", null=True, blank=True, db_index=False
    )
    pos = models.BigIntegerField("位置", unique=True, editable=False)
    pos_end = models.BigIntegerField("位置终点", editable=False)
    valid_from = models.DateField("成立日期", null=True, blank=True)
    valid_to = models.DateField("撤销日期", null=True, blank=True)
    sort = models.IntegerField("排序", default=0)
    pinyin = models.CharField("拼音", max_length=300, blank=True, editable=False)
    initials = models.CharField("拼音首字母", max_length=100, blank=True, editable=False)
    phone = models.CharField("联系电话", max_length=40, blank=True)
    address = models.CharField("地址", max_length=200, blank=True)
    lat = models.FloatField("纬度", null=True, blank=True)
    lon = models.FloatField("经度", null=True, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    objects = UnitQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "机构"
        ordering = ("sort", "pos")
        indexes = [
            models.Index(fields=["parent", "sort"], name="orgs_unit_children"),
            models.Index(fields=["kind", "level", "sort"], name="orgs_unit_kind"),
            models.Index(fields=["district_code", "kind"], name="orgs_unit_district"),
            models.Index(fields=["name"], name="orgs_unit_name", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["pinyin"], name="orgs_unit_pinyin", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["initials"], name="orgs_unit_initials", opclasses=["varchar_pattern_ops"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(pos__lte=F("pos_end")), name="orgs_unit_range"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_from__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="orgs_unit_dates",
            ),
            models.UniqueConstraint(
                Q(parent__isnull=True), condition=Q(parent__isnull=True), name="orgs_unit_one_root"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope_pos(self) -> int:
        """The position, under the name that rows of a unit use; lets ``actor.require`` take a unit."""
        return self.pos

    @property
    def depth(self) -> int:
        """Levels below the root (the root: 0)."""
        return tree.depth_of(self.pos, self.pos_end)

    @property
    def label(self) -> str:
        """The short name where there is one, else the name."""
        return self.short_name or self.name


class UnitVersion(models.Model):
    """机构沿革: name, parent and place of a unit during a time; exactly one version holds on any day of its life."""

    row_rule = Shared("history of the address book")

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="versions")
    name = models.CharField("机构名称", max_length=100)
    parent = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", null=True)
    pos = models.BigIntegerField()
    pos_end = models.BigIntegerField()
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "机构沿革"
        ordering = ("unit", "valid_from")
        indexes = [models.Index(fields=["pos", "valid_from"], name="orgs_version_pos")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="orgs_version_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.valid_from:%Y-%m-%d}"


class Rank(models.Model):
    """职级, with the 职务层次 it counts as. ``order`` ascends from the highest."""

    row_rule = Shared("code table of ranks, the same for everybody")

    code = models.CharField("代码", max_length=32, unique=True)
    name = models.CharField("名称", max_length=50)
    order = models.IntegerField("排序")
    grade = models.CharField("职务层次", max_length=16, choices=Grade.choices)

    class Meta:
        verbose_name = verbose_name_plural = "职级"
        ordering = ("order",)

    def __str__(self) -> str:
        return self.name


class Person(UnitScoped):
    """人员, as the address book shows them; ``unit`` is where they serve now (or served last)."""

    row_rule = Shared("address book: name, unit and post only; no sensitive field may be added here")

    code = models.CharField("人员编号", max_length=32, unique=True)
    name = models.CharField("姓名", max_length=50)
    pinyin = models.CharField("拼音", max_length=150, blank=True, editable=False)
    initials = models.CharField("拼音首字母", max_length=50, blank=True, editable=False)
    rank = models.ForeignKey(Rank, on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False)
    duty = models.CharField("职务", max_length=50, blank=True)
    phone = models.CharField("办公电话", max_length=40, blank=True)
    active = models.BooleanField("在职", default=True)
    sort = models.IntegerField("排序", default=0)

    objects = UnitScopedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "人员"
        ordering = ("sort", "id")
        indexes = [
            models.Index(fields=["name"], name="orgs_person_name", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["pinyin"], name="orgs_person_pinyin", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["initials"], name="orgs_person_initials", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.name


class Appointment(UnitScoped):
    """任职: a person holds a post of a unit during a time. Nobody has two main appointments on one day."""

    row_rule = Shared("read before the actor is known, to work out what the actor may do; part of the address book")

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="appointments", verbose_name="人员", db_index=False
    )
    post = models.CharField("职务", max_length=50)
    rank = models.ForeignKey(
        Rank, on_delete=models.PROTECT, related_name="+", null=True, verbose_name="职级", db_index=False
    )
    kind = models.CharField("任职类型", max_length=16, choices=AppointmentKind.choices, default=AppointmentKind.MAIN)
    valid_from = models.DateField("任职日期")
    valid_to = models.DateField("离任日期", null=True, blank=True)
    end_reason = models.CharField("离任原因", max_length=16, choices=EndReason.choices, blank=True)
    document_no = models.CharField("任免文号", max_length=80, blank=True)

    objects = ScopedDatedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "任职"
        ordering = ("person", "valid_from")
        indexes = [models.Index(fields=["person", "valid_from"], name="orgs_appointment_person")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="orgs_appointment_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.post}"


class Establishment(UnitScoped):
    """人员编制: how many posts of a kind a unit is allowed during a time, by which document."""

    row_rule = ByUnit("orgs")

    kind = models.CharField("编制类别", max_length=16, choices=QuotaKind.choices)
    quota = models.PositiveIntegerField("核定编制数")
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期", null=True, blank=True)
    document_no = models.CharField("批准文号", max_length=80, blank=True)

    objects = ScopedDatedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "人员编制"
        ordering = ("unit", "kind", "valid_from")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="orgs_establishment_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit_id} {self.kind} {self.quota}"
