"""Questions asked over and over and updates whose statement is kept: the answers are those Django's own would give."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from zhiguan.kernel.orgs.models import Establishment, Person, Unit
from zhiguan.kit.questions import LONGEST, Question
from zhiguan.kit.returning import update, update_returning

pytestmark = pytest.mark.django_db


@Question
def at(unit: int, names: list[str]) -> QuerySet[Person]:
    return Person.objects.filter(unit=unit, name__in=names).select_related("unit__parent").order_by("sort")


@Question
def standing(on: date, kind: str) -> QuerySet[Unit, str]:
    return Unit.objects.filter(kind=kind, valid_from__lte=on).order_by("pk").values_list("name", flat=True)


@pytest.fixture
def people(world: Any, as_system: Any) -> list[Person]:
    return [world.person(world.home) for _ in range(4)] + [world.person(world.away)]


def test_rows_are_those_of_the_query_set_for_every_length_of_a_list(world, people, as_system):
    names = [person.name for person in people]
    for length in (2, 0, 1, 4, 2, LONGEST + 1):
        wanted = (names * 6)[:length]
        found = at(world.home.pk, wanted)
        assert found == list(at.ask(world.home.pk, wanted)) and len(found) == min(length, 4)
        assert all(person.unit.parent.name == "上海市" for person in found)
    assert at(world.away.pk, names) == [people[4]]
    day = date.today()
    assert standing(day, "organ") == [world.home.name, world.away.name] and standing(day, "city") == ["上海市"]


def test_related_rows_are_read_along_and_records_are_fresh(world, people, as_system, django_assert_num_queries):
    with django_assert_num_queries(1):
        first, _ = at(world.home.pk, [people[0].name, people[1].name])
        assert first.unit.parent_id == first.unit.parent.pk
    first.name = "改了"
    assert at(world.home.pk, [people[0].name, people[1].name])[0].name == people[0].name


def test_a_value_that_was_decided_on_is_refused(world, as_system):
    @Question
    def decided(unit: int, kind: str) -> QuerySet[Unit]:
        return Unit.objects.filter(pk=unit, **({"kind": "organ"} if kind else {}))

    @Question
    def nobody(unit: int) -> QuerySet[Unit]:
        return Unit.objects.none()

    with pytest.raises(ValueError, match=r"values \[1\] do not reach"):
        decided(world.home.pk, "organ")
    with pytest.raises(ValueError, match="no row can answer"):
        nobody(world.home.pk)
    with pytest.raises(TypeError, match="not bool"):
        at(True, ["甲"])


def test_the_server_plans_once_and_row_security_is_asked_each_time(world, as_system, make_actor):
    @Question
    def of_year(on: date) -> QuerySet[Establishment]:
        return Establishment.objects.filter(valid_from__lte=on).order_by("pk")

    for unit in (world.home, world.away):
        Establishment.objects.create(unit=unit, scope_pos=unit.pos, kind="administrative", quota=3, valid_from=date(2026, 1, 1))
    today = date(2026, 6, 1)
    actors = {unit.pk: make_actor({"orgs.establishment.view": "unit"}, unit=unit) for unit in (world.home, world.away)}
    seen: list[int] = []
    for _ in range(4):
        for actor in actors.values():
            with actor.acting():
                seen += [row.unit_id for row in of_year(today)]
    assert seen == [world.home.pk, world.away.pk] * 4
    with make_actor({}).acting():
        assert of_year(today) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%FROM \"orgs_establishment\"%%'")
        assert cursor.fetchone()[0] == 1


def test_preparing_ends_with_its_block_whatever_happens_in_it(world, as_system):
    with connection.preparing(), connection.preparing():
        assert list(Unit.objects.filter(pk=world.home.pk)) == [world.home]
    with pytest.raises(ZeroDivisionError), connection.preparing():
        raise ZeroDivisionError
    with pytest.raises(Exception, match="division"), transaction.atomic(), connection.preparing(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / %s", [0])
    assert not connection._prepares
    assert Unit.objects.filter(name__in=["上海市", "北京市"]).count() == 1


def test_updates_touch_the_rows_that_are_as_expected_and_no_others(world, people, as_system):
    one, two, *_ = people
    same = {"pk": [one.pk, two.pk], "duty": ["科员"]}
    assert update(Person, same, {"duty": "处长", "unit": world.away}) == 2
    assert update(Person, same, {"duty": "司长"}) == 0
    one.refresh_from_db()
    assert (one.duty, one.unit_id, one.name) == ("处长", world.away.pk, "张小1")
    assert update(Person, {"unit": world.away, "active": True}, {"rank": None}) == 3
    assert update(Person, {"pk": one.pk, "duty": "a' OR '1'='1"}, {"duty": "x"}) == 0


def test_the_rows_come_back_as_the_database_has_them(world, people, as_system):
    changed = update_returning(Person, {"pk": people[0].pk, "sort": people[0].sort}, {"duty": "主任"}, count="sort")
    assert [(row.pk, row.duty, row.sort) for row in changed] == [(people[0].pk, "主任", people[0].sort + 1)]
    assert update_returning(Person, {"pk": people[0].pk, "sort": people[0].sort}, {"duty": "x"}, count="sort") == []
