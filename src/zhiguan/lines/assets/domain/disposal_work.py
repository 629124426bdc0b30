"""What disposal of assets (G3) does in the ledgers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow.declare import CaseView, Choice, ItemWork, Problem
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor

from ..codes import DisposalKind, TopClass
from ..models import Asset
from ..queries.values import months_booked, net_on
from . import case_rows, disposals

LISTED = 100
"""Assets that the decision lists one by one; more are summed up by class, the list stays with the case."""
FIELDS = {"appraised_yuan": "appraised"}


def _prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    """What the organ has lined up for disposal."""
    lined_up = case_rows.free(unit).filter(state="awaiting_disposal").order_by("code")[:2000]
    return {"rows": case_rows.prefilled(lined_up)}


def _unit(values: Mapping[str, Any]) -> Unit | None:
    return Unit.objects.open().filter(pk=values["to_unit"]).first() if values.get("to_unit") else None


def _appraised(values: Mapping[str, Any]) -> Decimal | None:
    return Decimal(values["appraised"]) if values.get("appraised") else None


def _check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """The assets are the organ's and free, the terms fit the kind, early scrapping is explained, reuse was tried."""
    rows, kind, to_unit = values.get("rows") or (), values.get("kind", ""), _unit(values)
    if to_unit is not None and to_unit.kind not in ("organ", "district", "city"):
        yield Problem("to_unit", "接收单位须为机关单位，不能是内设机构。")
    wrong = disposals.check_terms(kind, unit, to_unit, values.get("receiver") or "", _appraised(values))
    for name, text in wrong.items():
        yield Problem(FIELDS.get(name, name), text)
    yield from case_rows.faults(unit, rows)
    found = case_rows.assets_of(unit, rows)
    for number, row in enumerate(rows, 1):
        asset = found.get(case_rows.number_of(row))
        if asset is not None and kind == DisposalKind.SCRAP and _early(asset) and not row.get("why"):
            text = f"资产 {asset.code} 未达到折旧年限，报废须在“说明”中写明原因。"
            yield Problem("why", text, "rows", number)
    if _facts(unit, values)["reuse_needed"] and not values.get("reuse"):
        yield Problem("reuse", "清单中有尚有使用价值的资产，请填写公物仓调剂情况。")


def _early(asset: Asset) -> bool:
    """Whether the asset has not been written off over its years yet; what is not depreciated has no years."""
    return asset.term_months > 0 and months_booked(asset, timezone.localdate()) < asset.term_months


def _facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sums of the ledger of today and the limits that the tables compare them with."""
    assets, kind = case_rows.listed(unit, values.get("rows") or ()), values.get("kind")
    limits = {
        name: Decimal(str(reference.value(f"assets.decision.{name}", unit=unit)))
        for name in ("line_yuan", "director_yuan", "expert_yuan", "reuse_yuan")
    }
    nets = [net_on(asset) for asset in assets]
    usable = kind not in (DisposalKind.LOSS, DisposalKind.FREE_TRANSFER)
    return {
        **limits, "total_original": sum((asset.original_value for asset in assets), Decimal(0)),
        "total_net": sum(nets, Decimal(0)),
        "dearest": max((asset.original_value for asset in assets), default=Decimal(0)),
        "assets": len(assets), "buildings": sum(asset.top_class == "A01" for asset in assets),
        "reuse_needed": usable and max(nets, default=Decimal(0)) >= limits["reuse_yuan"],
    }  # fmt: skip


def _decider(case: CaseView) -> str:
    return "、".join(each["person"] for each in case.opinions if each["stage"] == "decide")[:80]


def _effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Enter the decision: the assets wait for its execution; a loss is written off at once."""
    values, rows = case.values, case.values["rows"]
    disposal = disposals.enter_disposal(
        actor, unit=case.unit, kind=values["kind"], assets=case_rows.listed(case.unit, rows), why=values["reason"][:300],
        document_no=case.document_no, decided_on=timezone.localdate(), decided_by=_decider(case), to_unit=_unit(values),
        receiver=values.get("receiver") or "", appraised_yuan=_appraised(values),
        appraiser=values.get("appraiser") or "", case=case.code,
    )  # fmt: skip
    name = disposal.get_kind_display()
    done = "资产已核销" if values["kind"] == DisposalKind.LOSS else "资产列为待处置，请及时实施并登记处置结果"
    return {
        "text": f"批准{name}资产 {disposal.count} 件、原值 {disposal.original_value:,.2f} 元（{disposal.code}），{done}。",
        "links": [{"type": "assets.disposal", "id": disposal.pk, "label": disposal.code}],
    }


def _table(assets: list[Asset]) -> tuple[list[str], list[list[str]]]:
    if len(assets) <= LISTED:
        rows = [
            [str(number), asset.code, asset.name, f"{asset.original_value:,.2f}", f"{net_on(asset):,.2f}"]
            for number, asset in enumerate(assets, 1)
        ]
        return ["序号", "资产编号", "资产名称", "原值（元）", "净值（元）"], rows
    groups: dict[str, list[Asset]] = defaultdict(list)
    for asset in assets:
        groups[asset.top_class].append(asset)
    rows = [
        [f"{code} {TopClass(code).label}", str(len(group)), f"{sum(asset.original_value for asset in group):,.2f}",
         f"{sum(net_on(asset) for asset in group):,.2f}"]
        for code, group in sorted(groups.items())
    ]  # fmt: skip
    return ["资产大类", "数量（件）", "原值（元）", "净值（元）"], rows


def _document(case: CaseView) -> Mapping[str, Any]:
    assets = case_rows.listed(case.unit, case.values["rows"])
    name = DisposalKind(case.values["kind"]).label
    total = sum((asset.original_value for asset in assets), Decimal(0))
    columns, table = _table(assets)
    whole = "" if len(assets) <= LISTED else f"（逐项清单见办件 {case.code}）"
    return {
        "title": f"关于{case.unit.name}\n国有资产{name}的批复", "to": case.unit.name,
        "paragraphs": [
            f"你单位关于国有资产{name}的申请（办件编号 {case.code}）收悉。经审查，现批复如下：",
            f"同意你单位{name}资产 {len(assets)} 件，账面原值合计 {total:,.2f} 元{whole}（见附表）。",
            "请按照规定公开、规范实施处置，及时核销台账并进行会计处理；处置收入按照政府非税收入管理规定上缴国库。",
        ],
        "basis": [reference.cite("assets.law.disposal_basis"), reference.cite("assets.law.revenue")],
        "columns": columns, "table": table,
    }  # fmt: skip


def _disposable(actor: Actor, unit: Any, text: str) -> list[Choice]:
    return case_rows.offered(case_rows.free(unit), text)


DISPOSAL_WORK = ItemWork(
    code="assets.asset_disposal", prefill=_prefill, check=_check, facts=_facts, effect=_effect, document=_document,
    lookups={"disposable_assets": _disposable},
)  # fmt: skip
