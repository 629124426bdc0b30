"""Map, replay, cockpit and desk: each shows what its actor may see, and answers wrong input clearly."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import Visitor, html, without
from zhiguan.lines.vehicles.codes import ROLES
from zhiguan.lines.vehicles.domain import driving, orders

from .tracks import HOME, WORKDAY, Track, at, north, write

VIEWS = ("vehicles.live", "vehicles.live.data", "vehicles.cockpit", "vehicles.cockpit.data", "vehicles.cockpit.update")


@pytest.fixture
def driven(make_car, world):
    """A car of each organ that drove on the working day."""
    cars = []
    for plate, unit in (("沪A11111", world.organ), ("沪B22222", world.other)):
        vehicle, source = make_car(plate, unit)
        write(Track().outing(WORKDAY, north(HOME, 4_000), "09:00", "11:00").block(source))
        driving.compute_day([vehicle], WORKDAY)
        cars.append(vehicle)
    return cars


def answer(actor, name, *args, **data):
    try:
        found = Visitor(actor).get(reverse(name, args=args), data)
    except Http404:
        return 404, None
    return found.status_code, found


@pytest.mark.parametrize("name", VIEWS)
def test_views_ask_for_their_permission(world, name):
    assert answer(world.manager, name)[0] == 200
    assert answer(without(world.manager), name)[0] == 403
    assert answer(None, name)[0] == 302


def test_live_map_shows_the_cars_in_scope(world, driven, owner_db):
    """Latest positions are what the gateway wrote last; each side sees its own car and not the other's."""
    from zhiguan.kernel.telemetry.models import Latest

    for vehicle in driven:
        Latest.objects.create(
            source=vehicle.terminals.get().source, at=at(WORKDAY, "12:00"), received_at=at(WORKDAY, "12:00"),
            fix_at=at(WORKDAY, "12:00"), lat=31_230_000, lon=121_470_000, speed=300,
        )  # fmt: skip
    for actor, vehicle in ((world.manager, driven[0]), (world.stranger, driven[1])):
        status, found = answer(actor, "vehicles.live.data")
        rows = json.loads(found.content)["vehicles"]
        assert (status, [row[6] for row in rows]) == (200, [vehicle.plate])
        assert rows[0][1:3] == [31.23, 121.47]
        assert rows[0][5] == "offline"  # the position is old


def test_replay_tells_the_day_and_only_to_those_who_may_see_the_car(world, driven, past_order):
    order = past_order(driven[0], at(WORKDAY, "09:00"), at(WORKDAY, "12:00"))
    driving.compute_day([driven[0]], WORKDAY)
    status, found = answer(world.manager, "vehicles.replay.data", driven[0].pk, day=WORKDAY.isoformat())
    day = json.loads(found.content)
    assert status == 200
    assert day["vehicle"]["plate"] == driven[0].plate
    assert len(day["points"]["t"]) == len(day["points"]["lat"]) > 1_000
    assert day["points"]["t"] == sorted(day["points"]["t"])
    assert [trip["metres"] // 100 for trip in day["trips"]] == [pytest.approx(40, abs=1)] * 2
    assert [each["no"] for each in day["orders"]] == [order.code]
    for name in ("vehicles.replay", "vehicles.replay.data"):
        assert answer(world.manager, name, driven[1].pk)[0] == 404
        assert answer(world.stranger, name, driven[0].pk)[0] == 404
        assert answer(world.manager, name, 10**12)[0] == 404


@pytest.mark.parametrize("day", ["昨天", "2026-13-01", "2026-02-30", "0001-01-01", "9999-12-31", "\0", "1" * 400])
@pytest.mark.parametrize("name", ["vehicles.replay", "vehicles.replay.data"])
def test_a_bad_day_is_answered_clearly(world, driven, name, day):
    status, found = answer(world.manager, name, driven[0].pk, day=day)
    assert status == 400
    assert "日期应写作" in html(found)


def test_a_day_without_anything_is_empty(world, driven):
    status, found = answer(world.manager, "vehicles.replay.data", driven[0].pk, day="2026-02-20")
    day = json.loads(found.content)
    assert (status, day["points"]["t"], day["trips"], day["orders"]) == (200, [], [], [])


def test_cockpit_counts_only_what_the_scope_reaches(world, driven, make_vehicle):
    make_vehicle("沪A33333")
    for actor, plate, count in ((world.manager, "沪A11111", 2), (world.stranger, "沪B22222", 1)):
        status, found = answer(actor, "vehicles.cockpit.data")
        picture = json.loads(found.content)
        kpis = {each["code"]: each for each in picture["kpis"]}
        assert (status, kpis["vehicles.in_service"]["value"]) == (200, count)
        update = json.loads(answer(actor, "vehicles.cockpit.update")[1].content)
        assert update["kpis"]["vehicles.in_service"] == count
        for each in picture["kpis"]:
            assert Visitor(actor).get(each["href"]).status_code == 200, each["code"]
        opened = html(Visitor(actor).get(kpis["vehicles.in_service"]["href"]))
        assert plate in opened


def test_cockpit_of_a_foreign_organ_has_nothing_in_it(world, driven):
    status, found = answer(world.manager, "vehicles.cockpit.data", code=world.other.code)
    picture = json.loads(found.content)
    assert status == 200
    assert {each["value"] for each in picture["kpis"]} <= {0, None}
    assert picture["areas"] == []
    assert picture["feed"]["items"] == []


@pytest.mark.parametrize("code", ["nowhere", "\0", "310000", "'; --", "x" * 400])
def test_cockpit_of_an_unknown_place_is_the_city(world, code):
    status, found = answer(world.manager, "vehicles.cockpit.data", code=code)
    assert (status, json.loads(found.content)["scope"]["level"]) == (200, "city")


# --- the desk of every role


@pytest.fixture
def role_actor(world, make_actor):
    def make(role, person="申请人"):
        scope = {"self": "self", "unit": "unit", "organ": "below", "city": "city"}[role.scope]
        return make_actor(dict.fromkeys(role.permissions, scope), unit=world.organ, person=world.people[person].pk)

    return make


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.code)
def test_every_page_of_the_menu_opens_for_the_role_that_has_it(world, role, role_actor):
    from zhiguan.kit import registry
    from zhiguan.kit.pages import ListPage, ViewPage

    actor = role_actor(role)
    visitor, opened = Visitor(actor), 0
    for kind in (ListPage, ViewPage):
        for page in registry.current().all(kind):
            if not page.code.startswith("vehicles.") or "<" in page.path:
                continue
            if "GET" not in getattr(page, "methods", ("GET",)) or page.code == "vehicles.board.advice":
                continue  # the advice is about an order, which its address names
            allowed = page.allows(actor)
            found = visitor.get(reverse(page.url_name))
            assert found.status_code == (200 if allowed else 403), page.code
            opened += allowed
            if allowed and "text/html" in found["Content-Type"]:
                faults = markup.faults(html(found))
                if page.code == "vehicles.cockpit":  # its island draws the heading
                    faults = [fault for fault in faults if "h1" not in fault]
                assert faults == [], page.code
    assert opened >= 2


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.code)
def test_home_todo_and_me_of_every_role(world, role, role_actor, rf, make_order, make_vehicle, make_driver, db):
    """What waits is counted for those who may do it, and for nobody else."""
    from django.contrib.messages.storage.fallback import FallbackStorage

    from zhiguan.kernel.identity.models import Account
    from zhiguan.site import desk

    waiting = make_order()
    approved = orders.approve(world.manager, make_order())
    driver = make_driver()
    driving_order = orders.dispatch(
        world.manager, orders.approve(world.manager, make_order(hours=9)), vehicle=make_vehicle(), driver=driver
    )
    actor = role_actor(role, "驾驶员")
    expected = {
        "vehicles.approve": waiting.pk if "vehicles.order.approve" in role.permissions else None,
        "vehicles.dispatch": approved.pk if "vehicles.order.dispatch" in role.permissions else None,
        "vehicles.drive": driving_order.pk if "vehicles.order.drive" in role.permissions else None,
    }
    account = Account(username="someone", person=world.people["驾驶员"])
    with actor.acting():
        kinds = {each["todo"].code: each for each in desk.todos(actor)}
        for code, key in expected.items():
            assert (code in kinds) is (key is not None)
            if key is not None:
                assert kinds[code]["count"] == 1
                page = "vehicles.drive.task" if code == "vehicles.drive" else "vehicles.order.detail"
                assert kinds[code]["items"][0]["url"] == reverse(page, args=[key])
        with CaptureQueriesContext(connection) as asked:
            assert desk.todo_count(actor) == sum(each["count"] for each in kinds.values())
        assert len(asked) <= 3, "whom they stand in for, the bounds of what falls due, and all counts in one statement"
        for name, view in (("home", desk.home), ("todo", desk.todo), ("me", desk.me)):
            request = rf.get(reverse(name))
            request.actor, request.user, request.session = actor, account, Visitor(actor).session
            request._messages = FallbackStorage(request)
            found = view(request)
            assert found.status_code == 200
            assert markup.faults(html(found)) == [], name
