"""The detail of one row: panels and related rows in tabs, its acts, its history, its print view."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Refusal
from zhiguan.kit.square import square

from . import formview
from .actions import VerbAction
from .declare import Block, Custom, DetailPage, Panel, RelatedList, may
from .drawing import cell_class, rows_html, value_html
from .forms import PageForm, ReasonForm
from .links import Link, action_link, row_address
from .menu import parent_of, place
from .scope import one, slim, visible

HISTORY_LIMIT = 200
PRINT_LIMIT = 500
# Acts beyond this many fold into one menu (更多操作); one more than this is still shown.
ACTS_SHOWN = 6


@dataclass
class Drawn:
    """A block ready for the template."""

    kind: str
    title: str
    facts: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    body: str = ""
    empty: str = ""
    more: str = ""
    cut: int = 0
    template: str = ""
    context: dict[str, Any] = field(default_factory=dict)


def view(request: HttpRequest, page: DetailPage, actor: Actor, pk: int) -> HttpResponseBase:
    """Answer a detail's address; ``?tab=`` names the tab, ``?print=1`` gives the sheet."""
    obj = one(page, actor, pk)
    blocks = [block for block in page.panels if _shown(block, obj, actor)]
    place(request, page, actor, row=obj)
    if page.print and request.GET.get("print"):
        return _print(request, page, actor, obj, blocks)
    tabs = list(dict.fromkeys(_tab(block) for block in blocks))
    if page.history is not None:
        tabs.append(page.history_title)
    tab = request.GET.get("tab", "")
    tab = tab if tab in tabs else (tabs[0] if tabs else "")
    is_history = page.history is not None and tab == page.history_title
    base = request.path
    acts = acts_for(page, actor, obj)
    shown = len(acts) if len(acts) <= ACTS_SHOWN + 1 else ACTS_SHOWN
    context = {
        "page": page,
        "obj": obj,
        "title": page.title_for(obj),
        "subtitle": page.subtitle(obj) if page.subtitle is not None else "",
        "badge": value_html(page.badge.cell(obj)) if page.badge is not None else "",
        "tabs": [{"title": t, "url": base if t == tabs[0] else f"?tab={t}", "active": t == tab} for t in tabs],
        "blocks": [draw(block, obj, actor, request) for block in blocks if _tab(block) == tab],
        "history": list(islice(page.history(obj, actor), HISTORY_LIMIT)) if is_history and page.history else None,
        "acts": acts[:shown],
        "more_acts": acts[shown:],
        "links": [link for action in page.page_actions if (link := action_link(action, actor, obj))],
        "print_url": "?print=1" if page.print else "",
    }
    return render(request, "kit/detail.html", context)


def _tab(block: Block) -> str:
    return block.tab or block.title or "基本信息"


def _shown(block: Block, obj: Any, actor: Actor) -> bool:
    when = getattr(block, "when", None)
    return (not block.permission or actor.can(block.permission)) and (when is None or when(obj))


def draw(block: Block, obj: Any, actor: Actor, request: HttpRequest, *, limit: int | None = None) -> Drawn:
    """Return a block ready for the template."""
    if isinstance(block, Panel):
        facts = [
            {"title": column.title, "value": value_html(column.cell(obj), full=True), "wide": column.wide,
             "help": column.help}
            for column in visible(block.fields, actor)
        ]  # fmt: skip
        return Drawn("panel", block.title, facts=facts)
    if isinstance(block, RelatedList):
        return _related(block, obj, actor, limit or block.limit, paper=limit is not None)
    context = dict(block.context(obj, actor, request)) if block.context is not None else {}
    return Drawn("custom", block.title, template=block.template, context={"obj": obj, **context})


def _related(block: RelatedList, obj: Any, actor: Actor, limit: int, *, paper: bool) -> Drawn:
    columns = visible(block.columns, actor)
    rows = block.rows(obj, actor)
    if isinstance(rows, QuerySet):
        rows = slim(rows, columns)
        found = list(rows[: limit + 1])
    else:
        found = list(islice(rows, limit + 1))
    cut = limit if len(found) > limit else 0
    body = rows_html(
        found[:limit], columns, address=row_address(block.link) if block.link and not paper else None, paper=paper
    )
    heads = [{"title": column.title, "css": cell_class(column)} for column in columns]
    more = block.more(obj) if block.more is not None else ""
    return Drawn("related", block.title, heads=heads, body=body, empty=block.empty, more=more, cut=cut)


def acts_for(page: DetailPage, actor: Actor, obj: Any) -> list[Link]:
    """Return the acts the actor may do on the row as it stands."""
    found = []
    for act in page.actions:
        if _allowed(act, actor, obj) and (act.when is None or act.when(obj)):
            url = reverse(f"{page.code}.{act.code}", kwargs={"pk": obj.pk})
            found.append(Link(act.title, url, act.icon, act.style))
    return found


def _allowed(act: VerbAction, actor: Actor, obj: Any) -> bool:
    if not may(actor, act.permission):
        return False
    if act.only is not None:
        return act.only(actor, obj)
    position = getattr(obj, "scope_pos", None)
    if act.permission == "*" or position is None:
        return True
    scope = actor.scope(act.permission)
    return scope.covers(position) or scope.person is not None


def _print(request: HttpRequest, page: DetailPage, actor: Actor, obj: Any, blocks: list[Block]) -> HttpResponseBase:
    drawn = [draw(block, obj, actor, request, limit=PRINT_LIMIT) for block in blocks if not isinstance(block, Custom)]
    history = list(islice(page.history(obj, actor), HISTORY_LIMIT)) if page.history is not None else []
    back = mark_safe(square(request.build_absolute_uri(request.path)))  # noqa: S308 -- it is made of squares
    context = {"page": page, "obj": obj, "title": page.title_for(obj), "blocks": drawn, "history": history,
               "above": parent_of(page), "printed_at": timezone.now(), "square": back}  # fmt: skip
    return render(request, "kit/print_detail.html", context)


def act_view(request: HttpRequest, page: DetailPage, actor: Actor, pk: int, act: str) -> HttpResponseBase:
    """Answer one act's address: its form or a confirmation, then the verb."""
    found = next((item for item in page.actions if item.code == act), None)
    if found is None:
        raise Http404
    one(page, actor, pk)  # who cannot see the row learns no more than that
    if not may(actor, found.permission):
        actor.require(found.permission)
    obj = one(page, actor, pk, found.permission)
    unfit = _unfit(found, actor, obj)
    if unfit is not None:  # unless it is because this very form was taken already: then it leads where that one ended
        used = request.POST.get("_token", "") if request.method == "POST" else ""
        if not used or formview.once.ended_at(request, used) is None:
            raise unfit
    back = reverse(page.url_name, kwargs={"pk": pk})
    version = formview.version_of(obj, page.version)
    place(request, page, actor, (page.title_for(obj), back), (found.title, ""))
    form_class = _form_class(found)

    def work(values: dict[str, Any]) -> str:
        result = found.verb(actor, obj, **values)
        return found.success(result, actor) if found.success is not None else back

    initial = formview.initial_of(form_class, None, request.GET)
    job = formview.Job(
        form_class, actor, obj, initial, version, work, found.done or f"已办理“{found.title}”。", found.title, back,
        style=found.style or "primary", help=found.help, confirm=found.confirm, history=page.history,
        extra={"page": page, "title": found.title, "act": found, "row_title": page.title_for(obj), "row_url": back,
               "badge": value_html(page.badge.cell(obj)) if page.badge is not None else ""},
    )  # fmt: skip
    return formview.run(request, job)


def _unfit(act: VerbAction, actor: Actor, obj: Any) -> Refusal | None:
    """Return why the act cannot be done by the actor to the row as it stands."""
    if act.only is not None and not act.only(actor, obj):
        return Denied(f"您不能对该记录办理“{act.title}”。", code="not_yours")
    if act.when is not None and not act.when(obj):
        return Conflict(act.unfit or f"当前状态不能办理“{act.title}”，请刷新后查看最新情况。", code="state_unfit")
    return None


def _form_class(act: VerbAction) -> type[PageForm]:
    if act.form is None:
        return ReasonForm if act.reason else PageForm
    if not act.reason or "reason" in act.form.base_fields:
        return act.form
    return type(f"{act.form.__name__}WithReason", (act.form, ReasonForm), {})
