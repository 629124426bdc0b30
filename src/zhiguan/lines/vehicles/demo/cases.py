"""Demo cases: applications of one organ for its vehicles, at every stage of their course, handled by the demo accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow import definitions, service
from zhiguan.kernel.identity.actors import actor_of
from zhiguan.kernel.identity.service import Account
from zhiguan.kit.actor import system

from ..items import QUOTA
from ..models import VehicleQuota

BLANK = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
"""An empty page, in place of the letters an organ would scan."""


def build() -> dict[str, int]:
    """Make the cases when there are accounts and no case yet; return counts."""
    definitions.sync(system("demo"))
    accounts = {account.username: account for account in Account.objects.select_related("person", "unit")}
    if service.Case.objects.exists() or not {"fleet", "approver", "manager", "reviewer", "leader"} <= set(accounts):
        return {}
    cases = Cases(accounts)
    cases.draft("编制内车辆结构调整")
    cases.submitted("新增应急值守任务")
    reviewing = cases.endorsed("重大项目服务保障任务增加")
    cases.decides("acceptor", reviewing)
    correcting = cases.endorsed("内设机构调整")
    cases.asks("acceptor", correcting, "请补充内设机构调整的批准文件，并写明调整前后的车辆分工。")
    done = cases.endorsed("压减编制")
    for name in ("acceptor", "reviewer", "manager", "leader"):
        cases.decides(name, done, quietly=True)
    refused = cases.endorsed("扩大用车范围")
    cases.decides("acceptor", refused, "refuse", "现有车辆使用率不足四成，不符合增加编制的条件。")
    return {"办件": service.Case.objects.count()}


class Cases:
    """The people at their desks."""

    def __init__(self, accounts: dict[str, Any]) -> None:
        self.accounts = accounts
        self.unit = service_unit(accounts["fleet"])

    def acts(self, who: str, verb: Callable[..., Any], *rows: Any, **values: Any) -> Any:
        actor = actor_of(self.accounts[who])
        with actor.acting():
            return verb(actor, *rows, **values)

    def draft(self, reason: str) -> Any:
        quotas = VehicleQuota.objects.filter(unit=self.unit, state="active", valid_to__isnull=True).order_by("kind")
        case = self.acts("fleet", service.create, QUOTA, values={
            "reason_kind": "adjust", "reason": f"{reason}，申请调整公务用车编制。（演示数据）",
            "effective_on": (timezone.localdate() + timedelta(days=45)).isoformat(),
        })  # fmt: skip
        rows = [dict(row) for row in case.values.get("rows") or ()]
        if rows and quotas:
            rows[0]["wanted"] = max((rows[0].get("current") or 0) + 1, rows[0].get("held") or 0)
        return self.acts("fleet", service.save, case, values={"rows": rows})

    def submitted(self, reason: str) -> Any:
        case = self.draft(reason)
        for number, code in enumerate(("application", "usage")):
            self.acts("fleet", service.add_file, case, material=code, content=BLANK + f"%{case.pk}{number}".encode(),
                      name="申请材料（演示）.pdf")  # fmt: skip
        return self.acts("fleet", service.submit, case)

    def endorsed(self, reason: str) -> Any:
        return self.decides("approver", self.submitted(reason))

    def seat(self, who: str, case: Any) -> Any:
        person = self.accounts[who].person_id
        rows = service.Seat.objects.filter(case=case, person=person, step__state="open", state__in=("working", "offered"))
        return rows.first()

    def decides(self, who: str, case: Any, outcome: str = "agree", opinion: str = "经审查，同意。", *, quietly: bool = False) -> Any:
        seat = self.seat(who, case)
        if seat is None and quietly:
            return case
        return self.acts(who, service.decide, case, seat=seat, outcome=outcome, opinion=opinion)

    def asks(self, who: str, case: Any, text: str) -> Any:
        return self.acts(who, service.correct, case, seat=self.seat(who, case), items=[{"path": "reason", "text": text}])


def service_unit(account: Any) -> Any:
    from zhiguan.kernel.orgs import service as orgs

    return orgs.organ_of(account.person.unit) or account.person.unit
