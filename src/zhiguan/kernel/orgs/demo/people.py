"""People of the demo city: who serves where, since when, after which posts; who joined, moved and retired."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from ..codes import AppointmentKind, EndReason, UnitLevel
from ..models import Appointment, Person, Rank, Unit
from ..spelling import spell_person
from .names import full_name
from .organs import BUREAU

if TYPE_CHECKING:
    from .city import Office

STAFF_RANKS = {
    UnitLevel.MUNICIPAL: {
        "researcher_2": 1, "researcher_4": 1, "principal_1": 2, "principal_2": 2, "principal_3": 1, "principal_4": 1,
        "clerk_1": 1,
    },
    UnitLevel.DISTRICT: {"principal_1": 1, "principal_2": 1, "principal_3": 1, "principal_4": 2, "clerk_1": 2},
}  # fmt: skip
"""How often each rank comes among a division's staff."""
HEADS = {"处": "处长", "科": "科长", "庭": "庭长", "总队": "总队长", "局": "局长", "馆": "馆长", "工委": "书记"}
"""Title of a division's leader by the end of its name; otherwise 主任."""
LEADERS = {
    UnitLevel.MUNICIPAL: ("bureau_chief", "bureau_deputy", "division_chief", "division_deputy"),
    UnitLevel.DISTRICT: ("division_chief", "division_deputy", "section_chief", "section_deputy"),
}
"""Ranks of an organ's head and deputies, a division's head and deputies."""


def head_of(division: str) -> str:
    """Return the title of a division's leader."""
    return next((title for end, title in HEADS.items() if division.endswith(end)), "主任")


def deputy(title: str) -> str:
    """Return the deputy's title."""
    return "副" + title.removeprefix("常务副")


@dataclass
class Roll:
    """The people under construction."""

    random: Random
    today: date
    units: list[Unit]
    ranks: dict[str, Rank]
    people: list[Person] = field(default_factory=list)
    posts: list[Appointment] = field(default_factory=list)

    def person(self, unit: Unit, post: str, rank: str, *, active: bool = True) -> Person:
        name = full_name(self.random)
        pinyin, initials = spell_person(name)
        made = Person(
            code=f"P{len(self.people) + 1:06d}", name=name, pinyin=pinyin, initials=initials, unit=unit,
            scope_pos=unit.pos, rank=self.ranks[rank], duty=post, active=active, sort=self.ranks[rank].order,
            phone=f"021-0000{self.random.randint(0, 9999):04d}",
        )  # fmt: skip
        self.people.append(made)
        return made

    def held(
        self, person: Person, unit: Unit, post: str, rank: str, since: date, *, until: date | None = None,
        why: str = "", kind: str = AppointmentKind.MAIN,
    ) -> None:  # fmt: skip
        self.posts.append(
            Appointment(
                person=person, unit=unit, scope_pos=unit.pos, post=post, rank=self.ranks[rank], kind=kind,
                valid_from=since, valid_to=until, end_reason=why,
                document_no=f"演任〔{since.year}〕{self.random.randint(1, 400)}号",
            )
        )  # fmt: skip

    def staff_rank(self, level: UnitLevel) -> str:
        return self.random.choices(list(STAFF_RANKS[level]), list(STAFF_RANKS[level].values()))[0]

    def between(self, first: date, last: date) -> date:
        return first + timedelta(days=self.random.randint(0, max(0, (last - first).days)))

    def serving(self, unit: Unit, post: str, rank: str, *, before: tuple[str, str] | None = None) -> Person:
        """One person in a post, with what they did before. ``before`` is the post and rank a promotion came from."""
        person = self.person(unit, post, rank)
        recent = self.today - timedelta(days=3 * 365)
        chance = self.random.random()
        began = unit.valid_from
        if chance > 0.25:
            self.held(person, unit, post, rank, self.between(began, max(began, recent)))
            return person
        since = self.between(max(began, recent), self.today)
        earliest = max(began, date(2011, 1, 1))
        joined = self.between(earliest, since - timedelta(days=200))
        if chance < 0.08 or joined >= since:
            self.held(person, unit, post, rank, since)
        elif chance < 0.14 and before is not None:
            self.held(person, unit, *before, joined, until=since, why=EndReason.PROMOTED)
            self.held(person, unit, post, rank, since)
        else:
            origin = self.random.choice(self.units)
            joined = max(joined, origin.valid_from)
            if origin is not unit and joined < since:
                self.held(person, origin, *(before or (post, rank)), joined, until=since, why=EndReason.TRANSFERRED)
            self.held(person, unit, post, rank, since)
        return person

    def retired(self, unit: Unit, post: str, rank: str) -> None:
        person = self.person(unit, post, rank, active=False)
        left = self.today - timedelta(days=self.random.randint(1, 3 * 365))
        joined = self.between(unit.valid_from, left - timedelta(days=400))
        if joined < left:
            self.held(person, unit, post, rank, joined, until=left, why=EndReason.RETIRED)
        else:
            self.people.pop()


def _office(roll: Roll, office: Office) -> None:
    unit, random = office.unit, roll.random
    level = UnitLevel(unit.level)
    chief, vice, head_rank, vice_rank = LEADERS[level]
    roll.serving(unit, office.head, chief)
    for number in range(office.leaders - 1):
        person = roll.serving(unit, deputy(office.head), vice)
        if number == 0:
            roll.held(person, unit, "机关党组织书记", vice, _since(roll, person), kind=AppointmentKind.CONCURRENT)
    for division, posts in office.divisions:
        title = head_of(division.name)
        clerk = roll.staff_rank(level)
        roll.serving(division, title, head_rank, before=(deputy(title), vice_rank))
        filled = posts - (random.random() < 0.15) + (random.random() < 0.02)
        for number in range(1, filled):
            if number == 1:
                roll.serving(division, deputy(title), vice_rank, before=(roll.ranks[clerk].name, clerk))
            else:
                rank = roll.staff_rank(level)
                roll.serving(division, roll.ranks[rank].name, rank)
        if random.random() < 0.16:
            rank = random.choice((head_rank, vice_rank, clerk))
            roll.retired(division, roll.ranks[rank].name, rank)
    front = office.divisions[0][0]
    fleet = next((each for each, _ in office.divisions if each.name.startswith("公务用车")), front)
    for _ in range(office.drivers):
        roll.serving(fleet, "驾驶员", "worker")
    if unit.name == BUREAU or level == UnitLevel.DISTRICT:
        roll.serving(fleet, "车辆调度员", "worker")


def _since(roll: Roll, person: Person) -> date:
    return next(post.valid_from for post in reversed(roll.posts) if post.person is person and post.valid_to is None)


def staff(random: Random, today: date, offices: list[Office]) -> tuple[int, int]:
    """Fill the offices; return how many people and appointments were made."""
    divisions = [division for office in offices for division, _ in office.divisions]
    roll = Roll(random, today, divisions, {rank.code: rank for rank in Rank.objects.all()})
    for office in offices:
        _office(roll, office)
    Person.objects.bulk_create(roll.people, batch_size=2000)
    for post in roll.posts:
        post.person = post.person  # takes over the key the person has got meanwhile
    Appointment.objects.bulk_create(roll.posts, batch_size=2000)
    return len(roll.people), len(roll.posts)
