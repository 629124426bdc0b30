"""Sign-in with account and password, with lock-out after repeated failures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from .models import Account
from .passwords import rules


class AccountBackend(BaseBackend):
    """Counts failures in conditional updates, so that parallel guesses are all counted."""

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
            Account.objects.filter(pk=account.pk, failed_count__gt=0).update(failed_count=0, locked_until=None)
            return account
        wanted = rules()
        Account.objects.filter(pk=account.pk).update(failed_count=F("failed_count") + 1)
        Account.objects.filter(pk=account.pk, failed_count__gte=wanted["lock_after"]).update(
            locked_until=timezone.now() + timedelta(minutes=wanted["lock_minutes"]), failed_count=0
        )
        return None

    def get_user(self, user_id: int) -> Account | None:
        return Account.objects.select_related("person", "unit").filter(pk=user_id, is_active=True).first()
