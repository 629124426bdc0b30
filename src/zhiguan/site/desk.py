"""The pages that belong to nobody's line: home, to-dos, me."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from zhiguan.kernel.identity.service import grants_in_force
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.desk import Figure, Shortcut, Todo, counted, waiting
from zhiguan.kit.manifest import Permission

SHOWN = 5


def _address(page: str, query: str = "") -> str:
    return reverse(page) + (f"?{query}" if query else "")


def todos(actor: Actor, shown: int = SHOWN) -> list[dict[str, Any]]:
    """Return the actor's waiting work by kind: how many (up to 100) and the first rows."""
    kinds, counts = [], counted(actor)
    for todo in sorted(registry.current().all(Todo), key=lambda each: each.order):
        if todo.code not in counts:
            continue
        count = counts[todo.code]
        items = [
            {"title": todo.title_of(row), "detail": todo.detail_of(row), "url": reverse(todo.url_name, args=[row.pk])}
            for row in (todo.rows(actor)[:shown] if count else ())
        ]
        kinds.append({"todo": todo, "count": count, "items": items, "url": _address(todo.page, todo.query)})
    return kinds


def _waiting(actor: Actor, shown: int) -> dict[str, Any]:
    """What ``_todos.html`` draws: the kinds of work of which some waits, and those of which none does."""
    kinds = todos(actor, shown)
    return {"kinds": [each for each in kinds if each["count"]], "idle": [each for each in kinds if not each["count"]]}


def todo_count(actor: Actor) -> int:
    """Return how many things wait for the actor, for the bell."""
    return sum(waiting(actor).values())


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """首页: to-dos, services and resources of the actor's roles."""
    actor = request.actor
    known = registry.current()
    shortcuts = [
        {"item": item, "url": reverse(item.page)}
        for item in sorted(known.all(Shortcut), key=lambda each: each.order)
        if actor.can(item.permission)
    ]
    figures = [
        {"item": item, "value": item.rows(actor).count(), "url": _address(item.page, item.query)}
        for item in sorted(known.all(Figure), key=lambda each: each.order)
        if actor.can(item.permission)
    ]
    found = _waiting(actor, SHOWN) | {"shortcuts": shortcuts, "figures": figures, "actor": actor}
    return render(request, "site/home.html", found)


@login_required
@require_GET
def todo(request: HttpRequest) -> HttpResponse:
    """待办: everything that waits for the actor, by kind."""
    request.zg_crumbs = [{"title": "待办", "url": ""}]
    return render(request, "site/todo.html", _waiting(request.actor, 5))


@login_required
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """我的: who I am here, what I may do and where."""
    names = {permission.code: permission.name for permission in registry.current().all(Permission)}
    from django.utils import timezone

    grants = [
        {"grant": grant, "permissions": [names[code] for code in grant.role.permissions if code in names]}
        for grant in grants_in_force(request.user.pk, timezone.localdate())
    ]
    request.zg_crumbs = [{"title": "我的", "url": ""}]
    return render(request, "site/me.html", {"grants": grants, "account": request.user})
