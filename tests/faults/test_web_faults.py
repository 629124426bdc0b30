"""The web side under faults: double clicks, stale forms, a database that restarts under load, clocks that jump."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import Error, connection
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.lines.vehicles.domain import orders
from zhiguan.lines.vehicles.models import DispatchOrder
from zhiguan.lines.vehicles.tests.conftest import make_world
from zhiguan.site.runtime import postgres

pytestmark = pytest.mark.faults
BOSS = system("tests")


def wanted(hours: float = 24) -> dict[str, Any]:
    start = timezone.localtime() + timedelta(hours=hours)
    return {
        "kind": "ordinary", "purpose": "会议", "passenger_count": "1", "origin": "本单位", "destination": "会场",
        "planned_from": f"{start:%Y-%m-%d %H:%M}", "planned_to": f"{start + timedelta(hours=2):%Y-%m-%d %H:%M}",
    }  # fmt: skip


def hidden(text: str, name: str) -> str:
    return text.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]


def together(*acts: Any) -> None:
    """Run the acts at the same moment, each on its own connection; a failure in one fails the test."""
    barrier, failures = threading.Barrier(len(acts)), []

    def run(act: Any) -> None:
        barrier.wait()
        try:
            act()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_two_clicks_in_one_moment_make_one_request(committed_db: Any, make_actor: Any) -> None:
    with BOSS.transaction():
        world = make_world(make_actor)
    url, first = reverse("vehicles.order.create"), Visitor(world.requester)
    first.session.create()
    token = hidden(html(first.get(url)), "_token")
    answers: list[Any] = []

    def click() -> None:
        visitor = Visitor(world.requester)
        visitor.session = type(first.session)(session_key=first.session.session_key)
        answers.append(visitor.post(url, {**wanted(), "_token": token}))

    together(*[click] * 4)
    with BOSS.transaction():
        assert DispatchOrder.objects.count() == 1
        assert LedgerEvent.objects.filter(subject_type="vehicles.dispatchorder").count() == 1
        key = DispatchOrder.objects.get().pk
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, reverse("vehicles.order.detail", args=[key]))
    }


def test_two_forms_are_two_requests(committed_db: Any, make_actor: Any) -> None:
    """The guard above goes by the form, not by its content: who asks twice with two forms means it."""
    with BOSS.transaction():
        world = make_world(make_actor)
    visitor = Visitor(world.requester)
    visitor.session.create()
    for _ in range(2):
        token = hidden(html(visitor.get(reverse("vehicles.order.create"))), "_token")
        assert visitor.post(reverse("vehicles.order.create"), {**wanted(), "_token": token}).status_code == 302
    with BOSS.transaction():
        assert DispatchOrder.objects.count() == 2


def test_a_form_that_was_open_too_long_overwrites_nothing(committed_db: Any, make_actor: Any) -> None:
    from zhiguan.lines.vehicles.domain import register

    with BOSS.transaction():
        world = make_world(make_actor)
        place = register.add_place(BOSS, unit=world.organ, name="东库", lat=31.2, lon=121.4)
    url = reverse("vehicles.place.edit", args=[place.pk])
    values = {"unit": world.organ.pk, "lat": "31.2", "lon": "121.4", "radius_m": "60"}
    early, late = Visitor(world.manager), Visitor(world.manager)
    forms = [html(visitor.get(url)) for visitor in (early, late)]
    sent = [{**values, "name": name, "_version": hidden(text, "_version"), "_token": hidden(text, "_token")}
            for name, text in zip(("西库", "南库"), forms, strict=True)]  # fmt: skip
    assert early.post(url, sent[0]).status_code == 302
    answer = late.post(url, sent[1])
    assert answer.status_code == 412
    assert "已被" in html(answer)
    assert "南库" in html(answer)  # what was typed is not lost
    with BOSS.transaction():
        place.refresh_from_db()
    assert (place.name, place.version) == ("西库", 2)


def test_a_database_restart_under_load_loses_and_halves_nothing(own_server: Any, make_actor: Any) -> None:
    """Four people ask for cars without pause while the server stops and starts; what was confirmed is there, whole."""
    with BOSS.transaction():
        world = make_world(make_actor)
    confirmed: list[str] = []
    refused: list[str] = []
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.is_set():
            number += 1
            start = timezone.now() + timedelta(days=1)
            try:
                with world.requester.transaction():
                    made = orders.request(
                        world.requester, purpose=f"第 {number} 次", origin="甲", destination="乙", planned_from=start,
                        planned_to=start + timedelta(hours=1),
                    )  # fmt: skip
                confirmed.append(made.code)
            except Error as error:
                refused.append(type(error).__name__)
                connection.close()
                time.sleep(0.05)

    def restart() -> None:
        try:
            deadline = time.monotonic() + 30
            while len(confirmed) < 20 and time.monotonic() < deadline:
                time.sleep(0.05)
            postgres.stop(own_server)
            postgres.ensure_cluster(own_server.data_dir)
            again = len(confirmed) + 20
            while len(confirmed) < again and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            over.set()

    together(ask, ask, ask, ask, restart)
    connection.close()  # this thread's own went down with the server
    with BOSS.transaction():
        codes = set(DispatchOrder.objects.values_list("code", flat=True))
        keys = set(DispatchOrder.objects.values_list("pk", flat=True))
        events = list(
            LedgerEvent.objects.filter(subject_type="vehicles.dispatchorder").values_list("subject_id", flat=True)
        )
        entries = Entry.objects.filter(code="vehicles.dispatchorder.create").count()
    assert len(confirmed) >= 40
    assert refused  # the restart was felt
    assert set(confirmed) <= codes
    assert len(codes) - len(confirmed) <= 4  # committed, but the answer went down with the connection
    assert sorted(events) == sorted(keys)
    assert entries == len(keys)


@pytest.mark.parametrize(
    ("jump", "admitted"),
    [(timedelta(0), False), (timedelta(hours=-3), False), (timedelta(minutes=14), False), (timedelta(minutes=16), True),
     (timedelta(days=400), True)],
)  # fmt: skip
def test_a_lock_out_survives_clocks_that_jump(
    as_system: Any, monkeypatch: pytest.MonkeyPatch, jump: Any, admitted: bool
) -> None:
    """Setting the clock back opens no lock, and when the time is over the count begins anew."""
    account = Account(username="yi.ming")
    account.set_password("Zheng-Que-2026")
    account.save()

    def sign_in(password: str) -> bool:
        return authenticate(None, username="yi.ming", password=password) is not None

    assert sign_in("Zheng-Que-2026")
    for _ in range(5):
        assert not sign_in("cuo-wu")
    assert not sign_in("Zheng-Que-2026")
    now = timezone.now() + jump
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert sign_in("Zheng-Que-2026") is admitted
    if admitted:
        assert not sign_in("cuo-wu")
        assert sign_in("Zheng-Que-2026")
