"""Verbs and questions of identity."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, prefetch_related_objects
from django.utils import timezone

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, Scope, merge
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.manifest import Permission, RoleTemplate
from zhiguan.kit.questions import Question

from .codes import GrantState, RoleKind, ScopeKind
from .models import Account, AllowedApp, ApiKey, Grant, Role

KEY_PREFIX = "zgk_"


def grants_in_force(account_id: int, on: date) -> list[Grant]:
    """Return the account's active grants valid on the date, with role, unit and custom units loaded."""
    return list(
        Grant.objects.filter(account_id=account_id, state=GrantState.ACTIVE, valid_from__lte=on)
        .filter(Q(valid_to__isnull=True) | Q(valid_to__gte=on))
        .select_related("role", "unit")
        .prefetch_related("custom_units")
    )


_WIDE = {str(ScopeKind.ORGAN): "organ", str(ScopeKind.DISTRICT): "district", str(ScopeKind.CITY): "city"}
"""Scopes that reach the nearest unit of a kind, from the grant's unit upwards."""


def _ranges(grant: Grant, ancestors: Iterable, person_unit) -> tuple[tuple[int, int], ...]:
    unit = grant.unit or person_unit
    if grant.scope == ScopeKind.CUSTOM:
        return merge([(each.pos, each.pos_end) for each in grant.custom_units.all()])
    if grant.scope == ScopeKind.SELF or unit is None:
        return ()
    if grant.scope == ScopeKind.UNIT:
        return ((unit.pos, unit.pos),)
    if grant.scope == ScopeKind.BELOW:
        return ((unit.pos, unit.pos_end),)
    wanted = _WIDE[grant.scope]
    if unit.kind == wanted:
        return ((unit.pos, unit.pos_end),)
    above = [each for each in ancestors if each.pos <= unit.pos <= each.pos_end and each.kind == wanted]
    nearest = max(above, key=lambda each: each.pos_end * -1, default=None)
    return () if nearest is None else ((nearest.pos, nearest.pos_end),)


def actor_for(
    account: Account,
    *,
    via: str = "web",
    address: str = "",
    request_id: str = "",
    only: Iterable[str] | None = None,
    on: date | None = None,
) -> Actor:
    """Return the account as an actor with the permissions of the grants in force ``on`` the date (today).

    ``only`` narrows the permissions (an API key's). A scope whose unit cannot be found reaches nothing.
    """
    from zhiguan.kernel.orgs.service import containing

    grants = grants_in_force(account.pk, on or timezone.localdate())
    unit = account.unit
    positions = {each.pos for each in [unit, *(grant.unit for grant in grants)] if each is not None}
    wide = any(grant.scope in _WIDE for grant in grants)
    ancestors = containing(positions) if wide else []
    allowed = None if only is None else set(only)
    permissions: dict[str, Scope] = {}
    for grant in grants:
        person = account.person_id if grant.role.kind == RoleKind.BUSINESS else None
        scope = Scope(_ranges(grant, ancestors, unit), person)
        for code in grant.role.permissions:
            if allowed is None or code in allowed:
                permissions[code] = permissions[code] | scope if code in permissions else scope
    return Actor(
        name=account.display_name,
        account_id=account.pk,
        person_id=account.person_id,
        unit_id=account.unit_id,
        unit_pos=unit.pos if unit else None,
        unit_name=unit.name if unit else "",
        roles=tuple({grant.role.code: grant.role.name for grant in grants}.items()),
        permissions=permissions,
        via=via,
        address=address,
        request_id=request_id,
    )


def _held(wanted: Q, day: date) -> QuerySet[Grant]:
    """The grants in force on the day of people in service."""
    lasting = Q(valid_to__isnull=True) | Q(valid_to__gte=day)
    rows = Grant.objects.filter(wanted, lasting, state=GrantState.ACTIVE, valid_from__lte=day, account__is_active=True)
    rows = rows.filter(account__person__active=True).select_related("role", "unit", "account__unit", "account__person")
    return rows.order_by("account_id")


@Question
def _granting(permission: str, day: date) -> QuerySet[Grant]:
    return _held(Q(role__permissions__contains=[permission]), day)


@Question
def _of_role(role: str, day: date) -> QuerySet[Grant]:
    return _held(Q(role__code=role), day)


def grantees(*, permission: str = "", role: str = "", on: date | None = None) -> list[tuple[Account, tuple]]:
    """Return (account of a person in service, ranges of positions) of everybody who holds a permission, or a role.

    ``ranges`` are those over which it is held, merged. For finding people who may act; what they do asks again.
    """
    from zhiguan.kernel.orgs.service import containing

    day = on or timezone.localdate()
    grants = _granting(permission, day) if permission else _of_role(role, day)
    prefetch_related_objects([grant for grant in grants if grant.scope == ScopeKind.CUSTOM], "custom_units")
    positions = {
        unit.pos for grant in grants
        if (unit := grant.unit or grant.account.unit) is not None and grant.scope in _WIDE and unit.kind != _WIDE[grant.scope]
    }  # fmt: skip
    ancestors = containing(positions) if positions else []
    found: dict[int, tuple[Account, list]] = {}
    for grant in grants:
        _, ranges = found.setdefault(grant.account_id, (grant.account, []))
        ranges += _ranges(grant, ancestors, grant.account.unit)
    return [(account, merge(ranges)) for account, ranges in found.values()]


def reaching(holders: Iterable[tuple[Account, tuple]], pos: int) -> list[Account]:
    """Return those of the :func:`grantees` whose ranges reach a position."""
    return [account for account, ranges in holders if any(lo <= pos <= hi for lo, hi in ranges)]


def grants_changed(*accounts: int) -> None:
    """Note that what these accounts may do has changed (none named: everybody's)."""
    rows = Account.objects.filter(pk__in=accounts) if accounts else Account.objects.all()
    rows.update(access_version=F("access_version") + 1)


def sync_roles() -> None:
    """Bring the built-in roles in line with what lines and parts declare. Run after migrations."""
    known = {permission.code for permission in registry.current().all(Permission)}
    for template in registry.current().all(RoleTemplate):
        Role.objects.update_or_create(
            code=template.code,
            defaults={
                "name": template.name,
                "kind": template.kind,
                "permissions": [code for code in template.permissions if code in known],
                "scope": template.scope,
                "builtin": True,
            },
        )
    grants_changed()


def _administrator_clash(account: Account, role: Role) -> bool:
    held = set(
        Grant.objects.filter(account=account, state__in=[GrantState.ACTIVE, GrantState.PROPOSED]).values_list(
            "role__kind", flat=True
        )
    )
    if role.kind == RoleKind.BUSINESS:
        return bool(held - {RoleKind.BUSINESS})
    return bool(held - {role.kind})


@transaction.atomic
def propose_grant(
    actor: Actor, account: Account, role: Role, *, scope: str, unit=None, custom_units=(), valid_from: date | None = None,
    valid_to: date | None = None, reason: str = "",
) -> Grant:  # fmt: skip
    """提出授权: ask that a role be granted; it has no effect until another administrator confirms.

    Raises ``Invalid`` when the account would unite administrators, or an administrator and business roles (三员分立).
    """
    actor.require("identity.grant.propose")
    Account.objects.select_for_update().get(pk=account.pk)  # two proposals at once must see each other
    if _administrator_clash(account, role):
        raise Invalid("系统管理员、安全管理员、审计管理员不得兼任，也不得同时持有业务角色。", code="administrators_overlap")
    grant = Grant.objects.create(
        account=account, role=role, scope=scope, unit=unit, valid_from=valid_from or timezone.localdate(),
        valid_to=valid_to, reason=reason, proposed_by_id=actor.account_id,
    )  # fmt: skip
    grant.custom_units.set(custom_units)
    return grant


@transaction.atomic
def decide_grant(actor: Actor, grant: Grant, *, agree: bool) -> Grant:
    """复核授权: confirm or refuse a proposed grant. The proposer may not decide; a decided grant is a ``Conflict``."""
    actor.require("identity.grant.confirm")
    if grant.proposed_by_id is not None and grant.proposed_by_id == actor.account_id:
        raise Denied("提出授权的人不能复核同一授权。", code="same_person")
    if grant.account_id == actor.account_id:
        raise Denied("不能复核给自己的授权。", code="own_grant")
    changed = Grant.objects.filter(pk=grant.pk, state=GrantState.PROPOSED).update(
        state=GrantState.ACTIVE if agree else GrantState.REFUSED,
        decided_by_id=actor.account_id,
        decided_at=timezone.now(),
    )
    if not changed:
        raise Conflict("该授权已被处理，请刷新后查看。")
    grants_changed(grant.account_id)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def revoke_grant(actor: Actor, grant: Grant) -> Grant:
    """撤销授权: end an active grant at once. Either administrator of the pair may revoke alone: less power is safe."""
    if not (actor.can("identity.grant.propose") or actor.can("identity.grant.confirm")):
        actor.require("identity.grant.propose")
    if not Grant.objects.filter(pk=grant.pk, state__in=[GrantState.ACTIVE, GrantState.PROPOSED]).update(
        state=GrantState.REVOKED, decided_at=timezone.now()
    ):
        raise Conflict("该授权已失效，请刷新后查看。")
    grants_changed(grant.account_id)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def issue_key(
    actor: Actor, account: Account, *, name: str, permissions: Iterable[str], days: int, app: AllowedApp | None = None
) -> tuple[ApiKey, str]:
    """签发接口密钥: return the key's record and its secret, shown this once and stored only as a digest."""
    if account.pk != actor.account_id:
        actor.require("identity.apikey.manage")
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        account=account, app=app, name=name, prefix=secret[:12], digest=hashlib.sha256(secret.encode()).hexdigest(),
        permissions=sorted(permissions), expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    return key, secret


def key_for(secret: str, *, now: datetime | None = None) -> ApiKey | None:
    """Return the live API key with this secret, or None."""
    moment = now or timezone.now()
    key = (
        ApiKey.objects.select_related("account__person", "account__unit")
        .filter(prefix=secret[:12], revoked_at__isnull=True, expires_at__gt=moment, account__is_active=True)
        .filter(Q(app__isnull=True) | Q(app__active=True))
        .first()
    )
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if key is None or not hmac.compare_digest(key.digest, digest):
        return None
    if key.last_used_at is None or moment - key.last_used_at > timedelta(minutes=5):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=moment)
    return key


def matrix() -> list[dict[str, str]]:
    """Return the permission matrix for auditors: one row per role, permission and holder with the scope in words."""
    names = {permission.code: permission.name for permission in registry.current().all(Permission)}
    rows = []
    for role in Role.objects.prefetch_related("grants__account__person", "grants__unit"):
        grants = [grant for grant in role.grants.all() if grant.state == GrantState.ACTIVE]
        for code in role.permissions or [""]:
            for grant in grants or [None]:
                rows.append(
                    {
                        "role": role.code, "role_name": role.name, "kind": role.get_kind_display(), "permission": code,
                        "permission_name": names.get(code, ""),
                        "account": grant.account.username if grant else "",
                        "person": grant.account.display_name if grant else "",
                        "scope": grant.get_scope_display() if grant else "",
                        "unit": grant.unit.name if grant and grant.unit else "",
                        "valid_from": grant.valid_from.isoformat() if grant else "",
                        "valid_to": grant.valid_to.isoformat() if grant and grant.valid_to else "",
                    }
                )  # fmt: skip
    return rows
