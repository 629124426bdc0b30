"""Pages of the one net under the inherited tests."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, FormPageConformance, ListPageConformance
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import pools
from zhiguan.lines.vehicles.models import OrderIssue, Settlement

from .test_pages import Maker, mine, others  # noqa: F401 -- fixtures

BOSS = system("tests")


class NetMaker:
    """Rows of the one net that belong to one organ."""

    def __init__(self, maker: Maker, payer) -> None:
        self.maker, self.unit, self.payer = maker, maker.unit, payer
        self.numbers = count(1)

    def pool(self):
        number = f"{self.unit.pk}-{next(self.numbers)}"
        return pools.open_pool(BOSS, unit=self.unit, name=f"平台{number}", kind="city", members=[self.unit])

    def contract(self):
        return pools.sign_contract(
            BOSS, pool=self.pool(), number=f"ZL{self.unit.pk}-{next(self.numbers)}", company="租赁公司",
            day_rate_yuan=Decimal(300), valid_from=date(2026, 1, 1), valid_to=date(2099, 1, 1),
        )  # fmt: skip

    def settlement(self):
        number = next(self.numbers)
        return ledger.create(
            Settlement, BOSS,
            {
                "unit": self.unit, "payer": self.payer, "payer_pos": self.payer.pos, "order_count": 1,
                "month": date(2020 + number // 12, number % 12 + 1, 1), "code": f"JS{self.unit.pk}-{number:04d}",
            },
        )  # fmt: skip

    def issue(self):
        order = self.maker.order("started")
        return ledger.create(
            OrderIssue, BOSS,
            {
                "unit": self.unit, "order": order, "order_code": order.code, "key": order.code, "kind": "problem",
                "reporter": self.maker.person, "text": "左后轮异响",
            },
        )  # fmt: skip

    def late(self):
        order = self.maker.order("dispatched")
        return ledger.change(order, BOSS, {"ratify_by_on": timezone.localdate() - timedelta(days=1)})


@pytest.fixture
def net(world, mine):  # noqa: F811
    return NetMaker(mine, world.city)


@pytest.fixture
def other_net(world, others):  # noqa: F811
    return NetMaker(others, world.city)


class TestPools(ListPageConformance):
    page = pages.POOLS

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.pool, other_net.pool, text=lambda row: row.name)


class TestPool(DetailPageConformance):
    page = pages.POOL

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.pool, other_net.pool)


def pool_values(unit):
    return {"name": "新平台", "kind": "organ", "unit": unit.pk, "members": [unit.pk]}


class TestPoolNew(FormPageConformance):
    page = pages.POOL_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: pool_values(world.organ))


class TestPoolEdit(FormPageConformance):
    page = pages.POOL_EDIT

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.pool, other_net.pool, values=lambda row: pool_values(world.organ))


class TestContracts(ListPageConformance):
    page = pages.CONTRACTS

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.contract, other_net.contract, text=lambda row: row.number)


class TestContract(DetailPageConformance):
    page = pages.CONTRACT

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.contract, other_net.contract)


class TestContractNew(FormPageConformance):
    page = pages.CONTRACT_NEW

    @pytest.fixture
    def case(self, world, net):
        pool = net.pool()
        return Case(world.manager, values=lambda row: {
            "number": "ZL-9", "company": "租赁公司", "pool": pool.pk, "day_rate_yuan": "300", "km_rate_yuan": "0",
            "valid_from": "2026-01-01", "valid_to": "2027-01-01"})  # fmt: skip


class TestSettlements(ListPageConformance):
    page = pages.SETTLEMENTS

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.settlement, other_net.settlement, text=lambda row: row.code)


class TestSettlement(DetailPageConformance):
    page = pages.SETTLEMENT

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.settlement, other_net.settlement)


class TestSettlementNew(FormPageConformance):
    page = pages.SETTLEMENT_NEW

    @pytest.fixture
    def case(self, world, net):
        net.pool()
        return Case(world.manager, values=lambda row: {"unit": world.organ.pk, "month": "2026-03-01"})


class TestIssues(ListPageConformance):
    page = pages.ISSUES

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.issue, other_net.issue, text=lambda row: row.order_code)


class TestIssue(DetailPageConformance):
    page = pages.ISSUE

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.issue, other_net.issue)


class TestToRatify(ListPageConformance):
    page = pages.TO_RATIFY

    @pytest.fixture
    def case(self, world, net, other_net):
        return Case(world.manager, net.late, other_net.late, text=lambda row: row.code)
