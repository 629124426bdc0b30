"""Verbs of seals: one person uploads, another puts into use; the old one is out of use in that moment."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid

from . import sealing, typesetting
from .codes import SEAL_ACTIVATE, SEAL_UPLOAD
from .declare import SEAL_PURPOSES
from .models import Seal

PICTURES = ("image/png", "image/jpeg")
DIAMETERS_MM = (20, 60)


@transaction.atomic
def upload(
    actor: Actor, *, unit: Unit, purpose: str, legend: str, image: Any, valid_from: date, diameter_mm: int = 42
) -> Seal:
    """登记电子印章: a picture of the organ's seal, to be put into use by somebody else."""
    actor.require(SEAL_UPLOAD, unit)
    if purpose not in SEAL_PURPOSES:
        raise Invalid("请选择印章种类。", fields={"purpose": "请选择印章种类。"})
    least, most = DIAMETERS_MM
    if not least <= diameter_mm <= most:
        message = f"直径应在 {least} 至 {most} 毫米之间。"
        raise Invalid(message, fields={"diameter_mm": message})
    name = getattr(image, "name", "") or "印模.png"
    file = files.store(actor, "documents", image, name, unit=unit, permission="documents.seal.view")
    if file.media_type not in PICTURES:
        raise Invalid("印模应为 PNG 或 JPEG 图片。", code="seal_picture", fields={"image": "请上传 PNG 或 JPEG 图片。"})
    with files.read(file) as content:
        if not typesetting.drawable(sealing.framed(content.read(), file.media_type)):
            message = "印模图片已损坏，无法用印，请重新导出后上传。"
            raise Invalid(message, code="seal_picture", fields={"image": message})
    made = ledger.create(
        Seal, actor,
        {
            "unit": unit, "purpose": purpose, "legend": legend.strip(), "file": file, "digest": file.digest,
            "diameter_mm": diameter_mm, "valid_from": valid_from, "uploaded_by_id": actor.account_id,
            "uploader": actor.name,
        },
    )  # fmt: skip
    files.attach(actor, file, made, role="seal")
    return made


@transaction.atomic
def activate(actor: Actor, seal: Seal) -> Seal:
    """启用: not by whoever uploaded it. The organ's seal of that kind in use until now ends the day before."""
    actor.require(SEAL_ACTIVATE, seal)
    if actor.account_id is None or actor.account_id == seal.uploaded_by_id:
        raise Denied("登记印章与启用印章须由两人办理，请由其他审核人员启用。", code="two_people")
    today = timezone.localdate()
    start = max(seal.valid_from, today)
    for old in Seal.objects.filter(unit_id=seal.unit_id, purpose=seal.purpose, state="active"):
        ledger.move(
            old,
            "retire",
            actor,
            reason=f"启用新印章“{seal.legend}”",
            valid_to=max(start - timedelta(days=1), old.valid_from),
        )
    made = ledger.move(
        seal, "activate", actor, activated_by_id=actor.account_id, activator=actor.name, valid_from=start
    )
    _wake()
    return made


def _wake() -> None:
    """Documents that wait for a seal are made as soon as there is one."""
    from .producing import resume

    transaction.on_commit(resume, robust=True)


@transaction.atomic
def reject(actor: Actor, seal: Seal, *, reason: str) -> Seal:
    """不予启用."""
    actor.require(SEAL_ACTIVATE, seal)
    return ledger.move(seal, "reject", actor, reason=reason)


@transaction.atomic
def retire(actor: Actor, seal: Seal, *, reason: str) -> Seal:
    """停用: lost, damaged, or the organ is no more. Documents sealed with it stay as they are."""
    actor.require(SEAL_ACTIVATE, seal)
    if seal.state != "active":
        raise Conflict("只有在用的印章可以停用。", code="seal_state")
    return ledger.move(seal, "retire", actor, reason=reason, valid_to=timezone.localdate())


def seal_for(unit: Unit, purpose: str) -> Seal | None:
    """Return the seal that the organ uses today: of the purpose, or else its official one."""
    with system("documents.seal").transaction():
        rows = Seal.objects.select_related("file").filter(
            unit=unit, state="active", valid_from__lte=timezone.localdate()
        )
        found = {seal.purpose: seal for seal in rows}
    return found.get(purpose) or found.get("official")
