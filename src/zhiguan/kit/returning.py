"""Conditional updates, whose statement is made once for the columns it names; UPDATE … RETURNING among them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

M = TypeVar("M", bound=Model)


def update(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set columns of the rows that have these values, as ``QuerySet.update`` does; return how many there were.

    ``where`` maps a field to a value, or to a list of which its value is one; None finds no row, as in SQL. ``values`` are
    plain ones, no expressions.
    """
    text, params = _made(model, where, values, "")
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(text, params)
        return cursor.rowcount


def update_returning(model: type[M], where: Mapping[str, Any], values: Mapping[str, Any], *, count: str) -> list[M]:
    """:func:`update`, adding one to the field ``count``; return the rows as the database has them now."""
    text, params = _made(model, where, values, count)
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    return list(model._default_manager.raw(f"{text} RETURNING {columns}", params))


def _made(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any], count: str) -> tuple[str, list[Any]]:
    asked = tuple((name, isinstance(value, list)) for name, value in where.items())
    text, fields, conditions = _statement(model, asked, tuple(values), count)
    connection = connections[DEFAULT_DB_ALIAS]

    def told(field: Any, value: Any) -> Any:
        if isinstance(value, list):
            return [told(field, each) for each in value]
        return field.get_db_prep_value(_key(field, value), connection)

    given, asked_for = zip(fields, values.values(), strict=True), zip(conditions, where.values(), strict=True)
    params = [field.get_db_prep_save(_key(field, value), connection) for field, value in given]
    return text, params + [told(field, value) for field, value in asked_for]


def _key(field: Any, value: Any) -> Any:
    return value.prepare_database_save(field) if isinstance(value, Model) else value


@lru_cache(maxsize=500)
def _statement(
    model: type[Model], where: tuple[tuple[str, bool], ...], values: tuple[str, ...], count: str
) -> tuple[str, list[Any], list[Any]]:
    """Return the text with places for its values, the fields it sets and the fields it asks."""
    meta, connection = model._meta, connections[DEFAULT_DB_ALIAS]
    fields = [meta.get_field(name) for name in values]
    sets = [f'"{field.column}" = {_place(field, connection)}' for field in fields]
    if count:
        column = meta.get_field(count).column
        sets.append(f'"{column}" = "{column}" + 1')
    conditions = [meta.pk if name == "pk" else meta.get_field(name) for name, _ in where]
    asked = [
        f'"{field.column}" = ANY(%s::{field.rel_db_type(connection).split("(")[0]}[])' if many else f'"{field.column}" = %s'
        for field, (_, many) in zip(conditions, where, strict=True)
    ]  # fmt: skip
    text = f'UPDATE "{meta.db_table}" SET {", ".join(sets)} WHERE {" AND ".join(asked)}'  # noqa: S608 names are the model's
    return text, fields, conditions


def _place(field: Any, connection: Any) -> str:
    return field.get_placeholder(None, None, connection) if hasattr(field, "get_placeholder") else "%s"


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
