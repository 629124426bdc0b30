"""Sources and their state. The positions themselves live in tables made by ``schema.py``."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit, Custom

from .codes import CommandState
from .declare import SYSTEM, VISIBLE_SOURCE
from .downlinks import CHOICES


class Source(UnitScoped):
    """数据终端: a registered device that sends telemetry.

    ``number`` is the protocol's own address (for JT/T 808 the SIM number's digits without leading zeros); ``key`` is
    the public code of what carries the device, e.g. a vehicle's. ``auth_digest`` is the SHA-256 of the authentication
    code in hexadecimal, empty until registration; the code itself is never stored.
    """

    row_rule = ByUnit("telemetry")

    protocol = models.CharField("协议", max_length=16, default="jt808")
    number = models.CharField("终端号码", max_length=32)
    key = models.CharField("所属对象编码", max_length=64, blank=True, db_index=True)
    device_id = models.CharField("终端设备编号", max_length=64, blank=True)
    auth_digest = models.CharField("鉴权码摘要", max_length=64, blank=True)
    active = models.BooleanField("启用", default=True)
    edition = models.PositiveSmallIntegerField("协议版本", null=True, blank=True)
    firmware = models.CharField("固件版本", max_length=64, blank=True)
    reported = models.JSONField("终端上报信息", default=dict, blank=True)
    first_seen_at = models.DateTimeField("首次上线", null=True, blank=True)
    last_seen_at = models.DateTimeField("最近上线", null=True, blank=True)
    created_at = models.DateTimeField("登记时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "数据终端"
        constraints = [models.UniqueConstraint(fields=["protocol", "number"], name="telemetry_source_number")]
        indexes = [models.Index(fields=["scope_pos", "id"], name="telemetry_source_scope")]

    def __str__(self) -> str:
        return self.number


class Latest(models.Model):
    """最新位置: one row per source, only ever newer by device time.

    ``lat`` and ``lon`` (1e-6 degree) and ``fix_at`` are of the last report that had a fix; the rest is of the last
    report. ``speed`` is in 0.1 km/h, ``direction`` in degrees.
    """

    row_rule = Custom(VISIBLE_SOURCE, "follows its source")

    source = models.OneToOneField(Source, on_delete=models.PROTECT, primary_key=True, related_name="latest")
    at = models.DateTimeField("定位时间")
    received_at = models.DateTimeField("接收时间")
    fix_at = models.DateTimeField("有效定位时间", null=True)
    lat = models.IntegerField("纬度", null=True)
    lon = models.IntegerField("经度", null=True)
    altitude = models.IntegerField("海拔", default=0)
    speed = models.IntegerField("速度", default=0)
    direction = models.IntegerField("方向", default=0)
    alarm = models.BigIntegerField("报警标志", default=0)
    status = models.BigIntegerField("状态", default=0)
    mileage_m = models.BigIntegerField("里程", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "最新位置"

    def __str__(self) -> str:
        return f"{self.source_id}"


class Session(models.Model):
    """终端连接: the present or last connection of a source. Counters are updated sparsely."""

    row_rule = Custom(VISIBLE_SOURCE, "follows its source")

    source = models.OneToOneField(Source, on_delete=models.PROTECT, primary_key=True, related_name="session")
    gateway = models.CharField("网关", max_length=64)
    address = models.CharField("网络地址", max_length=64)
    connected_at = models.DateTimeField("上线时间")
    seen_at = models.DateTimeField("最近收到数据")
    disconnected_at = models.DateTimeField("离线时间", null=True)
    close_reason = models.CharField("离线原因", max_length=32, blank=True)
    frames = models.BigIntegerField("消息数", default=0)
    positions = models.BigIntegerField("位置数", default=0)
    received_bytes = models.BigIntegerField("接收字节", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "终端连接"
        indexes = [models.Index(fields=["gateway"], condition=Q(disconnected_at=None), name="telemetry_session_open")]

    def __str__(self) -> str:
        return f"{self.source_id}"


class Command(models.Model):
    """下发指令: what the platform asks of a terminal, kept with its answer."""

    row_rule = Custom(VISIBLE_SOURCE, "follows its source")

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="commands", verbose_name="数据终端")
    kind = models.CharField("类型", max_length=16, choices=CHOICES)
    payload = models.JSONField("内容", default=dict)
    state = models.CharField("状态", max_length=16, choices=CommandState.choices, default=CommandState.WAITING)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    created_by_id = models.BigIntegerField("创建账号", null=True)
    sender = models.CharField("下发人", max_length=80, blank=True, db_default="")
    origin = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+", verbose_name="重发自")
    batch = models.CharField("批次", max_length=36, blank=True, db_default="")
    expires_at = models.DateTimeField("有效期至")
    gateway = models.CharField("网关", max_length=64, blank=True)
    serial = models.IntegerField("流水号", null=True)
    sent_at = models.DateTimeField("下发时间", null=True)
    answered_at = models.DateTimeField("应答时间", null=True)
    result = models.SmallIntegerField("应答结果", null=True)
    answer = models.JSONField("应答内容", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "下发指令"
        indexes = [
            models.Index(fields=["source", "-created_at"], name="telemetry_command_source"),
            models.Index(fields=["id"], condition=Q(state="waiting"), name="telemetry_command_waiting"),
            models.Index(fields=["id"], condition=Q(state="sent"), name="telemetry_command_sent"),
            models.Index(fields=["batch"], condition=~Q(batch=""), name="telemetry_command_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.kind}"


class Connection(models.Model):
    """连接记录: one connection of a source that has ended. Written by a trigger when a session ends or is replaced."""

    row_rule = Custom(VISIBLE_SOURCE, "follows its source", append_only=True)

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="connections", verbose_name="数据终端")
    gateway = models.CharField("网关", max_length=64)
    address = models.CharField("网络地址", max_length=64)
    connected_at = models.DateTimeField("上线时间")
    disconnected_at = models.DateTimeField("离线时间")
    close_reason = models.CharField("离线原因", max_length=32, blank=True)
    frames = models.BigIntegerField("消息数", default=0)
    positions = models.BigIntegerField("位置数", default=0)
    received_bytes = models.BigIntegerField("接收字节", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "连接记录"
        constraints = [models.UniqueConstraint(fields=["source", "connected_at"], name="telemetry_connection_once")]
        indexes = [models.Index(fields=["disconnected_at"], name="telemetry_connection_ended")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.connected_at:%Y-%m-%d %H:%M}"


class RawReader(models.Model):
    """读取进度: up to where a reader of kept messages has gone for certain; see ``raws.consume``."""

    row_rule = Custom(SYSTEM, "bookkeeping of the system's readers")

    name = models.CharField("读取者", max_length=64, primary_key=True)
    floor_id = models.BigIntegerField("已定界", default=0)
    seen_id = models.BigIntegerField("已见", default=0)
    seen_at = models.DateTimeField("见于", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "留存报文读取进度"

    def __str__(self) -> str:
        return self.name


class RawTaken(models.Model):
    """已读报文: a kept message above the floor that a reader has taken."""

    row_rule = Custom(SYSTEM, "bookkeeping of the system's readers")

    reader = models.ForeignKey(RawReader, on_delete=models.CASCADE, verbose_name="读取者")
    raw_id = models.BigIntegerField("报文")

    class Meta:
        verbose_name = verbose_name_plural = "已读留存报文"
        constraints = [models.UniqueConstraint(fields=["reader", "raw_id"], name="telemetry_taken_once")]

    def __str__(self) -> str:
        return f"{self.reader_id} {self.raw_id}"
