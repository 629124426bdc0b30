"""Export of exactly what a list shows: the same rows in the same order with the same columns, as a workbook or CSV."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from .columns import Column

CHUNK = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXCEL_TEXT_LIMIT = 32_767


def chunks(rows: QuerySet) -> Iterator[Any]:
    """Yield the rows in order, loaded in pieces: the order is fixed once, so that nothing is missed or doubled."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        found = {row.pk: row for row in rows.order_by().filter(pk__in=part)}
        yield from (found[key] for key in part if key in found)


def safe_text(text: str) -> str:
    """Return text that a spreadsheet opening a CSV file will not run as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write_csv(target: IO[bytes], rows: Iterable[Any], columns: Sequence[Column]) -> int:
    """Write UTF-8 with a byte order mark (Excel needs it for Chinese); return the number of rows."""
    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([heading(column) for column in columns])
    count = 0
    for row in rows:
        values = (column.export_value(row) for column in columns)
        writer.writerow([safe_text(value) if isinstance(value, str) else value for value in values])
        count += 1
    text.detach()
    return count


def write_xlsx(target: IO[bytes], rows: Iterable[Any], columns: Sequence[Column], title: str) -> int:
    """Write a workbook row by row; return the number of rows. Text is stored as text, never as a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title_for_sheet(title))
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = 20 if not column.wide else 40
    head = []
    for column in columns:
        cell = WriteOnlyCell(sheet, value=heading(column))
        cell.font, cell.alignment = Font(bold=True), Alignment(horizontal="center")
        cell.fill = PatternFill("solid", fgColor="E8EEF7")
        head.append(cell)
    sheet.append(head)
    count = 0
    for row in rows:
        sheet.append([excel_cell(sheet, column, column.export_value(row)) for column in columns])
        count += 1
    book.save(target)
    return count


def excel_cell(sheet: Any, column: Column, value: Any) -> WriteOnlyCell:
    """Return the cell of one value."""
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)[:EXCEL_TEXT_LIMIT]
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    elif column.kind == "money":
        cell.number_format = "#,##0.00"
    elif column.kind == "percent":
        cell.number_format = "0.0%"
    elif column.kind == "date" or (value is not None and type(value).__name__ == "date"):
        cell.number_format = "yyyy-mm-dd"
    elif type(value).__name__ == "datetime":
        cell.number_format = "yyyy-mm-dd hh:mm"
    return cell


def heading(column: Column) -> str:
    """Return the column's heading with the unit its bare numbers are in."""
    return f"{column.title}（{column.unit}）" if column.unit and column.unit not in column.title else column.title


def title_for_sheet(title: str) -> str:
    """Return a name Excel accepts for a sheet."""
    return "".join("-" if letter in "[]:*?/\\" else letter for letter in title)[:31] or "数据"


def stamp() -> str:
    """The moment as file names bear it."""
    return timezone.localtime().strftime("%Y%m%d-%H%M")


def file_response(rows: QuerySet, columns: Sequence[Column], name: str, kind: str) -> tuple[FileResponse, int]:
    """Return the download of a queryset's rows and their number."""
    return download(chunks(rows), columns, f"{name}-{stamp()}", kind, sheet=name)


def download(
    rows: Iterable[Any], columns: Sequence[Column], name: str, kind: str, *, sheet: str
) -> tuple[FileResponse, int]:
    """Return the file ``name.kind`` (csv or xlsx) of the rows, and their number.

    Written to a file first: the transaction ends before it is sent.
    """
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4 * 2**20)  # noqa: SIM115 -- the response closes it
    count = write_csv(target, rows, columns) if kind == "csv" else write_xlsx(target, rows, columns, sheet)
    target.seek(0)
    content = "text/csv; charset=utf-8" if kind == "csv" else XLSX
    return FileResponse(target, as_attachment=True, filename=f"{name}.{kind}", content_type=content), count
