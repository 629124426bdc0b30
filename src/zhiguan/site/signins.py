"""Sign-in, failed sign-in, sign-out and second factors, traced. They are events of libraries, so the site listens."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth import signals
from django.db import transaction
from django.http import HttpRequest

from zhiguan.kernel.identity.service import Account, actor_for
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit.actor import Actor

FACTORS = {"totp": "动态口令", "webauthn": "通行密钥", "recovery_codes": "恢复码"}


def _record(
    account: Account | None, code: str, request: HttpRequest | None, *, label: str = "", reason: str = ""
) -> None:
    address = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    request_id = getattr(request, "request_id", "")
    if account is not None:
        actor = actor_for(account, address=address, request_id=request_id)
    else:
        actor = Actor(name="未登录", address=address, request_id=request_id)
    subject = Subject(
        "identity.account", str(account.pk) if account else "", label or (account.username if account else "")
    )
    with transaction.atomic():
        trace.record(actor, code, subject, reason=reason)


def _signed_in(sender: Any, request: HttpRequest, user: Account, **_: Any) -> None:
    _record(user, "identity.session.begin", request)


def _signed_out(sender: Any, request: HttpRequest, user: Account | None, **_: Any) -> None:
    if user is not None:
        _record(user, "identity.session.finish", request)


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    # What was typed may be a password in the wrong field: only the name of a known account is kept.
    name = str(credentials.get("username", ""))[:64].replace("\0", "")
    account = Account.objects.filter(username__iexact=name).select_related("person", "unit").first() if name else None
    _record(account, "identity.session.refuse", request, label="" if account else "未知账号")


def _password_changed(sender: Any, request: HttpRequest, user: Account, **_: Any) -> None:
    _record(user, "identity.password.change", request)


def _factor(code: str) -> Any:
    def record(sender: Any, request: HttpRequest, user: Account, authenticator: Authenticator, **_: Any) -> None:
        _record(user, code, request, reason=FACTORS.get(authenticator.type, authenticator.type))

    return record


_factor_added, _factor_removed = _factor("identity.factor.add"), _factor("identity.factor.remove")
_factor_reset, _factor_failed = _factor("identity.factor.reset"), _factor("identity.session.refuse")


def connect() -> None:
    """Listen; called once, when Django is ready."""
    account_signals.password_changed.connect(_password_changed, dispatch_uid="zhiguan.password_changed")
    factor_signals.authenticator_added.connect(_factor_added, dispatch_uid="zhiguan.factor_added")
    factor_signals.authenticator_removed.connect(_factor_removed, dispatch_uid="zhiguan.factor_removed")
    factor_signals.authenticator_reset.connect(_factor_reset, dispatch_uid="zhiguan.factor_reset")
    factor_signals.authentication_failed.connect(_factor_failed, dispatch_uid="zhiguan.factor_failed")
    signals.user_logged_in.connect(_signed_in, dispatch_uid="zhiguan.signed_in")
    signals.user_logged_out.connect(_signed_out, dispatch_uid="zhiguan.signed_out")
    signals.user_login_failed.connect(_failed, dispatch_uid="zhiguan.login_failed")
