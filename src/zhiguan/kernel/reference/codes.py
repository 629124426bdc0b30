"""Permissions, roles and acts of reference data; how sure a value is."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate

MANAGE = "reference.fact.manage"


class Evidence(TextChoices):
    """What was read to be sure of a value."""

    OFFICIAL = "official", "已读原文"
    MULTIPLE = "multiple", "多份资料一致"
    SINGLE = "single", "一份资料"
    NONE = "none", "未见原文"


class Status(TextChoices):
    """What kind of source a value has."""

    RULE = "rule", "法规标准"
    PRACTICE = "practice", "实践做法"
    PROPOSAL = "proposal", "建议值"


class Bound(TextChoices):
    """How a number limits what it is about."""

    EQUAL = "", "等于"
    MAX = "max", "不超过"
    MIN = "min", "不少于"
    OVER = "over", "超过"


PERMISSIONS = (Permission(MANAGE, "调整标准与阈值"),)
TRACED = (TraceCode("reference.fact.adjust", "调整标准依据"),)
ROLES = (
    RoleTemplate(
        "base.keeper",
        "基础数据管理人员",
        ("calendar.year.manage", "calendar.hours.manage", "files.limit.manage", MANAGE),
        scope="city",
    ),
)
