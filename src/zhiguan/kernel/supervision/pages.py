"""问题线索 of all lines on one board, and the rules that found them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.desk import Todo
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
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
    ViewPage,
)
from zhiguan.kit.pages.filters import Applied

from . import evidence, handling, queries, ruleviews, scoring, trials, trialviews
from .codes import ASSIGN, DISMISS, EXPLAIN, TUNE, VERIFY, VIEW
from .forms import ApplyForm, AssignForm, ExplainForm, RectifyForm, TrialForm, VerdictForm
from .lifecycle import FINDING, OPEN, TRIAL
from .models import Finding, FindingScore

SET = "reference.fact.manage"
"""Asked by setting a threshold, beside the permission to try it out."""
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


PRIORITY = Number("priority", "优先度", digits=0, sortable=True,
                  help="核查优先度：严重程度 × 属实可能，0 至 100；只决定先后，不认定问题。")  # fmt: skip


def priority_context(finding: Finding, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return what ``supervision/finding_priority.html`` is drawn with."""
    score = FindingScore.objects.select_related("model").filter(finding=finding).first()
    return {
        "value": score.value if score else finding.priority,  # type: ignore[attr-defined]
        "chance": None if score is None or score.chance is None else f"{score.chance:.0%}",
        "severity": finding.get_severity_display(), "reasons": score.reasons if score else [],
        "model": score.model if score else None,
    }  # fmt: skip


LIST = ListPage(
    code="supervision.finding",
    path="supervision/finding/",
    title="问题线索",
    menu=MenuItem("supervision", order=10, icon="alert-triangle", badge="supervision.findings"),
    permission=VIEW,
    scope_persons=queries.PERSONS,
    rows=scoring.ranked,
    columns=(
        NUMBER,
        RULE,
        SEVERITY,
        PRIORITY,
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
        ("优先核查", "state=raised&state=assigned&state=explained&state=rectified&sort=-priority"),
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

DESK = Todo(
    code="supervision.findings", title="待办理的问题线索", order=5, permission=VIEW,
    rows=lambda actor: queries.todo(actor).select_related("unit"), page="supervision.finding", query="mine=1",
    url_name="supervision.finding.detail", icon="alert-triangle",
    title_of=lambda finding: f"{queries.rule_name(finding.rule)}：{finding.subject_label}",
    detail_of=lambda finding: f"{finding.unit.name} · {FINDING.states[finding.state]}",
)  # fmt: skip
DETAIL = DetailPage(
    code="supervision.finding",
    path="supervision/finding/<int:pk>/",
    title=lambda finding: f"{queries.rule_name(finding.rule)}：{finding.subject_label}",
    subtitle=lambda finding: finding.number,
    permission=VIEW,
    scope_persons=queries.PERSONS,
    rows=lambda actor: scoring.ranked(actor).select_related("unit", "assignee"),
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
        Custom("supervision/finding_priority.html", context=priority_context, title="核查优先度", tab="线索",
               when=lambda finding: finding.state in OPEN),
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

RULE_PAGE = ViewPage(
    code="supervision.rule.page", path="supervision/rule/<str:code>/", title="监督规则", permission=VIEW,
    view=trialviews.view,
)  # fmt: skip

TRIAL_STATE = Badge("state", "状态", TRIAL.colours, choices=TRIAL.states, sortable=True)
TRIAL_RULE = Column("rule", "规则", value=trialviews.rule_name, needs=("rule",))
_NEEDS = ("before", "value", "measure")
BEFORE = Column("before", "现行取值", value=lambda row: trialviews.shown_value(row, row.before), needs=_NEEDS)
VALUE = Column("value", "拟调取值", value=lambda row: trialviews.shown_value(row, row.value), needs=_NEEDS)
PLACE = Column(
    "unit.name", "适用单位", value=lambda row: "全部单位" if row.general else row.unit.name, needs=("unit.name", "general")
)
TRIALS = ListPage(
    code="supervision.trial", path="supervision/trial/", title="阈值试算",
    menu=MenuItem("supervision", order=25, icon="adjustments"), permission=VIEW, rows=trialviews.trials,
    columns=(
        Column("name", "阈值", link=True, sortable=True), TRIAL_RULE, BEFORE, VALUE, PLACE, TRIAL_STATE,
        Column("proposer", "提出人"), DateTime("created_at", "提出时间", sortable=True), Date("valid_from", "执行日期"),
    ),
    search=("name", "proposer"), search_hint="阈值、提出人",
    filters=(
        ChoiceFilter("rule", "规则", options=_rules), ChoiceFilter("state", "状态", options=TRIAL.choices),
        DateRangeFilter("created_at", "提出时间"),
    ),
    default_sort="-created_at", export_name="阈值试算",
    page_actions=(PageAction("试算阈值", "supervision.trial.create", icon="plus", style="primary"),),
    note="试算不改变任何线索；执行后自指定日期起按新取值判定。",
    empty=EmptyState("还没有试算", "在“监督规则”打开一条规则，对它的阈值进行试算。", icon="adjustments"),
)  # fmt: skip
TRIAL_PAGE = DetailPage(
    code="supervision.trial", path="supervision/trial/<int:pk>/", title=lambda trial: trial.name,
    subtitle=trialviews.rule_name, permission=VIEW, rows=trialviews.trials, badge=TRIAL_STATE,
    panels=(
        Custom("supervision/trial_result.html", context=trialviews.context, title="试算结果"),
        Panel(
            "试算",
            fields=(
                Column("rule", "规则", value=trialviews.rule_name,
                       link=lambda trial: reverse("supervision.rule.page", args=[trial.rule])),
                Column("name", "阈值"), BEFORE, VALUE, PLACE,
                Column("days", "试算时段", value=trialviews.days_text), Column("proposer", "提出人"), DateTime("computed_at", "试算时间"),
                Date("valid_from", "执行日期"), Column("why", "提出理由", wide=True),
            ),
        ),
    ),
    actions=(
        VerbAction("apply", "按此调整", verb=trials.apply, permission=TUNE, form=ApplyForm, reason=True, style="primary",
                   icon="adjustments", when=_in("done"), only=lambda actor, row: actor.can(SET), done="已调整",
                   help="须同时有调整标准与阈值的权限。自执行日期起按新取值判定，原取值保留备查。"),
        VerbAction("repeat", "重新试算", verb=trials.repeat, permission=TUNE, when=_in("done", "failed"),
                   confirm="用同一时段重新试算？", done="已提交试算"),
        VerbAction("drop", "放弃", verb=trials.drop, permission=TUNE, reason=True, style="danger",
                   when=_in("waiting", "done", "failed"), done="已放弃"),
    ),
    history=trialviews.history,
)  # fmt: skip
TRIAL_NEW = FormPage(
    code="supervision.trial.create", path="supervision/trial/new/", title="试算阈值", permission=TUNE, form=TrialForm,
    verb=trials.asked, submit="试算", done="已提交试算，完成后结果在本页显示",
    help="用最近的数据按现行取值和拟调取值各运行一遍规则，比较会消失和新增的线索。不改变任何线索。",
)  # fmt: skip

LEARNT = Badge("usable", "采用", {True: "green", False: "secondary"}, choices={True: "已采用", False: "未采用"})
PRIORITIES = ListPage(
    code="supervision.priority", path="supervision/priority/", title="核查优先度",
    menu=MenuItem("supervision", order=27, icon="sort-descending"), permission=VIEW, rows=scoring.models,
    columns=(
        DateTime("trained_at", "学习时间", link=True, sortable=True), LEARNT,
        Number("outcomes", "样本数", unit="条", digits=0), Number("confirmed", "属实", unit="条", digits=0),
        Number("dismissed", "不属实", unit="条", digits=0), Column("order", "排序正确率", kind="percent"),
        Column("plain_order", "默认排序正确率", kind="percent"), Column("note", "说明", kind="long"),
    ),
    filters=(BoolFilter("usable", "已采用", condition=Q(usable=True)), DateRangeFilter("trained_at", "学习时间")),
    default_sort="-trained_at",
    note="每晚根据已认定的线索学习哪些更可能属实，用来排列待办线索的先后。排序正确率：任取一条属实和一条不属实的线索，属实的排在前面的比例。",
    empty=EmptyState("还没有学习过", "有足够的已认定线索后，每晚自动学习；此前按严重程度和可信度排序。", icon="sort-descending"),
)  # fmt: skip
PRIORITY_PAGE = DetailPage(
    code="supervision.priority", path="supervision/priority/<int:pk>/", title=str, permission=VIEW, rows=scoring.models,
    badge=LEARNT,
    panels=(
        Panel("学习情况", fields=(
            DateTime("trained_at", "学习时间"), Number("outcomes", "样本数", unit="条", digits=0),
            Number("confirmed", "属实", unit="条", digits=0), Number("dismissed", "不属实", unit="条", digits=0),
            Column("order", "排序正确率", kind="percent"), Column("plain_order", "默认排序正确率", kind="percent"))),
        Custom("supervision/priority_weights.html", title="权重", context=lambda model, actor, request: {
            "model": model, "weights": scoring.shown_weights(model)}),
    ),
    version=lambda model: model.pk,
)  # fmt: skip

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
