"""Every list page is under the inherited tests, the query count with one row and with three among them."""

from __future__ import annotations

from importlib import import_module

from zhiguan.kit import registry
from zhiguan.kit.desk import Todo
from zhiguan.kit.pages import DetailPage, FormPage, ImportPage, ListPage, conformance
from zhiguan.kit.pages.declare import Page

from .laws import SOURCE, judge

SUITES = {
    ListPage: conformance.ListPageConformance,
    DetailPage: conformance.DetailPageConformance,
    FormPage: conformance.FormPageConformance,
    ImportPage: conformance.ImportPageConformance,
}


def covered(suite: type) -> set[str]:
    """Return the URL names of the pages that have a subclass of the suite."""
    found, waiting = set(), [suite]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if page := getattr(kind, "page", None):
            found.add(page.url_name)
    return found


def test_every_page_inherits_the_tests_of_its_kind() -> None:
    for package in {registry.current().owner(page) for kind in SUITES for page in registry.current().all(kind)}:
        for path in SOURCE.joinpath(*package.split(".")[1:], "tests").glob("test_*.py"):
            if "PageConformance" in path.read_text():
                import_module(f"{package}.tests.{path.stem}")
    faults = {}
    for kind, suite in SUITES.items():
        known = covered(suite)
        for page in registry.current().all(kind):
            if page.url_name not in known:
                owner = registry.current().owner(page)
                faults[page.url_name] = f"no {suite.__name__} in {owner}.tests"
    judge("pages-are-tested", faults, "Subclass it, set page and give a Case: see kit/pages/README.md.")


def test_counts_in_the_menu_are_work_that_waits_and_open_on_the_page_beside_them() -> None:
    todos = {todo.code: todo for todo in registry.current().all(Todo)}
    for page in registry.current().all(Page):
        if page.menu is not None and page.menu.badge:
            assert todos[page.menu.badge].page == page.url_name, page.code
