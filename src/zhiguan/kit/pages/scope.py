"""Rows of a page as its actor may see them, and loading no more of each than the page shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet
from django.db.models.query import ModelIterable

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import NotFound

from .columns import Column, field_at
from .declare import SIGNED_IN, DetailPage, FormPage, ListPage


def scoped(page: ListPage | DetailPage | FormPage, actor: Actor, permission: str = "") -> QuerySet:
    """Return the page's rows that ``permission`` (default: the page's) reaches for the actor."""
    assert page.rows is not None
    rows = page.rows(actor)
    permission = permission or page.permission
    if permission == SIGNED_IN or not page.scope_column or field_at(rows.model, page.scope_column) is None:
        return rows
    scope = actor.scope(permission)
    condition = scope.q(page.scope_column, page.scope_persons)
    return also(rows, condition | scope.beyond(getattr(rows.model, "row_rule", None)))


def also(rows: QuerySet, condition: Q) -> QuerySet:
    """Return the rows that meet the condition, too; as they are when they were narrowed by the very same before.

    Said twice, a condition makes the planner expect a fraction of the rows there are, and choose the wrong plan.
    """
    narrowed = rows.filter(condition)
    before = rows.query.where.children
    if rows.query.where.connector == "AND" and not rows.query.where.negated:
        added = narrowed.query.where.children[len(before) :]
        if all(child in before for child in added):
            return rows
    return narrowed


def one(page: DetailPage | FormPage, actor: Actor, pk: int, permission: str = "") -> Any:
    """Return one row of the page; raises NotFound for rows that do not exist or are out of scope, alike."""
    row = scoped(page, actor, permission).filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise NotFound("该内容不存在，或不在您的数据权限范围内。")
    return row


def visible(columns: Iterable[Column], actor: Actor) -> list[Column]:
    """Return the columns whose permission the actor holds."""
    return [column for column in columns if not column.permission or actor.can(column.permission)]


def _relations(model: type, path: str) -> str:
    """Return the leading part of ``path`` made of forward single relations, as ``select_related`` wants it."""
    found: list[str] = []
    for part in path.split("__")[:-1]:
        try:
            field = model._meta.get_field(part)
        except FieldDoesNotExist:
            break
        if not (field.many_to_one or field.one_to_one) or not getattr(field, "concrete", False):
            break
        found.append(part)
        model = field.related_model
    return "__".join(found)


def slim(rows: QuerySet, columns: Iterable[Column], *, also: Iterable[str] = (), whole: bool = False) -> QuerySet:
    """Join what the columns read and load only that; the whole row when ``whole`` or when a column does not tell."""
    if rows._iterable_class is not ModelIterable or rows._fields is not None:
        return rows
    columns = list(columns)
    paths = {path.replace(".", "__") for path in also}
    for column in columns:
        whole = whole or (column.value is not None and not column.needs) or callable(column.link)
        names = column.needs if column.value is not None else (column.name, *column.needs)
        paths |= {name.replace(".", "__") for name in names}
    related = sorted({relation for path in paths if (relation := _relations(rows.model, path))})
    if related and rows.query.select_related is not True:
        rows = rows.select_related(*related)
    annotations = set(rows.query.annotations) | set(rows.query.extra)
    fields = [path for path in paths if path not in annotations]
    known = all(field_at(rows.model, path) is not None for path in fields)
    deferred, _ = rows.query.deferred_loading
    if whole or not known or deferred or (rows.query.select_related and not related):
        return rows
    for relation in related:  # rows drawn by their __str__ need a field of the relation, not the relation alone
        if relation in fields:
            return rows
    return rows.only("pk", *fields)
