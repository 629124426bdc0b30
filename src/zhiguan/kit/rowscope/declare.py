"""Row rules: who may see and change a table's rows, declared on the model, compiled to PostgreSQL row-level security.

A model names its rule in ``row_rule``. A model without one gets row-level security with no policy: nobody sees a row
(law 1, data scope fails closed). Tables that are not models get a :class:`TableRule`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ALL_POSITIONS = (0, 2**63 - 1)
"""Scope range (first, last position) that covers every unit there can be."""


def _setting(name: str, cast: str) -> str:
    return f"NULLIF(current_setting('zg.{name}', true), '')::{cast}"


def _once(name: str, cast: str) -> str:
    """Return the setting as a sub-select, which PostgreSQL evaluates once for each query instead of for each row."""
    return f"(SELECT {_setting(name, cast)})"


@dataclass(frozen=True)
class ByUnit:
    """Rows belong to a unit: ``column`` holds the unit's position in the organisation tree.

    ``area`` names the subject area (a line's or kernel part's code) whose scope is asked; ``persons`` are columns with
    a person's key: that person always sees the row. ``append_only`` withholds UPDATE and DELETE from the application.

    The scope is read once for each query: its first range, and all its ranges only where there are more (a row of the
    first, of the only one as a rule, pays for two comparisons and no more). The condition is written as "is not null"
    because the planner takes this for nearly always true, and so plans a query as it would without the rule; of a plain
    comparison it would expect a thousandth of the rows. Querysets say the scope again, in values that an index can be
    searched for.

    ``open_insert`` lets anybody add a row they may not read afterwards (log entries, messages to others). Such rows
    must be inserted without RETURNING: PostgreSQL asks the reading rule of returned rows.

    ``also`` names further columns with a position, null where the row concerns no second unit (who serves an order);
    ``crowds`` are columns with many persons' keys (bigint[], with a GIN index): each of them sees the row.
    """

    area: str
    column: str = "scope_pos"
    persons: tuple[str, ...] = ()
    append_only: bool = False
    open_insert: bool = False
    also: tuple[str, ...] = ()
    crowds: tuple[str, ...] = ()

    def using(self) -> str:
        low, high = _once(f"{self.area}_lo", "bigint"), _once(f"{self.area}_hi", "bigint")
        several = _once(f"{self.area}_ranges", "int8multirange")
        tests = (f"BETWEEN {low} AND {high}", f"<@ {several}")
        within = " ".join(f"WHEN {column} {test} THEN true" for test in tests for column in (self.column, *self.also))
        rule = f"CASE {within} END IS NOT NULL"
        for person in self.persons:
            rule += f" OR {person} = {_once('person', 'bigint')}"
        for crowd in self.crowds:
            rule += f" OR {crowd} @> ARRAY[{_once('person', 'bigint')}]"
        return rule


@dataclass(frozen=True)
class ByArea:
    """Rows of many subject areas in one table (ledger events, findings): the row names its own area.

    ``area_column`` holds the area's code, ``column`` the unit's position, ``persons_column`` (a bigint array, optional)
    the persons who see the row wherever they belong. For the planner it is nearly always true, as with :class:`ByUnit`.
    An area's own setting can only be read row by row, so a row is first compared with the range that most areas of the
    frame have in common: somebody whose permissions all reach one unit pays for no more.
    """

    area_column: str = "area"
    column: str = "scope_pos"
    persons_column: str = ""
    append_only: bool = False
    open_insert: bool = False
    also: tuple[str, ...] = ()
    """Further columns with a unit's position, null where the row concerns no second unit."""

    def using(self) -> str:
        def of_area(suffix: str, cast: str) -> str:
            return f"NULLIF(current_setting('zg.' || {self.area_column} || '_{suffix}', true), '')::{cast}"

        rule = " OR ".join(
            f"{column} BETWEEN {of_area('lo', 'bigint')} AND {of_area('hi', 'bigint')} OR "
            f"{column} <@ {of_area('ranges', 'int8multirange')}"
            for column in (self.column, *self.also)
        )
        if self.persons_column:
            rule += f" OR {_setting('person', 'bigint')} = ANY ({self.persons_column})"
        most = f"{self.area_column} = ANY ({_once('most_areas', 'text[]')}::text[])"
        within = f"{self.column} BETWEEN {_once('most_lo', 'bigint')} AND {_once('most_hi', 'bigint')}"
        return f"CASE WHEN {most} AND {within} THEN true WHEN {rule} THEN true END IS NOT NULL"


@dataclass(frozen=True)
class ByPerson:
    """Rows belong to one account (``column`` holds its key): notifications, saved filters, drafts."""

    column: str = "account_id"
    append_only: bool = False
    open_insert: bool = False

    def using(self) -> str:
        return f"{self.column} = {_setting('account', 'bigint')} OR current_setting('zg.system', true) = '1'"


@dataclass(frozen=True)
class Shared:
    """Every signed-in account and every process may read the rows; say why in ``reason``.

    ``area``: the subject area under which the history of such rows is read, where nothing else of the area has a rule.
    """

    reason: str
    append_only: bool = False
    open_insert: bool = False
    area: str = ""

    def using(self) -> str:
        return "true"


@dataclass(frozen=True)
class Custom:
    """A condition in SQL, for tables whose scope is neither a unit nor a person; say why in ``reason``."""

    sql: str
    reason: str
    append_only: bool = False
    open_insert: bool = False

    def using(self) -> str:
        return self.sql


RowRule = ByUnit | ByArea | ByPerson | Shared | Custom


@dataclass(frozen=True)
class TableRule:
    """A rule for tables that are not models: ``pattern`` is a shell pattern over table names."""

    pattern: str
    rule: RowRule
    grants: tuple[str, ...] = field(default=())
    """Privileges of the application role, where they differ from the rule's own (e.g. ``("SELECT",)``)."""
