"""What the pages of units and people show: rows, searches, the tree as nodes, histories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import HistoryEntry

from . import queries
from .codes import AppointmentKind, Grade, QuotaKind, UnitKind
from .models import Appointment, Establishment, Person, Unit, UnitVersion, valid_on

SHOWN_CHILDREN = 30
"""Boxes in one picture of the tree; more is a list."""


def units(actor: Actor) -> QuerySet[Unit]:
    return Unit.objects.all()


def people(actor: Actor) -> QuerySet[Person]:
    return Person.objects.all()


def appointments(actor: Actor) -> QuerySet[Appointment]:
    return Appointment.objects.all()


def establishments(actor: Actor) -> QuerySet[Establishment]:
    """Return the approved posts of the units in scope, those no longer in force too."""
    return Establishment.objects.visible_to(actor, "orgs.establishment.view")


def unit_options(actor: Actor) -> Iterable[tuple]:
    """Return city, districts and organs for filters; the page narrows to the scope."""
    rows = Unit.objects.open().of_kind(UnitKind.CITY, UnitKind.DISTRICT, UnitKind.ORGAN)
    return rows.order_by("pos").values_list("code", "name", "pos", "pos_end")


def search_units(rows: QuerySet[Unit], text: str) -> QuerySet[Unit]:
    """Narrow to units whose name now or before, short name, code, pinyin or initials hold the text."""
    wanted = text.replace("\0", "").strip()
    if wanted.isascii():
        spelled = "".join(letter for letter in wanted.lower() if letter.isalnum())
        match = Q(code__istartswith=wanted)
        return rows.filter(match | Q(pinyin__contains=spelled) | Q(initials__contains=spelled) if spelled else match)
    before = UnitVersion.objects.filter(unit=OuterRef("pk"), name__contains=wanted)
    return rows.filter(Q(name__contains=wanted) | Q(short_name__contains=wanted) | Exists(before))


def search_people(rows: QuerySet[Person], text: str) -> QuerySet[Person]:
    """Narrow to people whose name, pinyin, initials or number begins with the text."""
    return rows.filter(_begins(text))


def search_appointments(rows: QuerySet[Appointment], text: str) -> QuerySet[Appointment]:
    return rows.filter(_begins(text, "person__") | Q(document_no=text.replace("\0", "").strip()))


def _begins(text: str, path: str = "") -> Q:
    wanted = text.replace("\0", "").strip()
    if not wanted.isascii():
        return Q(**{f"{path}name__startswith": wanted})
    spelled = "".join(letter for letter in wanted.lower() if letter.isalnum())
    match = Q(**{f"{path}code__startswith": wanted})
    if spelled:
        match |= Q(**{f"{path}pinyin__startswith": spelled}) | Q(**{f"{path}initials__startswith": spelled})
    return match


def existed(day: date) -> Q:
    """Return the condition that a unit was there on the day; one without a beginning always was."""
    return Q(valid_from__isnull=True, valid_to__isnull=True) | valid_on(day)


def served(day: date) -> Q:
    """Return the condition that a person held a main post on the day."""
    held = Appointment.objects.filter(valid_on(day), person=OuterRef("pk"), kind=AppointmentKind.MAIN)
    return Q(Exists(held))


def masked(phone: str) -> str:
    """Return a phone number with its middle hidden, as lists show it: 021-6321**78."""
    digits = sum(letter.isdigit() for letter in phone)
    if digits < 5:
        return "*" * len(phone)
    shown, seen = [], 0
    for letter in phone:
        seen += letter.isdigit()
        hidden = letter.isdigit() and digits - 6 < seen <= digits - 2
        shown.append("*" if hidden else letter)
    return "".join(shown)


# --- the tree ---------------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """One unit as the tree draws it, as it was on the day asked."""

    code: str
    name: str
    kind: str
    url: str
    below: int = 0
    people: int | None = None
    current: bool = False
    children: list[Node] = field(default_factory=list)


def tree_url(code: str, day: date | None) -> str:
    """Return the address of the tree at a unit, as of a day."""
    asked = {"unit": code} | ({"on": f"{day:%Y-%m-%d}"} if day else {})
    return f"{reverse('orgs.tree')}?{urlencode(asked)}"


def path_nodes(unit: Unit, day: date | None) -> list[Node]:
    """Return the units from the root down to ``unit``, now or on the day."""
    if day is None:
        return [_node(each, each.name, day) for each in queries.path(unit)]
    versions = queries.path_on(unit, day)
    units_of = Unit.objects.in_bulk([each.unit_id for each in versions])
    return [_node(units_of[each.unit_id], each.name, day) for each in versions]


def child_nodes(unit: Unit, day: date | None) -> list[Node]:
    """Return what was directly below, with how many units are below each and, today, how many people serve there."""
    if day is None:
        serving = (
            Person.objects.filter(active=True, scope_pos__range=(OuterRef("pos"), OuterRef("pos_end")))
            .order_by()
            .annotate(one=Value(1))
            .values("one")
            .annotate(found=Count("pk"))
            .values("found")
        )
        rows = queries.children(unit).annotate(
            below=Count("children", filter=Q(children__valid_to__isnull=True)), people=Coalesce(Subquery(serving), 0)
        )
        return [
            _node(each, each.name, day, below=each.below, people=each.people) for each in rows.order_by("sort", "pos")
        ]
    below = (
        UnitVersion.objects.filter(valid_on(day), parent=OuterRef("unit"))
        .order_by()
        .values("parent")
        .annotate(found=Count("pk"))
        .values("found")
    )
    versions = queries.children_on(unit, day).annotate(below=Coalesce(Subquery(below), 0))
    return [_node(each.unit, each.name, day, below=each.below) for each in versions]


def _node(unit: Unit, name: str, day: date | None, *, below: int = 0, people: int | None = None) -> Node:
    return Node(unit.code, name, unit.get_kind_display(), tree_url(unit.code, day), below, people)


# --- one unit ---------------------------------------------------------------------------------------------------------


def children_of(unit: Unit, actor: Actor) -> QuerySet[Unit]:
    return queries.children(unit).order_by("sort", "pos")


def people_of(unit: Unit, actor: Actor) -> QuerySet[Person]:
    """Return who serves in the unit itself, leaders first."""
    return Person.objects.filter(unit=unit, active=True).select_related("rank").order_by("rank__order", "sort", "pk")


def establishments_of(unit: Unit, actor: Actor) -> QuerySet[Establishment]:
    return establishments(actor).filter(unit=unit).order_by("-valid_from", "kind")


def people_url(unit: Unit) -> str:
    return f"{reverse('orgs.person')}?{urlencode({'unit': unit.code})}"


@dataclass(frozen=True)
class Post:
    """编制与实有 of one kind of post, of a unit with everything below it."""

    name: str
    quota: int
    serving: int | None

    @property
    def vacancies(self) -> int | None:
        return None if self.serving is None else self.quota - self.serving

    @property
    def over(self) -> int:
        """How many more people than posts."""
        return max(0, (self.serving or 0) - self.quota)


def staffing(unit: Unit) -> dict[str, Any]:
    """Return posts by kind and people by 职务层次, of the unit with everything below, today."""
    quotas = queries.establishment(unit)
    serving = queries.headcount(unit)
    kinds = dict(QuotaKind.choices)
    grades = queries.headcount_by_grade(unit)
    names = dict(Grade.choices)
    most = max(grades.values(), default=1)
    return {
        "posts": [Post(kinds[kind], quota, None) for kind, quota in quotas.items()],
        "total": Post("合计", sum(quotas.values()), serving),
        "grades": [
            {"name": names.get(grade, "未登记职级"), "count": count, "share": round(100 * count / most)}
            for grade, count in grades.items()
        ],
    }


def unit_history(unit: Unit, actor: Actor) -> Iterable[HistoryEntry]:
    """Yield the unit's life from its versions, newest first: founded, renamed, moved, closed."""
    versions = list(unit.versions.select_related("parent").order_by("valid_from", "pk"))
    entries = []
    for before, version in zip([None, *versions], versions, strict=False):
        above = version.parent.name if version.parent else "—"
        if before is None:
            entries.append(
                HistoryEntry(_at(version.valid_from), f"设立“{version.name}”，上级机构：{above}", colour="green")
            )
            continue
        if before.name != version.name:
            title = f"由“{before.name}”更名为“{version.name}”"
            entries.append(HistoryEntry(_at(version.valid_from), title))
        if before.parent_id != version.parent_id:
            former = before.parent.name if before.parent else "—"
            entries.append(HistoryEntry(_at(version.valid_from), f"由“{former}”划转至“{above}”"))
        elif before.name == version.name:
            entries.append(HistoryEntry(_at(version.valid_from), "随上级机构划转"))
    if unit.valid_to is not None:
        entries.append(HistoryEntry(_at(unit.valid_to), "撤销", colour="red"))
    return reversed(entries)


def _at(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# --- one person -------------------------------------------------------------------------------------------------------


def appointments_of(person: Person, actor: Actor) -> QuerySet[Appointment]:
    """Return every post the person held, those in force first, then the latest."""
    in_force = Case(When(valid_to__isnull=True, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = Appointment.objects.filter(person=person).select_related("unit", "rank")
    return rows.order_by(in_force, F("valid_from").desc(), "kind")


@dataclass(frozen=True)
class Span:
    """One post on the picture of a working life; ``left`` and ``width`` in per mille of the whole time."""

    title: str
    unit: str
    text: str
    left: int
    width: int
    row: int
    main: bool
    open: bool


def career(person: Person, today: date | None = None) -> dict[str, Any]:
    """Return the posts as spans over the years from the first post to today."""
    today = today or timezone.localdate()
    held = list(Appointment.objects.filter(person=person).select_related("unit", "rank").order_by("valid_from", "pk"))
    if not held:
        return {"spans": [], "years": []}
    first = date(held[0].valid_from.year, 1, 1)
    whole = max((max(today, held[-1].valid_from) - first).days, 1)

    def place(day: date) -> int:
        return min(1000, max(0, round(1000 * (day - first).days / whole)))

    spans = []
    for row, each in enumerate(held):
        end = each.valid_to or today
        left = place(each.valid_from)
        rank = f"，{each.rank.name}" if each.rank else ""
        until = f"{each.valid_to:%Y-%m-%d}" if each.valid_to else "今"
        text = f"{each.valid_from:%Y-%m-%d} 至 {until}{rank}"
        spans.append(
            Span(each.post, queries.name_on(each.unit, each.valid_from), text, left, max(place(end) - left, 6), row,
                 each.kind == AppointmentKind.MAIN, each.valid_to is None)
        )  # fmt: skip
    step = max(1, (today.year - first.year) // 8 + 1)
    years = [
        {"year": str(year), "left": place(date(year, 1, 1))} for year in range(first.year, today.year + 1, step)
    ]  # fmt: skip
    return {"spans": spans, "years": years, "height": 44 * len(spans) + 24}
