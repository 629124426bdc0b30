"""Bulk import of sensitive places (Excel or CSV): a point with a radius, or the corners of an area."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import transaction

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from ..codes import Datum, PlaceKind
from ..domain import places
from ..models import SensitivePlace

PAIR = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)\s*")


def _corners(cell: Any, actor: Actor) -> list[list[float]]:
    """Return the ring of “经度,纬度；经度,纬度；…”; it is closed where the last corner is not the first."""
    ring = []
    for number, text in enumerate(filter(str.strip, re.split(r"[;；\n]", str(cell))), 1):
        found = PAIR.fullmatch(text)
        if found is None:
            raise ValueError(f"第 {number} 个点应写作“经度,纬度”，各点之间用分号分开")
        ring.append([float(found[1]), float(found[2])])
    if ring and ring[0] != ring[-1]:
        ring.append(ring[0])
    return ring


def _values(row: ImportRow) -> dict[str, Any]:
    """Return what the verb takes of the row, without the unit."""
    if row.get("corners"):
        fence: dict[str, Any] = {"type": "Polygon", "coordinates": [row["corners"]]}
    else:
        fence = {"type": "Circle", "center": [float(row["lon"]), float(row["lat"])], "radius_m": row["radius_m"]}
    return {"kind": row["kind"], "name": row["name"], "address": row["address"], "fence": fence, "datum": row["datum"]}


def _units(rows: Sequence[ImportRow]) -> dict[str, Unit]:
    names = {row["unit"] for row in rows}
    units = Unit.objects.open().of_kind(*places.KEEPERS)
    found = {unit.code: unit for unit in units.filter(code__in=names)}
    return found | {unit.name: unit for unit in units.filter(name__in=names)}


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    """Yield what is wrong: unknown or foreign units, areas without a clear inside, places on the books or twice here."""
    units, scope = _units(rows), actor.scope(places.MANAGE)
    seen: dict[tuple[Any, ...], int] = {}
    with system("vehicles.places").acting():
        names = {row["name"] for row in rows}
        known = set(SensitivePlace.objects.filter(name__in=names).values_list("kind", "name", "lat", "lon"))
    for row in rows:
        unit = units.get(row["unit"])
        if unit is None:
            yield row.problem("unit", "没有这个市级或区级单位，请填写单位全称或机构代码")
        elif not scope.covers(unit.pos):
            yield row.problem("unit", "该单位不在您的数据权限范围内")
        if not row.get("corners") and (row.get("lat") is None or row.get("lon") is None):
            yield row.problem("lat", "经度、纬度和边界点至少填写一项")
            continue
        try:
            values = _values(row)
            where = places.placed(places.fence_of(values["fence"], values["datum"]))
        except Refusal as refusal:
            yield row.problem("corners" if row.get("corners") else "lat", refusal.message)
            continue
        key = (row["kind"], row["name"], where["lat"], where["lon"])
        if key in known:
            yield row.problem("name", "同一位置已登记同名的该类场所")
        elif key in seen:
            yield row.problem("name", f"与第 {seen[key]} 行重复")
        seen.setdefault(key, row.number)


@transaction.atomic
def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Enter every row; one refusal undoes all."""
    units = _units(rows)
    for done, row in enumerate(rows, 1):
        places.add_sensitive(actor, unit=units[row["unit"]], **_values(row), reason="批量导入")
        if done % 100 == 0:
            progress(done)
    return len(rows)


PLACE_IMPORT = Importer(
    columns=(
        ImportColumn("kind", "场所类别", required=True, kind="choice", choices=PlaceKind.choices, example="学校、幼儿园"),
        ImportColumn("name", "名称", required=True, max_length=80, example="某中心小学"),
        ImportColumn("unit", "登记单位", required=True, help="市级或区级单位的全称或机构代码", example="市机关事务管理局"),
        ImportColumn("address", "地址", default="", max_length=200, example=""),
        ImportColumn("lon", "经度", kind="decimal", minimum=-180, maximum=180, default=None, example=121.4737),
        ImportColumn("lat", "纬度", kind="decimal", minimum=-90, maximum=90, default=None, example=31.2304),
        ImportColumn("radius_m", "半径（米）", kind="integer", minimum=1, maximum=200_000, default=100, example=100),
        ImportColumn("corners", "边界点", parser=_corners, max_length=20_000, default=None, example="",
                     help="填写后按多边形处理，写作“经度,纬度；经度,纬度；…”"),
        ImportColumn("datum", "坐标系", kind="choice", choices=Datum.choices, default="wgs84",
                     example=str(Datum.WGS84.label)),
    ),
    check=check,
    apply=apply,
    sheet="敏感场所",
    notes=("填写经纬度和半径，或填写边界点；带内孔的范围请在页面上绘制。", "边界自相交、跨越 180° 经线或超出范围的不能导入。"),
)  # fmt: skip
