"""What a line declares about a bulk import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhiguan.kit.actor import Actor

KINDS = ("text", "integer", "decimal", "money", "percent", "date", "datetime", "bool", "choice")


@dataclass(frozen=True)
class ImportColumn:
    """One column of the workbook.

    ``name`` is the key in the row handed to ``check`` and ``apply``; ``title`` the heading, ``aliases`` other headings
    understood. ``choices`` maps what the user writes to what is stored (pairs or mapping of stored value to Chinese
    name, or ``callable(actor)`` returning one); the Chinese name or the stored value is accepted.
    ``parser(text, actor)`` replaces the kind's own parsing and raises ``ValueError`` with a Chinese rule.
    ``validate(value, row)`` returns what is wrong, or "". ``minimum``/``maximum`` bound numbers and dates,
    ``max_length`` texts; ``pattern`` is a regular expression with its rule in Chinese. ``unique`` refuses the same
    value twice in the file. ``example`` fills the template's example row.
    """

    name: str
    title: str
    required: bool = False
    kind: str = "text"
    choices: Mapping[Any, str] | Iterable[tuple[Any, str]] | Callable[[Actor], Any] | None = None
    parser: Callable[[Any, Actor], Any] | None = None
    validate: Callable[[Any, Mapping[str, Any]], str] | None = None
    minimum: Any = None
    maximum: Any = None
    max_length: int = 500
    pattern: tuple[str, str] | None = None
    unique: bool = False
    help: str = ""
    example: Any = ""
    default: Any = None
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"ImportColumn {self.name!r}: kind {self.kind!r} is none of {', '.join(KINDS)}")


@dataclass(frozen=True)
class Problem:
    """One thing wrong: ``row`` as Excel numbers it (0: the file as a whole), the column's title, value and rule."""

    row: int
    column: str
    value: str
    message: str


@dataclass
class ImportRow:
    """One row read: its number in the file and its clean values by column name."""

    number: int
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def problem(self, column: str, message: str) -> Problem:
        """Return a problem with this row's ``column`` (its title), for use in ``check``."""
        value = self.values.get(column)
        return Problem(self.number, column, "" if value is None else str(value), message)


@dataclass(frozen=True)
class Importer:
    """批量导入的规则.

    ``check(rows, actor)`` yields problems across rows or against the database (it should ask in bulk);
    ``apply(rows, actor, progress)`` writes all rows in the transaction it is called in, calls ``progress(done)`` now
    and then, and returns how many were written; whatever it raises undoes everything. In problems a column may be
    named by its name or its title.
    """

    columns: tuple[ImportColumn, ...]
    apply: Callable[[Sequence[ImportRow], Actor, Callable[[int], None]], int]
    check: Callable[[Sequence[ImportRow], Actor], Iterable[Problem]] | None = None
    sheet: str = "数据"
    notes: tuple[str, ...] = ()
    row_limit: int = 200_000
    in_request_limit: int = 2_000
    """Files with more rows are checked and applied as a job, when the site has one to give."""
    headings: Callable[[], Iterable[str]] | None = None
    """Further headings by which the heading row is known, asked when a file is read."""
    fitting: Callable[[Importer, Sequence[str]], Importer] | None = None
    """``fitting(importer, header)`` returns the importer for a file with that heading row: the same rows and rules,
    other headings."""
    remarks: Callable[[Sequence[ImportRow], Actor], Iterable[str]] | None = None
    """What to say about rows without a problem before they are applied, e.g. how many are known already."""

    def __post_init__(self) -> None:
        titles = [title for column in self.columns for title in (column.title, *column.aliases)]
        if len(set(titles)) < len(titles):
            raise ValueError("Importer: two columns share a heading")

    def column(self, name: str) -> ImportColumn:
        """Return the column of that name or title; raises ``KeyError``."""
        for column in self.columns:
            if name in (column.name, column.title):
                return column
        raise KeyError(name)
