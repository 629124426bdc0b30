"""Bring the database's row-level security in line with what the models declare. Runs as the owner after migrations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatch

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from .declare import ByUnit, RowRule, Shared, TableRule

POLICY = "zg_scope"


def declared_areas() -> tuple[str, ...]:
    """Return the subject areas that any model's rule asks for, sorted."""
    rules = (getattr(model, "row_rule", None) for model in apps.get_models(include_auto_created=True))
    return tuple(sorted({rule.area for rule in rules if isinstance(rule, (ByUnit, Shared)) and rule.area}))


def rules_by_table(table_rules: Iterable[TableRule], tables: Iterable[str]) -> dict[str, tuple[RowRule, tuple]]:
    """Return (rule, grants) for each table that has a rule; tables without one are absent."""
    found: dict[str, tuple[RowRule, tuple]] = {}
    for table in tables:
        for entry in table_rules:
            if fnmatch(table, entry.pattern):
                found[table] = (entry.rule, entry.grants)
                break
    for model in apps.get_models(include_auto_created=True):
        rule = getattr(model, "row_rule", None)
        if rule is None and model._meta.auto_created:  # a many-to-many table follows its owner
            rule = getattr(model._meta.auto_created, "row_rule", None)
        if rule is not None:
            found[model._meta.db_table] = (rule, ())
    return found


def sync(connection: BaseDatabaseWrapper, table_rules: Iterable[TableRule], *, role: str) -> list[str]:
    """Enable row-level security on every table, set one policy per declared rule, grant ``role`` its privileges.

    Returns the tables whose protection changed. A table without a rule keeps row-level security without a policy:
    the application sees no row of it. Partitions get no grant, so they are reachable through their parent only.
    """
    changed: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, c.relrowsecurity, c.relispartition, obj_description(p.oid, 'pg_policy')
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %s
               WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')""",
            [POLICY],
        )
        tables = {name: (secured, partition, mark) for name, secured, partition, mark in cursor.fetchall()}
        rules = rules_by_table(list(table_rules), tables)
        quote = connection.ops.quote_name
        for table, (secured, partition, mark) in tables.items():
            name = quote(table)
            if not secured:
                cursor.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
                changed.append(table)
            rule, grants = rules.get(table, (None, ()))
            wanted = "" if rule is None or partition else rule.using()
            digest = hashlib.sha256(repr((wanted, grants, role, rule)).encode()).hexdigest()[:16]
            if mark == digest:
                continue
            cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {name}")
            cursor.execute(f"REVOKE ALL ON {name} FROM {quote(role)}")
            if partition:
                continue
            privileges = grants or (
                ("SELECT", "INSERT") if rule and rule.append_only else ("SELECT", "INSERT", "UPDATE", "DELETE")
            )
            cursor.execute(f"GRANT {', '.join(privileges)} ON {name} TO {quote(role)}")
            if wanted:
                cursor.execute(
                    f"CREATE POLICY {POLICY} ON {name} TO {quote(role)} USING ({wanted}) "
                    f"WITH CHECK ({'true' if rule and rule.open_insert else wanted})"
                )
                cursor.execute(f"COMMENT ON POLICY {POLICY} ON {name} IS '{digest}'")
            changed.append(table)
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quote(role)}")
    return changed
