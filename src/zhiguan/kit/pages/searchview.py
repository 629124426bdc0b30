"""Global search: every list declared with ``search_global`` answers with its best rows, within the actor's scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor

from .declare import ListPage
from .guard import working
from .links import detail_name, row_address
from .listing import Listing
from .menu import Crumb
from .searching import clean_text

PER_PAGE = 5


@dataclass(frozen=True)
class Hit:
    """One row found: its heading, what else it says, and its address."""

    title: str
    subtitle: str
    url: str


@dataclass
class Found:
    """The hits of one list; ``more_url`` leads to all of them."""

    page: ListPage
    hits: list[Hit] = field(default_factory=list)
    more_url: str = ""
    more: bool = False


def search(actor: Actor, text: str, per_page: int = PER_PAGE) -> list[Found]:
    """Return the hits by list, at most ``per_page`` each; lists the actor may not open are not asked."""
    from django.http import QueryDict

    text = clean_text(text)
    if not text:
        return []
    found = []
    for page in sorted(registry.current().all(ListPage), key=_rank):
        if not page.search_global or not page.search or not page.allows(actor):
            continue
        query = QueryDict(mutable=True)
        query["q"] = text
        listing = Listing(page, actor, query)
        rows = list(listing.rows[: per_page + 1])
        if not rows:
            continue
        name = detail_name(page)
        base = reverse(page.url_name)
        address = row_address(name) if name else None
        entry = Found(page, more_url=f"{base}?{query.urlencode()}", more=len(rows) > per_page)
        for row in rows[:per_page]:
            cells = [column.cell(row) for column in listing.columns]
            titled = next((cell for cell in cells if cell.column.link is True), cells[0])
            rest = [cell.text for cell in cells if cell is not titled and cell.text][:4]
            url = address(row.pk) if address is not None else entry.more_url
            entry.hits.append(Hit(titled.text or str(row), " · ".join(rest), url))
        found.append(entry)
    return found


def _rank(page: ListPage) -> tuple[Any, ...]:
    return (page.menu is None, page.menu.order if page.menu is not None else 0, page.code)


def view(request: HttpRequest) -> HttpResponseBase:
    """Answer /search as a page, or to the search box as it is typed in as JSON (``items``)."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return redirect_to_login(request.get_full_path())
    text = clean_text(request.GET.get("q", ""))
    with working(actor):
        found = search(actor, text)
        if "application/json" in request.headers.get("Accept", ""):
            items = [
                {"title": hit.title, "subtitle": hit.subtitle, "group": entry.page.menu_title, "url": hit.url}
                for entry in found
                for hit in entry.hits
            ]
            return JsonResponse({"items": items}, json_dumps_params={"ensure_ascii": False})
        request.zg_crumbs = [Crumb("搜索")]  # type: ignore[attr-defined]
        return render(request, "kit/search.html", {"text": text, "found": found})
