"""Who is told of what happened to assets: the keepers of the organ it concerns, once for each decision."""

from __future__ import annotations

from django.urls import reverse

from zhiguan.kernel.notices import service as notices
from zhiguan.kernel.orgs.service import Unit

from ..lifecycle import EXECUTE, MANAGE
from ..models import Disposal


def tell_receiver(
    count: int, *, from_unit: Unit, to_unit: Unit, document_no: str, key: str, untitled: bool = False
) -> None:
    """Tell the receiving organ's keepers that assets stand on its books now and wait to be taken up; ``untitled``: and
    that the organ has to register its title."""
    title = "本单位尚无有效的产权登记，请在办事大厅申请产权登记。" if untitled else ""
    notices.notify(
        notices.holders(MANAGE, to_unit, unit=to_unit), "assets.holder.receive",
        f"{from_unit.label}划入资产 {count} 件",
        f"批准文号：{document_no or '—'}。资产状态为“闲置”，请核对实物后启用，并办理使用人、保管人交接。{title}",
        f"{reverse('assets.asset')}?state=idle", subject=to_unit, dedupe_key=f"assets.holder.receive/{key}",
    )  # fmt: skip


def tell_decided(disposal: Disposal) -> None:
    """Tell the organ's keepers that a disposal was decided and waits to be executed."""
    unit = disposal.unit
    notices.notify(
        notices.holders(EXECUTE, unit, unit=unit), "assets.disposal.execute",
        f"资产{disposal.get_kind_display()}已批复，待实施",
        f"{disposal.document_no}，资产 {disposal.count} 件。请按规定实施，完成后登记处置结果。",
        reverse("assets.disposal.detail", args=[disposal.pk]), subject=disposal,
        dedupe_key=f"assets.disposal.execute/{disposal.pk}",
    )  # fmt: skip
