"""Lookups PostgreSQL can answer from an index beneath row-level security, where LIKE cannot.

Below a policy only leakproof operators may reach an index (``pg_proc.proleakproof``). LIKE is not leakproof; ``^@`` is,
and the planner makes an index range of it by itself, with pattern indexes and with plain ones of a database that orders
by code point. So nobody has to work out where a prefix ends.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Field, Lookup, TextField


class Begins(Lookup):
    """``name__begins="text"``: the column begins with the text, letter for letter; every column begins with ''."""

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, values = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"{left} ^@ {right}", [*values, *more]


class Among(Lookup):
    """``pk__among=[...]``: the column equals one of the values, sent as one array: long lists cost next to nothing."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, values = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", [*values, list(self.rhs)]


def register() -> None:
    """Make the lookups known to the fields."""
    CharField.register_lookup(Begins)
    TextField.register_lookup(Begins)
    Field.register_lookup(Among)
