"""The steps and seats of a case on the desk: read once, then changed here and in the database together.

The case is locked, so nobody else changes them meanwhile, and what is kept here stays true until the act is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from zhiguan.kit.errors import Conflict
from zhiguan.kit.questions import Question
from zhiguan.kit.returning import update

from .lifecycle import ENDED
from .models import Case, Seat, Step

OPEN_SEATS = ("offered", "waiting", "working")


@Question
def _steps(case: int) -> QuerySet[Step]:
    # Sub-cases are asked along, and not with the case: a statement that waited for the lock sees other rows as before.
    waits = Case.objects.filter(parent=OuterRef("case")).exclude(state__in=ENDED)
    return Step.objects.filter(case=case).annotate(waits=Exists(waits)).order_by("round")


@Question
def _seats(case: int) -> QuerySet[Seat]:
    return Seat.objects.filter(case=case).order_by("pk")


class Seating:
    """``steps`` by their order, ``seats`` by their key; a seat's ``step`` is one of ``steps``."""

    def __init__(self, case: Case) -> None:
        self._case = case.pk

    @cached_property
    def steps(self) -> list[Step]:
        return _steps(self._case)

    @property
    def waits(self) -> bool:
        """Whether a sub-case has not ended."""
        return any(getattr(step, "waits", False) for step in self.steps)

    @cached_property
    def seats(self) -> list[Seat]:
        by_key = {step.pk: step for step in self.steps}
        found = _seats(self._case)
        for seat in found:
            seat.step = by_key[seat.step_id]
        return found

    def step(self, key: int) -> Step | None:
        return next((step for step in self.steps if step.pk == key), None)

    def seat(self, key: int | None) -> Seat | None:
        return next((seat for seat in self.seats if seat.pk == key), None)

    def at(self, step: Step, *states: str) -> list[Seat]:
        """The seats of a step; with ``states``, those in one of them."""
        return [seat for seat in self.seats if seat.step_id == step.pk and (not states or seat.state in states)]

    def behind(self, seat: Seat, *states: str) -> list[Seat]:
        """The seats that hang directly on one."""
        return [each for each in self.seats if each.behind_id == seat.pk and (not states or each.state in states)]

    def handlers(self) -> dict[str, list[int]]:
        """Step → who handled it, over the steps that still stand; the latest last."""
        done = [
            seat for seat in self.seats
            if seat.state == "done" and seat.kind in ("main", "after") and seat.step.state in ("done", "open")
        ]  # fmt: skip
        found: dict[str, list[int]] = {}
        for seat in sorted(done, key=lambda seat: seat.closed_at or seat.opened_at):
            people = found.setdefault(seat.step.node, [])
            people.append(seat.person_id)
            if seat.acted_by_id and seat.acted_by_id != seat.person_id:
                people.append(seat.acted_by_id)
        return found

    def stuck(self) -> bool:
        """Tell whether a step is open that nobody has a seat in."""
        return any(step.state == "open" and not self.at(step, *OPEN_SEATS) for step in self.steps)

    # --- changing -----------------------------------------------------------------------------------------------------

    def put(self, rows: Iterable[Step] | Iterable[Seat], **values: Any) -> None:
        """Set columns of seats or of steps, each still in the state it was read with; raises Conflict otherwise."""
        rows = list(rows)
        if not rows:
            return
        same = {"pk": [row.pk for row in rows], "state": sorted({row.state for row in rows})}
        if update(type(rows[0]), same, values) != len(rows):
            raise Conflict("该环节的办理情况已变化，请刷新后再办。", code="seat_changed")
        for row in rows:
            for name, value in values.items():
                setattr(row, name, value)

    def add_step(self, **values: Any) -> Step:
        step = Step.objects.create(case_id=self._case, **values)
        self.steps.append(step)
        return step

    def add_seats(self, step: Step, seats: Iterable[Seat]) -> list[Seat]:
        known = self.seats  # read before these are there
        made = Seat.objects.bulk_create(seats)
        for seat in made:
            seat.step = step
        known += made
        return made
