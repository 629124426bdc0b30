from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from zhiguan.kernel.events import delivery, outbox, service
from zhiguan.kernel.events.models import Delivery, Event, Pending, Subscription
from zhiguan.kernel.events.tests.conftest import actor_at
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid

TYPE = "vehicles.order.dispatch"
MANAGE = {"events.subscription.manage": "below", "vehicles.vehicle.view": "below"}


def subscribe(world, receiver, unit=None, types=("vehicles.*",)) -> tuple[Subscription, str]:
    return service.subscribe(system("tests"), name="测试", unit=unit or world.one, url=receiver.url, types=types)


def publish(world, number: int = 1, subject: str = "vehicles.order/1", unit=None, type: str = TYPE):
    return service.publish(type, subject, {"n": number}, scope_pos=(unit or world.one).pos)


def due_now() -> None:
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_an_event_is_published_by_people_who_may_not_read_events(world) -> None:
    nobody = actor_at(world.zhang)
    with nobody.acting():
        identifier = publish(world)
        assert not Event.objects.exists() and not Pending.objects.exists()
    with actor_at(world.zhang, {"vehicles.vehicle.view": "below"}).acting():
        found = Event.objects.get()
        assert (found.event_id, found.area, found.account_id) == (identifier, "vehicles", world.zhang.pk)
    with actor_at(world.li, {"vehicles.vehicle.view": "below"}).acting():
        assert not Event.objects.exists()


def test_rolled_back_is_never_published_and_events_cannot_be_changed(world) -> None:
    with pytest.raises(RuntimeError, match="undone"), transaction.atomic():
        publish(world)
        raise RuntimeError("undone")
    assert not Event.objects.exists() and not Pending.objects.exists()
    publish(world)
    for statement in ("UPDATE events_event SET type = 'x'", "DELETE FROM events_event"):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("type", "data"),
    [("Vehicles.order.x", {}), ("vehicles.order", {}), ("", {}), ("vehicles.o.x; --", {}), (TYPE, {"a": "x" * 70_000})],
)
def test_malformed_events_are_programming_errors(world, type, data) -> None:
    with pytest.raises(ValueError, match=r"event type|reference"):
        service.publish(type, "x", data, scope_pos=1)


def test_data_of_any_kind_is_kept(world) -> None:
    service.publish(TYPE, world.one, {"at": timezone.now(), "text": "a\x00b\\u0000", "in": [{"k\x00": None}]}, scope_pos=1)
    event = Event.objects.get()
    assert event.data["text"] == "ab\\u0000" and event.data["in"] == [{"k": None}]
    assert event.subject == f"orgs.unit/{world.one.pk}"


def test_a_subscriber_gets_signed_cloudevents_of_its_unit_and_types(world, receiver) -> None:
    made, secret = subscribe(world, receiver)
    identifier = publish(world, unit=world.below)
    publish(world, unit=world.two)
    publish(world, type="supervision.finding.create")
    delivery.run()
    (post,) = receiver.posts
    body = json.loads(post.body)
    assert body["specversion"] == "1.0" and body["id"] == str(identifier) and body["data"] == {"n": 1}
    assert (body["type"], body["source"], body["subject"]) == (TYPE, "urn:zhiguan:vehicles", "vehicles.order/1")
    assert post.headers["Content-Type"].startswith("application/cloudevents+json")
    stamp, digest = (part.split("=", 1)[1] for part in post.headers[delivery.SIGNATURE].split(","))
    assert hmac.new(secret.encode(), f"{stamp}.".encode() + post.body, hashlib.sha256).hexdigest() == digest
    assert Delivery.objects.get().state == "delivered" and not Pending.objects.exists()
    assert service.rotate(system("tests"), made) != secret


def test_a_subject_s_events_wait_for_one_another_and_others_do_not(world, receiver) -> None:
    subscribe(world, receiver)
    for number, subject in ((1, "a/1"), (2, "a/1"), (3, "b/1")):
        publish(world, number, subject)
    receiver.answers = [503]
    delivery.run()
    assert [json.loads(post.body)["data"]["n"] for post in receiver.posts] == [1, 3]
    due_now()
    delivery.run()
    assert [json.loads(post.body)["data"]["n"] for post in receiver.posts] == [1, 3, 1, 2]
    first = Delivery.objects.get(event__data__n=1)
    assert (first.state, first.attempts, first.error) == ("delivered", 2, "")


def test_after_its_attempts_a_delivery_is_dead_until_a_person_sends_it_again(world, receiver) -> None:
    subscribe(world, receiver)
    publish(world, 1)
    publish(world, 2)
    receiver.answers = [500] * (len(delivery.BACK_OFF_SECONDS) + 1)
    for _ in receiver.answers[:]:
        due_now()
        delivery.fan_out()
        (taken,) = delivery._take()
        delivery.send(taken)
    dead = Delivery.objects.get(event__data__n=1)
    assert (dead.state, dead.status) == ("dead", 500) and "500" in dead.error
    due_now()
    delivery.run()
    assert json.loads(receiver.posts[-1].body)["data"]["n"] == 2
    with pytest.raises(Denied):
        service.redeliver(actor_at(world.li, MANAGE), dead)
    service.redeliver(actor_at(world.zhang, MANAGE), dead)
    delivery.run()
    assert json.loads(receiver.posts[-1].body)["data"]["n"] == 1
    with pytest.raises(Conflict):
        service.redeliver(system("tests"), dead)


def test_redirects_are_not_followed_and_unreachable_is_told(world, receiver) -> None:
    made, _ = subscribe(world, receiver)
    publish(world)
    receiver.answers = [302]
    delivery.run()
    assert len(receiver.posts) == 1 and Delivery.objects.get().status == 302
    Subscription.objects.filter(pk=made.pk).update(url="http://127.0.0.1:1/")
    due_now()
    delivery.run()
    assert "无法连接" in Delivery.objects.get().error


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "http://localhost/", "http://169.254.169.254/latest", "http://[::1]/", "http://0.0.0.0/",
     "ftp://10.0.0.1/", "http://user:pw@10.0.0.1/", "file:///etc/passwd", "http:///x", "http://no.such.host.invalid/"],
)  # fmt: skip
def test_addresses_of_this_machine_are_refused(world, url) -> None:
    with pytest.raises(Invalid) as refusal:
        service.subscribe(system("tests"), name="x", unit=world.one, url=url, types=["vehicles.*"])
    assert "url" in refusal.value.fields


def test_nobody_subscribes_to_what_they_may_not_read(world, receiver) -> None:
    def ask(actor, unit, *types):
        return service.subscribe(actor, name="x", unit=unit, url=receiver.url, types=types)

    keeper = actor_at(world.zhang, MANAGE)
    for actor, unit, types in (
        (actor_at(world.zhang, {"vehicles.vehicle.view": "below"}), world.one, ["vehicles.*"]),
        (keeper, world.two, ["vehicles.*"]), (keeper, world.city, ["vehicles.*"]), (keeper, world.one, ["supervision.*"]),
    ):  # fmt: skip
        with pytest.raises(Denied):
            ask(actor, unit, *types)
    for types in (["*"], ["*.order.x"], [], ["vehicles"]):
        with pytest.raises(Invalid):
            ask(keeper, world.one, *types)
    made, _ = ask(keeper, world.below, "vehicles.order.*", "vehicles.order.*")
    assert made.types == ["vehicles.order.*"]
    assert Entry.objects.filter(code="events.subscription.create").count() == 1


def test_commit_wakes_the_worker_once(real) -> None:
    with system("tests").transaction():
        publish(real)
        publish(real)
    with system("tests").transaction():
        publish(real)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", [outbox.DELIVER])
        assert cursor.fetchone() == (1,)


def test_a_job_that_waits_already_is_no_failure(real) -> None:
    outbox.wake()
    outbox.wake()
    with pytest.raises(AlreadyEnqueued):
        app.configure_task(outbox.DELIVER, lock=outbox.DELIVER, queueing_lock=outbox.DELIVER).defer(timestamp=0)


def test_inactive_subscriptions_get_nothing(world, receiver) -> None:
    made, _ = subscribe(world, receiver)
    service.set_active(system("tests"), made, active=False)
    publish(world)
    delivery.run()
    assert not receiver.posts and not Delivery.objects.exists() and not Pending.objects.exists()
