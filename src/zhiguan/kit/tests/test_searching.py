"""Search of lists: the prefix lookup, its index beneath row-level security, and the two ways of finding rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from zhiguan.kit.pages import searching
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.searching import few_values, search_condition, searched

PATHS = ("name", "^code", "=unit.name", "^initials")
FEW = ("~name", *PATHS[1:])
CODES = ("AB%1", "AB_1", "AB\\1", "ab1", "AB\U0010ffff", "AB\U0010ffff\U0010ffffx", "AC", "A", "AB\ud7ff", "AB\ue000")


@pytest.mark.parametrize(
    "prefix", ["AB", "AB%", "AB_", "AB\\", "A", "", "AB\U0010ffff", "\U0010ffff", "AB\ud7ff", "ab", "'"]
)
def test_a_prefix_means_its_letters_and_nothing_else(world: SimpleNamespace, prefix: str) -> None:
    for code in CODES:
        world.person(world.home, code=code)
    with working(world.actor):
        found = set(world.Person.objects.filter(code__begins=prefix).values_list("code", flat=True))
    assert found == {code for code in CODES if code.startswith(prefix)}


def test_a_prefix_uses_the_index_beneath_row_level_security(world: SimpleNamespace) -> None:
    with working(world.actor), connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute(
            "SELECT bool_and(proleakproof) FROM pg_proc WHERE proname IN ('starts_with', 'texteq', 'int8eq')"
        )
        assert cursor.fetchone() == (True,)
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        by_index = {}
        for lookup in ("begins", "startswith"):
            plan = world.Person.objects.order_by().filter(**{f"code__{lookup}": "P00"}).explain()
            by_index[lookup] = any("Index Cond" in line and "code" in line for line in plan.splitlines())
        assert by_index["begins"], "row-level security keeps the prefix lookup from its index"


@pytest.mark.parametrize("text", ["ha", "HA 张", "上海市财政局", "zx 张小", "张小 财政", "没有", "HA%", "1"])
@pytest.mark.parametrize("cap", [0, 2, 100])
@pytest.mark.parametrize("paths", [PATHS, FEW], ids=["each row", "few values"])
def test_few_or_many_the_rows_are_the_same(world: SimpleNamespace, text: str, cap: int, paths: tuple) -> None:
    for number in range(6):
        world.person(world.home, code=f"{'HA' if number % 2 else 'hb'}{number}")
    world.person(world.away, code="HA9")
    with working(world.actor):
        base = world.Person.objects.filter(unit=world.home)
        wanted = set(base.filter(search_condition(PATHS, text)).values_list("pk", flat=True))
        rows, many = searched(base, paths, text, cap)
        found = list(rows.values_list("pk", flat=True))
    assert len(found) == len(set(found)) and set(found) == wanted
    assert many or len(wanted) <= cap


def test_a_long_list_of_keys_is_one_parameter(world: SimpleNamespace, django_assert_num_queries: Any) -> None:
    person = world.person(world.home)
    with working(world.actor), django_assert_num_queries(2):
        assert world.Person.objects.filter(pk__among=[person.pk, *range(10**9, 10**9 + 5000)]).get() == person
        assert not world.Person.objects.filter(pk__among=[]).exists()


def test_the_values_of_a_column_are_known_or_too_many_and_find_rows_in_scope_only(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.person(world.home, duty=f"A{number % 3}")
    world.person(world.away, duty="B1")
    with working(world.actor):
        base = world.Person.objects.all()
        assert few_values(base, "duty") == ["A0", "A1", "A2", "B1"], "each once"
        monkeypatch.setattr(searching, "FEW", 2)
        assert few_values(base, "duty") is None
        assert {row.duty for row in searched(base, ("~duty",), "a1", 100)[0]} == {"A1"}
        assert not searched(base.filter(unit=world.home), ("~duty",), "B1", 100)[0].exists()
