"""Writing computed rows of thousands of vehicles in one statement a table, under row-level security like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from numpy.typing import NDArray
from psycopg import sql

Column = NDArray[Any] | Sequence[Any]

MOMENT = "moment"
"""Kind of a column given in Unix seconds, written as timestamptz."""


def _kinds(model: type[Model], names: Sequence[str]) -> list[tuple[str, str]]:
    """(type in the array, select expression's type) of the columns."""
    fields: dict[str, Field] = {field.attname: field for field in model._meta.concrete_fields}
    kinds = []
    for name in names:
        kind = fields[name].db_type(connection) or "text"
        kind = kind.split(" CHECK")[0]
        kinds.append(("double precision", MOMENT) if kind.startswith("timestamp") else (kind, kind))
    return kinds


def _source(model: type[Model], columns: Mapping[str, Column]) -> tuple[sql.Composed, list[Any]]:
    """SELECT of the columns as rows, and its parameters."""
    names = list(columns)
    kinds = _kinds(model, names)
    arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(given)) for given, _ in kinds)
    picked = sql.SQL(", ").join(
        (sql.SQL("to_timestamp({0}) AS {0}") if kind == MOMENT else sql.SQL("{0}")).format(sql.Identifier(name))
        for name, (_, kind) in zip(names, kinds, strict=True)
    )
    text = sql.SQL("SELECT {} FROM unnest({}) AS given({})").format(
        picked, arrays, sql.SQL(", ").join(map(sql.Identifier, names))
    )
    return text, [values.tolist() if hasattr(values, "tolist") else list(values) for values in columns.values()]


def _size(columns: Mapping[str, Column]) -> int:
    return len(next(iter(columns.values())))


def insert(
    model: type[Model], columns: Mapping[str, Column], *, once: Sequence[str] = (), keep: Sequence[str] = ()
) -> None:
    """Insert rows; with ``once`` (the columns of a unique constraint) a row that is there is brought up to date, except
    its ``keep`` columns."""
    if not _size(columns):
        return
    source, values = _source(model, columns)
    text = sql.SQL("INSERT INTO {} ({}) {}").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns)), source
    )
    if once:
        changing = [name for name in columns if name not in once and name not in keep]
        text += sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(
            sql.SQL(", ").join(map(sql.Identifier, once)),
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changing),
        )
    _run(text, values)


def update(model: type[Model], columns: Mapping[str, Column]) -> None:
    """Bring rows named by ``id`` up to date; rows that hold these values already are not touched."""
    if not _size(columns):
        return
    source, values = _source(model, columns)
    names = [name for name in columns if name != "id"]
    text = sql.SQL("UPDATE {} t SET {} FROM ({}) s WHERE t.id = s.id AND ({}) IS DISTINCT FROM ({})").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in names),
        source,
        sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in names),
        sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(name)) for name in names),
    )
    _run(text, values)


def _run(text: sql.Composed, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
