"""Lock-out after repeated failures, of the password and of the second factor together."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from .models import Account
from .passwords import rules


def count_failure(account_id: int) -> None:
    """Count one failure, in conditional updates, so that parallel guesses are all counted; lock when it is one too many."""
    wanted = rules()
    Account.objects.filter(pk=account_id).update(failed_count=F("failed_count") + 1)
    Account.objects.filter(pk=account_id, failed_count__gte=wanted["lock_after"]).update(
        locked_until=timezone.now() + timedelta(minutes=wanted["lock_minutes"]), failed_count=0
    )


def forget_failures(account_id: int) -> None:
    """Begin to count anew. Only a complete sign-in does: a right password alone must not buy guesses of the code."""
    Account.objects.filter(pk=account_id, failed_count__gt=0).update(failed_count=0, locked_until=None)


def is_locked(account_id: int) -> bool:
    """Tell whether the account is locked at this moment."""
    return Account.objects.filter(pk=account_id, locked_until__gt=timezone.now()).exists()
