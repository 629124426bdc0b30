"""Sub-cases (子办件): a case goes no further while one it opened is under way, and takes them along when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhiguan.kernel.notices import service as notices
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict

from . import queries
from .declare import APPLY, DECIDE, HANDLE, ServiceItem
from .lifecycle import ENDED
from .models import Case, Seat
from .seating import OPEN_SEATS
from .telling import page_of

if TYPE_CHECKING:
    from .desk import Desk


def may_open(actor: Actor, item: ServiceItem, case: Case) -> bool:
    """Tell whether the actor may open a sub-case of the item: they handle or decide such cases over the case's organ, or
    apply for them and belong to it."""
    if any(actor.scope(item.permission(act)).covers(case.scope_pos) for act in (HANDLE, DECIDE)):
        return True
    inside = actor.unit_pos is not None and case.unit.pos <= actor.unit_pos <= case.unit.pos_end
    return inside and actor.can(item.permission(APPLY))


def openable(actor: Actor, case: Case) -> list[ServiceItem]:
    """Return the items the actor may open sub-cases of."""
    return [item for item in queries.items() if may_open(actor, item, case)]


def wait(desk: Desk, *, but: int | None = None) -> None:
    """Refuse an act that would let the case go on while a sub-case is under way: ``Conflict`` (``subcase_open``).

    A draft counts while whoever wrote it has a part in an open step (``but``: a person who is just leaving it); nobody
    else could submit or discard it.
    """
    if not desk.seating.waits:
        return
    people = {seat.person_id for seat in desk.seating.seats if seat.state in OPEN_SEATS} - {but}
    rows = desk.case.children.exclude(state__in=ENDED).values_list("state", "applicant_id")
    if any(state != "draft" or applicant in people for state, applicant in rows):
        raise Conflict("还有子办件没有办结，本办件暂不能继续。请先办结、撤回或放弃子办件。", code="subcase_open")


def ended(desk: Desk) -> None:
    """What the end of a case means for others: its sub-cases end with it, and the case that waited for it goes on.

    A sub-case that has taken effect already runs to its own end.
    """
    _end_children(desk)
    case = desk.case
    if case.parent_id is None or Case.objects.filter(parent=case.parent_id).exclude(state__in=ENDED).exists():
        return
    waiting = Seat.objects.filter(
        case=case.parent_id, case__state="running", step__state="open", state__in=queries.TODO
    ).select_related("person")
    notices.notify(
        [seat.person for seat in waiting], "flow.step.open", f"子办件已结束，可继续办理：{case.parent.title}",
        f"子办件“{case.title}”{case.state_name}。", page_of(case.parent), subject=case.parent,
        dedupe_key=f"flow.case/{case.pk}/end/parent",
    )  # fmt: skip


def _end_children(desk: Desk) -> None:
    for row in queries.locked_below(desk.case.pk):
        child = type(desk)(desk.actor, row)
        if child.in_effect():
            continue
        why = f"上级办件 {desk.case.code} {desk.case.state_name}"
        if row.state == "draft":
            child.flush("discard", why)
            continue
        child.close_steps(child.steps("open"), "cancelled")
        child.told.append(("applicant", ("flow.case.end", f"终止办理：{row.title}", why)))
        child.flush("terminate", why)
