"""Verbs of title registration (产权登记): establish, change, cancel. SPEC G1, G2."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import TitleKind
from ..lifecycle import TITLE_MANAGE
from ..models import Asset, TitleRegistration
from ..queries.holdings import totals, values_by_class


def _check_dates(as_of: date, registered_on: date) -> None:
    if registered_on > timezone.localdate():
        raise Invalid("登记日期不能晚于今天。", fields={"registered_on": "登记日期不能晚于今天。"})
    if as_of > registered_on:
        raise Invalid("登记基准日不能晚于登记日期。", fields={"as_of": "登记基准日不能晚于登记日期。"})


def _create(actor: Actor, name: str, reason: str, values: dict[str, Any]) -> TitleRegistration:
    try:
        with transaction.atomic():
            return ledger.create(
                TitleRegistration, actor, values, name=name, reason=reason, case=values.get("case", "")
            )
    except IntegrityError as error:
        if "certificate_no" in str(error):
            message = "该登记证号已使用。"
            raise Conflict(message, code="certificate_taken", fields={"certificate_no": message}) from error
        raise Conflict("该单位已有有效的产权登记，请办理变动登记。", code="title_present") from error


def _put_under(actor: Actor, assets: Iterable[Asset], title: TitleRegistration | None, case: str) -> None:
    for asset in assets:
        if asset.title_id != (title.pk if title else None):
            ledger.change(asset, actor, {"title": title}, name="产权登记" if title else "产权注销", case=case)


def _require_held(unit: Unit, assets: list[Asset]) -> None:
    for asset in assets:
        if not unit.pos <= asset.scope_pos <= unit.pos_end:
            raise Invalid(
                f"资产 {asset.code} 不在该单位账上。",
                code="not_held",
                fields={"assets": f"{asset.code} 不在该单位账上。"},
            )
        if asset.state == "disposed":
            raise Conflict(f"资产 {asset.code} 已处置核销。", code="state_changed")


@transaction.atomic
def establish_title(
    actor: Actor, *, unit: Unit, certificate_no: str, as_of: date, registered_on: date, assets: Iterable[Asset] = (),
    document_no: str = "", note: str = "", case: str = "",
) -> TitleRegistration:  # fmt: skip
    """占有登记: an organ's title with counts and sums by class as of a day; the listed assets get the certificate.

    Raises ``Conflict`` when the organ has a valid title or the number is taken.
    """
    actor.require(TITLE_MANAGE, unit)
    _check_dates(as_of, registered_on)
    assets = list(assets)
    _require_held(unit, assets)
    values = values_by_class(unit, as_of)
    title = _create(actor, "占有登记", "", {
        "unit": unit, "kind": TitleKind.ESTABLISHMENT, "certificate_no": certificate_no, "as_of": as_of,
        "registered_on": registered_on, "values": values, **totals(values), "document_no": document_no, "note": note,
        "case": case,
    })  # fmt: skip
    _put_under(actor, assets, title, case)
    return title


@transaction.atomic
def replace_title(
    actor: Actor, title: TitleRegistration, *, certificate_no: str, as_of: date, registered_on: date, reason: str,
    assets: Iterable[Asset] | None = None, document_no: str = "", note: str = "", case: str = "",
) -> TitleRegistration:  # fmt: skip
    """变动登记: the old title is closed, a new one with today's figures takes its place.

    ``assets`` are those under the new certificate; without them, those under the old one that the organ still holds.
    Returns the new title.
    """
    actor.require(TITLE_MANAGE, title)
    _check_dates(as_of, registered_on)
    old = ledger.move(title, "replace", actor, reason=reason, case=case)
    under = list(Asset.objects.filter(title=old))
    kept = [asset for asset in under if asset.state != "disposed"] if assets is None else list(assets)
    _require_held(old.unit, kept)
    values = values_by_class(old.unit, as_of)
    new = _create(actor, "变动登记", reason, {
        "unit": old.unit, "kind": TitleKind.CHANGE, "certificate_no": certificate_no, "as_of": as_of,
        "registered_on": registered_on, "values": values, **totals(values), "previous": old, "document_no": document_no,
        "note": note, "case": case,
    })  # fmt: skip
    keys = {asset.pk for asset in kept}
    _put_under(actor, [asset for asset in under if asset.pk not in keys], None, case)
    _put_under(actor, kept, new, case)
    return new


@transaction.atomic
def cancel_title(
    actor: Actor, title: TitleRegistration, *, certificate_no: str, registered_on: date, reason: str,
    document_no: str = "", case: str = "",
) -> TitleRegistration:  # fmt: skip
    """注销登记: the title ends without a successor; the registration of it is written down with a number of its own."""
    actor.require(TITLE_MANAGE, title)
    _check_dates(registered_on, registered_on)
    old = ledger.move(title, "cancel", actor, reason=reason, case=case)
    record = _create(actor, "注销登记", reason, {
        "unit": old.unit, "kind": TitleKind.CANCELLATION, "certificate_no": certificate_no, "as_of": registered_on,
        "registered_on": registered_on, "values": [], "previous": old, "document_no": document_no, "case": case,
        "state": "cancelled",
    })  # fmt: skip
    _put_under(actor, Asset.objects.filter(title=old), None, case)
    return record
