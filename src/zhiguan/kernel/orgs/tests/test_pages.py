"""Pages of units, people, posts held and approved: inherited tests, every act by its form, tree and imports."""

from __future__ import annotations

import json
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.orgs import directory, service
from zhiguan.kernel.orgs.forms import named
from zhiguan.kernel.orgs.models import Appointment, Establishment, Person, Unit
from zhiguan.kernel.orgs.pages import people as people_pages
from zhiguan.kernel.orgs.pages import units as unit_pages
from zhiguan.kernel.orgs.tests.conftest import FOUNDED
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
    markup,
)

_numbers = iter(range(10**6))
RIGHTS = {
    code: "below"
    for code in (
        "orgs.unit.view orgs.unit.manage orgs.person.view orgs.person.manage orgs.establishment.view "
        "orgs.establishment.manage"
    ).split()
}
TODAY = timezone.localdate()
ON = f"{TODAY:%Y-%m-%d}"


@pytest.fixture
def keeper(world: SimpleNamespace, make_actor: Any) -> Any:
    """Keeps the units, people and posts of the bureau."""
    return make_actor(RIGHTS, unit=world.bureau, name="机构编制管理员")


@pytest.fixture
def visitor(keeper: Any) -> Visitor:
    return Visitor(keeper)


def new_unit(world: SimpleNamespace, parent: Any) -> Unit:
    number = next(_numbers)
    return world.make(parent, f"{parent.code}-T{number}", f"试验{number}处", "division")


@pytest.fixture
def unit_case(world: SimpleNamespace, keeper: Any) -> Case:
    return Case(
        actor=keeper, make=lambda: new_unit(world, world.bureau), make_elsewhere=lambda: new_unit(world, world.finance),
        text=lambda unit: unit.name,
    )  # fmt: skip


@pytest.fixture
def person_case(world: SimpleNamespace, keeper: Any, hire: Any) -> Case:
    def at(unit: Any) -> Any:
        return lambda: hire(f"T{next(_numbers)}", "曾试验", unit)

    return Case(actor=keeper, make=at(world.assets), make_elsewhere=at(world.budget), text=lambda person: person.code)


class TestUnits(ListPageConformance):
    page = unit_pages.UNITS

    @pytest.fixture
    def case(self, unit_case: Case) -> Case:
        return unit_case

    def test_former_names_pinyin_and_dates(self, case: Case, world: SimpleNamespace) -> None:
        unit = case.row()
        service.rename_unit(world.actor, unit, name="现名处", record=world.record, on=date(2024, 1, 1))
        for text in (unit.name, "现名", "xianming", "xmc", unit.code):
            assert unit.pk in self.keys(case, f"q={text}"), text
        assert unit.pk in self.keys(case, "on=2020-06-01") and unit.pk not in self.keys(case, "on=2019-06-01")


class TestUnit(DetailPageConformance):
    page = unit_pages.UNIT

    @pytest.fixture
    def case(self, unit_case: Case) -> Case:
        return unit_case


class TestNewUnit(FormPageConformance):
    page = unit_pages.NEW_UNIT

    @pytest.fixture
    def case(self, world: SimpleNamespace, keeper: Any) -> Case:
        return Case(
            actor=keeper,
            values=lambda row: {
                "parent": named(world.bureau), "kind": "division", "code": f"N{next(_numbers)}", "name": "新处", "on": ON,
            },
        )  # fmt: skip

    def test_a_unit_out_of_scope_is_no_parent(self, case: Case, url: str, world: SimpleNamespace) -> None:
        visitor = Visitor(case.actor)
        assert visitor.post(url, {**case.values(None), "parent": world.finance.code}).status_code == 403
        answer = visitor.post(url, {**case.values(None), "parent": "没有的局"})
        assert answer.status_code == 422 and "没有这个机构" in html(answer)
        assert visitor.post(url, {**case.values(None), "kind": "district"}).status_code == 422


class TestEditUnit(FormPageConformance):
    page = unit_pages.EDIT_UNIT

    @pytest.fixture
    def case(self, unit_case: Case) -> Case:
        unit_case.values = lambda row: {"short_name": "试验", "sort": "3", "lat": "31.2", "lon": "121.4"}
        return unit_case


class TestImportUnits(ImportPageConformance):
    page = unit_pages.IMPORT_UNITS

    @pytest.fixture
    def case(self, world: SimpleNamespace, keeper: Any) -> Case:
        def row(code: str, parent: str, kind: str = "内设处室") -> dict[str, str]:
            return {
                "机构代码": code,
                "机构名称": f"{code}处",
                "机构类型": kind,
                "上级机构代码": parent,
                "成立日期": "2024-01-01",
            }

        return Case(
            actor=keeper, import_rows=[row("I2", "I1", "科室"), row("I1", world.bureau.code), row("I3", "I1", "科室")],
            bad_row=row("I9", world.finance.code), count=Unit.objects.count,
        )  # fmt: skip

    def test_what_is_wrong_is_named(self, case: Case, url: str, world: SimpleNamespace) -> None:
        def row(**more: str) -> dict[str, str]:
            return {**case.import_rows[1], **more}

        rows = [
            row(机构代码=world.assets.code), row(机构代码="J2", 上级机构代码="没有"), row(机构代码="J3", 上级机构代码=world.city.code),
            row(机构代码="J4", 上级机构代码="J5"), row(机构代码="J5", 上级机构代码="J4"),
            row(机构代码="J6", 成立日期="2999-01-01"), row(机构代码="J7", 机构类型="科室", 上级机构代码="J6"),
        ]  # fmt: skip
        visitor = Visitor(case.actor)
        text = html(visitor.get(self.send(visitor, url, self.workbook(rows))))
        for words in ("已被使用", "都没有这个机构", "不在您的数据权限范围内", "成环", "不能晚于今天"):
            assert words in text, words


class TestPeople(ListPageConformance):
    page = people_pages.PEOPLE

    @pytest.fixture
    def case(self, person_case: Case) -> Case:
        return person_case

    def test_of_a_day(self, case: Case) -> None:
        person = case.row()
        assert person.pk in self.keys(case, "on=2020-06-01") and person.pk not in self.keys(case, "on=2019-06-01")


class TestPerson(DetailPageConformance):
    page = people_pages.PERSON

    @pytest.fixture
    def case(self, person_case: Case) -> Case:
        return person_case

    def test_numbers_are_masked_and_seeing_the_whole_is_traced(self, case: Case, make_actor: Any, world: Any) -> None:
        person = case.row()
        Person.objects.filter(pk=person.pk).update(phone="021-63216789")
        url, visitor = reverse("orgs.person.detail", args=[person.pk]), Visitor(case.actor)
        assert "021-63****89" in html(visitor.get(url)) and "021-63216789" not in html(visitor.get(url))
        assert "021-63216789" in html(visitor.get(url, {"tab": "联系方式"}))
        assert Entry.objects.filter(code="orgs.person.contact").count() == 1
        reader = Visitor(make_actor({"orgs.person.view": "below"}, unit=world.bureau))
        assert "021-63216789" not in html(reader.get(url, {"tab": "联系方式"}))


class TestNewPerson(FormPageConformance):
    page = people_pages.NEW_PERSON

    @pytest.fixture
    def case(self, world: SimpleNamespace, keeper: Any) -> Case:
        return Case(
            actor=keeper,
            values=lambda row: {
                "code": f"N{next(_numbers)}", "name": "曾新", "unit": world.assets.code, "post": "科员", "on": ON,
            },
        )  # fmt: skip


class TestEditPerson(FormPageConformance):
    page = people_pages.EDIT_PERSON

    @pytest.fixture
    def case(self, person_case: Case) -> Case:
        person_case.values = lambda row: {"name": "曾改名", "phone": "63210000", "sort": "1"}
        return person_case


class TestImportPeople(ImportPageConformance):
    page = people_pages.IMPORT_PEOPLE

    @pytest.fixture
    def case(self, world: SimpleNamespace, keeper: Any) -> Case:
        def row(code: str, unit: str, **more: str) -> dict[str, str]:
            return {
                "人员编号": code,
                "姓名": "单雄信",
                "机构代码": unit,
                "职务": "科员",
                "职级": "一级科员",
                "任职日期": "2024-01-01",
            } | more

        return Case(
            actor=keeper, import_rows=[row(f"I{n}", world.assets.code) for n in range(3)],
            bad_row=row("I9", world.assets.code, 任职日期="2019-01-01"), count=Person.objects.count,
        )  # fmt: skip


class TestAppointments(ListPageConformance):
    page = people_pages.APPOINTMENTS

    @pytest.fixture
    def case(self, person_case: Case) -> Case:
        def post(make: Any) -> Any:
            return lambda: Appointment.objects.get(person=make())

        return Case(
            actor=person_case.actor, make=post(person_case.make), make_elsewhere=post(person_case.make_elsewhere),
            text=lambda held: held.person.code,
        )  # fmt: skip


class TestQuotas(ListPageConformance):
    page = unit_pages.QUOTAS

    @pytest.fixture
    def case(self, world: SimpleNamespace, keeper: Any) -> Case:
        def at(parent: Any) -> Any:
            return lambda: service.set_establishment(
                world.actor, new_unit(world, parent), kind="administrative", quota=3, record=world.record, on=FOUNDED
            )

        return Case(actor=keeper, make=at(world.bureau), make_elsewhere=at(world.finance),
                    text=lambda row: row.unit.name)  # fmt: skip


def act(visitor: Visitor, page: str, row: Any, **values: str) -> Any:
    """Do an act by its form; returns the row as it is then."""
    answer = visitor.post(reverse(page, args=[row.pk]), {"on": ON, **values})
    assert answer.status_code == 302, html(answer)[:200] if answer.status_code != 422 else _errors(answer)
    return type(row).objects.get(pk=row.pk)


def _errors(answer: Any) -> list[str]:
    return [part for part in html(answer).split('role="alert">')[1:]][:3]


def test_a_unit_s_life_by_its_pages(world, visitor, unit_case) -> None:
    unit, other = unit_case.row(), unit_case.row()
    unit = act(visitor, "orgs.unit.rename", unit, name="综合处", reason="机构改革")
    assert unit.name == "综合处"
    act(visitor, "orgs.unit.set_establishment", unit, kind="administrative", quota="5", document_no="沪编〔2026〕1号")
    assert Establishment.objects.get(unit=unit).quota == 5
    section = world.make(other, "S1", "一科", "section")
    assert act(visitor, "orgs.unit.move", section, parent=named(unit)).parent_id == unit.pk
    assert act(visitor, "orgs.unit.close", other).valid_to == TODAY
    text = html(visitor.get(reverse("orgs.unit.detail", args=[unit.pk]), {"tab": "机构沿革"}))
    assert "更名为“综合处”" in text and "设立" in text
    codes = set(Entry.objects.values_list("code", flat=True))
    assert {"orgs.unit.rename", "orgs.unit.move", "orgs.unit.close", "orgs.establishment.set"} <= codes
    later = {"on": f"{TODAY + timedelta(days=1):%Y-%m-%d}", "name": "明日处"}
    refused = visitor.post(reverse("orgs.unit.rename", args=[unit.pk]), later)
    assert refused.status_code == 422 and "不能晚于今天" in html(refused)


def test_merging_takes_people_units_and_posts(world, visitor, unit_case, hire) -> None:
    gone, into = unit_case.row(), unit_case.row()
    chief, clerk = hire("M1", "处长甲", gone), hire("M2", "科员乙", gone)
    service.appoint(
        world.actor, hire("M3", "兼职丙", into), gone, post="顾问", kind="concurrent", on=FOUNDED, record=world.record
    )
    section = world.make(gone, "S2", "二科", "section")
    for unit, quota in ((gone, 4), (into, 3)):
        service.set_establishment(
            world.actor, unit, kind="administrative", quota=quota, record=world.record, on=date(2021, 1, 1)
        )
    gone = act(visitor, "orgs.unit.merge", gone, into=into.code, reason="机构改革")
    assert gone.valid_to == TODAY and Unit.objects.get(pk=section.pk).parent_id == into.pk
    assert {Person.objects.get(pk=each.pk).unit_id for each in (chief, clerk)} == {into.pk}
    assert service.establishment(into) == {"administrative": 7} and service.headcount(gone) == 0
    assert Appointment.objects.filter(unit=into, kind="concurrent", valid_to=None).count() == 1
    assert service.headcount(gone, TODAY - timedelta(days=1)) == 2, "as of the day before it is as it was"
    assert Entry.objects.filter(code="orgs.unit.merge").count() == 1


def test_a_merger_that_fails_changes_nothing(world, visitor, unit_case, hire) -> None:
    gone, into = unit_case.row(), unit_case.row()
    hire("M4", "今日丁", gone, on=TODAY)
    for target, words in ((into.code, "合并日期须晚于"), (gone.code, "它自己"), (world.local.code, "内设处室")):
        answer = visitor.post(reverse("orgs.unit.merge", args=[gone.pk]), {"on": ON, "into": target})
        assert answer.status_code in (403, 409, 422)
        assert words in html(answer) or answer.status_code == 403
    assert Unit.objects.get(pk=gone.pk).valid_to is None and Person.objects.get(code="M4").unit_id == gone.pk


def test_a_career_by_the_pages(world, visitor, person_case) -> None:
    person = person_case.row()
    person = act(
        visitor, "orgs.person.transfer", person, unit=named(world.bureau), post="副处长", document_no="沪任1号"
    )
    assert (person.unit_id, person.duty) == (world.bureau.pk, "副处长")
    act(visitor, "orgs.person.appoint", person, unit=world.assets.code, kind="concurrent", post="顾问")
    text = html(visitor.get(reverse("orgs.person.detail", args=[person.pk])))
    assert "副处长" in text and "兼任" in text and markup.faults(text) == []
    second = Appointment.objects.get(person=person, kind="concurrent")
    Appointment.objects.filter(person=person, valid_to=TODAY).update(valid_to=TODAY - timedelta(days=3))
    Appointment.objects.filter(person=person, valid_to=None).update(valid_from=TODAY - timedelta(days=3))
    act(visitor, "orgs.person.end", person, appointment=str(second.pk), end_reason="removed")
    main = Appointment.objects.get(person=person, valid_to=None)
    assert not act(visitor, "orgs.person.end", person, appointment=str(main.pk), end_reason="retired").active
    other = person_case.elsewhere()
    refused = visitor.post(
        reverse("orgs.person.create"), {"code": "X", "name": "某", "unit": other.unit.code, "post": "科员", "on": ON}
    )
    assert refused.status_code == 403


def test_the_tree_drills_draws_and_remembers(world, make_actor, hire) -> None:
    actor = make_actor(RIGHTS, unit=world.city, name="市级管理员")
    visitor, url = Visitor(actor), reverse("orgs.tree")
    hire("T1", "曾甲", world.assets)
    service.rename_unit(world.actor, world.finance, name="上海市财政与税务局", record=world.record, on=date(2024, 1, 1))
    text = html(visitor.get(url))
    assert markup.faults(text) == [] and "上海市财政与税务局" in text and "下级 1 个 · 在职 1 人" in text
    then = html(visitor.get(url, {"on": "2022-01-01", "unit": world.city.code}))
    assert "上海市财政局" in then and "财政与税务" not in then and "截至 2022-01-01" in then
    below = html(visitor.get(url, {"unit": world.assets.code}))
    assert "机关事务管理局" in below and "没有下级机构" in below
    assert "尚未设立" in html(visitor.get(url, {"on": "1999-01-01"}))
    assert "不是有效的日期" in html(visitor.get(url, {"on": "2022-13-45"}))
    assert visitor.get(url, {"unit": "nothing"}).status_code == 404
    narrow = Visitor(make_actor({"orgs.unit.view": "below"}, unit=world.bureau))
    assert narrow.get(url, {"unit": world.finance.code}).status_code == 404
    text = html(narrow.get(url))
    assert "资产管理处" in text and "核定编制" not in text and "预算处" not in text
    empty = Visitor(make_actor({"orgs.unit.view": "self"}, unit=world.bureau, person=1))
    assert "没有可以查看的机构" in html(empty.get(url))


def test_suggestions_name_the_place(world, visitor) -> None:
    answer = visitor.get(reverse("orgs.unit.suggest"), {"q": "zcgl"})
    assert json.loads(answer.content)["items"] == [
        {"title": named(world.assets), "value": world.assets.code, "subtitle": "上海市 / 上海市机关事务管理局"}
    ]
    assert json.loads(visitor.get(reverse("orgs.unit.suggest"), {"q": ""}).content) == {"items": []}


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("021-63216789", "021-63****89"), ("13812345678", "13812****78"), ("6321", "****"), ("", ""), ("63210", "***10")],
)
def test_masking(phone, shown) -> None:
    assert directory.masked(phone) == shown
