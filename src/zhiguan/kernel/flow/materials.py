"""What a machine can check of a material: type, pages, date, the same file under two names. People judge the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pikepdf

from zhiguan.kernel.files import service as files

from .declare import Material, ServiceItem

PDF = "application/pdf"


def pages_of(stored: Any) -> int | None:
    """Return how many pages a PDF has, one for a picture, None for what has no pages or cannot be opened."""
    if stored.media_type.startswith("image/"):
        return 1
    if stored.media_type != PDF:
        return None
    with files.read(stored) as content:
        try:
            with pikepdf.open(content) as document:
                return len(document.pages)
        except pikepdf.PdfError:
            return None


def checked(
    material: Material, stored: Any, *, dated_on: date | None, same: Sequence[Any], item: ServiceItem, today: date
) -> dict[str, Any]:
    """Return {"pages", "faults"}: what was found, and in Chinese what is wrong with it."""
    faults: list[str] = []
    if stored.media_type not in material.types:
        faults.append(f"文件类型不符合要求（{stored.name}）")
    pages = pages_of(stored)
    if pages is not None and pages < material.min_pages:
        faults.append(f"至少 {material.min_pages} 页，现为 {pages} 页")
    if pages is not None and pages > material.max_pages:
        faults.append(f"最多 {material.max_pages} 页，现为 {pages} 页")
    if material.max_age_days:
        if dated_on is None:
            faults.append("请填写材料日期")
        elif dated_on > today:
            faults.append("材料日期晚于今天")
        elif dated_on < today - timedelta(days=material.max_age_days):
            faults.append(f"材料日期超过 {material.max_age_days} 天")
    names = {each.code: each.name for each in item.materials}
    faults += [f"与材料“{names.get(each.material, each.material)}”是同一个文件" for each in same]
    return {"pages": pages, "faults": faults}
