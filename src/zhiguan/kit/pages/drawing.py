"""HTML of values and table rows. Built as text: a template per cell would cost more than the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .columns import Cell, Column
from .links import Link

TONES = {
    "green": "success", "lime": "success", "teal": "success", "success": "success",
    "yellow": "warning", "orange": "warning", "warning": "warning",
    "red": "danger", "danger": "danger", "pink": "danger",
    "blue": "info", "azure": "info", "cyan": "info", "indigo": "info", "purple": "info", "info": "info",
    "primary": "primary",
}  # fmt: skip
"""Colours a badge may be given, by the tone of the shell's state words they are drawn with."""

LONG = 40


SHORT = 10
"""Texts up to this length stay on one line in tables."""


def tone(colour: str) -> str:
    """Return the state word's tone for a colour; empty for the neutral one."""
    return TONES.get(colour, "")


def value_html(cell: Cell, *, full: bool = False) -> SafeString:
    """Return one value as HTML; ``full`` keeps long texts and their lines whole."""
    if cell.text == "":
        return mark_safe('<span class="text-secondary" aria-label="无">—</span>')
    text = escape(cell.text)
    if cell.kind == "badge":
        found = tone(cell.colour)
        html = f'<span class="zg-state{f" zg-state-{found}" if found else ""}">{text}</span>'
    elif cell.kind == "code":
        html = f'<span class="font-monospace">{text}</span>'
    elif not full and (cell.kind == "long" or len(cell.text) > LONG) and not cell.numeric:
        html = f'<span class="d-inline-block text-truncate zg-long" title="{text}">{text}</span>'
    elif full and "\n" in cell.text:
        html = text.replace("\n", "<br>")
    else:
        html = str(text)
    if cell.url:
        html = f'<a href="{escape(cell.url)}">{html}</a>'
    return mark_safe(html)  # noqa: S308 -- every part above is escaped or our own


def cell_class(column: Column, cell: Cell | None = None) -> str:
    """Return the classes of a table cell or heading of the column."""
    if (cell is not None and cell.numeric) or (
        cell is None and column.kind in ("integer", "number", "money", "percent")
    ):
        return "num nowrap"
    kind = cell.kind if cell is not None else column.kind
    # Chinese breaks anywhere: left to itself, a crowded table stands short words on end.
    short = cell is not None and len(cell.text) <= SHORT
    return "nowrap" if short or kind in ("badge", "date", "datetime", "code", "bool") else ""


def rows_html(
    rows: Sequence[Any],
    columns: Sequence[Column],
    *,
    address: Callable[[Any], str] | None = None,
    links: Callable[[Any], list[Link]] | None = None,
    checks: bool = False,
    paper: bool = False,
) -> SafeString:
    """Return the ``<tr>`` elements of a table.

    ``address(pk)`` is where a row leads: its linked column, or the first when none is, becomes the link. On the phone
    the shell stacks the cells by their ``data-label``. ``paper`` keeps long texts whole.
    """
    drawn: list[str] = []
    titled = next((column.name for column in columns if column.link is True), columns[0].name if columns else "")
    for row in rows:
        url = address(row.pk) if address is not None else ""
        parts: list[str] = []
        name = ""
        for column in columns:
            cell = column.cell(row)
            if url and column.name == titled and not cell.url:
                cell = Cell(cell.column, cell.raw, cell.text or "查看", cell.kind, cell.colour, url)
            css = cell_class(column, cell)
            if column.name == titled:
                css, name = f"{css} zg-stack-title".strip(), cell.text
            parts.append(
                f'<td{f" class={chr(34)}{css}{chr(34)}" if css else ""} data-label="{escape(column.title)}">'
                f"{value_html(cell, full=paper)}</td>"
            )
        check = (
            f'<td class="zg-check"><input type="checkbox" class="form-check-input" name="pk" value="{row.pk}" '
            f'data-check aria-label="选择{escape(name)}"></td>'
            if checks
            else ""
        )
        acts = ""
        if links is not None:
            found = "".join(f'<a href="{escape(link.url)}">{escape(link.title)}</a>' for link in links(row))
            acts = f'<td class="nowrap zg-row-acts"><span class="zg-row-links">{found}</span></td>'
        drawn.append(
            f"<tr{f' data-href={chr(34)}{escape(url)}{chr(34)}' if url else ''}>{check}{''.join(parts)}{acts}</tr>"
        )
    return mark_safe("".join(drawn))  # noqa: S308 -- as above
