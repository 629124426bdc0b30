"""Invented premises through the ordinary verbs: a building an organ, shared compounds, rooms, people, sizes, repairs."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor, system

from .. import queries
from ..codes import HeightClass, RepairKind, Structure, TitleKind
from ..domain import register, repairs, sizes
from ..domain.size import Need
from ..models import Building, Room

NOTE = "演示数据"
DETAILED = 18
"""Organs whose rooms and people are made one by one; the others have a building only."""
SIZED = 60
SERVICE = ("会议室", "档案室", "文印室", "值班室")
PROJECTS = (
    (RepairKind.SPECIAL, "屋面防水专项维修", "屋面多处渗漏，顶层房间受潮", 400),
    (RepairKind.SPECIAL, "消防设施专项维修", "火灾自动报警系统超过使用年限", 350),
    (RepairKind.MEDIUM, "公共区域中修", "走廊、卫生间饰面老化，管线锈蚀", 900),
    (RepairKind.MAJOR, "办公楼大修", "建成已久，结构局部开裂，设备系统整体老化", 2100),
    (RepairKind.SPECIAL, "外墙饰面专项维修", "外墙面砖空鼓脱落，存在安全隐患", 720),
)


def build() -> dict[str, int]:
    """See :func:`zhiguan.lines.space.demo.seed`."""
    if Building.objects.exists():
        return {}
    boss, random, today = system("demo"), Random(20_300), timezone.localdate()
    organs = list(Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos"))
    organs += list(Unit.objects.of_kind("organ").filter(level="district").order_by("district_code", "pos"))
    buildings = [_building(boss, organ, number, random, today) for number, organ in enumerate(organs, 1)]
    rooms = people = projects = approved = 0
    for number, (organ, building) in enumerate(zip(organs, buildings, strict=True)):
        if number < DETAILED:
            made, seated = _rooms(boss, organ, building, random, today)
            rooms, people = rooms + made, people + seated
        if number < SIZED:
            approved += _size(boss, organ, random, today)
        if number % 6 == 0:
            _project(boss, building, number, random, today)
            projects += 1
    return {"楼宇": len(buildings), "房间": rooms, "房间使用人": people, "核定规模": approved, "维修项目": projects}


def _building(boss: Actor, organ: Unit, number: int, random: Random, today: date) -> Building:
    storeys = random.choice((4, 5, 6, 6, 8, 12, 18))
    high = storeys >= 8
    gross = Decimal(storeys * random.randint(420, 900))
    built = date(random.randint(1986, 2018), random.randint(1, 12), 18)
    repaired = built + timedelta(days=random.randint(3000, 6000))
    return register.register(
        boss, code=f"B-{number:04d}", name=f"{organ.label}办公楼", unit=organ, address=organ.address,
        structure=Structure.SHEAR if high else random.choice((Structure.FRAME, Structure.BRICK)),
        height_class=HeightClass.HIGH if high else HeightClass.MULTI, storeys=storeys, basements=1 if high else 0,
        gross_area=gross, usable_area=(gross * Decimal("0.66")).quantize(Decimal("0.01")), built_on=built,
        last_repair_on=repaired if repaired < today and random.random() < 0.6 else None,
        value_yuan=gross * random.randint(3000, 9000),
        title_kind=random.choices((TitleKind.UNIFIED, TitleKind.OWN, TitleKind.NONE), (8, 3, 1))[0],
        title_holder="市机关事务管理局", title_no=f"演示权证第{number:05d}号", note=NOTE,
    )  # fmt: skip


def _rooms(boss: Actor, organ: Unit, building: Building, random: Random, today: date) -> tuple[int, int]:
    """Rooms for the organ's people, leaders alone and the others by threes; some service rooms; a few left idle."""
    people = list(
        Person.objects.within(organ).filter(active=True).exclude(rank__grade="worker").select_related("rank", "unit")
        .order_by("rank__order", "sort", "id")[:26]
    )  # fmt: skip
    groups, since = [[person] for person in people[:4]], date(today.year - 2, 3, 1)
    groups += [people[at : at + 3] for at in range(4, len(people), 3)]
    made = seated = 0
    for number, group in enumerate(groups):
        alone = len(group) == 1
        size = Decimal(random.choice((23, 24, 18, 29))) if alone else Decimal(random.choice((24, 27, 26)))
        room = _room(boss, building, number, "office", "领导办公室" if alone else "处室办公", size)
        room = register.allocate(boss, room, user=organ, valid_from=since, certificate_no=f"演示证{room.pk:05d}")
        for person in group:
            register.seat(boss, room=room, person=person, valid_from=since)
            seated += 1
        made += 1
    for number, purpose in enumerate(SERVICE, len(groups)):
        room = _room(boss, building, number, "service", purpose, Decimal(random.choice((30, 45, 60))))
        register.allocate(boss, room, user=organ, valid_from=since)
    _room(boss, building, len(groups) + len(SERVICE), "equipment", "配电室", Decimal(28))
    for number in range(len(groups) + len(SERVICE) + 1, len(groups) + len(SERVICE) + 1 + random.randint(0, 3)):
        _room(boss, building, number, "office", "", Decimal(24))
        made += 1
    return made + len(SERVICE) + 1, seated


def _room(boss: Actor, building: Building, number: int, kind: str, purpose: str, size: Decimal) -> Room:
    storey = 1 + number % building.storeys
    return register.add_room(
        boss, building=building, storey=storey, number=f"{storey}{number // building.storeys + 1:02d}", kind=kind,
        purpose=purpose, usable_area=size, note=NOTE,
    )  # fmt: skip


def _size(boss: Actor, organ: Unit, random: Random, today: date) -> int:
    people = queries.staffing(organ)
    if not people:
        return 0
    need = Need("provincial", HeightClass.MULTI, people, canteen=random.random() < 0.4, cars=random.randint(0, 20))
    found = sizes.measured(need)
    sizes.approve_size(
        boss, unit=organ, need=need, approved_area=found.gross, valid_from=date(today.year - 1, 1, 1),
        document_no=f"演示房核〔{today.year - 1}〕{organ.pk}号", reason=NOTE,
    )  # fmt: skip
    return 1


def _project(boss: Actor, building: Building, number: int, random: Random, today: date) -> None:
    kind, name, why, rate = PROJECTS[number // 6 % len(PROJECTS)]
    area = building.gross_area if kind == RepairKind.MAJOR else (building.gross_area * Decimal("0.3")).quantize(Decimal(1))
    year = today.year + random.choice((0, 0, 1, 1))
    plan = repairs.propose(
        boss, building=building, year=year, project=name, kind=kind, why=why, scope=why,
        area_m2=area, estimate_yuan=area * rate, reason=NOTE,
    )  # fmt: skip
    if year > today.year:
        return
    plan = repairs.include(
        boss, plan, approved_yuan=plan.estimate_yuan, document_no=f"演示修计〔{year}〕{number + 1}号",
        reason="确需实施" if plan.over_limit else "",
    )  # fmt: skip
    if number % 12 == 0:
        repairs.begin(boss, plan, begun_on=today - timedelta(days=60))
