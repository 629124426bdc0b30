"""Bulk import of rooms (Excel or CSV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django.db import transaction

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from . import queries
from .codes import RoomKind
from .domain import register
from .models import Building


def _buildings(rows: Sequence[ImportRow], actor: Actor) -> dict[str, Building]:
    wanted = {row["building"] for row in rows}
    found = queries.managed_buildings(actor)
    by_name = {each.name: each for each in found.filter(name__in=wanted).order_by("code")}
    return by_name | {each.code: each for each in found.filter(code__in=wanted)}


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    """Yield what is wrong against the register: unknown or foreign buildings, storeys and numbers."""
    buildings = _buildings(rows, actor)
    pairs = [(buildings[row["building"]].pk, row["number"]) for row in rows if row["building"] in buildings]
    taken, seen = register.taken_rooms(pairs), set()
    for row in rows:
        building = buildings.get(row["building"])
        if building is None:
            yield row.problem("building", "没有这个楼宇，或不在您的管理范围内，请填写楼宇编号或名称")
            continue
        if building.state != "in_use":
            yield row.problem("building", "该楼宇未在用")
        storey = row["storey"]
        if storey == 0 or storey > building.storeys or -storey > building.basements:
            yield row.problem("storey", f"应在地上 {building.storeys} 层、地下 {building.basements} 层之内（地下填负数）")
        pair = (building.pk, row["number"])
        if pair in taken:
            yield row.problem("number", "该楼宇已有此房间号")
        if pair in seen:
            yield row.problem("number", "文件中同一楼宇的房间号重复")
        seen.add(pair)


@transaction.atomic
def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Register every room; one refusal undoes all."""
    buildings = _buildings(rows, actor)
    for done, row in enumerate(rows, 1):
        values = {**row.values, "building": buildings[row["building"]]}
        register.add_room(actor, **values, reason="批量导入")
        if done % 100 == 0:
            progress(done)
    return len(rows)


ROOM_IMPORT = Importer(
    columns=(
        ImportColumn("building", "楼宇", required=True, help="楼宇编号或名称", example="B-0001"),
        ImportColumn("storey", "楼层", required=True, kind="integer", minimum=-20, maximum=200, help="地下填负数", example=3),
        ImportColumn("number", "房间号", required=True, max_length=20, example="301"),
        ImportColumn("kind", "房间类别", required=True, kind="choice", choices=RoomKind.choices, example="办公室"),
        ImportColumn("purpose", "用途", default="", max_length=40, example="处室办公"),
        ImportColumn("usable_area", "使用面积（平方米）", required=True, kind="decimal", minimum=0.01, maximum=9999999,
                     example=18.5),
        ImportColumn("note", "备注", default="", max_length=200, example=""),
    ),
    check=check,
    apply=apply,
    sheet="房间",
    notes=("导入的房间为“闲置”状态，调配后由使用单位使用。",),
)  # fmt: skip
