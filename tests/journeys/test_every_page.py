"""Every page that a menu leads to, for every role: sound, accessible, light, and fit for a phone."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.journeys.conftest import DESK, PHONE

ROLES = (
    "manager", "fleet", "approver", "staff", "driver", "inspector", "leader", "system", "security", "audit",
)  # fmt: skip
WEIGHT = 300_000
"""Bytes over the wire of a page without a map or a chart, its scripts and styles included."""
HEAVY = ", ".join(f"[data-island{each}]" for each in ("^=map", "^=fence", "=cockpit", "=chart")) + ", [data-chart], [data-chart-src]"
SETTLED = """() => [...document.querySelectorAll('[data-island]')].every(e => e.dataset.mounted === 'done')"""
WEIGHED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter(e => !e.name.includes('/live/')).reduce((sum, e) => sum + e.encodedBodySize, 0)"""
OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return '';
    const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1);
    return `${document.documentElement.scrollWidth} of ${width} px: ` +
        wide.slice(0, 4).map(e => `${e.tagName}.${e.className}`).join(', ');
}"""
LAYOUT_S = 2.0
"""Time the page has to take its new width."""


def look_at(page: Any, path: str) -> list[str]:
    """Open a page on a desk and on a phone; return what is wrong with it."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Error as DriverError

    page.set_viewport_size(DESK)
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
    if not page.locator(HEAVY).count():
        weight = page.evaluate(WEIGHED)
        if not 1_000 < weight < WEIGHT:
            found.append(f"{weight} bytes")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
    for problem in Axe().run(page, options=options).response["violations"]:
        found.append(f"{problem['id']}: {[node['target'] for node in problem['nodes']][:3]}")
    page.set_viewport_size(PHONE)
    deadline = time.monotonic() + LAYOUT_S
    while (wide := page.evaluate(OVERFLOW)) and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    if wide:
        found.append(f"too wide for a phone: {wide}")
    return found + page.seen.take()


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
    page.set_viewport_size(DESK)
    menu = links(page, ".zg-nav-link")
    assert menu
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
