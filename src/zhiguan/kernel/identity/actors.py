"""Actors kept for a moment, so that not every request reads the grants again.

What is kept is used only while the account's ``access_version``, read with every request, is the same; so a grant
given, changed or taken away acts on the very next request. Changes of the organisation tree act after LIFE_S seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import replace

from django.db import connection
from django.utils import timezone

from zhiguan.kit.actor import Actor

from .models import Account, ApiKey
from .service import actor_for, key_for

LIFE_S = 5.0
KEPT = 2000
FRESH = """SELECT k.id, k.digest, k.account_id, a.access_version FROM identity_apikey k
    JOIN identity_account a ON a.id = k.account_id LEFT JOIN identity_allowedapp p ON p.id = k.app_id
    WHERE k.prefix = %s AND k.revoked_at IS NULL AND k.expires_at > now() AND a.is_active
      AND (k.app_id IS NULL OR p.active) AND k.last_used_at > now() - interval '5 minutes'"""
"""What has to be asked anew of a key with every request; its permissions cannot change."""
_kept: OrderedDict[tuple, tuple[float, Actor]] = OrderedDict()


def actor_of(
    account: Account, *, key: ApiKey | None = None, via: str = "web", address: str = "", request_id: str = ""
) -> Actor:
    """Return the account as an actor, as :func:`service.actor_for` does; with ``key``, only what the key allows."""
    # The database is part of the key: tests have many, with the same keys of rows.
    wanted = (
        connection.settings_dict["NAME"], account.pk, account.access_version, account.unit_id, account.person_id,
        timezone.localdate(), None if key is None else tuple(key.permissions),
    )  # fmt: skip
    now = time.monotonic()
    found = _kept.get(wanted)
    if found is None or found[0] < now:
        made = actor_for(account, only=None if key is None else key.permissions)
        found = (now + LIFE_S, made)
        _kept[wanted] = found
        while len(_kept) > KEPT:
            try:
                _kept.popitem(last=False)
            except KeyError:  # another thread was faster
                break
    return _as(found[1], via, address, request_id)


_keyed: OrderedDict[tuple, tuple[float, Actor]] = OrderedDict()


def actor_of_key(secret: str, *, address: str = "", request_id: str = "") -> tuple[int, Actor] | None:
    """Return (the key's id, its account as an actor with what the key allows); None when the key is not valid.

    Within LIFE_S of the last full look one small query decides: is the key still good, and are the grants the same.
    """
    digest = hashlib.sha256(secret.encode()).hexdigest()
    with connection.prepared_cursor() as cursor:
        cursor.execute(FRESH, [secret[:12]])
        row = cursor.fetchone()
    today, now = timezone.localdate(), time.monotonic()
    if row is not None and hmac.compare_digest(row[1], digest):
        found = _keyed.get((connection.settings_dict["NAME"], *row, today))
        if found is not None and found[0] >= now:
            return row[0], _as(found[1], "api", address, request_id)
    key = key_for(secret)
    if key is None:
        return None
    made = actor_of(key.account, key=key, via="api")
    known = (connection.settings_dict["NAME"], key.pk, key.digest, key.account_id, key.account.access_version, today)
    _keyed[known] = (now + LIFE_S, made)
    while len(_keyed) > KEPT:
        try:
            _keyed.popitem(last=False)
        except KeyError:  # another thread was faster
            break
    return key.pk, _as(made, "api", address, request_id)


def _as(made: Actor, via: str, address: str, request_id: str) -> Actor:
    """Return the actor for one request."""
    fresh = replace(made, via=via, address=address, request_id=request_id)
    fresh.__dict__["frame"] = made.frame  # depends on the permissions alone; making it is the dearest part
    return fresh
