"""节假日: a year at a glance, and the way to load the next one."""

from __future__ import annotations

from zhiguan.kit.pages import SIGNED_IN, ImportPage, MenuItem, ViewPage

from . import views
from .codes import YEAR_MANAGE
from .importers import YEAR_IMPORT

YEAR = ViewPage(
    code="calendar.year",
    path="calendar/",
    title="节假日",
    menu=MenuItem("base", order=20, icon="calendar"),
    permission=SIGNED_IN,
    view=views.year_view,
)
IMPORT = ImportPage(
    code="calendar.year",
    path="calendar/import/",
    title="装入年度安排",
    permission=YEAR_MANAGE,
    importer=YEAR_IMPORT,
    parent="calendar.year",
    help="每行一天：放假的日期（周末也可写明）和调休上班的日期。一个年份须在同一文件中写全，装入后取代该年原有安排。",
)
