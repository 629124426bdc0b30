"""Who and what a simulation with truth is about: organs, cars, people, places. The same seed gives the same scene.

Nothing here touches the database; ``stage.py`` enters it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiguan.kernel.geo.service import from_plane, haversine_m

from .motion import INNER
from .roads import Place, RoadNet

CARS_AN_ORGAN = 6
PEOPLE_AN_ORGAN = 6
GOALS, SENSITIVE, STATIONS = 110, 36, 40
GOALS_AROUND = 16
KINDS = ("school", "leisure", "residence", "dining", "shopping", "scenic")
WORDS = {
    "school": "实验小学", "leisure": "休闲会所", "residence": "花园小区", "dining": "酒楼", "shopping": "购物中心", "scenic": "公园",
}  # fmt: skip
OFFICES = (
    "会议中心",
    "政务服务中心",
    "档案馆",
    "培训中心",
    "街道办事处",
    "产业园管委会",
    "人民医院",
    "规划展示馆",
    "物资仓库",
    "信访接待处",
)
FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
GIVEN = "建国卫东志强晓明文华春生海涛立新永康德胜秀英桂兰玉梅丽娟雅琴思远子轩浩然嘉诚"
AREA_M = 13_000.0
"""Half width of a permitted area, about."""


@dataclass(frozen=True)
class Named:
    """A place with a name; ``kind`` for sensitive ones."""

    name: str
    place: Place
    kind: str = ""
    radius_m: int = 0


@dataclass(frozen=True)
class Someone:
    """A person: index among all people, name, organ; a licence number for drivers."""

    index: int
    name: str
    organ: int
    licence: str = ""


@dataclass
class Organ:
    """An organ with its yard, people and, for half of them, a permitted area (polygon, latitude and longitude)."""

    index: int
    home: Place
    people: list[Someone] = field(default_factory=list)
    drivers: list[Someone] = field(default_factory=list)
    area: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Car:
    """A car: ``wired`` to the ignition, with a ``reader`` of drivers' cards, reporting ``every_s`` while it drives.

    ``role`` is what it is all month (see ``month.py``), ``norm_l`` the litres per 100 km that the rules expect of it.
    """

    index: int
    plate: str
    number: str
    organ: Organ
    driver: Someone
    role: str
    wired: bool
    reader: bool
    every_s: float
    newer: bool
    kind: str
    body: str
    energy: str
    norm_l: float


@dataclass
class Scene:
    """All of it."""

    seed: int
    net: RoadNet
    organs: list[Organ]
    cars: list[Car]
    people: list[Someone]
    goals: list[Named]
    sensitive: list[Named]
    stations: list[Named]


ROLES = (
    ("assigned_ordered", 0.05), ("assigned_bare", 0.05), ("assigned_by_rule", 0.02), ("under_used", 0.08),
    ("thirsty", 0.05), ("odometer", 0.05), ("special", 0.03),
)  # fmt: skip
"""Share of cars with a part of their own; the others are ordinary."""
BODIES = (("emergency", "sedan", "petrol", 8.5), ("emergency", "small_bus", "petrol", 11.5),
          ("law_enforcement", "sedan", "petrol", 8.5), ("other", "sedan", "electric", 0.0),
          ("confidential_mail", "sedan", "hybrid", 8.5))  # fmt: skip


def make_scene(seed: int, cars: int, net: RoadNet | None = None, roles: Sequence[str] | None = None) -> Scene:
    """Invent the scene of a seed. ``roles``: what each car is, instead of some of each (:data:`ROLES`)."""
    net = net or RoadNet()
    rng = np.random.default_rng([seed, 20_261])
    sensitive = [
        Named(f"{WORDS[kind]}（{n + 1}号）", _place(net, rng), kind, int(rng.integers(70, 130)))
        for n, kind in enumerate(KINDS[k % len(KINDS)] for k in range(SENSITIVE))
    ]
    spots = [each.place for each in sensitive]
    goals = [Named(f"{OFFICES[n % len(OFFICES)]}（{n + 1}号）", _place(net, rng, spots, 700.0)) for n in range(GOALS)]
    stations = [Named(f"城区加油充电站（{seed}-{n + 1}号）", _place(net, rng, spots, 700.0)) for n in range(STATIONS)]
    scene = Scene(seed, net, [], [], [], goals, sensitive, stations)
    parts = list(roles) if roles else _roles(cars, rng)
    for number in range(-(-cars // CARS_AN_ORGAN)):
        scene.organs.append(_organ(scene, number, rng, spots))
    for index in range(cars):
        organ = scene.organs[index // CARS_AN_ORGAN]
        kind, body, energy, norm = BODIES[int(rng.integers(len(BODIES)))]
        role = parts[index]
        if role == "special":
            kind = "special_purpose"
        if role in ("thirsty", "odometer"):
            kind, body, energy, norm = BODIES[0]
        scene.cars.append(
            Car(index, f"沪Z{seed % 10}{index:04d}", f"14{seed % 1000:03d}{index:06d}", organ,
                organ.drivers[index % CARS_AN_ORGAN], role, bool(rng.random() < 0.8), bool(rng.random() < 0.5),
                float(rng.choice([10.0, 10.0, 15.0, 20.0])),
                bool(rng.random() < 0.25), kind, body, energy, norm)
        )  # fmt: skip
    return scene


def _roles(cars: int, rng: np.random.Generator) -> list[str]:
    parts: list[str] = []
    for role, share in ROLES:
        parts += [role] * max(1, round(share * cars)) if cars >= 2 * len(ROLES) else []
    parts += ["ordinary"] * (cars - len(parts))
    return [str(part) for part in rng.permutation(np.array(parts, object))]


def _place(net: RoadNet, rng: np.random.Generator, others: list[Place] | None = None, apart_m: float = 0.0) -> Place:
    """A place near a street, not near any of the others."""
    while True:
        found = net.place_in(str(rng.choice(INNER)), rng)
        lat, lon = np.array(others or [found]).T
        if not others or float(haversine_m(lat, lon, *found).min()) > apart_m:
            return found


def _yard(scene: Scene, rng: np.random.Generator, spots: list[Place]) -> Place:
    """Where an organ's cars stand: with a good many goals around it."""
    while True:
        place = _place(scene.net, rng, spots, 700.0)
        lat, lon = np.array([each.place for each in scene.goals]).T
        metres = haversine_m(lat, lon, *place)
        if np.count_nonzero((metres > 2_500) & (metres < 8_000)) >= GOALS_AROUND:
            return place


def _organ(scene: Scene, number: int, rng: np.random.Generator, spots: list[Place]) -> Organ:
    organ = Organ(number, _yard(scene, rng, spots))
    for n in range(PEOPLE_AN_ORGAN + CARS_AN_ORGAN + 1):
        index = len(scene.people)
        name = (
            FAMILY[int(rng.integers(len(FAMILY)))] + "".join(rng.choice(list(GIVEN), 2)) + (f"{index}" if index else "")
        )
        driver = n >= PEOPLE_AN_ORGAN
        someone = Someone(index, name, number, f"3101{scene.seed % 10_000:04d}{index:010d}" if driver else "")
        scene.people.append(someone)
        (organ.drivers if driver else organ.people).append(someone)
    if number % 2:
        turns = np.linspace(0.0, 2.0 * np.pi, 17)[:-1]
        reach = AREA_M * rng.uniform(0.92, 1.12, turns.size)
        lat, lon = from_plane(reach * np.sin(turns), reach * np.cos(turns), *organ.home)
        organ.area = list(zip(lat.tolist(), lon.tolist(), strict=True))
    return organ
