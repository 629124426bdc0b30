"""Demo cases of housing allowances (G8), at every stage of their course, handled by the demo accounts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow import demo
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import system

from ..codes import HousingKind
from ..domain import records
from ..items import ALLOWANCE
from ..models import HousingRecord

PUBLICITY = "已在本单位公示五个工作日，无异议。（演示数据）"


def build() -> dict[str, int]:
    """Make the cases when there are accounts and none yet; return counts."""
    cast = demo.cast(ALLOWANCE)
    if cast is None:
        return {}
    for who in demo.APPLICANTS:
        _newcomers(cast, who)
    applies(cast, "clerk", 9, 1).submits().grants()
    applies(cast, "fleet", 0, 9)
    applies(cast, "clerk", 2, 1).submits()
    applies(cast, "fleet", 8, 1).submits().reaches("review").asks(5, declaration="个人住房情况申报与承诺缺少本人签名。")
    applies(cast, "fleet", 26, 2).submits().reaches("expert", "decide")
    applies(cast, "clerk", 14, 1, reason_kind="yearly").submits().reaches("decide", pace=2).refuses(
        4, "年度核定应当在年初统一申报，请纳入下一年度办理。")  # fmt: skip
    return cast.end()


def _newcomers(cast: demo.Cast, who: str, count: int = 6) -> None:
    """People of the organ without a home, of whom no record was made yet: they may have an allowance."""
    known = HousingRecord.objects.values("person")
    people = Person.objects.within(cast.unit(who)).filter(active=True).exclude(pk__in=known).exclude(pk__in=cast.people())
    for number, person in enumerate(people.exclude(rank__grade="worker").order_by("sort", "id")[:count]):
        records.register(
            system("demo"), person=person, employed_on=date(2009 + number, 7, 1), fund_years=0, housing=HousingKind.NONE,
            area_m2=Decimal(0), spouse_benefited=False, declared_on=timezone.localdate() - timedelta(days=60), note="演示数据",
        )  # fmt: skip


def applies(cast: demo.Cast, who: str, days: int, most: int, **more: Any) -> demo.Story:
    """An application for so many of those whom the ledger proposes, none of whom handles the case."""
    story = cast.applies(who, ALLOWANCE, days, publicity=PUBLICITY, **more)
    rows = [row for row in story.values["rows"] if row["person"] not in cast.people()]
    return story.fills(rows=rows[:most])
