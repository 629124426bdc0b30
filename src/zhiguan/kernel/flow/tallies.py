"""Upkeep of the tallies that supervision's figures are added up from; the database itself keeps them right (docs/flow.md)."""

from __future__ import annotations

from django.db import connection, transaction


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
