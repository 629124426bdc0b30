"""A record's ledger events as a story for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, ForeignKey
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import Change, HistoryEntry

HIDDEN = {"id", "version", "scope_pos", "created_at", "from_pos", "values"}
ZONE = ZoneInfo("Asia/Shanghai")


def history(record: Any, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the record's ledger events, newest first."""
    fields = {field.attname: field for field in record._meta.concrete_fields}
    events = list(ledger.history(record).order_by("-at", "-id")[:200])
    labels = _labels(fields, events)

    def text(key: str, value: Any) -> str:
        if value is None or value == "":
            return ""
        if key == "state":
            return record.lifecycle.states.get(value, value)
        if (key, value) in labels:
            return labels[key, value]
        field = fields.get(key)
        if field is not None and field.choices:
            return str(dict(field.flatchoices).get(value, value))
        if isinstance(field, DateTimeField):
            return timezone.localtime(datetime.fromisoformat(value), ZONE).strftime("%Y-%m-%d %H:%M")
        return ("是" if value else "否") if isinstance(value, bool) else str(value)

    for event in events:
        changes = [
            Change(str(fields[key].verbose_name), text(key, before), text(key, after))
            for key, (before, after) in event.changes.items()
            if key in fields and key not in HIDDEN and event.code != "create"
        ]
        yield HistoryEntry(event.at, event.name, event.actor_name, event.reason, changes)


def _labels(fields: Mapping[str, Any], events: Sequence[Any]) -> dict[tuple[str, Any], str]:
    """Return how the rows that events point to are called, one query a kind; those out of scope stay unnamed."""
    wanted: dict[str, set[int]] = {}
    for event in events:
        for name, pair in event.changes.items():
            if event.code != "create" and isinstance(fields.get(name), ForeignKey):
                wanted.setdefault(name, set()).update(key for key in pair if key is not None)
    labels: dict[tuple[str, Any], str] = {}
    for name, keys in wanted.items():
        found = {row.pk: str(row) for row in fields[name].related_model._default_manager.filter(pk__in=keys)}
        labels |= {(name, key): found.get(key, "（不在您的数据权限范围内）") for key in keys}
    return labels
