"""What the owner of the database does for the job queue after migrations."""

from __future__ import annotations

from typing import Any


def after_migrate(connection: Any) -> None:
    """Let the queue's own functions add jobs in the owner's name, for the roles that may add jobs; idempotent.

    That a job waits already is told by the detail of a unique violation, which the queue library reads. PostgreSQL
    withholds the detail from roles under row-level security, and the library takes that for a failure: the worker would
    stop deferring periodic jobs as soon as one takes longer than its period.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
            r"AND proname LIKE 'procrastinate\_defer\_%'"
        )
        functions = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            "SELECT DISTINCT quote_ident(grantee) FROM information_schema.role_table_grants "
            "WHERE table_schema = 'public' AND table_name = 'procrastinate_jobs' AND privilege_type = 'INSERT'"
        )
        roles = [name for (name,) in cursor.fetchall()]
        for name in functions:
            cursor.execute(f"ALTER FUNCTION {name} SECURITY DEFINER SET search_path = public, pg_temp")
            cursor.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
            for role in roles:
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {role}")
