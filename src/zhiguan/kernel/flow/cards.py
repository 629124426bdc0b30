"""Yellow and red cards (黄牌红牌): raised once for each rung of a case's or a step's clock, by whoever comes first.

The constraint on :class:`Card` is the claim: two workers, a restart or a clock that jumps insert the same card once. A
card warns those who handle, those above them and those who supervise. Nothing is ever decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.notices import service as notices
from zhiguan.kit.actor import system

from . import limits
from .declare import ASSIGN, SUPERVISE
from .desk import item_of
from .lifecycle import OPEN
from .models import Card, Case, Seat, Step
from .queries import TODO
from .telling import holders_of, in_charge, page_of

BATCH = 200
MOMENT = timedelta(seconds=1)
Holders = Callable[[str], list[Any]]


def raise_due(now: datetime | None = None) -> int:
    """Look at the clocks whose time has come; return how many cards were new. Asks the index, never closed cases."""
    now = now or timezone.now()
    made = 0
    with system("flow.cards").acting():
        holders = cache(holders_of)  # asked once for all cards of a run
        for model in (Case, Step):
            while True:
                with transaction.atomic():  # without a transaction nobody's scope is in force, and no row is seen
                    rows = list(due(model, now))
                    made += _look(model, rows, now, holders)
                if len(rows) < BATCH:
                    break
    return made


def due(model: type[Any], now: datetime) -> QuerySet[Any]:
    """The next due rows, locked with their cases. A case at which somebody acts is left for the next minute."""
    rows = model.objects.filter(look_at__lte=now).order_by("look_at", "pk")
    related = ("unit", "applicant") if model is Case else ("case", "case__unit", "case__applicant")
    held = ("self",) if model is Case else ("self", "case")
    return rows.select_related(*related).select_for_update(no_key=True, skip_locked=True, of=held)[:BATCH]


@transaction.atomic
def look_again(now: datetime | None = None) -> int:
    """Work out anew when each open clock is to be looked at (nightly, and after the calendar changed); return how many.

    A rung that was passed without a card, because nobody looked or the calendar moved it into the past, is due at once.
    """
    now = now or timezone.now()
    snapshot, changed = calendar.snapshot(), 0
    with system("flow.cards").acting():
        for model, alive in ((Case, Case.objects.filter(state__in=OPEN)), (Step, Step.objects.filter(state="open"))):
            stale, passed = [], []
            rows = alive.order_by("pk").only("id", "clock", "policy", "look_at")
            for row in rows.iterator(chunk_size=2000):
                shown = limits.reading(row, now, snapshot) if row.clock else None
                at = limits.look_after(row, shown, now) if row.clock else None
                rungs = [card.rung.code for card in shown.cards if card.reached] if shown is not None else []
                if rungs:
                    passed.append((row, at, rungs))
                elif at != row.look_at:
                    stale.append((row, at))
            raised = _raised(model, [row.pk for row, _, _ in passed])
            for row, coming, rungs in passed:
                at = coming if all((row.pk, rung) in raised for rung in rungs) else now
                if at != row.look_at:
                    stale.append((row, at))
            changed += _look_at(model, stale)
    return changed


def _raised(model: type[Any], keys: list[int]) -> set[tuple[int, str]]:
    """The cards that these cases, or steps, have of their own."""
    own = Card.objects.filter(step=None, case__in=keys) if model is Case else Card.objects.filter(step__in=keys)
    return set(own.order_by().values_list("case_id" if model is Case else "step_id", "rung"))


def _look_at(model: type[Any], rows: Iterable[tuple[Any, datetime | None]]) -> int:
    """Say when to look at each row again, unless somebody has said so meanwhile; return how many were changed."""
    rows = list(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} t SET look_at = v.again "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS v(id, was, again) "
            "WHERE t.id = v.id AND t.look_at IS NOT DISTINCT FROM v.was",
            [[row.pk for row, _ in rows], [row.look_at for row, _ in rows], [again for _, again in rows]],
        )
        return cursor.rowcount


def _look(model: type[Any], rows: Sequence[Any], now: datetime, holders: Holders) -> int:
    """Raise the cards of these rows and say when to look at each again."""
    snapshot = calendar.snapshot()
    reached_now: list[tuple[Any, str, datetime]] = []
    looked = []
    for row in rows:
        reading = limits.reading(row, now, snapshot)
        reached = [card for card in reading.cards if card.reached] if reading is not None else []
        reached_now += [(row, card.rung.code, card.at or now) for card in reached]
        again = limits.look_after(row, reading, now)
        if again is not None and again <= now:  # reached this very moment: it is not over before the next
            again = None if any(card.rung.remaining == 0 for card in reached) else now + MOMENT
        looked.append((row, again))
    made = _raise(reached_now, now)
    _tell(made, holders)
    _look_at(model, looked)
    return len(made)


def _raise(due: Sequence[tuple[Any, str, datetime]], now: datetime) -> list[tuple[Any, str, int]]:
    """Write the cards that are not there yet; return each with its row, its rung and its key."""
    if not due:
        return []
    cases = [row.pk if isinstance(row, Case) else row.case_id for row, _, _ in due]
    steps = [None if isinstance(row, Case) else row.pk for row, _, _ in due]
    with connection.cursor() as cursor:  # the ORM does not say whether a row that may be there already was new
        cursor.execute(
            "INSERT INTO flow_card (case_id, step_id, unit_id, scope_pos, area, item, rung, reached_at, raised_at) "
            "SELECT v.case_id, v.step_id, c.unit_id, c.scope_pos, c.area, c.item, v.rung, v.reached, %s "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[]) AS v(case_id, step_id, rung, reached) "
            "JOIN flow_case c ON c.id = v.case_id ON CONFLICT DO NOTHING RETURNING case_id, step_id, rung, id",
            [now, cases, steps, [rung for _, rung, _ in due], [at for _, _, at in due]],
        )
        new = {(case, step, rung): key for case, step, rung, key in cursor.fetchall()}
    named = zip(due, cases, steps, strict=True)
    return [(row, rung, new[case, step, rung]) for (row, rung, _), case, step in named if (case, step, rung) in new]


def _tell(made: Sequence[tuple[Any, str, int]], holders: Holders) -> None:
    """Tell who handles, who manages and who supervises, of each card once."""
    cases = {row.pk if isinstance(row, Case) else row.case_id for row, _, _ in made}
    waiting: dict[int, list[Seat]] = {}
    seats = Seat.objects.filter(case__in=cases, step__state="open", state__in=TODO).select_related("person")
    for seat in seats.order_by("pk") if cases else ():
        waiting.setdefault(seat.case_id, []).append(seat)
    for row, rung, key in made:
        case, step = (row, None) if isinstance(row, Case) else (row.case, row)
        mine = [seat for seat in waiting.get(case.pk, ()) if step is None or seat.step_id == step.pk]
        what = f"环节“{step.name}”" if step is not None else f"办件（{item_of(case.item).name}）"
        words = "已超过时限" if rung == "red" else "即将到期"
        people = [*(seat.person for seat in mine), *in_charge(case, ASSIGN, SUPERVISE, holders=holders)]
        notices.notify(
            people, "flow.case.card", f"{limits.RUNGS[rung]}：{case.title}", f"{what}{words}。", page_of(case),
            subject=case, dedupe_key=f"flow.card/{key}",
        )  # fmt: skip
