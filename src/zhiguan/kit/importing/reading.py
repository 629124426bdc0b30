"""Reading an uploaded table: xlsx, xls, ods or delimited text in any usual Chinese encoding, as one grid of values.

Formulas give the value Excel last stored; those that ended in an error give its name (in xlsx; the reading library
drops them, and an error taken for an empty cell would be a loss nobody sees). Nothing here knows what columns mean.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from openpyxl.utils import column_index_from_string
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from zhiguan.kit.errors import Invalid

MAX_BYTES = 30 * 2**20
MAX_UNPACKED = 600 * 2**20
MAX_COLUMNS = 200
ENCODINGS = ("utf-8-sig", "gb18030")
DELIMITERS = ",\t;|，"


@dataclass
class Table:
    """A grid as read. ``rows`` holds (row number as the program shows it, values), without rows that are all empty.

    ``merged`` are ranges of merged cells within the data, as (first row, first column, last row, last column), 1-based.
    """

    header: list[str]
    rows: list[tuple[int, list[Any]]]
    header_row: int = 1
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    sheet: str = ""


def read(content: bytes, filename: str, *, sheet: str = "", titles: set[str] | None = None) -> Table:
    """Return the table in an uploaded file.

    ``sheet`` is preferred among several; ``titles`` are the headings expected: the first of the top ten rows that holds
    any of them is the heading row. Raises Invalid with what to do when the file cannot be read.
    """
    if not content:
        raise Invalid("文件是空的，请重新选择。", code="empty_file")
    if len(content) > MAX_BYTES:
        raise Invalid(f"文件超过 {MAX_BYTES // 2**20} MB，请拆分后分批导入。", code="file_too_large")
    if content[:4] == b"PK\x03\x04" or content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _workbook(content, sheet, titles or set())
    if filename.lower().endswith((".xlsx", ".xls", ".xlsm", ".ods")):
        raise Invalid("文件内容不是有效的 Excel 工作簿，请用 Excel 或 WPS 重新保存后再导入。", code="not_a_workbook")
    return _text(content, titles or set())


def _workbook(content: bytes, wanted: str, titles: set[str]) -> Table:
    if content[:2] == b"PK":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                    raise Invalid("文件解压后过大，请拆分后分批导入。", code="file_too_large")
        except zipfile.BadZipFile as error:
            raise Invalid("文件已损坏，请用 Excel 或 WPS 重新保存后再导入。", code="not_a_workbook") from error
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if not names:
            raise Invalid("工作簿中没有工作表。", code="no_sheet")
        name = wanted if wanted in names else names[0]
        found = book.get_sheet_by_name(name)
        grid = found.to_python(skip_empty_area=False)
        if content[:2] == b"PK":
            for row, column, name_of_error in _error_cells(content, name):
                if row <= len(grid) and column <= len(grid[row - 1]):
                    grid[row - 1][column - 1] = name_of_error
        merged = [(a[0] + 1, a[1] + 1, b[0] + 1, b[1] + 1) for a, b in (found.merged_cell_ranges or [])]
    except PasswordError as error:
        raise Invalid("文件设有密码，请取消密码后再导入。", code="protected_file") from error
    except (CalamineError, ElementTree.ParseError, zipfile.BadZipFile, ValueError, OSError, LookupError) as error:
        raise Invalid("无法读取该工作簿，请用 Excel 或 WPS 另存为 .xlsx 后再导入。", code="not_a_workbook") from error
    table = _table([(number, row) for number, row in enumerate(grid, 1)], titles)
    table.sheet = name
    table.merged = [area for area in merged if area[2] > table.header_row]
    return table


_ERROR_CELL = re.compile(
    rb'<c\s[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*?\bt="e"[^>]*>(?:(?!</c>).)*?<v>([^<]*)</v>', re.S
)
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def _error_cells(content: bytes, sheet: str) -> Iterator[tuple[int, int, str]]:
    """Yield (row, column, error) of an xlsx sheet's cells whose formula ended in an error."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if "xl/workbook.xml" not in names or "xl/_rels/workbook.xml.rels" not in names:
            return
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 -- no external entities in expat
        wanted = next((item.get(_REL) for item in book.iter() if item.get("name") == sheet and item.get(_REL)), None)
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 -- as above
        target = next((link.get("Target", "") for link in links if link.get("Id") == wanted), "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if path not in names:
            return
        for letters, row, error in _ERROR_CELL.findall(archive.read(path)):
            yield int(row), column_index_from_string(letters.decode()), error.decode("ascii", "replace")


def _text(content: bytes, titles: set[str]) -> Table:
    text = decode(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: (first.count(mark), mark == ","))
    text = text.replace("\x00", "")
    try:
        rows = []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in reader:
            rows.append((len(rows) + 1, row))
    except csv.Error as error:
        raise Invalid(f"第 {reader.line_num} 行不是有效的 CSV 内容，请检查引号是否成对。", code="bad_csv") from error
    return _table(rows, titles)


def decode(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 (with mark) or GB 18030; raises Invalid for anything else."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    elif b"\x00" in content:  # no text in UTF-8 or GB 18030 holds one
        encodings = ("utf-16-le",)
    else:
        encodings = ENCODINGS
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("无法识别文件的文字编码，请另存为 .xlsx 或 UTF-8 编码的 CSV 后再导入。", code="bad_encoding")


def heading_text(value: Any) -> str:
    """Return a heading without the marks people add to it: stars, spaces, line breaks."""
    return "".join(str(value).split()).strip("*＊:：") if value is not None else ""


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _table(grid: list[tuple[int, list[Any]]], titles: set[str]) -> Table:
    filled = [(number, row) for number, row in grid if not all(_empty(value) for value in row)]
    if not filled:
        raise Invalid("文件中没有内容。", code="empty_file")
    wanted = {heading_text(title) for title in titles}
    at = 0
    if wanted:
        scores = [len(wanted & {heading_text(value) for value in row}) for _, row in filled[:10]]
        at = max(range(len(scores)), key=lambda index: (scores[index], -index))
    number, head = filled[at]
    if len(head) > MAX_COLUMNS and any(not _empty(value) for value in head[MAX_COLUMNS:]):
        raise Invalid(f"文件超过 {MAX_COLUMNS} 列，请使用下载的模板填写。", code="too_many_columns")
    return Table([heading_text(value) for value in head], filled[at + 1 :], header_row=number)
