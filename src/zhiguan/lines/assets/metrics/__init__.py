"""Indicators of state-owned assets, each defined once. SPEC D10, L1.1, L1.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import ExtractMonth, ExtractYear
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share
from zhiguan.kernel.reference.service import cite

from ..codes import DisposalKind, TopClass
from ..lifecycle import ASSET
from ..models import Asset, Disposal, TitleRegistration
from ..queries.values import month_index, net, valued

BUREAU = "机关事务管理局资产管理部门"
LEDGER = "国有资产台账"
BY_LAW, WRITE_OFF, REVENUE = cite("assets.law.ledger"), cite("assets.law.write_off"), cite("assets.law.revenue")
HELD = {code: name for code, name in ASSET.states.items() if code != "disposed"}
OWN = {"top_class": "top_class", "state": "state"}
KINDS = {"choices": {"top_class": dict(TopClass.choices), "state": HELD}, "dimension_names": {"top_class": "资产大类"}}
GONE = {"choices": {"kind": dict(DisposalKind.choices)}, "dimension_names": {"kind": "处置方式"}}
WHERE = ("organ", "district", "top_class", "state")


def _held(query: MetricQuery) -> QuerySet[Asset]:
    rows = query.narrow(Asset.objects.exclude(state="disposed"))
    return rows.filter(**{name: query.dims[name] for name in OWN if name in query.dims})


def _summed(query: MetricQuery, rows: QuerySet, value: Any) -> Value | list[Group]:
    if query.group_by:
        return breakdown(query, rows, columns=OWN, value=value)
    return rows.order_by().aggregate(total=value)["total"] or Decimal(0)


def _counted(query: MetricQuery, rows: QuerySet) -> Value | list[Group]:
    return breakdown(query, rows, columns=OWN) if query.group_by else rows.count()


def _count(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, _held(query))


def _original(query: MetricQuery) -> Value | list[Group]:
    return _summed(query, _held(query), Sum("original_value"))


def _net(query: MetricQuery) -> Value | list[Group]:
    return _summed(query, _held(query), Sum(net()))


def _idle_share(query: MetricQuery) -> Value | list[Group]:
    rows = _held(query)
    idle, all_ = (_summed(query, each, Sum("original_value")) for each in (rows.filter(state="idle"), rows))
    return ratio(idle, all_) if query.group_by else share(idle, all_)  # type: ignore[arg-type]


def _written_off(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, valued(_held(query)).filter(method="straight", net_value=0))


def _age(query: MetricQuery) -> Value | list[Group]:
    """Sum of the ages in years over the number of cards."""
    rows = _held(query)
    months = Sum(month_index(timezone.localdate()) - ExtractYear("acquired_on") * 12 - ExtractMonth("acquired_on"))
    if not query.group_by:
        return share(float(rows.order_by().aggregate(total=months)["total"] or 0) / 12, rows.count())
    return ratio(breakdown(query, rows, columns=OWN, value=months / 12.0), breakdown(query, rows, columns=OWN))


def _disposed(query: MetricQuery) -> Value | list[Group]:
    rows = query.on_days(query.narrow(Asset.objects.filter(state="disposed")), "disposed_on")
    rows = rows.filter(disposal_kind=query.dims["kind"]) if "kind" in query.dims else rows
    if query.group_by:
        return breakdown(query, rows, time="disposed_on", columns={"kind": "disposal_kind"})
    return rows.count()


def _proceeds(query: MetricQuery) -> Value | list[Group]:
    rows = query.on_days(query.narrow(Disposal.objects.filter(executed_on__isnull=False)), "executed_on")
    rows = rows.filter(kind=query.dims["kind"]) if "kind" in query.dims else rows
    if query.group_by:
        return breakdown(query, rows, time="executed_on", columns={"kind": "kind"}, value=Sum("proceeds_yuan"))
    return rows.order_by().aggregate(total=Sum("proceeds_yuan"))["total"] or Decimal(0)


def _due(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(Disposal.objects.filter(state="executed"))
    owed = Sum(F("proceeds_yuan"))
    if query.group_by:
        return breakdown(query, rows, value=owed)
    return rows.order_by().aggregate(total=owed)["total"] or Decimal(0)


def _titles(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(TitleRegistration.objects.filter(state="valid"))
    return breakdown(query, rows) if query.group_by else rows.count()


def _list(page: str, period: str = "", own: tuple[str, ...] = (), **fixed: str) -> Any:
    """Return the address of the list behind a value; ``own`` names dimensions that are filters of the same name."""

    def address(query: MetricQuery) -> str:
        asked = {name: query.dims.get(name) for name in own}
        return query.address(reverse(page), period=period, **{**fixed, **asked})

    return address


def _gone(query: MetricQuery) -> str:
    return query.address(
        reverse("assets.asset"), period="disposed_on", state="disposed", disposal_kind=query.dims.get("kind")
    )


def _card(code: str, name: str, unit: str, formula: str, compute: Any, *, clause: str = BY_LAW, **more: Any) -> Metric:
    """Return an indicator of the cards that are on the books."""
    fixed = more.pop("fixed", {})
    return Metric(
        code=f"assets.{code}", name=name, unit=unit, formula=formula, dimensions=WHERE, source=LEDGER, clause=clause,
        responsible=BUREAU, permission="assets.asset.view", compute=compute,
        rows=_list("assets.asset", own=("top_class", "state"), held="1", **fixed), **KINDS, **more,
    )  # fmt: skip


METRICS = (
    _card("count", "资产数量", "件", "台账中未处置的资产卡片数量", _count),
    _card("original_value", "资产原值", "元", "台账中未处置资产的原值之和", _original, kind="money"),
    _card("net_value", "资产净值", "元", "台账中未处置资产的原值减累计折旧之和，折旧计提至上月末", _net, kind="money"),
    _card(
        "idle_share", "资产闲置率", "", "闲置资产原值 ÷ 未处置资产原值", _idle_share, clause=cite("assets.law.idle_law"),
        kind="percent", direction="lower", additive=False,
    ),
    _card(
        "written_off", "已提足折旧的资产", "件", "按年限平均法计提、净值为零且未处置的资产数量", _written_off,
        fixed={"written_off": "1"}, clause=cite("assets.depreciation.computer"),
    ),
    _card(
        "average_age", "资产平均使用年限", "年", "未处置资产自取得月份起的使用年限之和 ÷ 未处置资产数量", _age,
        kind="number", digits=1, additive=False,
    ),
    Metric(
        code="assets.disposed", name="处置核销资产", unit="件", formula="处置日期在期间内的已处置资产数量",
        dimensions=("organ", "district", "day", "month", "kind"), source=LEDGER, clause=WRITE_OFF, responsible=BUREAU,
        permission="assets.asset.view", compute=_disposed, rows=_gone, **GONE,
    ),
    Metric(
        code="assets.proceeds", name="资产处置收入", unit="元", formula="实施日期在期间内的资产处置收入之和",
        dimensions=("organ", "district", "day", "month", "kind"), source="资产处置台账", clause=REVENUE,
        responsible=BUREAU, permission="assets.disposal.view", compute=_proceeds, kind="money",
        rows=_list("assets.disposal", "executed_on", ("kind",)), **GONE,
    ),
    Metric(
        code="assets.proceeds_due", name="待上缴处置收入", unit="元", formula="已实施而尚未上缴国库的资产处置收入之和",
        dimensions=("organ", "district"), source="资产处置台账", clause=REVENUE, responsible=BUREAU, direction="lower",
        permission="assets.disposal.view", compute=_due, kind="money", rows=_list("assets.disposal", state="executed"),
    ),
    Metric(
        code="assets.titles", name="有效产权登记", unit="件", formula="状态为有效的产权登记数量",
        dimensions=("organ", "district"), source="产权登记台账", clause=cite("assets.law.title"), responsible=BUREAU,
        permission="assets.title.view", compute=_titles, rows=_list("assets.title", state="valid"),
    ),
)  # fmt: skip
