"""What title registration (G1) and its change (G2) do in the ledgers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.documents import service as documents
from zhiguan.kernel.flow.declare import CaseView, Choice, ItemWork, Problem
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict

from ..codes import HolderCause, TopClass
from ..items import CHANGE, CHANGES
from ..models import Asset, TitleRegistration
from ..queries.holdings import totals, values_by_class
from . import case_rows, titles
from .holders import carry_over
from .telling import tell_receiver

REGISTERED = ("A01", "A02")
"""Classes with assets whose title is registered one by one: buildings, vehicles among the equipment."""


def _valid(unit: Any) -> TitleRegistration | None:
    return TitleRegistration.objects.filter(unit=unit, state="valid").first()


def _money(text: Any) -> str:
    return f"{Decimal(text):,.2f}"


# --- G1 国有资产产权登记 ------------------------------------------------------------------------------------------------


def _sums(unit: Any, day: Any) -> list[dict[str, Any]]:
    return [
        {"class_code": row["class_code"], "count": row["count"], "original": row["original_value"],
         "accumulated": row["accumulated_depreciation"], "net": row["net_value"]}
        for row in values_by_class(unit, day)
    ]  # fmt: skip


def _title_prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    """The end of last month, the ledger's sums of that day, the buildings."""
    day = timezone.localdate().replace(day=1) - timedelta(days=1)
    houses = Asset.objects.within(unit).filter(top_class="A01").exclude(state="disposed").order_by("code")[:500]
    return {"as_of": day.isoformat(), "sums": _sums(unit, day), "rows": case_rows.prefilled(houses)}


def _title_check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """No valid title yet; the sums are the ledger's of that day; the listed assets are the organ's."""
    held = _valid(unit)
    if held is not None:
        yield Problem("as_of", f"本单位已有有效的产权登记（{held.certificate_no}），请办理产权变动登记。")
    day = case_rows.day_of(values.get("as_of"))
    if day is None:
        return
    if day > timezone.localdate():
        yield Problem("as_of", "登记基准日不能晚于今天。")
        return
    yield from _sums_check(unit, day, values.get("sums") or ())
    yield from case_rows.faults(unit, values.get("rows") or (), free_only=False)


def _sums_check(unit: Any, day: Any, given: Any) -> Iterable[Problem]:
    ledger = {row["class_code"]: row for row in _sums(unit, day)}
    for number, row in enumerate(given, 1):
        wanted, name = ledger.pop(row["class_code"], None), TopClass(row["class_code"]).label
        if wanted is None:
            yield Problem("class_code", f"台账中截至 {day:%Y-%m-%d} 没有{name}。", "sums", number)
        elif any(str(row.get(key)) != str(wanted[key]) for key in ("count", "original", "accumulated", "net")):
            yield Problem(
                "count",
                f"{name}与台账不一致：截至 {day:%Y-%m-%d} 应为 {wanted['count']} 件、原值 {_money(wanted['original'])} 元、"
                f"累计折旧 {_money(wanted['accumulated'])} 元、净值 {_money(wanted['net'])} 元。",
                "sums", number,
            )  # fmt: skip
    for code, wanted in ledger.items():
        what = f"{wanted['count']} 件、原值 {_money(wanted['original'])} 元"
        yield Problem("sums", f"缺少{TopClass(code).label}：截至 {day:%Y-%m-%d} 台账中有 {what}。")


def _title_facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    assets = case_rows.listed(unit, values.get("rows") or ())
    return {
        "buildings": sum(asset.top_class == "A01" for asset in assets),
        "registered_original": sum((asset.original_value for asset in assets), Decimal(0)),
        "visit_yuan": Decimal(str(reference.value("assets.decision.visit_yuan", unit=unit))),
    }


def _title_effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Register the title under the certificate's number; the listed assets stand under it."""
    title = titles.establish_title(
        actor, unit=case.unit, certificate_no=case.document_no, as_of=case_rows.day_of(case.values["as_of"]),
        registered_on=timezone.localdate(), assets=case_rows.listed(case.unit, case.values.get("rows") or ()),
        document_no=case.values["founding"], case=case.code,
    )  # fmt: skip
    text = f"核发国有资产产权登记证 {title.certificate_no}，登记资产 {title.count} 件、原值 {title.original_value:,.2f} 元。"
    return {"text": text, "links": [_link(title)]}


def _link(title: TitleRegistration) -> dict[str, Any]:
    return {"type": "assets.titleregistration", "id": title.pk, "label": title.certificate_no}


def _class_rows(values: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            f"{row['class_code']} {row['name']}",
            str(row["count"]),
            _money(row["original_value"]),
            _money(row["net_value"]),
        ]
        for row in values
    ]


CLASS_COLUMNS = ["资产大类", "数量（件）", "原值（元）", "净值（元）"]


def _title_document(case: CaseView) -> Mapping[str, Any]:
    day = case_rows.day_of(case.values["as_of"])
    sums = totals(values_by_class(case.unit, day))
    return {
        "title": "国有资产产权登记证", "holder": case.unit.name,
        "paragraphs": ["根据《行政事业性国有资产管理条例》，准予登记。"],
        "rows": [
            ["统一社会信用代码", case.values["legal_no"]], ["设立批准文件", case.values["founding"]],
            ["登记种类", "占有登记"], ["登记基准日", f"{day:%Y年%-m月%-d日}"],
            ["资产总量", f"{sums['count']} 件"], ["账面原值", f"{sums['original_value']:,.2f} 元"],
            ["账面净值", f"{sums['net_value']:,.2f} 元"],
        ],
        "columns": CLASS_COLUMNS, "table": _class_rows(values_by_class(case.unit, day)),
        "basis": [reference.cite("assets.law.title")],
    }  # fmt: skip


def _title_assets(actor: Actor, unit: Any, text: str) -> list[Choice]:
    rows = Asset.objects.within(unit).exclude(state="disposed").filter(top_class__in=REGISTERED)
    return case_rows.offered(rows, text)


TITLE_WORK = ItemWork(
    code="assets.asset_title_registration", prefill=_title_prefill, check=_title_check, facts=_title_facts,
    effect=_title_effect, document=_title_document, lookups={"title_assets": _title_assets},
)  # fmt: skip


# --- G2 国有资产产权变动登记 --------------------------------------------------------------------------------------------


def _change_prefill(actor: Actor, unit: Any) -> Mapping[str, Any]:
    held = _valid(unit)
    return {"certificate_no": held.certificate_no if held else "", "changed_on": timezone.localdate().isoformat()}


def _receiver(values: Mapping[str, Any]) -> Unit | None:
    return Unit.objects.open().filter(pk=values["to_unit"]).first() if values.get("to_unit") else None


def _change_check(actor: Actor, unit: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
    """The organ has the title that is to change; what goes over is its own; nothing is left when it is cancelled."""
    held = _valid(unit)
    if held is None:
        yield Problem("certificate_no", "本单位没有有效的产权登记，请先办理产权登记。")
    elif values.get("certificate_no") != held.certificate_no:
        yield Problem("certificate_no", f"本单位有效的登记证号为 {held.certificate_no}。")
    day, rows = case_rows.day_of(values.get("changed_on")), values.get("rows") or ()
    if day is not None and day > timezone.localdate():
        yield Problem("changed_on", "变动日期不能晚于今天。")
    kind = values.get("change_kind")
    if kind == "holder":
        yield from _holder_check(unit, values, rows, day)
    elif rows:
        yield Problem("rows", "只有资产划转须列出资产清单，请删除清单或者改选变动类型。")
    if kind == "cancel":
        left = Asset.objects.within(unit).exclude(state="disposed").count()
        if left:
            yield Problem("change_kind", f"本单位仍有 {left} 件资产在账，请先划转或者处置后再注销登记。")


def _holder_check(unit: Any, values: Mapping[str, Any], rows: Any, day: Any) -> Iterable[Problem]:
    to_unit = _receiver(values)
    if to_unit is None or to_unit.kind not in ("organ", "district", "city") or to_unit.pk == unit.pk:
        yield Problem("to_unit", "接收单位须为本单位以外的机关单位。")
    if not rows:
        yield Problem("rows", "请列出划转的资产。")
    yield from case_rows.faults(unit, rows)
    for number, asset in enumerate(case_rows.listed(unit, rows), 1):
        if day is not None and day < asset.acquired_on:
            yield Problem("asset", f"资产 {asset.code} 的取得日期晚于变动日期。", "rows", number)


def _change_facts(unit: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    assets = case_rows.listed(unit, values.get("rows") or ())
    return {
        "moved_original": sum((asset.original_value for asset in assets), Decimal(0)),
        "moved_buildings": sum(asset.top_class == "A01" for asset in assets),
        "director_yuan": Decimal(str(reference.value("assets.decision.director_yuan", unit=unit))),
    }


def _change_effect(actor: Actor, case: CaseView) -> Mapping[str, Any]:
    """Carry the assets over, then close the old title and open the new one, at both organs; or cancel it."""
    values, today = case.values, timezone.localdate()
    title = _valid(case.unit)
    if title is None:
        raise Conflict("本单位没有有效的产权登记。", code="no_title")
    reason, told, links = f"办件 {case.code}", "", []
    if values["change_kind"] == "cancel":
        record = titles.cancel_title(
            actor, title, certificate_no=case.document_no, registered_on=today, reason=reason,
            document_no=values["document_no"], case=case.code,
        )  # fmt: skip
        return {
            "text": f"登记证 {title.certificate_no} 已注销，注销登记号 {record.certificate_no}。",
            "links": [_link(record)],
        }
    if values["change_kind"] == "holder":
        told, links = _carried(actor, case, title)
    new = titles.replace_title(
        actor, title, certificate_no=case.document_no, as_of=today, registered_on=today, reason=reason,
        document_no=values["document_no"], case=case.code,
    )  # fmt: skip
    return {
        "text": f"{told}登记证 {title.certificate_no} 已变更为 {new.certificate_no}。",
        "links": [_link(title), _link(new), *links],
    }


def _carried(actor: Actor, case: CaseView, title: TitleRegistration) -> tuple[str, list[dict[str, Any]]]:
    """Carry the assets over and change the receiving organ's title too; return what to tell and its links.

    What stood under the giving organ's certificate stands under the receiving one's. An organ without a title gets
    none by a transfer: its first one covers all it holds and is applied for (G1), which its keepers are told.
    """
    values, to_unit, assets = case.values, _receiver(case.values), case_rows.listed(case.unit, case.values["rows"])
    assert to_unit is not None  # the check has just asked
    reason, under = f"办件 {case.code}", {asset.pk for asset in assets if asset.title_id == title.pk}
    moved = [
        carry_over(
            asset, actor, to_unit=to_unit, cause=values["cause"], changed_on=case_rows.day_of(values["changed_on"]),
            reason=reason, document_no=values["document_no"], case=case.code,
        )
        for asset in assets
    ]  # fmt: skip
    told, held = f"划转 {len(moved)} 件资产至{to_unit.name}（{HolderCause(values['cause']).label}）；", _valid(to_unit)
    tell_receiver(
        len(moved), from_unit=case.unit, to_unit=to_unit, document_no=values["document_no"], key=case.code,
        untitled=held is None,
    )  # fmt: skip
    if held is None:
        return f"{told}{to_unit.name}尚未办理产权登记，由该单位另行申请；", []
    today = timezone.localdate()
    number = documents.issue(
        actor, CHANGE.document, _receiver_document(case, held), subject=held, unit=to_unit, case=case.code
    ).number
    kept = Asset.objects.filter(title=held).exclude(state="disposed")
    new = titles.replace_title(
        actor, held, certificate_no=number, as_of=today, registered_on=today, reason=reason,
        assets=[*kept, *(asset for asset in moved if asset.pk in under)], document_no=values["document_no"],
        case=case.code,
    )  # fmt: skip
    return (
        f"{told}{to_unit.name}登记证 {held.certificate_no} 已变更为 {new.certificate_no}；", [_link(held), _link(new)]
    )  # fmt: skip


def _change_document(case: CaseView) -> Mapping[str, Any]:
    """The certificate says what is left after the change."""
    values, cancelled = case.values, case.values["change_kind"] == "cancel"
    held = _valid(case.unit)
    going = {asset.pk for asset in case_rows.listed(case.unit, values.get("rows") or ())}
    rows = _change_rows(held.certificate_no if held else values["certificate_no"], values)
    if going:
        to_unit = _receiver(values)
        rows.append(["划出资产", f"{len(going)} 件，接收单位：{to_unit.name if to_unit else ''}"])
    if cancelled:
        return {
            "title": "国有资产产权注销登记证明", "holder": case.unit.name,
            "paragraphs": ["经审查，准予注销登记，原登记证同时失效。"], "rows": rows, "basis": _change_basis(),
        }  # fmt: skip
    return _changed(case.unit, rows, without=going)


def _receiver_document(case: CaseView, held: TitleRegistration) -> Mapping[str, Any]:
    """The receiving organ's certificate: what it holds once the assets stand on its books."""
    count = len(case.values["rows"])
    rows = _change_rows(held.certificate_no, case.values)
    return _changed(held.unit, [*rows, ["划入资产", f"{count} 件，划出单位：{case.unit.name}"]])


def _change_rows(number: str, values: Mapping[str, Any]) -> list[list[str]]:
    return [
        ["原登记证号", number], ["变动类型", dict(CHANGES)[values["change_kind"]]],
        ["变动批准文件", values["document_no"]],
        ["变动日期", f"{case_rows.day_of(values['changed_on']):%Y年%-m月%-d日}"],
    ]  # fmt: skip


def _change_basis() -> list[str]:
    return [reference.cite("approvals.title_change_registration.legal_basis")]


def _changed(unit: Unit, rows: list[list[str]], without: Collection[int] = ()) -> Mapping[str, Any]:
    return {
        "title": "国有资产产权登记证", "holder": unit.name, "paragraphs": ["经审查，准予变动登记，原登记证同时失效。"],
        "rows": rows, "basis": _change_basis(), "columns": CLASS_COLUMNS,
        "table": _class_rows(values_by_class(unit, timezone.localdate(), without=without)),
    }  # fmt: skip


def _held_assets(actor: Actor, unit: Any, text: str) -> list[Choice]:
    return case_rows.offered(case_rows.free(unit), text)


CHANGE_WORK = ItemWork(
    code="assets.title_change_registration", prefill=_change_prefill, check=_change_check, facts=_change_facts,
    effect=_change_effect, document=_change_document, lookups={"held_assets": _held_assets},
)  # fmt: skip
