"""UPDATE … RETURNING: change rows and have them as they then are, in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=Model)


def update_returning(rows: QuerySet[M], values: Mapping[str, Any]) -> list[M]:
    """Update the rows of a query as ``QuerySet.update`` does; return them as the database has them now."""
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(dict(values))
    sql, params = query.get_compiler(rows.db).as_sql()
    columns = ", ".join(f'"{field.column}"' for field in rows.model._meta.concrete_fields)
    return list(rows.model._default_manager.using(rows.db).raw(f"{sql} RETURNING {columns}", params))


def take_over(record: M, fresh: M) -> None:
    """Give a record the columns of a fresh reading, as ``refresh_from_db`` does: related rows are read again."""
    for field in record._meta.concrete_fields:
        setattr(record, field.attname, getattr(fresh, field.attname))
        if field.is_relation and field.is_cached(record):
            field.delete_cached_value(record)
    for relation in record._meta.related_objects:
        if relation.is_cached(record):
            relation.delete_cached_value(record)
    record._prefetched_objects_cache = {}
