"""Verbs of the system's administration, each with its entry in the log. Identity lies below the log, so we join them."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction

from zhiguan.kernel.identity import accounts, service
from zhiguan.kernel.identity.service import Account, AllowedApp, ApiKey, Grant
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit.actor import Actor


def _about(row: Any, label: str = "") -> Subject:
    unit = getattr(row, "unit", None)
    return Subject(row._meta.label_lower, str(row.pk), label or str(row), unit.pos if unit is not None else None)


@transaction.atomic
def create_account(actor: Actor, **values: Any) -> tuple[Account, str]:
    account, secret = accounts.create_account(actor, **values)
    trace.record(actor, "identity.account.create", _about(account))
    return account, secret


@transaction.atomic
def disable_account(actor: Actor, account: Account, *, reason: str) -> Account:
    accounts.disable_account(actor, account)
    for session in UserSession.objects.filter(user=account):
        session.end()
    trace.record(actor, "identity.account.disable", _about(account), reason=reason)
    return account


@transaction.atomic
def enable_account(actor: Actor, account: Account, *, reason: str) -> Account:
    accounts.enable_account(actor, account)
    trace.record(actor, "identity.account.enable", _about(account), reason=reason)
    return account


@transaction.atomic
def unlock_account(actor: Actor, account: Account) -> Account:
    accounts.unlock_account(actor, account)
    trace.record(actor, "identity.account.unlock", _about(account))
    return account


@transaction.atomic
def reset_password(actor: Actor, account: Account, *, reason: str) -> str:
    secret = accounts.reset_password(actor, account)
    for session in UserSession.objects.filter(user=account).exclude(user_id=actor.account_id):
        session.end()
    trace.record(actor, "identity.account.reset_password", _about(account), reason=reason)
    return secret


@transaction.atomic
def clear_factors(actor: Actor, account: Account, *, reason: str) -> Account:
    accounts.clear_factors(actor, account)
    trace.record(actor, "identity.account.clear_factors", _about(account), reason=reason)
    return account


@transaction.atomic
def propose_grant(actor: Actor, **values: Any) -> Grant:
    grant = service.propose_grant(actor, values.pop("account"), values.pop("role"), **values)
    trace.record(actor, "identity.grant.propose", _about(grant), after=_grant(grant), reason=grant.reason)
    return grant


@transaction.atomic
def confirm_grant(actor: Actor, grant: Grant) -> Grant:
    grant = service.decide_grant(actor, grant, agree=True)
    trace.record(actor, "identity.grant.confirm", _about(grant), after=_grant(grant))
    return grant


@transaction.atomic
def refuse_grant(actor: Actor, grant: Grant, *, reason: str) -> Grant:
    grant = service.decide_grant(actor, grant, agree=False)
    trace.record(actor, "identity.grant.refuse", _about(grant), after=_grant(grant), reason=reason)
    return grant


@transaction.atomic
def revoke_grant(actor: Actor, grant: Grant, *, reason: str) -> Grant:
    before = _grant(grant)
    grant = service.revoke_grant(actor, grant)
    trace.record(actor, "identity.grant.revoke", _about(grant), before=before, after=_grant(grant), reason=reason)
    return grant


def _grant(grant: Grant) -> dict[str, Any]:
    return {
        "account": grant.account.username, "role": grant.role.code, "scope": grant.scope, "state": grant.state,
        "unit": grant.unit.code if grant.unit else None, "valid_from": grant.valid_from.isoformat(),
        "valid_to": grant.valid_to.isoformat() if grant.valid_to else None,
        "custom_units": sorted(grant.custom_units.values_list("code", flat=True)),
    }  # fmt: skip


@transaction.atomic
def set_rules(actor: Actor, values: dict[str, int]) -> dict[str, tuple[int, int]]:
    changed = accounts.set_rules(actor, values)
    if changed:
        trace.record(
            actor, "identity.policy.change", Subject("identity.policy", "", "口令与会话策略"),
            before={key: old for key, (old, _) in changed.items()}, after={key: new for key, (_, new) in changed.items()},
        )  # fmt: skip
    return changed


@transaction.atomic
def end_session(actor: Actor, session: UserSession, *, reason: str) -> None:
    actor.require("identity.session.end")
    subject = Subject("identity.account", str(session.user_id), session.user.username)
    session.end()
    trace.record(actor, "identity.session.end", subject, reason=reason)


@transaction.atomic
def allow_app(actor: Actor, **values: Any) -> AllowedApp:
    app = accounts.allow_app(actor, **values)
    trace.record(actor, "identity.app.create", _about(app))
    return app


@transaction.atomic
def disable_app(actor: Actor, app: AllowedApp, *, reason: str) -> AllowedApp:
    accounts.switch_app(actor, app, active=False)
    trace.record(actor, "identity.app.disable", _about(app), reason=reason)
    return app


@transaction.atomic
def enable_app(actor: Actor, app: AllowedApp, *, reason: str) -> AllowedApp:
    accounts.switch_app(actor, app, active=True)
    trace.record(actor, "identity.app.enable", _about(app), reason=reason)
    return app


@transaction.atomic
def issue_key(actor: Actor, **values: Any) -> tuple[ApiKey, str]:
    """签发接口密钥: for the actor's own account, with permissions the actor holds."""
    assert actor.account_id is not None
    account = Account.objects.get(pk=actor.account_id)
    key, secret = service.issue_key(actor, account, **values)
    trace.record(actor, "identity.apikey.issue", _about(key), after={"permissions": key.permissions, "app": key.app_id})
    return key, secret


@transaction.atomic
def revoke_key(actor: Actor, key: ApiKey, *, reason: str) -> ApiKey:
    accounts.revoke_key(actor, key)
    trace.record(actor, "identity.apikey.revoke", _about(key), reason=reason)
    return key
