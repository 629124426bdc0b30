"""The dispatch board: what it shows, what it does, what it refuses; and that a large board is quick."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.pages.conformance import Visitor, queries, without
from zhiguan.lines.vehicles.domain import orders
from zhiguan.lines.vehicles.models import DispatchOrder

VIEWS = ("vehicles.board", "vehicles.board.data", "vehicles.board.free")


def act(actor, **body):
    visitor = Visitor(actor)
    request = RequestFactory().post(reverse("vehicles.board.act"), json.dumps(body), content_type="application/json")
    answer = visitor._send(request)
    return answer.status_code, json.loads(answer.content) if "json" in answer.get("Content-Type", "") else {}


def board(actor, **given):
    return json.loads(Visitor(actor).get(reverse("vehicles.board.data"), given).content)


def minutes(moment) -> int:
    return int(moment.timestamp() // 60)


@pytest.fixture
def waiting(world, make_order):
    return orders.approve(world.manager, make_order())


@pytest.mark.parametrize("name", VIEWS)
def test_the_board_is_for_dispatchers(world, name):
    assert Visitor(world.manager).get(reverse(name)).status_code == 200
    assert Visitor(without(world.manager)).get(reverse(name)).status_code == 403
    assert Visitor(None).get(reverse(name)).status_code == 302
    assert Visitor(world.manager).get(reverse("vehicles.board.act")).status_code == 405


def test_each_side_sees_its_own(world, waiting, make_vehicle, make_driver):
    make_vehicle("沪A11111")
    make_vehicle("沪A22222", world.other)
    make_driver()
    mine, theirs = board(world.manager), board(world.stranger)
    assert [each["plate"] for each in mine["vehicles"]] == ["沪A11111"]
    assert [each["id"] for each in mine["waiting"]] == [waiting.pk] and len(mine["drivers"]) == 1
    assert [each["plate"] for each in theirs["vehicles"]] == ["沪A22222"]
    assert theirs["waiting"] == [] == theirs["drivers"]


def test_what_has_not_changed_is_not_sent_again(world, waiting):
    url, visitor = reverse("vehicles.board.data"), Visitor(world.manager)
    mark = visitor.get(url)["ETag"]
    assert visitor.get(url, None, **{"If-None-Match": mark}).status_code == 304
    orders.cancel(world.manager, waiting, reason="会议取消")
    assert visitor.get(url, None, **{"If-None-Match": mark}).status_code == 200
    assert visitor.get(url, {"day": "gestern"}).status_code == 422


def test_drop_move_and_take_back(world, waiting, make_vehicle, make_driver):
    cars, people = [make_vehicle("沪A11111"), make_vehicle("沪A22222")], [make_driver(), make_driver("驾驶员二")]
    advice = json.loads(Visitor(world.manager).get(reverse("vehicles.board.advice"), {"order": waiting.pk}).content)
    assert {each["id"] for each in advice["cars"]} == {car.pk for car in cars} and advice["drivers"][0]["reasons"]
    status, body = act(
        world.manager,
        act="dispatch",
        order=waiting.pk,
        version=waiting.version,
        vehicle=cars[0].pk,
        driver=people[0].pk,
    )
    assert (status, body["order"]["state"]) == (200, "dispatched")
    status, body = act(
        world.manager,
        act="dispatch",
        order=waiting.pk,
        version=waiting.version,
        vehicle=cars[0].pk,
        driver=people[0].pk,
    )
    assert status == 412 and "他人" in body["detail"], "the second tap finds another version"
    order = DispatchOrder.objects.get(pk=waiting.pk)
    status, body = act(
        world.manager, act="redispatch", order=order.pk, vehicle=cars[1].pk, driver=people[1].pk, reason="车辆故障"
    )
    assert (status, body["order"]["vehicle"]) == (200, cars[1].pk)
    later = minutes(order.planned_from) + 30
    status, body = act(
        world.manager, act="reschedule", order=order.pk, to=later + 120, **{"from": later}, reason="推迟"
    )
    assert (status, body["order"]["from"]) == (200, later)
    assert act(world.manager, act="withdraw", order=order.pk, reason="")[0] == 422
    status, body = act(world.manager, act="withdraw", order=order.pk, reason="撤销")
    assert (status, body["order"]["vehicle"]) == (200, None)


def test_conflicts_are_named_and_change_nothing(world, waiting, make_order, make_vehicle, make_driver):
    car, people = make_vehicle(), [make_driver(), make_driver("驾驶员二")]
    orders.dispatch(world.manager, waiting, vehicle=car, driver=people[0])
    second = orders.approve(world.manager, make_order())
    status, body = act(world.manager, act="dispatch", order=second.pk, vehicle=car.pk, driver=people[1].pk)
    assert status == 409 and waiting.code in body["detail"]
    second.refresh_from_db()
    assert (second.state, second.version) == ("approved", 2)


def test_rubbish_and_strangers_are_refused(world, waiting, make_vehicle, make_driver):
    car, driver = make_vehicle(), make_driver()
    for body in ({}, {"act": "explode"}, {"act": ["dispatch"]}):
        assert act(world.manager, **body)[0] == 400
    good = {"act": "dispatch", "order": waiting.pk, "vehicle": car.pk, "driver": driver.pk}
    assert act(world.manager, **good | {"vehicle": "x"})[0] == 422
    assert act(world.manager, **good | {"order": 2**70})[0] == 404
    assert act(world.manager, act="reschedule", order=waiting.pk, **{"from": -1, "to": 10**12})[0] == 422
    assert act(world.stranger, **good)[0] == 404
    assert act(world.requester, **good)[0] == 403
    waiting.refresh_from_db()
    assert waiting.state == "approved"


def test_a_large_board_asks_few_questions_and_is_quick(world, make_vehicle, make_driver):
    """300 cars with 1,000 orders in the week."""
    from zhiguan.lines.vehicles.models import Driver, Vehicle

    sample, driver = make_vehicle(), make_driver()
    fields = {
        field.attname: getattr(sample, field.attname)
        for field in Vehicle._meta.concrete_fields
        if field.name not in ("id", "plate")
    }
    cars = Vehicle.objects.bulk_create([Vehicle(plate=f"沪A{n:05d}", **fields) for n in range(299)])
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    made = [
        DispatchOrder(
            code=f"PC{n:09d}", unit=world.organ, scope_pos=world.organ.pos, requester=world.people["申请人"], purpose="会议",
            origin="甲", destination="乙", planned_from=start + timedelta(hours=(n * 7) % 160),
            planned_to=start + timedelta(hours=(n * 7) % 160 + 2), vehicle=cars[n % 299], driver=driver, state="dispatched",
        )
        for n in range(1000)
    ]  # fmt: skip
    DispatchOrder.objects.bulk_create(made)
    visitor, url = Visitor(world.manager), reverse("vehicles.board.data") + "?span=week"
    asked = queries(visitor, url)
    began = time.perf_counter()
    found = json.loads(visitor.get(url).content)
    spent = time.perf_counter() - began
    assert (len(found["vehicles"]), len(found["orders"])) == (300, 1000)
    assert len(asked) <= 12, "\n".join(asked)
    assert spent < 2, f"{spent:.2f} s"
    assert Driver.objects.count() == 1
