"""From the values verbs pass to the exact text the log commits to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Model

from .declare import Subject
from .models import stamp

NEVER_KEPT = frozenset({"password", "secret", "token"})
"""Fields whose values no snapshot may hold; a model adds its own in ``trace_exclude``."""
LABEL_LENGTH = 300


def clean(text: str) -> str:
    """Return the text with what PostgreSQL or UTF-8 cannot hold (NUL, lone surrogates) replaced by U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return clean(value)
        case float():
            return value if math.isfinite(value) else repr(value)
        case Decimal() | UUID() | time():
            return str(value)
        case datetime():
            return stamp(value) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | memoryview():
            return bytes(value).hex()
        case Mapping():
            return {clean(str(key)): _plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((_plain(item) for item in value), key=repr)
        case list() | tuple():
            return [_plain(item) for item in value]
        case Model():
            return _plain(value.pk)
    return clean(str(value))


def snapshot(value: Mapping[str, Any] | Model | None) -> str | None:
    """Return the value as canonical JSON (keys sorted, no spaces, UTF-8 unescaped), None for None.

    A model instance gives its own columns. Fields of :data:`NEVER_KEPT` and of the model's ``trace_exclude`` are left
    out.
    """
    if value is None:
        return None
    hidden = NEVER_KEPT
    if isinstance(value, Model):
        hidden = hidden | frozenset(getattr(value, "trace_exclude", ()))
        deferred = value.get_deferred_fields()
        value = {
            field.attname: getattr(value, field.attname)
            for field in value._meta.concrete_fields  # pyright: ignore[reportAttributeAccessIssue]
            if field.attname not in deferred and field.name not in hidden
        }
    kept = {name: item for name, item in value.items() if name not in hidden}
    return json.dumps(_plain(kept), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def describe(subject: Model | Subject | None) -> Subject:
    """Return what is traced of a subject: type, reference, label, unit position."""
    if subject is None:
        return Subject("")
    if isinstance(subject, Subject):
        return Subject(clean(subject.type), clean(str(subject.id)), clean(subject.label), subject.scope_pos)
    return Subject(
        subject._meta.label_lower,  # pyright: ignore[reportAttributeAccessIssue]
        "" if subject.pk is None else clean(str(subject.pk)),
        clean(str(subject))[:LABEL_LENGTH],
        getattr(subject, "scope_pos", None),
    )
