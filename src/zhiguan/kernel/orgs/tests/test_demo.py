from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db.models import Count

from zhiguan.kernel.orgs import demo, service
from zhiguan.kernel.orgs.codes import OrganFunction, UnitKind, UnitLevel
from zhiguan.kernel.orgs.demo.organs import BUREAU, organs
from zhiguan.kernel.orgs.demo.places import DISTRICTS, STREETS
from zhiguan.kernel.orgs.models import Appointment, Establishment, Person, Unit, UnitVersion

TODAY = date(2026, 3, 2)


def test_the_list_of_organs() -> None:
    listed = organs()
    assert len(listed) == 122
    assert len({organ.name for organ in listed}) == len({organ.short_name for organ in listed}) == 122
    assert {organ.function for organ in listed} == set(OrganFunction)
    assert all(3 <= len(organ.divisions) <= 8 for organ in listed)
    assert all(len(set(organ.divisions)) == len(organ.divisions) for organ in listed)
    assert {organ.street for organ in listed} <= set(STREETS)
    assert {district for district, *_ in STREETS.values()} <= {row[0] for row in DISTRICTS}


def test_the_demo_city(as_system) -> None:
    made = demo.seed("demo", today=TODAY)
    assert service.is_demo()
    assert service.districts().count() == 16
    assert service.municipal_organs().count() == 122
    assert [district.district_code for district in service.districts()] == [row[0] for row in DISTRICTS]
    bureaus = service.organs(UnitLevel.DISTRICT)
    assert bureaus.count() == 16
    assert all(unit.parent.kind == UnitKind.DISTRICT and unit.name.endswith("机关事务管理局") for unit in bureaus)
    assert service.search_units("sjgj")[0].name == BUREAU  # 市机管局
    assert 2000 <= Person.objects.filter(active=True).count() <= 4000
    assert made["people"] == Person.objects.count()
    assert made["units"] == Unit.objects.count() == UnitVersion.objects.filter(valid_to__isnull=True).count()
    assert service.misplaced() == {}
    assert not service.organs().filter(lat__isnull=True).exists()
    assert not service.organs().filter(address="").exists()
    assert demo.seed("demo", today=TODAY) == {}  # nothing twice


def test_positions_are_what_the_verbs_would_give(as_system) -> None:
    demo.seed("small", today=TODAY)
    for unit in Unit.objects.exclude(parent=None).select_related("parent"):
        assert unit.parent.pos < unit.pos <= unit.pos_end <= unit.parent.pos_end
        assert unit.depth == unit.parent.depth + 1
    finance = service.unit_by_code("310000-C11")
    assert finance.name == "上海市财政局"
    assert [unit.name for unit in service.path(finance)] == ["上海市", "上海市财政局"]
    added = service.create_unit(
        as_system, parent=finance, code="T", name="新处", kind="division", record=lambda *args, **more: None
    )
    assert added.pos > max(service.children(finance).exclude(pk=added.pk).values_list("pos", flat=True))


def test_people_have_a_history_that_agrees_with_the_present(as_system) -> None:
    demo.seed("demo", today=TODAY)
    current = Appointment.objects.on(TODAY).filter(kind="main").select_related("person")
    assert current.count() == Person.objects.filter(active=True).count()
    for held in current:
        person = held.person
        assert (held.unit_id, held.post, held.rank_id) == (person.unit_id, person.duty, person.rank_id)
    reasons = dict(Appointment.objects.order_by().values_list("end_reason").annotate(n=Count("pk")))
    assert all(reasons[why] > 20 for why in ("transferred", "promoted", "retired"))
    retired = Person.objects.filter(active=False)
    assert retired.count() == reasons["retired"]
    assert not Appointment.objects.filter(person__in=retired, valid_to__isnull=True).exists()
    assert not Appointment.objects.filter(valid_from__gt=TODAY).exists()
    city = service.root()
    for years in (1, 2, 3):
        assert 0 < service.headcount(city, TODAY - timedelta(days=365 * years)) < current.count() * 1.1


def test_establishments(as_system) -> None:
    demo.seed("demo", today=TODAY)
    for organ in service.organs():
        staffing = service.staffing(organ, TODAY)
        assert staffing.quota > 0
        assert abs(staffing.vacancies) <= 8, organ
    total = service.establishment(service.root(), TODAY)
    assert set(total) == {"administrative", "institutional", "logistics"}
    assert Establishment.objects.filter(valid_to__isnull=False).exists()
    renamed = service.units().get(name="上海市国防动员办公室")
    assert service.name_on(renamed, date(2022, 1, 1)) == "上海市民防办公室"


def test_the_small_city_and_determinism(as_system) -> None:
    demo.seed("small", today=TODAY)
    assert service.districts().count() == 2
    assert service.municipal_organs().count() == 3
    names = list(Person.objects.order_by("code").values_list("name", "pinyin", "unit__code"))
    for model in (Establishment, Appointment, Person, UnitVersion):
        model.objects.all().delete()
    for unit in Unit.objects.order_by("-pos"):
        unit.delete()
    demo.seed("small", today=TODAY)
    assert list(Person.objects.order_by("code").values_list("name", "pinyin", "unit__code")) == names
    with pytest.raises(ValueError, match="size"):
        demo.seed("huge")
