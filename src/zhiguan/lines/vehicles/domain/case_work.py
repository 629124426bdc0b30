"""What the line's approval items do in its ledgers: establishment (G4), plans to buy and renew (G5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.utils import timezone

from zhiguan.kernel.flow.declare import CaseView, Choice, ItemWork, Problem
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal

from ..codes import Body, Energy, VehicleKind
from ..models import ON_BOOKS, Vehicle, VehicleQuota
from ..queries.renewal import renewal_clause, renewal_on
from . import plans, register, standards

SPECIAL = (VehicleKind.LAW_ENFORCEMENT, VehicleKind.SPECIAL_PURPOSE)


def _quotas(unit: Any) -> dict[str, int]:
    rows = VehicleQuota.objects.filter(unit=unit, state="active", valid_to__isnull=True)
    return dict(rows.values_list("kind", "quota"))


def _held(unit: Any) -> dict[str, int]:
    rows = Vehicle.objects.within(unit).filter(ON_BOOKS)
    return dict(rows.order_by().values_list("kind").annotate(n=Count("pk")))


# --- G4 公务用车编制核定 ------------------------------------------------------------------------------------------------


def _quota_prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    quotas, held = _quotas(unit), _held(unit)
    rows = [
        {"kind": kind, "current": quotas.get(kind, 0), "held": held.get(kind, 0), "wanted": quotas.get(kind, 0)}
        for kind in VehicleKind.values if kind in quotas or kind in held
    ]  # fmt: skip
    return {"rows": rows, "staff": orgs.headcount(unit)}


def _quota_check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """What the form says of the ledgers must still be so; the quota must change, and may not fall below what is there."""
    quotas, held = _quotas(unit), _held(unit)
    changed = False
    for number, row in enumerate(values.get("rows") or (), 1):
        kind, wanted = row["kind"], row["wanted"]
        name = VehicleKind(kind).label
        if (row.get("current") or 0) != quotas.get(kind, 0):
            text = f"{name}现有编制应为 {quotas.get(kind, 0)} 辆，请刷新台账数据后再提交。"
            yield Problem("current", text, "rows", number)
        if wanted < held.get(kind, 0):
            text = f"{name}实有 {held.get(kind, 0)} 辆，编制不能低于实有数，请先处置车辆。"
            yield Problem("wanted", text, "rows", number)
        changed |= wanted != quotas.get(kind, 0)
    if not changed:
        yield Problem("rows", "申请编制与现有编制相同，无需核定。")
    start = _day(values.get("effective_on"))
    for row in VehicleQuota.objects.filter(unit=unit, state="active", valid_to__isnull=True):
        if (
            start is not None
            and row.valid_from >= start
            and any(each["kind"] == row.kind and each["wanted"] != row.quota for each in values.get("rows") or ())
        ):
            yield Problem(
                "effective_on",
                f"拟执行日期须晚于{row.get_kind_display()}现行编制的起始日期 {row.valid_from:%Y-%m-%d}。",
            )
            break


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None


def _quota_facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = [row for row in values.get("rows") or () if row.get("wanted") is not None]
    return {
        "special": any(row["kind"] in SPECIAL and row["wanted"] != (row.get("current") or 0) for row in rows),
        "increase": sum(row["wanted"] - (row.get("current") or 0) for row in rows),
    }


def _quota_effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Set the quotas that change, each from the day applied for, under the decision's number."""
    told, links = [], []
    quotas = _quotas(case.unit)
    for row in case.values["rows"]:
        if row["wanted"] == quotas.get(row["kind"], 0):
            continue
        made = register.set_quota(
            actor, unit=case.unit, kind=row["kind"], quota=row["wanted"], valid_from=_day(case.values["effective_on"]),
            document_no=case.document_no, reason=f"办件 {case.code}",
        )  # fmt: skip
        told.append(f"{made.get_kind_display()}编制由 {quotas.get(row['kind'], 0)} 辆核定为 {made.quota} 辆")
        links.append({"type": "vehicles.vehiclequota", "id": made.pk, "label": str(made)})
    return {"text": "；".join(told) + "。", "links": links}


def _quota_document(case: CaseView) -> Mapping[str, Any]:
    rows = [
        [VehicleKind(row["kind"]).label, str(row.get("current") or 0), str(row["wanted"])]
        for row in case.values["rows"]
    ]
    return {
        "title": f"关于核定{case.unit.name}\n公务用车编制的批复", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于公务用车编制的申请（办件编号 {case.code}）收悉。经审查，现批复如下：",
            f"核定你单位公务用车编制如附表，自 {_day(case.values['effective_on']):%Y年%-m月%-d日} 起执行。",
            "请严格按照核定的编制和配备标准配备、使用车辆，不得超编制、超标准配备。",
        ],
        "basis": ["《党政机关公务用车管理办法》"], "columns": ["车辆种类", "原编制（辆）", "核定编制（辆）"], "table": rows,
    }  # fmt: skip


QUOTA_WORK = ItemWork(
    code="vehicles.vehicle_quota", prefill=_quota_prefill, check=_quota_check, facts=_quota_facts, effect=_quota_effect,
    document=_quota_document,
)  # fmt: skip


# --- G5 公务用车新增更新 ------------------------------------------------------------------------------------------------


def _renewal_prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    return {"year": timezone.localdate().year, "mode": "renewal"}


def _old_vehicles(actor: Actor, unit: Any, text: str) -> list[Choice]:
    """The organ's vehicles that may be replaced, oldest first."""
    rows = Vehicle.objects.within(unit).exclude(state__in=("disposed", "registered")).order_by("bought_on")
    today = timezone.localdate()
    found = [row for row in rows if text.upper() in row.plate.upper() and renewal_on(row) <= today]
    return [
        Choice(row.pk, row.plate, f"{row.brand_model}，{row.bought_on:%Y-%m} 购置",
               {"kind": row.kind, "body": row.body, "need": f"更新 {row.plate}"})
        for row in found[:50]
    ]  # fmt: skip


def _plates(keys: Iterable[Any]) -> dict[Any, str]:
    """What the vehicles of a form are called, for whoever reads it."""
    return dict(Vehicle.objects.filter(pk__in=[key for key in keys if isinstance(key, int)]).values_list("pk", "plate"))


_old_vehicles.names = _plates  # asked by the pages that show a form


def _renewal_check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """Standards of each vehicle, age of what is replaced, places left in the establishment."""
    added: dict[str, int] = {}
    for number, row in enumerate(values.get("rows") or (), 1):
        at = ("rows", number)
        checks = standards.check_standard(
            kind=row["kind"], body=row["body"], energy=row["energy"], price_yuan=Decimal(row["budget"]),
            displacement_l=Decimal(row["displacement"]) if row.get("displacement") else None,
            special_need=bool(row.get("special_need")),
        )  # fmt: skip
        over = "；".join(check.text for check in checks if check.ok is False and check.refuses)
        if over:
            yield Problem("budget", f"超出配备标准：{over}。", *at)
        if not row.get("replaces"):
            added[row["kind"]] = added.get(row["kind"], 0) + 1
            continue
        old = Vehicle.objects.within(unit).filter(ON_BOOKS, pk=row["replaces"]).first()
        if old is None:
            yield Problem("replaces", "拟更新的车辆不是本单位在账车辆。", *at)
        elif old.kind != row["kind"]:
            yield Problem("kind", f"车辆种类须与拟更新的 {old.plate} 一致。", *at)
        elif (due := renewal_on(old)) > timezone.localdate():
            text = f"{old.plate} 使用年限到 {due:%Y-%m-%d} 才可申请更新（{renewal_clause()}）。"
            yield Problem("replaces", text, *at)
        else:
            state = standards.check_quota(unit, row["kind"], replaces=old)
            if state.room is None or state.room < 1:
                yield Problem("replaces", f"超出编制：{state.text}。", *at)
    if values.get("mode") == "renewal" and added:
        yield Problem("rows", "申请类型为更新时，每辆车都须选择拟更新的车辆。")
    for kind, count in added.items():
        state = standards.check_quota(unit, kind)
        if state.room is None or state.room < count:
            yield Problem("rows", f"超出编制：{state.text}，本次申请新增 {count} 辆。")


def _renewal_facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = values.get("rows") or ()
    return {
        "vehicles": len(rows), "addition": values.get("mode") == "addition",
        "special": any(row.get("kind") in SPECIAL or row.get("special_need") for row in rows),
        "combustion": any(row.get("energy") in ("petrol", "diesel") for row in rows),
    }  # fmt: skip


def _renewal_effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Make an approved plan of every vehicle; the establishment is asked again under its lock."""
    links = []
    for number, row in enumerate(case.values["rows"], 1):
        old = Vehicle.objects.get(pk=row["replaces"]) if row.get("replaces") else None
        try:
            plan = plans.draft_plan(
                actor, unit=case.unit, year=case.values["year"], kind=row["kind"], body=row["body"], energy=row["energy"],
                displacement_l=Decimal(row["displacement"]) if row.get("displacement") else None,
                budget_yuan=Decimal(row["budget"]), special_need=bool(row.get("special_need")), replaces=old,
                need=row["need"],
            )  # fmt: skip
            plan = plans.submit_plan(actor, plan)
            plan = plans.approve_plan(actor, plan, document_no=case.document_no, reason=f"办件 {case.code}")
        except Refusal as refusal:
            raise type(refusal)(f"第 {number} 辆：{refusal.message}", code=refusal.code) from refusal
        links.append({"type": "vehicles.purchaseplan", "id": plan.pk, "label": plan.code})
    return {
        "text": f"批准配备更新 {len(links)} 辆，形成计划 {'、'.join(link['label'] for link in links)}。",
        "links": links,
    }


def _renewal_document(case: CaseView) -> Mapping[str, Any]:
    plates = dict(Vehicle.objects.filter(
        pk__in=[row["replaces"] for row in case.values["rows"] if row.get("replaces")]).values_list("pk", "plate"))  # fmt: skip
    table = [
        [str(number), VehicleKind(row["kind"]).label, Body(row["body"]).label, Energy(row["energy"]).label,
         f"{Decimal(row['budget']):,.2f}", plates.get(row.get("replaces"), "—")]
        for number, row in enumerate(case.values["rows"], 1)
    ]  # fmt: skip
    what = "新增" if case.values["mode"] == "addition" else "更新"
    return {
        "title": f"关于{case.unit.name}\n{what}公务用车的批复", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于{what}公务用车的申请（办件编号 {case.code}）收悉。经审查，同意你单位{what}公务用车 {len(table)} 辆（见附表）。",
            "请按政府采购有关规定实施，成交价格不得超过批准的预算；更新车辆到位后，旧车应当及时处置。",
        ],
        "basis": ["《党政机关公务用车管理办法》"],
        "columns": ["序号", "车辆种类", "车型", "能源类型", "预算（元）", "更新车辆"], "table": table,
    }  # fmt: skip


RENEWAL_WORK = ItemWork(
    code="vehicles.vehicle_addition_renewal", prefill=_renewal_prefill, check=_renewal_check, facts=_renewal_facts,
    effect=_renewal_effect, document=_renewal_document, lookups={"old_vehicles": _old_vehicles},
)  # fmt: skip
