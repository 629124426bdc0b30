"""全程监督: where all cases of the remit stand, who takes long, which warnings were raised. For looking, not for acting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.declare import SUPERVISE
from zhiguan.kernel.flow.lifecycle import CASE as LIFE
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.flow.service import LONG, Card, Seat, Step
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied
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
    TextFilter,
    UnitFilter,
    ViewPage,
)
from zhiguan.kit.pages.export import download, stamp
from zhiguan.kit.pages.ports import ports

from .. import course_figures as figures
from .. import queries
from .lists import CLOCK, ITEM, STATE

STEP_STATES = {"open": "办理中", "done": "已办理", "undone": "已退回"}
COUNTED = 2_000
"""How far steps are counted: each is asked for its case."""
READ_ONLY = "监督人员可以查看每一件、每一步，不能办理；越权操作会被拒绝并留痕。"


EXPORTS = {"heat": "在办分布", "organs": "单位办件排行", "steps": "环节用时排行"}
KINDS = (("xlsx", "Excel"), ("csv", "CSV"))


def overview(request: HttpRequest) -> HttpResponseBase:
    """Heat map, leagues, counts of a period. ``all=1`` shows leagues whole; ``table`` and ``_export`` give one as a file."""
    period, actor = figures.Period.of(request.GET.get("period", "")), request.actor
    top = None if request.GET.get("all") == "1" else figures.TOP
    table, kind = request.GET.get("table", ""), request.GET.get("_export", "")
    if table in EXPORTS and kind in dict(KINDS):
        return _export(request, table, kind, period, top)
    organs, days = figures.by_organ(actor, period), figures.days_by_organ(actor, period)
    here = {"period": period.code, **({} if top else {"all": "1"})}
    context = {
        "heat": figures.heat(actor), "present": figures.present(actor), "figures": figures.figures(actor, organs, days, period),
        "organs": figures.organ_league(actor, organs, days, period, top), "steps": figures.step_league(actor, period, top),
        "period": period, "periods": figures.PERIODS, "list_url": reverse("governance.supervised"),
        "cards_url": reverse("governance.card"), "steps_url": reverse("governance.supervised_step"), "top": top,
        "more_url": "?" + urlencode({"period": period.code, **({"all": "1"} if top else {})}),
        "exports": {
            each: [("?" + urlencode({**here, "table": each, "_export": kind}), name) for kind, name in KINDS]
            for each in (EXPORTS if flow.may_supervise(actor) else ())
        },
    }  # fmt: skip
    return render(request, "governance/supervision.html", context)


def _export(
    request: HttpRequest, table: str, kind: str, period: figures.Period, top: int | None
) -> HttpResponseBase:
    """Return a table of the overview as a file: the rows and figures shown, in their order, each with the address of its
    evidence, the cases or steps behind it. Traced as every export is."""
    actor = request.actor
    if not flow.may_supervise(actor):
        raise Denied("您没有导出该表的权限。", code="permission_missing")
    heat = figures.heat(actor) if table == "heat" else None
    if heat is not None:
        rows = heat["rows"]
    elif table == "organs":
        organs, days = figures.by_organ(actor, period), figures.days_by_organ(actor, period)
        rows = figures.organ_league(actor, organs, days, period, top)
    else:
        rows = figures.step_league(actor, period, top)
    evidence = Column("url", "明细地址", wide=True, value=lambda row: request.build_absolute_uri(row["url"]) if row["url"] else "")
    columns = [*_columns(table, heat), evidence]
    title = EXPORTS[table]
    when = stamp() if heat else f"{period.first:%Y%m}-{period.last:%Y%m}"
    answer, count = download(rows, columns, f"{title}{when}", kind, sheet=title)
    ports().on_export(actor, replace(OVERVIEW, title=f"{OVERVIEW.menu_title}·{title}"), count, kind)
    return answer


def _of(name: str, title: str, kind: str = "", number: int | None = None) -> Column:
    """A column of the export: a value of the row, or of its cell ``number``."""

    def value(row: Any) -> Any:
        found = (row if number is None else row["cells"][number])[name]
        return round(found, 1) if isinstance(found, float) else found

    code = name if number is None else f"{name}{number}"
    return Column(code, title, kind=kind or "text", value=value, digits=1 if kind == "number" else None)


def _columns(table: str, heat: dict[str, Any] | None) -> list[Column]:
    if heat is not None:
        stages = [
            _of(name, f"{stage}{title}", "integer", number) for number, stage in enumerate(heat["stages"])
            for name, title in (("count", ""), ("red", "（有红牌）"), ("yellow", "（有黄牌）"))
        ]  # fmt: skip
        return [_of("name", "事项"), *stages, _of("total", "合计", "integer")]
    if table == "organs":
        return [_of("name", "申请单位"), _of("ended", "办结", "integer"), _of("granted", "批准", "integer"),
                _of("refused", "不予批准", "integer"), _of("worked", "平均用时（工作日）", "number"),
                _of("middle", "用时中位数（工作日）", "number"), _of("days", "平均自然天数", "number"),
                _of("rounds", "平均提交次数", "number"), _of("overdue", "超期", "integer")]  # fmt: skip
    return [_of("name", "环节"), _of("item", "事项"), _of("count", "件数", "integer"), _of("hours", "平均用时（小时）", "number"),
            _of("long", "超过一周", "integer"), _of("red", "红牌", "integer"), _of("undone", "退回", "integer")]  # fmt: skip


def unit_options(actor: Actor) -> Iterable[tuple]:
    """The units that the remit reaches into, closed ones too: their cases are still counted."""
    reached = Q(pk__in=[])
    for area in flow.areas():
        for lo, hi in actor.scope(f"{area}.case.{SUPERVISE}").ranges:
            reached |= Q(pos__lte=hi, pos_end__gte=lo)
    return Unit.objects.of_kind("city", "district", "organ").filter(reached).values_list("pk", "name", "pos", "pos_end")


def _stage(card: Card) -> str:
    return STAGES.get(card.step.stage, "") if card.step_id else "全程"


def _case(row: Any) -> str:
    return reverse("governance.case.detail", args=[row.case_id])


def _steps(actor: Actor) -> QuerySet[Step]:
    seats = Seat.objects.exclude(kind="copy").exclude(state__in=("withdrawn", "moved", "lapsed")).order_by("order", "pk")
    return flow.supervised_steps(actor).prefetch_related(
        Prefetch("seats", seats.select_related("person").only("step_id", "person__name", "state"))
    )


def _people(step: Step) -> str:
    seats = list(step.seats.all())
    names = [seat.person.name for seat in seats if seat.state == "done"] or [seat.person.name for seat in seats]
    return "、".join(dict.fromkeys(names[:4])) + (f" 等 {len(names)} 人" if len(names) > 4 else "") or "无人可办"


def _used(step: Step) -> str:
    return queries.held_for(step.opened_at, step.closed_at)


UNITS = UnitFilter("unit", "申请单位", options=unit_options)
UNITS_OF_CASE = UnitFilter("unit", "申请单位", path="case.scope_pos", options=unit_options)
ITEM_OF_CASE = Column("item", "事项", value=lambda row: queries.item_name(row.case.item), needs=("case.item",))
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
        Column("unit.name", "申请单位"), STATE, Column("stage", "当前环节"), CLOCK, Column("rounds", "提交次数", kind="integer", shown=False),
        DateTime("submitted_at", "提交时间", sortable=True), DateTime("accepted_at", "受理时间", sortable=True),
        DateTime("ended_at", "办结时间", sortable=True), Column("working_days", "用时（工作日）", kind="integer", shown=False),
        Column("document_no", "文号", shown=False),
        Column("result", "办理结果", kind="long", shown=False),
    ),
    search=("^code", "=document_no", "=applicant.name"),
    search_hint="办件编号、文号、申请人姓名",
    filters=(
        ChoiceFilter("state", "状态", options=LIFE.choices, facets=False),
        ChoiceFilter("item", "事项", options=queries.item_options, facets=False),
        ChoiceFilter("area", "条线", options=queries.line_options, facets=False),
        UNITS,
        BoolFilter("overdue", "超期"),
        BoolFilter("red_card", "有红牌"),
        BoolFilter("yellow_card", "有黄牌"),
        BoolFilter("corrected", "补正过"),
        BoolFilter("stuck", "无人可办"),
        BoolFilter("accepted", "受理过", condition=Q(accepted_at__isnull=False)),
        BoolFilter("worked", "有办结用时", condition=Q(working_days__isnull=False)),
        DateRangeFilter("submitted_at", "提交时间"),
        DateRangeFilter("accepted_at", "受理时间"),
        DateRangeFilter("ended_at", "办结时间"),
    ),
    default_sort="-pk",
    views=(("全部", ""), ("办理中", "state=running"), ("无人可办", "stuck=1"), ("有红牌", "red_card=1"), ("超期", "overdue=1"),
           ("补正过", "corrected=1")),
    detail="governance.case.detail",
    export_name="办件监督台账",
    note=READ_ONLY,
    empty=EmptyState("没有办件", "监督范围内的办件会出现在这里。"),
)  # fmt: skip
STEPS = ListPage(
    code="governance.supervised_step",
    path="governance/supervised_step/",
    title="办理环节台账",
    menu=MenuItem("governance", order=22, icon="list-details", when=flow.may_supervise),
    permission=SIGNED_IN,
    rows=_steps,
    columns=(
        Column("case.title", "办件", link=_case), Column("case.code", "编号", link=_case, shown=False), ITEM_OF_CASE,
        Column("case.unit.name", "申请单位"), Column("name", "环节"),
        Badge("stage", "环节类型", {}, choices=STAGES, shown=False),
        Badge("state", "状态", {"open": "blue", "done": "green", "undone": "orange"}, choices=STEP_STATES),
        Column("people", "办理人", value=_people, needs=("pk",)),
        DateTime("opened_at", "送达时间", shown=False), DateTime("closed_at", "办理时间", sortable=True),
        Column("used", "用时", value=_used, needs=("opened_at", "closed_at"), help="自然时间，含节假日"),
        CLOCK,
    ),
    search=("=case.code",),
    search_hint="办件编号",
    filters=(
        ChoiceFilter("state", "状态", options=STEP_STATES, facets=False),
        ChoiceFilter("item", "事项", path="case.item", options=queries.item_options, facets=False),
        ChoiceFilter("area", "条线", path="case.area", options=queries.line_options, facets=False),
        ChoiceFilter("stage", "环节类型", options=tuple(STAGES.items()), facets=False),
        TextFilter("name", "环节名称", lookup="exact"),
        UNITS_OF_CASE,
        BoolFilter("red_card", "有红牌"),
        BoolFilter("yellow_card", "有黄牌"),
        BoolFilter("long", "超过一周", condition=LONG),
        DateRangeFilter("closed_at", "办理时间"),
    ),
    default_sort="-pk",
    views=(("全部", ""), ("办理中", "state=open"), ("已退回", "state=undone"), ("办理中有红牌", "state=open&red_card=1")),
    detail="",
    export_name="办理环节台账",
    count_cap=COUNTED,
    note=READ_ONLY,
    empty=EmptyState("没有办理环节", "监督范围内办件的每一个环节会出现在这里。"),
)  # fmt: skip
CARDS = ListPage(
    code="governance.card",
    path="governance/card/",
    title="黄牌红牌",
    menu=MenuItem("governance", order=23, icon="flag", when=flow.may_supervise),
    permission=SIGNED_IN,
    rows=flow.supervised_cards,
    columns=(
        Badge("rung", "预警", {"yellow": "yellow", "red": "red"}),
        Column("case.title", "办件", link=_case), Column("case.code", "编号", link=_case), ITEM, Column("unit.name", "申请单位"),
        Column("step.name", "环节"),
        Column("stage", "环节类型", value=_stage, needs=("step.stage", "step_id")),
        DateTime("reached_at", "触发时间", sortable=True), DateTime("raised_at", "记录时间", sortable=True, shown=False),
    ),
    search=("=case.code", "case.title"),
    search_hint="办件编号、标题",
    filters=(
        ChoiceFilter("rung", "预警", facets=False),
        ChoiceFilter("item", "事项", options=queries.item_options, facets=False),
        ChoiceFilter("area", "条线", options=queries.line_options, facets=False),
        UNITS,
        DateRangeFilter("reached_at", "触发时间"),
    ),
    default_sort="-reached_at",
    views=(("全部", ""), ("红牌", "rung=red"), ("黄牌", "rung=yellow")),
    detail="",
    export_name="黄牌红牌",
    empty=EmptyState("没有时限预警", "临近或者超过时限的办件和环节会在这里记录一次。", icon="flag"),
)  # fmt: skip
