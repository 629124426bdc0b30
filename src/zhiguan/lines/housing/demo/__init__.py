"""Demo data of housing security: invented records, allowances and cases. 演示数据."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal

from ..codes import AllowanceKind, HousingKind
from ..domain import allowances, records
from ..models import HousingRecord

ORGANS = 14
PEOPLE = 12


def seed(size: str) -> dict[str, int]:
    """Make the records, allowances and cases when there are none; return counts."""
    from . import cases

    return _records() | cases.build()


def _records() -> dict[str, int]:
    """Make records for some organs' people, and the allowances they may have."""
    if HousingRecord.objects.exists():
        return {}
    boss, random, today = system("demo"), Random(20_700), timezone.localdate()
    organs = Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos")[:ORGANS]
    made = decided = 0
    for organ in organs:
        people = Person.objects.within(organ).filter(active=True).select_related("unit", "rank")
        for person in people.order_by("sort", "id")[:PEOPLE]:
            record = _record(boss, person, random, today)
            made += 1
            if random.random() < 0.7:  # the others are left for an application
                decided += _allowance(boss, record, random, today)
    return {"住房档案": made, "住房补贴": decided}


def _record(boss: Actor, person: Person, random: Random, today: date) -> HousingRecord:
    begun = date(random.randint(1988, 2019), 7, 1)
    kind = random.choice((HousingKind.NONE, HousingKind.NONE, HousingKind.REFORM, HousingKind.MARKET, HousingKind.PUBLIC_RENTAL))
    area = Decimal(0) if kind == HousingKind.NONE else Decimal(random.randint(38, 110))
    return records.register(
        boss, person=person, employed_on=begun, fund_years=max(0, 1991 - begun.year), housing=kind, area_m2=area,
        address="" if kind == HousingKind.NONE else f"演示路 {random.randint(1, 900)} 弄", spouse_benefited=random.random() < 0.15,
        wage_1998_yuan=Decimal(random.randint(420, 980)) if begun.year < 1999 else None, declared_on=today - timedelta(days=90),
        note="演示数据",
    )  # fmt: skip


def _allowance(boss: Actor, record: HousingRecord, random: Random, today: date) -> int:
    """Decide the first kind that the person may have; start paying most of those paid by month."""
    for kind in (AllowanceKind.MONTHLY, AllowanceKind.SHORTFALL, AllowanceKind.RENT):
        try:
            row = allowances.approve(
                boss, record=record, kind=kind, valid_from=date(today.year, 1, 1), document_no=f"演示房补〔{today.year}〕1号",
                reason="演示数据",
            )  # fmt: skip
        except Refusal:
            continue
        if row.by_month and random.random() < 0.8:
            allowances.start(boss, row)
        elif not row.by_month and random.random() < 0.5:
            allowances.pay(boss, row, paid_on=date(today.year, 3, 1))
        return 1
    return 0
