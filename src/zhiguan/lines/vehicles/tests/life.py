"""Makes rows of a vehicle's whole life in one organ, through the verbs, for the tests of this part."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.lines.vehicles.domain import costs, incidents, papers, plans, register, statements, upkeep
from zhiguan.lines.vehicles.models import CostDoubt

from .conftest import PERMISSIONS
from .test_pages import BOSS, Maker

LIFE = PERMISSIONS | {
    code: "below"
    for code in (
        "vehicles.cost.view vehicles.cost.manage vehicles.profile.manage vehicles.upkeep.manage vehicles.plan.view "
        "vehicles.plan.manage vehicles.plan.approve"
    ).split()
}
TODAY = timezone.localdate
PROFILE = {"at": "交易时刻", "card": "卡号", "quantity": "升数", "amount": "实付金额", "product": "油品"}


class LifeMaker(Maker):
    """Rows of one organ; every call makes another."""

    def policy(self, vehicle: Any = None, **values: Any) -> Any:
        return papers.insure(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "kind": "compulsory", "insurer": "某财产保险", "number": f"BD{self.number()}",
            "valid_from": TODAY() - timedelta(days=300), "valid_to": TODAY() + timedelta(days=65),
            "premium_yuan": Decimal(950), **values,
        })  # fmt: skip

    def claim(self) -> Any:
        values = {"kind": "damage", "reported_on": TODAY(), "claimed_yuan": Decimal(3000)}
        return papers.open_claim(BOSS, self.policy(), **values)

    def inspection(self, vehicle: Any = None, **values: Any) -> Any:
        day = TODAY() - timedelta(days=self.number() % 900)
        return papers.record_inspection(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "kind": "test", "inspected_on": day, "station": "某检测站",
            "fee_yuan": Decimal(120), **values,
        })  # fmt: skip

    def upkeep(self, vehicle: Any = None, **values: Any) -> Any:
        return upkeep.plan_upkeep(BOSS, **{
            "vehicle": vehicle or self.in_service(), "kind": "maintenance", "items": "更换机油", "planned_on": TODAY(), **values,
        })  # fmt: skip

    def rule(self, **values: Any) -> Any:
        return upkeep.add_rule(
            BOSS, **{"item": f"项目{self.number()}", "every_km": 10_000, "every_months": 12, **values}
        )

    def accident(self, vehicle: Any = None, **values: Any) -> Any:
        return incidents.report_accident(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "at": timezone.now() - timedelta(hours=self.number() % 1000),
            "place": "延安路", "account": "追尾", **values,
        })  # fmt: skip

    def violation(self, vehicle: Any = None, **values: Any) -> Any:
        return incidents.record_violation(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "at": timezone.now() - timedelta(days=2), "place": "世纪大道",
            "behaviour": f"违停{self.number()}", "noticed_on": TODAY(), "fine_yuan": Decimal(200), **values,
        })  # fmt: skip

    def cost(self, vehicle: Any = None, **values: Any) -> Any:
        return costs.book(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "kind": "toll", "spent_on": TODAY() - timedelta(days=self.number() % 300),
            "amount_yuan": Decimal(self.number()) / 100, "item": f"通行{self.number()}", **values,
        })  # fmt: skip

    def energy(self, vehicle: Any = None, **values: Any) -> Any:
        return costs.record_energy(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "at": timezone.now() - timedelta(hours=self.number() % 5000),
            "kind": "fuel", "quantity": Decimal("40.5"), "amount_yuan": Decimal("305.20"), "station": "某加油站", **values,
        })  # fmt: skip

    def card(self, vehicle: Any = None, **values: Any) -> Any:
        return costs.issue_card(BOSS, **{
            "vehicle": vehicle or self.vehicle(), "number": f"1000{self.number()}{self.number()}", "kind": "fuel",
            "issuer": "某石油公司", "opened_on": date(2024, 1, 1), "expires_on": TODAY() + timedelta(days=20), **values,
        })  # fmt: skip

    def doubt(self) -> CostDoubt:
        first = self.energy()
        row = {"vehicle": first.vehicle, "at": first.at + timedelta(minutes=30), "kind": "fuel", "quantity": first.quantity,
               "amount_yuan": first.amount_yuan + 1}  # fmt: skip
        statements.import_costs(BOSS, [row], batch="对账单")
        return CostDoubt.objects.get(alike=first.entry)

    def profile(self, **values: Any) -> Any:
        return statements.add_profile(BOSS, **{
            "name": f"格式{self.number()}", "company": "某石油公司", "kind": "fuel", "columns": PROFILE, **values,
        })  # fmt: skip

    def plan(self, **values: Any) -> Any:
        return plans.draft_plan(BOSS, **{
            "unit": self.unit, "year": 2026, "kind": "emergency", "body": "sedan", "energy": "electric",
            "budget_yuan": Decimal(150_000), "need": "业务需要", **values,
        })  # fmt: skip

    def disposal(self, **values: Any) -> Any:
        vehicle = values.pop("vehicle", None) or self.in_service()
        return plans.apply_disposal(BOSS, vehicle, **{"method": "scrap", "why": "车况较差", **values})

    def due(self) -> Any:
        return self.policy().vehicle.dues.get(kind="compulsory")

    def whole(self) -> Any:
        """A vehicle with something in every part of its file."""
        vehicle = self.in_service()
        for make in (self.policy, self.inspection, self.upkeep, self.accident, self.violation, self.cost, self.energy,
                     self.card):  # fmt: skip
            make(vehicle)
        register.mark(BOSS, vehicle, marked_on=TODAY())
        vehicle.refresh_from_db()
        return vehicle
