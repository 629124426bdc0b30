"""Verbs of asset cards: register, edit, hand over, lay idle, revalue, depreciate otherwise. SPEC L1.1, L1.2."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import DepreciationKind, Method
from ..lifecycle import EXECUTE, MANAGE
from ..models import Asset, DisposalItem
from ..queries.values import accumulated_on, months_booked
from .card_rules import CardRules
from .numbering import numbered


def taken(codes: Iterable[str]) -> set[str]:
    """Return which of the codes are on anybody's books: they are unique in the whole city."""
    with system("assets.cards").acting():
        return set(Asset.objects.filter(code__in=list(codes)).order_by().values_list("code", flat=True))


def _check_keeping(unit: Unit, user_unit: Unit | None, custodian: Person | None) -> None:
    """The user division and the custodian belong to the organ that holds the asset (条例 第十五条)."""
    if user_unit is not None and not unit.pos <= user_unit.pos <= unit.pos_end:
        raise Invalid("使用处室须为该单位的内设机构。", fields={"user_unit": "使用处室须为该单位的内设机构。"})
    if custodian is not None and not unit.pos <= custodian.scope_pos <= unit.pos_end:
        raise Invalid("保管人须为该单位人员。", fields={"custodian": "保管人须为该单位人员。"})


@transaction.atomic
def register(
    actor: Actor, *, rules: CardRules | None = None, reason: str = "", name_of_act: str = "登记", **values: Any
) -> Asset:
    """登记资产: put an asset on its organ's books, in use (or ``state="idle"``).

    ``values["code"]`` is the organ's own number or empty for the next one of ours. ``rules`` are handed on by those who
    register many. Raises ``Invalid`` for a class, kind of depreciation or years that no rule allows, ``Conflict`` for a
    number that is taken.
    """
    actor.require(MANAGE, values["unit"])
    values = (rules or CardRules()).completed(values)
    _check_keeping(values["unit"], values.get("user_unit"), values.get("custodian"))
    number = numbered("ZC", Asset)
    values |= {"id": number["id"], "code": (values.get("code") or "").strip() or number["code"]}
    try:
        with transaction.atomic():
            return ledger.create(Asset, actor, values, name=name_of_act, reason=reason)
    except IntegrityError as error:
        if "code" not in str(error):
            raise
        message = "该资产编号已在台账中。"
        raise Conflict(message, code="code_taken", fields={"code": message}) from error


@transaction.atomic
def edit(actor: Actor, asset: Asset, *, version: int | None = None, reason: str = "", **values: Any) -> Asset:
    """变更卡片: what describes the asset. Value, depreciation, keeping and state have verbs of their own."""
    actor.require(MANAGE, asset)
    _require_on_books(asset)
    if "class_code" in values and values["class_code"] != asset.class_code:
        rules = CardRules()
        values |= rules.classified(values["class_code"])
        if not asset.nominal:
            rules.check_kind(values["class_code"], asset.depreciation_kind)
    return ledger.change(asset, actor, values, version=version, reason=reason)


def _require_on_books(asset: Asset) -> None:
    if asset.state == "disposed":
        raise Conflict("该资产已处置核销，不能再变更。", code="state_changed")


@transaction.atomic
def hand_over(
    actor: Actor, asset: Asset, *, user_unit: Unit | None, custodian: Person | None, place: str = "", reason: str = ""
) -> Asset:
    """交接: another division uses it, another person keeps it, it stands elsewhere (条例 第十五条)."""
    actor.require(MANAGE, asset)
    _require_on_books(asset)
    _check_keeping(asset.unit, user_unit, custodian)
    values = {"user_unit": user_unit, "custodian": custodian, "place": place}
    return ledger.change(asset, actor, values, name="交接", code="hand_over", reason=reason)


@transaction.atomic
def lay_idle(actor: Actor, asset: Asset, *, reason: str) -> Asset:
    """转为闲置."""
    actor.require(MANAGE, asset)
    return ledger.move(asset, "lay_idle", actor, reason=reason)


@transaction.atomic
def take_up(actor: Actor, asset: Asset) -> Asset:
    """启用: an idle asset is used again."""
    actor.require(MANAGE, asset)
    return ledger.move(asset, "take_up", actor)


@transaction.atomic
def await_disposal(actor: Actor, asset: Asset, *, reason: str, case: str = "") -> Asset:
    """列入待处置: lined up for disposal; it stays on the books until the disposal is executed."""
    actor.require(MANAGE, asset)
    return ledger.move(asset, "await_disposal", actor, reason=reason, case=case)


@transaction.atomic
def put_back(actor: Actor, asset: Asset, *, reason: str) -> Asset:
    """撤出待处置. Refused while a decided disposal covers it."""
    actor.require(MANAGE, asset)
    Asset.objects.select_for_update(no_key=True).filter(pk=asset.pk).first()
    bound = DisposalItem.objects.filter(asset=asset, open=True).select_related("disposal").first()
    if bound is not None:
        raise Conflict(f"该资产在处置批复 {bound.disposal.code} 中，请先实施或撤销批复。", code="disposal_open")
    return ledger.move(asset, "put_back", actor, reason=reason)


@transaction.atomic
def dispose(actor: Actor, asset: Asset, *, kind: str, on: date, reason: str, case: str = "") -> Asset:
    """处置核销: the asset leaves the books on a day; depreciation stops with the month before (条例 第三十五条)."""
    actor.require(EXECUTE, asset)
    if on < asset.acquired_on:
        message = f"处置日期不能早于取得日期（{asset.code}，{asset.acquired_on:%Y-%m-%d}）。"
        raise Invalid(message, fields={"executed_on": message})
    return ledger.move(
        asset, "dispose", actor, reason=reason, case=case, disposed_on=on, disposal_kind=kind, custodian=None
    )


def _new_term(asset: Asset, original: Decimal, months: int) -> dict[str, Any]:
    """Return the term that begins with the first month not booked yet: what is left over the months that are left."""
    today = timezone.localdate()
    before = accumulated_on(asset, today)
    if original < before:
        message = f"原值不能低于已计提的累计折旧 {before:,.2f} 元。"
        raise Invalid(message, fields={"original_value": message})
    straight = asset.method == Method.STRAIGHT
    begun = max(first_of_month(today), asset.term_from)
    return {
        "term_from": begun, "term_before": before, "term_months": months,
        "term_base": original - before if straight else Decimal(0),
    }  # fmt: skip


@transaction.atomic
def revalue(
    actor: Actor, asset: Asset, *, original_value: Decimal, reason: str, left_months: int | None = None
) -> Asset:
    """价值变动: another original value from now on (改建、扩建、价值更正); what was written off stays.

    The rest is written off over the months that are left, or over ``left_months``. Raises ``Invalid`` when the card is
    written off already and no months are given, or when the value is below what was written off.
    """
    actor.require(MANAGE, asset)
    _require_on_books(asset)
    left = asset.term_months - months_booked(asset, timezone.localdate()) if left_months is None else left_months
    if asset.method == Method.STRAIGHT and left <= 0:
        message = "该资产已提足折旧，请填写剩余折旧月数。"
        raise Invalid(message, code="written_off", fields={"left_months": message})
    values = _new_term(asset, original_value, max(left, 0)) | {"original_value": original_value, "nominal": False}
    return ledger.change(asset, actor, values, name="价值变动", code="revalue", reason=reason)


@transaction.atomic
def change_terms(actor: Actor, asset: Asset, *, depreciation_kind: str, useful_years: int | None, reason: str) -> Asset:
    """调整折旧: another kind or other years from now on. The years count from the beginning of use.

    Raises ``Invalid`` when the years are below the rule or over already.
    """
    actor.require(MANAGE, asset)
    _require_on_books(asset)
    if asset.nominal:
        raise Conflict("以名义金额计量的资产不计提折旧。", code="nominal")
    rules = CardRules()
    rules.check_kind(asset.class_code, depreciation_kind)
    today = timezone.localdate()
    if depreciation_kind == DepreciationKind.NONE:
        values = {
            "method": Method.NONE, "term_before": accumulated_on(asset, today), "term_base": Decimal(0), "term_months": 0,
            "term_from": first_of_month(today),
        }  # fmt: skip
    else:
        whole = rules.months(depreciation_kind, useful_years)
        used = max(0, (today.year - asset.acquired_on.year) * 12 + today.month - asset.acquired_on.month)
        if whole <= used:
            message = f"该资产已使用 {used} 个月，调整后的年限须更长。"
            raise Invalid(message, code="years", fields={"useful_years": message})
        before = accumulated_on(asset, today)
        values = {
            "method": Method.STRAIGHT, "term_before": before, "term_base": asset.original_value - before,
            "term_months": whole - used, "term_from": max(first_of_month(today), asset.term_from),
        }  # fmt: skip
    values["depreciation_kind"] = depreciation_kind
    return ledger.change(asset, actor, values, name="调整折旧", code="change_terms", reason=reason)
