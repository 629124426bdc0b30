"""Bulk import of the vehicle register (Excel or CSV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from ..codes import Body, Energy, VehicleKind
from ..domain import register
from ..models import ParkingPlace


def _plate(cell: Any, actor: Actor) -> str:
    try:
        return register.clean_plate(str(cell))
    except Invalid as refusal:
        raise ValueError(refusal.message) from refusal


def _vin(cell: Any, actor: Actor) -> str | None:
    try:
        return register.clean_vin(str(cell))
    except Invalid as refusal:
        raise ValueError(refusal.message) from refusal


def _one_decimal(value: Any, row: Mapping[str, Any]) -> str:
    return "最多一位小数" if isinstance(value, Decimal) and value != round(value, 1) else ""


def _units(rows: Sequence[ImportRow]) -> dict[str, Unit]:
    names = {row["unit"] for row in rows}
    units = Unit.objects.open().of_kind("organ", "district", "city")
    found = {unit.code: unit for unit in units.filter(code__in=names)}
    return found | {unit.name: unit for unit in units.filter(name__in=names)}


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    """Yield what is wrong against the register: unknown or foreign units, plates and places."""
    units = _units(rows)
    scope = actor.scope("vehicles.vehicle.manage")
    plates, vins = register.taken([row["plate"] for row in rows], [row["vin"] for row in rows if row.get("vin")])
    today = timezone.localdate()
    wanted = {row.get("place") for row in rows} - {None, ""}
    places = set(ParkingPlace.objects.filter(name__in=wanted, state="active").values_list("unit_id", "name"))
    for row in rows:
        unit = units.get(row["unit"])
        if unit is None:
            yield row.problem("unit", "没有这个单位，请填写单位全称或机构代码")
        elif not scope.covers(unit.pos):
            yield row.problem("unit", "该单位不在您的数据权限范围内")
        elif row.get("place") and (unit.pk, row["place"]) not in places:
            yield row.problem("place", "该单位没有这个停放地点，请先登记")
        if row["plate"] in plates:
            yield row.problem("plate", "该车牌号已在台账中")
        if row.get("vin") in vins:
            yield row.problem("vin", "该车辆识别代号已在台账中")
        if row["bought_on"] > today:
            yield row.problem("bought_on", "购置日期不能晚于今天")
        if row.get("registered_on") and row["registered_on"] < row["bought_on"]:
            yield row.problem("registered_on", "注册登记日期不能早于购置日期")


@transaction.atomic
def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Register every row; one refusal undoes all."""
    units = _units(rows)
    keys = {unit.pk for unit in units.values()}
    places = {
        (place.unit_id, place.name): place for place in ParkingPlace.objects.filter(unit_id__in=keys, state="active")
    }
    for done, row in enumerate(rows, 1):
        unit = units[row["unit"]]
        place = places.get((unit.pk, row.get("place")))
        register.register(actor, **{**row.values, "unit": unit, "place": place}, reason="批量导入")
        if done % 100 == 0:
            progress(done)
    return len(rows)


VEHICLE_IMPORT = Importer(
    columns=(
        ImportColumn("plate", "车牌号", required=True, unique=True, parser=_plate, max_length=12, example="沪A12345"),
        ImportColumn("unit", "所属单位", required=True, help="单位全称或机构代码", example="市发展和改革委员会"),
        ImportColumn("kind", "车辆种类", required=True, kind="choice", choices=VehicleKind.choices, example="应急保障用车"),
        ImportColumn("body", "车型", kind="choice", choices=Body.choices, default="sedan", example="轿车"),
        ImportColumn("brand_model", "品牌型号", required=True, max_length=80, example="荣威 ei6"),
        ImportColumn(
            "vin", "车辆识别代号", unique=True, default=None, parser=_vin, example="LSJA24U62PB000001",
        ),
        ImportColumn("energy", "能源类型", required=True, kind="choice", choices=Energy.choices, example="插电混合动力"),
        ImportColumn("displacement_l", "排气量（升）", kind="decimal", minimum=0, maximum=9, default=None, validate=_one_decimal,
                     example=1.5),
        ImportColumn("price_yuan", "购置价格（元）", required=True, kind="money", minimum=0,
                     maximum=Decimal("9999999999.99"), example=158000),
        ImportColumn("seats", "核定载客", kind="integer", minimum=1, maximum=60, default=5, example=5),
        ImportColumn("bought_on", "购置日期", required=True, kind="date", example="2023-05-18"),
        ImportColumn("registered_on", "注册登记日期", kind="date", default=None, example="2023-05-26"),
        ImportColumn("place", "停放地点", default="", help="须为该单位已登记的停放地点", example=""),
        ImportColumn("note", "备注", default="", max_length=200, example=""),
    ),
    check=check,
    apply=apply,
    sheet="车辆",
    notes=("导入的车辆为“待启用”状态，指定停放地点后启用。", "车牌号、车辆识别代号不得与台账重复。"),
)  # fmt: skip
