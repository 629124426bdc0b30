"""Read side of office premises. Everything takes the actor and returns only what their scope reaches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import (
    Case,
    Count,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from zhiguan.kernel.ledger.queries import story
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.pages import HistoryEntry

from ..codes import GRADES, OrganLevel, RoomKind, rank_of
from ..models import Allocation, Building, OrganSize, RepairPlan, Room, RoomUser

METRES = DecimalField(max_digits=14, decimal_places=2)
BASIC = (RoomKind.OFFICE, RoomKind.SERVICE, RoomKind.EQUIPMENT)
HIDDEN = {"id", "version", "scope_pos", "user_pos", "owner_pos", "created_at", "working", "staffing"}


def buildings(actor: Actor) -> QuerySet[Building]:
    """Return the buildings the actor's units manage, and those in which they have rooms."""
    scope = actor.scope("space.building.view")
    used = Room.objects.filter(scope.q("user_pos"), building=OuterRef("pk"))
    return Building.objects.filter(scope.q() | Exists(used))


def managed_buildings(actor: Actor) -> QuerySet[Building]:
    """Return the buildings the actor may change."""
    return Building.objects.filter(actor.scope("space.building.manage").q())


def buildings_with_use(actor: Actor) -> QuerySet[Building]:
    """Return the buildings with the usable area of their rooms, and of those that are idle."""
    rooms = Room.objects.filter(building=OuterRef("pk")).exclude(state="closed").order_by().values("building")
    whole = rooms.annotate(total=Sum("usable_area")).values("total")
    idle = rooms.filter(state="idle").annotate(total=Sum("usable_area")).values("total")
    return buildings(actor).annotate(
        rooms_area=Coalesce(Subquery(whole, METRES), Decimal(0), output_field=METRES),
        idle_area=Coalesce(Subquery(idle, METRES), Decimal(0), output_field=METRES),
    )


def rooms(actor: Actor) -> QuerySet[Room]:
    """Return the rooms of the actor's buildings, and those allocated to the actor's units."""
    return Room.objects.visible_to(actor, "space.building.view")


def rooms_of(building: Building, actor: Actor) -> QuerySet[Room]:
    return rooms(actor).filter(building=building)


def managed_rooms(actor: Actor) -> QuerySet[Room]:
    return Room.objects.filter(actor.scope("space.building.manage").q())


def allocations(actor: Actor) -> QuerySet[Allocation]:
    return Allocation.objects.visible_to(actor, "space.allocation.view")


def allocations_of(room: Room, actor: Actor) -> QuerySet[Allocation]:
    return allocations(actor).filter(room=room)


def sizes(actor: Actor) -> QuerySet[OrganSize]:
    return OrganSize.objects.visible_to(actor, "space.size.view")


def repairs(actor: Actor) -> QuerySet[RepairPlan]:
    return RepairPlan.objects.visible_to(actor, "space.repair.view")


def repairs_of(building: Building, actor: Actor) -> QuerySet[RepairPlan]:
    return repairs(actor).filter(building=building)


def levels(day: date | None = None) -> dict[str, str]:
    """Return which column of the standard holds for organs of a level (municipal, district), as the facts say."""
    return _levels(reference.thresholds("office_space", on=day or timezone.localdate()))


def _levels(facts: reference.Thresholds) -> dict[str, str]:
    return {
        level: found if (found := facts.value(f"office_area.level_of_{level}")) in OrganLevel.values else OrganLevel.MUNICIPAL
        for level in ("municipal", "district")
    }


class Limit(Func):
    """Area limit of a person's office by the level of their organ and their 职务层次.

    The facts are read when the query is made into SQL: declared pages build their querysets before there is a database.
    """

    output_field = METRES

    def __init__(self) -> None:
        super().__init__(F("person__unit__level"), F("person__rank__grade"))

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        (unit_level, first), (rank_grade, second) = (compiler.compile(each) for each in self.get_source_expressions())
        facts = reference.thresholds("office_space", on=timezone.localdate())
        parts, values = [], []
        for own, level in _levels(facts).items():
            for grade in GRADES:
                parts.append(f"WHEN {unit_level} = %s AND {rank_grade} = %s THEN %s::numeric")
                limit = facts.value(f"office_area.{level}.{rank_of(level, grade)}")
                values += [*first, own, *second, grade, Decimal(str(limit))]
        return f"CASE {' '.join(parts)} END", values


def occupants(actor: Actor) -> QuerySet[RoomUser]:
    """Return who sits where, with ``share`` (the room's area by its people), ``limit`` (standard) and ``excess``."""
    beside = RoomUser.objects.filter(room=OuterRef("room"), state="active").order_by().values("room")
    people = Coalesce(Subquery(beside.annotate(n=Count("pk")).values("n")), 1)
    share = ExpressionWrapper(F("room__usable_area") / people, METRES)
    offices = Q(room__kind=RoomKind.OFFICE, state="active")
    rows = RoomUser.objects.visible_to(actor, "space.occupant.view").annotate(share=share, limit=Limit())
    return rows.annotate(excess=Case(When(offices, then=ExpressionWrapper(F("share") - F("limit"), METRES)), default=None))


def occupants_of(room: Room, actor: Actor) -> QuerySet[RoomUser]:
    return occupants(actor).filter(room=room)


def _used(kinds: Iterable[str]) -> QuerySet[Room]:
    return Room.objects.filter(
        state="allocated", kind__in=list(kinds), user_pos__gte=OuterRef("unit__pos"), user_pos__lte=OuterRef("unit__pos_end")
    )


def sizes_with_use(actor: Actor) -> QuerySet[OrganSize]:
    """Return the sizes in force with ``used_area``: usable area of offices, service and equipment rooms that are used,
    ``basic``: what the standard gives for them, and ``excess``."""
    used = _used(BASIC).order_by().values("state").annotate(total=Sum("usable_area")).values("total")
    rows = sizes(actor).filter(state="active", valid_to__isnull=True)
    basic = ExpressionWrapper(F("office_area") + F("service_area") + F("equipment_area"), METRES)
    rows = rows.annotate(used_area=Coalesce(Subquery(used, METRES), Decimal(0), output_field=METRES), basic=basic)
    return rows.annotate(excess=ExpressionWrapper(F("used_area") - F("basic"), METRES))


def present(unit: Unit) -> dict[str, Decimal]:
    """Return the usable area allocated to the unit and what is below it, by kind of room."""
    rows = Room.objects.filter(state="allocated", user_pos__range=(unit.pos, unit.pos_end)).order_by()
    found = dict(rows.values_list("kind").annotate(total=Sum("usable_area")))
    return {kind: found.get(kind, Decimal(0)) for kind in RoomKind.values}


def staffing(unit: Unit, day: date | None = None) -> dict[str, int]:
    """Return the established posts of a unit by 职务层次, workers left out.

    Posts are approved by number, not by rank: the ranks are those of the people serving; posts not filled count as the
    lowest rank, and people above the approved number are left out from the lowest rank up. Asked as the system: whoever
    works on a unit's premises needs these numbers, without the permission to read establishments at large.
    """
    on = day or timezone.localdate()
    people = orgs.headcount_by_grade(unit, on)
    counts = {grade: people.get(grade, 0) for grade in GRADES}
    counts["staff"] += people.get("", 0)
    with system("space.staffing").acting():
        approved = orgs.establishment(unit, on)
    posts = approved.get("administrative", 0) + approved.get("institutional", 0)
    if posts:
        missing = posts - sum(counts.values())
        counts["staff"] += max(0, missing)
        for grade in reversed(GRADES):
            cut = min(counts[grade], max(0, -missing))
            counts[grade] -= cut
            missing += cut
    return {grade: count for grade, count in counts.items() if count}


def history(record: Any, actor: Actor) -> Iterable[HistoryEntry]:
    """Return the record's ledger events, newest first, as a story for people."""
    return story(record, HIDDEN)
