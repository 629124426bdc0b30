"""Search of lists: which rows have every word in one of the list's search paths.

One condition that joins columns of several tables by OR can use no index: a million orders would be read for one
plate. So each path is asked on its own, by its own index, and the keys found are put together. Beyond ``cap`` keys the
rows are so many that reading along the list's order finds a page of them soon; then the plain condition is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from django.db import connections
from django.db.models import Q, QuerySet

WORDS = 5
TEXT_LENGTH = 100
FEW = 500
"""A column searched with ``~`` has no more different values than this, or every row is read after all."""


def clean_text(text: str) -> str:
    """Return search text without control characters, trimmed and not longer than can be meant."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:TEXT_LENGTH]


def _parts(paths: Iterable[str], word: str) -> list[Q]:
    """Return one condition for each path by an index, and one for all paths that need every row read."""
    variants = list(dict.fromkeys((word, word.upper(), word.lower())))
    anchored: list[Q] = []
    within = Q()
    for path in paths:
        name = path.lstrip("^=~").replace(".", "__")
        if path.startswith("="):
            anchored.append(Q(**{f"{name}__in": variants}))
        elif path.startswith("^"):
            found = Q()
            for variant in variants:
                found |= Q(**{f"{name}__begins": variant})
            anchored.append(found)
        else:
            # Without letters of two cases the cheaper comparison says the same.
            lookup = "icontains" if len(variants) > 1 else "contains"
            within |= Q(**{f"{name}__{lookup}": word})
    return [*anchored, within] if within else anchored


def search_condition(paths: Iterable[str], text: str) -> Q:
    """Return the condition that every word of ``text`` is found by one of ``paths`` (see ``ListPage.search``)."""
    paths = tuple(paths)
    condition = Q()
    for word in clean_text(text).split()[:WORDS]:
        found = Q()
        for part in _parts(paths, word):
            found |= part
        condition &= found
    return condition


def searched(rows: QuerySet, paths: Iterable[str], text: str, cap: int) -> tuple[QuerySet, bool]:
    """Return the rows that ``text`` finds, and whether there are more than ``cap`` of them.

    Asks the database once for each word, and once for the different values of each ``~`` column.
    """
    paths, many = tuple(paths), False
    values = {path: few_values(rows, path[1:]) for path in paths if path.startswith("~")}
    plain = [path for path in paths if values.get(path) is None]
    # The longest word first: it leaves the fewest rows for the others.
    for word in sorted(clean_text(text).split()[:WORDS], key=len, reverse=True):
        parts = _parts(plain, word)
        for path, known in values.items():
            if known is not None and (hits := [value for value in known if word.casefold() in value.casefold()]):
                parts.append(Q(**{f"{path[1:]}__in": hits}))
        if not parts:
            return rows.none(), False
        bare = rows.order_by().prefetch_related(None)
        asked = [bare.filter(part).values_list("pk", flat=True)[: cap + 1] for part in parts]
        found = asked[0].union(*asked[1:]) if len(asked) > 1 else asked[0]
        keys = set(islice(found.iterator(), cap + 1))
        many = len(keys) > cap
        rows = rows.filter(search_condition(paths, word)) if many else rows.filter(pk__among=sorted(keys))
    return rows, many


def few_values(rows: QuerySet, column: str) -> list[str] | None:
    """Return the different values of an own, indexed text column, as far as row-level security shows any; None if many.

    From one value to the next greater one by the index: a table of a million rows with two hundred values is asked two
    hundred times, not read.
    """
    connection = connections[rows.db]
    quote = connection.ops.quote_name
    table, name = quote(rows.model._meta.db_table), quote(rows.model._meta.get_field(column).column)
    statement = (  # names of our own models, quoted
        f"WITH RECURSIVE each(value, n) AS ((SELECT {name}, 1 FROM {table} ORDER BY {name} LIMIT 1) UNION ALL "  # noqa: S608
        f"SELECT (SELECT t.{name} FROM {table} t WHERE t.{name} > each.value ORDER BY t.{name} LIMIT 1), n + 1 "
        f"FROM each WHERE value IS NOT NULL AND n <= {FEW}) SELECT value FROM each WHERE value IS NOT NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found = [value for (value,) in cursor.fetchall()]
    return found if len(found) <= FEW else None
