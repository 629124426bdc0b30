"""问题线索 of all lines on one board, and the rules that found them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    ListPage,
    MenuItem,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
    ViewPage,
)
from zhiguan.kit.pages.filters import Applied

from . import evidence, handling, queries, ruleviews
from .codes import ASSIGN, DISMISS, EXPLAIN, VERIFY, VIEW
from .forms import AssignForm, ExplainForm, RectifyForm, VerdictForm
from .lifecycle import FINDING
from .models import Finding

SEVERITY = Badge("severity", "严重程度", {"minor": "secondary", "major": "orange", "serious": "red"}, sortable=True)
STATE = Badge("state", "状态", FINDING.colours, choices=FINDING.states, sortable=True)
RULE = Column("rule", "规则", value=lambda finding: queries.rule_name(finding.rule), needs=("rule",))
NUMBER = Column("number", "线索编号", kind="code", value=lambda finding: finding.number, needs=("pk",), link=True)


def _rules(actor: Actor) -> Iterable[tuple[str, str]]:
    return queries.rule_names().items()


def _areas(actor: Actor) -> Iterable[tuple[str, str]]:
    names = ruleviews.area_names()
    return [(area, names.get(area, area)) for area in dict.fromkeys(rule.area for rule in queries.rules())]


def search(rows: QuerySet[Finding], text: str) -> QuerySet[Finding]:
    """Narrow to findings whose number, subject, summary or assignee the text names."""
    number = text.upper().removeprefix("XS")
    condition = Q(subject_label__icontains=text) | Q(summary__icontains=text) | Q(assignee__name=text)
    if number.isascii() and number.isdigit() and len(number) < 19:
        condition |= Q(pk=int(number))
    return rows.filter(condition)


@dataclass(frozen=True)
class Waiting(BoolFilter):
    """待我办理: findings whose next act is this actor's to do."""

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        return BoolFilter.read(replace(self, condition=queries.waiting(actor)), query, actor, rows)


def _in(*states: str) -> Any:
    return lambda finding: finding.state in states


def _others(finding: Finding, actor: Actor) -> QuerySet[Finding]:
    rows = queries.findings(actor).filter(subject_type=finding.subject_type, subject_id=finding.subject_id)
    return rows.exclude(pk=finding.pk).order_by("-occurred_at", "-id")


LIST = ListPage(
    code="supervision.finding",
    path="supervision/finding/",
    title="问题线索",
    menu=MenuItem("supervision", order=10, icon="alert-triangle", badge=queries.waiting_count),
    permission=VIEW,
    scope_persons=queries.PERSONS,
    rows=queries.findings,
    columns=(
        NUMBER,
        RULE,
        SEVERITY,
        Column("subject_label", "对象", sortable=True),
        Column("summary", "问题摘要", kind="long"),
        Column("unit.name", "责任单位"),
        STATE,
        DateTime("occurred_at", "发生时间", sortable=True),
        Date("due_on", "办理期限", sortable=True),
        Column("assignee.name", "承办人", shown=False),
        Column("period", "时段", shown=False, sortable=True),
        Column("outcome", "认定结果", shown=False),
        DateTime("created_at", "发现时间", shown=False, sortable=True),
        DateTime("ended_at", "办结时间", shown=False, sortable=True),
    ),
    search=search,
    search_hint="线索编号、对象、摘要、承办人",
    filters=(
        ChoiceFilter("rule", "规则", options=_rules),
        ChoiceFilter("severity", "严重程度"),
        ChoiceFilter("state", "状态", options=FINDING.choices),
        UnitFilter("unit", "责任单位", options=queries.unit_options),
        DateRangeFilter("occurred_at", "发生时间"),
        DateRangeFilter("created_at", "发现时间"),
        DateRangeFilter("ended_at", "办结时间"),
        ChoiceFilter("outcome", "认定结果", facets=False),
        ChoiceFilter("area", "条线", options=_areas, facets=False),
        Waiting("mine", "待我办理"),
    ),
    views=(
        ("全部", ""),
        ("待我办理", "mine=1"),
        ("待交办", "state=raised"),
        ("办理中", "state=assigned&state=explained&state=rectified"),
        ("已办结", "state=closed&state=dismissed&state=withdrawn"),
    ),
    default_sort=("-created_at",),
    bulk_actions=(
        BulkAction(
            "assign", "交办", verb=handling.assign_only, permission=ASSIGN, icon="send", when=_in("raised"),
            confirm="将所选的 {count} 条线索交办给各自的责任单位，办理期限按规则计算？",
        ),
    ),
    export_name="问题线索",
    empty=EmptyState("没有问题线索", "监督规则发现问题后在此列出，可交办、核查和销号。", icon="shield-check"),
    search_global=True,
)  # fmt: skip

DETAIL = DetailPage(
    code="supervision.finding",
    path="supervision/finding/<int:pk>/",
    title=lambda finding: f"{queries.rule_name(finding.rule)}：{finding.subject_label}",
    subtitle=lambda finding: finding.number,
    permission=VIEW,
    scope_persons=queries.PERSONS,
    rows=lambda actor: queries.findings(actor).select_related("unit", "assignee"),
    badge=STATE,
    panels=(
        Custom("supervision/finding_evidence.html", context=evidence.context, title="证据", tab="线索"),
        Panel(
            "线索",
            tab="线索",
            fields=(
                RULE,
                SEVERITY,
                Column("subject_label", "对象", link=lambda f: queries.subject_url(f.subject_type, f.subject_id)),
                Column("unit.name", "责任单位"),
                DateTime("occurred_at", "发生时间"),
                DateTime("created_at", "发现时间"),
                Column("clause", "依据条款", wide=True),
                Column("summary", "问题摘要", wide=True),
                Column("figures", "关键数据", value=evidence.figures_text, wide=True),
            ),
        ),
        Panel(
            "办理",
            tab="线索",
            fields=(
                Column("assignee.name", "承办人"),
                DateTime("assigned_at", "交办时间"),
                Date("due_on", "办理期限"),
                Column("outcome", "认定结果"),
                DateTime("ended_at", "办结时间"),
                Column("explanation", "情况说明", kind="long", wide=True),
                Column("rectification", "整改情况", kind="long", wide=True),
                Column("verdict", "核查结论", kind="long", wide=True),
            ),
        ),
        RelatedList(
            "同一对象的其他线索",
            rows=_others,
            columns=(NUMBER, RULE, SEVERITY, Column("summary", "问题摘要"), DateTime("occurred_at", "发生时间"), STATE),
            tab="其他线索",
            link="supervision.finding.detail",
        ),
    ),
    actions=(
        VerbAction("assign", "交办", verb=handling.assign, permission=ASSIGN, form=AssignForm, icon="send",
                   style="primary", when=_in("raised", "assigned"), done="已交办"),
        VerbAction("explain", "说明", verb=handling.explain, permission=EXPLAIN, form=ExplainForm, style="primary",
                   icon="message", when=_in("assigned"), done="已提交说明"),
        VerbAction("rectify", "整改", verb=handling.rectify, permission=EXPLAIN, form=RectifyForm, icon="tool",
                   when=_in("assigned", "explained"), done="已提交整改情况"),
        VerbAction("verify", "核查销号", verb=handling.verify, permission=VERIFY, form=VerdictForm, style="primary",
                   icon="circle-check", when=_in("explained", "rectified"), done="已销号"),
        VerbAction("send_back", "退回", verb=handling.send_back, permission=VERIFY, reason=True,
                   icon="arrow-back-up", when=_in("explained", "rectified"), done="已退回责任单位"),
        VerbAction("dismiss", "排除", verb=handling.dismiss, permission=DISMISS, reason=True, style="danger",
                   icon="ban", when=_in("raised", "assigned", "explained"), done="已排除",
                   help="问题不属实时使用，将计入该规则的准确率。属实的问题请交办。"),
    ),
    history=queries.history,
    history_title="办理过程",
    print=True,
)  # fmt: skip

RULES = ViewPage(
    code="supervision.rule",
    path="supervision/rule/",
    title="监督规则",
    menu=MenuItem("supervision", order=20, icon="gavel"),
    permission=VIEW,
    view=ruleviews.view,
)

RUNS = ListPage(
    code="supervision.run",
    path="supervision/run/",
    title="规则运行",
    menu=MenuItem("supervision", order=30, icon="history"),
    permission=VIEW,
    rows=queries.runs,
    columns=(
        Column("rule", "规则", value=lambda run: queries.rule_name(run.rule), needs=("rule",)),
        DateTime("started_at", "开始时间", sortable=True),
        Date("start_on", "起始日期"),
        Date("end_on", "截止日期（不含）"),
        Column("subjects", "对象数", kind="integer", sortable=True),
        Column("raised", "新增", kind="integer", sortable=True),
        Column("updated", "更新", kind="integer", sortable=True),
        Column("kept", "不变", kind="integer"),
        Column("withdrawn", "撤回", kind="integer", sortable=True),
        Column("error", "错误", kind="long"),
    ),
    filters=(
        ChoiceFilter("rule", "规则", options=_rules),
        BoolFilter("failed", "运行失败", condition=~Q(error="")),
        DateRangeFilter("started_at", "开始时间"),
    ),
    views=(("全部", ""), ("失败", "failed=1")),
    default_sort="-started_at",
    empty=EmptyState("还没有运行记录", "规则运行后，每次的结果在此列出。", icon="history"),
)
