"""A city with a district, organs and divisions; their people are what the made-up metric counts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from zhiguan.kernel.metrics.declare import Metric, MetricQuery
from zhiguan.kernel.metrics.service import breakdown
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.orgs.tests.places import make_unit
from zhiguan.kit import registry


@pytest.fixture
def world(as_system: Any, make_actor: Callable[..., Any]) -> SimpleNamespace:
    city = make_unit(None, 0, "310000", "测试市", "city")
    organ = make_unit(city, 1, "310000001", "市甲局", "organ")
    office = make_unit(organ, 1, "310000001-01", "办公室", "division")
    nested = make_unit(organ, 2, "310000001-02", "甲局下属局", "organ")
    other = make_unit(city, 2, "310000002", "市乙局", "organ")
    district = make_unit(city, 3, "310101", "黄浦区", "district")
    bureau = make_unit(district, 1, "310101001", "区丙局", "organ")
    numbers = iter(range(100))
    for unit, many in ((city, 1), (organ, 2), (office, 3), (nested, 1), (other, 4), (district, 1), (bureau, 5)):
        for _ in range(many):
            number = next(numbers)
            duty = "主任" if number % 3 else "科员"
            Person.objects.create(code=f"P{number}", name=f"人{number}", unit=unit, duty=duty)
    permissions = {"orgs.person.view": "below"}
    return SimpleNamespace(
        city=city, organ=organ, office=office, other=other, district=district, bureau=bureau,
        mayor=make_actor(permissions, unit=city), head=make_actor(permissions, unit=organ),
        nobody=make_actor({"orgs.unit.view": "city"}, unit=city),
    )  # fmt: skip


def _compute(query: MetricQuery):
    rows = query.narrow(Person.objects.all())
    if "duty" in query.dims:
        rows = rows.filter(duty=query.dims["duty"])
    return breakdown(query, rows, columns={"duty": "duty"}) if query.group_by else rows.count()


PEOPLE = Metric(
    code="orgs.people", name="在册人数", unit="人", formula="在册人员数", dimensions=("organ", "district", "duty"),
    source="通讯录", clause="测试办法第一条", responsible="测试单位", permission="orgs.person.view", compute=_compute,
    rows=lambda query: query.address("/people/", duty=query.dims.get("duty", "")),
    choices={"duty": {"主任": "主任（正职）", "科员": "科员"}}, dimension_names={"duty": "职务"},
)  # fmt: skip


def declare(monkeypatch: pytest.MonkeyPatch, *declarations: Any) -> None:
    """Let the registry hold further declarations until the test ends."""
    known = registry.current()
    wider = registry.Registry()
    wider._by_type = {kind: dict(items) for kind, items in known._by_type.items()}
    wider._owner = dict(known._owner)
    for each in declarations:
        wider._add(each, "tests")
    monkeypatch.setattr(registry, "_current", wider)


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> Metric:
    declare(monkeypatch, PEOPLE)
    return PEOPLE
