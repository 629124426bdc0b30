"""A small world for cases: an organ that applies, a bureau that handles, accounts with roles, one sample item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from zhiguan.kernel.calendar.service import YearNotLoaded, add_working_days, load_year
from zhiguan.kernel.flow import definitions, engine, service
from zhiguan.kernel.flow.models import Definition, Seat
from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kit import registry
from zhiguan.kit.actor import system

from . import sample

ROLES = {
    "t.apply": ("vehicles.case.apply", "vehicles.case.view"),
    "t.endorse": ("vehicles.case.endorse",),
    "t.accept": ("vehicles.case.handle",),
    "t.review": ("vehicles.case.handle",),
    "t.visit": ("vehicles.case.handle",),
    "t.decide": ("vehicles.case.decide",),
    "t.manage": ("vehicles.case.assign", "vehicles.case.view"),
    "t.supervise": ("vehicles.case.supervise",),
}
PEOPLE = (
    ("张申请", "甲", "t.apply", "organ"), ("李领导", "甲", "t.endorse", "organ"), ("王受理", "局", "t.accept", "city"),
    ("赵审查", "局", "t.review", "city"), ("钱审查", "局", "t.review", "city"), ("孙审查", "局", "t.review", "city"),
    ("周核查", "局", "t.visit", "city"), ("吴决定", "局", "t.decide", "city"), ("郑管理", "局", "t.manage", "city"),
    ("冯监督", "局", "t.supervise", "city"), ("陈外人", "乙", "t.apply", "organ"), ("褚专家", "局", "", ""),
)  # fmt: skip


def load_calendar() -> None:
    """Load the years around today where nobody has: limits must not depend on the day the tests run."""
    year = timezone.localdate().year
    for each in (2026, year, year + 1):
        try:
            add_working_days(date(each, 6, 1), 1)
        except YearNotLoaded:
            load_year(system("tests"), each, days_off={}, work_days=[], notice="测试用")


class Office:
    """The people of the world by name; each acts as their account does today."""

    def __init__(self) -> None:
        self.city = make_unit(None, 0, "310000", "测试市", "city")
        self.units = {
            name: make_unit(
                self.city, number, f"31000000{number}", f"市{name}局" if name != "局" else "市机关事务管理局", "organ"
            )
            for number, name in enumerate(("甲", "乙", "局"), 1)
        }
        self.people: dict[str, Person] = {}
        self.accounts: dict[str, Account] = {}
        roles = {
            code: Role.objects.create(code=code, name=code, permissions=list(permissions), scope="city")
            for code, permissions in ROLES.items()
        }
        for number, (name, unit, role, scope) in enumerate(PEOPLE, 1):
            person = Person.objects.create(code=f"P{number}", name=name, unit=self.units[unit], sort=number)
            account = Account.objects.create(
                username=f"u{number}", person=person, unit=person.unit, must_change_password=False
            )
            self.people[name], self.accounts[name] = person, account
            if role:
                where = self.units[unit] if scope == "organ" else self.city
                Grant.objects.create(account=account, role=roles[role], scope=scope, unit=where, state="active",
                                     valid_from=date(2020, 1, 1))  # fmt: skip

    def actor(self, name: str) -> Any:
        return actor_for(Account.objects.select_related("person", "unit").get(pk=self.accounts[name].pk))

    def seat(self, name: str, case: Any, *states: str) -> Seat:
        """The seat of a person in the case that can be used now."""
        rows = Seat.objects.filter(case=case, person=self.people[name], step__state="open")
        return rows.filter(state__in=states or ("working", "offered", "waiting")).latest("pk")

    def does(self, who: str, verb: Callable[..., Any], case: Any, **values: Any) -> Any:
        """Let a person do something on their seat, under their own row scope."""
        seat, actor = self.seat(who, case), self.actor(who)
        with actor.acting():
            return verb(actor, case, seat=seat, **values)

    def agrees(self, name: str, case: Any, opinion: str = "同意") -> Any:
        return self.does(name, service.decide, case, outcome="agree", opinion=opinion)

    def acts(self, who: str, verb: Callable[..., Any], case: Any, **values: Any) -> Any:
        """Let a person do something that needs no seat."""
        actor = self.actor(who)
        with actor.acting():
            return verb(actor, case, **values)


def publish(bpmn: str, tables: dict[str, str] | None = None, number: int = 1) -> Definition:
    """Publish a process of the sample item, signed as the product signs."""
    tables = tables or {}
    engine.compiled(bpmn, tables)
    digest = engine.digest_of(bpmn, tables)
    row = Definition(item=sample.ITEM.code, number=number, bpmn=bpmn, tables=tables, digest=digest, state="published",
                     unit=Unit.objects.get(parent__isnull=True), published_at=timezone.now())  # fmt: skip
    row.signature = definitions._sign(row)
    Definition.objects.filter(item=row.item, state="published").update(state="retired")
    row.save()
    return row


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the sample item in it."""
    monkeypatch.setattr(registry, "_current", sample.Known(registry.current()))
    sample.DONE.clear()
    sample.BROKEN.clear()


@pytest.fixture
def office(as_system: Any, items: None) -> Office:
    load_calendar()
    made = Office()
    publish(sample.bpmn())
    return made


@pytest.fixture
def draft(office: Office) -> Callable[..., Any]:
    def make(name: str = "张申请", **values: Any) -> Any:
        given = {"reason": "修车", "amount": "100", "rows": [{"name": "轮胎", "count": 2, "price": "30"}], **values}
        actor = office.actor(name)
        with actor.acting():
            return service.create(actor, sample.ITEM, values=given)

    return make


@pytest.fixture
def case_at(office: Office, draft: Callable[..., Any]) -> Callable[..., Any]:
    """Bring a case to a step: ``case_at("review")``; with ``mode`` and ``parallel`` the process is another."""

    def make(step: str = "lead", mode: str = "", *, parallel: bool = False, attributes: dict[str, str] | None = None,
             **values: Any) -> Any:  # fmt: skip
        if mode or parallel or attributes:
            number = Definition.objects.filter(item=sample.ITEM.code).count() + 1
            publish(sample.bpmn(mode or "all", parallel=parallel, **(attributes or {})), number=number)
        case = office.acts("张申请", service.submit, draft(**values))
        for name, node in (("李领导", "lead"), ("王受理", "accept")):
            if step == node:
                return case
            case = office.agrees(name, case)
        if step == "review":
            return case
        reviewers = [seat.person.name for seat in Seat.objects.filter(case=case, step__node="review").order_by("order")]
        for name in reviewers:
            case.refresh_from_db()
            if "review" in open_nodes(case):
                case = office.agrees(name, case)
        return case

    return make


def open_nodes(case: Any) -> list[str]:
    return sorted(case.steps.filter(state="open").values_list("node", flat=True))


__all__ = ["Office", "SimpleNamespace", "open_nodes", "publish", "replace"]
