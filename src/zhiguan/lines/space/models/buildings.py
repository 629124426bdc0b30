"""Buildings and rooms. Areas in square metres, values in yuan; ``gross_area`` 建筑面积, ``usable_area`` 使用面积."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByUnit, Custom

from .. import lifecycle
from ..codes import HeightClass, RoomKind, Structure, TitleKind
from .area import AREA, OF_UNIT


class Building(LedgerRecord):
    """楼宇: one building; ``unit`` is the organ that manages it. Who sees one of its rooms sees the building, too."""

    row_rule = Custom(
        OF_UNIT.using() + " OR EXISTS (SELECT 1 FROM space_room r WHERE r.building_id = space_building.id)",  # noqa: S608
        "by its unit; and whoever sees a room, under the room's own rule, sees the building it is in",
    )
    lifecycle = lifecycle.BUILDING
    code = models.CharField("楼宇编号", max_length=32, unique=True)
    name = models.CharField("楼宇名称", max_length=80)
    address = models.CharField("坐落", max_length=200, blank=True)
    structure = models.CharField("建筑结构", max_length=12, choices=Structure, default=Structure.FRAME)
    height_class = models.CharField("层数类别", max_length=12, choices=HeightClass, default=HeightClass.MULTI)
    storeys = models.PositiveSmallIntegerField("地上层数", default=1)
    basements = models.PositiveSmallIntegerField("地下层数", default=0)
    gross_area = models.DecimalField("建筑面积（平方米）", max_digits=12, decimal_places=2)
    usable_area = models.DecimalField("使用面积（平方米）", max_digits=12, decimal_places=2, null=True, blank=True)
    built_on = models.DateField("建成日期", null=True, blank=True)
    last_repair_on = models.DateField("最近大中修竣工日期", null=True, blank=True)
    value_yuan = models.DecimalField("账面价值（元）", max_digits=16, decimal_places=2, null=True, blank=True)
    title_kind = models.CharField("权属情况", max_length=8, choices=TitleKind, default=TitleKind.NONE)
    title_holder = models.CharField("权利人", max_length=80, blank=True)
    title_no = models.CharField("不动产权证号", max_length=80, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "楼宇"
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(gross_area__gt=0), name="space_building_gross"),
            models.CheckConstraint(
                condition=Q(usable_area__isnull=True) | Q(usable_area__lte=models.F("gross_area")),
                name="space_building_usable",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Room(LedgerRecord):
    """房间: ``unit`` manages its building, ``user`` is the organ or division it is allocated to, which sees it, too."""

    row_rule = ByUnit(AREA, also=("user_pos",))
    lifecycle = lifecycle.ROOM
    building = models.ForeignKey(Building, models.PROTECT, related_name="rooms", verbose_name="楼宇")
    storey = models.SmallIntegerField("楼层", help_text="地下为负数")
    number = models.CharField("房间号", max_length=20)
    kind = models.CharField("房间类别", max_length=12, choices=RoomKind, default=RoomKind.OFFICE)
    purpose = models.CharField("用途", max_length=40, blank=True)
    usable_area = models.DecimalField("使用面积（平方米）", max_digits=9, decimal_places=2)
    user = models.ForeignKey(
        "orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="使用单位"
    )
    user_pos = models.BigIntegerField("使用单位的数据权限位置", null=True, editable=False, db_index=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "房间"
        ordering = ["building_id", "storey", "number"]
        constraints = [
            models.UniqueConstraint(fields=["building", "number"], name="space_room_number"),
            models.CheckConstraint(condition=Q(usable_area__gt=0), name="space_room_area"),
            models.CheckConstraint(
                condition=Q(state="allocated", user__isnull=False) | (~Q(state="allocated") & Q(user__isnull=True)),
                name="space_room_user",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} 室"

    @property
    def storey_name(self) -> str:
        """The storey as people say it: 3 层, 地下 1 层."""
        return f"地下 {-self.storey} 层" if self.storey < 0 else f"{self.storey} 层"
