"""What G7 does in the ledgers: a size measured by the standard and decided on becomes the organ's approved size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow.declare import CaseView, ItemWork, Problem
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal

from .. import queries
from ..codes import GRADE_NAMES, OrganLevel, RoomKind, SizeWay
from ..models import OrganSize
from . import sizes
from .size import Need, Size

PRESENT = {f"present_{kind}": (kind, label) for kind, label in RoomKind.choices}


def _level(unit: Any) -> str:
    return queries.levels().get(unit.level, "municipal")


def _need(values: Mapping[str, Any]) -> Need:
    people = {row["grade"]: row["posts"] for row in values.get("people") or () if row.get("grade") and row.get("posts")}
    counts = {name: values.get(name) or 0 for name in ("cars", "bicycles", "ebikes", "guards")}
    return Need(values.get("level") or "", values.get("height_class") or "", people, canteen=bool(values.get("canteen")),
                **counts)  # fmt: skip


def _measured(values: Mapping[str, Any], day: date | None = None) -> Size | None:
    """The size of what the form says, or None while it says nothing that can be measured."""
    try:
        return sizes.measured(_need(values), day)
    except Refusal:
        return None


def _prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    people = [{"grade": grade, "posts": count} for grade, count in queries.staffing(unit).items()]
    next_month = (timezone.localdate().replace(day=1) + timedelta(days=32)).replace(day=1)
    values: dict[str, Any] = {"level": _level(unit), "people": people, "height_class": "multi_storey",
                              "effective_on": next_month.isoformat()}  # fmt: skip
    found = _measured(values)
    if found is not None:
        values |= {"measured": str(found.gross), "wanted": str(found.gross)}
    present = queries.present(unit)
    return values | {name: str(present[kind]) for name, (kind, _) in PRESENT.items()}


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None


def _area(values: Mapping[str, Any]) -> Decimal:
    return Decimal(values.get("approved") or values["wanted"])


def _landlord(values: Mapping[str, Any]) -> str:
    return (values.get("landlord") or "") if values.get("way") == SizeWay.LEASE else ""


def _check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """Posts, level and present area are those of the ledgers; the measured area follows; what is asked for is within it."""
    if values.get("level") != (level := _level(unit)):
        yield Problem("level", f"本单位适用的面积标准级别为“{dict(OrganLevel.choices)[level]}”。")
    posts, known = _need(values).posts, sum(queries.staffing(unit).values())
    if posts > known:
        yield Problem("people", f"编制定员合计 {posts} 人，多于台账中的 {known} 人，请先更正人员编制台账。")
    present = queries.present(unit)
    for name, (kind, label) in PRESENT.items():
        if Decimal(values.get(name) or 0) != present[kind]:
            yield Problem(name, f"现有{label}使用面积应为 {present[kind]} 平方米，请刷新台账数据后再提交。")
    start = _day(values.get("effective_on"))
    before = OrganSize.objects.filter(unit=unit, state="active", valid_to__isnull=True).first()
    if start is not None and before is not None and before.valid_from >= start:
        yield Problem("effective_on", f"拟执行日期须晚于现行规模的起始日期 {before.valid_from:%Y-%m-%d}。")
    found = _measured(values, start)
    if found is None:
        yield Problem("people", "请填写各职务层次的编制定员。")
        return
    if Decimal(values["measured"]) != found.gross:
        yield Problem("measured", f"按所填内容测算的总建筑面积为 {found.gross} 平方米，请更正。")
    bound = Decimal(str(reference.value("office_space.size.refuse_over", on=start)))
    if Decimal(values["wanted"]) > found.gross * (1 + bound / 100):
        yield Problem("wanted", f"申请面积超出测算面积（{found.gross} 平方米）{bound.normalize():f}% 以上，不予核定。")
    if values.get("approved") and Decimal(values["approved"]) > Decimal(values["wanted"]):
        yield Problem("approved", "核定面积不能大于申请面积。")


def _facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the decision table asks, by the standard and the rooms of today."""
    found = _measured(values, _day(values.get("effective_on")))
    present = queries.present(unit)
    used = sum(present[kind] for kind in queries.BASIC)
    basic = found.office + found.service + found.equipment if found is not None else Decimal(0)
    bound = Decimal(str(reference.value("office_space.size.escalate_over")))
    wanted = Decimal(values.get("wanted") or 0)
    way = values.get("way")
    return {
        "escalates": found is not None and wanted > found.gross * (1 + bound / 100),
        "builds": way in (SizeWay.BUILD, SizeWay.EXTEND, SizeWay.PURCHASE), "leases": way == SizeWay.LEASE,
        "exceeds_use": found is not None and used > basic,
    }  # fmt: skip


def _effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Record the approved size from the day applied for, or from today when the decision came later."""
    start = max(_day(case.values["effective_on"]), timezone.localdate())
    made = sizes.approve_size(
        actor, unit=case.unit, need=_need(case.values), approved_area=_area(case.values), valid_from=start,
        landlord=_landlord(case.values), document_no=case.document_no, reason=f"办件 {case.code}", case=case.code,
    )  # fmt: skip
    text = f"核定办公用房总建筑面积 {made.approved_area:,.2f} 平方米，自 {made.valid_from:%Y-%m-%d} 起执行。"
    return {"text": text, "links": [{"type": "space.organsize", "id": made.pk, "label": str(made)}]}


def _document(case: CaseView) -> Mapping[str, Any]:
    start = max(_day(case.values["effective_on"]), timezone.localdate())
    found = _measured(case.values, start)
    assert found is not None, "checked before the decision takes effect"
    landlord = _landlord(case.values)
    way = SizeWay(case.values["way"]).label + (f"，出租方：{landlord}" if landlord else "")
    people = "、".join(f"{GRADE_NAMES[grade]}{count}人" for grade, count in _need(case.values).people.items())
    return {
        "title": f"关于核定{case.unit.name}\n办公用房规模的意见", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于办公用房规模的申请（办件编号 {case.code}，{way}）收悉。经审查，现核定如下：",
            f"按编制定员{_need(case.values).posts}人（{people}）测算，总建筑面积为{found.gross:,.2f}平方米（测算过程见附表）；"
            f"核定你单位办公用房总建筑面积{_area(case.values):,.2f}平方米，自{start:%Y年%-m月%-d日}起执行。",
            "请在核定规模内配置和使用办公用房，不得超面积占用；超出部分应当腾退。",
        ],
        "basis": ["《党政机关办公用房建设标准》", "《党政机关办公用房管理办法》"],
        "columns": ["项目", "算式", "面积（平方米）"],
        "table": [
            [line.name if line.verified else f"{line.name}（标准未核对原文）", line.formula, f"{line.area:,.2f}"]
            for line in found.lines
        ],
    }  # fmt: skip


SIZE_WORK = ItemWork(
    code="space.office_size", prefill=_prefill, check=_check, facts=_facts, effect=_effect, document=_document
)
