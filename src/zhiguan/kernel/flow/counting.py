"""Whose turn it is within a step, and when the step has what it needs.

A seat that signs before another or was asked to prepare (前加签, 委派) holds that one up; a seat that signs after another
(后加签) takes its vote over. Both may themselves have others before and after them, so what is asked is always the tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .models import Seat, Step
from .plan import StepPlan
from .seating import OPEN_SEATS, Seating

if TYPE_CHECKING:
    from .desk import Desk

AHEAD = ("before", "delegate")
GONE = ("lapsed", "moved", "withdrawn")


def _hanging(seating: Seating, seat: Seat, kinds: tuple[str, ...] = ()) -> list[Seat]:
    """Return the open seats that hang on a seat through others; with ``kinds``, through those directly on it only."""
    found, waiting = [], [row for row in seating.behind(seat) if not kinds or row.kind in kinds]
    while waiting:
        at = waiting.pop()
        found.append(at)
        waiting += seating.behind(at)
    return [row for row in found if row.state in OPEN_SEATS]


def take_away(desk: Desk, seat: Seat, *, with_followers: bool) -> None:
    """Withdraw a seat and who signs before it; those who sign after it too, or they follow the one it followed."""
    hanging = _hanging(desk.seating, seat, () if with_followers else AHEAD)
    if not with_followers:
        followers = [each for each in desk.seating.behind(seat, *OPEN_SEATS) if each.kind == "after"]
        desk.seating.put(followers, behind_id=seat.behind_id)
    desk.seating.put([seat, *hanging], state="withdrawn", closed_at=desk.now)


def pass_on(desk: Desk, seat: Seat, step: Step, plan: StepPlan) -> None:
    """A seat was signed: who signs after it has their turn, else who waited for it, else the step is counted."""
    followers = [each for each in desk.seating.behind(seat, "waiting") if each.kind == "after"]
    if followers:
        desk.seating.put(followers, state="working", claimed_at=desk.now)
        desk.told.append(("todo", followers))
        return
    root = seat
    while root.kind == "after" and (before := desk.seating.seat(root.behind_id)) is not None:
        root = before
    waits = desk.seating.seat(root.behind_id) if root.kind in AHEAD else None
    if waits is not None:
        wake(desk, waits)
    else:
        count(desk, step, plan)


def wake(desk: Desk, seat: Seat) -> None:
    """A seat that waited has its turn, once nobody has to sign before it any more."""
    if seat.state == "waiting" and not _hanging(desk.seating, seat, AHEAD):
        desk.seating.put([seat], state="working")
        desk.told.append(("todo", [seat]))


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
    seats = [each for each in desk.seating.at(step) if each.kind in ("main", "after") and each.state not in GONE]
    outcome = outcome_of(step, sorted(seats, key=lambda each: (each.order, each.pk)), next(iter(plan.outcomes)))
    if outcome is not None:
        desk.complete(step, outcome)
    elif step.mode == "turn":
        _next_turn(desk, step)


def _next_turn(desk: Desk, step: Step) -> None:
    if desk.seating.at(step, "working", "offered"):
        return
    waiting = [each for each in desk.seating.at(step, "waiting") if each.kind == "main"]
    if waiting:
        seat = min(waiting, key=lambda each: each.order)
        desk.seating.put([seat], state="working", claimed_at=desk.now)
        desk.told.append(("todo", [seat]))
