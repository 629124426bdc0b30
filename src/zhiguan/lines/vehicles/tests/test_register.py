"""Verbs of the register: what they refuse, what they leave behind in ledger and trace, and what they keep private."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Conflict, Denied, Invalid, Stale
from zhiguan.lines.vehicles import queries
from zhiguan.lines.vehicles.domain import orders, register
from zhiguan.lines.vehicles.models import Driver, Terminal, Vehicle

TODAY = timezone.localdate()


def values(world, plate="沪A12345", **more):
    return {"plate": plate, "unit": world.organ, "kind": "emergency", "brand_model": "荣威", "price_yuan": 1,
            "bought_on": date(2022, 1, 1), **more}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "stored"),
    [("沪A12345", "沪A12345"), (" 沪a·12345 ", "沪A12345"), ("沪AD12345", "沪AD12345"), ("沪A1234警", "沪A1234警"),
     ("沪A1234", None), ("A12345", None), ("沪I12345", "沪I12345"), ("沪AI2345", None), ("沪AO2345", None),
     ("沪A123456789", None), ("", None), ("=1+1", None)],
)  # fmt: skip
def test_plates(world, written, stored):
    if stored is None:
        with pytest.raises(Invalid, match="车牌号"):
            register.register(world.manager, **values(world, written))
        assert not Vehicle.objects.exists()
    else:
        assert register.register(world.manager, **values(world, written)).plate == stored


def test_vins_are_checked_and_unique(world):
    register.register(world.manager, **values(world, vin="lsja24u62pb000001"))
    with pytest.raises(Conflict, match="识别代号已在台账"):
        register.register(world.manager, **values(world, "沪A22222", vin="LSJA24U62PB000001"))
    for wrong in ("LSJA24U62PB00000", "LSJA24U62PB00000I", "LSJA24U62PB00000O", "识别代号识别代号识别代号识别代"):
        with pytest.raises(Invalid, match="17 位"):
            register.register(world.manager, **values(world, "沪A22222", vin=wrong))
    with pytest.raises(Conflict, match="车牌号已在台账"):
        register.register(world.manager, **values(world))
    assert Vehicle.objects.count() == 1
    assert register.register(world.manager, **values(world, "沪A33333", vin="")).vin is None


def test_dates_and_places_are_checked(world):
    with pytest.raises(Invalid, match="注册登记日期"):
        register.register(world.manager, **values(world, registered_on=date(2021, 12, 31)))
    place = register.add_place(world.manager, unit=world.organ, name="库", lat=31.2, lon=121.4)
    place = register.close_place(world.manager, place, reason="拆迁")
    with pytest.raises(Invalid, match="已停用"):
        register.register(world.manager, **values(world, place=place))
    vehicle = register.register(world.manager, **values(world))
    with pytest.raises(Invalid, match="停放地点"):
        register.commission(world.manager, vehicle)
    assert not Vehicle.objects.exclude(state="registered").exists()


def test_nobody_acts_on_other_units(world, make_vehicle):
    vehicle = make_vehicle()
    place, events = vehicle.place, LedgerEvent.objects.count()
    for act in (
        lambda who: register.register(who, **values(world, "沪A99999")),
        lambda who: register.edit(who, vehicle, note="x"),
        lambda who: register.lay_up(who, vehicle, reason="x"),
        lambda who: register.dispose(who, vehicle, reason="x"),
        lambda who: register.install_terminal(who, vehicle=vehicle, number="13900000000"),
        lambda who: register.close_place(who, place, reason="x"),
        lambda who: register.add_driver(who, person=world.people["驾驶员"]),
        lambda who: register.set_quota(who, unit=world.organ, kind="other", quota=1, valid_from=TODAY),
        lambda who: register.edit(who, vehicle, unit=world.other),
    ):
        with pytest.raises(Denied):
            act(world.stranger)
    with pytest.raises(Denied):  # nor gives a car away to a unit out of reach
        register.edit(world.manager, vehicle, unit=world.other)
    assert LedgerEvent.objects.count() == events


# --- terminals


def test_a_terminal_opens_and_closes_the_gateway(world, make_vehicle):
    vehicle, other = make_vehicle(), make_vehicle("沪A22222")
    terminal = register.install_terminal(world.manager, vehicle=vehicle, number="013900000000")
    source = terminal.source
    assert (source.active, source.key, source.number) == (True, "沪A12345", "13900000000")
    with pytest.raises(Conflict, match="已装有"):
        register.install_terminal(world.manager, vehicle=vehicle, number="13900000001")
    with pytest.raises(Conflict, match="正装在 沪A12345"):
        register.install_terminal(world.manager, vehicle=other, number="13900000000")
    for wrong in ("12345", "1" * 21, "1390000000a", ""):
        with pytest.raises(Invalid, match="6 至 20 位"):
            register.install_terminal(world.manager, vehicle=other, number=wrong)
    terminal = register.remove_terminal(world.manager, terminal, reason="换装")
    source.refresh_from_db()
    assert (source.active, terminal.state) == (False, "closed")
    assert terminal.removed_at is not None
    again = register.install_terminal(world.manager, vehicle=other, number="13900000000")
    source.refresh_from_db()
    assert (again.source_id, source.active, source.key) == (source.pk, True, "沪A22222")
    assert Terminal.objects.filter(state="active").count() == 1


def test_a_device_of_another_unit_is_not_taken(world, make_vehicle):
    mine, theirs = make_vehicle(), make_vehicle("沪B22222", world.other)
    terminal = register.install_terminal(world.stranger, vehicle=theirs, number="13900000000")
    register.remove_terminal(world.stranger, terminal, reason="报废")
    with world.manager.acting(), pytest.raises(Conflict, match="已登记"):
        register.install_terminal(world.manager, vehicle=mine, number="13900000000")
    terminal.source.refresh_from_db()
    assert (terminal.source.key, terminal.source.active) == ("沪B22222", False)


def test_a_new_plate_and_unit_go_with_the_terminal(world, make_vehicle, make_actor):
    from .conftest import PERMISSIONS

    city = make_actor(PERMISSIONS, unit=world.city)
    vehicle = make_vehicle()
    terminal = register.install_terminal(city, vehicle=vehicle, number="13900000000")
    register.edit(city, vehicle, plate="沪A54321", unit=world.other)
    terminal.refresh_from_db()
    terminal.source.refresh_from_db()
    assert (terminal.unit_id, terminal.source.key, terminal.source.unit_id) == (
        world.other.pk,
        "沪A54321",
        world.other.pk,
    )


def test_disposal_ends_everything_but_history(world, make_vehicle, make_driver, make_order):
    vehicle = make_vehicle()
    terminal = register.install_terminal(world.manager, vehicle=vehicle, number="13900000000")
    order = orders.approve(world.manager, make_order())
    order = orders.dispatch(world.manager, order, vehicle=vehicle, driver=make_driver())
    with pytest.raises(Conflict, match=order.code):
        register.dispose(world.manager, vehicle, reason="报废")
    vehicle.refresh_from_db()
    assert vehicle.state == "in_service"
    orders.cancel(world.manager, order, reason="不去了")
    with pytest.raises(Invalid, match="事由"):
        register.dispose(world.manager, vehicle, reason=" ")
    vehicle = register.dispose(world.manager, vehicle, reason="报废")
    terminal.refresh_from_db()
    terminal.source.refresh_from_db()
    assert (vehicle.state, terminal.state, terminal.source.active) == ("disposed", "closed", False)
    with pytest.raises(Invalid, match="已处置"):
        register.install_terminal(world.manager, vehicle=vehicle, number="13900000009")
    with pytest.raises(Conflict):
        register.recall(world.manager, vehicle)


# --- places, drivers, quotas


def test_a_place_closes_only_when_it_is_empty(world, make_vehicle):
    vehicle = make_vehicle()
    with pytest.raises(Conflict, match="仍有车辆"):
        register.close_place(world.manager, vehicle.place, reason="拆迁")
    register.dispose(world.manager, vehicle, reason="报废")
    place = register.close_place(world.manager, vehicle.place, reason="拆迁")
    assert place.state == "closed"
    with pytest.raises(Denied):
        register.reopen_place(world.stranger, place)
    assert register.reopen_place(world.manager, place).state == "active"
    with pytest.raises(Conflict):
        register.reopen_place(world.manager, place)


def test_drivers_see_themselves_and_their_licence_stays_private(world, make_actor):
    driver = register.add_driver(world.manager, person=world.people["驾驶员"], licence_no="310101199001011234",
                                 licence_expires_on=date(2099, 1, 1))  # fmt: skip
    register.add_driver(world.manager, person=world.people["驾驶员二"])
    with pytest.raises(Conflict, match="已登记为驾驶员"):
        register.add_driver(world.manager, person=world.people["驾驶员"])
    register.edit_driver(world.manager, driver, licence_no="310101199001019999", phone="13800000000")
    me = make_actor({"vehicles.driver.view": "self"}, unit=world.organ, person=world.people["驾驶员"].pk)
    with me.acting():
        assert list(Driver.objects.values_list("person__code", flat=True)) == ["P2"]
        assert list(queries.drivers(me)) == [driver]
    kept = str(list(LedgerEvent.objects.values_list("snapshot", "changes"))) + str(
        [vars(entry) for entry in Entry.objects.all()]
    )
    assert "13800000000" in str(list(LedgerEvent.objects.values_list("changes", flat=True)))  # the search does find
    assert "31010119900101" not in kept


def test_a_driver_with_open_orders_drives_on(world, make_vehicle, make_driver, make_order):
    driver = make_driver()
    order = orders.dispatch(
        world.manager, orders.approve(world.manager, make_order()), vehicle=make_vehicle(), driver=driver
    )
    with pytest.raises(Conflict, match="未完成"):
        register.close_driver(world.manager, driver, reason="离职")
    orders.cancel(world.manager, order, reason="不去了")
    driver = register.close_driver(world.manager, driver, reason="离职")
    assert register.reopen_driver(world.manager, driver).state == "active"


def test_one_quota_follows_the_other_and_excess_shows(world, make_vehicle):
    first = register.set_quota(world.manager, unit=world.organ, kind="emergency", quota=2, valid_from=date(2024, 1, 1))
    with pytest.raises(Invalid, match="晚于现行"):
        register.set_quota(world.manager, unit=world.organ, kind="emergency", quota=3, valid_from=date(2024, 1, 1))
    second = register.set_quota(world.manager, unit=world.organ, kind="emergency", quota=1, valid_from=date(2025, 1, 1))
    first.refresh_from_db()
    assert (first.valid_to, second.valid_to) == (date(2025, 1, 1), None)
    one, _, foreign = make_vehicle(), make_vehicle("沪A22222"), make_vehicle("沪B33333", world.other)
    (row,) = queries.quotas_with_held(world.manager)
    assert (row.pk, row.quota, row.held) == (second.pk, 1, 2)
    assert foreign not in queries.held_by(second, world.manager)
    register.dispose(world.manager, one, reason="报废")
    (row,) = queries.quotas_with_held(world.manager)
    assert row.held == 1


# --- ledger and trace


def test_every_verb_leaves_exactly_one_event_and_one_entry(world):
    """Counted around each verb; the gateway's own entries are counted apart."""
    who, made = world.manager, {}

    def acts():
        yield "place", lambda: register.add_place(who, unit=world.organ, name="库", lat=31.2, lon=121.4)
        yield "vehicle", lambda: register.register(who, **values(world, place=made["place"]), reason="新购")
        yield "vehicle", lambda: register.commission(who, made["vehicle"])
        yield "vehicle", lambda: register.edit(who, made["vehicle"], note="改色", reason="喷漆")
        yield "vehicle", lambda: register.send_to_repair(who, made["vehicle"], reason="故障")
        yield "vehicle", lambda: register.return_from_repair(who, made["vehicle"])
        yield "vehicle", lambda: register.lay_up(who, made["vehicle"], reason="改革")
        yield "vehicle", lambda: register.recall(who, made["vehicle"])
        yield "terminal", lambda: register.install_terminal(who, vehicle=made["vehicle"], number="13900000000")
        yield "terminal", lambda: register.remove_terminal(who, made["terminal"], reason="换装")
        yield "place", lambda: register.edit_place(who, made["place"], radius_m=80)
        yield "driver", lambda: register.add_driver(who, person=world.people["驾驶员"])
        yield "driver", lambda: register.edit_driver(who, made["driver"], phone="13800000000")
        yield "driver", lambda: register.close_driver(who, made["driver"], reason="离职")
        yield "driver", lambda: register.reopen_driver(who, made["driver"])
        yield "quota", lambda: register.set_quota(who, unit=world.organ, kind="other", quota=1, valid_from=TODAY)
        yield "vehicle", lambda: register.dispose(who, made["vehicle"], reason="报废")
        yield "place", lambda: register.close_place(who, made["place"], reason="拆迁")

    for name, act in acts():
        events, entries = LedgerEvent.objects.count(), Entry.objects.exclude(code__startswith="telemetry.").count()
        made[name] = act()
        assert LedgerEvent.objects.count() == events + 1
        assert Entry.objects.exclude(code__startswith="telemetry.").count() == entries + 1
        event = LedgerEvent.objects.latest("pk")
        assert (event.subject_id, event.subject_version) == (made[name].pk, made[name].version)
        assert event.actor_name == who.name


def test_history_reads_as_a_story_and_as_of_looks_back(world, make_vehicle):
    vehicle = make_vehicle()
    before = timezone.now()
    place = register.add_place(world.manager, unit=world.organ, name="新车库", lat=31.2, lon=121.4)
    vehicle = register.edit(world.manager, vehicle, kind="other", place=place, note="改派", reason="机构调整")
    assert ledger.as_of(Vehicle, vehicle.pk, before)["kind"] == "emergency"
    assert ledger.as_of(Vehicle, vehicle.pk, timezone.now())["kind"] == "other"
    assert ledger.as_of(Vehicle, vehicle.pk, before - timedelta(days=1)) is None
    newest, commissioned, created = queries.history(vehicle, world.manager)
    told = {change.field: (change.before, change.after) for change in newest.changes}
    assert newest.reason == "机构调整"
    assert told["车辆种类"] == ("应急保障用车", "其他公务用车")
    assert told["停放地点"] == ("沪A12345车库", "新车库")
    assert told["备注"] == ("", "改派")
    assert {change.field: (change.before, change.after) for change in commissioned.changes}["状态"] == (
        "待启用",
        "在用",
    )
    assert list(created.changes) == []


def test_a_stale_form_changes_nothing(world, make_vehicle):
    vehicle = make_vehicle()
    register.edit(world.manager, vehicle, version=vehicle.version, note="先")
    with pytest.raises(Stale):
        register.edit(world.manager, Vehicle.objects.get(pk=vehicle.pk), version=1, note="后")
    assert Vehicle.objects.get(pk=vehicle.pk).note == "先"
