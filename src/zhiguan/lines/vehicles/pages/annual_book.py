"""The year's report as a workbook: a sheet for the tables, one for the vehicles, one that says where the figures are from."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from ..models import AnnualReport
from ..queries import annual

FORMATS = {"money": "#,##0.00", "percent": "0.0%", "integer": "#,##0", "number": "#,##0.##",
           "change": "+0.0%;-0.0%;0.0%", "points": "+0.0%;-0.0%;0.0%"}  # fmt: skip
LINE = Side(style="thin", color="999999")
BOX = Border(left=LINE, right=LINE, top=LINE, bottom=LINE)
HEAD = PatternFill("solid", fgColor="E8EEF7")
WIDTH = 10
"""Columns of the widest table and its labels."""


def workbook(report: AnnualReport) -> io.BytesIO:
    """Return the workbook; a draft says on every sheet that it is one."""
    book = Workbook()
    _tables(book.active, report)
    _cars(book.create_sheet("单车统计"), report)
    _notes(book.create_sheet("编制说明"), report)
    target = io.BytesIO()
    book.save(target)
    target.seek(0)
    return target


def _title(sheet: Any, report: AnnualReport, width: int, name: str = "") -> None:
    last = get_column_letter(width)
    sheet.append([f"{report.year} 年度公务用车{name or '统计报表'}"])
    sheet.merge_cells(f"A1:{last}1")
    sheet["A1"].font, sheet["A1"].alignment = Font(bold=True, size=16), Alignment(horizontal="center")
    state = {
        "draft": "（未锁定，仅供核对）",
        "signed": "",
        "replaced": "（已被更正版替代）",
        "discarded": "（已作废）",
    }[report.state]
    sheet.append(
        [f"填报单位：{report.unit.name}    第 {report.edition} 版{state}    统计截至：{report.data['through']}"]
    )
    sheet.merge_cells(f"A2:{last}2")
    sheet.append([])


def _row(sheet: Any, values: Iterable[Any], kinds: Iterable[str], *, head: bool = False, bold: bool = False) -> None:
    sheet.append(list(values))
    for cell, kind in zip(sheet[sheet.max_row], kinds, strict=False):
        cell.border = BOX
        cell.font = Font(bold=head or bold)
        if head:
            cell.fill, cell.alignment = HEAD, Alignment(horizontal="center", vertical="center", wrap_text=True)
        elif isinstance(cell.value, str):
            cell.data_type = "s"
            cell.alignment = Alignment(horizontal="left")
        else:
            cell.number_format = FORMATS.get(kind, "General")


def _tables(sheet: Any, report: AnnualReport) -> None:
    sheet.title = "统计报表"
    _title(sheet, report, WIDTH)
    for number, table in enumerate(report.data["tables"], 1):
        sheet.append([f"表 {number}　{table['title']}"])
        sheet.cell(sheet.max_row, 1).font = Font(bold=True, size=12)
        kinds = [column["kind"] for column in table["columns"]]
        _row(sheet, ["项目", *(column["name"] for column in table["columns"])], ["text", *kinds], head=True)
        for row in table["rows"]:
            own = [annual.kind_of(row, column) for column in table["columns"]]
            _row(sheet, [row["label"], *("—" if value is None else value for value in row["cells"])], ["text", *own],
                 bold=row["key"] == "total")  # fmt: skip
        if table["note"]:
            sheet.append([f"注：{table['note']}"])
        sheet.append([])
    signed = timezone.localtime(report.signed_at).strftime("%Y-%m-%d") if report.signed_at else ""
    sheet.append([f"编制人：{report.drawn_by}", "", "", f"锁定人：{report.signed_by}", "", "", f"锁定日期：{signed}"])
    sheet.column_dimensions["A"].width = 30
    for place in range(2, WIDTH + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 15
    _paper(sheet)


def _cars(sheet: Any, report: AnnualReport) -> None:
    _title(sheet, report, len(annual.CAR_COLUMNS), "单车统计表")
    kinds = [kind for _, kind in annual.CAR_COLUMNS]
    _row(sheet, [name for name, _ in annual.CAR_COLUMNS], kinds, head=True)
    for car in report.data["cars"]:
        _row(sheet, ["—" if value is None else value for value in car], kinds)
    sheet.freeze_panes = "B5"
    sheet.print_title_rows = "4:4"
    for place in range(1, len(kinds) + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 24 if place in (2, 3) else 14
    _paper(sheet)


def _notes(sheet: Any, report: AnnualReport) -> None:
    _title(sheet, report, 1, "统计报表编制说明")
    drawn = timezone.localtime(report.drawn_at).strftime("%Y-%m-%d %H:%M")
    lines = [f"{number}. {note}" for number, note in enumerate(report.data["notes"], 1)]
    lines += ["", f"汇总时间：{drawn}，编制人：{report.drawn_by}"]
    if report.corrects is not None:
        lines += ["", f"本版更正第 {report.corrects.edition} 版，原因：{report.correction}", "更正的数字："]
        lines += [
            f"{each['table']}·{each['row']}·{each['column']}：{_plain(each['before'])} → {_plain(each['after'])}"
            for each in annual.difference(report.corrects.data, report.data)
        ]
    for line in lines:
        sheet.append([line])
        sheet.cell(sheet.max_row, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.cell(sheet.max_row, 1).data_type = "s"
    sheet.column_dimensions["A"].width = 110
    _paper(sheet)


def _plain(value: Any) -> str:
    return "无" if value is None else str(value)


def _paper(sheet: Any) -> None:
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
