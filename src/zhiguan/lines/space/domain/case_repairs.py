"""What G6 does in the ledgers: projects of repair, checked against the buildings, enter the plan of their year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from zhiguan.kernel.flow.declare import CaseView, Choice, ItemWork, Problem
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal

from ..codes import RepairKind
from ..models import Building, RepairPlan, Room
from . import repairs


def _buildings(unit: Any) -> QuerySet[Building]:
    """The buildings that the unit manages or has rooms in, those disposed of left out."""
    used = Room.objects.filter(building=OuterRef("pk"), user_pos__range=(unit.pos, unit.pos_end))
    return Building.objects.filter(Q(unit=unit) | Exists(used)).exclude(state="disposed")


def _prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    return {"year": timezone.localdate().year + 1}


def _offered(actor: Actor, unit: Any, text: str) -> list[Choice]:
    """The unit's buildings with what the register knows: age, area, the last repair."""
    rows = _buildings(unit).filter(Q(name__icontains=text) | Q(code__istartswith=text)).order_by("code")[:50]
    return [Choice(row.pk, row.name, _told(row), {"area": str(row.gross_area)}, row.code) for row in rows]


def _names(keys: Iterable[Any]) -> dict[Any, str]:
    """What the buildings of a form are called, for whoever reads it."""
    return dict(Building.objects.filter(pk__in=[key for key in keys if isinstance(key, int)]).values_list("pk", "name"))


_offered.names = _names  # asked by the pages that show a form


def _told(building: Building) -> str:
    built = f"{building.built_on:%Y} 年建成" if building.built_on else "建成年份未登记"
    last = f"，{building.last_repair_on:%Y} 年大中修" if building.last_repair_on else "，无大中修记录"
    return f"{building.gross_area} 平方米，{built}{last}"


def _rows(values: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return [(number, row) for number, row in enumerate(values.get("rows") or (), 1) if row.get("building")]


def _approved(row: Mapping[str, Any]) -> Decimal:
    return Decimal(row.get("approved") or row["estimate"])


def _check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """Each project is one of a building of the unit's, no larger than it, and new to the plan of its year."""
    known = {row.pk: row for row in _buildings(unit)}
    year = values.get("year")
    if year is not None and year < timezone.localdate().year:
        yield Problem("year", "计划年度不能早于今年。")
    live = RepairPlan.objects.filter(building__in=known, year=year).exclude(state__in=("rejected", "cancelled"))
    taken = set(live.values_list("building_id", "project"))
    for number, row in _rows(values):
        building, at = known.get(row["building"]), ("rows", number)
        if building is None:
            yield Problem("building", "楼宇不是本单位管理或使用的楼宇。", *at)
            continue
        if Decimal(row["area"]) > building.gross_area:
            yield Problem("area", f"维修面积大于{building.name}建筑面积 {building.gross_area} 平方米。", *at)
        if (building.pk, row["project"]) in taken:
            yield Problem("project", f"{year} 年计划中{building.name}已有同名项目“{row['project']}”。", *at)
        if row.get("approved") and Decimal(row["approved"]) > Decimal(row["estimate"]):
            yield Problem("approved", "核定投资不能大于估算投资。", *at)


def _too_soon(building: Building | None, kind: str, year: int) -> bool:
    """Whether a major or medium repair comes before the years that should lie between two."""
    since: date | None = (building.last_repair_on or building.built_on) if building is not None else None
    if since is None or kind == RepairKind.SPECIAL:
        return False
    return year - since.year < reference.value(f"office_space.repair.{kind}_cycle")


def _facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the decision table asks, by the control values and cycles of today."""
    rows = [row for _, row in _rows(values) if row.get("area") and row.get("estimate")]
    buildings = {each.pk: each for each in Building.objects.filter(pk__in=[row["building"] for row in rows])}
    limits = {kind: Decimal(str(repairs.control_value(kind).value)) for kind in RepairKind.values}
    total = sum((_approved(row) for row in rows), Decimal(0))
    year = values.get("year") or timezone.localdate().year
    return {
        "reaches_expert": total >= Decimal(str(reference.value("office_space.repair.expert_from"))),
        "over_limit": any(Decimal(row["estimate"]) > limits[row["kind"]] * Decimal(row["area"]) for row in rows),
        "too_soon": any(_too_soon(buildings.get(row["building"]), row["kind"], year) for row in rows),
        "structural": any(row["kind"] != RepairKind.SPECIAL for row in rows),
    }


def _effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Enter each project with the money approved into the plan of the year."""
    links, total = [], Decimal(0)
    buildings = {each.pk: each for each in _buildings(case.unit)}
    for number, row in _rows(case.values):
        try:
            plan = repairs.propose(
                actor, building=buildings[row["building"]], unit=case.unit, year=case.values["year"], project=row["project"],
                kind=row["kind"], why=row["why"], area_m2=Decimal(row["area"]), estimate_yuan=Decimal(row["estimate"]),
                reason=f"办件 {case.code}", case=case.code,
            )  # fmt: skip
            plan = repairs.include(actor, plan, approved_yuan=_approved(row), document_no=case.document_no,
                                   reason=f"办件 {case.code}", case=case.code)  # fmt: skip
        except Refusal as refusal:
            raise type(refusal)(f"第 {number} 项：{refusal.message}", code=refusal.code) from refusal
        total += plan.approved_yuan
        links.append({"type": "space.repairplan", "id": plan.pk, "label": plan.project})
    return {"text": f"{len(links)} 个项目列入 {case.values['year']} 年维修计划，批准投资合计 {total:,.2f} 元。", "links": links}


def _document(case: CaseView) -> Mapping[str, Any]:
    names = dict(Building.objects.filter(pk__in=[row["building"] for _, row in _rows(case.values)]).values_list("pk", "name"))
    year, rows = case.values["year"], _rows(case.values)
    table = [
        [str(number), names.get(row["building"], ""), row["project"], RepairKind(row["kind"]).label,
         f"{Decimal(row['area']):,.2f}", f"{_approved(row):,.2f}"]
        for number, row in rows
    ]  # fmt: skip
    return {
        "title": f"关于下达{case.unit.name}{year}年\n办公用房维修计划的批复", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于办公用房维修项目的申请（办件编号 {case.code}）收悉。经审查，现批复如下：",
            f"同意将{len(table)}个项目列入{year}年办公用房维修计划（见附表），批准投资合计"
            f"{sum((_approved(row) for _, row in rows), Decimal(0)):,.2f}元。",
            "请严格执行维修标准，不得超标准装修、配备设施，批准投资不得突破；项目完工后及时组织竣工验收。",
        ],
        "basis": ["《党政机关办公用房管理办法》", "《机关团体建设楼堂馆所管理条例》第二十八条"],
        "columns": ["序号", "楼宇", "项目名称", "维修类别", "面积（平方米）", "批准投资（元）"], "table": table,
    }  # fmt: skip


REPAIRS_WORK = ItemWork(
    code="space.office_repair_plan", prefill=_prefill, check=_check, facts=_facts, effect=_effect, document=_document,
    lookups={"buildings": _offered},
)  # fmt: skip
