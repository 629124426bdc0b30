"""Codes and permissions of the working-day calendar."""

from django.db.models import TextChoices

from zhiguan.kit.manifest import MenuGroup, Permission


class DayKind(TextChoices):
    OFF = "off", "放假"
    WORK = "work", "调休上班"


MENU = MenuGroup("base", "基础数据", 800, "database")
PERMISSIONS = (Permission("calendar.year.manage", "维护工作日历"),)
