"""权属划转: assets go from one organ to another (条例 第二十二条)."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Invalid

from ..lifecycle import HOLD
from ..models import Asset, HolderChange
from ..queries.values import net_on
from .telling import tell_receiver


@transaction.atomic
def change_holder(
    actor: Actor, asset: Asset, *, to_unit: Unit, cause: str, changed_on: date, reason: str, document_no: str = "",
    case: str = "",
) -> Asset:  # fmt: skip
    """权属划转: the asset leaves the organ's books and stands on another's, idle until that organ takes it up.

    The permission is asked over the giving organ; the receiving one's consent is among the papers of the decision.
    """
    actor.require(HOLD, asset)
    before = asset.unit
    asset = carry_over(
        asset, actor, to_unit=to_unit, cause=cause, changed_on=changed_on, reason=reason, document_no=document_no,
        case=case,
    )  # fmt: skip
    tell_receiver(1, from_unit=before, to_unit=to_unit, document_no=document_no, key=f"{asset.pk}/{asset.version}")
    return asset


@transaction.atomic
def carry_over(
    asset: Asset, actor: Actor, *, to_unit: Unit, cause: str, changed_on: date, reason: str, document_no: str = "",
    case: str = "",
) -> Asset:  # fmt: skip
    """Move the asset to the organ and write the change down; whoever calls has asked for the permission.

    The rows are written under the system's scope, because the receiving organ is rarely within the actor's.
    """
    if to_unit.pk == asset.unit_id:
        raise Invalid("接收单位须为其他单位。", code="same_unit", fields={"to_unit": "接收单位须为其他单位。"})
    if to_unit.kind not in ("organ", "district", "city"):
        raise Invalid("接收单位须为机关单位，不能是内设机构。", fields={"to_unit": "接收单位须为机关单位。"})
    if not asset.acquired_on <= changed_on <= timezone.localdate():
        message = "划转日期应在取得日期与今天之间。"
        raise Invalid(message, fields={"changed_on": message})
    values = {
        "asset": asset, "asset_code": asset.code, "asset_name": asset.name, "from_unit": asset.unit,
        "from_pos": asset.scope_pos, "unit": to_unit, "changed_on": changed_on, "cause": cause,
        "original_value": asset.original_value, "net_value": net_on(asset, changed_on), "document_no": document_no,
        "case": case,
    }  # fmt: skip
    with system("assets.carry_over").acting():
        asset = ledger.move(
            asset, "change_holder", actor, reason=reason, case=case, unit=to_unit, user_unit=None, custodian=None,
            place="", title=None,
        )  # fmt: skip
        ledger.create(HolderChange, actor, values, name="划转", reason=reason, case=case)
    return asset
