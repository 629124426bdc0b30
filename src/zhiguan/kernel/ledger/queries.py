"""Reading the ledger: a record's events as a story for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, ForeignKey, Model
from django.utils import timezone

from zhiguan.kit.pages import Change, HistoryEntry

from . import service

ZONE = ZoneInfo("Asia/Shanghai")
SHOWN = 200
"""Events told of one record, the newest."""
OUT_OF_SCOPE = "（不在您的数据权限范围内）"


def story(
    record: Any,
    hidden: AbstractSet[str] = frozenset(),
    named: Mapping[type[Model], tuple[str, ...]] | None = None,
    words: Mapping[str, Mapping[Any, str]] | None = None,
) -> Iterable[HistoryEntry]:
    """Yield the record's events, newest first, with what each changed in words.

    ``hidden`` are columns that are never told. ``named`` tells for a model which relations its name is made of, so that
    naming many of its rows is one query. ``words`` are how values of a column are called that has no choices of its own.
    """
    fields = {field.attname: field for field in record._meta.concrete_fields}
    events = list(service.history(record).order_by("-at", "-id")[:SHOWN])
    labels = _labels(fields, events, named or {})

    def text(key: str, value: Any) -> str:
        if value is None or value == "":
            return ""
        if key == "state":
            return record.lifecycle.states.get(value, value)
        if (key, value) in labels:
            return labels[key, value]
        if words and key in words:
            return words[key].get(value, str(value))
        field = fields.get(key)
        if field is not None and field.choices:
            return str(dict(field.flatchoices).get(value, value))
        if isinstance(field, DateTimeField):
            return timezone.localtime(datetime.fromisoformat(value), ZONE).strftime("%Y-%m-%d %H:%M")
        return ("是" if value else "否") if isinstance(value, bool) else str(value)

    for event in events:
        changes = [
            Change(str(fields[key].verbose_name) if key in fields else key, text(key, before), text(key, after))
            for key, (before, after) in event.changes.items()
            if key not in hidden and event.code != "create"
        ]
        yield HistoryEntry(at=event.at, title=event.name, actor=event.actor_name, reason=event.reason, changes=changes)


def _labels(
    fields: Mapping[str, Any], events: Sequence[Any], named: Mapping[type[Model], tuple[str, ...]]
) -> dict[tuple[str, Any], str]:
    """Return how the rows that events point to are called, one query for each column; those out of scope stay unnamed."""
    wanted: dict[str, set[int]] = {}
    for event in events:
        for name, pair in event.changes.items():
            if event.code != "create" and isinstance(fields.get(name), ForeignKey):
                wanted.setdefault(name, set()).update(key for key in pair if key is not None)
    labels: dict[tuple[str, Any], str] = {}
    for name, keys in wanted.items():
        model = fields[name].related_model
        rows = model._default_manager.filter(pk__in=keys)
        found = {row.pk: str(row) for row in (rows.select_related(*named[model]) if model in named else rows)}
        labels |= {(name, key): found.get(key, OUT_OF_SCOPE) for key in keys}
    return labels
