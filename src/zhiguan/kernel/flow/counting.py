"""Whose turn it is within a step, and when the step has what it needs.

A seat that signs before another or was asked to prepare (前加签, 委派) holds that one up; a seat that signs after another
(后加签) takes its vote over. Both may themselves have others before and after them, so what is asked is always the tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .models import Seat, Step
from .plan import StepPlan

if TYPE_CHECKING:
    from .desk import Desk

OPEN_SEATS = ("offered", "waiting", "working")
AHEAD = ("before", "delegate")
GONE = ("lapsed", "moved", "withdrawn")


def _hanging(rows: Iterable[Seat], key: int, kinds: tuple[str, ...] = ()) -> list[Seat]:
    """Return the open seats that hang on a seat through others; with ``kinds``, through those directly on it only."""
    rows = list(rows)
    found, waiting = [], [row for row in rows if row.behind_id == key and (not kinds or row.kind in kinds)]
    while waiting:
        at = waiting.pop()
        found.append(at)
        waiting += [row for row in rows if row.behind_id == at.pk]
    return [row for row in found if row.state in OPEN_SEATS]


def held_up(seat: Seat) -> bool:
    """Tell whether somebody has to sign before the seat may."""
    return bool(_hanging(Seat.objects.filter(step=seat.step_id), seat.pk, AHEAD))


def take_away(desk: Desk, seat: Seat, *, with_followers: bool) -> None:
    """Withdraw a seat and who signs before it; those who sign after it too, or they follow the one it followed."""
    rows = list(Seat.objects.filter(step=seat.step_id))
    if not with_followers:
        Seat.objects.filter(behind=seat, kind="after", state__in=OPEN_SEATS).update(behind=seat.behind_id)
    hanging = _hanging(rows, seat.pk, () if with_followers else AHEAD)
    keys = [seat.pk, *(row.pk for row in hanging)]
    Seat.objects.filter(pk__in=keys).update(state="withdrawn", closed_at=desk.now)


def pass_on(desk: Desk, seat: Seat, step: Step, plan: StepPlan) -> None:
    """A seat was signed: who signs after it has their turn, else who waited for it, else the step is counted."""
    followers = Seat.objects.filter(behind=seat, kind="after", state="waiting")
    if followers.update(state="working", claimed_at=desk.now):
        _tell(desk, Seat.objects.filter(behind=seat, kind="after", state="working"))
        return
    root = seat
    while root.kind == "after" and root.behind_id:
        root = Seat.objects.get(pk=root.behind_id)
    if root.kind in AHEAD and root.behind_id:
        wake(desk, root.behind_id)
    else:
        count(desk, step, plan)


def wake(desk: Desk, key: int) -> None:
    """A seat that waited has its turn, once nobody has to sign before it any more."""
    seat = Seat.objects.select_related("step", "person").get(pk=key)
    if held_up(seat) or not Seat.objects.filter(pk=key, state="waiting").update(state="working"):
        return
    seat.state = "working"
    desk.told.append(("todo", [seat]))


def _tell(desk: Desk, seats: Iterable[Seat]) -> None:
    found = list(seats.select_related("step", "person"))
    if found:
        desk.told.append(("todo", found))


def votes(seats: list[Seat]) -> list[tuple[Seat, str | None]]:
    """Return each main seat with its vote: what the last who signs after it said; None while that is to come."""
    found: list[tuple[Seat, str | None]] = []
    for seat in (each for each in seats if each.kind == "main"):
        last = seat
        while follower := next((each for each in seats if each.behind_id == last.pk and each.kind == "after"), None):
            last = follower
        found.append((seat, last.outcome if last.state == "done" else None))
    return found


def outcome_of(step: Step, seats: list[Seat], first: str) -> str | None:
    """Return what a step with these seats has come to, by its mode; None: it needs more. ``first``: the outcome that agrees."""
    counted = votes(seats)
    if step.mode == "one":
        # Two main seats: other people were put in while somebody's signature was still to be followed. They decide.
        return max(counted, key=lambda each: each[0].pk)[1] if counted else None
    said = [vote for _, vote in counted]
    agreed, against, still = said.count(first), [vote for vote in said if vote not in (None, first)], said.count(None)
    if step.mode == "any":
        return first if agreed else against[-1] if against and not still else None
    if step.mode == "ratio":
        needed = step.ratio * len(said)
        if agreed >= needed - 1e-9:
            return first
        return against[-1] if against and agreed + still < needed - 1e-9 else None
    if against:  # all, in turn: one refusal refuses
        return against[-1]
    return first if said and not still else None


def count(desk: Desk, step: Step, plan: StepPlan) -> None:
    """Close the step when those who decide it have decided."""
    seats = Seat.objects.filter(step=step, kind__in=("main", "after")).exclude(state__in=GONE).order_by("order", "pk")
    outcome = outcome_of(step, list(seats), next(iter(plan.outcomes)))
    if outcome is not None:
        desk.complete(step, outcome)
    elif step.mode == "turn":
        _next_turn(desk, step)


def _next_turn(desk: Desk, step: Step) -> None:
    if Seat.objects.filter(step=step, state__in=("working", "offered")).exists():
        return
    seat = Seat.objects.select_related("step", "person").filter(step=step, kind="main", state="waiting").order_by("order").first()
    if seat is not None:
        Seat.objects.filter(pk=seat.pk).update(state="working", claimed_at=desk.now)
        desk.told.append(("todo", [seat]))
