"""办公用房面积测算: what size of premises the standard gives an organ. Pure: same people, same facts, same answer.

Usable area of offices by rank (A), of service rooms by the established posts (B), of equipment rooms as a share of both,
divided by the ratio of usable to gross area (K), plus ancillary rooms (C): S = (A + B + (A + B) × 9%) ÷ K + C,
《党政机关办公用房建设标准》. Every figure carries the fact it rests on. Areas in square metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from zhiguan.kit.errors import Invalid

from ..codes import GRADES, HeightClass, OrganLevel, rank_of

CENT = Decimal("0.01")
MOST_POSTS = 100_000


class Facts(Protocol):
    """The dated facts of one day: ``reference.thresholds("office_space", on=day)``."""

    def fact(self, name: str) -> Any: ...


@dataclass(frozen=True)
class Need:
    """What is asked: ``people`` are established posts by 职务层次, workers left out; counts of the ancillary rooms."""

    level: str
    height_class: str
    people: Mapping[str, int]
    canteen: bool = False
    cars: int = 0
    bicycles: int = 0
    ebikes: int = 0
    guards: int = 0

    @property
    def posts(self) -> int:
        """编制定员."""
        return sum(self.people.values())


@dataclass(frozen=True)
class Line:
    """One step: what, how, how much, by which document. ``verified`` is false where nobody read the value there."""

    name: str
    formula: str
    area: Decimal
    basis: str
    verified: bool

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "formula": self.formula, "area": str(self.area), "basis": self.basis,
                "verified": self.verified}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """The answer: sums in square metres, and every line of the working."""

    office: Decimal
    service: Decimal
    equipment: Decimal
    ancillary: Decimal
    gross: Decimal
    lines: tuple[Line, ...] = field(default=())

    @property
    def unverified(self) -> tuple[str, ...]:
        """Names of the steps whose value nobody has read in the instrument."""
        return tuple(line.name for line in self.lines if not line.verified)


def metres(value: Decimal | float | int) -> Decimal:
    """Return an area to two decimals, half up."""
    return Decimal(str(value)).quantize(CENT, ROUND_HALF_UP)


def text(value: Decimal | float | int) -> str:
    """Return a number as people write it: 12, 2.6, 1,040.5."""
    shown = f"{Decimal(str(value)):,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def compute(need: Need, facts: Facts) -> Size:
    """Return the size for the need. Raises ``Invalid`` for counts that cannot be."""
    _check(need)
    lines: list[Line] = []
    office = _offices(need, facts, lines)
    service = _services(need, facts, lines)
    share = facts.fact("gross_area.equipment_share")
    equipment = metres((office + service) * Decimal(str(share.value)) / 100)
    lines.append(_line("设备用房", f"（{text(office)}＋{text(service)}）×{text(share.value)}%", equipment, share))
    ancillary = _ancillary(need, facts, lines)
    ratio = facts.fact(f"gross_area.k_{need.height_class}")
    basic = office + service + equipment
    gross = metres(basic / (Decimal(str(ratio.value)) / 100) + ancillary)
    lines.append(_line("总建筑面积", f"{text(basic)}÷{text(ratio.value)}%＋{text(ancillary)}", gross, ratio))
    return Size(office, service, equipment, ancillary, gross, tuple(lines))


def _check(need: Need) -> None:
    if need.level not in OrganLevel.values or need.height_class not in HeightClass.values:
        raise Invalid("面积标准级别或层数类别不正确。")
    counts = [*need.people.values(), need.cars, need.bicycles, need.ebikes, need.guards]
    if any(count < 0 or count > MOST_POSTS for count in counts):
        raise Invalid(f"人数和车位数须在 0 至 {MOST_POSTS} 之间。")
    if set(need.people) - set(GRADES):
        raise Invalid("人数须按职务层次填写。")
    if not need.posts:
        raise Invalid("没有编制定员，无法测算。", fields={"people": "请填写各职务层次的人数。"})


def _line(name: str, formula: str, area: Decimal, fact: Any) -> Line:
    return Line(name, formula, area, fact.citation, fact.verified)


def limit(level: str, grade: str, facts: Facts) -> Any:
    """Return the fact that limits one person's office: by level and 职务层次, square metres of usable area."""
    return facts.fact(f"office_area.{level}.{rank_of(level, grade)}")


def _offices(need: Need, facts: Facts, lines: list[Line]) -> Decimal:
    counts: dict[str, int] = {}
    for grade in GRADES:
        if need.people.get(grade):
            rank = rank_of(need.level, grade)
            counts[rank] = counts.get(rank, 0) + need.people[grade]
    total = Decimal(0)
    for rank, count in counts.items():
        fact = facts.fact(f"office_area.{need.level}.{rank}")
        area = metres(Decimal(str(fact.value)) * count)
        lines.append(_line(f"办公室：{fact.name}", f"{count} 人×{text(fact.value)} 平方米", area, fact))
        total += area
    return total


def _services(need: Need, facts: Facts, lines: list[Line]) -> Decimal:
    """Between the two bounds the area a head falls linearly, which is what the standard's formula says."""
    few, many = facts.fact(f"service_area.{need.level}.few"), facts.fact(f"service_area.{need.level}.many")
    low = facts.fact(f"service_area.{need.level}.few_posts").value
    high = facts.fact(f"service_area.{need.level}.many_posts").value
    posts = need.posts
    if posts <= low:
        fact, each = few, Decimal(str(few.value))
    elif posts >= high:
        fact, each = many, Decimal(str(many.value))
    else:
        fact = facts.fact(f"service_area.{need.level}.between")
        start, end = Decimal(str(few.value)), Decimal(str(many.value))
        each = (start - (start - end) * (posts - low) / (high - low)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    area = metres(each * posts)
    lines.append(_line("服务用房", f"编制定员 {posts} 人×{text(each)} 平方米", area, fact))
    return area


def _stepped(
    name: str, count: int, steps: tuple[str, str, str], unit: str, facts: Facts, lines: list[Line]
) -> Decimal:
    """Area of a kind whose rate changes above a bound; ``steps`` are the facts of rate, rate above, and bound."""
    first, above, bound = (facts.fact(f"ancillary_area.{code}") for code in steps)
    low = min(count, bound.value)
    area = metres(Decimal(str(first.value)) * low)
    lines.append(_line(name, f"{low} {unit}×{text(first.value)} 平方米", area, first))
    if count > low:
        more = metres(Decimal(str(above.value)) * (count - low))
        lines.append(_line(f"{name}（超过 {bound.value} {unit}部分）", f"{count - low} {unit}×{text(above.value)} 平方米",
                           more, above))  # fmt: skip
        area += more
    return area


def _ancillary(need: Need, facts: Facts, lines: list[Line]) -> Decimal:
    total = Decimal(0)
    if need.canteen:
        total += _stepped("食堂", need.posts, ("canteen_few", "canteen_more", "canteen_few_posts"), "人", facts, lines)
    if need.cars:
        total += _stepped("汽车库", need.cars, ("cars_few", "cars_more", "cars_few_places"), "个车位", facts, lines)
    for name, count, code, unit in (
        ("自行车库", need.bicycles, "bicycle", "辆"), ("电动车、摩托车库", need.ebikes, "ebike", "辆"),
        ("警卫用房", need.guards, "guard", "人"),
    ):  # fmt: skip
        if count:
            fact = facts.fact(f"ancillary_area.{code}")
            area = metres(Decimal(str(fact.value)) * count)
            lines.append(_line(name, f"{count} {unit}×{text(fact.value)} 平方米", area, fact))
            total += area
    return total
