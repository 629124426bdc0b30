"""Declared pages: a line says in ``pages.py`` what a page holds, the kit draws it, guards it and scopes it.

Every page asks for one permission. Rows come from ``rows(actor)``, are narrowed to the scope of that permission when
their model has the column ``scope_column`` and, below that, by PostgreSQL's row-level security.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from zhiguan.kit.actor import Actor
from zhiguan.kit.importing.declare import Importer
from zhiguan.kit.manifest import Declared

from .actions import BulkAction, EmptyState, MenuItem, PageAction, RowAction, VerbAction
from .columns import Column
from .filters import RESERVED, Filter

SIGNED_IN = "*"
"""The permission of pages that everybody who has signed in may open (my own to-dos, search)."""


def may(actor: Actor, permission: str) -> bool:
    """Tell whether the actor holds the permission at all."""
    return permission == SIGNED_IN or actor.can(permission)


NOTHING_YET = EmptyState()
Rows = Callable[[Actor], QuerySet]
Title = str | Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class Page(Declared):
    """What every page has. ``path`` is relative to the site's root, ends with a slash and is a Django route."""

    code: str
    path: str
    title: Title
    permission: str
    menu: MenuItem | None = None
    help: str = ""
    scope_column: str = "scope_pos"
    """Column of the unit's position; a model without it is scoped by row-level security alone."""
    scope_persons: tuple[str, ...] = ()
    """Fields with a person's key: that person's own rows are always within a personal scope."""
    parent: str = ""
    """URL name of the page above in the breadcrumbs; by default the list with the longest matching code."""

    suffix = ""

    def __post_init__(self) -> None:
        if not self.permission:
            raise ValueError(f"{type(self).__name__} {self.code!r}: a page without a permission would be open to all")
        if self.path.startswith("/") or (self.path and not self.path.endswith("/")):
            raise ValueError(f"{type(self).__name__} {self.code!r}: path {self.path!r} must look like 'line/subject/'")
        if self.menu is not None and "<" in self.path:
            raise ValueError(f"{type(self).__name__} {self.code!r}: a page about one row has no place in the menu")

    @property
    def url_name(self) -> str:
        """The name to reverse: the code and, for some types, a suffix."""
        return self.code + self.suffix

    @property
    def menu_title(self) -> str:
        if self.menu is not None and self.menu.title:
            return self.menu.title
        return self.title if isinstance(self.title, str) else self.code

    def title_for(self, row: Any = None) -> str:
        """Return the heading; a callable title is asked with the row."""
        return self.title if isinstance(self.title, str) else str(self.title(row))

    def allows(self, actor: Actor) -> bool:
        """Tell whether the actor may open the page at all."""
        return may(actor, self.permission)


@dataclass(frozen=True, kw_only=True)
class ListPage(Page):
    """台账列表. URL name: the code.

    ``search`` names the paths searched as one types: ``^path`` prefix, ``=path`` equal, ``path`` contains, ``~column``
    contains in an indexed column of few different values; or is
    ``callable(rows, text)`` returning rows. Large tables use ``^`` and ``=`` on indexed columns. ``default_sort``
    names ORM paths, ``-`` for descending; the key is added so that the order is total; asked for a period
    (``DateRangeFilter`` of an own column) the list is in that period's order, the latest first: large tables index the
    column. ``export_name`` empty means no export; ``export_permission`` defaults to the page's own. ``search_global`` lets
    /search look here too.
    ``detail`` is the URL name of the rows' page (default: code + ``.detail`` when declared).
    """

    rows: Rows
    columns: tuple[Column, ...]
    search: tuple[str, ...] | Callable[[QuerySet, str], QuerySet] = ()
    search_hint: str = ""
    filters: tuple[Filter, ...] = ()
    default_sort: str | tuple[str, ...] = "-pk"
    row_actions: tuple[RowAction, ...] = ()
    bulk_actions: tuple[BulkAction, ...] = ()
    page_actions: tuple[PageAction, ...] = ()
    views: tuple[tuple[str, str], ...] = ()
    """Ready-made views as tabs over the list: (title, query string), e.g. ``(("待办", "state=open"),)``."""
    export_name: str = ""
    export_permission: str = ""
    export_limit: int = 100_000
    empty: EmptyState = NOTHING_YET
    detail: str = ""
    page_size: int = 20
    count_cap: int = 10_000
    search_global: bool = False
    note: str = ""
    """A sentence above the table, e.g. where the figures come from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [column.name for column in self.columns]
        parameters = [name for item in self.filters for name in item.parameters]
        for values, what in ((names, "column"), (parameters, "filter"), ([a.code for a in self.bulk_actions], "act")):
            double = {value for value in values if values.count(value) > 1}
            if double:
                raise ValueError(f"ListPage {self.code!r}: {what} {', '.join(sorted(double))} twice")
        if RESERVED & set(parameters):
            raise ValueError(f"ListPage {self.code!r}: a filter uses one of the list's own parameters")

    @property
    def searchable(self) -> bool:
        """Whether the list has a search box; a template would call ``search`` itself where it is a function."""
        return bool(self.search)

    @property
    def sort(self) -> tuple[str, ...]:
        return (self.default_sort,) if isinstance(self.default_sort, str) else tuple(self.default_sort)


@dataclass(frozen=True)
class Panel:
    """A card of labelled values on a detail page."""

    title: str
    fields: tuple[Column, ...] = ()
    tab: str = "基本信息"
    permission: str = ""
    when: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class RelatedList:
    """Rows that belong to the shown row. ``rows(obj, actor)``; ``more`` is the address of the full list."""

    title: str
    rows: Callable[[Any, Actor], Any]
    columns: tuple[Column, ...]
    tab: str = ""
    permission: str = ""
    link: str = ""
    """URL name of the related rows' page."""
    more: Callable[[Any], str] | None = None
    empty: str = "暂无记录"
    limit: int = 50


@dataclass(frozen=True)
class Custom:
    """A template of the line's own. ``context(obj, actor, request)`` returns what it is drawn with."""

    template: str
    context: Callable[[Any, Actor, HttpRequest], Mapping[str, Any]] | None = None
    title: str = ""
    tab: str = "基本信息"
    permission: str = ""
    when: Callable[[Any], bool] | None = None


Block = Panel | RelatedList | Custom


@dataclass(frozen=True)
class Change:
    """One field's change within a history entry, as text."""

    field: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class HistoryEntry:
    """One event in the story of a row, for people to read."""

    at: datetime
    title: str
    actor: str = ""
    reason: str = ""
    changes: Sequence[Change] = ()
    url: str = ""
    colour: str = "blue"


History = Callable[[Any, Actor], Iterable[HistoryEntry]]


@dataclass(frozen=True, kw_only=True)
class DetailPage(Page):
    """详情. URL name: code + ``.detail``; each act's: code + ``.`` + the act's code. ``path`` holds ``<int:pk>``.

    ``badge`` is drawn beside the heading, ``subtitle(obj)`` under it. ``version(obj)`` is what an act's form is checked
    against (default: ``obj.version``). ``home(obj, actor)`` is the URL name of the list a row is shown under, where that
    depends on who looks.
    """

    rows: Rows
    panels: tuple[Block, ...]
    actions: tuple[VerbAction, ...] = ()
    page_actions: tuple[PageAction, ...] = ()
    history: History | None = None
    history_title: str = "变动记录"
    print: bool = False
    badge: Column | None = None
    subtitle: Callable[[Any], str] | None = None
    version: Callable[[Any], Any] | None = None
    home: Callable[[Any, Actor], str] | None = None

    suffix = ".detail"

    def __post_init__(self) -> None:
        super().__post_init__()
        if "<int:pk>" not in self.path:
            raise ValueError(f"DetailPage {self.code!r}: path {self.path!r} must hold <int:pk>")


@dataclass(frozen=True)
class Section:
    """A group of a form's fields under one heading."""

    title: str
    fields: tuple[str, ...]
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class FormPage(Page):
    """填报. URL name: the code.

    ``form`` derives from :class:`zhiguan.kit.pages.forms.PageForm`. ``rows`` gives the row to edit when the path holds
    ``<int:pk>`` (or ``load(actor, **path_values)``, raising NotFound); without either the form makes something new.
    ``initial(actor, obj, query)`` fills it (default: the row's attributes of the same names).
    ``verb(actor, obj, values)`` does the work and returns the row; ``success(row, actor)`` the address afterwards.
    """

    form: type
    verb: Callable[[Actor, Any, dict[str, Any]], Any]
    rows: Rows | None = None
    load: Callable[..., Any] | None = None
    initial: Callable[[Actor, Any, Mapping[str, Any]], Mapping[str, Any]] | None = None
    success: Callable[[Any, Actor], str] | None = None
    sections: tuple[Section, ...] = ()
    submit: str = "保存"
    done: str = "已保存"
    version: Callable[[Any], Any] | None = None
    history: History | None = None


@dataclass(frozen=True, kw_only=True)
class ImportPage(Page):
    """批量导入. URL name: code + ``.import``. ``back`` is the URL name of the list to return to (default: the code)."""

    importer: Importer
    back: str = ""

    suffix = ".import"


@dataclass(frozen=True, kw_only=True)
class ViewPage(Page):
    """A page the kit cannot draw (map, cockpit, calendar): ``view(request, **path_values)`` answers.

    The kit still checks the permission, acts as the actor and sets menu and breadcrumbs.
    """

    view: Callable[..., HttpResponseBase]
    methods: tuple[str, ...] = ("GET",)
    context: Mapping[str, Any] = field(default_factory=dict)
