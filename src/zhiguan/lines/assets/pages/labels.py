"""二维码标签: labels to stick on assets, as PDF; scanning one leads to its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.documents import service as documents
from zhiguan.kernel.documents.declare import Template
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.errors import NotFound
from zhiguan.kit.pages import MenuItem, ViewPage
from zhiguan.kit.square import square

from .. import queries
from ..codes import TopClass
from ..models import Asset
from .parts import unit_options

VIEW = "assets.asset.view"
MOST = 480
"""Labels in one file: twenty sheets of twenty-four."""
LABELS = Template(
    "assets.asset.label", "资产标签", Path(__file__).parent.parent / "templates" / "assets" / "labels.typ"
)


def _data(request: HttpRequest, assets: list[Asset]) -> dict[str, Any]:
    return {
        "title": "资产标签",
        "labels": [
            {
                "code": asset.code, "name": asset.name, "specification": asset.specification,
                "organ": asset.unit.label, "acquired": f"{asset.acquired_on:%Y-%m-%d}",
                "place": asset.user_unit.name if asset.user_unit_id else asset.place,
                "square": square(request.build_absolute_uri(reverse("assets.asset.scan", args=[asset.code]))),
            }
            for asset in assets
        ],
    }  # fmt: skip


def _pdf(request: HttpRequest, assets: list[Asset], name: str) -> HttpResponse:
    made = documents.render(LABELS, _data(request, assets))
    for asset in assets[:1]:
        trace.record_read(request.actor, "assets.asset.print", asset, [f"{len(assets)} 张标签"])  # type: ignore[attr-defined]
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return answer


def _chosen(request: HttpRequest) -> tuple[QuerySet[Asset], dict[str, Any]]:
    """Return the cards that the address asks for, and what the form shows again."""
    query: QueryDict = request.GET
    rows = queries.assets(request.actor).exclude(state="disposed")  # type: ignore[attr-defined]
    units = [tuple(each) for each in unit_options(VIEW)(request.actor)]  # type: ignore[attr-defined]
    unit = query.get("unit", "")
    for key, _, lo, hi in units:
        if str(key) == unit:
            rows = rows.filter(scope_pos__range=(lo, hi))
    kind = query.get("top_class", "")
    rows = rows.filter(top_class=kind) if kind in TopClass.values else rows
    first, last = (query.get(name, "").replace("\x00", "").strip()[:32] for name in ("from", "to"))
    rows = rows.filter(code__gte=first) if first else rows
    rows = rows.filter(code__lte=last) if last else rows
    shown = {"units": [(str(key), name) for key, name, _, _ in units], "unit": unit, "classes": TopClass.choices,
             "top_class": kind, "from": first, "to": last}  # fmt: skip
    return rows.select_related("unit", "user_unit").order_by("code"), shown


def labels(request: HttpRequest) -> HttpResponse:
    """Choose what to print; ``?pdf=1`` prints the first 480."""
    rows, shown = _chosen(request)
    if request.GET.get("pdf"):
        assets = list(rows[:MOST])
        if not assets:
            raise NotFound("没有符合条件的资产。")
        return _pdf(request, assets, "labels")
    count = rows.count()
    last = rows.values_list("code", flat=True)[MOST - 1 : MOST].first() if count > MOST else None
    return render(request, "assets/labels.html", {
        **shown, "count": f"{count:,}" if count else "", "more": count > MOST, "rest": count > 6, "most": MOST,
        "last": last, "sheets": -(-min(count, MOST) // 24), "sample": rows[:6],
        "address": f"{request.path}?{request.GET.urlencode()}&pdf=1",
    })  # fmt: skip


def label(request: HttpRequest, pk: int) -> HttpResponse:
    """One asset's label."""
    rows = queries.assets(request.actor).select_related("unit", "user_unit")  # type: ignore[attr-defined]
    asset = rows.filter(pk=pk).first() if pk < 2**63 else None
    if asset is None:
        raise NotFound("该资产不存在，或不在您的数据权限范围内。")
    return _pdf(request, [asset], asset.code)


def scan(request: HttpRequest, code: str) -> HttpResponse:
    """Where a label's square leads: the card, for those who may see it."""
    key = queries.assets(request.actor).filter(code=code[:32]).values_list("pk", flat=True).first()  # type: ignore[attr-defined]
    if key is None:
        raise NotFound("没有这件资产，或不在您的数据权限范围内。")
    return HttpResponseRedirect(reverse("assets.asset.detail", args=[key]))


LABEL_LIST = ViewPage(
    code="assets.label", path="assets/label/", title="打印标签", permission=VIEW, view=labels, parent="assets.asset",
    menu=MenuItem("assets", order=50, icon="qrcode"),
)  # fmt: skip
LABEL = ViewPage(
    code="assets.asset.label", path="assets/asset/<int:pk>/label/", title="资产标签", permission=VIEW, view=label,
)  # fmt: skip
SCAN = ViewPage(
    code="assets.asset.scan", path="assets/scan/<str:code>/", title="扫码查资产", permission=VIEW, view=scan,
)  # fmt: skip
