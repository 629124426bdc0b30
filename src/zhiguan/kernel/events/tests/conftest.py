"""A small tree, accounts, kinds of jobs made for a test, and a receiver of webhooks on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit import registry
from zhiguan.kit.actor import EVERYTHING, Actor, Scope, system


def make_world() -> SimpleNamespace:
    """Make a city with two organs and an account in each; the caller is within a transaction, as the system."""
    root = system("tests")

    def make(parent: Any, code: str, name: str, kind: str) -> Any:
        return orgs.create_unit(root, parent=parent, code=code, name=name, kind=kind, record=lambda *a, **k: None)

    city = make(None, "310000", "上海市", "city")
    one, two = make(city, "310000-C01", "甲局", "organ"), make(city, "310000-C02", "乙局", "organ")
    below = make(one, "310000-C01-01", "甲局办公室", "division")
    accounts = [
        get_user_model().objects.create(username=name, unit=unit) for name, unit in (("zhang", one), ("li", two))
    ]
    return SimpleNamespace(city=city, one=one, two=two, below=below, zhang=accounts[0], li=accounts[1])


def actor_at(account: Any, permissions: dict[str, Any] | None = None) -> Actor:
    """Return the account's actor; a permission's value is below or city."""
    unit = account.unit
    scopes = {code: EVERYTHING if value == "city" else Scope(((unit.pos, unit.pos_end),))
              for code, value in (permissions or {}).items()}  # fmt: skip
    return Actor(name=account.username, account_id=account.pk, unit_id=unit.pk, unit_pos=unit.pos, unit_name=unit.name,
                 permissions=scopes)  # fmt: skip


@pytest.fixture
def world(as_system: Actor) -> SimpleNamespace:
    return make_world()


@pytest.fixture
def real(committed_db: Any) -> SimpleNamespace:
    """The world in a database where commits are real."""
    with system("tests").transaction():
        return make_world()


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Callable[..., JobKind]:
    """Declare a kind of job for this test."""

    def declare(run: Any, code: str = "tests.thing.do", **more: Any) -> JobKind:
        made = JobKind(code, "测试任务", run, **more)
        monkeypatch.setitem(registry.current()._by_type[JobKind], code, made)
        return made

    return declare


class Receiver:
    """Answers posts on this machine with the statuses it is told, 200 otherwise, and keeps what came."""

    def __init__(self) -> None:
        self.posts: list[SimpleNamespace] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append(SimpleNamespace(path=self.path, headers=dict(self.headers), body=body))
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.ZHIGUAN_WEBHOOK_LOOPBACK = True
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()
