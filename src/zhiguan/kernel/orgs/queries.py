"""Questions about the tree and its people, now and as of a date. Dates name the whole day in Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.utils import timezone

from zhiguan.kit.errors import NotFound

from . import tree
from .codes import AppointmentKind, Grade, QuotaKind, UnitKind, UnitLevel
from .models import Appointment, Establishment, Person, Unit, UnitVersion

DEMO_NOTE = "演示数据"
"""Note of the root unit when everything below it was invented."""


def root() -> Unit | None:
    """Return the city, None while nothing has been set up."""
    return Unit.objects.filter(parent__isnull=True).first()


def is_demo() -> bool:
    """Tell whether this installation shows invented data, which every page must then say."""
    return Unit.objects.filter(parent__isnull=True, note=DEMO_NOTE).exists()


def unit_by_code(code: str) -> Unit:
    """Return the unit with the public code; raises :class:`NotFound`."""
    try:
        return Unit.objects.get(code=code)
    except Unit.DoesNotExist:
        raise NotFound(f"没有代码为“{code}”的机构。", code="unit_not_found") from None


def units() -> QuerySet[Unit]:
    """Return every unit that has not been closed, in the order of lists."""
    return Unit.objects.open()


def subtree(unit: Unit) -> QuerySet[Unit]:
    """Return ``unit`` and every open unit below it."""
    return units().within(unit)


def children(unit: Unit) -> QuerySet[Unit]:
    """Return the open units directly below."""
    return units().filter(parent=unit)


def districts() -> QuerySet[Unit]:
    """Return the districts (区) of the city."""
    return units().of_kind(UnitKind.DISTRICT)


def organs(level: str | None = None, within: Unit | None = None) -> QuerySet[Unit]:
    """Return the organs, of one level (municipal, district) or below one unit when given."""
    found = units().of_kind(UnitKind.ORGAN)
    found = found if level is None else found.filter(level=level)
    return found if within is None else found.within(within)


def municipal_organs() -> QuerySet[Unit]:
    """Return the municipal organs (市级机关)."""
    return organs(UnitLevel.MUNICIPAL)


def containing(positions: Iterable[int]) -> list[Unit]:
    """Return the units at the positions and all units above them, from the root down."""
    wanted = {ancestor for position in positions for ancestor in tree.path_positions(position)}
    return list(Unit.objects.filter(pos__in=wanted).order_by("pos"))


def path(unit: Unit) -> list[Unit]:
    """Return the units from the root down to ``unit``."""
    return containing([unit.pos])


def organ_of(unit: Unit) -> Unit | None:
    """Return the organ a unit belongs to (itself when it is one); None for a city or district."""
    for near in (unit, unit.parent if "parent" in unit._state.fields_cache else None):  # no question for the usual ones
        if near is not None and near.kind == UnitKind.ORGAN:
            return near
    above = [each for each in path(unit) if each.kind == UnitKind.ORGAN]
    return above[-1] if above else None


# --- as of a date -----------------------------------------------------------------------------------------------------


def version_on(unit: Unit, day: date) -> UnitVersion | None:
    """Return name, parent and place of the unit on the day; None when it did not exist."""
    return UnitVersion.objects.on(day).filter(unit=unit).first()


def tree_on(day: date, within: Unit | None = None) -> QuerySet[UnitVersion]:
    """Return the tree as it was on the day: one version per unit then in being, parents before children.

    ``within`` narrows to what then was below that unit; nothing when the unit did not exist.
    """
    versions = UnitVersion.objects.on(day).select_related("unit").order_by("pos")
    if within is None:
        return versions
    then = version_on(within, day)
    return versions.none() if then is None else versions.within(then)


def children_on(unit: Unit, day: date) -> QuerySet[UnitVersion]:
    """Return the units that were directly below ``unit`` on the day."""
    return UnitVersion.objects.on(day).filter(parent=unit).select_related("unit").order_by("unit__sort", "pos")


def path_on(unit: Unit, day: date) -> list[UnitVersion]:
    """Return the units from the root down to ``unit`` as they were on the day; empty when it did not exist."""
    then = version_on(unit, day)
    if then is None:
        return []
    return list(UnitVersion.objects.on(day).filter(pos__in=tree.path_positions(then.pos)).order_by("pos"))


def name_on(unit: Unit, day: date) -> str:
    """Return the unit's name on the day; its present name when it did not exist."""
    then = version_on(unit, day)
    return unit.name if then is None else then.name


def appointments_on(day: date, *, unit: Unit | None = None, person: Person | None = None) -> QuerySet[Appointment]:
    """Return the appointments in force on the day: of one person, or in what was then the subtree of one unit."""
    found = Appointment.objects.on(day).select_related("person", "unit", "rank")
    if person is not None:
        found = found.filter(person=person)
    return found if unit is None else _within_on(found, unit, day)


def unit_of_person_on(person: Person, day: date) -> Unit | None:
    """Return where the person's main appointment was on the day."""
    held = appointments_on(day, person=person).filter(kind=AppointmentKind.MAIN).first()
    return None if held is None else held.unit


def _within_on(rows: QuerySet, unit: Unit, day: date) -> QuerySet:
    if unit.parent_id is None:
        return rows  # everything was below the root on any day
    then = version_on(unit, day)
    if then is None:
        return rows.none()
    below = UnitVersion.objects.on(day).within(then)
    return rows.filter(unit_id__in=below.values("unit_id"))


def headcount(unit: Unit, day: date | None = None) -> int:
    """Return how many people serve in the unit and below it (main appointments), today or on a day."""
    if day is None:
        return Person.objects.within(unit).filter(active=True).count()
    return _within_on(Appointment.objects.on(day).filter(kind=AppointmentKind.MAIN), unit, day).count()


def headcount_by_grade(unit: Unit, day: date | None = None) -> dict[str, int]:
    """Return people by 职务层次 (codes of :class:`Grade`; "" where the rank is not known), in the unit and below."""
    rows = appointments_on(day or timezone.localdate(), unit=unit).filter(kind=AppointmentKind.MAIN)
    counts: dict[str, int] = {}
    for grade in rows.values_list("rank__grade", flat=True):
        counts[grade or ""] = counts.get(grade or "", 0) + 1
    return {key: counts[key] for key in [*Grade.values, ""] if key in counts}


def establishment(unit: Unit, day: date | None = None) -> dict[str, int]:
    """Return the approved posts by kind (codes of :class:`QuotaKind`) of the unit and below, today or on a day."""
    on = day or timezone.localdate()
    rows = _within_on(Establishment.objects.on(on), unit, on)
    totals = dict(rows.order_by().values_list("kind").annotate(total=Sum("quota")))
    return {kind: totals[kind] for kind in QuotaKind.values if kind in totals}


@dataclass(frozen=True)
class Staffing:
    """编制使用情况 of a unit with everything below it, on a day."""

    unit: Unit
    day: date
    quota: int
    headcount: int

    @property
    def vacancies(self) -> int:
        """Posts not filled; negative when there are more people than posts (超编)."""
        return self.quota - self.headcount

    @property
    def over(self) -> int:
        """How many more people than posts (超编人数)."""
        return max(0, self.headcount - self.quota)


def staffing(unit: Unit, day: date | None = None) -> Staffing:
    """Return approved posts against people serving, today or on a day."""
    on = day or timezone.localdate()
    return Staffing(unit, on, sum(establishment(unit, on).values()), headcount(unit, day))


# --- search -----------------------------------------------------------------------------------------------------------


def _spelled(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def search_units(text: str, *, limit: int = 20, within: Unit | None = None) -> list[Unit]:
    """Return open units whose name, short name, code, pinyin or initials contain the text; larger units first."""
    wanted = text.replace("\0", "").strip()
    if not wanted:
        return []
    if wanted.isascii():
        spelled = _spelled(wanted)
        match = Q(code__istartswith=wanted)
        if spelled:
            match |= Q(pinyin__contains=spelled) | Q(initials__contains=spelled)
        first = Q(code__iexact=wanted) | Q(initials__startswith=spelled) | Q(pinyin__startswith=spelled)
    else:
        match = Q(name__contains=wanted) | Q(short_name__contains=wanted)
        first = Q(name=wanted) | Q(short_name=wanted)
    found = units() if within is None else subtree(within)
    closeness = Case(When(first, then=Value(0)), default=Value(1), output_field=IntegerField())
    return list(found.filter(match).order_by(F("pos") - F("pos_end"), closeness, "sort", "pos")[:limit])


def search_people(
    text: str, *, limit: int = 20, within: Unit | None = None, active: bool | None = True
) -> list[Person]:
    """Return people whose name, pinyin, initials or code begins with the text, exact matches first.

    Unit and rank are loaded; ``active`` None includes those who have left.
    """
    wanted = text.replace("\0", "").strip()
    if not wanted:
        return []
    if wanted.isascii():
        same, begins = Q(code=wanted), Q(code__startswith=wanted)
        if spelled := _spelled(wanted):
            same |= Q(pinyin=spelled) | Q(initials=spelled)
            begins |= Q(pinyin__startswith=spelled) | Q(initials__startswith=spelled)
    else:
        same, begins = Q(name=wanted), Q(name__startswith=wanted)
    # Unordered: sorting the 80,000 people of one surname to show twenty would cost more than finding them.
    people = Person.objects.order_by().select_related("unit", "rank")
    people = people if within is None else people.within(within)
    people = people if active is None else people.filter(active=active)
    found = list(people.filter(same)[:limit])
    if len(found) < limit:
        found += people.filter(begins).exclude(pk__in=[person.pk for person in found])[: limit - len(found)]
    return found
