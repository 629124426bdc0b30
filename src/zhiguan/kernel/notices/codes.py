"""Channels, states, permissions and traced acts of notices. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate

from .declare import DIGEST, INSTANT, OFF


class Channel(TextChoices):
    MAIL = "mail", "邮件"
    WEBHOOK = "webhook", "对接系统"


class Mode(TextChoices):
    OFF = OFF, "不发送"
    INSTANT = INSTANT, "即时发送"
    DIGEST = DIGEST, "每日汇总"


class SendState(TextChoices):
    PENDING = "pending", "待发送"
    SENT = "sent", "已发送"
    FAILED = "failed", "发送失败"


SEND_COLOURS = {"pending": "azure", "sent": "green", "failed": "red"}

DELIVERY_VIEW = "notices.delivery.view"
PERMISSIONS = (Permission(DELIVERY_VIEW, "查看通知发送情况"),)
OPERATOR = RoleTemplate("notices.operator", "通知运维人员", (DELIVERY_VIEW,), scope="organ")
TRACED = (TraceCode("notices.preference.change", "修改通知设置"),)
