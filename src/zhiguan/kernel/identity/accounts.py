"""Verbs on accounts, sessions' policy, allowed applications and keys. The site traces them: the log lies above us."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .codes import PASSWORD_RULES, GrantState, RoleKind
from .models import Account, AllowedApp, ApiKey, Grant, Policy

ALPHABET = string.ascii_letters + string.digits
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
RULE_RANGES = {
    "min_length": (8, 64), "min_classes": (1, 4), "max_age_days": (1, 3650), "history": (1, 24), "lock_after": (3, 20),
    "lock_minutes": (1, 1440), "idle_minutes": (5, 480),
}  # fmt: skip
RULE_NAMES = {
    "min_length": "口令最小长度（位）", "min_classes": "口令须含字符种类（类）", "max_age_days": "口令有效期（天）",
    "history": "不得重复使用的历史口令（次）", "lock_after": "连续失败几次后锁定（次）", "lock_minutes": "锁定时长（分钟）",
    "idle_minutes": "会话空闲时限（分钟）",
}  # fmt: skip


def new_password() -> str:
    """Return a password for the first sign-in: meets any rule that can be set, and can be read out."""
    groups = ["".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4)]
    groups[0] = secrets.choice(string.ascii_uppercase) + groups[0][1:]
    groups[1] = secrets.choice(string.digits) + groups[1][1:]
    groups[2] = secrets.choice(string.ascii_lowercase) + groups[2][1:]
    return "-".join(groups)


def is_administrator(account: Account) -> bool:
    """Tell whether the account holds, or is proposed for, the role of one of the three administrators."""
    held = Grant.objects.filter(account=account, state__in=[GrantState.ACTIVE, GrantState.PROPOSED])
    return held.exclude(role__kind=RoleKind.BUSINESS).exists()


@transaction.atomic
def create_account(
    actor: Actor, *, username: str, person: Any = None, unit: Any = None, email: str = ""
) -> tuple[Account, str]:
    """新建账号: return the account and its first password, shown this once; it must be changed at first sign-in.

    Without a person it is a service account (接口账号) of ``unit``. Raises Invalid for a malformed or taken name.
    """
    actor.require("identity.account.manage")
    if not USERNAME.fullmatch(username):
        raise Invalid(
            "账号格式不符。", fields={"username": "由小写字母、数字和 . _ - 组成，2 至 64 位，以字母或数字开头。"}
        )
    if person is None and unit is None:
        raise Invalid("请填写人员，或为接口账号选择所属单位。", fields={"unit": "接口账号须选择所属单位。"})
    secret = new_password()
    account = Account(
        username=username, person=person, unit=person.unit if person is not None else unit, email=email,
        password_set_at=timezone.now(),
    )  # fmt: skip
    account.set_password(secret)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("该账号已存在。", code="username_taken", fields={"username": "该账号已存在。"}) from error
    return account, secret


def disable_account(actor: Actor, account: Account) -> Account:
    """停用账号: its sessions and keys stop working at once. Nobody disables themselves."""
    actor.require("identity.account.manage")
    if account.pk == actor.account_id:
        raise Denied("不能停用自己的账号。", code="own_account")
    return _switch(account, on=False)


def enable_account(actor: Actor, account: Account) -> Account:
    """启用账号."""
    actor.require("identity.account.manage")
    return _switch(account, on=True)


def _switch(account: Account, *, on: bool) -> Account:
    if not Account.objects.filter(pk=account.pk, is_active=not on).update(is_active=on):
        raise Conflict(f"该账号已是{'启用' if on else '停用'}状态。", code="state_changed")
    account.refresh_from_db()
    return account


def unlock_account(actor: Actor, account: Account) -> Account:
    """解锁账号: end a lock-out before its time."""
    actor.require("identity.account.manage")
    Account.objects.filter(pk=account.pk).update(locked_until=None, failed_count=0)
    account.refresh_from_db()
    return account


@transaction.atomic
def reset_password(actor: Actor, account: Account) -> str:
    """重置口令: return a new password, shown this once. Whoever signs in with it must set their own.

    An administrator's is not reset by another one: who could, would hold both offices (三员分立). From the server it can be.
    """
    actor.require("identity.account.manage")
    if not actor.system and account.pk != actor.account_id and is_administrator(account):
        raise Denied(
            "管理员账号的口令不能由另一名管理员重置，请在服务器上用 zhiguan manage reset_account 办理。",
            code="administrators_overlap",
        )
    secret = new_password()
    kept = Account.objects.select_for_update().get(pk=account.pk)
    kept.password_history = [kept.password, *kept.password_history][:24]
    kept.set_password(secret)
    kept.must_change_password, kept.password_set_at = True, timezone.now()
    kept.failed_count, kept.locked_until = 0, None
    kept.save()
    return secret


@transaction.atomic
def clear_factors(actor: Actor, account: Account) -> int:
    """清除登录验证方式: take away the second factors and passkeys of somebody who has lost them; return how many.

    Not of another administrator's account, as with the password.
    """
    from allauth.mfa.models import Authenticator

    actor.require("identity.account.manage")
    if not actor.system and account.pk != actor.account_id and is_administrator(account):
        raise Denied(
            "管理员账号的登录验证方式不能由另一名管理员清除，请在服务器上用 zhiguan manage reset_account 办理。",
            code="administrators_overlap",
        )
    count, _ = Authenticator.objects.filter(user_id=account.pk).delete()
    if not count:
        raise Conflict("该账号没有登录验证方式。", code="state_changed")
    return count


@transaction.atomic
def set_rules(actor: Actor, values: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Set the rules of passwords and sessions; return what changed: rule → (before, after)."""
    from .passwords import rules

    actor.require("identity.policy.manage")
    before, changed = rules(), {}
    for key, value in values.items():
        low, high = RULE_RANGES[key]
        if not low <= value <= high:
            message = f"应在 {low} 至 {high} 之间。"
            raise Invalid(f"{RULE_NAMES[key]}{message}", fields={key: message})
        if before[key] != value:
            Policy.objects.update_or_create(key=key, defaults={"value": value})
            changed[key] = (before[key], value)
    return changed


def allow_app(actor: Actor, *, code: str, name: str, origin: str = "") -> AllowedApp:
    """登记应用: programs of this application may be given keys."""
    actor.require("identity.app.manage")
    try:
        with transaction.atomic():
            return AllowedApp.objects.create(code=code, name=name, origin=origin)
    except IntegrityError as error:
        raise Conflict("该应用代码已登记。", code="app_taken", fields={"code": "该应用代码已登记。"}) from error


def switch_app(actor: Actor, app: AllowedApp, *, active: bool) -> AllowedApp:
    """停用或启用应用: the keys of one that is not active open nothing."""
    actor.require("identity.app.manage")
    if not AllowedApp.objects.filter(pk=app.pk, active=not active).update(active=active):
        raise Conflict(f"该应用已是{'启用' if active else '停用'}状态。", code="state_changed")
    app.refresh_from_db()
    return app


def revoke_key(actor: Actor, key: ApiKey) -> ApiKey:
    """停用密钥: by its holder, or by who looks after keys. It cannot be undone."""
    if key.account_id != actor.account_id:
        actor.require("identity.apikey.manage")
    if not ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        raise Conflict("该密钥已停用。", code="state_changed")
    key.refresh_from_db()
    return key


assert set(RULE_RANGES) == set(RULE_NAMES) == set(PASSWORD_RULES)
