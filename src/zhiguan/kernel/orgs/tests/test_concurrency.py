"""Real commits from several connections at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from threading import Barrier

from django.db import connection

from zhiguan.kernel.orgs import service
from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kernel.orgs.tests.conftest import FOUNDED, Notes, build
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Refusal


def at_once(*works):
    """Run the works in threads that begin together, each in a transaction; return results or refusals."""
    barrier = Barrier(len(works))
    settings = connection.settings_dict

    def run(work):
        try:
            connection.settings_dict = settings  # the test's own database, in this thread too
            barrier.wait(10)
            with system("tests").transaction():
                return work()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def committed_world():
    with system("tests").transaction():
        return build(Notes())


def test_units_made_at_once_get_places_of_their_own(committed_db) -> None:
    world = committed_world()

    def make(number: int):
        return lambda: [
            world.make(world.finance, f"N{number}-{each}", f"第{number}-{each}处", "division") for each in range(5)
        ]

    made = [unit for units in at_once(*map(make, range(4))) for unit in units]
    with system("tests").transaction():
        ranges = sorted(Unit.objects.filter(parent=world.finance).values_list("pos", "pos_end"))
        assert len(made) == 20
        assert len(ranges) == 21
        assert all(one[1] < other[0] for one, other in pairwise(ranges))


def test_two_moves_at_once_make_no_circle(committed_db) -> None:
    world = committed_world()
    with system("tests").transaction():
        one, two = (world.make(world.city, code, f"{code}局", "organ") for code in ("A", "B"))

    def move(unit, parent):
        return lambda: service.move_unit(world.actor, unit, parent=parent, record=Notes(), on=date(2024, 1, 1))

    results = at_once(move(one, two), move(two, one))
    assert sum(isinstance(result, Refusal) for result in results) == 1
    with system("tests").transaction():
        assert len(service.path(Unit.objects.get(code="A"))) + len(service.path(Unit.objects.get(code="B"))) == 5


def test_rows_added_during_a_move_are_not_left_behind(committed_db) -> None:
    world = committed_world()

    def add(number: int):
        return lambda: Person(code=f"P{number}", name="新人", unit=Unit.objects.get(pk=world.assets.pk)).save()

    def move():
        return service.move_unit(world.actor, world.assets, parent=world.finance, record=Notes(), on=FOUNDED)

    at_once(add(1), move, add(2), add(3))
    with system("tests").transaction():
        assert Person.objects.count() == 3
        service.realign()  # a row whose writer read the unit just before the move and waited for it
        assert service.misplaced() == {}
        moved = Unit.objects.get(pk=world.assets.pk)
        assert set(Person.objects.values_list("scope_pos", flat=True)) == {moved.pos}
