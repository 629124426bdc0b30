"""Verbs of 车队测算: ask how many vehicles would do, or which could be electric; the job that answers. SPEC L4.5.

A study is kept as it was asked and answered: whoever wants newer figures asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.events import service as events
from zhiguan.kernel.events.declare import Report
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.reference.service import Fact
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied, Invalid, NotFound

from ..codes import StudyKind
from ..models import FleetStudy, Pool
from ..queries import demand, electric
from . import electric as judging
from . import sizing
from .numbering import next_number
from .reach import whole

MANAGE = "vehicles.plan.manage"
JOB = "vehicles.fleetstudy.finish"
LONGEST = timedelta(days=3 * 366)
CHUNK = 100
"""Vehicles judged between two notes of progress."""
LISTED = 300
"""Vehicles of one class that the result names."""


def _check(actor: Actor, units: Sequence[Unit], pool: Pool | None, start: date, end: date) -> Unit:
    """Return the unit that the study belongs to. Raises Invalid, Denied."""
    if end < start or end - start > LONGEST:
        message = "截止日期须不早于起始日期，且一次测算不超过三年。"
        raise Invalid(message, fields={"period_to": message})
    if start > timezone.localdate():
        raise Invalid("起始日期不能晚于今天。", fields={"period_from": "起始日期不能晚于今天。"})
    if pool is not None:
        actor.require(MANAGE, pool)
        return pool.unit
    if not units:
        raise Invalid("请选择测算单位或用车平台。", fields={"units": "请选择测算单位或用车平台。"})
    for unit in units:
        actor.require(MANAGE, unit.pos)
        if not whole(unit, actor, MANAGE):
            raise Denied(f"您的数据权限没有包含{unit.name}的全部下级单位。", code="out_of_scope")
    over = Unit.objects.filter(
        pos__lte=min(unit.pos for unit in units), pos_end__gte=max(unit.pos_end for unit in units)
    )
    above = over.order_by("-pos", "pos_end").first()
    if above is None or not actor.scope(MANAGE).covers(above.pos):
        message = "这些单位的共同上级不在您的数据权限范围内，请分别测算。"
        raise Invalid(message, fields={"units": message})
    return above


def _input(fact: Fact) -> dict[str, Any]:
    return {"code": fact.code, "name": fact.name, "value": fact.value, "text": fact.value_text, "clause": fact.citation,
            "verified": fact.verified}  # fmt: skip


def _given(code: str, name: str, value: float, text: str) -> dict[str, Any]:
    """Return a parameter: the fact's where it was left as it is, otherwise set for this study."""
    fact = reference.fact(code)
    if abs(float(fact.value) - value) < 1e-9:
        return _input(fact) | {"text": text}
    return {"code": code, "name": name, "value": value, "text": text, "clause": "本次测算设定", "verified": True}


def _ask(actor: Actor, kind: str, units: Iterable[Unit], pool: Pool | None, start: date, end: date,
         inputs: list[dict[str, Any]]) -> FleetStudy:  # fmt: skip
    chosen = sorted(units, key=lambda unit: unit.pos) if pool is None else []
    unit = _check(actor, chosen, pool, start, end)
    study = ledger.create(FleetStudy, actor, {
        "code": next_number("CS", FleetStudy), "unit": unit, "kind": kind, "pool": pool, "period_from": start,
        "period_to": end, "inputs": inputs, "asked_by": actor.name,
        "chosen": [{"id": each.pk, "name": each.label, "pos": each.pos, "pos_end": each.pos_end} for each in chosen],
    }, name="提交测算")  # fmt: skip
    events.enqueue(actor, JOB, {"study": study.pk}, title=f"{StudyKind(kind).label} {study.code}", key=study.code)
    return study


@transaction.atomic
def study_size(
    actor: Actor, *, units: Iterable[Unit] = (), pool: Pool | None = None, period_from: date, period_to: date,
    usual: float, high: float, turnaround: int,
) -> FleetStudy:  # fmt: skip
    """规模测算: how many vehicles of each class would have served the shares ``usual`` and ``high`` of the orders.

    ``turnaround`` are the minutes between two journeys of a vehicle. The answer comes from a job.
    """
    actor.require(MANAGE)
    if not 0 < usual < high <= 1:
        message = "服务水平须在 0 至 100% 之间，较高水平须大于常用水平。"
        raise Invalid(message, fields={"high": message})
    inputs = [
        _given("evaluation.sizing.usual_share", "常用服务水平", usual, f"{100 * usual:g}%"),
        _given("evaluation.sizing.high_share", "较高服务水平", high, f"{100 * high:g}%"),
        _given("evaluation.sizing.turnaround_min", "两次出车之间的整备时间", turnaround, f"{turnaround} 分钟"),
    ]
    return _ask(actor, StudyKind.SIZE, units, pool, period_from, period_to, inputs)


@transaction.atomic
def study_electric(
    actor: Actor, *, units: Iterable[Unit] = (), pool: Pool | None = None, period_from: date, period_to: date
) -> FleetStudy:
    """电动化测算: which petrol and diesel vehicles a battery vehicle could replace, and what that saves."""
    actor.require(MANAGE)
    inputs = [_input(fact) for _, fact in sorted(electric.terms(timezone.localdate()).items())]
    return _ask(actor, StudyKind.ELECTRIC, units, pool, period_from, period_to, inputs)


def run_study(actor: Actor, report: Report, *, study: int) -> dict[str, Any]:
    """Answer a study: the job's function. A study that was answered before is left as it is."""
    actor.require(MANAGE)
    row = FleetStudy.objects.visible_to(actor, MANAGE).select_related("pool").filter(pk=study).first()
    if row is None:
        raise NotFound("该测算已不存在，或不在您的数据权限范围内。")
    if row.state == "waiting":
        result, summary = (size_result if row.kind == StudyKind.SIZE else electric_result)(row, report)
        row = finish_study(actor, row, result=result, summary=summary)
    return {"message": row.summary, "url": reverse("vehicles.study.detail", args=[row.pk])}


@transaction.atomic
def finish_study(actor: Actor, study: FleetStudy, *, result: dict[str, Any], summary: str) -> FleetStudy:
    """测算完成: keep the answer with the study."""
    actor.require(MANAGE, study)
    return ledger.move(study, "finish", actor, result=result, summary=summary[:200], finished_at=timezone.now())


# --- the answers ------------------------------------------------------------------------------------------------------


def _values(study: FleetStudy) -> dict[str, Any]:
    return {each["code"].rsplit("evaluation.", 1)[-1]: each["value"] for each in study.inputs}


def size_result(study: FleetStudy, report: Report) -> tuple[dict[str, Any], str]:
    """Return the answer of a study of size: each class with what it needs, has and could give away."""
    values = _values(study)
    usual, high = float(values["sizing.usual_share"]), float(values["sizing.high_share"])
    turnaround = int(values["sizing.turnaround_min"])
    report(5, "读取派车单")
    asked = demand.journeys(study.chosen, study.pool_id, study.period_from, study.period_to)
    report(30, "读取车辆")
    cars = demand.use_of(demand.vehicles(study.chosen, study.pool_id), study.period_from, study.period_to)
    names = sorted({*asked, *(car["class"] for car in cars)}, key=lambda key: (not key.startswith("general"), key))
    classes = []
    for number, name in enumerate(names):
        report(40 + 55 * number / len(names), f"模拟{demand.class_name(name)}")
        one = asked.get(name, demand.Journeys())
        found = sizing.size(sizing.Demand.of(one.starts, one.ends), usual=usual, high=high, turnaround=turnaround)
        held = [car for car in cars if car["class"] == name]
        apart = [
            sizing.size(part, usual=usual, high=high, turnaround=turnaround, points=1)
            for part in sizing.parts(one.starts, one.ends, one.units)
        ]
        spare = (max(0, len(held) - found.high), max(0, len(held) - found.usual))
        classes.append({
            "key": name, "name": demand.class_name(name), "orders": found.orders, "served": one.served, "held": len(held),
            "peak": found.peak, "usual": found.usual, "high": found.high, "curve": [list(point) for point in found.curve],
            "apart_usual": sum(part.usual for part in apart), "apart_high": sum(part.high for part in apart),
            "units": len(apart), "spare_high": spare[0], "spare_usual": spare[1],
            "cars": [{**car, "spare": "high" if place < spare[0] else "usual"}
                     for place, car in enumerate(held[: min(spare[1], LISTED)])],
        })  # fmt: skip
    total = {name: sum(each[name] for each in classes) for name in
             ("orders", "served", "held", "usual", "high", "spare_usual", "spare_high", "apart_usual", "apart_high")}  # fmt: skip
    summary = (
        f"{total['orders']:,} 件用车，现有 {total['held']} 辆；{100 * usual:g}% 服务水平需 {total['usual']} 辆，"
        f"{100 * high:g}% 需 {total['high']} 辆"
    )
    return {"classes": classes, "total": total, "usual": usual, "high": high}, summary


def electric_result(study: FleetStudy, report: Report) -> tuple[dict[str, Any], str]:
    """Return the answer of a study of electric driving: every vehicle with its reasons, candidates with their savings."""
    values = {code.removeprefix("electric."): value for code, value in _values(study).items()}
    values["range_km"] = next(each["value"] for each in study.inputs if each["code"].endswith("range_km"))
    factors = electric.co2(study.period_to)
    cars = list(electric.vehicles(study.chosen, study.pool_id))
    days = (study.period_to - study.period_from).days + 1
    rows = []
    for first in range(0, len(cars), CHUNK):
        report(5 + 90 * first / len(cars), f"判断第 {first + 1} 辆起的车辆")
        part = cars[first : first + CHUNK]
        drives = electric.drives(part, study.period_from, study.period_to)
        filled = electric.fillings(part, study.period_from, study.period_to)
        for car in part:
            litres, yuan = filled.get(car.pk, (None, 0.0))
            price = yuan / litres if litres else float(values[f"yuan_{car.energy}"])
            terms = _terms(values, car.body, price, factors["grid"], factors[car.energy])
            verdict = _verdict(drives.get(car.pk), terms, car, study.period_to, litres)
            rows.append({
                "id": car.pk, "plate": car.plate, "unit": car.unit.label, "body": car.get_body_display(),
                "energy": car.get_energy_display(), "bought_on": car.bought_on.isoformat(), "days": verdict.days,
                "km": round(verdict.km, 1), "day_km": round(verdict.day_km, 1), "stay_share": round(verdict.stay_share, 4),
                "fits": verdict.fits, "reasons": list(verdict.reasons), "basis": "加油记录" if litres else "参考油耗",
                "yuan_litre": round(price, 2), "price_basis": "加油记录平均价" if litres else "标准依据参考价",
                "yuan_kwh": terms.yuan_kwh, "fuel_year": round(verdict.litres * price * 365 / days, 2),
                "power_year": round(verdict.kwh * terms.yuan_kwh * 365 / days, 2),
                "litres_year": round(verdict.litres * 365 / days, 1), "kwh_year": round(verdict.kwh * 365 / days, 1),
                "saving_year": round(verdict.saving_yuan * 365 / days, 2), "co2_year": round(verdict.saving_kg * 365 / days, 1),
            })  # fmt: skip
    rows.sort(key=lambda row: (not row["fits"], -row["saving_year"], row["plate"]))
    fitting = [row for row in rows if row["fits"]]
    saving, co2 = sum(row["saving_year"] for row in fitting), sum(row["co2_year"] for row in fitting)
    summary = f"{len(rows)} 辆燃油车中 {len(fitting)} 辆适合更新为纯电动，预计每年节约能源费用 {saving:,.0f} 元、减排 {co2 / 1000:,.1f} 吨"
    result = {"cars": rows[: 10 * LISTED], "count": len(rows), "fitting": len(fitting), "saving_year": round(saving, 2),
              "co2_year": round(co2, 1), "days": days}  # fmt: skip
    return result, summary


def _terms(values: dict[str, Any], body: str, price: float, grid: float, fuel: float) -> judging.Terms:
    return judging.Terms(
        float(values["range_km"]), float(values["reserve_share"]), float(values["days_share"]), int(values["least_days"]),
        float(values["charger_kw"]), float(values[f"kwh_100km.{body}"]), float(values[f"litres_100km.{body}"]),
        float(values["yuan_kwh"]), price, grid, fuel,
    )  # fmt: skip


def _verdict(
    drives: electric.Drives | None, terms: judging.Terms, car: Any, end: date, litres: float | None
) -> judging.Verdict:
    has_place = car.place_id is not None
    if drives is None:
        return judging.judge(np.zeros(0), np.zeros(0), terms, has_place=has_place, litres=0.0)
    stays = judging.stays(drives.starts, drives.ends, drives.home, electric.until_h(end))
    _, km = judging.by_day(drives.days, drives.km)
    _, hours = judging.by_day(drives.days, stays)
    return judging.judge(km, hours, terms, has_place=has_place, litres=litres)
