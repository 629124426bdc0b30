"""How allauth works here: no self-registration, messages that do not tell whether an account exists."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest
from django.utils import timezone

from .models import Account
from .passwords import rules

HISTORY_KEPT = 24


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "账号或口令不正确，或账号已停用、被锁定。连续输错会暂时锁定账号。",
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
        super().login(request, user)
        request.session.set_expiry(rules()["idle_minutes"] * 60)


class SocialAdapter(DefaultSocialAccountAdapter):
    """Sign-in by OIDC binds to an existing account of the same name; it never creates one."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.is_existing:
            return
        data = sociallogin.account.extra_data
        claims = data.get("userinfo", data)
        name = claims.get("preferred_username") or claims.get("sub") or ""
        account = Account.objects.filter(username__iexact=name, is_active=True).first()
        if account is not None:
            sociallogin.connect(request, account)
