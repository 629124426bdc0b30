"""Workbooks the import hands out: the template to fill in, and the report with every bad cell marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from zhiguan.kit.actor import Actor

from .checking import pairs_of
from .declare import ImportColumn, Importer, Problem
from .reading import Table, heading_text

HEAD = PatternFill("solid", fgColor="DCE6F4")
MUST = PatternFill("solid", fgColor="FBE3D6")
BAD = PatternFill("solid", fgColor="FFD6D6")
LINE = Border(*(Side(style="thin", color="B8C2D0"),) * 4)
FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm", "money": "#,##0.00", "text": "@", "choice": "@",
           "percent": "0.0%"}  # fmt: skip
KIND_NAMES = {"text": "文字", "integer": "整数", "decimal": "数字", "money": "金额（元）", "percent": "百分比",
              "date": "日期，如 2026-03-01", "datetime": "日期时间，如 2026-03-01 08:30", "bool": "是 / 否",
              "choice": "从下拉中选"}  # fmt: skip
DATA_ROWS = 5_000


def template(importer: Importer, actor: Actor, title: str) -> bytes:
    """Return the template: headings (must-fill ones marked), drop-downs, one example row per note sheet."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = importer.sheet
    sheet.freeze_panes = "A2"
    lists = book.create_sheet("可选项")
    notes = book.create_sheet("填写说明")
    used = 0
    for number, column in enumerate(importer.columns, 1):
        letter = get_column_letter(number)
        head = sheet.cell(1, number, f"{column.title}*" if column.required else column.title)
        head.font, head.border = Font(bold=True), LINE
        head.fill = MUST if column.required else HEAD
        head.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        sheet.column_dimensions[letter].width = max(14, min(40, len(column.title) * 2 + 6))
        if column.help:
            head.comment = Comment(column.help, "智管", width=260, height=90)
        if column.kind in FORMATS:
            for row in range(2, 202):
                sheet.cell(row, number).number_format = FORMATS[column.kind]
        used = _drop_down(sheet, lists, column, actor, letter=letter, used=used)
    lists.sheet_state = "hidden" if used else "veryHidden"
    _notes(notes, importer, title)
    if not used:
        book.remove(lists)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _drop_down(sheet: Any, lists: Any, column: ImportColumn, actor: Actor, *, letter: str, used: int) -> int:
    if column.kind == "bool":
        options = ["是", "否"]
    elif column.kind == "choice":
        options = [title for _, title in pairs_of(column, actor)]
    else:
        return used
    if not options:
        return used
    used += 1
    where = get_column_letter(used)
    lists.cell(1, used, column.title)
    for row, option in enumerate(options, 2):
        lists.cell(row, used, option)
    rule = DataValidation("list", formula1=f"可选项!${where}$2:${where}${len(options) + 1}", allow_blank=True)
    rule.errorTitle, rule.error = "不在可选项中", f"请从下拉中选择“{column.title}”。"
    rule.showErrorMessage = True
    sheet.add_data_validation(rule)
    rule.add(f"{letter}2:{letter}{DATA_ROWS}")
    return used


def _notes(notes: Any, importer: Importer, title: str) -> None:
    lines = [
        f"{title}：在“{importer.sheet}”表中从第 2 行起填写，一行一条；标“*”的列必填；不要合并单元格、不要改表头。",
        f"一次最多 {importer.row_limit:,} 行。系统先逐格检查，全部合格后才能导入；有一处不合格则一条也不导入。",
        *importer.notes,
    ]
    for number, line in enumerate(lines, 1):
        notes.cell(number, 1, f"{number}. {line}").alignment = Alignment(wrap_text=True, vertical="top")
        notes.merge_cells(start_row=number, start_column=1, end_row=number, end_column=5)
        notes.row_dimensions[number].height = 32
    start = len(lines) + 2
    for at, name in enumerate(("列名", "是否必填", "填写格式", "示例", "说明"), 1):
        cell = notes.cell(start, at, name)
        cell.font, cell.fill, cell.border = Font(bold=True), HEAD, LINE
    for row, column in enumerate(importer.columns, start + 1):
        values = (
            column.title,
            "必填" if column.required else "选填",
            KIND_NAMES[column.kind],
            column.example,
            column.help,
        )
        for at, value in enumerate(values, 1):
            cell = notes.cell(row, at, value)
            cell.border, cell.alignment = LINE, Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDE", (18, 10, 26, 24, 50), strict=True):
        notes.column_dimensions[letter].width = width


def report(table: Table, problems: Sequence[Problem]) -> bytes:
    """Return the uploaded rows that are wrong, as a workbook: bad cells coloured with the rule as a comment.

    The first two columns give the row's number in the uploaded file and all its problems in words.
    """
    by_row: dict[int, list[Problem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(problem)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("错误报告")
    sheet.freeze_panes = "C2"
    for letter, width in (("A", 8), ("B", 50)):
        sheet.column_dimensions[letter].width = width
    for number in range(3, len(table.header) + 3):
        sheet.column_dimensions[get_column_letter(number)].width = 18
    head = []
    for title in ("原行号", "问题", *table.header):
        cell = WriteOnlyCell(sheet, value=title)
        cell.font, cell.fill = Font(bold=True), HEAD
        head.append(cell)
    sheet.append(head)
    for problem in by_row.pop(0, []) + by_row.pop(table.header_row, []):
        sheet.append(["表头", f"{problem.column}：{problem.message}"])
    places = {title: at for at, title in enumerate(table.header)}
    for number, cells in table.rows:
        found = by_row.get(number)
        if not found:
            continue
        marks: dict[int, str] = {}
        for problem in found:
            at = places.get(heading_text(problem.column))
            if at is not None:
                marks[at] = f"{marks[at]}\n{problem.message}" if at in marks else problem.message
        words = "；".join(f"{problem.column}：{problem.message}" for problem in found)
        line: list[Any] = [number, _plain(sheet, words)]
        for at in range(len(table.header)):
            cell = _plain(sheet, cells[at] if at < len(cells) else None)
            if at in marks:
                cell.fill = BAD
                cell.comment = Comment(marks[at], "智管", width=240, height=60)
            line.append(cell)
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(sheet: Any, value: Any) -> WriteOnlyCell:
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)[:32_767]
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell
