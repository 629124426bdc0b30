"""Declared pages: list, detail, form, import. See README.md beside this file.

Lines import the names of this module in their ``pages.py``.
"""

from zhiguan.kit.importing.declare import ImportColumn, Importer, ImportRow, Problem

from .actions import BulkAction, EmptyState, MenuItem, PageAction, RowAction, VerbAction
from .columns import Badge, Bool, Column, Date, DateTime, Money, Number
from .declare import (
    SIGNED_IN,
    Change,
    Custom,
    DetailPage,
    FormPage,
    HistoryEntry,
    ImportPage,
    ListPage,
    Page,
    Panel,
    RelatedList,
    Section,
    ViewPage,
)
from .filters import BoolFilter, ChoiceFilter, DateRangeFilter, DayFilter, NumberRangeFilter, TextFilter, UnitFilter
from .forms import PageForm

__all__ = [
    "SIGNED_IN",
    "Badge",
    "Bool",
    "BoolFilter",
    "BulkAction",
    "Change",
    "ChoiceFilter",
    "Column",
    "Custom",
    "Date",
    "DateRangeFilter",
    "DateTime",
    "DayFilter",
    "DetailPage",
    "EmptyState",
    "FormPage",
    "HistoryEntry",
    "ImportColumn",
    "ImportPage",
    "ImportRow",
    "Importer",
    "ListPage",
    "MenuItem",
    "Money",
    "Number",
    "NumberRangeFilter",
    "Page",
    "PageAction",
    "PageForm",
    "Panel",
    "Problem",
    "RelatedList",
    "RowAction",
    "Section",
    "TextFilter",
    "UnitFilter",
    "VerbAction",
    "ViewPage",
]
