"""Lists of cases for each kind of user: to do, handled, applied for, copied, results, all of one's scope."""

from __future__ import annotations

from typing import Any

from zhiguan.kernel.flow import limits, service
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.definitions import process_of
from zhiguan.kernel.flow.lifecycle import CASE
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kit.actor import Actor
from zhiguan.kit.desk import Todo
from zhiguan.kit.errors import Denied
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    Bool,
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    DateRangeFilter,
    DateTime,
    EmptyState,
    ListPage,
    MenuItem,
    PageAction,
)

from .. import queries

STATE = Badge("state", "状态", CASE.colours, choices=CASE.choices)
ITEM = Column("item", "事项", value=lambda row: queries.item_name(row.item), needs=("item",))


class Left(str):
    """What is left of a limit, in words with a colour."""

    colour = "secondary"

    @classmethod
    def of(cls, row: Any) -> Left:
        words, colour = limits.in_words(row)
        left = cls(words)
        left.colour = colour
        return left


CLOCK = Badge("left", "时限", lambda left: left.colour, value=Left.of, needs=("clock", "policy"))


def _of_case(column: str) -> Any:
    return lambda row: getattr(row.case, column)


def _link(row: Any) -> str:
    from django.urls import reverse

    return reverse("governance.case.detail", args=[row.case_id])


def _seat_clock(row: Any) -> str:
    text = limits.in_words(row.step)[0]
    whole = limits.in_words(row.case)[0]
    return f"{text}（办件{whole}）" if text and whole else text or whole


SEAT_COLUMNS = (
    Column("case.title", "办件", link=_link, sortable=True),
    Column("case.code", "编号", link=_link, sortable=True),
    Column("item", "事项", value=lambda row: queries.item_name(row.case.item), needs=("case.item",)),
    Column("case.unit.name", "申请单位"),
    Column("step.name", "环节", sortable=True),
)
_SEAT_SEARCH = ("=case.code", "case.title", "case.unit.name")
_SEAT_FILTERS = (
    ChoiceFilter("item", "事项", path="case.item", options=queries.item_options),
    ChoiceFilter("stage", "环节类型", path="step.stage", options=tuple(STAGES.items())),
)


def agree(actor: Actor, seat: Any, *, reason: str = "") -> Any:
    """批量同意: where the process says that many cases may be decided at this step at once."""
    plan = process_of(seat.case.definition).plan.steps[seat.step.node]
    if not plan.bulk:
        raise Denied(f"环节“{plan.name}”须逐件办理。", code="no_bulk")
    return service.decide(actor, seat.case, seat=seat, outcome=next(iter(plan.outcomes)), opinion=reason or "同意")


TODO = ListPage(
    code="governance.todo",
    path="governance/todo/",
    title="待办办件",
    menu=MenuItem("governance", order=5, icon="checkbox", when=queries.concerned, badge="governance.todo"),
    permission=SIGNED_IN,
    rows=flow.todo,
    columns=(
        *SEAT_COLUMNS,
        Badge("state", "办理状态", {"offered": "azure", "working": "blue"}),
        Column("left", "时限", value=_seat_clock, needs=("step.clock", "step.policy", "case.clock", "case.policy")),
        Column("person.name", "办理人", shown=False),
        DateTime("opened_at", "送达时间", sortable=True),
    ),
    search=_SEAT_SEARCH,
    search_hint="办件编号、标题、申请单位",
    filters=(*_SEAT_FILTERS, ChoiceFilter("state", "办理状态", options=(("offered", "待签收"), ("working", "待办理"))),
             DateRangeFilter("opened_at", "送达时间")),
    default_sort="opened_at",
    views=(("全部", ""), ("待签收", "state=offered"), ("待办理", "state=working")),
    bulk_actions=(
        BulkAction("agree", "批量同意", verb=agree, permission=SIGNED_IN, icon="checks", style="primary",
                   confirm="同意所选的 {count} 件？须逐件办理的环节不会办理，并在结果中列出。"),
    ),
    export_name="待办办件",
    empty=EmptyState("没有待办的办件", "需要您审核、受理、审查或者决定的办件会出现在这里。"),
)  # fmt: skip

HANDLED = ListPage(
    code="governance.handled",
    path="governance/handled/",
    title="已办办件",
    menu=MenuItem("governance", order=6, icon="history", when=queries.concerned),
    permission=SIGNED_IN,
    rows=flow.handled,
    columns=(
        *SEAT_COLUMNS,
        Column("outcome", "我的意见", value=lambda row: {"agree": "同意", "refuse": "不同意"}.get(row.outcome, row.outcome),
               needs=("outcome",)),
        Column("opinion", "意见内容", kind="long", shown=False),
        Column("case.stage", "现在环节"),
        Badge("case.state", "办件状态", CASE.colours, choices=CASE.choices),
        DateTime("closed_at", "办理时间", sortable=True),
    ),
    search=_SEAT_SEARCH,
    search_hint="办件编号、标题、申请单位",
    filters=(*_SEAT_FILTERS, DateRangeFilter("closed_at", "办理时间")),
    default_sort="-closed_at",
    export_name="已办办件",
    empty=EmptyState("还没有办理过办件", "您办理过的办件会出现在这里。"),
)  # fmt: skip

APPLICATIONS = ListPage(
    code="governance.application",
    path="governance/application/",
    title="我的申请",
    menu=MenuItem("governance", order=3, icon="file-text", when=queries.takes_part),
    permission=SIGNED_IN,
    rows=flow.applications,
    columns=(
        Column("title", "办件", link=True, sortable=True), Column("code", "编号", link=True, sortable=True), ITEM, STATE,
        Column("stage", "当前环节"), CLOCK, DateTime("submitted_at", "提交时间", sortable=True),
        DateTime("created_at", "新建时间", sortable=True, shown=False), Column("document_no", "文号", shown=False),
    ),
    search=("=code", "title"),
    search_hint="办件编号、标题",
    filters=(ChoiceFilter("state", "状态", options=CASE.choices), ChoiceFilter("item", "事项", options=queries.item_options),
             DateRangeFilter("submitted_at", "提交时间")),
    default_sort="-pk",
    views=(("全部", ""), ("草稿", "state=draft"), ("办理中", "state=running"), ("待补正", "state=correcting&state=returned"),
           ("已办结", "state=granted&state=refused")),
    page_actions=(PageAction("去办事大厅申请", "governance.hall", icon="building-bank", style="primary"),),
    detail="governance.case.detail",
    export_name="我的申请",
    empty=EmptyState("还没有申请", "在办事大厅选择事项后申请。", PageAction("去办事大厅", "governance.hall")),
)  # fmt: skip

COPIES = ListPage(
    code="governance.copy",
    path="governance/copy/",
    title="抄送我的",
    menu=MenuItem("governance", order=7, icon="mail", when=queries.concerned),
    permission=SIGNED_IN,
    rows=flow.copies,
    columns=(*SEAT_COLUMNS[:4], Column("case.stage", "当前环节"),
             Badge("case.state", "办件状态", CASE.colours, choices=CASE.choices), DateTime("opened_at", "抄送时间", sortable=True)),
    search=_SEAT_SEARCH,
    search_hint="办件编号、标题、申请单位",
    filters=(_SEAT_FILTERS[0], DateRangeFilter("opened_at", "抄送时间")),
    default_sort="-opened_at",
    empty=EmptyState("没有抄送给您的办件", ""),
)  # fmt: skip

RESULTS = ListPage(
    code="governance.result",
    path="governance/result/",
    title="办理结果",
    menu=MenuItem("governance", order=4, icon="certificate", when=queries.takes_part),
    permission=SIGNED_IN,
    rows=queries.ended,
    columns=(
        Column("title", "办件", link=True, sortable=True), ITEM, STATE, Column("document_no", "文号", sortable=True),
        Column("result", "办理结果", kind="long"), DateTime("ended_at", "办结时间", sortable=True),
        Bool("received", "已签收", value=lambda row: row.received_at is not None, needs=("received_at",)),
    ),
    search=("=code", "title", "^document_no"),
    search_hint="办件编号、标题、文号",
    filters=(ChoiceFilter("state", "结果", options=(("granted", "已办结"), ("refused", "不予批准"))),
             DateRangeFilter("ended_at", "办结时间")),
    default_sort="-ended_at",
    detail="governance.case.detail",
    export_name="办理结果",
    empty=EmptyState("还没有办理结果", "办结后，批复文书和结果在这里查看、下载和签收。"),
)  # fmt: skip

CASES = ListPage(
    code="governance.case",
    path="governance/case/",
    title="办件查询",
    menu=MenuItem("governance", order=8, icon="list-search", when=queries.concerned),
    permission=SIGNED_IN,
    rows=queries.listed,
    columns=(
        Column("title", "办件", link=True, sortable=True), Column("code", "编号", link=True, sortable=True), ITEM,
        Column("unit.name", "申请单位"), Column("applicant.name", "申请人", shown=False), STATE, Column("stage", "当前环节"), CLOCK,
        DateTime("submitted_at", "提交时间", sortable=True), DateTime("ended_at", "办结时间", sortable=True, shown=False),
        Column("document_no", "文号", shown=False),
    ),
    search=("^code", "=document_no", "=applicant.name"),
    search_hint="办件编号、文号、申请人姓名",
    filters=(ChoiceFilter("state", "状态", options=CASE.choices, facets=False),
             ChoiceFilter("item", "事项", options=queries.item_options, facets=False),
             BoolFilter("stuck", "无人可办"), DateRangeFilter("submitted_at", "提交时间")),
    default_sort="-pk",
    views=(("全部", ""), ("办理中", "state=running"), ("待补正", "state=correcting"), ("无人可办", "stuck=1"),
           ("已办结", "state=granted")),
    export_name="办件",
    empty=EmptyState("没有办件", "您参与的、或者数据权限范围内的办件会出现在这里。"),
    search_global=True,
)  # fmt: skip

DESK = Todo(
    code="governance.todo", title="待办办件", order=1, permission="*", rows=queries.todo, page="governance.todo",
    url_name="governance.seat", title_of=lambda seat: seat.case.title,
    detail_of=lambda seat: f"{seat.case.unit.label} · {seat.step.name}", icon="checkbox",
)  # fmt: skip
