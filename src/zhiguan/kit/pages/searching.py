"""Search of lists: which rows have every word in one of the list's search paths.

One condition that joins columns of several tables by OR can use no index: a million orders would be read for one
plate. So each path is asked on its own, by its own index, and the keys found are put together. Beyond ``cap`` keys the
rows are so many that reading along the list's order finds a page of them soon; then the plain condition is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from django.db.models import Q, QuerySet

WORDS = 5
TEXT_LENGTH = 100


def clean_text(text: str) -> str:
    """Return search text without control characters, trimmed and not longer than can be meant."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:TEXT_LENGTH]


def _parts(paths: Iterable[str], word: str) -> list[Q]:
    """Return one condition for each path by an index, and one for all paths that need every row read."""
    variants = list(dict.fromkeys((word, word.upper(), word.lower())))
    anchored: list[Q] = []
    within = Q()
    for path in paths:
        name = path.lstrip("^=").replace(".", "__")
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

    Asks the database once for each word.
    """
    paths, many = tuple(paths), False
    # The longest word first: it leaves the fewest rows for the others.
    for word in sorted(clean_text(text).split()[:WORDS], key=len, reverse=True):
        parts = _parts(paths, word)
        asked = [rows.filter(part).order_by().values_list("pk", flat=True)[: cap + 1] for part in parts]
        found = asked[0].union(*asked[1:]) if len(asked) > 1 else asked[0]
        keys = set(islice(found.iterator(), cap + 1))
        many = len(keys) > cap
        rows = rows.filter(search_condition(paths, word)) if many else rows.filter(pk__among=sorted(keys))
    return rows, many
