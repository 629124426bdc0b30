"""Verbs of disposal (资产处置): the decision, its execution, the proceeds. SPEC G3, L1.2."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference.service import cite
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import DisposalKind, HolderCause
from ..lifecycle import APPROVE, EXECUTE
from ..models import Asset, Disposal, DisposalItem
from ..queries.values import net_on
from .holders import carry_over
from .numbering import numbered
from .telling import tell_decided, tell_receiver

APPRAISED = (DisposalKind.TRANSFER, DisposalKind.EXCHANGE)
"""转让、置换须评估 (reference fact ``assets.law.appraisal``)."""
ZERO = Decimal(0)


def check_terms(
    kind: str, unit: Unit, to_unit: Unit | None, receiver: str, appraised_yuan: Decimal | None
) -> dict[str, str]:
    """Return what is wrong with the terms of a disposal, by field."""
    wrong: dict[str, str] = {}
    if kind == DisposalKind.FREE_TRANSFER and to_unit is None and not receiver:
        wrong["to_unit"] = "无偿划转须选择接收单位；划往系统外单位的，填写接收方名称。"
    if to_unit is not None and (kind != DisposalKind.FREE_TRANSFER or to_unit.pk == unit.pk):
        wrong["to_unit"] = "只有无偿划转填写接收单位，且须为其他单位。"
    if kind == DisposalKind.DONATION and not receiver:
        wrong["receiver"] = "对外捐赠须填写受赠人。"
    if kind in APPRAISED and appraised_yuan is None:
        wrong["appraised_yuan"] = f"转让、置换须先评估并填写评估价值（{cite('assets.law.appraisal')}）。"
    return wrong


def _locked(assets: Sequence[Asset], unit: Unit) -> list[Asset]:
    """Return the assets anew, locked in the order of their keys; raises where one may not be disposed of."""
    keys = [asset.pk for asset in assets]
    if not keys:
        raise Invalid("请列出要处置的资产。", code="no_assets", fields={"assets": "请列出要处置的资产。"})
    if len(set(keys)) != len(keys):
        raise Invalid("同一资产只能列一次。", code="asset_twice", fields={"assets": "同一资产只能列一次。"})
    rows = list(Asset.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk"))
    bad = [asset.code for asset in rows if not unit.pos <= asset.scope_pos <= unit.pos_end]
    if bad or len(rows) != len(keys):
        raise Invalid(
            f"资产{'、'.join(bad[:5])}不在该单位账上。", code="not_held", fields={"assets": "有资产不在该单位账上。"}
        )
    gone = [asset.code for asset in rows if asset.state == "disposed"]
    if gone:
        raise Conflict(f"资产 {'、'.join(gone[:5])} 已处置核销。", code="state_changed")
    bound = DisposalItem.objects.filter(asset__in=keys, open=True).select_related("asset", "disposal")[:5]
    if bound:
        listed = "、".join(f"{item.asset.code}（{item.disposal.code}）" for item in bound)
        raise Conflict(f"资产 {listed} 已在其他处置中。", code="disposal_open")
    return rows


@transaction.atomic
def enter_disposal(
    actor: Actor, *, unit: Unit, kind: str, assets: Sequence[Asset], why: str, document_no: str, decided_on: date,
    decided_by: str = "", to_unit: Unit | None = None, receiver: str = "", appraised_yuan: Decimal | None = None,
    appraiser: str = "", case: str = "",
) -> Disposal:  # fmt: skip
    """登记处置批复: what was decided about the listed assets; they wait for execution from now on.

    A write-off of losses has nothing left to execute: its assets leave the books at once. Raises ``Conflict``
    when an asset is in another open disposal, or gone.
    """
    actor.require(APPROVE, unit)
    if wrong := check_terms(kind, unit, to_unit, receiver, appraised_yuan):
        raise Invalid("；".join(wrong.values()), code="terms", fields=wrong)
    if decided_on > timezone.localdate():
        raise Invalid("批复日期不能晚于今天。", fields={"decided_on": "批复日期不能晚于今天。"})
    rows = _locked(assets, unit)
    nets = {asset.pk: net_on(asset, decided_on) for asset in rows}
    disposal = ledger.create(
        Disposal, actor,
        {
            **numbered("CZ", Disposal), "unit": unit, "kind": kind, "why": why, "to_unit": to_unit, "receiver": receiver,
            "document_no": document_no, "decided_by": decided_by, "decided_on": decided_on, "count": len(rows),
            "original_value": sum((asset.original_value for asset in rows), ZERO),
            "net_value": sum(nets.values(), ZERO), "appraised_yuan": appraised_yuan,
            "appraiser": appraiser, "case": case,
        },
        name="处置批复", reason=why, case=case,
    )  # fmt: skip
    try:
        with transaction.atomic():
            DisposalItem.objects.bulk_create(
                DisposalItem(
                    disposal=disposal, unit=unit, asset=asset, original_value=asset.original_value,
                    net_value=nets[asset.pk],
                )
                for asset in rows
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("有资产已在其他处置中，请刷新后再办理。", code="disposal_open") from error
    for asset in rows:
        if asset.state != "awaiting_disposal":
            ledger.move(asset, "await_disposal", actor, reason=f"处置批复 {document_no}", case=case)
    if kind == DisposalKind.LOSS:
        return _carry_out(actor, disposal, executed_on=decided_on, proceeds=ZERO, values={})
    tell_decided(disposal)
    return disposal


def _carry_out(
    actor: Actor, disposal: Disposal, *, executed_on: date, proceeds: Decimal, values: dict[str, object]
) -> Disposal:
    """Take the assets off the books (or over to the receiving organ); without proceeds the disposal is settled."""
    reason, case = f"{disposal.get_kind_display()}，{disposal.document_no}", disposal.case
    items = list(disposal.items.filter(open=True).select_related("asset__unit").order_by("asset_id"))
    for item in items:
        if disposal.to_unit is not None:
            carry_over(
                item.asset, actor, to_unit=disposal.to_unit, cause=HolderCause.REALLOCATION, changed_on=executed_on,
                reason=reason, document_no=disposal.document_no, case=case,
            )  # fmt: skip
        else:
            if executed_on < item.asset.acquired_on:
                message = f"实施日期不能早于资产 {item.asset.code} 的取得日期。"
                raise Invalid(message, fields={"executed_on": message})
            ledger.move(
                item.asset, "dispose", actor, reason=reason, case=case, disposed_on=executed_on,
                disposal_kind=disposal.kind, custodian=None,
            )  # fmt: skip
    disposal.items.filter(open=True).update(open=False)
    if disposal.to_unit is not None:
        tell_receiver(
            len(items), from_unit=disposal.unit, to_unit=disposal.to_unit, document_no=disposal.document_no,
            key=disposal.code,
        )  # fmt: skip
    disposal = ledger.move(
        disposal, "execute", actor, case=case, executed_on=executed_on, proceeds_yuan=proceeds, **values
    )
    return ledger.move(disposal, "settle", actor, case=case) if not proceeds else disposal


@transaction.atomic
def execute_disposal(
    actor: Actor, disposal: Disposal, *, executed_on: date, proceeds_yuan: Decimal | None = None,
    cost_yuan: Decimal | None = None, receiver: str = "", certificate_no: str = "",
) -> Disposal:  # fmt: skip
    """处置实施: the assets leave the books, or stand on the receiving organ's; proceeds are due to the treasury.

    Raises ``Invalid`` when a sale is entered without its proceeds and voucher.
    """
    actor.require(EXECUTE, disposal)
    if not disposal.decided_on <= executed_on <= timezone.localdate():
        message = "实施日期应在批复日期与今天之间。"
        raise Invalid(message, fields={"executed_on": message})
    if disposal.kind == DisposalKind.TRANSFER and (not proceeds_yuan or not certificate_no):
        message = "转让须填写处置收入和成交凭证号。"
        raise Invalid(message, fields={"proceeds_yuan": message})
    disposal = Disposal.objects.select_for_update(no_key=True).get(pk=disposal.pk)  # as it is once others are done
    if disposal.state != "approved":
        raise Conflict(f"当前状态为“{disposal.state_name}”，不能办理“处置实施”。", code="state_changed")
    values = {"cost_yuan": cost_yuan, "certificate_no": certificate_no, "receiver": receiver or disposal.receiver}
    return _carry_out(actor, disposal, executed_on=executed_on, proceeds=proceeds_yuan or ZERO, values=values)


@transaction.atomic
def settle_disposal(actor: Actor, disposal: Disposal, *, remitted_on: date, remittance_no: str) -> Disposal:
    """收入上缴: the proceeds were paid into the treasury (条例 第二十五条); the disposal is done."""
    actor.require(EXECUTE, disposal)
    if disposal.executed_on is not None and not disposal.executed_on <= remitted_on <= timezone.localdate():
        message = "上缴日期应在实施日期与今天之间。"
        raise Invalid(message, fields={"remitted_on": message})
    return ledger.move(disposal, "settle", actor, remitted_on=remitted_on, remittance_no=remittance_no)


@transaction.atomic
def revoke_disposal(actor: Actor, disposal: Disposal, *, reason: str) -> Disposal:
    """撤销批复: before anything was executed; the assets are idle again."""
    actor.require(APPROVE, disposal)
    disposal = ledger.move(disposal, "revoke", actor, reason=reason)
    items = list(disposal.items.filter(open=True).select_related("asset").order_by("asset_id"))
    disposal.items.filter(open=True).update(open=False)
    for item in items:
        if item.asset.state == "awaiting_disposal":
            ledger.move(item.asset, "put_back", actor, reason=f"撤销处置批复 {disposal.document_no}")
    return disposal
