"""The tree as a page, suggestions of units, and the blocks that pages of one unit or person draw themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date

from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import NotFound

from . import directory, queries
from .chart import picture
from .declare import Recording
from .forms import named
from .models import Person, Unit

SUGGESTED = 12


def recorder() -> Any:
    """Return what notes acts in the log; the log has declared itself."""
    from zhiguan.kit import registry

    (recording,) = registry.current().all(Recording)
    return recording.record


def _actor() -> Actor:
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    return actor


def _visible(actor: Actor) -> Any:
    return Unit.objects.filter(actor.scope("orgs.unit.view").q("pos"))


def _top(actor: Actor) -> Unit | None:
    """Return where the actor's tree begins: the uppermost unit in scope."""
    return _visible(actor).open().order_by("pos").first()


def _day(text: str) -> tuple[date | None, str]:
    if not text.strip():
        return None, ""
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    return (day, "") if day else (None, f"“{text[:20]}”不是有效的日期（例如 2026-03-01），已按今天显示。")


def tree(request: HttpRequest) -> HttpResponse:
    """Answer the tree at one unit, today or as of a day (``?unit=CODE&on=DATE``)."""
    actor = _actor()
    code = request.GET.get("unit", "").replace("\0", "")[:32]
    day, wrong = _day(request.GET.get("on", ""))
    unit = _visible(actor).filter(code=code).first() if code else _top(actor)
    if unit is None and code:
        raise NotFound("该机构不存在，或不在您的数据权限范围内。")
    context: dict[str, Any] = {"unit": unit, "day": day, "wrong": wrong}
    if unit is not None:
        context |= _at(unit, day, actor)
    return render(request, "orgs/tree.html", context)


def _at(unit: Unit, day: date | None, actor: Actor) -> dict[str, Any]:
    scope = actor.scope("orgs.unit.view")
    within = set(_visible(actor).filter(pk__in=[each.pk for each in queries.path(unit)]).values_list("code", flat=True))
    path = [node for node in directory.path_nodes(unit, day) if node.code in within or scope.covers(unit.pos)]
    for node in path:
        node.url = node.url if node.code in within else ""
    children = directory.child_nodes(unit, day)
    figures = None
    if actor.can("orgs.establishment.view"):
        figures = queries.staffing(unit, day)
    if path:
        path[-1].current = True
        path[-1].below = len(children)
    return {
        "path": path, "children": children, "existed": bool(path), "figures": figures,
        "name": path[-1].name if path else unit.name, "picture": picture(path[-1], children) if path else None,
    }  # fmt: skip


def suggest(request: HttpRequest) -> HttpResponse:
    """Answer units for a field, as JSON. Whoever may name a unit in a form may look for any: the names are shared."""
    found = queries.search_units(request.GET.get("q", "")[:60], limit=SUGGESTED)
    above = {each.pos: each.name for each in queries.containing([each.pos for each in found])}
    from . import tree as positions

    items = [
        {
            "title": named(each), "value": each.code,
            "subtitle": " / ".join(above[pos] for pos in positions.path_positions(each.pos)[:-1] if pos in above),
        }
        for each in found
    ]  # fmt: skip
    return JsonResponse({"items": items})


def staffing_context(unit: Unit, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return directory.staffing(unit)


def place_context(unit: Unit, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return {"unit": unit}


def career_context(person: Person, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return directory.career(person)


def contact_context(person: Person, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Show the whole phone number; that it was shown is recorded."""
    recorder()(actor, "orgs.person.contact", person, reason="查看联系方式")
    return {"person": person}
