"""The tables of the year's report, drawn up from metrics and the register, and how two editions differ. SPEC L4.5.

A table is {code, title, note, columns: [{name, kind}], rows: [{key, label, cells}]}; cells are JSON numbers or None.
A row of kind ``percent`` changes by points, every other by its part of the year before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..codes import Body, CostKind, Energy, VehicleKind
from ..models import AnnualReport, CostEntry, Vehicle
from . import establishment
from .parts import live

NEW_ENERGY = (Energy.ELECTRIC, Energy.HYBRID)
INDICATORS = (
    "vehicles.use_rate", "vehicles.mileage", "vehicles.orders", "vehicles.person_trips", "vehicles.km_cost",
    "vehicles.trip_cost", "vehicles.empty_share", "vehicles.punctual_share", "vehicles.unordered_share",
    "vehicles.emissions", "vehicles.accidents", "vehicles.violations",
)  # fmt: skip
NEEDED = (
    "vehicles.vehicle.view",
    "vehicles.quota.view",
    "vehicles.trip.view",
    "vehicles.order.view",
    "vehicles.cost.view",
)
"""Permissions that must reach the whole unit, or the report would be of less than it says."""
SOURCES = (
    "编制数、车辆数：车辆编制和公务用车台账，按年末（当年为汇总当日）在账的自有车辆统计；租赁车辆另列。",
    "里程、使用率、空驶率：卫星定位行程；没有定位终端的车辆没有里程。",
    "派车单、乘车人次、准点出车率：派车单，按计划用车时间计入年度。",
    "费用：车辆费用台账中未冲销的费用，按发生日期计入年度。",
    "排放：加油、充电数量乘以当年适用的排放因子；因子见“标准依据”中的“车队评价”。",
)  # fmt: skip


def dims_of(unit: Unit) -> dict[str, str]:
    """Return the dimension by which metrics are narrowed to the unit; of the whole city, none."""
    return {unit.kind: unit.code} if unit.kind in ("organ", "district") else {}


@live()
def draw_up(actor: Actor, unit: Unit, year: int) -> dict[str, Any]:
    """Return the report's content as of now: ``tables``, ``cars``, ``notes``, ``through`` the last day counted.

    The year before stands beside it: as it was reported where that report is signed, otherwise as it counts today.
    """
    through = min(date(year, 12, 31), timezone.localdate())
    before = signed(unit, year - 1)
    tables = [
        _fleet(actor, unit, through, date(year - 1, 12, 31)), _indicators(actor, unit, year, before),
        _mileage(actor, unit, year, before), _costs(actor, unit, year, through, before),
    ]  # fmt: skip
    note = (
        f"上年数取自{year - 1} 年度已锁定的报表（第 {before.edition} 版）。"
        if before
        else "上年报表未锁定，上年数按现有数据汇总。"
    )
    notes = [*SOURCES, note, f"依据：{reference.cite('vehicles.use.register')}。"]
    return {"tables": tables, "cars": _cars(actor, unit, year, through), "notes": notes, "through": through.isoformat()}


def signed(unit: Unit, year: int) -> AnnualReport | None:
    """Return the report of a unit and year that is in force."""
    return AnnualReport.objects.filter(unit=unit, year=year, state="signed").first()


def _within(rows: QuerySet, unit: Unit) -> QuerySet:
    return rows.filter(scope_pos__range=(unit.pos, unit.pos_end))


def _number(value: Any, digits: int = 2) -> float | int | None:
    return value if value is None or isinstance(value, int) else round(float(value), digits)


def _table(
    code: str, title: str, columns: list[tuple[str, str]], rows: list[tuple[str, str, list]], note: str = ""
) -> dict[str, Any]:
    return {"code": code, "title": title, "note": note, "columns": [{"name": name, "kind": kind} for name, kind in columns],
            "rows": [{"key": key, "label": label, "cells": cells} for key, label, cells in rows]}  # fmt: skip


def kind_of(row: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """Return how a cell is written: integer, number, money, percent, change, or points (of a percentage)."""
    own = row.get("kind")
    if own is None or column["kind"] not in ("number", "change"):
        return column["kind"]
    return own if column["kind"] == "number" else ("points" if own == "percent" else "change")


def _fleet(actor: Actor, unit: Unit, through: date, before: date) -> dict[str, Any]:
    """车辆数量: by kind the establishment and what is held, with the share of new energy and the year's coming and going."""
    quotas: dict[str, int] = defaultdict(int)
    for kind, number in _within(establishment.quotas_on(actor, through), unit).order_by().values_list("kind", "quota"):
        quotas[kind] += number
    held, green, rented, earlier = (
        _by_kind(_within(rows, unit)) for rows in (
            establishment.vehicles_on(actor, through).filter(tenure="own"),
            establishment.vehicles_on(actor, through).filter(tenure="own", energy__in=NEW_ENERGY),
            establishment.vehicles_on(actor, through).filter(tenure="rented"),
            establishment.vehicles_on(actor, before).filter(tenure="own"),
        )
    )  # fmt: skip
    own = _within(Vehicle.objects.visible_to(actor, "vehicles.quota.view").filter(tenure="own"), unit)
    bought = _by_kind(own.filter(bought_on__gt=before, bought_on__lte=through))
    gone = _by_kind(own.filter(disposed_on__gt=before, disposed_on__lte=through))
    rows = []
    for kind, label in [*VehicleKind.choices, ("", "合计")]:
        quota, now, new, came, went, then, hired = (
            found.get(kind, 0) if kind else sum(found.values())
            for found in (quotas, held, green, bought, gone, earlier, rented)
        )
        share = round(new / now, 4) if now else None
        rows.append((kind or "total", label, [quota, now, new, share, came, went, then, now - then, hired]))
    columns = [("编制数（辆）", "integer"), ("实有（辆）", "integer"), ("其中新能源（辆）", "integer"), ("新能源占比", "percent"),
               ("本年购置（辆）", "integer"), ("本年处置（辆）", "integer"), ("上年末（辆）", "integer"), ("比上年末增减", "integer"),
               ("租赁（辆）", "integer")]  # fmt: skip
    return _table("fleet", "车辆数量", columns, rows, "新能源包括纯电动和插电混合动力。")


def _by_kind(rows: QuerySet) -> dict[str, int]:
    return dict(rows.order_by().values_list("kind").annotate(n=Count("pk")))


def _period(year: int) -> dict[str, date]:
    return {"start": date(year, 1, 1), "end": date(year, 12, 31)}


def _earlier(before: AnnualReport | None, table: str, place: int = 0) -> dict[str, Any] | None:
    """Return the figures of a signed report's table by row, None without one."""
    if before is None:
        return None
    found = next((each for each in before.data["tables"] if each["code"] == table), {"rows": []})
    return {row["key"]: row["cells"][place] for row in found["rows"]}


def _change(now: Any, then: Any) -> float | None:
    return None if now is None or not then else round(float(now) / float(then) - 1, 4)


def _indicators(actor: Actor, unit: Unit, year: int, before: AnnualReport | None) -> dict[str, Any]:
    earlier = _earlier(before, "indicators")
    rows = []
    for code in INDICATORS:
        found = metrics.metric(code, actor)
        digits = 4 if found.kind == "percent" else 2
        now = _number(metrics.value(code, actor, **_period(year), **dims_of(unit)), digits)
        then = earlier.get(code) if earlier is not None else _number(
            metrics.value(code, actor, **_period(year - 1), **dims_of(unit)), digits)  # fmt: skip
        label = f"{found.name}（{found.unit}）" if found.unit else found.name
        points = now is not None and then is not None and found.kind == "percent"
        rows.append((code, label, [now, then, round(now - then, 4) if points else _change(now, then)]))
    columns = [("本年", "number"), ("上年", "number"), ("增减", "change")]
    table = _table("indicators", "综合指标", columns, rows, "各项指标的含义和依据见“指标目录”。")
    for row, code in zip(table["rows"], INDICATORS, strict=True):
        row["kind"] = metrics.metric(code, actor).kind
    return table


def _mileage(actor: Actor, unit: Unit, year: int, before: AnnualReport | None) -> dict[str, Any]:
    now, then = (_groups("vehicles.mileage", actor, unit, of) for of in (year, year - 1))
    people = _groups("vehicles.person_trips", actor, unit, year)
    earlier = _earlier(before, "mileage")
    rows = []
    for kind, label in [*VehicleKind.choices, ("", "合计")]:
        km, carried = (_number(found.get(kind) if kind else sum(found.values()), 1) for found in (now, people))
        last = (
            earlier.get(kind or "total")
            if earlier is not None
            else _number(then.get(kind) if kind else sum(then.values()), 1)
        )
        rows.append((kind or "total", label, [km or 0, last or 0, _change(km, last), carried or 0]))
    columns = [
        ("行驶里程（公里）", "number"),
        ("上年里程（公里）", "number"),
        ("增减", "change"),
        ("乘车人次", "integer"),
    ]
    return _table("mileage", "里程与使用", columns, rows)


def _groups(code: str, actor: Actor, unit: Unit, year: int) -> dict[str, Any]:
    found = metrics.series(code, actor, "kind", **_period(year), **dims_of(unit))
    return {group.key: group.value for group in found if group.key and group.value is not None}


def _costs(actor: Actor, unit: Unit, year: int, through: date, before: AnnualReport | None) -> dict[str, Any]:
    now, then = (_groups("vehicles.cost", actor, unit, of) for of in (year, year - 1))
    earlier = _earlier(before, "costs")
    cars = _within(establishment.vehicles_on(actor, through).filter(tenure="own"), unit).count()
    rows = []
    for kind, label in [*CostKind.choices, ("", "合计")]:
        spent = _number(now.get(kind, 0) if kind else sum(now.values()))
        last = (
            earlier.get(kind or "total", 0)
            if earlier is not None
            else _number(then.get(kind, 0) if kind else sum(then.values()))
        )
        each = round(float(spent or 0) / cars, 2) if cars else None
        rows.append(
            (
                kind or "total",
                label,
                [spent, last, round(float(spent or 0) - float(last or 0), 2), _change(spent, last), each],
            )
        )
    columns = [
        ("本年（元）", "money"),
        ("上年（元）", "money"),
        ("增减额（元）", "money"),
        ("增减", "change"),
        ("单车平均（元）", "money"),
    ]
    return _table("costs", "运行费用", columns, rows, "单车平均为费用除以年末实有车辆数。")


CAR_COSTS = (("energy", "燃油电费"), ("maintenance", "维修保养费"), ("insurance", "保险费"), ("other", "其他"))
CAR_COLUMNS = (
    ("车牌号", "text"), ("单位", "text"), ("车辆种类", "text"), ("车型", "text"), ("能源类型", "text"), ("购置日期", "date"),
    ("里程（公里）", "number"), *((f"{label}（元）", "money") for _, label in CAR_COSTS), ("费用合计（元）", "money"),
    ("每公里费用（元）", "money"),
)  # fmt: skip


def _cars(actor: Actor, unit: Unit, year: int, through: date) -> list[list[Any]]:
    """单车: every vehicle that was on the books during the year, with what it drove and cost."""
    rows = _within(Vehicle.objects.visible_to(actor, "vehicles.vehicle.view").filter(bought_on__lte=through), unit)
    rows = rows.exclude(disposed_on__lt=date(year, 1, 1)).select_related("unit").order_by("scope_pos", "plate")
    period = _period(year)
    km = {
        group.key: group.value for group in metrics.series("vehicles.mileage", actor, "car", **period, **dims_of(unit))
    }
    rates = {
        group.key: group.value for group in metrics.series("vehicles.km_cost", actor, "car", **period, **dims_of(unit))
    }
    spent: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    booked = _within(CostEntry.objects.visible_to(actor, "vehicles.cost.view"), unit).filter(
        state="booked", spent_on__range=(period["start"], period["end"]))  # fmt: skip
    named = {code for code, _ in CAR_COSTS}
    for key, kind, total in booked.order_by().values_list("vehicle", "kind").annotate(s=Sum("amount_yuan")):
        spent[key][kind if kind in named else "other"] += float(total)
    bodies, kinds, energies = dict(Body.choices), dict(VehicleKind.choices), dict(Energy.choices)
    return [
        [car.plate, car.unit.label, kinds[car.kind], bodies[car.body], energies[car.energy], car.bought_on.isoformat(),
         _number(km.get(car.plate, 0.0), 1), *(round(spent[car.pk][code], 2) for code, _ in CAR_COSTS),
         round(sum(spent[car.pk].values()), 2), _number(rates.get(car.plate))]
        for car in rows
    ]  # fmt: skip


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every figure that differs between two contents: table, row, column, before, after."""
    found = []
    for name, columns, before, after in _pairs(old, new):
        for key in dict.fromkeys([*before, *after]):
            label, then = before.get(key, ("", None))
            label, now = (after[key][0], after[key][1]) if key in after else (label, None)
            for place, column in enumerate(columns):
                one, other = (None if cells is None or place >= len(cells) else cells[place] for cells in (then, now))
                if one != other:
                    found.append({"table": name, "row": label, "column": column["name"], "kind": column["kind"],
                                  "before": one, "after": other})  # fmt: skip
    return found


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, list, dict, dict]]:
    """Return (title, columns, rows before, rows after) of every table, the vehicles' included."""
    then, now = ({table["code"]: table for table in data.get("tables", ())} for data in (old, new))
    pairs = []
    for code in dict.fromkeys([*then, *now]):
        table = now.get(code) or then[code]
        held = [
            {row["key"]: (row["label"], row["cells"]) for row in tables[code]["rows"]} if code in tables else {}
            for tables in (then, now)
        ]  # fmt: skip
        pairs.append((table["title"], table["columns"], *held))
    cars = [{car[0]: (car[0], car) for car in data.get("cars", ())} for data in (old, new)]
    columns = [{"name": name, "kind": kind} for name, kind in CAR_COLUMNS]
    return [*pairs, ("单车统计", columns, *cars)]
