"""流程定义: the versions of every item's process, what each says, how it differs from the one before, and their life."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Case as When_
from django.db.models import Count, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.codes import DEFINITION_VIEW, EDIT, REVIEW
from zhiguan.kernel.flow.lifecycle import DEFINITION as LIFE
from zhiguan.kernel.flow.lifecycle import OPEN
from zhiguan.kernel.flow.service import Case, Definition, definitions
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    DateTime,
    DetailPage,
    EmptyState,
    HistoryEntry,
    ListPage,
    MenuItem,
    PageAction,
    PageForm,
    VerbAction,
)

from .. import diagrams, process_checks, processes, queries

STATE = Badge("state", "状态", LIFE.colours, choices=LIFE.choices)


def running() -> dict[int, int]:
    """How many open cases run on each version: a number alone, over all cases and not only those the reader may see."""
    with system("flow.definitions").acting():
        rows = Case.objects.filter(state__in=OPEN).order_by().values("definition").annotate(n=Count("pk"))
        return dict(rows.values_list("definition", "n"))


def rows(actor: Actor) -> QuerySet[Definition]:
    """Versions the actor may look at, with the number of cases under way on each (``running``)."""
    counts = [When(pk=key, then=Value(number)) for key, number in running().items() if key is not None]
    return flow.definitions(actor).annotate(running=When_(*counts, default=Value(0), output_field=IntegerField()))


def _name(row: Any) -> str:
    return queries.item_name(row.item)


def _by(column: str, otherwise: str = "") -> Any:
    def value(row: Any) -> str:
        account = getattr(row, column)
        if account is None:
            return "随系统提供" if row.shipped and otherwise else "—"
        return account.person.name if account.person is not None else account.username

    return value


# --- what is shown ----------------------------------------------------------------------------------------------------


def head(row: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Facts, the steps in words, what the system does by itself."""
    sealed = ""
    if row.state in ("published", "retired"):
        try:
            definitions.verify(row)
        except Refusal as refusal:
            sealed = refusal.message
    return {
        "item_name": _name(row), "author": _by("author", "shipped")(row), "reviewer": _by("reviewer")(row), "unsealed": sealed,
        "running": running().get(row.pk, 0), "steps": processes.steps(row), "acts": processes.acts(row),
        "checks": len(row.checks),
        "may_edit": row.state == "draft" and actor.can(EDIT), "cases_url": f"{reverse('governance.case')}?item={row.item}",
    }  # fmt: skip


def diagram(row: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return {"diagram": diagrams.config(row)}


def tables(row: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return {"files": processes.tables(row), "may_edit": row.state == "draft" and actor.can(EDIT)}


def checks(row: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """The test cases, played now."""
    process = processes.process_of(row)
    played = process_checks.run(process, row.checks)
    names = process.plan.names
    shown = []
    for check, result in zip(process_checks.for_form(row.checks), played, strict=True):
        acts = [
            f"退回到“{names.get(act['return_to'], act['return_to'])}”" if "return_to" in act
            else f"{names.get(act['step'], act['step'])}：{_outcome(process, act)}" for act in check["acts"]
        ]  # fmt: skip
        expected = (
            [f"停在 {'、'.join(names.get(node, node) for node in check['open']) or '终点'}"]
            if check["open"] is not None
            else []
        )
        if check["result"] is not None:
            expected.append(f"结果为“{processes.RESULTS.get(check['result'], check['result'])}”")
        labels = {each["code"]: each["name"] or each["code"] for each in process_checks.names(row, process)}
        values = [(labels.get(each["code"], each["code"]), _shown(each)) for each in check["context"]]
        shown.append({**result, "values": values, "acts": acts, "expected": "，".join(expected)})
    return {
        "checks": shown,
        "failed": sum(not each["passed"] for each in shown),
        "may_edit": row.state == "draft" and actor.can(EDIT),
    }


def _outcome(process: Any, act: dict[str, str]) -> str:
    step = process.plan.steps.get(act["step"])
    outcome = act.get("outcome", "agree")
    return step.outcomes.get(outcome, outcome) if step is not None else outcome


def _shown(value: dict[str, str]) -> str:
    if value["kind"] == "boolean":
        return "是" if value["text"] == "true" else "否"
    return value["text"] or "空"


def difference(row: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    earlier = processes.before(row)
    if earlier is None:
        return {"earlier": None}
    return {"earlier": earlier, "differences": processes.differences(earlier, row)}


def history(row: Any, actor: Actor) -> Iterable[HistoryEntry]:
    for event in ledger.history(row).order_by("-at", "-id"):
        yield HistoryEntry(event.at, event.name, event.actor_name, event.reason)


# --- what may be done -------------------------------------------------------------------------------------------------


class NoteForm(PageForm):
    """修改说明 of a new version."""

    note = forms.CharField(label="修改说明", max_length=300, widget=forms.Textarea(attrs={"rows": 3}),
                           help_text="为什么改、改什么。复核人员会看到。")  # fmt: skip


def _in(*states: str) -> Any:
    return lambda row: row.state in states


ACTS = (
    VerbAction("create", "新建版本", verb=definitions.create, permission=EDIT, form=NoteForm, icon="versions",
               help="以本版本为底稿新建草稿；本版本和正在办理的办件不受影响。", done="已新建草稿，可以编辑。",
               success=lambda row, actor: reverse("governance.definition.detail", args=[row.pk])),
    VerbAction("propose", "提交复核", verb=definitions.propose, permission=EDIT, when=_in("draft"), style="primary", icon="send",
               confirm="提交时运行全部测试用例；全部通过后交由他人复核发布。", done="测试用例全部通过，已提交复核。"),
    VerbAction("send_back", "退回修改", verb=definitions.send_back, permission=REVIEW, when=_in("reviewing"), reason=True,
               icon="arrow-back"),
    VerbAction("publish", "发布", verb=definitions.publish, permission=REVIEW, when=_in("reviewing"), style="primary", icon="check",
               only=lambda actor, row: actor.account_id is not None and actor.account_id != row.author_id,
               confirm="发布后，新的办件按本版本办理，同一事项原来启用的版本停用；正在办理的办件仍按原版本办理。"),
    VerbAction("retire", "停用", verb=definitions.retire, permission=REVIEW, when=_in("published"), style="danger", icon="ban",
               confirm="停用后，该事项在恢复或者发布其他版本以前不能提交新的申请；正在办理的办件不受影响。"),
    VerbAction("restore", "恢复启用", verb=definitions.restore, permission=REVIEW, when=_in("retired"), reason=True,
               icon="player-skip-back", help="回退到本版本：新的办件按本版本办理，现在启用的版本停用。"),
)  # fmt: skip

DEFINITIONS = ListPage(
    code="governance.definition",
    path="governance/definition/",
    title="流程定义",
    menu=MenuItem("governance", order=30, icon="sitemap"),
    permission=DEFINITION_VIEW,
    rows=rows,
    columns=(
        Column("item", "事项", value=_name, link=True, needs=("item",), sortable=True),
        Column("number", "版本", kind="integer", sortable=True), STATE,
        Column("running", "在办办件", kind="integer", value=lambda row: row.running),
        Column("author", "编制人", value=_by("author", "shipped"), needs=("author.username", "author.person.name", "shipped")),
        Column("reviewer", "复核人", value=_by("reviewer"), needs=("reviewer.username", "reviewer.person.name")),
        DateTime("published_at", "发布时间", sortable=True), Column("note", "修改说明"),
        DateTime("updated_at", "更新时间", sortable=True, shown=False),
    ),
    search=("note", "=item"),
    search_hint="修改说明",
    filters=(ChoiceFilter("item", "事项", options=queries.item_options), ChoiceFilter("state", "状态", options=LIFE.choices),
             BoolFilter("shipped", "随系统提供")),
    default_sort=("item", "-number"),
    views=(("全部", ""), ("启用中", "state=published"), ("草稿", "state=draft"), ("待复核", "state=reviewing")),
    export_name="流程定义",
    note="每个事项同一时间启用一个版本。修改从“新建版本”开始，经测试、他人复核后发布；正在办理的办件按其开始时的版本办理。",
    empty=EmptyState("没有流程定义", "各业务条线随系统提供的流程会出现在这里。", icon="sitemap"),
)  # fmt: skip
DEFINITION = DetailPage(
    code="governance.definition",
    path="governance/definition/<int:pk>/",
    title=lambda row: f"{_name(row)} 第 {row.number} 版",
    permission=DEFINITION_VIEW,
    rows=lambda actor: flow.definitions(actor).select_related("author__person", "reviewer__person"),
    badge=STATE,
    panels=(
        Custom("governance/definition_head.html", head, title="", tab="流程"),
        Custom("governance/definition_diagram.html", diagram, title="流程图", tab="流程"),
        Custom("governance/definition_tables.html", tables, title="", tab="决策表"),
        Custom("governance/definition_checks.html", checks, title="测试用例", tab="测试用例"),
        Custom("governance/definition_difference.html", difference, title="与上一版本的差异", tab="版本差异"),
    ),
    actions=ACTS,
    page_actions=(
        PageAction("编辑流程", "governance.definition.edit", icon="pencil", when=_in("draft")),
        PageAction("编辑测试用例", "governance.definition.checks", icon="list-check", when=_in("draft")),
    ),
    history=history,
    print=True,
)
__all__ = ["DEFINITION", "DEFINITIONS"]
