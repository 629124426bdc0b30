"""Who has to approve a journey, and why: a table of conditions over dated facts (``dispatch.approval.*``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..codes import Level, OrderKind, Ratified
from ..models import DispatchOrder

ORDER_OF_LEVELS = (Level.SECTION, Level.LEADER)
PERMISSION = {Level.SECTION: "vehicles.order.approve", Level.LEADER: "vehicles.order.endorse"}
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Clause:
    """One row of the decision table: when ``holds``, the level that the fact ``code`` names is needed."""

    code: str
    words: str
    holds: Callable[[Facts], bool]


TABLE = (
    Clause("dispatch.approval.ordinary", "一般公务用车", lambda order: True),
    Clause("dispatch.approval.emergency", "应急用车", lambda order: order["kind"] == OrderKind.EMERGENCY),
    Clause("dispatch.approval.outside_city", "跨市用车", lambda order: order["outside_city"]),
    Clause("dispatch.approval.long", "用车时间超过 {long_days} 天", lambda order: order["days"] > order["long_days"]),
    Clause("dispatch.approval.rest_day", "休息日或节假日用车",
           lambda order: order["rest_day"] and order["kind"] != OrderKind.EMERGENCY),
)  # fmt: skip
"""All rows that hold count; the highest level among them decides."""


def rest_days(start: datetime, end: datetime) -> bool:
    """Tell whether any day of the journey is no working day. Years without a calendar count by weekday."""
    day, last = (timezone.localtime(moment).date() for moment in (start, end))
    while day <= last:
        try:
            working = calendar.is_working_day(day)
        except calendar.YearNotLoaded:
            working = day.weekday() < 5
        if not working:
            return True
        day += timedelta(days=1)
    return False


def decide(
    *, kind: str, outside_city: bool, start: datetime, end: datetime, on: date | None = None
) -> tuple[Level, list[str]]:
    """Return the level that approves such a journey and, in words, why: every row that asks for that level."""
    facts = {
        "kind": kind, "outside_city": outside_city, "days": (end - start) / timedelta(days=1),
        "rest_day": rest_days(start, end), "long_days": reference.value("dispatch.approval.long_days", on=on),
    }  # fmt: skip
    names = {level.label: level for level in Level}
    found: list[tuple[Level, str]] = []
    for row in TABLE:
        if row.holds(facts):
            said = reference.value(row.code, on=on)
            level = names.get(said, Level.LEADER)  # a level nobody knows must not lower the bar
            found.append((level, f"{row.words.format_map(facts)}：由{level.label}审批"))
    highest = max((level for level, _ in found), key=ORDER_OF_LEVELS.index)
    words = [words for level, words in found if level == highest]
    return highest, words[1:] if len(words) > 1 and highest == Level.SECTION else words


def require(order: DispatchOrder, actor: Actor) -> None:
    """Refuse an actor who may not approve at the order's level, or who asked for it."""
    level = Level(order.approval_level)
    if not actor.can(PERMISSION[level]) and actor.can(PERMISSION[Level.SECTION]):
        reasons = "；".join(order.approval_reasons)
        raise Denied(f"该申请须由{level.label}审批（{reasons}）。", code="level")
    actor.require(PERMISSION[level], order)
    if actor.person_id is not None and actor.person_id == order.requester_id:
        raise Denied("不能审批本人提出的用车申请。", code="own_request")


def ratify_by(day: date) -> date:
    """Return the last day on which an emergency journey dispatched on ``day`` may be approved afterwards."""
    count = int(reference.value("dispatch.approval.ratify_days", on=day))
    try:
        return calendar.add_working_days(day, count)
    except calendar.YearNotLoaded:
        return day + timedelta(days=count)


@transaction.atomic
def ratify(actor: Actor, order: DispatchOrder, *, agreed: bool, reason: str) -> DispatchOrder:
    """补批: say afterwards whether an emergency journey was right. Late answers are taken, and show as late."""
    require(order, actor)
    if order.ratify_by_on is None:
        raise Conflict("该派车单不是先派车后审批的应急用车，无需补批。", code="not_urgent")
    if order.ratified:
        raise Conflict("该应急用车已办理补批。", code="ratified")
    if not reason.strip():
        raise Invalid("请填写补批意见。", fields={"reason": "请填写补批意见。"})
    values = {
        "ratified": Ratified.AGREED if agreed else Ratified.REFUSED, "ratified_at": timezone.now(),
        "ratified_by": actor.name,
    }  # fmt: skip
    return ledger.change(order, actor, values, name="补批", code="ratify", reason=reason)
