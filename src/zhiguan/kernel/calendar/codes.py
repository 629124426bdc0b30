"""Kinds of days, permissions and traced acts of the calendar. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import MenuGroup, Permission


class DayKind(TextChoices):
    HOLIDAY = "holiday", "放假"
    SWAP = "swap", "调休上班"


class Origin(TextChoices):
    """Who brought a row: the product, or the people of this installation."""

    BUILTIN = "builtin", "系统内置"
    LOCAL = "local", "本地维护"


MENU = MenuGroup("base", "基础数据", 800, "database")

YEAR_MANAGE = "calendar.year.manage"
HOURS_MANAGE = "calendar.hours.manage"

PERMISSIONS = (
    Permission(YEAR_MANAGE, "维护年度节假日安排"),
    Permission(HOURS_MANAGE, "维护工作时间"),
)
TRACED = (
    TraceCode("calendar.year.load", "装入年度节假日安排"),
    TraceCode("calendar.hours.set", "设定工作时间"),
)
