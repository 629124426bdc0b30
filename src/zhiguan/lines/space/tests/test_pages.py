"""Every declared page of the line under the inherited tests, and what only it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count

import pytest
from django.urls import reverse

from zhiguan.kernel.orgs.models import Person, Rank
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.lines.space import pages
from zhiguan.lines.space.domain import register, repairs, sizes
from zhiguan.lines.space.domain.size import Need
from zhiguan.lines.space.models import Allocation, Room

from .conftest import BOSS

NEED = Need("municipal", "multi_storey", {"division_chief": 1, "staff": 9})


class Maker:
    def __init__(self, world, unit, make_building, make_room, make_allocated) -> None:
        self.world, self.unit, self.numbers = world, unit, count(unit.pk * 1000)
        self.building = lambda: make_building(unit)
        self.room = lambda: make_room(unit)
        self.allocated = lambda: make_allocated(unit)

    def allocation(self):
        return Allocation.objects.get(room=self.allocated())

    def occupant(self):
        number = next(self.numbers)
        person = Person.objects.create(
            code=f"U{number}", name=f"使用人{number}", unit=self.unit, rank=Rank.objects.get(code="clerk_1")
        )
        return register.seat(BOSS, room=self.allocated(), person=person, valid_from=date(2024, 1, 1))

    def size(self):
        """One in force for a unit of its own, below the organ: an organ has one."""
        from .conftest import _unit

        number = next(self.numbers)
        unit = _unit(self.unit, number % 1000 + 1, f"D{number}", f"第{number}处", "division")
        return sizes.approve_size(BOSS, unit=unit, need=NEED, approved_area=Decimal(200), valid_from=date(2024, 1, 1))

    def repair(self):
        return repairs.propose(
            BOSS, building=self.building(), year=2027, project=f"维修{next(self.numbers)}", kind="special", why="渗漏",
            area_m2=Decimal(100), estimate_yuan=Decimal(50_000),
        )  # fmt: skip


@pytest.fixture
def mine(world, make_building, make_room, make_allocated):
    return Maker(world, world.organ, make_building, make_room, make_allocated)


@pytest.fixture
def others(world, make_building, make_room, make_allocated):
    return Maker(world, world.other, make_building, make_room, make_allocated)


class TestBuildings(ListPageConformance):
    page = pages.BUILDINGS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.building, others.building, text=lambda row: row.code)


class TestBuilding(DetailPageConformance):
    page = pages.BUILDING

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.building, others.building)


def building_values(unit, code):
    return {
        "code": code, "name": "新楼", "unit": unit.pk, "structure": "frame", "height_class": "multi_storey", "storeys": "6",
        "basements": "0", "gross_area": "5000", "title_kind": "unified",
    }  # fmt: skip


class TestBuildingNew(FormPageConformance):
    page = pages.BUILDING_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: building_values(world.organ, "N1"))


class TestBuildingEdit(FormPageConformance):
    page = pages.BUILDING_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.building, others.building, values=lambda row: building_values(world.organ, row.code))


class TestRooms(ListPageConformance):
    page = pages.ROOMS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.room, others.room, text=lambda row: row.number)


class TestRoom(DetailPageConformance):
    page = pages.ROOM

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.room, others.room)


class TestRoomAllocated(DetailPageConformance):
    page = pages.ROOM

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.allocated, others.allocated)


class TestRoomNew(FormPageConformance):
    page = pages.ROOM_NEW

    @pytest.fixture
    def case(self, world, mine):
        building = mine.building()
        values = {"building": building.pk, "storey": "2", "number": "201", "kind": "office", "usable_area": "18.5"}
        return Case(world.manager, values=lambda row: values)


class TestRoomEdit(FormPageConformance):
    page = pages.ROOM_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        def values(row):
            return {"building": row.building_id, "storey": "2", "number": "299", "kind": "service", "usable_area": "20"}

        return Case(world.manager, mine.room, others.room, values=values)


class TestRoomImport(ImportPageConformance):
    page = pages.ROOM_IMPORT_PAGE

    @pytest.fixture
    def case(self, world, mine, others):
        building, foreign = mine.building(), others.building()

        def row(number, **more):
            return {"楼宇": building.code, "楼层": 2, "房间号": number, "房间类别": "办公室", "使用面积（平方米）": 18.5, **more}

        return Case(
            world.manager, import_rows=[row("201"), row("202")], bad_row=row("203", 楼宇=foreign.code),
            count=lambda: Room.objects.filter(building=building).count(),
        )  # fmt: skip

    def test_every_fault_is_named(self, world, case, url):
        good = dict(case.import_rows[0])
        visitor = Visitor(world.manager)
        book = self.workbook([good, good, {**good, "房间号": "204", "楼层": 9}, {**good, "房间号": "205", "使用面积（平方米）": 0}])
        text = html(visitor.get(self.send(visitor, url, book)))
        assert "房间号重复" in text and "地上 6 层" in text and "第 5 行" in text


class TestAllocations(ListPageConformance):
    page = pages.ALLOCATIONS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.allocation, others.allocation, text=lambda row: row.room.number)


class TestAllocation(DetailPageConformance):
    page = pages.ALLOCATION

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.allocation, others.allocation)


class TestOccupants(ListPageConformance):
    page = pages.OCCUPANTS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.occupant, others.occupant, text=lambda row: row.person.name)


class TestOccupant(DetailPageConformance):
    page = pages.OCCUPANT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.occupant, others.occupant)


class TestOccupantNew(FormPageConformance):
    page = pages.OCCUPANT_NEW

    @pytest.fixture
    def case(self, world, mine):
        room = mine.allocated()
        return Case(world.manager, values=lambda row: {"person": "甲科员", "room": room.pk, "valid_from": "2025-01-01"})


class TestSizes(ListPageConformance):
    page = pages.SIZES

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.size, others.size, text=lambda row: row.unit.name)


class TestSize(DetailPageConformance):
    page = pages.SIZE

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.size, others.size)


class TestSizeNew(FormPageConformance):
    page = pages.SIZE_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: {
            "unit": world.organ.pk, "level": "municipal", "height_class": "multi_storey", "staff": "10",
            "approved_area": "200", "valid_from": "2025-01-01",
        })  # fmt: skip

    def test_it_is_filled_with_what_is_known(self, world):
        text = html(Visitor(world.manager).get(reverse("space.organsize.create"), {"unit": world.organ.pk}))
        for name, count_ in (("staff", 3), ("bureau_chief", 1), ("section_chief", 0)):
            assert re.search(rf'<input[^>]*name="{name}"[^>]* value="{count_}"', text), name


class TestRepairs(ListPageConformance):
    page = pages.REPAIRS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.repair, others.repair, text=lambda row: row.project)


class TestRepair(DetailPageConformance):
    page = pages.REPAIR

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.repair, others.repair)


def repair_values(unit, building):
    return {
        "unit": unit.pk, "year": "2027", "building": building.pk, "project": "门窗维修", "kind": "special", "why": "老化",
        "area_m2": "100", "estimate_yuan": "30000",
    }  # fmt: skip


class TestRepairNew(FormPageConformance):
    page = pages.REPAIR_NEW

    @pytest.fixture
    def case(self, world, mine):
        building = mine.building()
        return Case(world.manager, values=lambda row: repair_values(world.organ, building))


class TestRepairEdit(FormPageConformance):
    page = pages.REPAIR_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.repair, others.repair, values=lambda row: repair_values(world.organ, row.building))


def test_the_measuring_page_works_from_what_is_known(world, make_allocated):
    make_allocated(usable_area=Decimal(500))
    visitor, url = Visitor(world.manager), reverse("space.organsize.measure")
    text = html(visitor.get(url))
    assert "总建筑面积" in text and "市甲局" in text and "500.00" in text and "text-danger" in text
    typed = {"unit": world.organ.pk, "of": world.organ.pk, "level": "county", "height": "high_rise", "staff": "10"}
    assert "10 人×9 平方米" in html(visitor.get(url, typed))
    for bad in ({"unit": "9" * 30, "staff": "-1"}, {"unit": world.other.pk}, {"level": "x", "cars": "1e9", "staff": "٣"}):
        answer = visitor.get(url, bad)
        assert answer.status_code == 200 and "市乙局" not in html(answer)
    assert visitor.get(url, {"unit": "", "staff": "999999999"}).status_code == 200
    nobody = replace(world.manager, permissions={})
    assert Visitor(nobody).get(url).status_code == 403


def test_acts_of_the_room_page_do_what_they_say(world, mine):
    room, visitor = mine.room(), Visitor(world.bureau)
    url = reverse("space.room.allocate", args=[room.pk])
    form = html(visitor.get(url))
    hidden = {name: form.split(f'name="{name}" value="')[1].split('"', 1)[0] for name in ("_version", "_once")
              if f'name="{name}" value="' in form}  # fmt: skip
    visitor.post(url, {"user": world.other.pk, "valid_from": "2026-01-01", **hidden})
    room.refresh_from_db()
    assert (room.state, room.user_id) == ("allocated", world.other.pk)
