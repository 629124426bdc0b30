"""Two at once: one disposal is executed once, one asset is written off once, an organ gets one title."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict
from zhiguan.lines.assets.domain import cards, disposals, titles
from zhiguan.lines.assets.models import Asset, Disposal, TitleRegistration

from .conftest import card_values, make_unit

BOSS = system("tests")


def race(act: Callable[[int], Any], many: int = 4) -> list[str]:
    """Do the act in so many threads at once; return what came of each: "done" or the refusal's code."""
    barrier, results = threading.Barrier(many), []

    def run(number: int) -> None:
        barrier.wait()
        try:
            with BOSS.transaction():
                act(number)
            results.append("done")
        except Conflict as refusal:
            results.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(results)


@pytest.fixture
def organ(committed_db):
    """An organ with three cards, committed."""
    with BOSS.transaction():
        reference.sync()
        city = make_unit(None, 0, "310000", "测试市", "city")
        unit = make_unit(city, 1, "310000001", "市甲局", "organ")
        for _ in range(3):
            cards.register(BOSS, **card_values(unit, original_value=Decimal(6000)))
    return unit


def _enter(organ: Any, number: int = 0) -> Disposal:
    return disposals.enter_disposal(
        BOSS, unit=organ, kind="scrap", assets=list(Asset.objects.order_by("pk")), why="报废", document_no=f"批{number}号",
        decided_on=date(2026, 9, 1),
    )  # fmt: skip


@pytest.mark.faults
def test_one_disposal_is_executed_once_and_one_asset_decided_about_once(organ):
    results = race(lambda number: _enter(organ, number))
    assert results.count("done") == 1 and set(results) <= {"done", "disposal_open", "state_changed", "stale"}
    with BOSS.transaction():
        disposal = Disposal.objects.get()
    results = race(lambda number: disposals.execute_disposal(BOSS, disposal, executed_on=date(2026, 9, 10)))
    assert results == ["done", "state_changed", "state_changed", "state_changed"]
    with BOSS.transaction():
        assert Asset.objects.filter(state="disposed").count() == 3
        assert LedgerEvent.objects.filter(subject_type="assets.asset", code="dispose").count() == 3


@pytest.mark.faults
def test_an_organ_gets_one_title(organ):
    def act(number: int) -> None:
        titles.establish_title(
            BOSS, unit=organ, certificate_no=f"登{number}号", as_of=date(2026, 6, 30), registered_on=date(2026, 7, 1)
        )

    assert race(act) == ["done", "title_present", "title_present", "title_present"]
    with BOSS.transaction():
        assert TitleRegistration.objects.count() == 1
