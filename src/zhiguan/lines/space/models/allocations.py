"""Who has which room: allocations to organs and divisions, and the people who sit there."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from .area import AREA
from .buildings import Room


class Allocation(LedgerRecord):
    """办公用房调配: a room is used by ``unit`` between two dates; at most one in force for a room."""

    row_rule = ByUnit(AREA, also=("owner_pos",))
    lifecycle = lifecycle.ALLOCATION
    room = models.ForeignKey(Room, models.PROTECT, related_name="allocations", verbose_name="房间")
    owner_pos = models.BigIntegerField("管理单位的数据权限位置", editable=False)
    usable_area = models.DecimalField("使用面积（平方米）", max_digits=9, decimal_places=2)
    valid_from = models.DateField("启用日期")
    valid_to = models.DateField("腾退日期", null=True, blank=True)
    certificate_no = models.CharField("分配使用凭证号", max_length=60, blank=True)
    document_no = models.CharField("批准文号", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "办公用房调配"
        ordering = ["-valid_from", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["room"], condition=Q(state="active"), name="space_allocation_one"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="space_allocation_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room} {self.unit}"


class RoomUser(LedgerRecord):
    """房间使用人: a person who has a desk in a room; a person may be in several, which the pages then show."""

    row_rule = ByUnit(AREA, persons=("person_id",))
    lifecycle = lifecycle.USER
    room = models.ForeignKey(Room, models.PROTECT, related_name="users", verbose_name="房间")
    person = models.ForeignKey("orgs.Person", models.PROTECT, related_name="+", verbose_name="人员")
    valid_from = models.DateField("启用日期")
    valid_to = models.DateField("退出日期", null=True, blank=True)
    second_office_no = models.CharField("另设办公用房批准文号", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "房间使用人"
        ordering = ["-valid_from", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["room", "person"], condition=Q(state="active"), name="space_user_once"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="space_user_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.room}"
