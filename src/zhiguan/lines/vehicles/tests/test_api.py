"""The API of vehicles through the whole site: keys, scope, cursors, versions, one submission once; page = API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from zhiguan.kernel.identity import service as identity
from zhiguan.kernel.identity.codes import GrantState
from zhiguan.kernel.identity.models import Account, ApiKey, Grant, Role
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kit.actor import system
from zhiguan.kit.api import gate
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.models import DispatchOrder

from .conftest import PERMISSIONS

BASE = "/api/v1/vehicles"


def account_with(name: str, unit: Any, permissions: Any, *, person: Any = None, kind: str = "business") -> Account:
    """Make an account with one role of these permissions over the unit and below."""
    account = Account.objects.create(username=name, unit=unit, person=person, must_change_password=False)
    role = Role.objects.create(code=f"test.{name}", name=name, kind=kind, permissions=sorted(permissions))
    Grant.objects.create(account=account, role=role, scope="below", unit=unit, state=GrantState.ACTIVE)
    return account


def caller(account: Account, permissions: Any = None) -> Any:
    """Return ``call(method, path, body=None, **headers)`` with a key of the account."""
    held = sorted(permissions if permissions is not None else PERMISSIONS)
    key, secret = identity.issue_key(system("tests"), account, name="测试", permissions=held, days=1)
    client = Client()

    def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
        more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        send = getattr(client, method.lower())
        return send(path, headers={"Authorization": f"Bearer {secret}", **names}, **more)

    call.key = key
    return call


@pytest.fixture
def api(world: SimpleNamespace) -> Any:
    return caller(account_with("manager", world.organ, PERMISSIONS, person=world.people["审批人"]))


def problem(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    assert answer.status_code == status, answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["detail"] and (not code or body["code"] == code), body
    return body


def actor_of(call: Any) -> Any:
    return identity.actor_for(call.key.account, only=call.key.permissions)


def test_rows_are_those_of_the_page(api, world, make_vehicle):
    for plate in ("沪A00001", "沪A00002", "沪A00003"):
        make_vehicle(plate)
    make_vehicle("沪B99999", world.other)
    query = "sort=-plate&state=in_service"
    with working(actor_of(api)):
        shown = Listing(pages.VEHICLES, actor_of(api), QueryDict(query)).shown
        wanted = [(row.pk, row.plate, row.unit.name, row.state, str(row.price_yuan)) for row in shown]
    answer = api("get", f"{BASE}/vehicle?{query}&count=1").json()
    names = ("id", "plate", "unit_name", "state", "price_yuan")
    assert [tuple(row[name] for name in names) for row in answer["items"]] == wanted and len(wanted) == 3
    assert answer["count"] == 3 and answer["next"] is None
    assert {row["state_name"] for row in answer["items"]} == {"在用"}
    lines = api("get", f"{BASE}/vehicle/export?{query}").getvalue().decode().splitlines()
    assert [json.loads(line) for line in lines] == answer["items"]


def test_another_units_row_does_not_exist(api, world, make_vehicle):
    other = make_vehicle("沪B00001", world.other)
    for method, path, body in (
        ("get", f"{BASE}/vehicle/{other.pk}", None),
        ("patch", f"{BASE}/vehicle/{other.pk}", {"note": "改"}),
        ("post", f"{BASE}/vehicle/{other.pk}/lay-up", {"reason": "试试"}),
    ):
        problem(api(method, path, body, If_Match='"1"'), 404)
    assert api("get", f"{BASE}/vehicle?q=沪B00001").json()["items"] == []
    problem(api("get", f"{BASE}/vehicle/{2**70}"), 404)


def test_a_key_holds_no_more_than_it_was_given(world, make_vehicle):
    account = account_with("clerk", world.organ, PERMISSIONS)
    reader, vehicle = caller(account, ["vehicles.vehicle.view"]), make_vehicle()
    assert reader("get", f"{BASE}/vehicle/{vehicle.pk}").json()["acts"] == []
    problem(reader("post", f"{BASE}/vehicle/{vehicle.pk}/lay-up", {"reason": "停用"}), 403)
    problem(reader("get", f"{BASE}/order"), 403)
    more = caller(account, ["vehicles.vehicle.view", "identity.account.manage"])
    assert "identity.account.manage" not in actor_of(more).permissions


def test_expired_and_revoked_keys_open_nothing(api):
    assert api("get", f"{BASE}/vehicle").status_code == 200
    ApiKey.objects.filter(pk=api.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    problem(api("get", f"{BASE}/vehicle"), 401, "unauthorised")
    ApiKey.objects.filter(pk=api.key.pk).update(
        expires_at=timezone.now() + timedelta(days=1), revoked_at=timezone.now()
    )
    problem(api("get", f"{BASE}/vehicle"), 401)
    problem(Client().get(f"{BASE}/vehicle"), 401)
    problem(Client().get(f"{BASE}/vehicle", headers={"Authorization": "Bearer zgk_" + "x" * 43}), 401)


def test_a_grant_taken_away_acts_on_the_next_request(api):
    assert api("get", f"{BASE}/vehicle").status_code == 200
    boss = replace(system("tests"), account_id=None)
    identity.revoke_grant(boss, Grant.objects.get(account=api.key.account))
    problem(api("get", f"{BASE}/vehicle"), 403)


def request_body(**more: Any) -> dict[str, Any]:
    start = timezone.now() + timedelta(days=1)
    times = {"planned_from": start.isoformat(), "planned_to": (start + timedelta(hours=2)).isoformat()}
    return {"purpose": "会议", "origin": "本单位", "destination": "会场", **times, **more}


def test_one_submission_sent_twice_makes_one_order(api):
    body = request_body()
    first = api("post", f"{BASE}/order", body, Idempotency_Key="k-1")
    assert first.status_code == 201, first.content.decode()
    again = api("post", f"{BASE}/order", body, Idempotency_Key="k-1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true" and again["Location"] == first["Location"] == (
        f"{BASE}/order/{first.json()['id']}"
    )
    assert DispatchOrder.objects.count() == 1
    problem(api("post", f"{BASE}/order", {**body, "purpose": "调研"}, Idempotency_Key="k-1"), 422, "idempotency_key_reused")
    problem(api("post", f"{BASE}/order", body, Idempotency_Key="k" * 200), 422)
    assert api("post", f"{BASE}/order", body, Idempotency_Key="k-2").json()["id"] != first.json()["id"]


def test_a_change_needs_the_version_it_was_made_from(api, make_vehicle):
    vehicle = make_vehicle()
    address = f"{BASE}/vehicle/{vehicle.pk}"
    seen = api("get", address)
    assert seen["ETag"] == f'"{vehicle.version}"'
    assert api("get", address, If_None_Match=seen["ETag"]).status_code == 304
    problem(api("patch", address, {"note": "一"}), 428)
    changed = api("patch", address, {"note": "一"}, If_Match=seen["ETag"])
    assert changed.status_code == 200 and changed.json()["note"] == "一", changed.content.decode()
    assert changed.json()["plate"] == vehicle.plate and changed["ETag"] != seen["ETag"]
    problem(api("patch", address, {"note": "二"}, If_Match=seen["ETag"]), 412, "stale")
    problem(api("post", f"{address}/lay-up", {"reason": "长期不用"}, If_Match=seen["ETag"]), 412)
    done = api("post", f"{address}/lay-up", {"reason": "长期不用"}, If_Match=changed["ETag"])
    assert done.json()["state"] == "laid_up" and "recall" in done.json()["acts"]
    problem(api("post", f"{address}/lay-up", {"reason": "长期不用"}), 409, "state_unfit")


def test_what_is_wrong_is_said_in_chinese_and_where(api, world):
    wrong = problem(api("post", f"{BASE}/vehicle", {"plate": 7, "seats": 99, "wings": 2}), 422)
    found = {error["path"]: error["message"] for error in wrong["errors"]}
    assert found["plate"] == "应为文字。" and found["seats"] == "不大于 60。" and found["wings"] == "没有该项。"
    assert found["unit"] == "缺少该项。"
    good = {"plate": "不是车牌", "unit": world.organ.pk, "body": "sedan", "brand_model": "荣威", "energy": "petrol",
            "price_yuan": "150000.00", "bought_on": "2022-01-01"}  # fmt: skip
    assert problem(api("post", f"{BASE}/vehicle", good), 422)["errors"][0]["path"] == "plate"
    assert "unit" in str(problem(api("post", f"{BASE}/vehicle", {**good, "plate": "沪A11111", "unit": world.other.pk}), 422))
    for query, path in (("wings=2", "wings"), ("state=flying", "state"), ("bought_on_from=x", "bought_on_from"),
                        ("sort=wings", "sort"), ("limit=201", "limit"), ("cursor=x", "cursor")):  # fmt: skip
        assert problem(api("get", f"{BASE}/vehicle?{query}"), 422)["errors"][0]["path"] == path
    assert api("put", f"{BASE}/vehicle")["Allow"]
    problem(api("put", f"{BASE}/vehicle"), 405)
    problem(api("get", "/api/v1/vehicles/nothing"), 404)
    client = Client(headers={"Authorization": "Bearer " + "x"})
    problem(client.get(f"{BASE}/vehicle"), 401)


def test_bodies_that_are_no_json(api):
    send = api("post", f"{BASE}/order", [])
    problem(send, 422)
    secret = identity.issue_key(system("tests"), api.key.account, name="二", permissions=PERMISSIONS, days=1)[1]
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    problem(client.post(f"{BASE}/order", b"{", content_type="application/json"), 422, "json_invalid")
    problem(client.post(f"{BASE}/order", b"a=1", content_type="application/x-www-form-urlencoded"), 415)
    problem(client.post(f"{BASE}/order", b" " * (6 * 2**20), content_type="application/json"), 413)


@pytest.mark.parametrize("sort", ["-created_at", "plate", "bought_on", "-price_yuan", "unit_name"])
def test_cursor_walks_every_row_once_while_rows_are_added(api, make_vehicle, sort):
    plates = {f"沪A1000{number}" for number in range(7)}
    for plate in sorted(plates):
        make_vehicle(plate)
    seen, cursor = [], ""
    while True:
        page = api("get", f"{BASE}/vehicle?limit=2&sort={sort}" + (f"&cursor={cursor}" if cursor else ""))
        assert page.status_code == 200, page.content.decode()
        seen += [row["plate"] for row in page.json()["items"]]
        cursor = page.json()["next"]
        if len(seen) == 2:
            make_vehicle("沪A99999")
        if not cursor:
            break
    assert len(seen) == len(set(seen)) and plates <= set(seen)


def test_cursor_belongs_to_its_query(api, make_vehicle):
    for number in range(3):
        make_vehicle(f"沪A2000{number}")
    cursor = api("get", f"{BASE}/vehicle?limit=1").json()["next"]
    problem(api("get", f"{BASE}/vehicle?limit=1&state=in_service&cursor={cursor}"), 422, "invalid_cursor")
    problem(api("get", f"{BASE}/vehicle?limit=1&cursor={cursor[:-2]}xx"), 422, "invalid_cursor")


def test_empty_values_come_last_and_once(api, world, make_order):
    with working(world.requester):
        orders = {make_order(hours=number).code for number in range(1, 5)}
    seen, cursor = [], ""
    while True:
        page = api("get", f"{BASE}/order?limit=1&sort=-planned_from" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [row["code"] for row in page["items"]]
        if not (cursor := page["next"]):
            break
    assert sorted(seen) == sorted(orders)


def test_figures_are_those_of_the_pages(api, make_vehicle):
    make_vehicle("沪A30001")
    listed = api("get", "/api/v1/metrics").json()["items"]
    assert {each["code"] for each in listed} == {each.code for each in metrics.catalogue(actor_of(api))} and listed
    for each in listed:
        answer = api("get", f"/api/v1/metrics/{each['code']}").json()
        wanted = metrics.read(each["code"], actor_of(api))
        assert (answer["text"], answer["rows_url"]) == (wanted.text, wanted.url)
    assert problem(api("get", "/api/v1/metrics/no.such"), 404)
    assert problem(api("get", f"/api/v1/metrics/{listed[0]['code']}?wings=1"), 422)


def test_administrators_see_no_business_data(world, make_vehicle):
    vehicle = make_vehicle()
    for kind in ("system_admin", "security_admin", "audit_admin"):
        role = Role.objects.get(code=kind)
        account = Account.objects.create(username=kind, unit=world.city)
        Grant.objects.create(account=account, role=role, scope="city", unit=world.city, state=GrantState.ACTIVE)
        call = caller(account, role.permissions)
        for address in ("vehicle", "order", "place", "terminal", "driver", "quota", f"vehicle/{vehicle.pk}"):
            problem(call("get", f"{BASE}/{address}"), 403)
        assert not [each for each in call("get", "/api/v1/metrics").json()["items"] if each["code"].startswith("vehicles")]


def test_too_many_requests_are_told_to_wait(api, settings):
    settings.ZHIGUAN_API_PER_MINUTE = 3
    answers = [api("get", f"{BASE}/vehicle") for _ in range(5)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    problem(answers[4], 429, "rate_limited")
    assert int(answers[4]["Retry-After"]) >= 1 and answers[4]["RateLimit-Limit"] == "3"
    assert answers[0]["RateLimit-Remaining"] == "2"
    bucket = gate.Buckets(60)
    assert all(bucket.take("a", now=0).allowed for _ in range(60)) and not bucket.take("a", now=0).allowed
    assert bucket.take("a", now=1.1).allowed and bucket.take("b", now=0).allowed


def test_session_needs_the_forgery_token(world, make_vehicle):
    vehicle = make_vehicle()
    account = account_with("browser", world.organ, PERMISSIONS)
    client = Client(enforce_csrf_checks=True)
    client.force_login(account, backend="zhiguan.kernel.identity.backends.AccountBackend")
    assert client.get(f"{BASE}/vehicle/{vehicle.pk}").status_code == 200
    send = {"data": json.dumps({"reason": "停用"}), "content_type": "application/json"}
    problem(client.post(f"{BASE}/vehicle/{vehicle.pk}/lay-up", **send), 403, "csrf")


def test_a_list_costs_few_queries(api, make_vehicle, django_assert_max_num_queries):
    for number in range(3):
        make_vehicle(f"沪A4000{number}")
    api("get", f"{BASE}/vehicle")
    with django_assert_max_num_queries(6):
        assert len(api("get", f"{BASE}/vehicle").json()["items"]) == 3
