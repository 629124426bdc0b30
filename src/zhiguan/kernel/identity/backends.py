"""Sign-in with account and password, with lock-out after repeated failures."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from .lockout import count_failure
from .models import Account


class AccountBackend(BaseBackend):
    """Asks for the password alone; a second factor, where there is one, is asked for afterwards."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> Account | None:
        if not username or password is None or "\x00" in username:
            return None
        account = Account.objects.filter(username__iexact=username).first()
        if account is None:
            make_password(password)  # an unknown account must cost as much time as a known one
            return None
        if account.locked or not account.is_active:
            return None
        if account.check_password(password):
            return account
        count_failure(account.pk)
        return None

    def get_user(self, user_id: int) -> Account | None:
        return Account.objects.select_related("person", "unit").filter(pk=user_id, is_active=True).first()
