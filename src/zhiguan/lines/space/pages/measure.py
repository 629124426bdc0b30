"""规模测算: what the standard gives an organ, step by step, before anything is decided."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages import MenuItem, ViewPage

from .. import queries
from ..codes import GRADE_NAMES, GRADES, HeightClass, OrganLevel
from ..domain import sizes
from ..domain.size import MOST_POSTS, Need
from .parts import grouped, steps

COUNTS = (("cars", "汽车车位（个）"), ("bicycles", "自行车（辆）"), ("ebikes", "电动车、摩托车（辆）"), ("guards", "警卫人员（人）"))


def _count(text: str) -> int:
    return min(int(text), MOST_POSTS) if text.isdecimal() and len(text) < 10 else 0


def _units(actor: Actor) -> list[Unit]:
    return list(Unit.objects.open().of_kind("organ").filter(actor.scope("space.size.view").q("pos")).order_by("sort", "pos"))


def _measure(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    units, asked = _units(actor), request.GET
    unit = next((each for each in units if str(each.pk) == asked.get("unit", "")), None)
    if unit is None and len(units) == 1:
        unit = units[0]
    own = queries.staffing(unit) if unit is not None else {}
    typed = any(asked.get(grade, "") for grade in GRADES) and asked.get("of", "") == (str(unit.pk) if unit else "")
    people = {grade: _count(asked.get(grade, "")) if typed else own.get(grade, 0) for grade in GRADES}
    level = asked.get("level", "")
    if level not in OrganLevel.values or (unit is not None and not typed):
        level = queries.levels().get(unit.level, "") if unit is not None else OrganLevel.PROVINCIAL
    height = asked.get("height", "") if asked.get("height", "") in HeightClass.values else HeightClass.MULTI
    counts = {name: _count(asked.get(name, "")) for name, _ in COUNTS}
    found, refusal = None, ""
    if any(people.values()):
        need = Need(level, height, {g: n for g, n in people.items() if n}, canteen=bool(asked.get("canteen")), **counts)
        try:
            found = sizes.measured(need)
        except Refusal as error:
            refusal = error.message
    return render(request, "space/measure.html", _context(
        units=units, unit=unit, people=people, level=level, height=height, counts=counts, found=found, refusal=refusal,
        canteen=bool(asked.get("canteen")), actor=actor,
    ))  # fmt: skip


def _context(*, unit: Unit | None, found: Any, actor: Actor, people: dict, counts: dict, **more: Any) -> dict[str, Any]:
    present = queries.present(unit) if unit is not None else None
    used = sum(present[kind] for kind in queries.BASIC) if present is not None else None
    basic = found.office + found.service + found.equipment if found else None
    excess = used - basic if used is not None and basic is not None else None
    return {
        **more, "unit": unit, "found": found, "day": timezone.localdate(), "present": present, "excess": excess,
        "grades": [(grade, GRADE_NAMES[grade], people[grade]) for grade in GRADES],
        "counts": [(name, label, counts[name]) for name, label in COUNTS],
        "levels": OrganLevel.choices, "heights": HeightClass.choices,
        "lines": steps(line.as_json() for line in found.lines) if found else [],
        "figures": {
            "gross": grouped(found.gross) if found else "", "basic": grouped(basic), "used": grouped(used),
            "excess": grouped(abs(excess)) if excess is not None else "",
        },
        "approve_url": reverse("space.organsize.create") + f"?unit={unit.pk}"
        if unit is not None and actor.can("space.size.manage") else "",
    }  # fmt: skip


MEASURE = ViewPage(
    code="space.organsize.measure", path="space/organsize/measure/", title="规模测算", permission="space.size.view",
    view=_measure, parent="space.organsize", menu=MenuItem("space", order=55, icon="adjustments"),
)  # fmt: skip
