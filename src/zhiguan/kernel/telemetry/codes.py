"""Permissions, roles' building blocks and code lists of the telemetry part."""

from __future__ import annotations

from django.db import models

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission

SOURCE_MANAGE = Permission("telemetry.source.manage", "登记和停用数据终端")
POSITION_VIEW = Permission("telemetry.position.view", "查看位置和轨迹")
COMMAND_SEND = Permission("telemetry.command.send", "向终端下发指令")

ACTS = (
    TraceCode("telemetry.source.provision", "登记数据终端"),
    TraceCode("telemetry.source.rebind", "变更数据终端归属"),
    TraceCode("telemetry.source.activate", "启用数据终端"),
    TraceCode("telemetry.source.deactivate", "停用数据终端"),
    TraceCode("telemetry.source.erase", "删除数据终端的位置数据"),
    TraceCode("telemetry.command.withdraw", "撤回下发指令"),
)


class CommandState(models.TextChoices):
    """Life of a downlink. Only ``waiting`` is sent; ``sent`` waits for the answer; the others say how it ended."""

    WAITING = "waiting", "待下发"
    SENT = "sent", "已下发"
    ACKNOWLEDGED = "acknowledged", "终端已确认"
    REFUSED = "refused", "终端未执行"
    EXPIRED = "expired", "已过期"
    WITHDRAWN = "withdrawn", "已撤回"


COMMAND_COLOURS = {
    "waiting": "yellow", "sent": "azure", "acknowledged": "green", "refused": "red", "expired": "secondary",
    "withdrawn": "secondary",
}  # fmt: skip
