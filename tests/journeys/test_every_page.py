"""Every page that a menu leads to, for every role: sound, accessible, light, and fit for a phone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.journeys.conftest import DESK, PHONE

ROLES = (
    "manager", "fleet", "approver", "staff", "driver", "inspector", "leader", "system", "security", "audit",
)  # fmt: skip
WEIGHT = 300_000
"""Bytes over the wire of a page without a map, its scripts, styles and charts included."""
MAPS = "[data-island^=map], [data-island^=fence]"
SETTLED = """() => [...document.querySelectorAll('[data-island]')].every(e => e.dataset.mounted === 'done')"""
WEIGHED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter(e => !e.name.includes('/live/')).reduce((sum, e) => sum + e.encodedBodySize, 0)"""
AXE = """async preload => {
    const options = {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'], preload};
    const found = await axe.run(options);
    return found.violations.map(e => `${e.id}: ${JSON.stringify(e.nodes.slice(0, 3).map(node => node.target))}`);
}"""
FITS = "width => innerWidth === width && document.documentElement.scrollWidth <= document.documentElement.clientWidth"
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1);
    return `${document.documentElement.scrollWidth} of ${width} px: ` +
        wide.slice(0, 4).map(e => `${e.tagName}.${e.className}`).join(', ');
}"""
LAYOUT_MS = 2_000
"""Time the page has to take a phone's width."""


def look_at(page: Any, path: str) -> list[str]:
    """Open a page, look at it on a desk and on a phone; return what is wrong with it."""
    from playwright.sync_api import Error as DriverError

    try:
        answer = page.goto(path, wait_until="load")
    except DriverError as error:
        if "Download is starting" in str(error):
            return page.seen.take()
        raise
    if answer.status != 200:
        page.seen.take()
        return [f"status {answer.status}"]
    page.wait_for_function(SETTLED)
    found = []
    if (count := page.locator("h1").count()) != 1:
        found.append(f"{count} h1")
    if not page.title():
        found.append("no title")
    if not page.locator(MAPS).count():
        weight = page.evaluate(WEIGHED)
        if not 1_000 < weight < WEIGHT:
            found.append(f"{weight} bytes")
    # It stays as wide as the page before it was left, so that pages are loaded at either width and resized once.
    looks = (on_a_desk, on_a_phone) if page.viewport_size == DESK else (on_a_phone, on_a_desk)
    for look in looks:
        found += look(page)
    return found + page.seen.take()


def on_a_desk(page: Any) -> list[str]:
    """Return what the page has against the rules of accessibility."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.set_viewport_size(DESK)
    page.wait_for_function("width => innerWidth === width", arg=DESK["width"])
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(AXE, urlsplit(page.url).path == "/")  # style sheets are the same on every page: read once


def on_a_phone(page: Any) -> list[str]:
    """Return what does not fit a phone's width."""
    from playwright.sync_api import TimeoutError as TooLong

    page.set_viewport_size(PHONE)
    try:
        page.wait_for_function(FITS, arg=PHONE["width"], timeout=LAYOUT_MS)
    except TooLong:
        return [f"too wide for a phone: {page.evaluate(TOO_WIDE)}"]
    return []


def links(page: Any, selector: str) -> list[str]:
    """Return the addresses on this host that the links lead to, without queries."""
    found = page.eval_on_selector_all(selector, "all => all.map(a => a.href || a.dataset.href)")
    return list(dict.fromkeys(urlsplit(each).path for each in found if each))


@pytest.fixture(scope="module")
def looked_at() -> set[str]:
    """Paths already looked at: a page of many roles is looked at once, and only opened for the others."""
    return set()


@pytest.mark.parametrize("role", ROLES)
def test_menu_of(role, open_as, looked_at):
    page = open_as(role)
    wrong = {}
    if found := look_at(page, "/"):
        wrong["/"] = found
    menu = links(page, ".zg-nav-link")
    assert menu, f"{page.url}: {page.title()}"
    for path in menu:
        if path in looked_at:
            answer = page.request.get(path)
            body = answer.text()
            if answer.status != 200 or (body.count("<h1") != 1 and "data-island" not in body):
                wrong[path] = [f"status {answer.status}, {body.count('<h1')} h1"]
            continue
        looked_at.add(path)
        if found := look_at(page, path):
            wrong[path] = found
        # one row's page, and what the page's head offers
        for further in [*links(page, "tbody tr[data-href]")[:1], *links(page, "tbody th a, tbody td a")[:1],
                        *links(page, ".zg-head-actions a")]:  # fmt: skip
            kind = "".join("#" if each.isdigit() else each for each in further.split("/"))
            if kind not in looked_at and not further.startswith(("/static/", "/api/openapi")):
                looked_at.add(kind)
                if found := look_at(page, further):
                    wrong[further] = found
    assert not wrong, "\n".join(f"{path}: {'; '.join(found)}" for path, found in wrong.items())


@pytest.mark.parametrize("path", ["/accounts/login/"])
def test_pages_before_sign_in(path, open_as):
    assert look_at(open_as(None), path) == []


def test_the_map_is_live(open_as, product):
    page = open_as("manager")
    page.goto("/vehicles/live/")
    page.wait_for_selector(".zg-map-status[data-state=live], .zg-map-status:has-text('实时')")
    located = len(product.rows("SELECT 1 FROM telemetry_latest WHERE fix_at IS NOT NULL"))
    assert located > 5
    page.wait_for_function("count => document.querySelectorAll('.zg-map-list li').length === count", arg=located)
    assert page.seen.take() == []
