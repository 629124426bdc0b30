"""A small world: a city, one district, two organs with divisions, and a recorder that keeps what it was told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from zhiguan.kernel.orgs import service
from zhiguan.kernel.orgs.models import Rank
from zhiguan.kit.actor import Actor, system

FOUNDED = date(2020, 1, 1)


class Notes(list):
    """Takes acts as ``trace.service.record`` would and keeps them."""

    def __call__(
        self, actor: Actor, code: str, subject: Any = None, *, before: Any = None, after: Any = None, reason: str = ""
    ) -> None:
        assert code in service.ACTS
        self.append((code, subject, before, after))

    @property
    def codes(self) -> list[str]:
        return [code for code, *_ in self]


def build(record: Notes) -> SimpleNamespace:
    actor = system("tests")

    def make(parent: Any, code: str, name: str, kind: str) -> Any:
        return service.create_unit(actor, parent=parent, code=code, name=name, kind=kind, record=record, on=FOUNDED)

    city = make(None, "310000", "上海市", "city")
    district = make(city, "310101", "黄浦区", "district")
    finance = make(city, "310000-C01", "上海市财政局", "organ")
    bureau = make(city, "310000-C02", "上海市机关事务管理局", "organ")
    budget = make(finance, "310000-C01-01", "预算处", "division")
    assets = make(bureau, "310000-C02-01", "资产管理处", "division")
    local = make(district, "310101-A01", "黄浦区机关事务管理局", "organ")
    rank = Rank.objects.get(code="division_chief")
    return SimpleNamespace(
        actor=actor, city=city, district=district, finance=finance, bureau=bureau, budget=budget, assets=assets,
        local=local, rank=rank, make=make, record=record,
    )  # fmt: skip


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def world(as_system: Actor, notes: Notes) -> SimpleNamespace:
    return build(notes)


@pytest.fixture
def hire(world: SimpleNamespace) -> Callable[..., Any]:
    def register(code: str, name: str, unit: Any, on: date = FOUNDED, post: str = "主任科员") -> Any:
        return service.register_person(
            world.actor, code=code, name=name, unit=unit, post=post, rank=world.rank, on=on, record=world.record
        )

    return register
