from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from zhiguan.kernel.orgs import service, tree
from zhiguan.kernel.orgs.models import Establishment, Person, Unit, UnitVersion
from zhiguan.kernel.orgs.tests.conftest import FOUNDED, Notes
from zhiguan.kit.errors import Conflict, Denied, Invalid

DAY = date(2023, 6, 1)


def names(versions) -> list[str]:
    return [version.name for version in versions]


def test_children_get_ranges_within_the_parent_and_inherit_level_and_district(world: SimpleNamespace) -> None:
    assert (world.city.pos, world.city.pos_end) == (tree.ROOT_POS, tree.ROOT_END)
    assert world.finance.pos < world.budget.pos <= world.budget.pos_end <= world.finance.pos_end
    assert world.finance.pos_end < world.bureau.pos
    assert (world.local.level, world.finance.level) == ("district", "municipal")
    assert [unit.name for unit in service.path(world.budget)] == ["上海市", "上海市财政局", "预算处"]
    assert service.organ_of(world.budget) == world.finance
    assert service.organ_of(world.district) is None
    assert {unit.code for unit in service.subtree(world.finance)} == {"310000-C01", "310000-C01-01"}
    assert world.finance.pinyin == "shanghaishicaizhengju"
    assert world.finance.initials == "shsczj"


@pytest.mark.parametrize(
    ("parent", "kind"), [("city", "division"), ("budget", "organ"), ("finance", "district"), ("district", "city")]
)
def test_a_unit_of_a_kind_stands_only_where_it_may(world: SimpleNamespace, parent: str, kind: str) -> None:
    with pytest.raises(Invalid) as refusal:
        world.make(getattr(world, parent), "X", "某机构", kind)
    assert refusal.value.fields


def test_there_is_one_root_and_codes_are_unique(world: SimpleNamespace) -> None:
    with pytest.raises(Conflict):
        world.make(None, "320000", "江苏省", "city")
    with pytest.raises(Conflict):
        world.make(world.city, "310000-C01", "另一个局", "organ")
    assert service.root() == world.city  # the transaction goes on


def test_full_parents_and_deep_trees_are_refused(world: SimpleNamespace) -> None:
    lo, hi = tree.child_range(world.finance.pos, world.finance.pos_end, tree.CHILDREN)
    Unit.objects.create(code="LAST", name="最后一处", kind="division", parent=world.finance, pos=lo, pos_end=hi)
    with pytest.raises(Conflict, match="4094"):
        world.make(world.finance, "MORE", "再一处", "division")
    section = world.make(world.assets, "S1", "一科", "section")
    section = world.make(section, "S2", "二科", "section")
    section = world.make(section, "S3", "三科", "section")
    with pytest.raises(Invalid):
        world.make(section, "S4", "四科", "section")


def test_numbers_are_never_given_twice(world: SimpleNamespace) -> None:
    first = world.make(world.finance, "A", "甲处", "division")
    service.move_unit(world.actor, first, parent=world.bureau, record=world.record, on=DAY)
    second = world.make(world.finance, "B", "乙处", "division")
    assert second.pos > first.pos


def test_inserting_renumbers_nobody(world: SimpleNamespace) -> None:
    before = dict(Unit.objects.values_list("code", "pos"))
    world.make(world.finance, "NEW", "新处", "division")
    assert before.items() <= dict(Unit.objects.values_list("code", "pos")).items()


def test_as_of_follows_renaming(world: SimpleNamespace) -> None:
    service.rename_unit(
        world.actor, world.bureau, name="上海市机关事务服务局", record=world.record, on=DAY, reason="机构改革"
    )
    world.bureau.refresh_from_db()
    assert world.bureau.pinyin == "shanghaishijiguanshiwufuwuju"
    assert service.name_on(world.bureau, DAY) == "上海市机关事务服务局"
    assert service.name_on(world.bureau, DAY - timedelta(days=1)) == "上海市机关事务管理局"
    assert service.version_on(world.bureau, FOUNDED - timedelta(days=1)) is None
    assert [v.name for v in service.path_on(world.assets, FOUNDED)] == ["上海市", "上海市机关事务管理局", "资产管理处"]
    code, _, before, after = world.record[-1]
    assert (code, before["name"], after["name"]) == (
        "orgs.unit.rename", "上海市机关事务管理局", "上海市机关事务服务局",
    )  # fmt: skip


def test_renaming_twice_on_a_day_keeps_the_last_name(world: SimpleNamespace) -> None:
    for name in ("一局", "二局"):
        service.rename_unit(world.actor, world.bureau, name=name, record=world.record, on=DAY)
    assert service.name_on(world.bureau, DAY) == "二局"
    assert world.bureau.versions.count() == 2
    with pytest.raises(Invalid, match="2023-06-01"):
        service.rename_unit(world.actor, world.bureau, name="三局", record=world.record, on=DAY - timedelta(days=1))


def test_nothing_takes_effect_in_the_future(world: SimpleNamespace) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    with pytest.raises(Invalid):
        service.rename_unit(world.actor, world.bureau, name="明日局", record=world.record, on=tomorrow)


def test_moving_takes_rows_and_history_along(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.assets)
    service.set_establishment(
        world.actor, world.assets, kind="administrative", quota=9, record=world.record, on=FOUNDED
    )
    before = {name: getattr(world, name).pos for name in ("bureau", "assets")}
    service.move_unit(world.actor, world.assets, parent=world.finance, record=world.record, on=DAY)
    world.assets.refresh_from_db()
    person.refresh_from_db()
    assert world.finance.pos < world.assets.pos <= world.finance.pos_end
    assert world.assets.parent == world.finance
    assert {person.scope_pos, Establishment.objects.get().scope_pos} == {world.assets.pos}
    assert person.appointments.get().scope_pos == world.assets.pos
    assert service.misplaced() == {}
    eve = DAY - timedelta(days=1)
    assert names(service.children_on(world.bureau, eve)) == ["资产管理处"]
    assert names(service.children_on(world.bureau, DAY)) == []
    assert names(service.tree_on(eve, world.bureau)) == ["上海市机关事务管理局", "资产管理处"]
    assert names(service.tree_on(DAY, world.finance)) == ["上海市财政局", "预算处", "资产管理处"]
    assert service.version_on(world.assets, eve).pos == before["assets"]
    assert [service.headcount(world.bureau, eve), service.headcount(world.bureau, DAY)] == [1, 0]
    assert service.establishment(world.bureau, eve) == {"administrative": 9}
    assert service.staffing(world.finance, DAY).vacancies == 8
    assert world.record.codes[-1] == "orgs.unit.move"


def test_moving_between_depths_and_levels(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.assets)
    service.move_unit(world.actor, world.bureau, parent=world.district, record=world.record, on=DAY)
    person.refresh_from_db()
    for unit in (world.bureau, world.assets):
        unit.refresh_from_db()
        assert unit.level == "district"
    assert world.assets.depth == 3
    assert service.path(world.assets)[1] == world.district
    assert person.scope_pos == world.assets.pos
    assert [v.unit.code for v in service.path_on(world.assets, DAY)] == [
        "310000", "310101", "310000-C02", "310000-C02-01",
    ]  # fmt: skip
    service.move_unit(world.actor, world.bureau, parent=world.city, record=world.record, on=DAY)
    world.assets.refresh_from_db()
    assert (world.assets.depth, world.assets.level) == (2, "municipal")
    assert service.misplaced() == {}


def test_moving_back_in_time_splits_the_history_of_what_changed_since(world: SimpleNamespace) -> None:
    later = DAY + timedelta(days=30)
    service.rename_unit(world.actor, world.assets, name="资产处", record=world.record, on=later)
    service.move_unit(world.actor, world.bureau, parent=world.district, record=world.record, on=DAY)
    assert [v.name for v in service.path_on(world.assets, DAY)][1:] == ["黄浦区", "上海市机关事务管理局", "资产管理处"]
    assert [v.name for v in service.path_on(world.assets, later)][1:] == ["黄浦区", "上海市机关事务管理局", "资产处"]
    assert len(service.path_on(world.assets, FOUNDED)) == 3


def test_moves_that_make_no_tree_are_refused(world: SimpleNamespace) -> None:
    sub = service.create_unit(
        world.actor, parent=world.finance, code="SUB", name="下属局", kind="organ", record=world.record, on=FOUNDED
    )
    for parent, refusal in ((sub, Invalid), (world.finance, Invalid), (world.budget, Invalid), (world.city, Conflict)):
        with pytest.raises(refusal):
            service.move_unit(world.actor, world.finance, parent=parent, record=world.record)
    deep = world.make(world.assets, "S1", "一科", "section")
    deep = world.make(deep, "S2", "二科", "section")
    with pytest.raises(Invalid, match="5 级"):
        service.move_unit(world.actor, world.bureau, parent=sub, record=world.record)


def test_closing(world: SimpleNamespace, hire) -> None:
    person = hire("P1", "王小明", world.assets)
    with pytest.raises(Conflict, match="还有 1 个机构"):
        service.close_unit(world.actor, world.bureau, record=world.record, on=DAY)
    with pytest.raises(Conflict, match="在任职务"):
        service.close_unit(world.actor, world.assets, record=world.record, on=DAY)
    service.transfer(world.actor, person, world.budget, post="科员", record=world.record, on=DAY)
    service.close_unit(world.actor, world.assets, record=world.record, on=DAY, reason="职能划转")
    assert world.assets not in service.subtree(world.bureau)
    assert service.version_on(world.assets, DAY) is None
    assert service.version_on(world.assets, DAY - timedelta(days=1)).name == "资产管理处"
    world.assets.refresh_from_db()
    with pytest.raises(Conflict, match="已于 2023-06-01 撤销"):
        world.make(world.assets, "S1", "一科", "section")
    with pytest.raises(Conflict):
        hire("P2", "李小红", world.assets, on=DAY)


def test_verbs_need_their_permission_over_the_unit(world: SimpleNamespace, make_actor, notes: Notes) -> None:
    notes.clear()
    stranger = make_actor({"orgs.unit.view": "city"}, unit=world.bureau)
    manager = make_actor({"orgs.unit.manage": "below"}, unit=world.bureau)
    with pytest.raises(Denied):
        service.rename_unit(stranger, world.bureau, name="新名", record=notes)
    with pytest.raises(Denied):
        service.rename_unit(manager, world.finance, name="新名", record=notes)
    with pytest.raises(Denied):
        service.move_unit(manager, world.assets, parent=world.finance, record=notes)
    with pytest.raises(Denied):
        service.create_unit(manager, parent=world.city, code="Y", name="某局", kind="organ", record=notes)
    assert notes == []
    service.change_unit(manager, world.assets, phone="021-00000000", record=notes)
    assert notes.codes == ["orgs.unit.change"]


def test_a_mover_who_sees_no_rows_still_moves_them(world: SimpleNamespace, hire, make_actor, notes: Notes) -> None:
    """The establishment is scoped to area orgs; the mover holds no scope that RLS would show, yet rows follow."""
    service.set_establishment(world.actor, world.assets, kind="administrative", quota=3, record=notes, on=FOUNDED)
    mover = make_actor({"orgs.unit.manage": "city"})
    with make_actor({}).acting():
        service.move_unit(mover, world.assets, parent=world.finance, record=notes, on=DAY)
        assert not Establishment.objects.exists()
    world.assets.refresh_from_db()
    assert Establishment.objects.get().scope_pos == world.assets.pos


def test_realign_repairs_stray_rows(world: SimpleNamespace, hire) -> None:
    hire("P1", "王小明", world.assets)
    Person.objects.update(scope_pos=1)
    assert service.misplaced() == {"orgs_person": 1}
    assert service.realign() == {"orgs_person": 1}
    assert service.misplaced() == {}


def test_the_database_refuses_two_versions_on_a_day(world: SimpleNamespace) -> None:
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        UnitVersion.objects.create(
            unit=world.bureau, name="影子", parent=world.city, pos=1, pos_end=1, valid_from=DAY, valid_to=None
        )
