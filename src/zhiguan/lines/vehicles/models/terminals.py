"""What terminals carry and send beside positions: areas, driver cards, media, how well they hear. Metres, WGS84."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit

from .. import lifecycle
from .area import AREA
from .register import Driver, Terminal, Vehicle


class AreaShape(models.TextChoices):
    """Forms that a terminal knows (JT/T 808 messages 0x8600 to 0x8606)."""

    CIRCLE = "circle", "圆形区域"
    RECTANGLE = "rectangle", "矩形区域"
    POLYGON = "polygon", "多边形区域"
    ROUTE = "route", "路线"


class CardMatch(models.TextChoices):
    """How the driver of a card was found."""

    LICENCE = "licence", "证件号"
    NAME = "name", "姓名"
    NONE = "", "未匹配"


class TerminalArea(LedgerRecord):
    """终端区域: an area or a route that terminals watch by themselves. Its key is its number on the terminals.

    ``geometry`` is GeoJSON: a Circle or Polygon as ``geo.parse_geofence`` reads them, or a LineString.
    """

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.TERMINAL_AREA
    name = models.CharField("名称", max_length=20)
    shape = models.CharField("形状", max_length=12, choices=AreaShape)
    geometry = models.JSONField("范围")
    width_m = models.PositiveSmallIntegerField("路线宽度（米）", default=50)
    max_speed_kmh = models.PositiveSmallIntegerField("最高速度（公里/小时）", null=True, blank=True)
    night_speed_kmh = models.PositiveSmallIntegerField("夜间最高速度（公里/小时）", null=True, blank=True)
    over_s = models.PositiveSmallIntegerField("超速持续时间（秒）", default=10)
    on_enter = models.BooleanField("进入时报告", default=True)
    on_leave = models.BooleanField("离开时报告", default=True)
    tell_driver = models.BooleanField("同时提示驾驶员", default=False)
    start_at = models.DateTimeField("生效时间", null=True, blank=True)
    end_at = models.DateTimeField("失效时间", null=True, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "终端区域"
        ordering = ["scope_pos", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_at__isnull=True, end_at__isnull=True)
                | Q(start_at__isnull=False, end_at__gt=models.F("start_at")),
                name="vehicles_terminalarea_period",
            )
        ]

    def __str__(self) -> str:
        return self.name


class AreaCarried(UnitScoped):
    """终端所载区域: what was last sent to a terminal about an area, and which version it has confirmed.

    ``command`` is the last downlink: with ``deleting`` it takes the area off, otherwise it sets ``sent_version``.
    ``confirmed_version`` is what the terminal had confirmed before that; see ``queries.devices``.
    """

    row_rule = ByUnit(AREA)
    area = models.ForeignKey(TerminalArea, models.CASCADE, related_name="carried", verbose_name="区域")
    terminal = models.ForeignKey(Terminal, models.CASCADE, related_name="areas", verbose_name="终端")
    command = models.ForeignKey("telemetry.Command", models.PROTECT, related_name="+", verbose_name="指令")
    deleting = models.BooleanField("删除", default=False)
    sent_version = models.IntegerField("下发版本")
    confirmed_version = models.IntegerField("已确认版本", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "终端所载区域"
        ordering = ["area", "terminal"]
        constraints = [models.UniqueConstraint(fields=["area", "terminal"], name="vehicles_carried_once")]

    def __str__(self) -> str:
        return f"{self.area} {self.terminal}"


class DriverSignIn(UnitScoped):
    """驾驶员刷卡: a driver's card went into the terminal or out of it (message 0x0702).

    ``at`` is the terminal's clock. ``driver`` is found by the card's licence number, failing that by a name that only
    one driver of the vehicle's unit has; ``matched_by`` says which. ``raw_id`` is the kept message.
    """

    row_rule = ByUnit(AREA, append_only=True)
    private_fields = ("card_no",)
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="sign_ins", verbose_name="车辆"
    )
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="sign_ins", verbose_name="终端")
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="sign_ins", verbose_name="驾驶员"
    )
    matched_by = models.CharField("匹配方式", max_length=8, choices=CardMatch, blank=True)
    at = models.DateTimeField("时间")
    received_at = models.DateTimeField("接收时间")
    on = models.BooleanField("插卡")
    result = models.PositiveSmallIntegerField("读卡结果", null=True)
    holder_name = models.CharField("持卡人", max_length=80, blank=True)
    card_no = models.CharField("从业资格证编码", max_length=40, blank=True)
    authority = models.CharField("发证机构", max_length=200, blank=True)
    valid_until = models.DateField("证件有效期至", null=True, blank=True)
    raw_id = models.BigIntegerField("报文", unique=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "驾驶员刷卡"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-at"], name="vehicles_signin_vehicle"),
            models.Index(fields=["terminal", "-at"], name="vehicles_signin_terminal"),
            models.Index(fields=["scope_pos", "-at"], name="vehicles_signin_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.holder_name} {self.at:%Y-%m-%d %H:%M}"


class TerminalMedia(UnitScoped):
    """终端影像: a picture, sound or film that a terminal took (message 0x0801), as a file when it was acceptable."""

    row_rule = ByUnit(AREA)
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="media", verbose_name="车辆"
    )
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="media", verbose_name="终端")
    media_id = models.BigIntegerField("多媒体编号")
    at = models.DateTimeField("拍摄时间")
    received_at = models.DateTimeField("接收时间")
    kind = models.PositiveSmallIntegerField("类型")
    format = models.PositiveSmallIntegerField("格式")
    event = models.PositiveSmallIntegerField("触发事件")
    channel = models.PositiveSmallIntegerField("通道")
    lat = models.FloatField("纬度", null=True)
    lon = models.FloatField("经度", null=True)
    size = models.PositiveIntegerField("大小（字节）")
    file = models.ForeignKey("files.StoredFile", models.PROTECT, null=True, related_name="+", verbose_name="文件")
    refusal = models.CharField("未存为文件的原因", max_length=200, blank=True)
    raw_id = models.BigIntegerField("报文", unique=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "终端影像"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["vehicle", "-at"], name="vehicles_media_vehicle"),
            models.Index(fields=["terminal", "-at"], name="vehicles_media_terminal"),
        ]

    def __str__(self) -> str:
        return f"{self.terminal} {self.at:%Y-%m-%d %H:%M}"


class TerminalHealth(UnitScoped):
    """终端健康: how well a terminal hears, by its latest report, and whether its firmware is behind its like."""

    row_rule = ByUnit(AREA)
    terminal = models.OneToOneField(Terminal, models.CASCADE, related_name="health", verbose_name="终端")
    network = models.PositiveSmallIntegerField("网络信号强度", null=True)
    satellites = models.PositiveSmallIntegerField("定位卫星数", null=True)
    signal_at = models.DateTimeField("信号时间", null=True)
    behind = models.BooleanField("固件落后", default=False)
    newest = models.CharField("同型号最新固件", max_length=64, blank=True)
    checked_at = models.DateTimeField("检查时间")

    class Meta:
        verbose_name = verbose_name_plural = "终端健康"

    def __str__(self) -> str:
        return f"{self.terminal}"
