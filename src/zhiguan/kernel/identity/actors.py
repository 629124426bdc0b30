"""Actors kept for a moment, so that not every request reads the grants again.

What is kept is used only while the account's ``access_version``, read with every request, is the same; so a grant
given, changed or taken away acts on the very next request. Changes of the organisation tree act after LIFE_S seconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace

from django.db import connection
from django.utils import timezone

from zhiguan.kit.actor import Actor

from .models import Account, ApiKey
from .service import actor_for

LIFE_S = 5.0
KEPT = 2000
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
    made = found[1]
    fresh = replace(made, via=via, address=address, request_id=request_id)
    fresh.__dict__["frame"] = made.frame  # depends on the permissions alone; making it is the dearest part
    return fresh
