"""The dry run: every cell against its column, every row against the others; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openpyxl.utils import get_column_letter

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid

from . import parsing
from .declare import ImportColumn, Importer, ImportRow, Problem
from .reading import Table, heading_text, read

Progress = Callable[[int], None]
PROBLEM_LIMIT = 20_000
REPORT_EVERY = 2_000


@dataclass
class Outcome:
    """What a dry run found. ``rows`` are the clean rows; they may be applied only when there are no problems."""

    total: int
    rows: list[ImportRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cut: bool = False
    columns: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems and self.total > 0

    @property
    def bad_rows(self) -> int:
        return len({problem.row for problem in self.problems if problem.row})


def titles_of(importer: Importer) -> set[str]:
    """Return every heading the importer understands."""
    further = importer.headings() if importer.headings is not None else ()
    return {title for column in importer.columns for title in (column.title, *column.aliases)} | set(further)


def load(importer: Importer, content: bytes, filename: str) -> Table:
    """Return the table of an uploaded file; raises Invalid when it has no rows or too many."""
    table = read(content, filename, sheet=importer.sheet, titles=titles_of(importer))
    if not table.rows:
        raise Invalid("文件中只有表头，没有数据行。", code="no_rows")
    if len(table.rows) > importer.row_limit:
        raise Invalid(
            f"文件有 {len(table.rows):,} 行，超过一次导入 {importer.row_limit:,} 行的上限，请拆分后分批导入。",
            code="too_many_rows",
        )
    return table


def dry_run(importer: Importer, table: Table, actor: Actor, progress: Progress = lambda done: None) -> Outcome:
    """Check everything and return what was found; database checks are the importer's own ``check``."""
    if importer.fitting is not None:
        importer = importer.fitting(importer, table.header)
    outcome = Outcome(total=len(table.rows), columns=table.header)
    places = _places(importer, table, outcome)
    if outcome.problems:
        return outcome
    _merged(importer, table, places, outcome)
    choices = {column.name: _choices(column, actor) for column in importer.columns if column.kind == "choice"}
    seen: dict[str, dict[Any, int]] = {column.name: {} for column in importer.columns if column.unique}
    patterns = {column.name: re.compile(column.pattern[0]) for column in importer.columns if column.pattern}
    for index, (number, cells) in enumerate(table.rows, 1):
        row, sound = ImportRow(number, {}), True
        for column in importer.columns:
            at = places.get(column.name)
            raw = cells[at] if at is not None and at < len(cells) else None
            try:
                row.values[column.name] = clean(column, raw, choices.get(column.name), actor, patterns.get(column.name))
            except ValueError as error:
                sound = False
                outcome.problems.append(Problem(number, column.title, parsing.text(raw)[:100], str(error)))
        for column in importer.columns if sound else ():
            message = column.validate(row.values[column.name], row.values) if column.validate else ""
            if message:
                sound = False
                outcome.problems.append(Problem(number, column.title, shown(row.values[column.name]), message))
        for name, known in seen.items():
            value = row.values.get(name)
            if value in (None, ""):
                continue
            if value in known:
                title = importer.column(name).title
                outcome.problems.append(Problem(number, title, shown(value), f"与第 {known[value]} 行重复"))
                sound = False
            known.setdefault(value, number)
        if sound:
            outcome.rows.append(row)
        if index % REPORT_EVERY == 0:
            progress(index)
        if len(outcome.problems) >= PROBLEM_LIMIT:
            outcome.cut = True
            return outcome
    if importer.check is not None and outcome.rows:
        for problem in importer.check(outcome.rows, actor):
            outcome.problems.append(_titled(importer, problem))
    if importer.remarks is not None and outcome.ok:
        outcome.warnings.extend(importer.remarks(outcome.rows, actor))
    outcome.problems.sort(key=lambda problem: problem.row)
    progress(len(table.rows))
    return outcome


def clean(
    column: ImportColumn, raw: Any, choices: Mapping[str, Any] | None, actor: Actor, pattern: re.Pattern[str] | None
) -> Any:
    """Return the value of one cell; raises ValueError with the rule it breaks."""
    plain = parsing.text(raw)
    if plain.upper() in ERRORS:
        raise ValueError("单元格是公式错误值，请改正公式或直接填写数值")
    if plain == "":
        if column.required:
            raise ValueError("必填")
        return column.default if column.default is not None else ("" if column.kind == "text" else None)
    if column.parser is not None:
        value = column.parser(raw if not isinstance(raw, str) else plain, actor)
    elif column.kind == "choice":
        assert choices is not None
        if plain not in choices:
            known = list(dict.fromkeys(key for key in choices if isinstance(key, str)))
            listed = "、".join(known[:8]) + ("等" if len(known) > 8 else "")
            raise ValueError(f"应为以下之一：{listed}")
        value = choices[plain]
    else:
        value = parsing.PARSERS[column.kind](raw)
    if isinstance(value, str):
        if "\x00" in value or any(ord(letter) < 32 and letter not in "\n\r\t" for letter in value):
            raise ValueError("含有不可见的控制字符")
        if len(value) > column.max_length:
            raise ValueError(f"不能超过 {column.max_length} 个字，现有 {len(value)} 个字")
    if column.minimum is not None and value < column.minimum:
        raise ValueError(f"不能小于 {shown(column.minimum)}")
    if column.maximum is not None and value > column.maximum:
        raise ValueError(f"不能大于 {shown(column.maximum)}")
    if pattern is not None and column.pattern is not None and not pattern.fullmatch(str(value)):
        raise ValueError(column.pattern[1])
    return value


ERRORS = frozenset(parsing.ERRORS)


def shown(value: Any) -> str:
    """Return a value as people read it."""
    return parsing.text(value)[:100]


def pairs_of(column: ImportColumn, actor: Actor) -> list[tuple[Any, str]]:
    """Return a choice column's (stored value, Chinese name) pairs for the actor."""
    found = column.choices(actor) if callable(column.choices) else column.choices or ()
    return [(key, str(title)) for key, title in (found.items() if isinstance(found, Mapping) else found)]


def _choices(column: ImportColumn, actor: Actor) -> dict[str, Any]:
    pairs = pairs_of(column, actor)
    names = {title: stored for stored, title in pairs}
    return names | {str(stored): stored for stored, _ in pairs if str(stored) not in names}


def _places(importer: Importer, table: Table, outcome: Outcome) -> dict[str, int]:
    """Return the position of each column in the file; missing and doubled headings become problems."""
    places: dict[str, int] = {}
    known: set[str] = set()
    for column in importer.columns:
        wanted = {heading_text(title) for title in (column.title, *column.aliases)}
        known |= wanted
        found = [at for at, title in enumerate(table.header) if title in wanted]
        if len(found) > 1:
            letters = "、".join(get_column_letter(at + 1) for at in found)
            outcome.problems.append(Problem(table.header_row, column.title, "", f"表头重复出现在 {letters} 列"))
        elif found:
            places[column.name] = found[0]
        elif column.required:
            outcome.problems.append(Problem(table.header_row, column.title, "", "缺少这一列，请使用下载的模板"))
    extra = [title for title in table.header if title and title not in known]
    if extra:
        outcome.warnings.append(f"以下列不在模板中，已忽略：{'、'.join(extra[:10])}{'等' if len(extra) > 10 else ''}")
    return places


def _merged(importer: Importer, table: Table, places: Mapping[str, int], outcome: Outcome) -> None:
    """Report merged cells in the columns read: only their first cell has a value, the others would be read as empty."""
    used = {at + 1: name for name, at in places.items()}
    for first_row, first, last_row, last in table.merged:
        for at in range(first, last + 1):
            if at in used:
                title = importer.column(used[at]).title
                area = f"{get_column_letter(first)}{first_row}:{get_column_letter(last)}{last_row}"
                row = max(first_row, table.header_row + 1)
                outcome.problems.append(Problem(row, title, area, "有合并单元格，请取消合并并逐行填写"))
                break


def _titled(importer: Importer, problem: Problem) -> Problem:
    try:
        title = importer.column(problem.column).title
    except KeyError:
        return problem
    return Problem(problem.row, title, problem.value, problem.message)
