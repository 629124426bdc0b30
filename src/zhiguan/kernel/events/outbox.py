"""The outbox: events written in the transaction in which they happened, delivered after it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Actor

TYPE = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z0-9_]+){2,4}", re.ASCII)
LARGEST_BYTES = 65_536
"""What receivers of CloudEvents must be able to take is 64 KB; larger things are referred to, not sent."""
DELIVER = "events.deliver"
"""Code of the periodic job that delivers; the queue's task bears the same name."""


def publish(
    type: str, subject: Model | str, data: Mapping[str, Any], *, scope_pos: int, actor: Actor | None = None
) -> uuid.UUID:
    """Publish an event in the transaction of what it tells; return its identifier.

    ``type`` is area.subject.act, e.g. ``vehicles.order.dispatch``; ``subject`` the row it is about, or its reference
    ``vehicles.order/7``. ``data`` is JSON without personal data beyond what subscribers of the unit may see.
    ``scope_pos`` is the position of the unit it belongs to. Rolled back, it was never published. Outside a
    transaction: RuntimeError; a malformed type or too much data: ValueError.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{type}: an event is published in the transaction of what it tells, and none is open")
    if not TYPE.fullmatch(type):
        raise ValueError(f"{type!r} is not an event type: area.subject.act in lower case")
    text = json.dumps(_clean(dict(data)), cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    if len(text.encode()) > LARGEST_BYTES:
        raise ValueError(f"{type}: {len(text)} characters of data; publish a reference instead")
    about = subject if isinstance(subject, str) else f"{subject._meta.label_lower}/{subject.pk}"
    acting = actor or actors.current()
    event_id = uuid.uuid4()
    with connection.cursor() as cursor:  # without RETURNING: whoever acts need not be allowed to read the row
        cursor.execute(
            "WITH made AS (INSERT INTO events_event (event_id, type, subject, data, time, area, scope_pos, account_id) "
            "VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s)) INSERT INTO events_pending (event_id) VALUES (%s)",
            [
                event_id, type, about[:200], text, timezone.now(), type.split(".", 1)[0],
                scope_pos, acting.account_id if acting is not None else None, event_id,
            ],
        )  # fmt: skip
    _wake_once()
    return event_id


def _clean(value: Any) -> Any:
    """Return the value without NUL characters, which PostgreSQL's JSON cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _wake_once() -> None:
    if not any(function is wake for _, function, *_ in connection.run_on_commit):
        transaction.on_commit(wake, robust=True)


def wake() -> None:
    """Have the worker deliver now; PostgreSQL tells it by NOTIFY. Already told: nothing to do."""
    # Whatever waits to be done sees this event when it begins, as the event is committed. Asking costs a tenth of refusing.
    with connection.prepared_cursor() as cursor:
        cursor.execute("SELECT FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'", [DELIVER])
        if cursor.fetchone() is not None:
            return
    with suppress(AlreadyEnqueued):
        app.configure_task(DELIVER, lock=DELIVER, queueing_lock=DELIVER).defer(timestamp=0)
