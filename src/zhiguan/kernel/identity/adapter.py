"""How allauth works here: no self-registration, messages that do not tell whether an account exists."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from .lockout import forget_failures
from .models import Account
from .passwords import note_age, rules

HISTORY_KEPT = 24


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "账号或口令不正确，或账号已停用、被锁定。连续输错会暂时锁定账号。",
        "incorrect_password": "当前密码不正确。",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return where a changed password leads: to work, not back to the form."""
        return "/"

    def set_password(self, user: Account, password: str) -> None:
        """Set the password, remember the old one's digest, and lift the duty to change it."""
        user.password_history = [user.password, *user.password_history][:HISTORY_KEPT]
        user.set_password(password)
        user.must_change_password = False
        user.password_set_at = timezone.now()
        user.save(update_fields=["password", "password_history", "must_change_password", "password_set_at"])

    def login(self, request: HttpRequest, user: Account) -> None:
        """Begin the session, after every factor."""
        super().login(request, user)
        forget_failures(user.pk)
        request.session.set_expiry(rules()["idle_minutes"] * 60)
        note_age(request, user)


class FactorAdapter(DefaultMFAAdapter):
    """Second factors and passkeys, in our words."""

    error_messages = {
        "cannot_delete_authenticator": "不能停用双因素验证。",
        "cannot_generate_recovery_codes": "启用动态口令或添加通行密钥后，才能生成恢复码。",
        "incorrect_code": "验证没有通过，请核对后重新输入。",
        "unverified_email": "电子邮箱尚未验证，不能启用双因素验证。",
        "add_email_blocked": "启用双因素验证的账号不能在此变更电子邮箱。",
    }

    def generate_authenticator_name(self, user: Account, type: str) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"通行密钥 {count + 1}"

    def _get_user_identifier(self, user: Account) -> str:
        return user.username

    def _get_site_name(self) -> str:
        return settings.ZHIGUAN_SITE_NAME
