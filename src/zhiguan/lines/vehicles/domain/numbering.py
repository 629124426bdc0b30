"""Public numbers of plans, disposals, work orders and accidents."""

from __future__ import annotations

from django.db import connection, models
from django.utils import timezone


def next_number(prefix: str, model: type[models.Model]) -> str:
    """Return the next public number: prefix, day, and five digits of a sequence that never repeats within a day."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        key = cursor.fetchone()[0]
    return f"{prefix}{timezone.localdate():%Y%m%d}{key % 100_000:05d}"
