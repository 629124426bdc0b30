"""The verbs: rooms change hands, sizes are approved, repair projects go their way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.models import Establishment
from zhiguan.kit.actor import Scope
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.guard import working
from zhiguan.lines.space import queries
from zhiguan.lines.space.domain import register, repairs, sizes
from zhiguan.lines.space.domain.size import Need
from zhiguan.lines.space.models import Allocation, Building, OrganSize, Room, RoomUser
from zhiguan.lines.space.rules import repairs_begun

DAY = date(2024, 1, 1)


def test_a_room_is_allocated_once_and_vacated_with_its_people(world, make_room):
    room = make_room()
    room = register.allocate(world.bureau, room, user=world.organ, valid_from=DAY, certificate_no="证1")
    assert (room.state, room.user_pos) == ("allocated", world.organ.pos)
    with pytest.raises(Conflict):
        register.allocate(world.bureau, room, user=world.other, valid_from=DAY)
    seat = register.seat(world.manager, room=room, person=world.people["甲局长"], valid_from=DAY)
    room = register.vacate_room(world.bureau, room, reason="机构调整")
    seat.refresh_from_db()
    kept = Allocation.objects.get(room=room)
    assert (room.state, room.user, seat.state, kept.state) == ("idle", None, "left", "vacated")
    assert [event.code for event in ledger.history(room)] == ["create", "allocate", "vacate"]
    assert kept.valid_to == timezone.localdate()


def test_a_using_organ_sees_the_room_and_its_building_and_no_others(world, make_room):
    shared, closed = make_room(world.organ), make_room(world.organ)
    register.allocate(world.bureau, shared, user=world.other, valid_from=DAY)
    with working(world.stranger):
        assert list(Room.objects.all()) == [shared] == list(queries.rooms(world.stranger))
        assert list(Building.objects.all()) == [shared.building] == list(queries.buildings(world.stranger))
        assert not Room.objects.filter(pk=closed.pk).exists()
        with pytest.raises(Denied):
            register.edit(world.stranger, shared.building, name="改名")


def test_a_second_office_needs_its_approval(world, make_allocated):
    first, second = make_allocated(), make_allocated()
    register.seat(world.manager, room=first, person=world.people["甲局长"], valid_from=DAY)
    with pytest.raises(Invalid, match="已有一处"):
        register.seat(world.manager, room=second, person=world.people["甲局长"], valid_from=DAY)
    register.seat(world.manager, room=second, person=world.people["甲局长"], valid_from=DAY, second_office_no="办〔2026〕1号")
    with pytest.raises(Conflict):
        register.seat(world.manager, room=first, person=world.people["甲局长"], valid_from=DAY, second_office_no="x")
    assert RoomUser.objects.filter(state="active").count() == 2


def test_nobody_sits_in_rooms_of_other_organs(world, make_room, make_allocated):
    with pytest.raises(Invalid, match="尚未调配"):
        register.seat(world.manager, room=make_room(), person=world.people["甲局长"], valid_from=DAY)
    with pytest.raises(Denied):
        register.seat(world.manager, room=make_allocated(world.other), person=world.people["甲局长"], valid_from=DAY)
    with pytest.raises(Denied):
        register.seat(world.manager, room=make_allocated(), person=world.people["乙局长"], valid_from=DAY)


def test_shares_are_held_against_the_limit_of_the_rank(world, make_allocated):
    wide, tight = make_allocated(usable_area=Decimal(36)), make_allocated(usable_area=Decimal(18))
    register.seat(world.manager, room=wide, person=world.people["甲局长"], valid_from=DAY)
    for name in ("甲处长", "甲科员"):
        register.seat(world.manager, room=tight, person=world.people[name], valid_from=DAY)
    with working(world.manager):
        rows = {row.person.name: (row.share, row.limit, row.excess) for row in queries.occupants(world.manager)}
    assert rows == {
        "甲局长": (Decimal(36), Decimal(30), Decimal(6)), "甲处长": (Decimal(9), Decimal(18), Decimal(-9)),
        "甲科员": (Decimal(9), Decimal(9), Decimal(0)),
    }  # fmt: skip


def test_a_closed_building_takes_no_rooms_and_a_full_one_is_not_closed(world, make_building, make_room):
    building = make_building()
    room = make_room(building=building)
    register.allocate(world.bureau, room, user=world.organ, valid_from=DAY)
    with pytest.raises(Conflict, match="先腾退"):
        register.close_building(world.bureau, building, reason="拆迁")
    register.vacate_room(world.bureau, Room.objects.get(pk=room.pk), reason="拆迁")
    building = register.close_building(world.bureau, building, reason="拆迁")
    with pytest.raises(Invalid):
        register.add_room(world.bureau, building=building, storey=1, number="101", kind="office", usable_area=Decimal(9))
    assert register.dispose(world.bureau, building, reason="拆除").state == "disposed"


@pytest.mark.parametrize("storey", [0, 7, -2])
def test_a_room_is_on_a_storey_that_there_is(world, make_building, storey):
    with pytest.raises(Invalid) as refused:
        register.add_room(world.bureau, building=make_building(), storey=storey, number="1", kind="office",
                          usable_area=Decimal(9))  # fmt: skip
    assert "storey" in refused.value.fields


def test_posts_not_filled_count_as_the_lowest_rank_and_people_above_the_posts_do_not_count(world):
    assert queries.staffing(world.organ) == {"bureau_chief": 1, "division_chief": 1, "staff": 3}
    Establishment.objects.filter(unit=world.organ).update(quota=2)
    assert queries.staffing(world.organ) == {"bureau_chief": 1, "division_chief": 1}
    assert queries.staffing(world.other) == {"bureau_chief": 1}


NEED = Need("municipal", "multi_storey", {"division_chief": 1, "staff": 49})


def test_a_size_replaces_the_one_before_from_its_day(world):
    gross = sizes.measured(NEED).gross
    old = sizes.approve_size(world.bureau, unit=world.organ, need=NEED, approved_area=gross, valid_from=DAY)
    new = sizes.approve_size(world.bureau, unit=world.organ, need=NEED, approved_area=gross - 100,
                             valid_from=date(2026, 1, 1), document_no="核〔2026〕1号")  # fmt: skip
    old.refresh_from_db()
    assert (old.valid_to, new.valid_to) == (date(2026, 1, 1), None)
    assert new.working[0]["basis"].startswith("《") and Decimal(new.working[-1]["area"]) == new.computed_area
    with pytest.raises(Invalid, match="晚于"):
        sizes.approve_size(world.bureau, unit=world.organ, need=NEED, approved_area=gross, valid_from=DAY)


def test_more_than_the_standard_allows_is_refused(world):
    gross = sizes.measured(NEED).gross
    with pytest.raises(Invalid, match="不予核定"):
        sizes.approve_size(world.bureau, unit=world.organ, need=NEED, approved_area=gross * 2, valid_from=DAY)
    with pytest.raises(Denied):
        sizes.approve_size(world.stranger, unit=world.organ, need=NEED, approved_area=gross, valid_from=DAY)
    assert not OrganSize.objects.exists()


def test_used_area_is_held_against_the_size(world, make_allocated):
    sizes.approve_size(world.bureau, unit=world.organ, need=NEED, approved_area=Decimal(100), valid_from=DAY)
    make_allocated(usable_area=Decimal(900))
    make_allocated(usable_area=Decimal(100), kind="ancillary")
    make_allocated(world.other, usable_area=Decimal(50))
    with working(world.manager):
        (row,) = queries.sizes_with_use(world.manager)
    assert (row.used_area, row.basic, row.excess) == (Decimal(900), row.basic_area, 900 - row.basic_area)


def project(world, make_building, **values):
    return repairs.propose(world.manager, **{
        "building": make_building(), "year": 2027, "project": "屋面维修", "kind": "special", "why": "渗漏",
        "area_m2": Decimal(1000), "estimate_yuan": Decimal(500_000), **values,
    })  # fmt: skip


def test_a_project_goes_its_whole_way_and_the_building_remembers(world, make_building):
    today = timezone.localdate()
    plan = project(world, make_building, kind="medium")
    plan = repairs.include(world.bureau, plan, approved_yuan=Decimal(480_000), document_no="修〔2026〕1号")
    plan = repairs.begin(world.bureau, plan, begun_on=today - timedelta(days=30), contractor="某建筑公司 ")
    (award,) = repairs_begun(today - timedelta(days=40), today)
    assert (award.firm, award.unit, award.amount_yuan, award.link["id"]) == ("某建筑公司", plan.unit, 480_000, plan.pk)
    assert list(repairs_begun(today, today + timedelta(days=1))) == []
    with pytest.raises(Invalid, match="结算金额超过"):
        repairs.finish(world.bureau, plan, finished_on=today, final_yuan=Decimal(490_000))
    plan = repairs.finish(world.bureau, plan, finished_on=today, final_yuan=Decimal(470_000))
    building = Building.objects.get(pk=plan.building_id)
    assert (plan.state, building.last_repair_on) == ("finished", today)
    assert [event.code for event in ledger.history(plan)] == ["create", "include", "begin", "finish"]


def test_above_the_control_value_a_reason_is_asked_for(world, make_building):
    plan = project(world, make_building, estimate_yuan=Decimal(700_000))
    assert plan.over_limit and plan.cost_per_m2 == 700
    with pytest.raises(Invalid) as refused:
        repairs.include(world.bureau, plan, approved_yuan=Decimal(700_000))
    assert "reason" in refused.value.fields
    assert repairs.include(world.bureau, plan, approved_yuan=Decimal(700_000), reason="文物建筑").state == "planned"


def test_projects_that_cannot_be_are_refused(world, make_building):
    building = make_building()
    project(world, make_building, building=building)
    with pytest.raises(Conflict, match="同名"):
        project(world, make_building, building=building)
    with pytest.raises(Invalid, match="建筑面积"):
        project(world, make_building, area_m2=Decimal(6001))
    with pytest.raises(Invalid, match="不管理"):
        project(world, make_building, building=make_building(world.other), unit=world.organ)
    lesser = replace(world.manager, permissions={"space.repair.propose": Scope(((world.organ.pos, world.organ.pos_end),))})
    plan = project(world, make_building, project="其他")
    with pytest.raises(Denied):
        repairs.include(lesser, plan, approved_yuan=Decimal(1))
    plan = repairs.include(world.bureau, plan, approved_yuan=Decimal(1))
    with pytest.raises(Denied):
        repairs.cancel(lesser, plan, reason="不做了")
