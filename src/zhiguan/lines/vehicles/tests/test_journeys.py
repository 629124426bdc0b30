"""The driver's notes and the passenger's word: sent twice is kept once, and only by those whose journey it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import Visitor, html, without
from zhiguan.lines.vehicles import queries
from zhiguan.lines.vehicles.domain import journeys, orders
from zhiguan.lines.vehicles.models import DispatchOrder, HandoverCheck, OrderExpense, OrderIssue, OrderMark

BOSS = system("tests")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def photo(name: str = "里程表.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, PNG, "image/png")


@pytest.fixture
def driver(world, make_actor):
    """The driver with an account of their own, which photos need."""
    person = world.people["驾驶员"]
    account = Account.objects.create(username="driver-test", person=person, unit=world.organ)
    return make_actor(
        {"vehicles.order.view": "self", "vehicles.order.drive": "self"}, unit=world.organ, person=person.pk, name="驾驶员",
        account=account.pk,
    )  # fmt: skip


@pytest.fixture
def order(world, make_vehicle, make_driver, make_order):
    made = orders.approve(world.manager, make_order())
    return orders.dispatch(world.manager, made, vehicle=make_vehicle(), driver=make_driver())


def fresh(order) -> DispatchOrder:
    return DispatchOrder.objects.get(pk=order.pk)


def good() -> dict[str, bool]:
    return dict.fromkeys(journeys.checklist(), True)


def test_the_whole_way_with_every_note(world, driver, order):
    with driver.acting():
        journeys.accept(driver, fresh(order))
        journeys.accept(driver, fresh(order))  # a second tap changes nothing
        for _ in range(2):
            journeys.check_vehicle(driver, fresh(order), key="check-0001", items=good(), photos=(photo(),))
        for _ in range(2):
            journeys.start(driver, fresh(order), odometer_start_km=100, photos=(photo(),))
        for kind in ("arrived", "aboard", "there"):
            for _ in range(2):
                journeys.mark(driver, fresh(order), key=f"mark-{kind}", kind=kind, lat=31.2, lon=121.4)
        for _ in range(2):
            journeys.spend(driver, fresh(order), key="toll-0001", kind="toll", amount_yuan=Decimal("15.50"))
        for _ in range(2):
            journeys.report(driver, fresh(order), key="issue-0001", text="左后轮异响")
        for _ in range(2):
            done = journeys.end(driver, fresh(order), odometer_end_km=130, parked_at_place="B1-12")
        assert [HandoverCheck.objects.count(), OrderMark.objects.count(), OrderExpense.objects.count()] == [1, 3, 1]
        assert OrderIssue.objects.count() == 1
    assert done.arrived_at is not None and done.accepted_at <= done.started_at <= done.ended_at
    assert [event.code for event in ledger.history(done)] == [
        "create", "approve", "dispatch", "accept", "start", "arrive", "end"
    ]  # fmt: skip
    assert files.attachments(done).count() == 2, "a photo sent twice is kept once"


def test_checks_are_complete_and_faults_explained(world, driver, order):
    with driver.acting():
        half = dict(list(good().items())[:2])
        with pytest.raises(Invalid, match="逐项"):
            journeys.check_vehicle(driver, fresh(order), key="check-0001", items=half)
        bad = good() | {"轮胎": False}
        with pytest.raises(Invalid, match="说明"):
            journeys.check_vehicle(driver, fresh(order), key="check-0001", items=bad)
        made = journeys.check_vehicle(driver, fresh(order), key="check-0001", items=bad, note="胎压偏低，已补气")
        assert made.faults == ["轮胎"]


def test_notes_belong_to_the_time_under_way(world, driver, order):
    with driver.acting():
        with pytest.raises(Conflict):
            journeys.mark(driver, fresh(order), key="mark-0001", kind="arrived")
        with pytest.raises(Conflict):
            journeys.spend(driver, fresh(order), key="toll-0001", kind="toll", amount_yuan=Decimal(5))
        journeys.start(driver, fresh(order), odometer_start_km=1)
        with pytest.raises(Invalid):
            journeys.spend(driver, fresh(order), key="toll-0001", kind="toll", amount_yuan=Decimal(-5))
        with pytest.raises(Invalid):
            journeys.mark(driver, fresh(order), key="mark-0001", kind="nonsense")


def test_a_device_clock_is_believed_within_reason():
    now = timezone.now()
    assert journeys.moment(now - timedelta(hours=3)) == now - timedelta(hours=3)
    for wrong in (now - timedelta(days=9), now + timedelta(hours=1), None):
        assert abs(journeys.moment(wrong) - now) < timedelta(minutes=1)


def test_a_driver_who_cannot_go_gives_the_order_back(world, driver, order):
    with driver.acting():
        with pytest.raises(Invalid):
            journeys.decline(driver, fresh(order), reason="")
        given = journeys.decline(driver, fresh(order), reason="身体不适")
        assert not DispatchOrder.objects.exists(), "what was given back is no longer the driver's"
    assert (given.state, given.vehicle_id, given.driver_busy) == ("approved", None, None)
    with world.manager.acting():
        assert given in queries.to_dispatch(world.manager)


def test_others_neither_drive_nor_note(world, order, make_actor):
    other = make_actor(
        {"vehicles.order.view": "self", "vehicles.order.drive": "self"},
        unit=world.organ,
        person=world.people["驾驶员二"].pk,
    )
    for verb in (
        lambda: journeys.accept(other, order), lambda: journeys.start(other, order, odometer_start_km=1),
        lambda: journeys.end(world.stranger, order, odometer_end_km=1), lambda: journeys.decline(other, order, reason="x"),
        lambda: journeys.check_vehicle(other, order, key="check-0001", items=good()),
        lambda: journeys.mark(other, order, key="mark-0001", kind="arrived"),
        lambda: journeys.spend(other, order, key="toll-0001", kind="toll", amount_yuan=Decimal(1)),
        lambda: journeys.report(world.stranger, order, key="issue-0001", text="x"),
    ):  # fmt: skip
        with pytest.raises(Denied):
            verb()


def test_passengers_confirm_rate_and_complain(world, driver, order, make_actor):
    with pytest.raises(Conflict):
        journeys.confirm_use(world.requester, order)
    order = journeys.end(world.manager, journeys.start(world.manager, order, odometer_start_km=1), odometer_end_km=2)
    with pytest.raises(Denied):
        journeys.rate(world.driving, order, rating=5)
    order = journeys.confirm_use(world.requester, order)
    with pytest.raises(Conflict, match="已确认"):
        journeys.confirm_use(world.requester, order)
    with pytest.raises(Invalid, match="原因"):
        journeys.rate(world.requester, order, rating=1)
    order = journeys.rate(world.requester, order, rating=2, rating_note="迟到 20 分钟")
    with world.requester.acting():
        issue = journeys.complain(world.requester, fresh(order), text="司机迟到且未致歉")
        assert list(queries.issues(world.requester)) == [issue]
    with pytest.raises(Denied):
        journeys.answer(world.stranger, issue, answer="已处理")
    with world.stranger.acting():
        assert not OrderIssue.objects.exists()
    issue = journeys.answer(world.manager, issue, answer="已批评教育，向您致歉。")
    assert issue.state == "answered"
    with pytest.raises(Conflict):
        journeys.answer(world.manager, issue, answer="再答")


def step(actor, order, **values):
    url = reverse("vehicles.drive.act", args=[order.pk])
    answer = Visitor(actor).post(url, values)
    return answer.status_code


def test_the_phone_pages_lead_through_the_task(world, driver, order):
    visitor = Visitor(driver)
    tasks, task = reverse("vehicles.drive"), reverse("vehicles.drive.task", args=[order.pk])
    assert "待接单" in html(visitor.get(tasks)) and "接单" in html(visitor.get(task))
    key = "0123456789abcdef"
    assert step(driver, order, act="accept") == 200
    assert "出车前检查" in html(visitor.get(task))
    items = {f"item_{n}": "ok" for n in range(len(journeys.checklist()))}
    assert step(driver, order, act="check", key=key, **items) == 200
    assert step(driver, order, act="start", odometer_start_km="12a") == 422
    assert step(driver, order, act="start", odometer_start_km="100") == 200
    for kind in ("arrived", "aboard", "there"):
        assert f'value="{kind}"' in html(visitor.get(task))
        assert step(driver, order, act="mark", key=f"{key}{kind}", kind=kind, lat="31.2", lon="x") == 200
    assert step(driver, order, act="spend", key=key, kind="parking", amount_yuan="10") == 200
    assert step(driver, order, act="spend", key=key, kind="parking", amount_yuan="10") == 200
    assert step(driver, order, act="end", odometer_end_km="90") == 422
    assert step(driver, order, act="end", odometer_end_km="120", parked_at_place="B1") == 200
    assert "10.00 元" in html(visitor.get(task)) and OrderExpense.objects.count() == 1
    assert "最近完成" in html(visitor.get(tasks))
    assert step(driver, order, act="nonsense") == 422 and step(driver, order, act="mark", kind="wait", key="x") == 422


def test_the_phone_pages_are_the_drivers_own(world, order, make_actor):
    other = make_actor({"vehicles.order.drive": "self"}, unit=world.organ, person=world.people["驾驶员二"].pk)
    assert Visitor(other).get(reverse("vehicles.drive.task", args=[order.pk])).status_code == 404
    assert step(other, order, act="accept") == 404
    assert Visitor(without(other)).get(reverse("vehicles.drive")).status_code == 403
    assert Visitor(None).get(reverse("vehicles.drive")).status_code == 302
    assert Visitor(other).get(reverse("vehicles.drive.act", args=[order.pk])).status_code == 405


def test_the_slip_is_printed_and_checked(world, order, make_order):
    url = reverse("vehicles.order.slip", args=[order.pk])
    visitor = Visitor(world.manager)
    text = html(visitor.get(url))
    code = text.split("验证码 ")[1].split("<")[0]
    slip = text.split("zg-slip", 1)[1].split("</article>")[0]
    assert slip.count("<dt>") == 19 + 6 and order.plate in slip
    assert "验证码一致" in html(visitor.get(url, {"code": code}))
    journeys.accept(world.manager, order)
    assert "验证码不一致" in html(visitor.get(url, {"code": code}))
    answer = visitor.get(reverse("vehicles.order.slip.pdf", args=[order.pk]))
    assert answer["Content-Type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    assert Visitor(world.stranger).get(url).status_code == 404
    assert visitor.get(reverse("vehicles.order.slip", args=[make_order(hours=40).pk])).status_code == 409
