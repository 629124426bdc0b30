"""Addresses of every declared page. The composition root adds :func:`urlpatterns` once the registry is frozen."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor

from . import detailview, formview, importview, listview, searchview
from .declare import DetailPage, FormPage, ImportPage, ListPage, Page, ViewPage
from .guard import guarded
from .links import targets
from .menu import place


def _view_page(request: HttpRequest, page: ViewPage, actor: Actor, **values: Any) -> HttpResponseBase:
    place(request, page, actor)
    return page.view(request, **values, **page.context)


def patterns_of(page: Page) -> list[URLPattern]:
    """Return the addresses of one page."""
    if isinstance(page, ListPage):
        return [path(page.path, guarded(page, listview.view), name=page.url_name)]
    if isinstance(page, FormPage):
        return [path(page.path, guarded(page, formview.view), name=page.url_name)]
    if isinstance(page, ImportPage):
        return [path(page.path, guarded(page, importview.view), name=page.url_name)]
    if isinstance(page, ViewPage):
        return [path(page.path, guarded(page, _view_page, page.methods), name=page.url_name)]
    if isinstance(page, DetailPage):
        found = [path(page.path, guarded(page, detailview.view, ("GET",)), name=page.url_name)]
        for act in page.actions:
            handler = partial(detailview.act_view, act=act.code)
            found.append(path(f"{page.path}{act.code}/", guarded(page, handler), name=f"{page.code}.{act.code}"))
        return found
    raise TypeError(f"{type(page).__name__} {page.code!r}: the kit does not know how to answer for this type of page")


def urlpatterns() -> list[URLPattern]:
    """Return the addresses of all pages of the registry, fixed paths before ones with values, and /search."""
    targets()  # refuses two pages under one name
    pages = sorted(registry.current().all(Page), key=lambda page: ("<" in page.path, page.path))
    found = [pattern for page in pages for pattern in patterns_of(page)]
    return [*found, path("search", searchview.view, name="search")]
