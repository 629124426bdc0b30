"""Indicators of housing security, each defined once. SPEC D10, L7."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Sum
from django.urls import reverse

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown

from .codes import BY_MONTH, AllowanceKind
from .models import AllowanceRecord, HousingRecord

BUREAU = "机关事务管理局住房保障部门"
CLAUSE = "《在京中央和国家机关进一步深化住房制度改革实施方案》"
KIND = {"choices": {"kind": dict(AllowanceKind.choices)}, "dimension_names": {"kind": "补贴种类"}}


def _allowances(query: MetricQuery, **conditions: Any) -> QuerySet[AllowanceRecord]:
    rows = query.narrow(AllowanceRecord.objects.filter(**conditions))
    return rows.filter(kind=query.dims["kind"]) if "kind" in query.dims else rows


def _records(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(HousingRecord.objects.filter(state="active"))
    return breakdown(query, rows) if query.group_by else rows.count()


def _without(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(HousingRecord.objects.filter(state="active", housing="none"))
    return breakdown(query, rows) if query.group_by else rows.count()


def _receiving(query: MetricQuery) -> Value | list[Group]:
    rows = _allowances(query, state="paying")
    return breakdown(query, rows, columns={"kind": "kind"}) if query.group_by else rows.count()


def _monthly(query: MetricQuery) -> Value | list[Group]:
    rows = _allowances(query, state="paying", kind__in=BY_MONTH)
    if query.group_by:
        return breakdown(query, rows, value=Sum("amount_yuan"), columns={"kind": "kind"})
    return rows.aggregate(total=Sum("amount_yuan"))["total"] or 0


def _paid(query: MetricQuery) -> Value | list[Group]:
    rows = query.on_days(_allowances(query, state="paid"), "valid_to")
    if query.group_by:
        return breakdown(query, rows, value=Sum("amount_yuan"), time="valid_to", columns={"kind": "kind"})
    return rows.aggregate(total=Sum("amount_yuan"))["total"] or 0


def _list(page: str, period: str = "", **fixed: Any) -> Any:
    def rows(query: MetricQuery) -> str:
        kind = query.dims.get("kind", "") or fixed.get("kind", "")
        return query.address(reverse(page), period=period, **{**fixed, "kind": kind})

    return rows


METRICS = (
    Metric(
        code="housing.records", name="住房档案", unit="份", formula="有效的住房档案数量", permission="housing.record.view",
        dimensions=("organ", "district"), source="住房档案", clause=CLAUSE, responsible=BUREAU, compute=_records,
        rows=_list("housing.record", state="active"),
    ),
    Metric(
        code="housing.without", name="无房人员", unit="人", formula="有效住房档案中现住房情况为无房的人数",
        permission="housing.record.view", dimensions=("organ", "district"), source="住房档案", clause=CLAUSE,
        responsible=BUREAU, compute=_without, rows=_list("housing.record", state="active", housing="none"),
    ),
    Metric(
        code="housing.receiving", name="发放中的补贴", unit="项", formula="状态为发放中的住房补贴项数",
        permission="housing.allowance.view", dimensions=("organ", "district", "kind"), source="住房补贴", clause=CLAUSE,
        responsible=BUREAU, compute=_receiving, rows=_list("housing.allowance", state="paying"), **KIND,
    ),
    Metric(
        code="housing.monthly", name="每月发放额", unit="元", formula="发放中的按月补贴每月金额之和",
        permission="housing.allowance.view", dimensions=("organ", "district", "kind"), source="住房补贴", clause=CLAUSE,
        responsible=BUREAU, compute=_monthly, rows=_list("housing.allowance", state="paying", kind=list(BY_MONTH)),
        kind="money", **KIND,
    ),
    Metric(
        code="housing.paid_once", name="一次性补贴发放额", unit="元", formula="期间内已发放的一次性、差额、级差补贴金额之和",
        permission="housing.allowance.view", dimensions=("organ", "district", "kind", "month"), source="住房补贴",
        clause=CLAUSE, responsible=BUREAU, compute=_paid, rows=_list("housing.allowance", "valid_to", state="paid"),
        kind="money", **KIND,
    ),
)  # fmt: skip
