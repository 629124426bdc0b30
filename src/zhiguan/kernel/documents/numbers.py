"""文号: numbers by series and year, without gaps or duplicates, however many issue at once."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from .declare import DocumentKind


def text(kind: DocumentKind, year: int, serial: int) -> str:
    """Return the number as people write it."""
    return kind.number.format(word=settings.ZHIGUAN_DOCUMENT_WORD, year=year, n=serial)


def take(kind: DocumentKind, year: int) -> int:
    """Return the next number of the kind's series in the year and lock the series until the transaction ends.

    Another transaction waits here, and gets the same number when this one is rolled back. Outside a transaction a
    number could be lost: RuntimeError.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken in the transaction that issues the document, and none is open")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO documents_numberseries AS series (pattern, year, last) VALUES (%s, %s, 1) "
            "ON CONFLICT (pattern, year) DO UPDATE SET last = series.last + 1 RETURNING last",
            [kind.number, year],
        )
        return cursor.fetchone()[0]
