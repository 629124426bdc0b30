"""What the pages of cases show, for one actor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from zhiguan.kernel.flow import limits
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.declare import APPLY, ServiceItem
from zhiguan.kernel.flow.lifecycle import DECIDED
from zhiguan.kernel.flow.service import Case, Seat
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.manifest import Line
from zhiguan.kit.pages.recent import recently


def takes_part(actor: Actor) -> bool:
    """Tell whether the actor holds a permission of cases."""
    return flow.takes_part(actor)


def concerned(actor: Actor) -> bool:
    """Tell whether lists of cases can hold anything for the actor; asked once for all entries of a page's menu."""
    return recently(actor, "governance.concerned", lambda: flow.concerned(actor))


def item_name(code: str) -> str:
    """The name of an item, also of one that is no longer there."""
    for item in registry.current().all(ServiceItem):
        if item.code == code:
            return item.name
    return code


def item_options(actor: Actor | None = None, rows: Any = None) -> Iterable[tuple[str, str]]:
    """Filter options: the items."""
    return [(item.code, item.name) for item in flow.items()]


def line_options(actor: Actor | None = None, rows: Any = None) -> Iterable[tuple[str, str]]:
    """Filter options: the lines that have items."""
    return [(area, line_name(area)) for area in flow.areas()]


def line_name(code: str) -> str:
    return next((line.name for line in registry.current().all(Line) if line.code == code), code)


def todo(actor: Actor) -> QuerySet[Seat]:
    """待办, with what the list needs of case and step."""
    return flow.todo(actor).select_related("case__unit", "step", "person")


def cases(actor: Actor) -> QuerySet[Case]:
    """Cases the actor may see, each with the actor's own seat in it, when one is open (``my_seat``, ``my_node``, …)."""
    people = [*([actor.person_id] if actor.person_id is not None else []), *flow.stands_in_for(actor)]
    mine = (
        Seat.objects.filter(
            case=OuterRef("pk"), person__in=people, step__state="open", state__in=("offered", "waiting", "working")
        )
        .annotate(node=F("step__node"))
        .order_by(F("state").desc(), "pk")
    )
    return flow.cases(actor).select_related("unit", "applicant", "definition").annotate(
        my_seat=Subquery(mine.values("pk")[:1]), my_state=Subquery(mine.values("state")[:1]),
        my_node=Subquery(mine.values("node")[:1]),
    )  # fmt: skip


def listed(actor: Actor) -> QuerySet[Case]:
    """Cases of the list: without drafts, which only their applicants have."""
    return flow.listed(actor)


def ended(actor: Actor) -> QuerySet[Case]:
    """结果: the actor's own cases that have come to an end."""
    return flow.applications(actor).filter(state__in=DECIDED)


def clock_text(case: Case) -> str:
    return limits.in_words(case)[0]


def clock_colour(case: Case) -> str:
    return limits.in_words(case)[1]


def guide(item: ServiceItem) -> dict[str, Any]:
    """Return what the guide of an item says, every value with its source and whether it was read there."""

    def fact(name: str) -> Any:
        try:
            found = reference.fact(f"{item.facts}.{name}")
        except reference.UnknownFact:
            return None
        return found if found.value is not None else None

    limit = fact("promised_days") or fact("statutory_days") or reference.fact("approvals.general.engine_default")
    return {
        "basis": fact("legal_basis"), "applicant": fact("applicant"), "published_materials": fact("materials"),
        "steps": fact("steps"), "outcome": fact("outcome"), "limit": limit,
        "limit_default": limit.code.endswith("engine_default"), "statutory": fact("statutory_days"),
        "acceptance": reference.fact("approvals.general.acceptance_days"),
    }  # fmt: skip


def may_apply(actor: Actor, item: ServiceItem) -> bool:
    return actor.person_id is not None and actor.can(item.permission(APPLY))


def held_for(moment: Any, until: Any = None) -> str:
    """Return how long it is from a moment until another, or until now, in words for people who wait: 3 天 4 小时."""
    seconds = max(0, int(((until or timezone.now()) - moment).total_seconds()))
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    if days:
        return f"{days} 天 {hours} 小时"
    return f"{hours} 小时 {minutes} 分" if hours else f"{minutes} 分钟"
