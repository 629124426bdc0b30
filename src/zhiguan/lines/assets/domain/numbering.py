"""Public numbers of cards and disposals: a prefix, the year and the row's own key, so that none repeats."""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from django.utils import timezone


def numbered(prefix: str, model: type[models.Model]) -> dict[str, Any]:
    """Return ``id`` and ``code`` of the next row: ZC2026 and eight digits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        key = cursor.fetchone()[0]
    return {"id": key, "code": f"{prefix}{timezone.localdate():%Y}{key:08d}"}
