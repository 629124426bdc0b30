"""Builds the tree of the demo city and its establishments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from django.utils import timezone

from .. import tree
from ..codes import OrganFunction, QuotaKind, UnitKind, UnitLevel
from ..models import Establishment, Unit, UnitVersion
from ..queries import DEMO_NOTE, root
from ..spelling import spell_unit
from .organs import BUREAU, DISTRICT_DIVISIONS, FIRST, FOUNDED, RENAMED, Organ, organs
from .people import staff
from .places import DISTRICTS, STREETS

SEED = 20100401
BEGINNING = date(2010, 4, 1)
PREFIXES = dict(zip(OrganFunction, "ABCDEFGHJKLMN", strict=True))
"""Letter of each function in organ codes: 310000-C11."""
POSTS = {1: (2, 4), 2: (3, 5), 3: (3, 6)}
"""Fewest and most posts of a division, by the organ's size."""


@dataclass
class Office:
    """An organ under construction: its unit, divisions with approved posts, and what its people are called."""

    unit: Unit
    head: str
    leaders: int
    divisions: list[tuple[Unit, int]] = field(default_factory=list)
    drivers: int = 0


@dataclass
class City:
    """The tree under construction; positions are given in order, as ``create_unit`` would."""

    random: Random
    today: date
    units: list[Unit] = field(default_factory=list)
    offices: list[Office] = field(default_factory=list)
    children: dict[str, int] = field(default_factory=dict)

    def add(self, parent: Unit | None, code: str, name: str, kind: str, **details) -> Unit:
        pos, pos_end = tree.ROOT_POS, tree.ROOT_END
        number = 0
        if parent is not None:
            number = self.children[parent.code] = self.children.get(parent.code, 0) + 1
            pos, pos_end = tree.child_range(parent.pos, parent.pos_end, number)
        pinyin, initials = spell_unit(name, details.get("short_name", ""))
        details.setdefault("valid_from", parent.valid_from if parent else BEGINNING)
        unit = Unit(
            code=code, name=name, kind=kind, parent=parent, pos=pos, pos_end=pos_end, sort=number * 10,
            pinyin=pinyin, initials=initials, **details,
        )  # fmt: skip
        self.units.append(unit)
        return unit

    def near(self, lat: float, lon: float) -> dict[str, float]:
        """Return a position within some 100 m, so that neighbours do not stand on one another."""
        return {
            "lat": round(lat + self.random.uniform(-0.0009, 0.0009), 6),
            "lon": round(lon + self.random.uniform(-0.0011, 0.0011), 6),
        }

    def office(
        self, unit: Unit, head: str, size: int, divisions: tuple[str, ...], *, leaders: int, drivers: int
    ) -> None:
        made = Office(unit, head, leaders, drivers=drivers)
        for number, name in enumerate(divisions, 1):
            division = self.add(
                unit, f"{unit.code}-{number:02d}", name, UnitKind.DIVISION, level=unit.level,
                district_code=unit.district_code, function=unit.function,
            )  # fmt: skip
            made.divisions.append((division, self.random.randint(*POSTS[size])))
        self.offices.append(made)

    def district(self, city: Unit, row: tuple[str, str, str, str, float, float]) -> None:
        code, name, short, street, lat, lon = row
        number = self.random.randint(1, 900)
        level = {"level": UnitLevel.DISTRICT, "district_code": code}
        unit = self.add(city, code, name, UnitKind.DISTRICT, short_name=short, lat=lat, lon=lon, **level)
        bureau = self.add(
            unit, f"{code}-A01", f"上海市{name}机关事务管理局", UnitKind.ORGAN, short_name=f"{short}机管局",
            function=OrganFunction.DIRECT, address=f"{name}{street}{number}号", phone=self.phone(),
            **level, **self.near(lat, lon),
        )  # fmt: skip
        self.office(bureau, "局长", 1, DISTRICT_DIVISIONS, leaders=3, drivers=4)

    def organ(self, city: Unit, organ: Organ, number: int) -> None:
        district, lat, lon = STREETS[organ.street]
        district_name = next(row[1] for row in DISTRICTS if row[0] == district)
        unit = self.add(
            city, f"310000-{PREFIXES[organ.function]}{number:02d}", organ.name, UnitKind.ORGAN,
            short_name=organ.short_name, function=organ.function, level=UnitLevel.MUNICIPAL, district_code="310000",
            address=f"{district_name}{organ.street}{self.random.randint(1, 900)}号", phone=self.phone(),
            valid_from=FOUNDED.get(organ.name, BEGINNING), **self.near(lat, lon),
        )  # fmt: skip
        drivers = 16 if organ.name == BUREAU else organ.size
        self.office(unit, organ.head, organ.size, organ.divisions, leaders=2 + organ.size, drivers=drivers)

    def phone(self) -> str:
        return f"021-0000{self.random.randint(0, 9999):04d}"  # no such exchange exists

    def establishments(self) -> list[Establishment]:
        rows: list[Establishment] = []
        for number, office in enumerate(self.offices, 1):
            kind = QuotaKind.ADMINISTRATIVE
            if office.unit.function == OrganFunction.INSTITUTION:
                kind = QuotaKind.INSTITUTIONAL
            approved = [
                (office.unit, kind, office.leaders),
                (office.divisions[0][0], QuotaKind.LOGISTICS, office.drivers),
            ]
            approved += [(unit, kind, posts) for unit, posts in office.divisions]
            for unit, each, quota in approved:
                rows += self._approved(unit, each, quota, number)
        return rows

    def _approved(self, unit: Unit, kind: str, quota: int, number: int) -> list[Establishment]:
        """One approval, or for a tenth of the units two: the quota was changed in the past three years."""
        began = unit.valid_from
        changed = self.today - timedelta(days=self.random.randint(30, 1000))
        paper = f"沪编演〔{{}}〕{number}号"
        if self.random.random() > 0.1 or changed <= began:
            return [Establishment(unit=unit, kind=kind, quota=quota, valid_from=began,
                                  document_no=paper.format(began.year))]  # fmt: skip
        earlier = max(1, quota + self.random.choice((-1, 1)))
        return [
            Establishment(unit=unit, kind=kind, quota=earlier, valid_from=began, valid_to=changed,
                          document_no=paper.format(began.year)),
            Establishment(unit=unit, kind=kind, quota=quota, valid_from=changed,
                          document_no=paper.format(changed.year)),
        ]  # fmt: skip


def _versions(units: list[Unit]) -> list[UnitVersion]:
    rows: list[UnitVersion] = []
    for unit in units:
        place = {"unit": unit, "parent": unit.parent, "pos": unit.pos, "pos_end": unit.pos_end}
        since = unit.valid_from
        if unit.name in RENAMED:
            former, day = RENAMED[unit.name]
            rows.append(UnitVersion(name=former, valid_from=since, valid_to=day, **place))
            since = day
        rows.append(UnitVersion(name=unit.name, valid_from=since, **place))
    return rows


def build(size: str, today: date | None) -> dict[str, int]:
    """See :func:`zhiguan.kernel.orgs.demo.seed`."""
    if root() is not None:
        return {}
    city = City(Random(SEED), today or timezone.localdate())
    top = city.add(
        None, "310000", "上海市", UnitKind.CITY, short_name="上海", note=DEMO_NOTE, level=UnitLevel.MUNICIPAL,
        district_code="310000", lat=31.2304, lon=121.4737,
    )  # fmt: skip
    numbers: dict[str, int] = {}
    for row in DISTRICTS if size == "demo" else DISTRICTS[:2]:
        city.district(top, row)
    for organ in organs():
        numbers[organ.function] = numbers.get(organ.function, 0) + 1
        if size == "demo" or organ.name in FIRST:
            city.organ(top, organ, numbers[organ.function])
    for depth in range(tree.DEPTHS):  # a parent's key is known once its level is in
        level = [unit for unit in city.units if unit.depth == depth]
        for unit in level:
            unit.parent = unit.parent  # takes over the key the parent has got meanwhile
        Unit.objects.bulk_create(level)
    UnitVersion.objects.bulk_create(_versions(city.units))
    establishments = Establishment.objects.bulk_create(city.establishments())
    people, appointments = staff(city.random, city.today, city.offices)
    return {
        "units": len(city.units), "establishments": len(establishments), "people": people, "appointments": appointments
    }  # fmt: skip
