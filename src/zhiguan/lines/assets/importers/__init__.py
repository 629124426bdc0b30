"""Bulk import of asset cards (Excel or CSV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from ..codes import DepreciationKind, Origin
from ..domain import cards
from ..domain.card_rules import CardRules
from ..lifecycle import MANAGE

ORGANS = ("organ", "district", "city")
STATES = {"in_use": "在用", "idle": "闲置"}


class World:
    """The organs, divisions and people that the rows of one file name, read in a few queries."""

    def __init__(self, rows: Sequence[ImportRow]) -> None:
        units = Unit.objects.open()
        names = {row["unit"] for row in rows}
        organs = units.of_kind(*ORGANS)
        self.organs = {unit.code: unit for unit in organs.filter(code__in=names)}
        self.organs |= {unit.name: unit for unit in organs.filter(name__in=names)}
        wanted = {row.get("user_unit") for row in rows} - {None, ""}
        self.divisions = list(units.filter(name__in=wanted)) + list(units.filter(code__in=wanted))
        people = {row.get("custodian") for row in rows} - {None, ""}
        active = Person.objects.filter(active=True)
        self.people = list(active.filter(name__in=people)) + list(active.filter(code__in=people))

    def division(self, organ: Unit, text: str) -> list[Unit]:
        """Return the organ's divisions of that name or code."""
        inside = [unit for unit in self.divisions if organ.pos <= unit.pos <= organ.pos_end]
        return [unit for unit in inside if unit.code == text] or [unit for unit in inside if unit.name == text]

    def person(self, organ: Unit, text: str) -> list[Person]:
        """Return the organ's people of that name or number."""
        inside = [each for each in self.people if organ.pos <= each.scope_pos <= organ.pos_end]
        return [each for each in inside if each.code == text] or [each for each in inside if each.name == text]


def _values(row: ImportRow, organ: Unit, world: World) -> dict[str, Any]:
    values = dict(row.values) | {"unit": organ}
    values["user_unit"] = next(iter(world.division(organ, row.get("user_unit") or "")), None)
    values["custodian"] = next(iter(world.person(organ, row.get("custodian") or "")), None)
    values["code"] = row.get("code") or ""
    return values


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    """Yield what is wrong against the organisation, the ledger and the rules of classes and years."""
    world, rules, scope = World(rows), CardRules(), actor.scope(MANAGE)
    taken = cards.taken([row["code"] for row in rows if row.get("code")])
    for row in rows:
        organ = world.organs.get(row["unit"])
        if organ is None:
            yield row.problem("unit", "没有这个单位，请填写单位全称或机构代码")
        elif not scope.covers(organ.pos):
            yield row.problem("unit", "该单位不在您的数据权限范围内")
        else:
            yield from _keeping(row, organ, world)
        if row.get("code") in taken:
            yield row.problem("code", "该资产编号已在台账中")
        try:
            rules.completed({name: value for name, value in row.values.items() if name != "code"})
        except Invalid as refusal:
            for name, text in refusal.fields.items() or [("class_code", refusal.message)]:
                yield row.problem(name, text.rstrip("。"))


def _keeping(row: ImportRow, organ: Unit, world: World) -> Iterable[Problem]:
    for name, find, none, many in (
        ("user_unit", world.division, "该单位没有这个处室", "该单位有多个同名处室，请填写机构代码"),
        ("custodian", world.person, "该单位没有这名在职人员", "该单位有多人同名，请填写人员编号"),
    ):
        text = row.get(name)
        if text and len(found := find(organ, text)) != 1:
            yield row.problem(name, many if found else none)


@transaction.atomic
def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Register every row; one refusal undoes all."""
    world, rules = World(rows), CardRules()
    for done, row in enumerate(rows, 1):
        organ = world.organs[row["unit"]]
        cards.register(actor, rules=rules, reason="批量导入", **_values(row, organ, world))
        if done % 100 == 0:
            progress(done)
    return len(rows)


def _class_code(cell: Any, actor: Actor) -> str:
    return str(cell).strip().upper().removesuffix(".0")


def _past(value: Any, row: Any) -> str:
    return "不能晚于今天" if isinstance(value, date) and value > timezone.localdate() else ""


ASSET_IMPORT = Importer(
    columns=(
        ImportColumn("code", "资产编号", unique=True, default=None, max_length=32, help="留空由系统编号", example=""),
        ImportColumn("class_code", "分类代码", required=True, parser=_class_code, max_length=12,
                     help="GB/T 14885-2022，至少填到大类", example="A02", aliases=("国标分类代码",)),
        ImportColumn("name", "资产名称", required=True, max_length=80, example="台式计算机"),
        ImportColumn("specification", "规格型号", default="", max_length=80, example="演示型号 T100"),
        ImportColumn("serial_no", "出厂编号", default="", max_length=60, example=""),
        ImportColumn("unit", "所属单位", required=True, help="单位全称或机构代码", example="市发展和改革委员会"),
        ImportColumn("user_unit", "使用处室", default="", help="处室名称或机构代码", example=""),
        ImportColumn("custodian", "保管人", default="", help="姓名或人员编号", example=""),
        ImportColumn("place", "存放地点", default="", max_length=100, example="主楼 301 室"),
        ImportColumn("origin", "取得方式", kind="choice", choices=Origin.choices, default="purchase", example="购置"),
        ImportColumn("acquired_on", "取得日期", required=True, kind="date", validate=_past, example="2023-05-18"),
        ImportColumn("original_value", "原值（元）", required=True, kind="money", minimum=0,
                     maximum=Decimal("99999999999999.99"), example=4980),
        ImportColumn("nominal", "名义金额", kind="bool", default=False, help="以名义金额计量的填“是”", example="否"),
        ImportColumn("depreciation_kind", "折旧类别", required=True, kind="choice", choices=DepreciationKind.choices,
                     example="计算机设备"),
        ImportColumn("useful_years", "折旧年限（年）", kind="integer", minimum=1, maximum=100, default=None,
                     help="留空按最低年限", example=6),
        ImportColumn("state", "使用状态", kind="choice", choices=STATES, default="in_use", example="在用"),
        ImportColumn("supplier", "供应商", default="", max_length=80, example=""),
        ImportColumn("voucher_no", "会计凭证号", default="", max_length=40, example=""),
        ImportColumn("note", "备注", default="", max_length=200, example=""),
    ),
    check=check,
    apply=apply,
    sheet="资产",
    notes=("分类代码按 GB/T 14885-2022 填写；2010 版的 7 位代码不能导入。", "资产编号不得与台账重复，留空由系统编号。",
           "折旧年限不得少于规定的最低年限；不计提折旧的资产，折旧类别填“不计提折旧”。"),
)  # fmt: skip
