"""The left menu and the breadcrumbs, from what pages and groups declare; only what the actor may open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.manifest import Line, MenuGroup

from .declare import DetailPage, ListPage, Page
from .links import targets


@dataclass
class Entry:
    """One line of the menu. ``badge`` is a count, or 0."""

    title: str
    url: str
    icon: str = ""
    active: bool = False
    badge: int = 0
    order: int = 0
    code: str = ""


@dataclass
class Group:
    """A group of the menu with its entries in order."""

    code: str
    title: str
    icon: str
    order: int
    items: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Crumb:
    """One step of the way to the page; the last one has no address."""

    title: str
    url: str = ""


def groups() -> dict[str, Line | MenuGroup]:
    """Return what menu entries can be grouped under: the lines and the declared groups."""
    known = registry.current()
    return {item.code: item for item in (*known.all(MenuGroup), *known.all(Line))}


@lru_cache
def address(url_name: str) -> str:
    """Return a page's address: sixty of them are in every menu, and none ever changes."""
    return reverse(url_name)


def menu(actor: Actor | None, path: str = "", way: Iterable[Page] = ()) -> list[Group]:
    """Return the menu as the actor sees it; active is the entry of the page one is on or of the nearest above it (``way``),
    without one the entry whose address ``path`` continues."""
    if actor is None:
        return []
    from zhiguan.kit.desk import waiting

    known, found, counts = groups(), {}, waiting(actor)
    best: Entry | None = None
    for each in registry.current().all(Page):
        if each.menu is None or not each.allows(actor) or (each.menu.when is not None and not each.menu.when(actor)):
            continue
        item, base = each.menu, known.get(each.menu.group)
        group = found.setdefault(
            item.group,
            Group(item.group, base.name if base else item.group, base.icon if base else "folder",
                  base.order if base else 999),
        )  # fmt: skip
        entry = Entry(each.menu_title, address(each.url_name), item.icon, badge=counts.get(item.badge, 0),
                      order=item.order, code=each.code)  # fmt: skip
        group.items.append(entry)
        if path.startswith(entry.url) and (best is None or len(entry.url) > len(best.url)):
            best = entry
    shown = {entry.code: entry for group in found.values() for entry in group.items}
    best = next((shown[above.code] for above in way if above.menu is not None and above.code in shown), best)
    if best is not None:
        best.active = True
    for group in found.values():
        group.items.sort(key=lambda entry: (entry.order, entry.title))
    return sorted(found.values(), key=lambda group: (group.order, group.code))


def parent_of(page: Page) -> Page | None:
    """Return the page above: the one it names, or the list with the longest code that its own code continues."""
    if page.parent:
        target = targets().get(page.parent)
        return target.page if target is not None else None
    best: Page | None = None
    for other in registry.current().all(ListPage):
        inside = page.code == other.code or page.code.startswith(other.code + ".")
        if other is not page and inside and (best is None or len(other.code) > len(best.code)):
            best = other
    return best


def upwards(page: Page | None) -> Iterator[Page]:
    """Yield the page and those above it."""
    seen: set[str] = set()
    while page is not None and page.url_name not in seen:
        seen.add(page.url_name)
        yield page
        page = parent_of(page)


def place(request: HttpRequest, page: Page, actor: Actor, *steps: tuple[str, str], row: Any = None) -> None:
    """Note on the request where it is: ``zg_page``, ``zg_way`` up from it, and ``zg_crumbs`` for the frame.

    The way leads over the menu group and the pages above; ``steps`` (title, address) are its end, by default the
    page's own title.
    """
    crumbs: list[Crumb] = []
    home = page.home(row, actor) if row is not None and isinstance(page, DetailPage) and page.home is not None else ""
    way = [page, *upwards(targets()[home].page)] if home else list(upwards(page))
    for above in way[1:]:
        if "<" not in above.path and above.allows(actor):
            crumbs.insert(0, Crumb(above.menu_title, reverse(above.url_name)))
    menued = next((each for each in way if each.menu is not None), way[-1])
    group_code = menued.menu.group if menued.menu is not None else page.code.split(".", 1)[0]
    group = groups().get(group_code)
    if group is not None:
        crumbs.insert(0, Crumb(group.name))
    for title, url in steps or ((page.title_for(row), ""),):
        crumbs.append(Crumb(title, url))
    request.zg_page, request.zg_way = page, way  # type: ignore[attr-defined]
    request.zg_crumbs = crumbs  # type: ignore[attr-defined]
