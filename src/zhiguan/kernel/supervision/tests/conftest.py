"""A small world: a city with two organs in which people (as subjects) break a made-up rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from zhiguan.kernel.calendar.service import YearNotLoaded, add_working_days, load_year
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kernel.supervision.codes import ASSIGN, DISMISS, EXPLAIN, VERIFY, VIEW
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext
from zhiguan.kit import registry
from zhiguan.kit.actor import system

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
ALL = {code: "below" for code in (VIEW, ASSIGN, EXPLAIN, VERIFY, DISMISS, "orgs.unit.view")}
"""``orgs.unit.view`` stands for the permissions of a line: the test rule's area is orgs."""


def make_world(make_actor: Callable[..., Any]) -> SimpleNamespace:
    """Make the world; call it under an actor who may see everything."""
    city = make_unit(None, 0, "310000", "测试市", "city")
    organ = make_unit(city, 1, "310000001", "市甲局", "organ")
    other = make_unit(city, 2, "310000002", "市乙局", "organ")
    people = [
        Person.objects.create(code=code, name=name, unit=unit)
        for code, name, unit in (("P1", "张三", organ), ("P2", "李四", organ), ("P3", "王五", other))
    ]
    return SimpleNamespace(
        city=city, organ=organ, other=other, people=people,
        manager=make_actor(ALL, unit=organ, name="甲局监督员"),
        stranger=make_actor(ALL, unit=other, name="乙局监督员"),
    )  # fmt: skip


def load_calendar() -> None:
    """Load this year and the next where nobody has: due dates must not depend on the day the tests run."""
    year = timezone.localdate().year
    for each in (2026, year, year + 1):
        try:
            add_working_days(date(each, 6, 1), 1)
        except YearNotLoaded:
            load_year(system("tests"), each, days_off={}, work_days=[], notice="测试用")


@pytest.fixture
def world(as_system: Any, make_actor: Callable[..., Any]) -> SimpleNamespace:
    load_calendar()
    return make_world(make_actor)


class Truth:
    """What the made-up rule sees: metres by (person's key, day). Change it as late data would."""

    def __init__(self) -> None:
        self.metres: dict[tuple[int, str], float] = {}

    def evaluate(self, context: RuleContext):
        for person in context.subjects:
            for day in context.days:
                metres = self.metres.get((person.pk, day))
                if metres is None:
                    continue
                moment = datetime.fromisoformat(f"{day}T01:00:00").replace(tzinfo=UTC)
                yield Hit(
                    subject=person, period=day, unit=person.unit, occurred_at=moment,
                    summary=f"{person.name}于{day}移动 {metres:.0f} 米。",
                    evidence={
                        "figures": [{"name": "移动距离", "value": metres, "unit": "米"}],
                        "timeline": [
                            {"at": moment.isoformat(), "title": "离开", "metres": metres, "lat": 31.2, "lon": 121.4}
                        ],
                        "related": [{"type": "orgs.person", "id": person.pk, "label": "人员"}],
                    },
                )  # fmt: skip


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def rule(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> Rule:
    """The made-up rule, declared like a line's: the registry of this process with one more rule."""
    found = Rule(
        code="orgs.moved", area="orgs", name="无单移动", severity="major", clause="测试办法第一条",
        explanation="移动即算。", evaluate=truth.evaluate,
    )  # fmt: skip
    declare(monkeypatch, found)
    return found


def declare(monkeypatch: pytest.MonkeyPatch, *declarations: Any) -> None:
    """Let the registry hold further declarations until the test ends."""
    known = registry.current()
    wider = registry.Registry()
    wider._by_type = {kind: dict(items) for kind, items in known._by_type.items()}
    wider._owner = dict(known._owner)
    for each in declarations:
        wider._add(each, "tests")
    monkeypatch.setattr(registry, "_current", wider)


def failing(rule: Rule) -> Rule:
    """Return a rule that always fails, with a message that quotes a row."""

    def evaluate(context: RuleContext):
        raise RuntimeError("Key (name)=(张三) exists")

    return replace(rule, code="orgs.failing", name="坏规则", evaluate=evaluate)
