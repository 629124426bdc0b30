"""Computed columns of API lists: from the declared values alone, and the same as from whole rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from zhiguan.kit.api.glimpses import NotDeclared, reader_of
from zhiguan.kit.api.rows import Shape
from zhiguan.kit.pages import Column
from zhiguan.kit.pages.guard import working

COLUMNS = (
    Column("name", "姓名"),
    Column("label", "人员", value=lambda row: f"{row.code} {row.unit.name}", needs=("code", "unit.name")),
    Column("above", "上级", value=lambda row: row.unit.parent.name if row.unit.parent else "无",
           needs=("unit.name", "unit.parent.name")),
    Column("sort", "排序"),
)  # fmt: skip


def both(world: SimpleNamespace, columns: tuple[Column, ...]) -> tuple[Any, Any, Shape]:
    rows = world.Person.objects.order_by("pk")
    fast, slow = Shape(world.Person, columns), Shape(world.Person, columns)
    slow.plain = False
    return fast.dicts(rows, ("sort", "pk")), slow.dicts(rows, ("sort", "pk")), fast


def test_computed_columns_say_the_same_without_loading_rows(world: SimpleNamespace, django_assert_num_queries: Any) -> None:
    world.person(world.home)
    world.person(world.city)
    with working(world.actor):
        fast, slow, shape = both(world, COLUMNS)
        assert shape.plain and fast == slow
        assert list(fast[0][0]) == ["id", *(["version"] if shape.versioned else []), "name", "label", "above", "sort"]
        rows = world.Person.objects.order_by("pk")
        found = shape.statement(rows, ("sort", "pk"))
        assert found is not None
        with connection.cursor() as cursor:
            cursor.execute(*found)
            assert shape.from_values(cursor.fetchall(), ("sort", "pk")) == fast
        with django_assert_num_queries(1):
            shape.dicts(rows)


@pytest.mark.parametrize(
    "value",
    [
        lambda row: row.duty,
        lambda row: getattr(row, "duty", "职务"),
        lambda row: row.unit.code,
        lambda row: str(row.unit),
        lambda row: f"{row}",
        lambda row: row.unit,
        lambda row: row.unit == row,
    ],
)
def test_what_was_not_declared_comes_from_whole_rows(world: SimpleNamespace, value: Any) -> None:
    world.person(world.home)
    column = Column("it", "它", value=value, needs=("code", "unit.name"))
    with working(world.actor):
        reader = reader_of(world.Person, column, 0)
        assert reader is not None
        with pytest.raises(NotDeclared):
            reader(["P1", "某单位"])
        fast, slow, shape = both(world, (column,))
        assert fast == slow and not shape.plain


def test_only_whole_rows_tell_where_a_relation_shows_no_sign(world: SimpleNamespace) -> None:
    for needs in ((), ("unit",), ("unit.parent.name", "missing"), ("unit.valid_to",), ("pinyin.name",)):
        assert reader_of(world.Person, Column("it", "它", value=str, needs=needs), 0) is None, needs
