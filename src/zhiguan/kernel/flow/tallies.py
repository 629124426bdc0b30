"""Upkeep of the tallies that supervision's figures are added up from; the database itself keeps them right (docs/flow.md)."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kit.actor import system

from . import limits
from .models import Case
from .models.cases import UNREAD

BATCH = 2_000


@transaction.atomic
def gather() -> int:
    """Add the tallies' new rows to the sums and return how many they were. Figures are the same before and after."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT flow_gather()")
        return cursor.fetchone()[0]


@transaction.atomic
def recount() -> None:
    """Work the tallies out anew from all rows, for rows that were written with triggers off. Acts wait meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT flow_recount()")


def read_clocks() -> int:
    """Write down the working days that ended cases took, of those that ended before this was done when they end, or while
    the calendar did not know the year; return how many. What their events say decides, nobody acts on them any more.
    """
    days, last, read = calendar.snapshot(), 0, 0
    with system("flow.cases").acting():
        while True:
            with transaction.atomic():
                rows = list(Case.objects.filter(UNREAD, pk__gt=last).order_by("pk").only("id", "clock", "policy")[:BATCH])
                found = {row.pk: limits.used(row.clock, row.policy, timezone.now(), days) for row in rows}
                known = [(key, used) for key, used in found.items() if used is not None]
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE flow_case c SET working_days = v.used FROM unnest(%s::bigint[], %s::int[]) AS v(id, used) "
                        "WHERE c.id = v.id AND c.working_days IS NULL AND c.ended_at IS NOT NULL",
                        [[key for key, _ in known], [used for _, used in known]],
                    )
                    read += cursor.rowcount
            if len(rows) < BATCH:
                return read
            last = rows[-1].pk
