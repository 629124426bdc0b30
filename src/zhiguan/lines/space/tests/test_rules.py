"""Rules over the ledgers: hits, near misses, edges, and what clears them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from zhiguan.kernel.orgs.models import Appointment, Person
from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.models import Finding
from zhiguan.lines.space import rules
from zhiguan.lines.space.domain import register, sizes
from zhiguan.lines.space.domain.size import Need
from zhiguan.lines.space.models import Room

from .conftest import BOSS

TODAY = date(2026, 6, 15)


def found(code, today=TODAY):
    """Run one rule as its time comes; return the open findings it has then, by subject."""
    rule = next(rule for rule in rules.RULES if rule.code == code)
    supervision.run_scheduled(rule, today=today)
    return {row.subject_id: row for row in Finding.objects.filter(rule=code).exclude(state="withdrawn")}


def seat(world, room, name, since=date(2025, 1, 1)):
    return register.seat(BOSS, room=room, person=world.people[name], valid_from=since)


def test_an_office_above_the_limit_of_the_rank_and_not_one_at_it(world, make_allocated):
    wide = seat(world, make_allocated(usable_area=Decimal("30.01")), "甲局长")
    seat(world, make_allocated(usable_area=Decimal(18)), "甲处长")
    seat(world, make_allocated(kind="service", usable_area=Decimal(90)), "甲科员")
    hits = found("space.office_over_standard")
    assert set(hits) == {wide.pk} and "30.01 平方米，超过面积标准 30.00 平方米" in hits[wide.pk].summary
    register.leave(BOSS, wide, reason="调整")
    assert found("space.office_over_standard") == {}


@pytest.mark.parametrize(("left", "late"), [(date(2026, 5, 15), False), (date(2026, 5, 14), False), (date(2026, 5, 13), True)])
def test_who_retired_gives_the_room_back_within_a_month(world, make_allocated, left, late):
    row = seat(world, make_allocated(), "甲处长")
    Person.objects.filter(pk=row.person_id).update(active=False)
    Appointment.objects.filter(person=row.person_id).update(valid_to=left, end_reason="retired")
    assert (row.pk in found("space.room_not_given_back")) == late


def test_who_moved_to_another_organ_is_seen_and_who_stayed_is_not(world, make_allocated):
    moved, stayed = seat(world, make_allocated(), "甲处长"), seat(world, make_allocated(), "甲局长")
    person = world.people["甲处长"]
    Appointment.objects.filter(person=person).update(valid_to=date(2026, 3, 1))
    Appointment.objects.create(
        person=person, unit=world.other, post="处长", rank=person.rank, kind="main", valid_from=date(2026, 3, 1)
    )
    Person.objects.filter(pk=person.pk).update(unit=world.other, scope_pos=world.other.pos)
    hits = found("space.room_not_given_back")
    assert set(hits) == {moved.pk} and "应于 2026-04-01 前收回" in hits[moved.pk].summary and stayed.state == "active"


def test_a_month_later_of_the_last_day_of_a_month():
    assert rules._months_later(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert rules._months_later(date(2026, 12, 31), 2) == date(2027, 2, 28)
    assert rules._months_later(date(2026, 11, 30), 1) == date(2026, 12, 30)


def test_a_room_idle_for_longer_than_the_bound(world, make_room, make_allocated):
    long, fresh = make_room(), make_room()
    Room.objects.filter(pk=long.pk).update(created_at="2025-06-01T00:00:00+08:00")
    Room.objects.filter(pk=fresh.pk).update(created_at="2026-06-01T00:00:00+08:00")
    emptied = make_allocated()
    register.vacate_room(BOSS, emptied, reason="搬迁", vacated_on=TODAY - timedelta(days=10))
    Room.objects.filter(pk=emptied.pk).update(created_at="2020-01-01T00:00:00+08:00")
    assert set(found("space.left_idle")) == {long.pk}
    register.allocate(BOSS, Room.objects.get(pk=long.pk), user=world.organ, valid_from=TODAY)
    assert found("space.left_idle") == {}


def test_an_organ_above_its_size(world, make_allocated):
    need = Need("county", "multi_storey", {"staff": 5})
    size = sizes.approve_size(BOSS, unit=world.organ, need=need, approved_area=Decimal(50), valid_from=date(2024, 1, 1))
    make_allocated(usable_area=size.basic_area)
    assert found("space.over_size") == {}
    make_allocated(usable_area=Decimal("0.01"))
    hits = found("space.over_size")
    assert set(hits) == {size.pk} and hits[size.pk].unit == world.organ
