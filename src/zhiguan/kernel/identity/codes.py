"""Permissions, roles and codes of identity. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kit.manifest import MenuGroup, Permission, RoleTemplate


class ScopeKind(TextChoices):
    """数据权限范围: which units' rows a grant reaches, seen from the unit it names."""

    SELF = "self", "仅本人"
    UNIT = "unit", "本处室"
    BELOW = "below", "本处室及下级"
    ORGAN = "organ", "本单位"
    DISTRICT = "district", "本区"
    CITY = "city", "全市"
    CUSTOM = "custom", "指定单位"


class RoleKind(TextChoices):
    """Administrators exclude each other and every business role (三员分立)."""

    BUSINESS = "business", "业务角色"
    SYSTEM_ADMIN = "system_admin", "系统管理员"
    SECURITY_ADMIN = "security_admin", "安全管理员"
    AUDIT_ADMIN = "audit_admin", "审计管理员"


class GrantState(TextChoices):
    PROPOSED = "proposed", "待复核"
    ACTIVE = "active", "已生效"
    REFUSED = "refused", "未通过"
    REVOKED = "revoked", "已撤销"


MENU = MenuGroup("identity", "系统管理", 900, "settings")

PERMISSIONS = (
    Permission("identity.account.view", "查看账号"),
    Permission("identity.account.manage", "维护账号"),
    Permission("identity.grant.view", "查看授权"),
    Permission("identity.grant.propose", "提出授权"),
    Permission("identity.grant.confirm", "复核授权"),
    Permission("identity.session.view", "查看在线会话"),
    Permission("identity.session.end", "强制下线"),
    Permission("identity.policy.manage", "维护口令与会话策略"),
    Permission("identity.matrix.export", "导出权限矩阵"),
    Permission("identity.apikey.manage", "维护接口密钥"),
    Permission("identity.app.manage", "维护应用白名单"),
)

ROLES = (
    RoleTemplate(
        "system_admin",
        "系统管理员",
        (
            "identity.account.view",
            "identity.account.manage",
            "identity.grant.view",
            "identity.grant.propose",
            "identity.app.manage",
            "orgs.unit.view",
            "orgs.unit.manage",
            "events.job.view",
            "events.job.manage",
        ),
        scope="city",
        kind="system_admin",
    ),
    RoleTemplate(
        "security_admin",
        "安全管理员",
        (
            "identity.account.view",
            "identity.grant.view",
            "identity.grant.confirm",
            "identity.session.view",
            "identity.session.end",
            "identity.policy.manage",
            "identity.matrix.export",
            "identity.apikey.manage",
        ),
        scope="city",
        kind="security_admin",
    ),
    RoleTemplate(
        "audit_admin",
        "审计管理员",
        ("identity.grant.view", "identity.matrix.export", "trace.entry.view", "trace.checkpoint.view"),
        scope="city",
        kind="audit_admin",
    ),
)

PASSWORD_RULES = {
    "min_length": 10,
    "min_classes": 3,
    "max_age_days": 90,
    "history": 5,
    "lock_after": 5,
    "lock_minutes": 15,
    "idle_minutes": 30,
}
"""Rules in force until the security administrator sets others (page 口令与会话策略)."""
