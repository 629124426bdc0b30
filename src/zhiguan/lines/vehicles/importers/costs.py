"""Bulk imports of costs: our own workbook, and the statements of card companies by their configured layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.importing.reading import heading_text
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from ..codes import CostKind, CostSource, EnergyKind
from ..domain import costs, register, statements
from ..models import CostEntry, EnergyCard, EnergyRecord, StatementProfile, Vehicle

LARGEST = Decimal("9999999.99")


def _plate(cell: Any, actor: Actor) -> str:
    try:
        return register.clean_plate(str(cell))
    except Invalid as refusal:
        raise ValueError(refusal.message) from refusal


def _vehicles(plates: Iterable[str]) -> dict[str, Vehicle]:
    rows = Vehicle.objects.filter(plate__in=set(plates)).select_related("unit")
    return {row.plate: row for row in rows}


def _cards(numbers: Iterable[str]) -> dict[str, EnergyCard]:
    rows = EnergyCard.objects.filter(number__in=set(numbers)).select_related("vehicle__unit")
    return {row.number: row for row in rows}


def _batch(word: str) -> str:
    return f"{word} {timezone.localtime():%Y-%m-%d %H:%M}"


def _check_vehicle(row: ImportRow, column: str, vehicle: Vehicle | None, actor: Actor, day: Any) -> Iterable[Problem]:
    if vehicle is None:
        yield row.problem(column, "台账中没有这辆车，或不在您的数据权限范围内")
    elif not actor.scope(costs.MANAGE).covers(vehicle.scope_pos):
        yield row.problem(column, "该车不在您的数据权限范围内")
    elif vehicle.disposed_on is not None and day > vehicle.disposed_on:
        yield row.problem(column, f"该车已于 {vehicle.disposed_on:%Y-%m-%d} 处置")


# --- our own workbook -------------------------------------------------------------------------------------------------


def _check_costs(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    vehicles, today = _vehicles(row["plate"] for row in rows), timezone.localdate()
    for row in rows:
        yield from _check_vehicle(row, "plate", vehicles.get(row["plate"]), actor, row["spent_on"])
        if row["spent_on"] > today:
            yield row.problem("spent_on", "发生日期不能晚于今天")


def _cost_values(rows: Sequence[ImportRow]) -> list[dict[str, Any]]:
    vehicles = _vehicles(row["plate"] for row in rows)
    names = ("kind", "spent_on", "amount_yuan", "payee", "item", "invoice_no", "note")
    return [
        {"vehicle": vehicles[row["plate"]], "source": CostSource.IMPORT, **{name: row[name] for name in names}}
        for row in rows
    ]


def _apply_costs(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    done = statements.import_costs(actor, _cost_values(rows), batch=_batch("费用表"), progress=progress)
    return done.booked


def _known(digests: Iterable[str]) -> int:
    return CostEntry.objects.filter(digest__in=list(digests)).count()


def _remark_costs(rows: Sequence[ImportRow], actor: Actor) -> Iterable[str]:
    values = _cost_values(rows)
    known = _known(
        costs.cost_digest(v["vehicle"], v["kind"], v["spent_on"], v["amount_yuan"], v["item"], v["invoice_no"])
        for v in values
    )
    if known:
        yield f"其中 {known} 条已经登记过，导入时自动跳过"
    yield "与已登记费用相似的，导入后列入“疑似重复费用”，逐条判定后才计入"


COST_IMPORT = Importer(
    columns=(
        ImportColumn("plate", "车牌号", required=True, parser=_plate, max_length=12, example="沪A12345"),
        ImportColumn("kind", "费用类别", required=True, kind="choice", example="通行费",
                     choices=[pair for pair in CostKind.choices if pair[0] != CostKind.ENERGY]),
        ImportColumn("spent_on", "发生日期", required=True, kind="date", example="2026-03-01"),
        ImportColumn("amount_yuan", "金额（元）", required=True, kind="money", minimum=Decimal("0.01"), maximum=LARGEST,
                     example=35),
        ImportColumn("payee", "收款单位", default="", max_length=80, example="某高速公路公司"),
        ImportColumn("item", "费用事项", default="", max_length=120, example="虹桥至青浦"),
        ImportColumn("invoice_no", "票据号码", default="", max_length=40, example=""),
        ImportColumn("note", "备注", default="", max_length=200, example=""),
    ),
    check=_check_costs,
    apply=_apply_costs,
    remarks=_remark_costs,
    sheet="费用",
    notes=("燃油电费请用“导入对账单”。", "同一车辆、类别、日期、金额、事项和票据号码的费用只登记一次，重复导入自动跳过。"),
)  # fmt: skip


# --- statements of card companies -------------------------------------------------------------------------------------


def profiles() -> list[StatementProfile]:
    """Return the layouts in use."""
    return list(StatementProfile.objects.filter(active=True).order_by("name"))


def _headings() -> set[str]:
    return {heading for profile in profiles() for heading in profile.columns.values()}


def profile_for(header: Sequence[str]) -> StatementProfile | None:
    """Return the layout all of whose headings the file has; of several the one with most."""
    have = {heading_text(title) for title in header}
    fitting = [each for each in profiles() if {heading_text(title) for title in each.columns.values()} <= have]
    return max(fitting, key=lambda each: len(each.columns), default=None)


def _fitting(importer: Importer, header: Sequence[str]) -> Importer:
    """Return the importer whose headings are those of the layout that the file has."""
    profile = profile_for(header)
    if profile is None:
        return importer
    columns = tuple(
        replace(
            column, title=profile.columns.get(column.name, f"{column.title}（本格式没有）"), aliases=(),
            default=profile.kind if column.name == "kind" else column.default,
        )
        for column in importer.columns
    )  # fmt: skip
    return replace(importer, columns=columns)


def _amount(cell: Any, actor: Actor) -> Decimal:
    """Return a quantity or sum as companies write it: 33.50升, ￥251.3."""
    text = str(cell).strip().removesuffix("升").removesuffix("度").removesuffix("元").lstrip("￥¥").replace(",", "")
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise ValueError("应填数字") from error
    if not number.is_finite() or number <= 0:
        raise ValueError("应大于零；冲正和退款请单独处理")
    if number > LARGEST:
        raise ValueError(f"不能大于 {LARGEST}")
    return round(number, 2)


def _check_statement(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    vehicles, cards = _found(rows)
    now = timezone.now()
    for row in rows:
        card = cards.get(row.get("card") or "")
        if row.get("card") and card is None:
            yield row.problem("card", "没有登记这张卡，或不在您的数据权限范围内，请先登记加油充电卡")
            continue
        plate = row.get("plate") or (card.vehicle.plate if card is not None else "")
        if not plate:
            yield row.problem("card", "卡号和车牌号至少要有一项")
            continue
        vehicle = vehicles.get(plate) or (card.vehicle if card is not None and card.vehicle.plate == plate else None)
        yield from _check_vehicle(row, "plate", vehicle, actor, timezone.localdate(row["at"]))
        if card is not None and vehicle is not None and card.vehicle_id != vehicle.pk:
            yield row.problem("plate", f"该卡绑定的车辆是 {card.vehicle.plate}，与所填车牌号不符")
        if row["at"] > now:
            yield row.problem("at", "交易时间不能晚于现在")


def _found(rows: Sequence[ImportRow]) -> tuple[dict[str, Vehicle], dict[str, EnergyCard]]:
    return (
        _vehicles(row["plate"] for row in rows if row.get("plate")),
        _cards(row["card"] for row in rows if row.get("card")),
    )


def _statement_values(rows: Sequence[ImportRow]) -> list[Mapping[str, Any]]:
    vehicles, cards = _found(rows)
    values = []
    for row in rows:
        card = cards.get(row.get("card") or "")
        vehicle = vehicles[row["plate"]] if row.get("plate") else card.vehicle if card is not None else None
        values.append({**row.values, "card": card, "vehicle": vehicle})
    return values


def _apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    values = _statement_values(rows)
    return statements.import_statement(actor, values, batch=_batch("对账单"), progress=progress).booked


def _remark(rows: Sequence[ImportRow], actor: Actor) -> Iterable[str]:
    values = _statement_values(rows)
    digests = [costs.energy_digest(v["vehicle"], v["at"], v["quantity"], v["amount"], v["card"]) for v in values]
    known = EnergyRecord.objects.filter(digest__in=digests).count()
    if known:
        yield f"其中 {known} 条已经登记过，导入时自动跳过"
    yield "与已登记记录时间相近、数量或金额相同的，导入后列入“疑似重复费用”，逐条判定后才计入"


STATEMENT_IMPORT = Importer(
    columns=(
        ImportColumn("at", "交易时间", required=True, kind="datetime", example="2026-03-01 08:30"),
        ImportColumn("card", "卡号", default="", max_length=32, example="1000113100012345678"),
        ImportColumn("plate", "车牌号", default="", parser=_plate, max_length=12, help="有卡号时可不填", example=""),
        ImportColumn("product", "商品名称", default="", max_length=60, example="92号车用汽油"),
        ImportColumn("kind", "类别", kind="choice", choices=EnergyKind.choices, default=EnergyKind.FUEL, example="加油"),
        ImportColumn("quantity", "数量", required=True, parser=_amount, help="升或千瓦时", example=33.5),
        ImportColumn("amount", "金额", required=True, parser=_amount, help="元", example=251.3),
        ImportColumn("station", "网点名称", default="", max_length=80, example="中山西路加油站"),
        ImportColumn("odometer", "里程表读数", kind="integer", minimum=0, maximum=9_999_999, default=None, example=""),
        ImportColumn("serial", "流水号", default="", max_length=40, example=""),
    ),
    check=_check_statement,
    apply=_apply,
    remarks=_remark,
    headings=_headings,
    fitting=_fitting,
    sheet="对账单",
    notes=("可直接上传发卡公司的对账单：列名与已登记的“对账单格式”相符时自动识别，否则请使用本模板。",
           "同一车辆、时间、数量、金额和卡号的记录只登记一次，重复导入自动跳过。"),
)  # fmt: skip
