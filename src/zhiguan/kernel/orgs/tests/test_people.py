from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from zhiguan.kernel.orgs import service
from zhiguan.kernel.orgs.models import Appointment, Establishment, Person
from zhiguan.kernel.orgs.tests.conftest import FOUNDED
from zhiguan.kit.errors import Conflict, Denied, Invalid

DAY = date(2023, 6, 1)
EVE = DAY - timedelta(days=1)


def test_a_transfer_leaves_history(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "曾伟", world.budget, post="副处长")
    service.transfer(
        world.actor, person, world.assets, post="处长", record=world.record, on=DAY, document_no="任〔1〕号"
    )
    assert (person.unit, person.duty, person.scope_pos) == (world.assets, "处长", world.assets.pos)
    assert person.pinyin == "zengwei"
    assert service.unit_of_person_on(person, EVE) == world.budget
    assert service.unit_of_person_on(person, DAY) == world.assets
    assert service.unit_of_person_on(person, FOUNDED - timedelta(days=1)) is None
    first, second = person.appointments.order_by("valid_from")
    assert (first.valid_to, first.end_reason, second.valid_to) == (DAY, "transferred", None)
    assert [held.post for held in service.appointments_on(EVE, unit=world.finance)] == ["副处长"]
    assert not service.appointments_on(DAY, unit=world.finance)
    assert (service.headcount(world.bureau), service.headcount(world.bureau, EVE)) == (1, 0)
    assert service.headcount_by_grade(world.bureau) == {"division_chief": 1}


def test_promotion_within_a_unit(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.budget)
    service.transfer(world.actor, person, world.budget, post="处长", record=world.record, on=DAY)
    assert person.appointments.order_by("valid_from")[0].end_reason == "promoted"


def test_concurrent_posts_and_retirement(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.budget)
    main = person.appointments.get()
    extra = service.appoint(
        world.actor, person, world.assets, post="联络员", kind="concurrent", record=world.record, on=DAY
    )
    person.refresh_from_db()
    assert person.unit == world.budget
    assert service.headcount(world.bureau, DAY) == 0  # concurrent posts are not counted twice
    retired_on = DAY + timedelta(days=90)
    service.end_appointment(world.actor, main, end_reason="retired", record=world.record, on=retired_on)
    person.refresh_from_db()
    extra.refresh_from_db()
    assert (person.active, extra.valid_to, extra.end_reason) == (False, retired_on, "retired")
    assert service.headcount(world.finance) == 0
    assert service.headcount(world.finance, DAY) == 1
    with pytest.raises(Conflict):
        service.end_appointment(world.actor, main, end_reason="retired", record=world.record)


def test_two_main_appointments_are_impossible(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.budget)
    with pytest.raises(Conflict, match="调任"):
        service.appoint(world.actor, person, world.assets, post="处长", record=world.record, on=DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment(person=person, unit=world.assets, post="处长", valid_from=DAY).save()
    with pytest.raises(Invalid):
        service.transfer(world.actor, person, world.assets, post="处长", record=world.record, on=FOUNDED)


def test_both_units_must_be_in_reach(world: SimpleNamespace, hire, make_actor) -> None:
    person = hire("P1", "王小明", world.budget)
    manager = make_actor({"orgs.person.manage": "below"}, unit=world.bureau)
    with pytest.raises(Denied):
        service.transfer(manager, person, world.assets, post="处长", record=world.record, on=DAY)
    with pytest.raises(Denied):
        service.register_person(manager, code="P2", name="李红", unit=world.budget, post="科员", record=world.record)
    assert not Person.objects.filter(code="P2").exists()


def test_establishment_as_of(world: SimpleNamespace, hire) -> None:
    for unit, quota, on in ((world.budget, 5, FOUNDED), (world.finance, 3, FOUNDED), (world.budget, 7, DAY)):
        service.set_establishment(
            world.actor, unit, kind="administrative", quota=quota, record=world.record, on=on, document_no="编〔1〕号"
        )
    hire("P1", "王小明", world.budget)
    assert service.establishment(world.finance, EVE) == {"administrative": 8}
    assert service.establishment(world.finance) == {"administrative": 10}
    assert service.staffing(world.finance, EVE).vacancies == 7
    assert service.staffing(world.budget).headcount == 1
    with pytest.raises(Invalid):
        service.set_establishment(world.actor, world.budget, kind="administrative", quota=-1, record=world.record)


def test_search(world: SimpleNamespace, hire) -> None:
    hire("310000-0001", "曾伟民", world.budget)
    hire("310000-0002", "张卫", world.assets)
    for text in ("曾伟", "曾", "zengwei", "zeng wei", "ZWM", "zw", "310000-0001"):
        assert "曾伟民" in [person.name for person in service.search_people(text)], text
    assert [person.name for person in service.search_people("张", within=world.finance)] == []
    for text in ("财政", "caizheng", "czj", "SHSCZJ", "310000-c01", "上海市财政局"):
        assert service.search_units(text)[0] == world.finance, text
    assert service.search_units("预算")[0] == world.budget
    for text in ("", "  ", "没有这个", "%", "_", "'; --", "\0", "zz\0zz"):
        assert service.search_units(text) == []
        assert service.search_people(text) == []


def test_rows_fill_their_position_however_they_are_made(world: SimpleNamespace) -> None:
    (made,) = Person.objects.bulk_create([Person(code="B1", name="批量", unit=world.assets)])
    assert made.scope_pos == world.assets.pos
    made.unit = world.budget
    made.save(update_fields=["unit"])
    made.refresh_from_db()
    assert made.scope_pos == world.budget.pos
    assert [person.code for person in Person.objects.within(world.finance)] == ["B1"]
    assert not Person.objects.within(world.bureau)


def test_querysets_follow_the_actors_scope(world: SimpleNamespace, hire, make_actor) -> None:
    hire("P1", "王小明", world.budget)
    hire("P2", "李小红", world.assets)
    actor = make_actor({"orgs.person.view": "below"}, unit=world.finance)
    assert [person.code for person in Person.objects.visible_to(actor, "orgs.person.view")] == ["P1"]
    assert not Person.objects.visible_to(actor, "orgs.person.manage")


def test_row_level_security(world: SimpleNamespace, hire, make_actor) -> None:
    """The address book is open to every actor; establishments only to those with scope over the unit."""
    hire("P1", "王小明", world.budget)
    for unit in (world.budget, world.assets):
        service.set_establishment(world.actor, unit, kind="administrative", quota=5, record=world.record, on=FOUNDED)
    with make_actor({}).acting():
        assert Person.objects.count() == 1
        assert Appointment.objects.count() == 1
        assert Establishment.objects.count() == 0
    with make_actor({"orgs.establishment.view": "below"}, unit=world.finance).acting():
        assert [row.unit for row in Establishment.objects.all()] == [world.budget]
        assert service.establishment(world.city) == {"administrative": 5}
        with pytest.raises(Exception, match="row-level security"), transaction.atomic():
            Establishment(unit=world.assets, kind="logistics", quota=1, valid_from=DAY).save()
