"""办事大厅: every service item by line and by life event, its guide, and the way to apply."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.declare import ServiceItem
from zhiguan.kernel.flow.lifecycle import OPEN
from zhiguan.kernel.reference.codes import MANAGE
from zhiguan.kit.errors import NotFound
from zhiguan.kit.pages import SIGNED_IN, MenuItem, ViewPage

from .. import diagrams, queries

ENTERS = "由机关事务管理局的基础数据管理人员在“标准依据”中录入。"
"""Who puts in what the guide of an item does not know yet."""


def _matches(item: ServiceItem, text: str) -> bool:
    words = (item.name, item.summary, item.number, queries.line_name(item.area), *item.life_events)
    return text in "".join(words)


def hall(request: HttpRequest) -> HttpResponse:
    """The items, grouped by line or by life event; searched by name, line, event and number."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:40]
    by = "event" if request.GET.get("by") == "event" else "line"
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in flow.items():
        if text and not _matches(item, text):
            continue
        shown = {
            "item": item, "guide": queries.guide(item), "url": reverse("governance.item", args=[item.code]),
            "may_apply": queries.may_apply(request.actor, item),
        }  # fmt: skip
        for name in item.life_events if by == "event" else (queries.line_name(item.area),):
            groups[name].append(shown)
    actor = request.actor
    mine = [
        ("待办", flow.todo(actor)[:100].count(), reverse("governance.todo")),
        ("我的草稿", flow.applications(actor).filter(state="draft")[:100].count(),
         f"{reverse('governance.application')}?state=draft"),
        ("办理中", flow.applications(actor).filter(state__in=OPEN)[:100].count(),
         f"{reverse('governance.application')}?{urlencode({'state': OPEN}, doseq=True)}"),
        ("待我补正", flow.applications(actor).filter(state__in=("correcting", "returned"))[:100].count(),
         f"{reverse('governance.application')}?state=correcting&state=returned"),
        ("已出结果", queries.ended(actor)[:100].count(), reverse("governance.result")),
    ]  # fmt: skip
    context = {"groups": dict(groups), "q": text, "by": by, "mine": mine, "total": len(flow.items())}
    return render(request, "governance/hall.html", context)


def _item(code: str) -> ServiceItem:
    found = next((item for item in flow.items() if item.code == code), None)
    if found is None:
        raise NotFound("没有这个事项。")
    return found


def item(request: HttpRequest, code: str) -> HttpResponse:
    """办事指南: who, on what basis, with what materials, by which steps, within what time, to what result."""
    found = _item(code)
    request.zg_crumbs = [
        {"title": "办事大厅", "url": reverse("governance.hall")}, {"title": found.name, "url": ""},
    ]  # fmt: skip
    definition = flow.published(found.code)
    context = {
        "item": found, "guide": queries.guide(found), "line": queries.line_name(found.area),
        "may_apply": queries.may_apply(request.actor, found), "definition": definition,
        "diagram": diagrams.config(definition) if definition else None, "stages": diagrams.steps(definition),
        "title": found.name, "enters": ENTERS,
        "facts_url": f"{reverse('reference.fact')}?{urlencode({'q': found.facts})}" if request.actor.can(MANAGE) else "",
    }  # fmt: skip
    return render(request, "governance/item.html", context)


def apply(request: HttpRequest, code: str) -> HttpResponse:
    """新建申请: makes a draft and opens it."""
    case = service.create(request.actor, _item(code))
    return HttpResponseRedirect(reverse("governance.case.form", args=[case.pk]))


HALL = ViewPage(
    code="governance.hall", path="governance/hall/", title="办事大厅", permission=SIGNED_IN, view=hall,
    menu=MenuItem("governance", order=1, icon="building-bank", when=queries.takes_part),
)  # fmt: skip
ITEM = ViewPage(
    code="governance.item", path="governance/item/<str:code>/", title="办事指南", permission=SIGNED_IN, view=item,
    parent="governance.hall",
)  # fmt: skip
START = ViewPage(
    code="governance.item.apply", path="governance/item/<str:code>/apply/", title="新建申请", permission=SIGNED_IN,
    view=apply, methods=("POST",),
)  # fmt: skip
