"""Yellow and red cards (黄牌红牌): raised once for each rung of a case's or a step's clock, by whoever comes first.

The constraint on :class:`Card` is the claim: two workers, a restart or a clock that jumps insert the same card once. A
card warns those who handle, those above them and those who supervise. Nothing is ever decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from zhiguan.kernel.notices import service as notices
from zhiguan.kit.actor import system

from . import limits
from .declare import ASSIGN, SUPERVISE
from .desk import days, item_of
from .lifecycle import OPEN
from .models import Case, Seat, Step
from .telling import in_charge, page_of

BATCH = 500
MOMENT = timedelta(seconds=1)


def raise_due(now: datetime | None = None) -> int:
    """Look at the clocks whose time has come; return how many cards were new. Asks the index, never closed cases."""
    now = now or timezone.now()
    made = 0
    with system("flow.cards").acting():
        for model in (Case, Step):
            while True:
                with transaction.atomic():  # without a transaction nobody's scope is in force, and no row is seen
                    rows = _due(model, now)
                    made += _look(rows, now)
                if len(rows) < BATCH:
                    break
    return made


def _due(model: type[Any], now: datetime) -> list[Any]:
    # One order for all workers: none waits in turn for another that waits for it.
    rows = model.objects.filter(look_at__lte=now).order_by("look_at", "pk")
    related = ("unit", "applicant") if model is Case else ("case", "case__unit", "case__applicant")
    return list(rows.select_related(*related)[:BATCH])


@transaction.atomic
def look_again(now: datetime | None = None) -> int:
    """Work out anew when each open clock is to be looked at (nightly, and after the calendar changed); return how many."""
    now = now or timezone.now()
    snapshot, changed = days(), 0
    with system("flow.cards").acting():
        for model, alive in ((Case, Case.objects.filter(state__in=OPEN)), (Step, Step.objects.filter(state="open"))):
            stale = []
            for row in alive.only("id", "clock", "policy", "look_at").iterator(chunk_size=2000):
                at = limits.look_at(row.clock, row.policy, now, snapshot) if row.clock else None
                if at != row.look_at:
                    row.look_at = at
                    stale.append(row)
            model.objects.bulk_update(stale, ["look_at"], batch_size=1000)
            changed += len(stale)
    return changed


def _look(rows: Iterable[Any], now: datetime) -> int:
    """Raise the cards of these rows and say when to look at each again."""
    snapshot, made = days(), 0
    for row in rows:
        reading = limits.reading(row, now, snapshot)
        reached = [card for card in reading.cards if card.reached] if reading is not None else []
        for card in reached:
            made += _raise(row, card.rung.code, card.at or now, now)
        again = limits.look_at(row.clock, row.policy, now, snapshot)
        if again is not None and again <= now:  # reached this very moment: it is not over before the next
            again = None if any(card.rung.remaining == 0 for card in reached) else now + MOMENT
        type(row).objects.filter(pk=row.pk, look_at=row.look_at).update(look_at=again)
    return made


def _raise(row: Any, rung: str, reached: datetime, now: datetime) -> int:
    case, step = (row, None) if isinstance(row, Case) else (row.case, row)
    with connection.cursor() as cursor:  # the ORM does not say whether a row that may be there already was new
        cursor.execute(
            "INSERT INTO flow_card (case_id, step_id, rung, reached_at, raised_at) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING RETURNING id",
            [case.pk, step.pk if step is not None else None, rung, reached, now],
        )
        mine = cursor.fetchone()
    if mine is None:
        return 0
    name = limits.RUNGS[rung]
    waiting = Seat.objects.filter(case=case, step__state="open", state__in=("offered", "working")).select_related(
        "person"
    )
    if step is not None:
        waiting = waiting.filter(step=step)
    people: list[Any] = [seat.person for seat in waiting]
    people += in_charge(case, ASSIGN, SUPERVISE)
    what = f"环节“{step.name}”" if step is not None else f"办件（{item_of(case.item).name}）"
    words = "已超过时限" if rung == "red" else "即将到期"
    notices.notify(
        people, "flow.case.card", f"{name}：{case.title}", f"{what}{words}。", page_of(case), subject=case,
        dedupe_key=f"flow.card/{mine[0]}",
    )  # fmt: skip
    return 1
