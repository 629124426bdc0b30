"""Metrics of supervision. Closed and dismissed findings count as dealt with; withdrawn ones only as raised."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share

from .codes import VIEW, Outcome, Severity
from .lifecycle import OPEN
from .models import Finding

SEVERITY = {"choices": {"severity": dict(Severity.choices)}, "dimension_names": {"severity": "严重程度"}}
COLUMNS = {"severity": "severity"}
DEALT_WITH = ("closed", "dismissed")
SOURCE = "问题线索台账"
CLAUSE = "《机关事务管理条例》"
RESPONSIBLE = "机关事务管理局监督管理部门"


def _findings(query: MetricQuery) -> QuerySet[Finding]:
    rows = query.narrow(Finding.objects.all())
    return rows.filter(severity=query.dims["severity"]) if "severity" in query.dims else rows


def _count(query: MetricQuery, rows: QuerySet[Finding], time: str = "") -> Value | list[Group]:
    return breakdown(query, rows, time=time, columns=COLUMNS) if query.group_by else rows.count()


def _address(query: MetricQuery, *, period: str = "", **more: object) -> str:
    severity = query.dims.get("severity", "")
    return query.address(reverse("supervision.finding"), period=period, severity=severity, **more)  # type: ignore[arg-type]


def _open(query: MetricQuery) -> Value | list[Group]:
    return _count(query, _findings(query).filter(state__in=OPEN))


def _raised(query: MetricQuery) -> Value | list[Group]:
    return _count(query, query.during(_findings(query), "created_at"), "created_at")


def _dealt_with(query: MetricQuery) -> Value | list[Group]:
    rows = query.during(_findings(query).filter(state__in=DEALT_WITH), "ended_at")
    return _count(query, rows, "ended_at")


def _precision(query: MetricQuery) -> Value | list[Group]:
    decided = query.during(_findings(query), "ended_at").filter(outcome__in=(Outcome.CONFIRMED, Outcome.DISMISSED))
    confirmed = decided.filter(outcome=Outcome.CONFIRMED)
    if not query.group_by:
        return share(confirmed.count(), decided.count())
    parts = (breakdown(query, rows, time="ended_at", columns=COLUMNS) for rows in (confirmed, decided))
    return ratio(*parts)


OPEN_FINDINGS = Metric(
    code="supervision.open",
    name="未办结问题线索数",
    unit="条",
    formula="当前状态为待交办、待说明、待核查的问题线索条数",
    dimensions=("organ", "district", "severity"),
    direction="lower",
    source=SOURCE,
    clause=CLAUSE,
    responsible=RESPONSIBLE,
    permission=VIEW,
    compute=_open,
    rows=lambda query: _address(query, state=OPEN),
    **SEVERITY,
)
RAISED = Metric(
    code="supervision.raised",
    name="新发现问题线索数",
    unit="条",
    formula="发现时间在统计期内的问题线索条数，含后来排除和撤回的",
    dimensions=("organ", "district", "month", "day", "severity"),
    direction="lower",
    source=SOURCE,
    clause=CLAUSE,
    responsible=RESPONSIBLE,
    permission=VIEW,
    compute=_raised,
    rows=lambda query: _address(query, period="created_at"),
    **SEVERITY,
)
CLOSED = Metric(
    code="supervision.closed",
    name="办结问题线索数",
    unit="条",
    formula="办结时间在统计期内、已销号或已排除的问题线索条数，不含因补传数据而撤回的",
    dimensions=("organ", "district", "month", "day", "severity"),
    direction="none",
    source=SOURCE,
    clause=CLAUSE,
    responsible=RESPONSIBLE,
    permission=VIEW,
    compute=_dealt_with,
    rows=lambda query: _address(query, period="ended_at", state=DEALT_WITH),
    **SEVERITY,
)
PRECISION = Metric(
    code="supervision.precision",
    name="问题线索准确率",
    unit="",
    formula="统计期内办结的问题线索中，认定属实的条数 ÷（属实 + 不属实的条数）",
    dimensions=("organ", "district", "month", "severity"),
    direction="higher",
    source=SOURCE,
    clause=CLAUSE,
    responsible=RESPONSIBLE,
    permission=VIEW,
    compute=_precision,
    rows=lambda query: _address(query, period="ended_at", outcome=("confirmed", "dismissed")),
    additive=False,
    kind="percent",
    **SEVERITY,
)
