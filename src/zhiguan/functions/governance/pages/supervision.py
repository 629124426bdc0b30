"""全程监督: where all cases of the remit stand, who takes long, which warnings were raised. For looking, not for acting."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.lifecycle import CASE as LIFE
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.flow.service import Card
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    DateRangeFilter,
    DateTime,
    EmptyState,
    ListPage,
    MenuItem,
    ViewPage,
)

from .. import course_figures, queries
from .lists import CLOCK, ITEM, STATE


def overview(request: HttpRequest) -> HttpResponse:
    """Heat map, leagues, counts of a period."""
    period = request.GET.get("period", "90")
    period = period if period in course_figures.PERIODS else "90"
    actor = request.actor
    kept = course_figures.kept
    context = {
        "heat": kept(course_figures.heat, actor), "figures": kept(course_figures.figures, actor, period),
        "organs": kept(course_figures.organs, actor, period), "steps": kept(course_figures.steps, actor, period),
        "period": period,
        "periods": course_figures.PERIODS, "list_url": reverse("governance.supervised"), "cards_url": reverse("governance.card"),
    }  # fmt: skip
    return render(request, "governance/supervision.html", context)


def _stage(card: Card) -> str:
    return STAGES.get(card.step.stage, "") if card.step_id else "全程"


def _cards(actor: Actor) -> object:
    return Card.objects.filter(case__in=flow.supervised(actor))


OVERVIEW = ViewPage(
    code="governance.supervision", path="governance/supervision/", title="全程监督", permission=SIGNED_IN, view=overview,
    menu=MenuItem("governance", order=20, icon="eye-check", when=flow.may_supervise),
)  # fmt: skip
SUPERVISED = ListPage(
    code="governance.supervised",
    path="governance/supervised/",
    title="办件监督台账",
    menu=MenuItem("governance", order=21, icon="list-search", when=flow.may_supervise),
    permission=SIGNED_IN,
    rows=flow.supervised,
    columns=(
        Column("title", "办件", link=True, sortable=True), Column("code", "编号", link=True, sortable=True), ITEM,
        Column("unit.name", "申请单位"), STATE, Column("stage", "当前环节"), CLOCK, Column("rounds", "提交次数", kind="integer"),
        DateTime("submitted_at", "提交时间", sortable=True), DateTime("accepted_at", "受理时间", sortable=True),
        DateTime("ended_at", "办结时间", sortable=True), Column("document_no", "文号", shown=False),
        Column("result", "办理结果", kind="long", shown=False),
    ),
    search=("^code", "=document_no", "=applicant.name"),
    search_hint="办件编号、文号、申请人姓名",
    filters=(
        ChoiceFilter("state", "状态", options=LIFE.choices, facets=False),
        ChoiceFilter("item", "事项", options=queries.item_options, facets=False),
        BoolFilter("stuck", "无人可办"),
        BoolFilter("red", "有红牌", condition=Q(pk__in=Card.objects.filter(rung="red").values("case"))),
        BoolFilter("yellow", "有黄牌", condition=Q(pk__in=Card.objects.filter(rung="yellow").values("case"))),
        BoolFilter("corrected", "补正过", condition=Q(corrections__isnull=False)),
        DateRangeFilter("submitted_at", "提交时间"),
        DateRangeFilter("ended_at", "办结时间"),
    ),
    default_sort="-pk",
    views=(("全部", ""), ("办理中", "state=running"), ("无人可办", "stuck=1"), ("有红牌", "red=1"), ("补正过", "corrected=1")),
    detail="governance.case.detail",
    export_name="办件监督台账",
    note="监督人员可以查看每一件、每一步，不能办理；越权操作会被拒绝并留痕。",
    empty=EmptyState("没有办件", "监督范围内的办件会出现在这里。"),
)  # fmt: skip
CARDS = ListPage(
    code="governance.card",
    path="governance/card/",
    title="黄牌红牌",
    menu=MenuItem("governance", order=22, icon="flag", when=flow.may_supervise),
    permission=SIGNED_IN,
    rows=_cards,
    columns=(
        Badge("rung", "预警", {"yellow": "yellow", "red": "red"}),
        Column("case.title", "办件", link=lambda row: reverse("governance.case.detail", args=[row.case_id])),
        Column("item", "事项", value=lambda row: queries.item_name(row.case.item), needs=("case.item",)),
        Column("case.unit.name", "申请单位"), Column("step.name", "环节"),
        Column("stage", "环节类型", value=_stage, needs=("step.stage", "step_id")),
        DateTime("reached_at", "触发时间", sortable=True), DateTime("raised_at", "记录时间", sortable=True, shown=False),
    ),
    search=("=case.code", "case.title"),
    search_hint="办件编号、标题",
    filters=(ChoiceFilter("rung", "预警"), DateRangeFilter("reached_at", "触发时间")),
    default_sort="-reached_at",
    detail="",
    export_name="黄牌红牌",
    empty=EmptyState("没有时限预警", "临近或者超过时限的办件和环节会在这里记录一次。", icon="flag"),
)  # fmt: skip
