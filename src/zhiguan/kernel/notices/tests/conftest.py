"""A city with two organs, people with accounts, and one kind of notice made for the tests."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction

from zhiguan.kernel.notices import service
from zhiguan.kernel.notices.declare import NoticeKind
from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, Scope, system

_numbers = iter(range(10**6))
KIND = "tests.thing.done"


def make_world() -> SimpleNamespace:
    """Make the world; the caller is within a transaction, as the system."""
    root, quiet = system("tests"), lambda *a, **k: None

    def unit(parent: Any, code: str, name: str, kind: str) -> Any:
        return orgs.create_unit(root, parent=parent, code=code, name=name, kind=kind, record=quiet)

    city = unit(None, "310000", "上海市", "city")
    one, two = unit(city, "310000-C01", "甲局", "organ"), unit(city, "310000-C02", "乙局", "organ")
    people = [
        orgs.register_person(root, code=f"P{n}", name=name, unit=where, post="科员", record=quiet)
        for n, (name, where) in enumerate((("张三", one), ("李四", two)))
    ]
    accounts = [
        get_user_model().objects.create(username=name, unit=person.unit, person=person, email=f"{name}@example.test")
        for name, person in zip(("zhang", "li"), people, strict=True)
    ]
    return SimpleNamespace(city=city, one=one, two=two, people=people, zhang=accounts[0], li=accounts[1])


def actor_of(account: Any, permissions: tuple[str, ...] = ()) -> Actor:
    """Return the account's actor; permissions reach its unit and below."""
    unit = account.unit
    scope = Scope(((unit.pos, unit.pos_end),))
    return Actor(
        name=account.username, account_id=account.pk, person_id=account.person_id, unit_id=unit.pk, unit_pos=unit.pos,
        unit_name=unit.name, permissions=dict.fromkeys(permissions, scope),
    )  # fmt: skip


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Callable[..., NoticeKind]:
    """Declare a kind for this test; by default one that is mailed at once."""

    def declare(code: str = KIND, **more: Any) -> NoticeKind:
        made = NoticeKind(code, f"测试通知{code[-4:]}", **{"mail": "instant", **more})
        monkeypatch.setitem(registry.current()._by_type[NoticeKind], code, made)
        return made

    return declare


@pytest.fixture
def world(as_system: Actor, kind: Any, settings: Any) -> SimpleNamespace:
    settings.ZHIGUAN_MAIL = "mail.example.test"
    kind()
    return make_world()


@pytest.fixture
def real(committed_db: Any, kind: Any, settings: Any) -> SimpleNamespace:
    """The world in a database where commits are real."""
    settings.ZHIGUAN_MAIL = "mail.example.test"
    kind()
    with system("tests").transaction():
        return make_world()


def tell(account: Any, title: str = "", **more: Any) -> Notice:
    """Tell the account something and return the notice."""
    with transaction.atomic():
        title = title or f"第 {next(_numbers)} 件事"
        assert service.notify([account], more.pop("kind", KIND), title, "内容", "/vehicles/order/1/", **more) == 1
        with system("tests").acting():
            return Notice.objects.filter(account=account).latest("pk")


class Broken(EmailBackend):
    """A mail server that refuses everything."""

    def send_messages(self, messages: Any) -> int:
        raise OSError("refused")
