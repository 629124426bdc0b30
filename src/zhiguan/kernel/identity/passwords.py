"""Password rules that the security administrator can set."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from .codes import PASSWORD_RULES

if TYPE_CHECKING:
    from .models import Account

CLASSES = (r"[a-z]", r"[A-Z]", r"\d", r"[^a-zA-Z\d]")


def rules() -> dict[str, int]:
    """Return the rules in force: what was set, over the built-in values."""
    from .models import Policy

    return PASSWORD_RULES | dict(Policy.objects.values_list("key", "value"))


FIRST, EXPIRED = "first", "expired"
_EXPIRED_KEY = "zg_password_expired"


def note_age(request: HttpRequest, account: Account) -> None:
    """Note in the new session that the account's password is older than the rules allow."""
    since = account.password_set_at or account.created_at
    if since + timedelta(days=rules()["max_age_days"]) < timezone.now():
        request.session[_EXPIRED_KEY] = since.isoformat()


def duty(request: HttpRequest) -> str:
    """Return why whoever is signed in must set a new password before anything else: FIRST, EXPIRED, or empty.

    It binds sessions that began with the password. One that began with a passkey or at the provider of identities does
    not use it, and its owner may not even know it.
    """
    from allauth.account.authentication import get_authentication_records

    account = request.user
    if not account.is_authenticated:
        return ""
    kept = request.session.get(_EXPIRED_KEY)
    if not account.must_change_password and not kept:
        return ""
    for record in get_authentication_records(request, account):
        if record.get("method") == "socialaccount" or record.get("passwordless"):
            return ""
    if account.must_change_password:
        return FIRST
    return EXPIRED if kept == (account.password_set_at or account.created_at).isoformat() else ""


class ConfiguredRules:
    """Django password validator: length, kinds of characters and no reuse, as configured."""

    def validate(self, password: str, user: Account | None = None) -> None:
        wanted = rules()
        problems = []
        if len(password) < wanted["min_length"]:
            problems.append(f"口令至少 {wanted['min_length']} 位。")
        if sum(bool(re.search(kind, password)) for kind in CLASSES) < wanted["min_classes"]:
            problems.append(f"口令须包含大写字母、小写字母、数字、符号中的至少 {wanted['min_classes']} 类。")
        if user is not None and user.pk:
            used = [user.password, *user.password_history][: wanted["history"]]
            if any(digest and check_password(password, digest) for digest in used):
                problems.append(f"不能使用最近 {wanted['history']} 次用过的口令。")
        if problems:
            raise ValidationError(problems)

    def get_help_text(self) -> str:
        wanted = rules()
        return (
            f"至少 {wanted['min_length']} 位，包含大写字母、小写字母、数字、符号中的至少 {wanted['min_classes']} 类。"
        )
