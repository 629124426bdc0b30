"""Double submit: each form carries a token; whoever sends it second is led to where the first one ended.

The second request waits on an advisory lock until the first one's transaction is over, then reads the session again,
which that transaction has written. So even two clicks in the same millisecond act once.
"""

from __future__ import annotations

import uuid

from django.contrib.sessions.backends.base import SessionBase
from django.db import connection
from django.http import HttpRequest

KEY = "zg.submitted"
KEEP = 40


def token() -> str:
    """Return a new token for a form."""
    return uuid.uuid4().hex


def ended_at(request: HttpRequest, used: str) -> str | None:
    """Return the address the form with this token already ended at, or None when it has not been submitted."""
    session: SessionBase = request.session
    if not used or len(used) > 64:
        return None
    key = session.session_key
    if key is None:
        return session.get(KEY, {}).get(used)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"zg.form {key} {used}"])
    return type(session)(session_key=key).get(KEY, {}).get(used)


def ended(request: HttpRequest, used: str, url: str) -> None:
    """Note that the form with this token was done and ended at ``url``; committed with the work itself."""
    if not used or len(used) > 64:
        return
    session: SessionBase = request.session
    kept = dict(session.get(KEY, {}))
    kept[used] = url
    session[KEY] = dict(list(kept.items())[-KEEP:])
    if session.session_key is not None:
        session.save()
