"""The computation of sizes: figures worked by hand from the standard, its steps, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.reference import service as reference
from zhiguan.kit.errors import Invalid
from zhiguan.lines.space.codes import GRADES
from zhiguan.lines.space.domain.size import Need, compute, limit

SHIPPED = reference._shipped()


@dataclass
class Shown:
    """A shipped fact, read from the file as the database has it."""

    name: str
    value: object
    citation: str
    verified: bool


class Facts:
    def fact(self, name: str) -> Shown:
        code = f"office_space.{name}"
        entry = SHIPPED[code]
        return Shown(entry["name"], entry.get("value"), reference.cite(code), entry.get("verified", False))


FACTS = Facts()


def areas(size):
    return [size.office, size.service, size.equipment, size.ancillary, size.gross]


def test_a_municipal_organ_worked_by_hand():
    people = {"division_chief": 1, "division_deputy": 3, "section_chief": 10, "staff": 36}
    size = compute(Need("municipal", "multi_storey", people), FACTS)
    # 24 + 3×18 + 46×9 = 492; 50×8 = 400; 9% of 892 = 80.28; 972.28 ÷ 0.65
    assert areas(size) == [Decimal(492), Decimal(400), Decimal("80.28"), Decimal(0), Decimal("1495.82")]
    assert size.unverified == ()


def test_between_the_bounds_the_area_a_head_falls_as_the_formula_says():
    for posts, each in ((200, "8"), (300, "7"), (350, "6.5"), (400, "6"), (900, "6")):
        size = compute(Need("municipal", "high_rise", {"staff": posts}), FACTS)
        assert size.service == Decimal(each) * posts, posts
    size = compute(Need("provincial", "high_rise", {"staff": 300}), FACTS)
    assert size.service == Decimal((1100 - 300) / 100) * 300
    assert "服务用房" in size.unverified  # the value for provincial organs was read nowhere


def test_ancillary_rooms_are_gross_area_and_step_at_their_bounds():
    need = Need("county", "multi_storey", {"staff": 150}, canteen=True, cars=210, bicycles=10, ebikes=4, guards=6)
    size = compute(need, FACTS)
    assert size.ancillary == Decimal("3.7") * 100 + Decimal("2.6") * 50 + 40 * 200 + 38 * 10 + 18 + 10 + 150
    basic = size.office + size.service + size.equipment
    assert size.gross == (basic / Decimal("0.65") + size.ancillary).quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("level", "grade", "most"),
    [("provincial", "bureau_chief", 30), ("provincial", "section_chief", 9), ("municipal", "bureau_chief", 42),
     ("municipal", "ministry_chief", 42), ("county", "division_chief", 30), ("county", "section_deputy", 12),
     ("central", "division_deputy", 12)],
)  # fmt: skip
def test_one_person_has_the_limit_of_the_rank_at_that_level(level, grade, most):
    assert limit(level, grade, FACTS).value == most


@pytest.mark.parametrize(
    "need",
    [Need("municipal", "multi_storey", {}), Need("municipal", "multi_storey", {"staff": -1}),
     Need("municipal", "multi_storey", {"worker": 3}), Need("village", "multi_storey", {"staff": 3}),
     Need("municipal", "tower", {"staff": 3}), Need("municipal", "multi_storey", {"staff": 3}, cars=-2),
     Need("municipal", "multi_storey", {"staff": 10**9})],
)  # fmt: skip
def test_what_cannot_be_is_refused(need):
    with pytest.raises(Invalid):
        compute(need, FACTS)


@given(
    st.sampled_from(["provincial", "municipal", "county"]),
    st.dictionaries(st.sampled_from(GRADES), st.integers(1, 800), min_size=1),
)
def test_the_lines_add_up_and_one_more_post_never_needs_less_office(level, people):
    size = compute(Need(level, "multi_storey", people), FACTS)
    offices = sum(line.area for line in size.lines if line.name.startswith("办公室"))
    assert offices == size.office and all(line.basis.startswith("《") for line in size.lines)
    assert size.gross > size.office + size.service + size.equipment
    more = compute(Need(level, "multi_storey", people | {"staff": people.get("staff", 0) + 1}), FACTS)
    assert more.office >= size.office


def test_the_facts_of_the_database_give_the_same(world):
    need = Need("municipal", "high_rise", {"division_chief": 2, "staff": 260}, canteen=True)
    facts = reference.thresholds("office_space", on=date(2026, 1, 1))
    assert compute(need, facts) == compute(need, FACTS)
