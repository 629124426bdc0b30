"""What the owner of the database does for telemetry after migrations: the ingest role's grants and policies."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .declare import INGEST_FUNCTIONS, INGEST_TABLES

INGEST_ROLE = "zhiguan_ingest"
POLICY = "zg_ingest"


def after_migrate(connection: Any) -> None:
    """Grant the ingest role what it needs and make the partitions of the coming days; idempotent."""
    grant_ingest(connection)
    today = datetime.now(timezone(timedelta(hours=8))).date()
    with connection.cursor() as cursor:
        for ahead in range(-1, 8):
            cursor.execute("SELECT telemetry_ensure_day(%s)", [today + timedelta(days=ahead)])


def grant_ingest(connection: Any, role: str = INGEST_ROLE) -> None:
    """Give ``role`` its privileges on telemetry tables, with a policy of its own, and nothing else; idempotent.

    ``connection`` is the owner's, Django's or psycopg's. The role needs temporary tables, because PostgreSQL refuses
    COPY into a table under row-level security.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        database, known = cursor.fetchone()
        for name in INGEST_FUNCTIONS:
            cursor.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        if not known:
            return
        cursor.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO {role}')
        cursor.execute(f"GRANT USAGE ON SEQUENCE telemetry_batch TO {role}")
        for name in INGEST_FUNCTIONS:
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {role}")
        for table, privileges in INGEST_TABLES.items():
            cursor.execute(f"REVOKE ALL ON {table} FROM {role}")
            cursor.execute(f"GRANT {privileges} ON {table} TO {role}")
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {table}")
            cursor.execute(f"CREATE POLICY {POLICY} ON {table} TO {role} USING (true) WITH CHECK (true)")
