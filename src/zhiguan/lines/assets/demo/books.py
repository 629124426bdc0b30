"""The demo cards: some twenty for each organ, of invented makes, through the ordinary verbs. 演示数据."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor, system

from ..domain import cards, disposals, titles
from ..domain.card_rules import CardRules
from ..models import Asset

NOTE = "演示数据"


@dataclass(frozen=True)
class Kind:
    """A kind of thing organs have: prices in yuan, how many of them an organ has at least and at most."""

    class_code: str
    name: str
    models: tuple[str, ...]
    depreciation: str
    price: tuple[int, int]
    many: tuple[int, int]
    ages: tuple[int, int] = (60, 3400)
    """Days since it was acquired."""


KINDS = (
    Kind("A02010105", "台式计算机", ("演示型号 T100", "演示型号 T200"), "computer", (3800, 5000), (4, 9)),
    Kind("A02010108", "便携式计算机", ("演示型号 N30", "演示型号 N50"), "computer", (5200, 7000), (1, 4)),
    Kind("A02", "A4 黑白打印机", ("演示型号 P10",), "office", (900, 1200), (1, 4)),
    Kind("A02", "复印机", ("演示型号 C40",), "office", (18_000, 35_000), (0, 2)),
    Kind("A02", "碎纸机", ("演示型号 S5",), "office", (500, 1000), (0, 2)),
    Kind("A02", "投影仪", ("演示型号 V8",), "office", (5000, 10_000), (0, 2)),
    Kind("A02", "服务器", ("演示型号 R740",), "computer", (38_000, 96_000), (0, 2)),
    Kind("A02", "空气调节机", ("演示型号 K35",), "electrical", (3200, 9800), (1, 4)),
    Kind("A05", "办公桌", ("1600×800", "1400×700"), "furniture", (1200, 3000), (2, 6), (60, 6400)),
    Kind("A05", "办公椅", ("演示型号 Y2",), "furniture", (300, 800), (2, 6), (60, 6400)),
    Kind("A05", "文件柜", ("五节柜", "两门柜"), "furniture", (500, 1000), (1, 4), (60, 7600)),
    Kind("A05", "会议桌", ("3600×1400",), "furniture", (4800, 12_000), (0, 1), (60, 6400)),
    Kind("A04", "业务档案资料", ("",), "none", (2000, 30_000), (0, 1)),
    Kind("A08", "办公软件使用许可", ("演示软件 5.0",), "intangible", (8000, 60_000), (0, 1), (60, 2400)),
)
SHARE = {"small": 0.2, "demo": 0.6}
"""Of the things that an organ of the demo could have, how many are entered."""
UNTITLED = ("财政局", "发展和改革")
"""Organs whose title is not registered yet: they apply for it (``cases``)."""


def build(size: str) -> dict[str, int]:
    """Make the cards when there are none; return counts."""
    if Asset.objects.exists():
        return {}
    boss, rng, today, rules = system("demo"), np.random.default_rng(20_261), timezone.localdate(), CardRules()
    municipal = list(Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos"))
    districts = list(Unit.objects.of_kind("organ").filter(level="district").order_by("district_code", "pos"))
    made = made_titles = made_disposals = 0
    for number, organ in enumerate(municipal + districts):
        held = _of_organ(boss, organ, rng, today, rules, SHARE.get(size, 1.0))
        made += len(held)
        if number % 3 == 0 and not any(word in organ.name for word in UNTITLED):
            _title(boss, organ, number, today)
            made_titles += 1
        if number % 5 == 1:
            made_disposals += _disposal(boss, organ, number, held, today)
        elif number % 2 == 0:
            _line_up(boss, held, today)
    return {"资产卡片": made, "产权登记": made_titles, "资产处置": made_disposals}


def _of_organ(
    boss: Actor, organ: Unit, rng: np.random.Generator, today: date, rules: CardRules, share: float
) -> list[Asset]:
    divisions = list(Unit.objects.open().filter(parent=organ, kind="division").order_by("sort", "pos")[:8])
    people = list(Person.objects.within(organ).filter(active=True).order_by("sort", "id")[:40])
    made = []
    for kind in KINDS:
        for _ in range(int(rng.integers(kind.many[0], kind.many[1], endpoint=True))):
            if rng.random() < share:
                made.append(cards.register(boss, rules=rules, **_card(kind, organ, divisions, people, rng, today)))
    if rng.random() < 0.5:
        made.append(cards.register(boss, rules=rules, **_house(organ, rng, today)))
    for asset in made:
        if rng.random() < 0.06:
            cards.lay_idle(boss, asset, reason="人员调整，暂无使用需求（演示数据）")
    return made


def _card(
    kind: Kind, organ: Unit, divisions: Sequence[Unit], people: Sequence[Person], rng: np.random.Generator, today: date
) -> dict[str, Any]:
    person = people[int(rng.integers(len(people)))] if people else None
    division = divisions[int(rng.integers(len(divisions)))] if divisions else None
    return {
        "unit": organ, "class_code": kind.class_code, "name": kind.name, "depreciation_kind": kind.depreciation,
        "specification": kind.models[int(rng.integers(len(kind.models)))],
        "acquired_on": today - timedelta(days=int(rng.integers(*kind.ages))),
        "original_value": Decimal(int(rng.integers(*kind.price))),
        "useful_years": 10 if kind.depreciation == "intangible" else None, "user_unit": division, "custodian": person,
        "place": f"{int(rng.integers(1, 12))}{int(rng.integers(1, 20)):02d} 室", "supplier": "演示供应商",
        "note": NOTE,
    }  # fmt: skip


def _house(organ: Unit, rng: np.random.Generator, today: date) -> dict[str, Any]:
    return {
        "unit": organ, "class_code": "A01", "name": f"{organ.label}办公楼", "depreciation_kind": "reinforced_concrete",
        "specification": f"地上 {int(rng.integers(4, 18))} 层", "origin": "construction", "place": organ.address,
        "acquired_on": today - timedelta(days=int(rng.integers(2000, 11_000))),
        "original_value": Decimal(int(rng.integers(800, 9000)) * 10_000), "note": NOTE,
    }  # fmt: skip


def _title(boss: Actor, organ: Unit, number: int, today: date) -> None:
    day = date(today.year - 1, 12, 31)
    houses = list(Asset.objects.within(organ).filter(top_class="A01"))
    titles.establish_title(
        boss, unit=organ, certificate_no=f"演示产登〔{today.year}〕{number + 1:04d} 号", as_of=day,
        registered_on=date(today.year, 1, 20), assets=houses, document_no=f"演示文〔{today.year}〕{number + 1} 号", note=NOTE,
    )  # fmt: skip


def _oldest(held: Sequence[Asset], today: date) -> list[Asset]:
    """Return the computers past their years, the oldest first."""
    old = sorted((asset for asset in held if asset.depreciation_kind == "computer"), key=lambda each: each.acquired_on)
    return [asset for asset in old if today - asset.acquired_on > timedelta(days=6 * 366)]


def _line_up(boss: Actor, held: Sequence[Asset], today: date) -> None:
    """Line the oldest up for disposal: an application finds them."""
    for asset in _oldest(held, today)[:3]:
        cards.await_disposal(boss, Asset.objects.get(pk=asset.pk), reason="超过使用年限，拟报废（演示数据）")


def _disposal(boss: Actor, organ: Unit, number: int, held: Sequence[Asset], today: date) -> int:
    """Scrap the oldest computers; of one organ in three the disposal is executed, of another the proceeds are due."""
    chosen = _oldest(held, today)[:4]
    if not chosen:
        return 0
    decided = today - timedelta(days=30 + number % 40)
    disposal = disposals.enter_disposal(
        boss, unit=organ, kind="scrap", assets=chosen, why="已超过使用年限，不能满足工作需要（演示数据）", decided_on=decided,
        document_no=f"演示处批〔{decided.year}〕{number + 1} 号", decided_by="演示",
    )  # fmt: skip
    if number % 3:
        done = decided + timedelta(days=20)
        proceeds = Decimal(60 * len(chosen)) if number % 3 == 2 else None
        disposals.execute_disposal(
            boss, disposal, executed_on=min(done, today), proceeds_yuan=proceeds, receiver="演示回收单位",
            certificate_no=f"演示回收〔{decided.year}〕{number + 1}",
        )  # fmt: skip
    return 1
